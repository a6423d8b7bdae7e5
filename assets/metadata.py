"""What the web UI shows of each asset: description, owner, kinds, columns; and after a run: rows, preview, charts.

Applied once, to all alike. Markdown and escaping belong to `assets.markdown`.
"""

import inspect
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from assets.markdown import bar_chart, share_table
from etl.contract import (
    AGENCIES,
    COLUMNS,
    DOCUMENT_VERSIONS,
    DOCUMENTS,
    FILES,
    PARAGRAPHS,
    PLACES,
    REJECTS,
    RUNS,
    SOURCES,
    Table,
    columns_table,
)
from etl.transform import transform
from warehouse import publish, trends
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.load import load
from warehouse.manifest import TableState
from warehouse.scan import file_of_path, scan

OWNER = "team:copydesk"
GROUP = "newswire"
"""One group for all: the UI opens the graph of a single group, and folds several away."""

STANDARD = "https://iptc.org/standards/ninjs/"
DICTIONARY = Path(__file__).parent.parent / "docs" / "tables.md"
"""The data dictionary, where Copydesk runs from a checkout: it is not installed with the packages."""

PREVIEW_ROWS = 5
PREVIEW_CHARACTERS = 40
"""More would wrap in the narrow column that the UI leaves for a preview."""

PREVIEW: dict[str, tuple[str, ...]] = {
    DOCUMENTS.name: ("located", "content_created", "agency_id", "text", "path"),
    DOCUMENT_VERSIONS.name: ("version", "reason", "valid_to", "text", "path"),
    PARAGRAPHS.name: ("document_id", "paragraph_index", "char_start", "char_end", "word_count"),
    SOURCES.name: ("source", "root", "patterns"),
    FILES.name: ("source", "path", "byte_count", "status", "record_count", "first_seen"),
    REJECTS.name: ("reason", "message", "raw_excerpt", "path"),
    AGENCIES.name: ("agency_id", "name", "country_code", "kind"),
    PLACES.name: ("place_id", "name", "country_code", "population"),
    COLUMNS.name: ("table_name", "column_name", "type", "meaning"),
    RUNS.name: ("started", "files_read", "documents_written", "rejects", "seconds"),
}
"""The columns that say most about a row, by table; what comes last may lie outside of a narrow window."""

SHOWN = {
    FILES.name: f"(source, path) NOT IN (SELECT (source, {file_of_path()}) FROM rejects WHERE reason = 'forgotten')",
    REJECTS.name: "reason != 'forgotten'",
}
"""What a preview may show of a table: Dagster keeps it, and the path of what was forgotten is to go with its file."""

SENTENCES = {
    DOCUMENTS.name: "Every dispatch as it stands now: its text; when, where and by which agency it was written; "
    "and how that is known.",
    DOCUMENT_VERSIONS.name: "What dispatches said before they were changed, renamed or withdrawn.",
    PARAGRAPHS.name: "Where each paragraph of a dispatch begins and ends.",
    SOURCES.name: "The folders that raw files came from.",
    FILES.name: "The ledger: every file that a source holds or held, and what became of it.",
    REJECTS.name: "What could not be loaded, why, and what to do about it.",
    AGENCIES.name: "The agencies that are known by name, in the scripts of the world.",
    PLACES.name: "The places that datelines name, with their coordinates.",
    COLUMNS.name: "The meaning of every column of every table.",
    RUNS.name: "What each run read and wrote, and how long it took.",
}
"""What a table is for, in one plain sentence; `Table.comment` says what one row is."""

_MADE_BY: dict[str, Callable[..., Any]] = {
    **dict.fromkeys((DOCUMENTS.name, PARAGRAPHS.name, REJECTS.name), transform),
    **dict.fromkeys((DOCUMENT_VERSIONS.name, FILES.name, SOURCES.name), load),
    **dict.fromkeys((AGENCIES.name, PLACES.name, RUNS.name), publish.write_registries),
    COLUMNS.name: columns_table,
}
"""The function that a table's rows come from."""


def table_spec(home: Home, table: Table, deps: list[str]) -> dg.AssetSpec:
    """The asset of a table of the lake."""
    return dg.AssetSpec(
        table.name,
        deps=deps,
        description=f"{SENTENCES[table.name]} {table.comment}\n\nKey: {', '.join(table.key)}. "
        f"Names follow [IPTC ninjs]({STANDARD}), NewsML-G2 and schema.org; docs/tables.md is the data dictionary.",
        owners=[OWNER],
        group_name=GROUP,
        kinds={"deltalake", "parquet"},
        metadata={
            "dagster/column_schema": column_schema(table),
            "dagster/table_name": f"main.{table.name}",
            "dagster/uri": (home.lake / table.name).as_uri(),
            "dagster/code_references": code_references(_MADE_BY[table.name]),
        },
        skippable=True,
    )


def code_references(function: Callable[..., Any]) -> dg.CodeReferencesMetadataValue:
    """Where an asset's rows are made, and the data dictionary that explains them."""
    function = inspect.unwrap(function)
    _, line = inspect.getsourcelines(function)
    with warnings.catch_warnings():
        # Each of these would warn, whenever the definitions are loaded, that it may change.
        warnings.simplefilter("ignore", dg.BetaWarning)
        references: list[dg.LocalFileCodeReference | dg.UrlCodeReference] = [
            dg.LocalFileCodeReference(
                file_path=inspect.getfile(function), line_number=line, label=f"{function.__name__}()"
            )
        ]
        if DICTIONARY.exists():
            references.append(dg.LocalFileCodeReference(file_path=str(DICTIONARY), label="data dictionary"))
        return dg.CodeReferencesMetadataValue(code_references=references)


def column_schema(table: Table) -> dg.TableSchema:
    """A table's columns as the UI lists them."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.name,
                column.sql_type,
                column.comment,
                dg.TableColumnConstraints(
                    nullable=column.is_nullable,
                    unique=table.key == (column.name,),
                    other=[f"one of {', '.join(column.allowed)}"] if column.allowed else [],
                ),
                {"volatile": ""} if column.is_volatile else {},
            )
            for column in table.columns
        ]
    )


def run_metadata(home: Home, tables: tuple[Table, ...], run_id: str) -> dict[str, Mapping[str, Any]]:
    """What the materializations of a run say of the tables that it has written, by table.

    Args:
        home: whose.
        tables: which.
        run_id: of the run: a preview shows its rows first.
    """
    lake = Lake(home)
    found: dict[str, Mapping[str, Any]] = {}
    with duckdb.connect() as connection:
        states = {table.name: lake.state(table) for table in tables}
        for table in tables:
            state = states[table.name]
            files = [home.lake / table.name / name for name in state.files] if state else []
            connection.execute(f"CREATE TEMP VIEW {table.name} AS {scan(table, files)}")
        for table in tables:
            state = states[table.name]
            charts = document_metadata(connection) if table is DOCUMENTS else {}
            found[table.name] = {**charts, "preview": _preview(connection, table, run_id), **_size(state)}
    return found


def document_metadata(connection: duckdb.DuckDBPyConnection) -> Mapping[str, Any]:
    """Charts of all documents, and the shares of them that are dated, placed and so on as numbers that plot over runs.

    Args:
        connection: in which `documents` is a table or view.
    """
    months = dict(connection.execute("SELECT month, count(*) FROM documents GROUP BY month").fetchall())
    conditions = ", ".join(f"count(*) FILTER ({condition}) / count(*)" for _, condition in trends.SHARES.values())
    (overall,) = connection.execute(f"SELECT 'all', count(*), {conditions} FROM documents").fetchall()
    sources = connection.execute(
        f"SELECT source, count(*) AS n, {conditions} FROM documents GROUP BY source ORDER BY n DESC, source"
    ).fetchall()
    titles = [name.removeprefix("share_").replace("_", " ") for name in trends.SHARES]
    # With one source, the line of all of them would say the same twice.
    listed = [overall, *sources] if len(sources) > 1 else sources
    return {
        "documents_per_month": dg.MetadataValue.md(bar_chart(months, "documents")),
        "shares": dg.MetadataValue.md(
            share_table([(name, n, dict(zip(titles, shares, strict=True))) for name, n, *shares in listed])
        ),
        **({name: round(share, 4) for name, share in zip(trends.SHARES, overall[2:], strict=True)} if sources else {}),
    }


def _size(state: TableState | None) -> dict[str, Any]:
    """How many rows a table has now, in how many bytes and files."""
    return {
        "dagster/row_count": state.row_count if state else 0,
        "bytes": state.byte_count if state else 0,
        "files": len(state.files) if state else 0,
        "delta_version": state.delta_version if state else None,
    }


def _preview(connection: duckdb.DuckDBPyConnection, table: Table, run_id: str) -> dg.TableMetadataValue:
    """Rows that the run wrote, or any if it wrote none, cut to a readable width; the UI shows them as plain text."""
    columns = [table.column(name) for name in PREVIEW[table.name]]
    names = ", ".join(column.name for column in columns)
    query = f"SELECT {names} FROM {table.name} WHERE {SHOWN.get(table.name, 'true')}"
    rows = []
    if any(column.name == "run_id" for column in table.stored):
        rows = connection.execute(f"{query} AND run_id = $1 LIMIT {PREVIEW_ROWS}", [run_id]).fetchall()
    if not rows:
        rows = connection.execute(f"{query} LIMIT {PREVIEW_ROWS}").fetchall()
    records = [
        dg.TableRecord({column.name: _cut(value) for column, value in zip(columns, row, strict=True)}) for row in rows
    ]
    schema = dg.TableSchema([dg.TableColumn(column.name, column.sql_type) for column in columns])
    return dg.TableMetadataValue(records, schema)


def _cut(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = " ".join(str(value).split())
    return text if len(text) <= PREVIEW_CHARACTERS else f"{text[: PREVIEW_CHARACTERS - 1]}…"
