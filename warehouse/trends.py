"""What a run brought compared with each source's own history: shares that drop, agencies that nobody knows.

These are warnings. What an archive ought to hold is not known, but how it used to come out is: a share that drops
where the source has not changed is a parser or an extractor that has. What must hold before a publish is in
`warehouse.checks`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from etl.contract import DOCUMENTS, REJECTS
from warehouse.home import Home
from warehouse.manifest import Manifest, locations
from warehouse.scan import scan

SURE_LANGUAGE = 0.8
"""Language confidence from which a language counts as sure: below, a fifth of the text is of another."""

SHARES = {
    "share_dated": ("dated", "content_created IS NOT NULL"),
    "share_placed": ("placed", "place_id IS NOT NULL"),
    "share_with_agency": ("with an agency", "agency_id IS NOT NULL"),
    "share_language_sure": ("of a sure language", f"coalesce(language_confidence >= {SURE_LANGUAGE}, false)"),
}
"""The shares of documents that are watched: check name, what to call it, and the condition on `documents`."""

MINIMUM_NEW = 20
"""New records of a source from which a share says something."""

MINIMUM_HISTORY = 50
"""Known records of a source from which it has a history to compare with."""

TOLERANCE = 0.1
"""A share may be lower by this much without a word: news of one day is not that of another."""

SIGMAS = 3.0
"""And by so many standard errors of a share of so few documents."""

REJECTS_LIMIT = 0.2
"""Share of rejects that is odd for a source without a history: a pattern that takes in other files, perhaps."""

EXAMPLES = 5
"""Names and sources that a message lists before it says how many more there are."""


@dataclass(frozen=True)
class Trend:
    """What one comparison found.

    Attributes:
        name: of the check.
        found: what is odd, one sentence each; empty if nothing is.
        value: the run's own figure: a share of 0 to 1, or a count; None if the run brought nothing to judge.
        title: what stands before what is found, if it does not speak for itself.
    """

    name: str
    found: tuple[str, ...]
    value: float | None
    title: str = ""

    @property
    def message(self) -> str:
        """What was found, in one line."""
        more = len(self.found) - EXAMPLES
        found = "; ".join((*self.found[:EXAMPLES], *([f"and {more} more"] if more > 0 else [])))
        return found and self.title + found


@dataclass(frozen=True)
class _Count:
    total: int
    having: int

    @property
    def share(self) -> float:
        return self.having / self.total if self.total else 0.0


def compare(
    connection: duckdb.DuckDBPyConnection, home: Home, published: Manifest | None, run_id: str
) -> Iterator[Trend]:
    """Compare what a run brought with the published version.

    Args:
        connection: to the candidate.
        home: whose.
        published: the version before, None if there is none.
        run_id: of the run.
    """
    connection.execute("SET VARIABLE run_id = $1", [run_id])
    before = {table.name: f"({scan(table, locations(home, published, table))})" for table in (DOCUMENTS, REJECTS)}
    for name, (word, condition) in SHARES.items():
        new = _shares(connection, "(FROM documents WHERE run_id = getvariable('run_id'))", condition)
        yield _trend(name, word, new, _shares(connection, before[DOCUMENTS.name], condition))
    yield _unknown_agencies(connection, before[DOCUMENTS.name])
    yield _rejects(connection, before)


def _shares(connection: duckdb.DuckDBPyConnection, rows: str, condition: str) -> dict[str, _Count]:
    query = f"SELECT source, count(*), count(*) FILTER ({condition}) FROM {rows} t GROUP BY source ORDER BY source"
    return {source: _Count(total, having) for source, total, having in connection.execute(query).fetchall()}


def _trend(name: str, word: str, new: dict[str, _Count], before: dict[str, _Count]) -> Trend:
    found = []
    for source, count in new.items():
        history = before.get(source, _Count(0, 0))
        if count.total >= MINIMUM_NEW and history.total >= MINIMUM_HISTORY:
            error = math.sqrt(history.share * (1 - history.share) / count.total)
            if count.share < history.share - max(TOLERANCE, SIGMAS * error):
                found.append(_drop(source, word, count, history))
    return Trend(name, tuple(found), _overall(new))


def _drop(source: str, word: str, count: _Count, history: _Count) -> str:
    now, then = (f"{share.share:.0%} of {share.total:,}" for share in (count, history))
    return f"{source}: {now} documents {word}, {then} before"


def _overall(counts: dict[str, _Count]) -> float | None:
    total = sum(count.total for count in counts.values())
    return round(sum(count.having for count in counts.values()) / total, 4) if total else None


def _unknown_agencies(connection: duckdb.DuckDBPyConnection, before: str) -> Trend:
    """Names in an agency's place that are not in the registry and had not been met before."""
    unknown = "agency_id IS NULL AND agency_literal IS NOT NULL"
    rows = connection.execute(f"""
        SELECT agency_literal, count(*) AS n FROM documents
        WHERE run_id = getvariable('run_id') AND {unknown}
          AND agency_literal NOT IN (SELECT agency_literal FROM {before} t WHERE {unknown})
        GROUP BY ALL ORDER BY n DESC, agency_literal
    """).fetchall()
    return Trend(
        "unknown_agencies", tuple(f"{name} ({count:,})" for name, count in rows), len(rows), "not in the registry: "
    )


def _rejects(connection: duckdb.DuckDBPyConnection, before: dict[str, str]) -> Trend:
    records = "(SELECT source, false AS is_reject FROM {documents} UNION ALL SELECT source, true FROM {rejects})"
    ours = {name: f"(FROM {name} WHERE run_id = getvariable('run_id'))" for name in before}
    new = _shares(connection, records.format(**ours), "is_reject")
    known = _shares(connection, records.format(**before), "is_reject")
    found = []
    for source, count in new.items():
        history = known.get(source, _Count(0, 0))
        if count.total < MINIMUM_NEW:
            continue
        if history.total < MINIMUM_HISTORY:
            if count.share > REJECTS_LIMIT:
                found.append(f"{source}: {count.share:.0%} of {count.total:,} records rejected")
            continue
        error = math.sqrt(history.share * (1 - history.share) / count.total)
        if count.share > history.share + max(TOLERANCE, SIGMAS * error):
            found.append(_drop(source, "rejected", count, history).replace(" documents ", " records "))
    return Trend("share_rejected", tuple(found), _overall(new))
