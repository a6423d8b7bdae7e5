"""What a request to forget comes to: whose bytes these are, where else they stand, and which files still hold them.

Nothing here writes. The list of what was forgotten is in `warehouse.forgotten`; a run erases what it names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from etl.errors import SetupFault
from etl.sources import on_disk
from warehouse.connection import connect
from warehouse.faults import storage_faults
from warehouse.forgotten import Forgotten
from warehouse.history import how_to_find
from warehouse.home import Home
from warehouse.scan import file_of_path

EXAMPLES = 10
"""Paths that are listed before it is said how many more there are."""

_DOCUMENT_ID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Paths:
    """Some files.

    Attributes:
        count: how many.
        examples: the first of them, as `source: path`.
    """

    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """What is to be forgotten.

    Attributes:
        digests: of what is not on the list yet, in hex, sorted.
        documents, versions, rejects: current documents, former versions, and rejects that hold it.
        named: files whose records were asked for.
        elsewhere: other files that hold, or held, the same bytes.
        on_disk: files that lie in their sources still.
    """

    digests: pa.ChunkedArray
    documents: int
    versions: int
    rejects: int
    named: Paths
    elsewhere: Paths
    on_disk: Paths


def choose(home: Home, names: Sequence[str], source: str | None, forgotten: Forgotten) -> Choice:
    """Find what is to be forgotten.

    Args:
        home: an existing home.
        names: document ids, and SHA-256 of the bytes of records (`content_sha256`); with all their former versions,
            under former and later names, too.
        source: name of a source, of which everything is.
        forgotten: what is on the list already.

    Raises:
        SetupFault: one of them is not known: nothing is to be forgotten then.
    """
    names = [name.lower() for name in names]
    for name in names:
        if not (_DOCUMENT_ID.fullmatch(name) or _SHA256.fullmatch(name)):
            raise SetupFault(
                f"{name!r} is neither a document id (32 hex digits) nor a SHA-256 (64). {how_to_find(home)}"
            )
    with storage_faults(home), connect(home.folder) as connection:
        connection.execute("CREATE TEMP TABLE wanted (source VARCHAR, path VARCHAR, record_key VARCHAR)")
        connection.execute("CREATE TEMP TABLE digests (content_sha256 VARCHAR)")
        listed = pa.table({"digest": forgotten.as_arrow()})
        connection.register("listed_digests", listed)
        connection.execute(
            "CREATE TEMP TABLE listed AS SELECT lower(hex(digest)) AS content_sha256 FROM listed_digests"
        )
        if source is not None:
            _want_source(connection, home, source)
        else:
            _want(connection, home, names)
        connection.execute(_DIGESTS)
        while connection.execute(_BEFORE_THE_MOVE).fetchall() != [(0,)]:
            pass
        connection.execute("INSERT INTO digests SELECT unnest($1::VARCHAR[])", [_contents(names)])
        connection.execute(_HELD)
        return _choice(connection)


_WANTED_IDS = f"""
    INSERT INTO wanted
    WITH RECURSIVE
        links AS (
            SELECT source, path, moved_to AS other FROM files WHERE moved_to IS NOT NULL
            UNION ALL SELECT source, moved_to, path FROM files WHERE moved_to IS NOT NULL
        ),
        -- A document that has moved is another by its id, and the same to people.
        linked AS (
            SELECT source, path, record_key FROM documents WHERE document_id IN (SELECT unnest($ids))
            UNION SELECT source, path, record_key FROM document_versions WHERE document_id IN (SELECT unnest($ids))
            UNION SELECT l.source, concat(k.other, substr(l.path, length(k.path) + 1)), l.record_key
            FROM linked l JOIN links k ON k.source = l.source AND k.path = {file_of_path("l.path")}
        )
    FROM linked
"""

_WANTED_SOURCE = """
    INSERT INTO wanted
    SELECT source, path, record_key FROM documents WHERE source = $1
    UNION SELECT source, path, record_key FROM document_versions WHERE source = $1
    UNION SELECT source, path, record_key FROM rejects WHERE source = $1
"""

_UNKNOWN = """
    SELECT unnest($ids)
    EXCEPT (SELECT document_id FROM documents UNION ALL SELECT document_id FROM document_versions)
    UNION ALL (
        SELECT unnest($digests)
        EXCEPT (
            SELECT content_sha256 FROM documents
            UNION ALL SELECT content_sha256 FROM document_versions
            UNION ALL SELECT content_sha256 FROM rejects
            UNION ALL SELECT content_sha256 FROM listed
        )
    )
"""

_DIGESTS = """
    INSERT INTO digests
    SELECT content_sha256 FROM documents SEMI JOIN wanted USING (source, path, record_key)
    UNION SELECT content_sha256 FROM document_versions SEMI JOIN wanted USING (source, path, record_key)
    -- Empty and blank files have nothing to be forgotten, and those of other sources are alike.
    UNION SELECT content_sha256 FROM rejects SEMI JOIN wanted USING (source, path, record_key)
          WHERE content_sha256 IS NOT NULL AND reason NOT IN ('empty', 'blank')
"""

_BEFORE_THE_MOVE = """
    INSERT INTO digests
    WITH departed AS (
        SELECT m.document_id, m.version,
               -- What had the name before it is another document.
               coalesce(max(b.version), 0) AS since
        FROM document_versions m
        LEFT JOIN document_versions b
               ON b.document_id = m.document_id AND b.version < m.version AND b.reason IN ('moved', 'withdrawn')
        WHERE m.reason = 'moved' AND m.content_sha256 IN (FROM digests) AND m.source IN (SELECT source FROM wanted)
        GROUP BY m.document_id, m.version
    )
    SELECT DISTINCT e.content_sha256
    FROM document_versions e
    JOIN departed l ON e.document_id = l.document_id AND e.version > l.since AND e.version <= l.version
    WHERE e.content_sha256 NOT IN (FROM digests)
"""
"""Versions from under a former name that another file bears now, so that the ledger no longer tells where it went."""

_HELD = """
    CREATE TEMP TABLE held AS
    WITH rows AS (
        SELECT 'document' AS kind, source, path, record_key, content_sha256 FROM documents
        UNION ALL
        SELECT 'version', source, path, record_key, content_sha256 FROM document_versions
        UNION ALL
        SELECT if(reason = 'forgotten', 'forgotten', 'reject'), source, path, record_key, content_sha256 FROM rejects
    )
    SELECT *, (source, path, record_key) IN (SELECT (source, path, record_key) FROM wanted) AS is_wanted
    FROM rows SEMI JOIN digests USING (content_sha256)
"""


def _contents(names: Sequence[str]) -> list[str]:
    return [name for name in names if _SHA256.fullmatch(name)]


def _want(connection: duckdb.DuckDBPyConnection, home: Home, names: Sequence[str]) -> None:
    ids = [name for name in names if _DOCUMENT_ID.fullmatch(name)]
    unknown = connection.execute(_UNKNOWN, {"ids": ids, "digests": _contents(names)}).fetchall()
    if unknown:
        listed = ", ".join(name for (name,) in unknown[:EXAMPLES])
        more = f" and {len(unknown) - EXAMPLES} more" if len(unknown) > EXAMPLES else ""
        raise SetupFault(f"No document {listed}{more}; nothing was forgotten. {how_to_find(home)}")
    connection.execute(_WANTED_IDS, {"ids": ids})


def _want_source(connection: duckdb.DuckDBPyConnection, home: Home, source: str) -> None:
    known = [name for (name,) in connection.execute("SELECT source FROM sources ORDER BY source").fetchall()]
    if source not in known:
        raise SetupFault(f"No source {source!r} in {home}; there are: {', '.join(known) or 'none'}")
    connection.execute(_WANTED_SOURCE, [source])


def _choice(connection: duckdb.DuckDBPyConnection) -> Choice:
    counts = dict(connection.execute("SELECT kind, count(*) FROM held GROUP BY kind").fetchall())
    new = connection.sql(
        "SELECT DISTINCT content_sha256 FROM digests ANTI JOIN listed USING (content_sha256) ORDER BY content_sha256"
    )
    return Choice(
        new.to_arrow_table().column("content_sha256"),
        counts.get("document", 0),
        counts.get("version", 0),
        counts.get("reject", 0),
        _paths(connection, "is_wanted AND kind != 'forgotten'"),
        _paths(connection, "NOT is_wanted AND kind != 'forgotten'"),
        _on_disk(connection),
    )


def _paths(connection: duckdb.DuckDBPyConnection, condition: str) -> Paths:
    query = f"SELECT DISTINCT source, path FROM held WHERE {condition}"
    ((count,),) = connection.execute(f"SELECT count(*) FROM ({query})").fetchall()
    rows = connection.execute(f"{query} ORDER BY ALL LIMIT {EXAMPLES}").fetchall()
    return Paths(count, tuple(f"{source}: {path}" for source, path in rows))


def _on_disk(connection: duckdb.DuckDBPyConnection) -> Paths:
    """Files of which the ledger says that they hold such bytes, and that are there."""
    result = connection.execute(f"""
        SELECT root, source, path FROM files JOIN sources USING (source)
        WHERE (
            sha256 IN (SELECT content_sha256 FROM digests)
            OR (source, path) IN (SELECT (source, {file_of_path()}) FROM held WHERE kind != 'version')
        ) AND status IN ('loaded', 'rejected')
        ORDER BY source, path
    """)
    count, examples = 0, []
    while rows := result.fetchmany(10_000):
        for root, source, path in rows:
            if os.path.lexists(f"{root}/{on_disk(path)}"):
                count += 1
                if count <= EXAMPLES:
                    examples.append(f"{source}: {path}")
    return Paths(count, tuple(examples))
