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

    Documents that are new or changed are compared with all that their source had before; documents that were only
    parsed again, with what had been read in the very same ones.

    Args:
        connection: to the candidate.
        home: whose.
        published: the version before, None if there is none.
        run_id: of the run.
    """
    connection.execute("SET VARIABLE run_id = $1", [run_id])
    for table in (DOCUMENTS, REJECTS):
        former = scan(table, locations(home, published, table))
        connection.execute(f"CREATE TEMP VIEW before_{table.name} AS {former}")
        same = " AND ".join(f"w.{name} IS NOT DISTINCT FROM b.{name}" for name in (*table.key, "content_sha256"))
        written = f"(FROM {table.name} WHERE run_id = getvariable('run_id'))"
        connection.execute(f"CREATE TEMP VIEW written_{table.name} AS FROM {written}")
        connection.execute(
            f"CREATE TEMP VIEW new_{table.name} AS FROM {written} w ANTI JOIN before_{table.name} b ON {same}"
        )
        connection.execute(
            f"CREATE TEMP VIEW again_{table.name} AS FROM {written} w SEMI JOIN before_{table.name} b ON {same}"
        )
        connection.execute(
            f"CREATE TEMP VIEW same_{table.name} AS FROM before_{table.name} b SEMI JOIN {written} w ON {same}"
        )
    for name, (word, condition) in SHARES.items():

        def shares(kind: str, condition: str = condition) -> dict[str, _Count]:
            return _shares(connection, f"{kind}_documents", condition)

        drops = [
            *_drops(f"documents {word}", shares("new"), shares("before"), "before"),
            *_drops(f"documents {word}", shares("again"), shares("same"), "of the same before"),
        ]
        yield Trend(name, tuple(drops), _overall(shares("written")))
    yield _unknown_agencies(connection)
    yield _rejects(connection)


def _shares(connection: duckdb.DuckDBPyConnection, rows: str, condition: str) -> dict[str, _Count]:
    query = f"SELECT source, count(*), count(*) FILTER ({condition}) FROM {rows} GROUP BY source ORDER BY source"
    return {source: _Count(total, having) for source, total, having in connection.execute(query).fetchall()}


def _drops(what: str, new: dict[str, _Count], before: dict[str, _Count], then: str) -> Iterator[str]:
    for source, count in new.items():
        history = before.get(source, _Count(0, 0))
        least = MINIMUM_HISTORY if then == "before" else MINIMUM_NEW
        is_enough = count.total >= MINIMUM_NEW and history.total >= least
        if is_enough and count.share < history.share - _tolerance(count, history):
            yield _describe(source, what, count, history, then)


def _tolerance(count: _Count, history: _Count) -> float:
    variance = history.share * (1 - history.share)
    return max(TOLERANCE, SIGMAS * math.sqrt(variance * (1 / count.total + 1 / history.total)))


def _describe(source: str, what: str, count: _Count, history: _Count, then: str) -> str:
    return f"{source}: {count.share:.0%} of {count.total:,} {what}, {history.share:.0%} of {history.total:,} {then}"


def _overall(counts: dict[str, _Count]) -> float | None:
    total = sum(count.total for count in counts.values())
    return round(sum(count.having for count in counts.values()) / total, 4) if total else None


def _unknown_agencies(connection: duckdb.DuckDBPyConnection) -> Trend:
    """Names in an agency's place that are not in the registry and had not been met before."""
    unknown = "agency_id IS NULL AND agency_literal IS NOT NULL"
    rows = connection.execute(f"""
        SELECT agency_literal, count(*) AS n FROM written_documents
        WHERE {unknown} AND agency_literal NOT IN (SELECT agency_literal FROM before_documents WHERE {unknown})
        GROUP BY ALL ORDER BY n DESC, agency_literal
    """).fetchall()
    found = tuple(f"{name} ({count:,})" for name, count in rows)
    return Trend("unknown_agencies", found, len(rows), "not in the registry: ")


def _rejects(connection: duckdb.DuckDBPyConnection) -> Trend:
    # What is forgotten says nothing about how a source comes out.
    records = """(
        SELECT source, false AS is_reject FROM {0}_documents
        UNION ALL SELECT source, true FROM {0}_rejects WHERE reason != 'forgotten'
    )"""
    new = _shares(connection, records.format("new"), "is_reject")
    before = _shares(connection, records.format("before"), "is_reject")
    found = []
    for source, count in new.items():
        history = before.get(source, _Count(0, 0))
        if count.total < MINIMUM_NEW:
            continue
        if history.total < MINIMUM_HISTORY:
            if count.share > REJECTS_LIMIT:
                found.append(f"{source}: {count.share:.0%} of {count.total:,} records rejected")
        elif count.share > history.share + _tolerance(count, history):
            found.append(_describe(source, "records rejected", count, history, "before"))
    return Trend("share_rejected", tuple(found), _overall(new))
