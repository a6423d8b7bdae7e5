"""`copydesk sql`: one safe query, printed or written in the format that was asked for."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import click
import duckdb

from copydesk.render import FORMS
from etl.errors import SetupFault
from warehouse.connection import UnsafeQuery, run_query, safe_connection
from warehouse.faults import storage_faults
from warehouse.home import Home


def sql_command(query: str, home_folder: str | None, form: str, output: str | None, as_of: str | None) -> int:
    """Run the query; see `copydesk sql --help`. Returns the exit status."""
    from copydesk.cli import DONE

    if output == "":
        raise SetupFault("--output is empty")
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise SetupFault("Parquet is no text for a terminal: name a file with --output FILE")
    home = Home.find(home_folder)
    if output is not None:
        _require_outside(home, output)
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
        _write(Path(output), content)
        click.echo(f"{output}: {len(content):,} bytes", err=True)
    return DONE


def _require_outside(home: Home, output: str) -> None:
    """Leave the home to Copydesk: through the link alone a result could take the place of what is published.

    Raises:
        SetupFault: the file would lie in the home, whatever links lead there.
    """
    if Path(os.path.realpath(output)).is_relative_to(os.path.realpath(home.folder)):
        raise SetupFault(f"--output {output} lies in the home {home}, which is Copydesk's own: name a file elsewhere")


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


def _write(path: Path, content: bytes) -> None:
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        # A pipe or a device is written to, not replaced.
        path.write_bytes(content)
        return
    # Under another name first: whoever reads the file sees the former one or the whole new one.
    temporary = path.with_name(f".copydesk-{os.getpid()}.new")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise SetupFault(f"Cannot write {path}: {error.strerror}") from None
