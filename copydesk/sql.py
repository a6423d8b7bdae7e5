"""`copydesk sql`: one safe query, printed or written in the format that was asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import duckdb

from copydesk.files import require_outside, write_file
from copydesk.render import FORMS
from etl.errors import SetupFault
from warehouse.connection import UnsafeQuery, run_query, safe_connection
from warehouse.faults import storage_faults
from warehouse.home import Home


def sql_command(query: str, home_folder: str | None, form: str, output: str | None, as_of: str | None) -> int:
    """Run the query; see `copydesk sql --help`. Returns the exit status."""
    from copydesk.cli import DONE

    if form == "parquet" and output is None and sys.stdout.isatty():
        raise SetupFault("Parquet is no text for a terminal: name a file with --output FILE")
    home = Home.find(home_folder)
    if output is not None:
        require_outside(home, output)
    try:
        with storage_faults(home), safe_connection(home, as_of) as connection:
            result = run_query(connection, query)
            if form == "parquet":
                content = _parquet(result.to_arrow_table())
            else:
                text = FORMS[form](result.columns, _rows(result))
                content = f"{text}\n".encode() if text else b""
    except UnsafeQuery as refusal:
        raise SetupFault(str(refusal)) from None
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        write_file(Path(output), content)
        click.echo(f"{output}: {len(content):,} bytes", err=True)
    return DONE


def _rows(result: duckdb.DuckDBPyRelation) -> list[tuple[object, ...]]:
    """The rows of a result; an infinite date or time as text: Python has none, and is given its last day instead."""
    columns = []
    for number, kind in enumerate(result.types, 1):
        column = f"#{number}"
        if kind.id == "date" or kind.id.startswith("timestamp"):
            either = f"UNION(v {kind}, t VARCHAR)"
            column = (
                f"CASE WHEN isinf({column}) THEN union_value(t := {column}::VARCHAR)::{either} "
                f"ELSE union_value(v := {column})::{either} END"
            )
        columns.append(column)
    return result.project(", ".join(columns)).fetchall()


def _parquet(table: object) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content
