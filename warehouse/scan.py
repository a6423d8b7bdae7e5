"""SQL that reads Parquet files by an explicit list: a glob would mix versions while files change."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from etl.addresses import FILE_OF
from etl.contract import Column, Table


def literal(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def literal_glob(location: str | Path) -> str:
    """A path as DuckDB's glob that matches that path alone: brackets and the like in it are no pattern."""
    return re.sub(r"([\[*])", r"[\1]", str(location))


def file_of_path(path: str = "path") -> str:
    """The file that a record lies in, from the column of its path, as `etl.addresses.file_of` has it."""
    return f"CASE WHEN contains({path}, '!/') THEN regexp_replace({path}, {literal(FILE_OF)}, '\\1') ELSE {path} END"


def scanned(query: str) -> list[str]:
    """The Parquet files that a query of ours reads, as `scan` was given them."""
    found = re.findall(r"'((?:[^']|'')+\.parquet)'", query)
    return [re.sub(r"\[([\[*])\]", r"\1", text.replace("''", "'")) for text in found]


def scan(table: Table, locations: Iterable[Path], columns: Iterable[Column] | None = None) -> str:
    """A SELECT of a table's stored rows.

    Args:
        table: which.
        locations: its Parquet files; none gives a typed empty SELECT.
        columns: those that the files hold; all stored ones by default.
    """
    wanted = list(columns if columns is not None else table.stored)
    files = ", ".join(literal(literal_glob(location)) for location in locations)
    if not files:
        typed = ", ".join(f"CAST(NULL AS {column.sql_type}) AS {column.name}" for column in wanted)
        return f"SELECT {typed} WHERE false"
    names = ", ".join(column.name for column in wanted)
    # DuckDB guesses the types of folder names otherwise: 2021-02 would be a date.
    partitions = ", hive_partitioning = true, hive_types = {'month': 'VARCHAR'}" if table.is_by_month else ""
    return f"SELECT {names} FROM read_parquet([{files}]{partitions})"
