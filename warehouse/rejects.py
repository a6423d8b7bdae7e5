"""The ledger's rejects: what can be asked of them, and what became of those that were read again.

Which files a retry reads is decided in `warehouse.plan`; how a record is rejected belongs to `etl`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass

from etl.contract import REJECTS, SOURCES
from etl.errors import SetupFault
from warehouse.connection import connect
from warehouse.faults import storage_faults
from warehouse.home import Home
from warehouse.manifest import Manifest, read_table, require_current
from warehouse.plan import check_reasons

REJECT_COLUMNS = ("source", "path", "record_key", "reason", "first_seen", "message")

_WANTED = "FROM rejects WHERE ($1 IS NULL OR reason = $1) AND ($2 IS NULL OR source = $2)"


@dataclass(frozen=True)
class Listing:
    """Current rejects.

    Attributes:
        counts: how many there are of each reason, the most frequent first.
        rows: the first of them in the order of source and path, as REJECT_COLUMNS.
    """

    counts: dict[str, int]
    rows: list[tuple[object, ...]]

    @property
    def total(self) -> int:
        """How many there are in all."""
        return sum(self.counts.values())


def list_rejects(home: Home, reason: str | None = None, source: str | None = None, limit: int | None = None) -> Listing:
    """The current rejects of the published version.

    Args:
        home: an existing home.
        reason: only those of this reason.
        source: only those of this source.
        limit: how many rows; all by default.

    Raises:
        SetupFault: nothing has been published, or there is no such reason or source.
    """
    if reason is not None:
        check_reasons([reason])
    published = require_current(home)
    names = read_table(home, published, SOURCES, ["source"]).column("source").to_pylist()
    if source is not None and source not in names:
        raise SetupFault(f"No source is named {source!r}; sources are {', '.join(names)}")
    with storage_faults(home), connect(home.folder) as connection:
        counts = connection.execute(
            f"SELECT reason, count(*) AS n {_WANTED} GROUP BY reason ORDER BY n DESC, reason", [reason, source]
        ).fetchall()
        rows = connection.execute(
            f"SELECT {', '.join(REJECT_COLUMNS)} {_WANTED} ORDER BY source, path, record_key LIMIT $3",
            [reason, source, limit],
        ).fetchall()
    return Listing(dict(counts), rows)


@dataclass(frozen=True)
class Retried:
    """What became of rejects whose files were read again.

    Attributes:
        mended: how many are rejects no more.
        remaining: how many are rejects still, or anew, by reason.
    """

    mended: int
    remaining: dict[str, int]


def outcome_of_retry(home: Home, read: Set[tuple[str, str]], former: Manifest | None, published: Manifest) -> Retried:
    """Compare the rejects of the files that a retry has read, before and after.

    Args:
        home: whose.
        read: those files, as (source, path).
        former: the version from before.
        published: what it has published.
    """

    def rejects(manifest: Manifest | None) -> dict[tuple[str, str, str], str]:
        rows = read_table(home, manifest, REJECTS, ["source", "path", "record_key", "reason"]).to_pylist()
        return {
            (row["source"], row["path"], row["record_key"]): row["reason"]
            for row in rows
            if (row["source"], row["path"]) in read
        }

    before, after = rejects(former), rejects(published)
    return Retried(len(before.keys() - after.keys()), dict(sorted(Counter(after.values()).items())))
