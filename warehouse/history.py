"""The history of one document: finding it, its versions, where it went or came from, and what changed in between."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from etl.addresses import file_of
from etl.contract import DOCUMENT_VERSIONS, DOCUMENTS
from etl.errors import SetupFault
from etl.sources import on_disk, readable
from warehouse.connection import connect
from warehouse.differences import TextDifference, compare_texts
from warehouse.faults import storage_faults
from warehouse.home import Home, absolute

LEAST_DIGITS = 6
"""Hex digits of an id's beginning: fewer are more likely to be a file's name."""

MOST_NAMED = 5
"""Documents that a fault lists."""

_ID = re.compile(rf"[0-9a-f]{{{LEAST_DIGITS},32}}", re.IGNORECASE)

_IDENTITY = {"document_id", "source", "path", "record_key", "version", "content_sha256", "text"}

COMPARED = tuple(
    column.name
    for column in DOCUMENTS.stored
    # Offsets change with every word before them, and say nothing that the diff does not.
    if column.name not in _IDENTITY and not column.is_volatile and not column.name.endswith(("_start", "_end"))
)
"""The columns in which versions are compared, beside the text."""

_KNOWN = """
    (SELECT document_id, source, path, record_key FROM documents
     UNION SELECT document_id, source, path, record_key FROM document_versions)
"""


@dataclass(frozen=True)
class Version:
    """One version of a document.

    Attributes:
        version: its number.
        valid_from, valid_to: when it was first read and when it ceased to be current, UTC; None while it is current.
        reason: why it is no longer current; None while it is.
        run_id: the run that last wrote its row.
        content_sha256: of its raw bytes.
        values: its columns COMPARED.
        text: the whole text.
    """

    version: int
    valid_from: dt.datetime
    valid_to: dt.datetime | None
    reason: str | None
    run_id: str
    content_sha256: str
    values: dict[str, object]
    text: str


@dataclass(frozen=True)
class Other:
    """The document at another path that a file has moved to or come from; its id is None if nothing is known of it."""

    source: str
    path: str
    document_id: str | None


@dataclass(frozen=True)
class History:
    """What became of one document.

    Attributes:
        document_id, source, path, record_key: which.
        versions: all that are kept, the oldest first.
        file_status: what `files` says of its file: loaded, rejected, missing or moved; None if it says nothing.
        moved_to: where its file went; None if it did not move, or has come back.
        moved_from: where its file was before.
    """

    document_id: str
    source: str
    path: str
    record_key: str
    versions: tuple[Version, ...]
    file_status: str | None
    moved_to: Other | None
    moved_from: Other | None

    @property
    def is_current(self) -> bool:
        """Whether the document has a current version."""
        return self.versions[-1].valid_to is None


@dataclass(frozen=True)
class Change:
    """What differs between two consecutive versions.

    Attributes:
        before, after: their numbers.
        columns: old and new value of each column that differs.
        text: how the text differs.
    """

    before: int
    after: int
    columns: dict[str, tuple[object, object]]
    text: TextDifference


def find_history(home: Home, what: str) -> History:
    """The history of one document, as the published version knows it.

    Args:
        home: an existing home.
        what: its id or a unique beginning of it, its path, `source:path`, or where its file lies.

    Raises:
        SetupFault: nothing has been published, or no document is meant, or several.
    """
    with storage_faults(home), connect(home.folder) as connection:
        document_id, source, path, record_key = _find(connection, home, what)
        status = connection.execute(
            "SELECT status, moved_to FROM files WHERE source = $1 AND path = $2", [source, file_of(path)]
        ).fetchone()
        file_status, moved_to = status or (None, None)
        within = path.removeprefix(file_of(path))
        former = connection.execute(
            "SELECT path FROM files WHERE source = $1 AND moved_to = $2 AND status = 'moved' ORDER BY path LIMIT 1",
            [source, file_of(path)],
        ).fetchone()
        return History(
            document_id,
            source,
            path,
            record_key,
            tuple(_versions(connection, document_id)),
            file_status,
            _other(connection, source, moved_to + within, record_key) if moved_to else None,
            _other(connection, source, former[0] + within, record_key) if former else None,
        )


def changes(history: History) -> Iterator[Change]:
    """What differs between each version and the next."""
    for old, new in zip(history.versions, history.versions[1:], strict=False):
        columns = {
            name: (old.values[name], new.values[name]) for name in COMPARED if old.values[name] != new.values[name]
        }
        yield Change(old.version, new.version, columns, compare_texts(old.text, new.text))


def _find(connection: duckdb.DuckDBPyConnection, home: Home, what: str) -> tuple[str, str, str, str]:
    found: list[tuple[str, str, str, str]] = []
    if _ID.fullmatch(what):
        found = connection.execute(
            f"FROM {_KNOWN} WHERE starts_with(document_id, $1) ORDER BY ALL LIMIT {MOST_NAMED + 1}", [what.lower()]
        ).fetchall()
    places: list[tuple[str | None, str]] = []
    # A name that is not UTF-8 as it is shown, else any as the operating system has it.
    for name in dict.fromkeys((on_disk(what), what)):
        if found:
            break
        tried = list(_places(connection, name))
        places += tried
        for source, path in tried:
            found += connection.execute(
                f"FROM {_KNOWN} WHERE ($1 IS NULL OR source = $1) AND path = $2 ORDER BY ALL LIMIT {MOST_NAMED + 1}",
                [source, path],
            ).fetchall()
        found = sorted(set(found))
    if len(found) == 1:
        return found[0]
    if found:
        named = ", ".join(f"{document_id} ({source}: {path})" for document_id, source, path, _ in found[:MOST_NAMED])
        more = " and more" if len(found) > MOST_NAMED else ""
        raise SetupFault(f"{what} may be any of several documents: {named}{more}. Give the id of one")
    raise _unknown(connection, home, what, places)


def _places(connection: duckdb.DuckDBPyConnection, what: str) -> Iterator[tuple[str | None, str]]:
    """What an argument may mean as (source or any, path): a path, source:path, or where a file lies."""
    path = readable(what)
    yield None, path
    location = Path(os.path.realpath(absolute(what)))
    for source, root in connection.execute("SELECT source, root FROM sources").fetchall():
        if path.startswith(f"{source}:"):
            yield source, path.removeprefix(f"{source}:").strip()
        real = os.path.realpath(root)
        if location.is_relative_to(real):
            yield source, readable(location.relative_to(real).as_posix())


def _unknown(
    connection: duckdb.DuckDBPyConnection, home: Home, what: str, places: list[tuple[str | None, str]]
) -> SetupFault:
    for source, path in places:
        reject = connection.execute(
            "SELECT source, reason, message FROM rejects WHERE ($1 IS NULL OR source = $1) AND path = $2 LIMIT 1",
            [source, path],
        ).fetchone()
        if reject:
            return SetupFault(f"{reject[0]}: {path} never was a document: it is rejected as {reject[1]}. {reject[2]}")
    return SetupFault(
        f"No document {what!r}: give an id or at least {LEAST_DIGITS} digits of its beginning, a path, or source:path. "
        f"{how_to_find(home)}"
    )


def how_to_find(home: Home) -> str:
    """How people find documents by their names, as a sentence."""
    query = "sql \"select document_id, source, path from documents where path like '%NAME%'\""
    return f"{home.command(query)} finds ids; document_versions and rejects have former and rejected contents"


def _versions(connection: duckdb.DuckDBPyConnection, document_id: str) -> Iterator[Version]:
    names = ["version", "valid_from", "valid_to", "reason", "run_id", "content_sha256", "text", *COMPARED]
    own = {column.name for column in DOCUMENT_VERSIONS.stored} - {column.name for column in DOCUMENTS.stored}
    current = [
        "ingested_at AS valid_from" if name == "valid_from" else f"NULL AS {name}" if name in own else name
        for name in names
    ]
    rows = connection.execute(
        f"SELECT {', '.join(names)} FROM document_versions WHERE document_id = $1 UNION ALL BY NAME "
        f"SELECT {', '.join(current)} FROM documents WHERE document_id = $1 ORDER BY version",
        [document_id],
    ).fetchall()
    for version, valid_from, valid_to, reason, run_id, digest, text, *values in rows:
        compared = dict(zip(COMPARED, values, strict=True))
        yield Version(version, valid_from, valid_to, reason, run_id, digest, compared, text)


def _other(connection: duckdb.DuckDBPyConnection, source: str, path: str, record_key: str) -> Other:
    found = connection.execute(
        f"SELECT document_id FROM {_KNOWN} WHERE source = $1 AND path = $2 AND record_key = $3",
        [source, path, record_key],
    ).fetchone()
    return Other(source, path, found[0] if found else None)
