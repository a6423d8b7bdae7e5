"""What the web UI shows of each table: description, owner, kinds, columns, row count. Applied once, to all alike."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from etl.contract import Table
from warehouse.home import Home
from warehouse.manifest import TableState

OWNER = "team:copydesk"
GROUP = "newswire"
"""One group for all: the UI opens the graph of a single group, and folds several away."""


def table_spec(home: Home, table: Table, deps: list[str]) -> dg.AssetSpec:
    """The asset of a table of the lake."""
    return dg.AssetSpec(
        table.name,
        deps=deps,
        description=f"{table.comment}\n\nKey: {', '.join(table.key)}. The data dictionary is docs/tables.md.",
        owners=[OWNER],
        group_name=GROUP,
        kinds={"deltalake", "parquet"},
        metadata={
            "dagster/column_schema": column_schema(table),
            "dagster/table_name": f"main.{table.name}",
            "dagster/uri": (home.lake / table.name).as_uri(),
        },
        skippable=True,
    )


def column_schema(table: Table) -> dg.TableSchema:
    """A table's columns as the UI lists them."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.name,
                column.sql_type,
                column.comment,
                dg.TableColumnConstraints(nullable=column.is_nullable, unique=table.key == (column.name,)),
                {"volatile": ""} if column.is_volatile else {},
            )
            for column in table.columns
        ]
    )


def row_metadata(state: TableState | None) -> Mapping[str, Any]:
    """What a materialization of a table says: how many rows it has now, in how many bytes and files."""
    return {
        "dagster/row_count": state.row_count if state else 0,
        "bytes": state.byte_count if state else 0,
        "files": len(state.files) if state else 0,
        "delta_version": state.delta_version if state else None,
    }
