"""What became of the user's own reference in a version: entries that nothing rests on, corrections that do not hold.

What the files may hold is in `etl.reference.own`; what corrections do in `etl.corrections`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from etl.corrections import FIELDS, as_text, by_field, choose, is_correction, unexpected
from etl.own_reference import own_form, own_literals, own_months
from etl.places import locate
from etl.reference import Reference
from etl.reference.csv_file import Origin
from etl.reference.own import CORRECTIONS, FILES, Correction, OwnReference

ROWS = 10_000
"""Rows that are looked at at once."""

_TABLES = {".csv", ".tsv", ".txt", ".xls", ".xlsx", ".ods"}
"""What files are called that may be meant to be read."""


@dataclass(frozen=True)
class Finding:
    """Something in the user's own reference that a person should look at.

    Attributes:
        file: its name.
        line: None if it is the whole file.
        message: what is wrong with it.
    """

    file: str
    line: int | None
    message: str

    def __str__(self) -> str:
        where = self.file if self.line is None else str(Origin(self.file, self.line))
        return f"{where}: {self.message}"


def strangers(folder: Path) -> list[Finding]:
    """Files of a home's reference folder that look as if they were meant to be read, and are not."""
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [
        Finding(name, None, f"is not read: files are {', '.join(FILES)}")
        for name in names
        if Path(name).suffix.lower() in _TABLES and name not in FILES and not name.startswith((".", "~"))
    ]


def findings(connection: duckdb.DuckDBPyConnection, reference: Reference) -> list[Finding]:
    """What became of each entry.

    Args:
        connection: to a version, or a candidate, that was read with that reference data.
        reference: the reference data.

    Returns:
        What a person should look at, corrections first, in the order of the files' lines.
    """
    own = reference.own
    if own is None:
        return []
    found = [
        *_corrections(connection, own),
        *_unused_literals(connection, own, reference),
        *_unused_places(connection, own, reference),
        *_unused_months(connection, own, reference),
        *_unused_forms(connection, own, reference),
    ]
    return sorted(found, key=lambda entry: (entry.file != CORRECTIONS, entry.file, entry.line or 0))


def _finding(origin: Origin, message: str) -> Finding:
    return Finding(origin.file, origin.line, message)


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, values: dict[str, object] | None = None
) -> Iterator[tuple[Any, ...]]:
    cursor = connection.cursor().execute(query, values)
    while rows := cursor.fetchmany(ROWS):
        yield from rows


def _unused_literals(
    connection: duckdb.DuckDBPyConnection, own: OwnReference, reference: Reference
) -> Iterator[Finding]:
    if not own.agencies:
        return
    used: set[tuple[str, str]] = set()
    credited: set[str | None] = set()
    for agency_id, written in _rows(connection, "SELECT DISTINCT agency_id, agency_literal FROM documents"):
        credited.add(agency_id)
        if written is not None:
            used |= {(entry.agency_id, name) for entry, name in own_literals(written, reference)}
    for entry in own.agencies:
        unused = [name for name in entry.literals if (entry.agency_id, name) not in used]
        if unused:
            yield _finding(entry.origin, f"no document is credited to {', '.join(map(repr, unused))}")
        elif not entry.literals and entry.agency_id not in credited:
            yield _finding(entry.origin, f"no document has the agency_id {entry.agency_id}")


def _unused_places(connection: duckdb.DuckDBPyConnection, own: OwnReference, reference: Reference) -> Iterator[Finding]:
    if not own.places:
        return
    used = set()
    query = "SELECT DISTINCT located, located_region FROM documents WHERE located IS NOT NULL"
    for located, region in _rows(connection, query):
        used.add(locate(located, region, reference).own)
    corrected = {entry.value for entry in own.corrections if entry.field == "place_id"}
    for entry in own.places:
        if entry not in used and not (entry.place is not None and str(entry.place.place_id) in corrected):
            beside = f" with {entry.located_region!r} beside it" if entry.located_region else ""
            yield _finding(entry.origin, f"no document has {entry.located!r}{beside} in its dateline")


def _unused_months(connection: duckdb.DuckDBPyConnection, own: OwnReference, reference: Reference) -> Iterator[Finding]:
    left = {entry.origin: entry for entry in own.months}
    if not left:
        return
    query = "SELECT DISTINCT unnest([dateline, trailer]) AS written FROM documents"
    for (written,) in _rows(connection, f"FROM ({query}) WHERE written IS NOT NULL"):
        for entry in own_months(written, reference):
            left.pop(entry.origin, None)
        if not left:
            return
    for entry in left.values():
        yield _finding(entry.origin, f"no document has {entry.name!r} in its dateline or its sign-off")


def _unused_forms(connection: duckdb.DuckDBPyConnection, own: OwnReference, reference: Reference) -> Iterator[Finding]:
    if not own.forms:
        return
    query = "SELECT DISTINCT dateline_form FROM documents WHERE dateline_form IS NOT NULL"
    used = {own_form(name, reference) for (name,) in _rows(connection, query)}
    for entry in own.forms:
        if entry not in used:
            yield _finding(entry.origin, f"no document's dateline has the form {entry.row.name}")


@dataclass
class _Outcome:
    """What became of one correction: how many documents it is for, and of how many it does not hold, with the first."""

    documents: int = 0
    needless: int = 0
    refused: int = 0
    example: str = ""


def _corrections(connection: duckdb.DuckDBPyConnection, own: OwnReference) -> Iterator[Finding]:
    outcomes = {entry.origin: _Outcome() for entry in own.corrections}
    fields = [name for name in FIELDS if any(entry.field == name for entry in own.corrections)]
    query = f"""
        SELECT document_id, source, path, given, {", ".join(fields)} FROM documents
        WHERE document_id IN (SELECT unnest($ids)) OR source IN (SELECT unnest($sources))
        ORDER BY source, path
    """
    named: dict[str, object] = {
        "ids": [entry.document_id for entry in own.corrections if entry.document_id],
        "sources": [entry.source for entry in own.corrections if entry.source],
    }
    for document_id, source, path, given, *values in _rows(connection, query, named) if fields else ():
        entries = own.corrections_of(document_id, source, path)
        if entries:
            corrected = {name: entry for name, entry in json.loads(given or "{}").items() if is_correction(entry)}
            _judge(entries, dict(zip(fields, values, strict=True)), corrected, document_id, outcomes)
    for entry in own.corrections:
        outcome = outcomes[entry.origin]
        if not outcome.documents:
            yield _finding(
                entry.origin, f"there is no document {entry.document_id or f'{entry.path} in {entry.source}'}"
            )
        elif outcome.refused:
            many = "" if outcome.documents == 1 else f" to {outcome.refused:,} of {outcome.documents:,} documents"
            yield _finding(entry.origin, f"not applied{many}: {outcome.example}")
        elif outcome.needless == outcome.documents:
            yield _finding(entry.origin, f"{entry.field} reads {entry.value or 'nothing'} without it by now")


def _judge(
    entries: tuple[Correction, ...],
    values: dict[str, object],
    corrected: dict[str, dict[str, str | None]],
    document_id: str,
    outcomes: dict[Origin, _Outcome],
) -> None:
    """Add a document to the outcomes of its corrections."""
    for name, listed in by_field(entries).items():
        read = as_text(corrected[name]["read"] if name in corrected else values[name])
        chosen = choose(listed, read)
        for entry in listed:
            outcome = outcomes[entry.origin]
            outcome.documents += 1
            if chosen is not None and (entry is not chosen or name in corrected):
                continue
            if chosen is None and as_text(entry.value) == read:
                outcome.needless += 1
                continue
            outcome.refused += 1
            why = unexpected(entry, read) if chosen is None else "cannot be applied"
            outcome.example = outcome.example or f"{entry.field} {why} (`copydesk explain {document_id}`)"
