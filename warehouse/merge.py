"""SQL that merges what a run has read with the former state: versions, months, and the new rows of each table.

The queries run in a DuckDB database in memory, over views `former_<table>` (the published rows), `read_<table>`
and `reparsed_<table>` (the staged rows) and the temporary tables that `PREPARE` makes. Views of documents and rejects
have the path of the file that a record lies in as `file`. Writing the results belongs to `warehouse.load`.
"""

from __future__ import annotations

from etl.contract import DOCUMENT_VERSIONS, DOCUMENTS, PARAGRAPHS, Column, Table
from etl.errors import RecordFault
from warehouse.scan import literal

_FORGOTTEN = RecordFault("forgotten")

PREPARE = """
-- What was read or is gone; everything else stays as it is.
CREATE TABLE affected AS
    SELECT source, path AS file, NULL::VARCHAR AS reason FROM read_files
    UNION ALL
    SELECT source, path, reason FROM gone;

-- Former documents that are replaced or leave, without their texts; those that are forgotten leave no trace.
CREATE TABLE leaving AS
    SELECT d.document_id, d.source, d.path, d.record_key, d.version, d.content_sha256, d.month, d.ingested_at,
           t.reason, true AS is_affected, f.content_sha256 IS NOT NULL AS is_forgotten, d.file
    FROM former_documents d JOIN affected t USING (source, file) LEFT JOIN to_forget f USING (content_sha256)
    UNION ALL
    SELECT d.document_id, d.source, d.path, d.record_key, d.version, d.content_sha256, d.month, d.ingested_at,
           NULL, false, true, d.file
    FROM former_documents d SEMI JOIN to_forget USING (content_sha256) ANTI JOIN affected USING (source, file);

CREATE VIEW kept_versions AS
    FROM former_document_versions ANTI JOIN to_forget USING (content_sha256);

CREATE TABLE reparsed AS
    SELECT r.document_id, d.version, d.month AS former_month, d.ingested_at, r.month
    FROM reparsed_documents r
    JOIN former_documents d USING (document_id)
    WHERE r.document_id NOT IN (SELECT document_id FROM leaving);

-- The new rows: their version and when this content was first read.
CREATE TABLE arriving AS
    SELECT n.document_id, n.month,
           CASE WHEN l.document_id IS NULL THEN coalesce(v.last_version, 0) + 1
                WHEN l.content_sha256 = n.content_sha256 THEN l.version
                ELSE l.version + 1 END AS version,
           CASE WHEN l.content_sha256 = n.content_sha256 THEN l.ingested_at ELSE getvariable('now') END AS ingested_at
    FROM read_documents n
    LEFT JOIN (FROM leaving WHERE NOT is_forgotten) l USING (document_id)
    LEFT JOIN (SELECT document_id, max(version) AS last_version FROM kept_versions GROUP BY ALL) v
        USING (document_id)
    UNION ALL
    SELECT document_id, month, version, ingested_at FROM reparsed;

-- Former rows that may be in the rest of what could not be read to its end: of a file, or of an archive inside one.
CREATE TABLE unread AS
    SELECT DISTINCT l.document_id
    FROM leaving l JOIN read_rejects x ON (x.source, x.file) = (l.source, l.file)
    WHERE x.reason IN ('damaged', 'unsupported', 'over_limit', 'unreadable', 'crashed', 'timeout', 'too_large')
      AND (x.record_key = '0' OR starts_with(x.record_key, '#'))
      AND (l.path = x.path OR starts_with(l.path, x.path || '!/'));

-- Former rows that become former versions, and why; the month as it is parsed now.
CREATE TABLE superseded AS
    SELECT l.document_id, coalesce(p.month, l.month) AS month,
           CASE WHEN l.reason IS NOT NULL THEN l.reason
                WHEN n.document_id IS NOT NULL THEN 'changed'
                WHEN r.path IS NOT NULL OR x.document_id IS NOT NULL THEN 'rejected'
                ELSE 'vanished' END AS reason
    FROM leaving l
    LEFT JOIN read_documents n USING (document_id)
    LEFT JOIN reparsed_documents p USING (document_id)
    LEFT JOIN read_rejects r ON (r.source, r.path, r.record_key) = (l.source, l.path, l.record_key)
    LEFT JOIN unread x USING (document_id)
    WHERE NOT l.is_forgotten AND (n.document_id IS NULL OR n.content_sha256 != l.content_sha256);

-- Former versions that are parsed again. Those of equal content are read alike: one of them is enough.
CREATE TABLE reparsed_versions AS
    SELECT document_id, content_sha256, min(month) AS month FROM reparsed_former_documents GROUP BY ALL;

CREATE TABLE replaced AS
    SELECT document_id FROM leaving UNION SELECT document_id FROM reparsed;

CREATE TABLE months AS
    SELECT month, sum(weight)::BIGINT AS weight FROM (
        SELECT month, 0 AS weight FROM leaving
        UNION ALL SELECT former_month, 0 FROM reparsed
        UNION ALL SELECT month, 1 FROM arriving
    ) GROUP BY month;
UPDATE months SET weight = weight + (
    SELECT count(*) FROM former_documents d WHERE d.month = months.month
);

-- Files that hold nothing but what is forgotten and are not there any more: nothing is left to be said of them.
CREATE TABLE dropped_files AS
    SELECT source, path FROM former_files f
    WHERE f.sha256 IN (SELECT content_sha256 FROM forgotten)
      AND (f.status IN ('missing', 'moved') OR (source, path) IN (SELECT (source, path) FROM missing))
      AND (source, path) NOT IN (SELECT (source, path) FROM read_files UNION ALL SELECT (source, path) FROM returned);

-- And, where nothing else is left of a source, files that never had a content and are not there either.
INSERT INTO dropped_files
    WITH others AS (
        SELECT f.source, f.path,
               (f.status = 'missing' OR x.path IS NOT NULL)
               AND (j.reason = 'blank' OR (j.reason IS NOT NULL AND j.raw_excerpt IS NULL)) AS is_hollow
        FROM former_files f
        ANTI JOIN dropped_files USING (source, path)
        LEFT JOIN missing x USING (source, path)
        LEFT JOIN former_rejects j ON (j.source, j.file) = (f.source, f.path)
        WHERE f.source IN (SELECT source FROM dropped_files)
          AND f.source NOT IN (SELECT source FROM read_files)
    )
    SELECT DISTINCT source, path FROM others
    WHERE source NOT IN (SELECT source FROM others WHERE is_hollow IS NOT TRUE);

-- Forgotten records whose files stay: they become rejects that say so, and nothing more.
CREATE TABLE turned AS
    SELECT source, path, record_key, content_sha256, file FROM leaving l
    ANTI JOIN dropped_files d ON (d.source, d.path) = (l.source, l.file)
    WHERE is_forgotten AND NOT is_affected
    UNION ALL
    SELECT source, path, record_key, content_sha256, file FROM former_rejects r
    SEMI JOIN to_forget USING (content_sha256)
    ANTI JOIN affected USING (source, file)
    ANTI JOIN dropped_files d ON (d.source, d.path) = (r.source, r.file)
    WHERE r.reason != 'forgotten';

CREATE TABLE turned_files AS
    SELECT DISTINCT source, file AS path,
           CASE WHEN (source, file) IN (
                    SELECT (d.source, d.file) FROM former_documents d ANTI JOIN leaving USING (document_id)
                    SEMI JOIN turned USING (source, file)
                ) THEN 'loaded' ELSE 'rejected' END AS status
    FROM turned;
"""
"""Works out what changes. Needs the variables `now` and `run_id`, and the table `gone` of `warehouse.load`."""


BOUNDS = """
    INSERT INTO bounds
    WITH keys AS (
        SELECT source, path, record_key FROM former_documents WHERE month = $month
        UNION ALL SELECT source, path, record_key FROM read_documents WHERE month = $month
        UNION ALL SELECT source, path, record_key FROM reparsed_documents WHERE month = $month
    ),
    numbered AS (SELECT *, row_number() OVER (ORDER BY source, path, record_key) AS number FROM keys)
    SELECT $month, number // $rows, {'source': source, 'path': path, 'record_key': record_key}
    FROM numbered WHERE number % $rows = 0
"""
"""The last document of each part of a large month."""


def documents(months: str, within: str) -> str:
    """The new rows of `documents` for a list of months, as far as they meet a condition."""
    return _merged(DOCUMENTS, months, within)


def paragraphs(months: str, within: str) -> str:
    """The new rows of `paragraphs` for a list of months, as far as they meet a condition."""
    names = _names(PARAGRAPHS)
    staged = ", ".join(f"n.{column.name}" for column in PARAGRAPHS.stored)
    return f"""
        SELECT {names} FROM former_paragraphs
        WHERE month IN ({months}) AND {within} AND document_id NOT IN (SELECT document_id FROM replaced)
        UNION ALL
        SELECT {staged} FROM read_paragraphs n WHERE month IN ({months}) AND {within}
        UNION ALL
        SELECT {staged} FROM reparsed_paragraphs n
        WHERE month IN ({months}) AND {within} AND document_id IN (SELECT document_id FROM reparsed)
        ORDER BY month, {", ".join(PARAGRAPHS.order)}
    """


VERSION_MONTHS = """
    SELECT month FROM superseded
    UNION SELECT month FROM reparsed_versions
    UNION SELECT v.month FROM former_document_versions v SEMI JOIN reparsed_versions USING (document_id, content_sha256)
    UNION SELECT v.month FROM former_document_versions v SEMI JOIN to_forget USING (content_sha256)
    ORDER BY month
"""
"""The months of `document_versions` that are rewritten."""


def document_versions(months: str) -> str:
    """The new rows of `document_versions` for a list of months."""
    own = [column for column in DOCUMENT_VERSIONS.stored if column.name not in DOCUMENTS.schema.names]
    kept = ", ".join(f"v.{column.name}" for column in own)
    # The clock may have been set back since the document was read.
    leaving = "d.ingested_at AS valid_from, greatest(getvariable('now'), d.ingested_at) AS valid_to, s.reason"
    as_stored = ", ".join(f"d.{column.name}" for column in DOCUMENTS.stored)
    return f"""
        SELECT {_names(DOCUMENT_VERSIONS)} FROM kept_versions v
        ANTI JOIN reparsed_versions USING (document_id, content_sha256)
        WHERE month IN ({months})
        UNION ALL
        SELECT {_parsed_again("v", "n")}, {kept}
        FROM kept_versions v
        JOIN (FROM reparsed_former_documents
              QUALIFY row_number() OVER (PARTITION BY document_id, content_sha256) = 1) n
            USING (document_id, content_sha256)
        WHERE n.month IN ({months})
        UNION ALL
        SELECT {as_stored}, {leaving}
        FROM former_documents d JOIN superseded s USING (document_id) ANTI JOIN reparsed_documents USING (document_id)
        WHERE s.month IN ({months})
        UNION ALL
        SELECT {_parsed_again("d", "n")}, {leaving}
        FROM former_documents d JOIN superseded s USING (document_id) JOIN reparsed_documents n USING (document_id)
        WHERE s.month IN ({months})
        ORDER BY month, {", ".join(DOCUMENT_VERSIONS.order)}
    """


def _parsed_again(former: str, new: str) -> str:
    """A document's columns: what loading adds from the former row, what is read in the text from the new one."""
    return ", ".join(f"{former if column.is_set_on_load else new}.{column.name}" for column in DOCUMENTS.stored)


HAS_REJECTS = """
    SELECT 1 FROM read_rejects
    UNION ALL SELECT 1 FROM turned
    UNION ALL SELECT 1 FROM former_rejects SEMI JOIN affected USING (source, file)
    UNION ALL SELECT 1 FROM former_rejects r
        SEMI JOIN dropped_files d ON (d.source, d.path) = (r.source, r.file)
"""
"""Whether any row of `rejects` changes: then it gives rows."""

_REJECT = "source, path, record_key, stage, reason, message, raw_excerpt, content_sha256"
_FILE = "source, path, byte_count, sha256, status, record_count"

HAS_CHANGED = f"""
    SELECT 1 FROM superseded
    UNION ALL SELECT 1 FROM arriving ANTI JOIN leaving USING (document_id)
    UNION ALL SELECT 1 FROM (SELECT {_REJECT} FROM read_rejects EXCEPT SELECT {_REJECT} FROM former_rejects)
    UNION ALL SELECT 1 FROM (
        SELECT {_REJECT} FROM former_rejects SEMI JOIN affected USING (source, file)
        EXCEPT SELECT {_REJECT} FROM read_rejects
    )
    UNION ALL SELECT 1 FROM (SELECT {_FILE} FROM read_files EXCEPT SELECT {_FILE} FROM former_files)
"""
"""Whether the files that were read came out other than before: then it gives rows. A changed mtime alone is nothing."""

REJECTS_QUERY = f"""
    SELECT source, path, record_key, stage, reason, message, raw_excerpt, content_sha256, run_id, first_seen
    FROM former_rejects f
    ANTI JOIN dropped_files d ON (d.source, d.path) = (f.source, f.file)
    ANTI JOIN turned USING (source, path, record_key)
    WHERE (source, file) NOT IN (SELECT (source, file) FROM affected)
    UNION ALL
    SELECT source, path, record_key, {literal(_FORGOTTEN.stage)}, {literal(_FORGOTTEN.reason)},
           {literal(_FORGOTTEN.message)}, NULL, content_sha256, getvariable('run_id'), getvariable('now')
    FROM turned
    UNION ALL
    SELECT n.source, n.path, n.record_key, n.stage, n.reason, n.message, n.raw_excerpt, n.content_sha256,
           getvariable('run_id'), coalesce(f.first_seen, getvariable('now'))
    FROM read_rejects n
    LEFT JOIN former_rejects f
        ON (f.source, f.path, f.record_key) = (n.source, n.path, n.record_key)
        AND f.content_sha256 IS NOT DISTINCT FROM n.content_sha256
    ORDER BY source, path, record_key
"""

FILES_QUERY = """
    SELECT f.source, f.path, f.byte_count,
           coalesce(m.mtime, f.mtime) AS mtime,
           f.sha256,
           CASE WHEN g.moved_to IS NOT NULL THEN 'moved'
                WHEN g.path IS NOT NULL OR x.path IS NOT NULL THEN 'missing'
                WHEN t.path IS NOT NULL THEN t.status
                WHEN b.path IS NOT NULL THEN
                    CASE WHEN (f.source, f.path) IN (SELECT (source, file) FROM former_documents)
                         THEN 'loaded' ELSE 'rejected' END
                ELSE f.status END AS status,
           CASE WHEN (f.source, f.moved_to) IN (SELECT (source, path) FROM dropped_files) THEN NULL
                ELSE coalesce(g.moved_to, f.moved_to) END AS moved_to,
           CASE WHEN g.path IS NOT NULL THEN 0 ELSE f.record_count END AS record_count,
           f.first_seen,
           CASE WHEN coalesce(g.path, x.path, b.path, t.path) IS NULL THEN f.run_id
                ELSE getvariable('run_id') END AS run_id
    FROM former_files f
    LEFT JOIN gone g USING (source, path)
    LEFT JOIN missing x USING (source, path)
    LEFT JOIN returned b USING (source, path)
    LEFT JOIN turned_files t USING (source, path)
    LEFT JOIN touched_mtimes m USING (source, path)
    ANTI JOIN dropped_files USING (source, path)
    WHERE (f.source, f.path) NOT IN (SELECT (source, path) FROM read_files)
    UNION ALL
    SELECT n.source, n.path, n.byte_count, n.mtime, n.sha256, n.status, NULL, n.record_count,
           coalesce(f.first_seen, getvariable('now')), getvariable('run_id')
    FROM read_files n LEFT JOIN former_files f USING (source, path)
    ORDER BY source, path
"""

SOURCES_QUERY = """
    SELECT source, root,
           -- A file that was named as an argument is a pattern.
           list_filter(patterns, lambda pattern: NOT list_contains(coalesce(dropped, []), pattern)) AS patterns
    FROM former_sources
    LEFT JOIN (
        SELECT source, list(regexp_replace(path, '([*?[])', '[\\1]', 'g')) AS dropped FROM dropped_files GROUP BY ALL
    ) USING (source)
    WHERE source NOT IN (SELECT source FROM named_sources)
      AND source IN (SELECT source FROM former_files ANTI JOIN dropped_files USING (source, path))
    UNION ALL
    SELECT source, root, patterns FROM named_sources
    ORDER BY source
"""


def _merged(table: Table, months: str, within: str) -> str:
    def staged(view: str) -> str:
        names = ", ".join(_arriving(column) for column in table.stored)
        return (
            f"SELECT {names} FROM {view} n JOIN arriving a USING (document_id) WHERE n.month IN ({months}) AND {within}"
        )

    return f"""
        SELECT {_names(table)} FROM former_documents
        WHERE month IN ({months}) AND {within} AND document_id NOT IN (SELECT document_id FROM replaced)
        UNION ALL {staged("read_documents")}
        UNION ALL {staged("reparsed_documents")} AND n.document_id IN (SELECT document_id FROM reparsed)
        ORDER BY month, {", ".join(table.order)}
    """


def _arriving(column: Column) -> str:
    if column.name == "run_id":
        return "getvariable('run_id') AS run_id"
    if column.is_set_on_load:
        return f"a.{column.name}"
    return f"n.{column.name}"


def _names(table: Table) -> str:
    return ", ".join(column.name for column in table.stored)
