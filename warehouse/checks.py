"""What is checked before a candidate is published. Each check can fail, and says what it found.

The checks read the candidate's own DuckDB file, as any reader will. Those that block keep it from being published;
the others are warnings, whose figures come from `warehouse.trends`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from etl.contract import DOCUMENTS, FILES, PARAGRAPHS, TABLES, Column, Table
from etl.dates import FUTURE_TOLERANCE
from warehouse.home import Home
from warehouse.load import run_reference
from warehouse.manifest import DATABASE, MANIFEST, Manifest, month_of, newest
from warehouse.own_reference import findings, strangers
from warehouse.publish import candidate_folder
from warehouse.scan import file_of_path, literal
from warehouse.trends import Trend, compare

CHECK_MEMORY = "500MB"
"""What DuckDB may take to check a candidate before it spills into that one's folder: to see of a million documents and
their paragraphs that each has a key of its own took 1.2 GB without a limit, and no less time."""

SHRINK_LIMIT = 0.5
"""A version with less than this share of the published version's documents is taken for an accident."""

SHRINK_MINIMUM = 20
"""Published documents from which shrinking is looked at: below, a share says nothing."""


@dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
        name: of the check.
        passed: whether it holds.
        found: how many violations there are.
        message: what was found, for people.
        value: for a warning, the run's own figure: a share of 0 to 1, or a count.
    """

    name: str
    passed: bool
    found: int
    message: str
    value: float | None = None

    @property
    def is_blocking(self) -> bool:
        """Whether a candidate that does not pass is not published."""
        return self.name in BLOCKING


BLOCKING = {
    "balance": "Each current record is in documents or in rejects, never in both, never in neither.",
    "keys_unique": "No key of any table stands twice.",
    "references_hold": "Every row that refers to another finds it, and closed lists are kept.",
    "offsets_hold": "Every offset gives back exactly its literal.",
    "no_future_dates": "No document is dated later than the day after it was first read.",
    "rows_not_collapsed": "Not more than half of the published documents are gone.",
}
"""The checks that keep a candidate from being published, with what they say."""

WARNINGS = {
    "share_dated": "No source has fewer documents dated to the day than it used to have.",
    "share_placed": "No source has fewer documents with a place of the gazetteer than it used to have.",
    "share_with_agency": "No source has fewer documents with an agency of the registry than it used to have.",
    "share_language_sure": "No source has fewer documents of a sure language than it used to have.",
    "unknown_agencies": "No agency came up that the registry does not know.",
    "share_rejected": "No source has more rejects than it used to have.",
    "own_reference": "Each entry of the home's reference folder is of use, and each correction holds.",
}
"""The checks that only warn: what the run brought, compared with each source's own history."""

CHECKS = {**BLOCKING, **WARNINGS}
"""All checks, in the order in which `run_checks` gives them, with what they say."""


def run_checks(home: Home, name: str, accept_shrink: bool = False) -> list[Check]:
    """Check a candidate.

    Args:
        home: whose.
        name: of the candidate.
        accept_shrink: pass `rows_not_collapsed` whatever it finds.
    """
    published = newest(home)
    folder = candidate_folder(home, name)
    months = _new_months(Manifest.read(folder / MANIFEST), published)
    with duckdb.connect(str(folder / DATABASE), read_only=True) as connection:
        # Should this be killed, its folder goes with the candidate's.
        connection.execute(f"SET temp_directory = {literal(str(folder / 'spill'))}")
        connection.execute(f"SET memory_limit = {literal(CHECK_MEMORY)}")
        return [
            *_row_checks(connection, months),
            _collapse(connection, published, _forgotten(home, name), accept_shrink),
            *map(_warning, compare(connection, home, published, name)),
            _own_reference(connection, home, name),
        ]


def check_rows(database: Path) -> list[Check]:
    """The blocking checks that need nothing to compare with, on all rows of a version or a candidate.

    Raises:
        duckdb.Error: a file that it reads is damaged.
    """
    with duckdb.connect(str(database), read_only=True) as connection:
        months = connection.execute("SELECT month FROM documents UNION SELECT month FROM paragraphs").fetchall()
        return _row_checks(connection, [month for (month,) in months])


def _row_checks(connection: duckdb.DuckDBPyConnection, months: Sequence[str]) -> list[Check]:
    return [
        _counted(connection, "balance", _BALANCE, "file whose records are not all in documents or rejects, once"),
        _counted(connection, "keys_unique", _keys(), "key that stands more than once"),
        _counted(connection, "references_hold", _references(), "row that refers to nothing"),
        _counted(connection, "offsets_hold", offsets(months), "document whose offsets do not give back its literals"),
        _counted(connection, "no_future_dates", _FUTURE, "document that is dated in the future"),
    ]


_BALANCE = f"""
    WITH held AS (
        SELECT source, {file_of_path()} AS path, count(*) AS held,
               count(*) - count(DISTINCT (path, record_key)) AS twice
        FROM (SELECT source, path, record_key FROM documents UNION ALL SELECT source, path, record_key FROM rejects)
        GROUP BY 1, 2
    )
    SELECT coalesce(f.source, h.source) || ': ' || coalesce(f.path, h.path)
    FROM {FILES.name} f FULL JOIN held h USING (source, path)
    WHERE coalesce(f.record_count, -1) != coalesce(h.held, 0) OR coalesce(h.twice, 0) > 0
"""


def offsets(months: Sequence[str]) -> str:
    """A query for the documents of some months whose offsets do not hold: it reads their texts whole."""
    # Partitions that are not named are not opened. An empty list is none in SQL.
    among = f"month IN ({', '.join(map(literal, ('', *months)))})"
    return f"""
    SELECT d.source || ': ' || d.path
    FROM documents d
    WHERE {among} AND (
        substr(text, dateline_start + 1, dateline_end - dateline_start) IS DISTINCT FROM dateline
        OR substr(text, located_start + 1, located_end - located_start) IS DISTINCT FROM located
        OR substr(text, agency_start + 1, agency_end - agency_start) IS DISTINCT FROM agency_literal
        OR NOT (0 <= body_start AND body_start <= body_end AND body_end <= length(text))
        OR char_count != body_end - body_start
    )
    UNION ALL
    SELECT d.source || ': ' || d.path
    FROM (FROM documents WHERE {among}) d LEFT JOIN (
        SELECT document_id, count(*) AS n, sum(word_count) AS words, min(char_start) AS first, max(char_end) AS last,
               bool_and(char_start < char_end) AS is_sound
        FROM paragraphs WHERE {among} GROUP BY ALL
    ) p USING (document_id)
    WHERE coalesce(p.n, 0) != d.paragraph_count OR coalesce(p.words, 0) != d.word_count
       OR p.first < d.body_start OR p.last > d.body_end OR NOT p.is_sound
    """


def _files(manifest: Manifest | None, table: str) -> set[str]:
    return set(manifest.tables[table].files) if manifest and table in manifest.tables else set()


def _new_months(candidate: Manifest, published: Manifest | None) -> list[str]:
    """The months whose files are not those that are published. All others were checked before."""
    changed = set()
    for table in (DOCUMENTS.name, PARAGRAPHS.name):
        changed |= _files(candidate, table) ^ _files(published, table)
    return sorted({month_of(name) for name in changed})


_FUTURE = f"""
    SELECT source || ': ' || path || ' (' || content_created_edtf || ')'
    FROM documents
    WHERE coalesce(content_created, try_strptime(content_created_edtf, ['%Y-%m', '%Y'])::DATE)
          > ingested_at::DATE + {FUTURE_TOLERANCE}
"""


def _keys() -> str:
    return " UNION ALL ".join(
        f"SELECT '{table.name}: ' || concat_ws(', ', {', '.join(table.key)}) FROM {table.name} "
        f"GROUP BY {', '.join(table.key)} HAVING count(*) > 1"
        for table in TABLES.values()
    ) + (
        " UNION ALL SELECT 'documents, document_versions: ' || document_id || ', ' || version "
        "FROM documents SEMI JOIN document_versions USING (document_id, version)"
    )


def _references() -> str:
    closed_lists = " UNION ALL ".join(
        _not_allowed(table, column) for table in TABLES.values() for column in table.columns if column.allowed
    )
    return f"""
        SELECT 'paragraphs: ' || document_id FROM paragraphs ANTI JOIN documents USING (document_id, month)
        UNION ALL
        SELECT 'documents.agency_id: ' || agency_id FROM documents ANTI JOIN agencies USING (agency_id)
        WHERE agency_id IS NOT NULL
        UNION ALL
        SELECT 'documents.place_id: ' || place_id FROM documents ANTI JOIN places USING (place_id)
        WHERE place_id IS NOT NULL
        UNION ALL
        SELECT 'files.source: ' || source FROM files ANTI JOIN sources USING (source)
        UNION ALL
        SELECT 'documents.month: ' || document_id FROM documents
        WHERE month IS DISTINCT FROM CASE WHEN date_precision IN ('day', 'month') THEN content_created_edtf[:7]
                                          ELSE 'undated' END
        UNION ALL
        SELECT 'documents.content_created: ' || document_id FROM documents
        WHERE (content_created IS NULL) != (date_precision != 'day')
           OR strftime(content_created, '%Y-%m-%d') != content_created_edtf
        UNION ALL
        {closed_lists}
    """


def _not_allowed(table: Table, column: Column) -> str:
    """Values of a column that are not of its closed list."""
    value = f"unnest({column.name})" if column.sql_type.endswith("[]") else column.name
    return f"""
        SELECT '{table.name}.{column.name}: ' || value FROM (SELECT DISTINCT {value} AS value FROM {table.name})
        WHERE value NOT IN ({", ".join(map(literal, column.allowed))})
    """


def _counted(connection: duckdb.DuckDBPyConnection, name: str, query: str, what: str) -> Check:
    rows = connection.execute(
        f"SELECT count(*), list(coalesce(c0, 'a row without a name'))[:3] FROM ({query}) t(c0)"
    ).fetchall()
    found, examples = rows[0]
    if not found:
        return Check(name, True, 0, "nothing found")
    return Check(name, False, found, f"{found} × {what}, such as {'; '.join(examples)}")


def _warning(trend: Trend) -> Check:
    return Check(trend.name, not trend.found, len(trend.found), trend.message or "nothing odd", trend.value)


def _own_reference(connection: duckdb.DuckDBPyConnection, home: Home, name: str) -> Check:
    found = (*strangers(home.reference), *findings(connection, run_reference(home, name)))
    return _warning(Trend("own_reference", tuple(map(str, found)), len(found)))


def _forgotten(home: Home, name: str) -> int:
    """Documents that a candidate lacks because they were forgotten."""
    candidate = Manifest.read(candidate_folder(home, name) / MANIFEST)
    published = newest(home)
    # A publish without a new run repeats the summary of the last one.
    is_repeated = published is not None and published.run_id == candidate.run_id
    return 0 if is_repeated else candidate.summary.documents_forgotten


def _collapse(
    connection: duckdb.DuckDBPyConnection, published: Manifest | None, forgotten: int, accept_shrink: bool
) -> Check:
    former = published.summary.documents_total - forgotten if published else 0
    (count,) = connection.execute("SELECT count(*) FROM documents").fetchall()[0]
    collapsed = former >= SHRINK_MINIMUM and count < former * SHRINK_LIMIT
    message = f"{count} documents, {former} in the published version"
    if forgotten:
        message += f" without the {forgotten} that are forgotten"
    if collapsed and accept_shrink:
        return Check("rows_not_collapsed", True, former - count, f"{message}; accepted")
    if collapsed:
        message = f"{message}: if that is meant, `copydesk run --accept-shrink` publishes it"
    return Check("rows_not_collapsed", not collapsed, max(former - count, 0), message)
