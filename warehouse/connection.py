"""Reading: connections to the published warehouse, for Python users, who are trusted with their own files.

Queries that come from anywhere belong to `warehouse.safe`.
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

ATTEMPTS = 5
"""How often a version is looked for: each time another run has to publish and clear away while we open a file."""


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
