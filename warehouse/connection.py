"""Reading: connections to the published warehouse, and queries that cannot do harm.

`connect` is for Python users, who are trusted with their own files; `safe_connection` is for a query that comes
from anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import duckdb

from etl.errors import SetupFault
from warehouse.faults import storage_faults
from warehouse.home import Home
from warehouse.manifest import DATABASE, find_retained, require_current
from warehouse.scan import literal, literal_glob

ATTEMPTS = 5
"""How often a version is looked for: each time another run has to publish and clear away while we open a file."""


class UnsafeQuery(Exception):
    """A query that is refused before it runs; the message says why."""


def connect(home: str | Path | None = None, as_of: str | None = None) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the newest published version, or to a retained former one.

    It stays on that version however many runs are published meanwhile; connect again for a newer one. Results
    come as DuckDB gives them: `.df()` for pandas, `.to_arrow_table()`, `.pl()` for Polars.

    Args:
        home: the home folder; else COPYDESK_HOME, else ./data.
        as_of: the id of a run, or its unique beginning: the version that it published; or a version's name.

    Raises:
        SetupFault: nothing has been published there, or no such version is retained.
    """
    where = Home.find(home)
    for attempt in range(1, ATTEMPTS + 1):
        published = require_current(where) if as_of is None else find_retained(where, as_of)
        # By the version's own path: DuckDB gives a path that is open already in this process the file it opened then.
        path = where.versions / published.name / DATABASE
        try:
            connection = duckdb.connect(os.path.realpath(path), read_only=True)
        except duckdb.IOException:
            if path.exists() or attempt == ATTEMPTS:
                raise
            # It was cleared away since we looked: there is another now, or a fault that says so.
            continue
        # Who clears a version away moves it first and then sees whether it is open: one of us notices the other.
        if path.exists():
            return connection
        connection.close()
    raise SetupFault(f"The version {published.name} was cleared away while it was being opened: try again")


def safe_connection(home: Home, as_of: str | None = None) -> duckdb.DuckDBPyConnection:
    """A connection that can read the published views and nothing else, and whose settings are locked."""
    connection = connect(home.folder, as_of)
    folders = [f"{home.lake}/", f"{literal_glob(home.lake)}/"]
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET autoload_known_extensions = false")
    connection.execute(f"SET allowed_directories = [{', '.join(map(literal, folders))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def run_query(connection: duckdb.DuckDBPyConnection, query: str) -> duckdb.DuckDBPyRelation:
    """Run one SELECT (also DESCRIBE, SUMMARIZE, SHOW, FROM and VALUES).

    Raises:
        UnsafeQuery: it is not exactly one, or DuckDB refuses it.
    """
    try:
        statements = duckdb.extract_statements(query)
        if len(statements) != 1:
            raise UnsafeQuery(f"One statement at a time, not {len(statements)}")
        if statements[0].type != duckdb.StatementType.SELECT:
            kind = str(statements[0].type).rpartition(".")[2]
            raise UnsafeQuery(f"Only SELECT and the like can be run here, not {kind}")
        # Materialised here, so that whatever goes wrong while it runs goes wrong here.
        return connection.sql(statements[0].query).materialize()
    except duckdb.Error as error:
        if _is_damage(error):
            raise
        raise UnsafeQuery(str(error).strip()) from None


def _is_damage(error: duckdb.Error) -> bool:
    """Whether it is not the query that is wrong, but the files below the views."""
    is_of_file = ".parquet" in str(error) and not isinstance(error, duckdb.PermissionException | duckdb.BinderException)
    return is_of_file or type(error) is duckdb.Error or isinstance(error, duckdb.IOException)


def query_table(
    home: Home, query: str, parameters: Sequence[object] = ()
) -> tuple[list[str], list[tuple[object, ...]]]:
    """The names and rows that a trusted query of our own gives.

    Raises:
        SetupFault: nothing has been published, or the home is damaged.
    """
    with storage_faults(home), connect(home.folder) as connection:
        result = connection.execute(query, list(parameters))
        return [column[0] for column in result.description or ()], result.fetchall()
