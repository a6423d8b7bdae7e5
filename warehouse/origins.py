"""The states that a repair can go out from: what was published, as manifests, views or logs still tell it.

Which of a state's rows are still there belongs to `warehouse.salvage`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from deltalake import DeltaTable

from etl.contract import CONTRACT_VERSION, DOCUMENTS, RUNS, SOURCES, TABLES, Table
from etl.errors import SetupFault
from warehouse.home import Home
from warehouse.inspection import file_fault, version_folders, views_of
from warehouse.lake import names_at
from warehouse.manifest import DATABASE, MANIFEST, LaterVersion, Manifest, RunSummary, TableState, now

BASE = "-base"
"""Ends the names of the files that a repair writes before the load that completes them."""

_UNTOLD = -1
"""The Delta version of a table where nothing tells it."""

_RUN_ID_LENGTH = 36


@dataclass(frozen=True)
class Origin:
    """A state of the tables as it was published, or as it was about to be.

    Attributes:
        manifest: what it consists of; Delta versions are negative where nothing tells them.
        told_by: what tells it, in words.
        is_newest: whether no later state was published, as far as can be told.
    """

    manifest: Manifest
    told_by: str
    is_newest: bool


def origins(home: Home) -> list[Origin]:
    """The states that are still told by something, the one to be preferred first.

    Raises:
        LaterVersion: a later Copydesk has written one of the versions.
    """
    folders = version_folders(home)
    target = _linked(home)
    is_untold = not folders or (target is not None and target not in folders)
    folders.sort(key=lambda folder: folder != target)
    found: list[Origin] = []
    for folder in folders:
        origin = _of_folder(home, folder, is_newest=not found and not is_untold)
        if origin is not None:
            found.append(origin)
        else:
            is_untold = is_untold or not found
    if found and target is None and _has_gone_on(home, found[0].manifest):
        found[0] = replace(found[0], is_newest=False)
    heads = _of_logs(home) if is_untold or not found else None
    # What the logs hold is later than any version but the one that nothing tells any more.
    return [heads, *found] if heads is not None else found


def _linked(home: Home) -> Path | None:
    """The folder of the version that the link names, whether it is there or not; None if it names none."""
    try:
        target = home.folder / home.link.readlink()
    except OSError:
        return None
    return target.parent if target.name == DATABASE and target.parent.parent == home.versions else None


def _has_gone_on(home: Home, manifest: Manifest) -> bool:
    """Whether the logs hold another state than a version's: then a later one may have been published."""
    return any(_logged(home, TABLES[name], None) != list(state.files) for name, state in manifest.tables.items())


def _of_folder(home: Home, folder: Path, is_newest: bool) -> Origin | None:
    try:
        return Origin(Manifest.read(folder / MANIFEST), f"version {folder.name}", is_newest)
    except LaterVersion:
        raise
    except SetupFault:
        pass
    try:
        views = views_of(folder / DATABASE)
    except duckdb.Error:
        return None
    if not set(TABLES) <= set(views):
        return None
    return Origin(_from_views(home, folder, views), f"the views of version {folder.name}", is_newest)


def _from_views(home: Home, folder: Path, views: dict[str, list[str]]) -> Manifest:
    tables: dict[str, TableState] = {}
    lake = str(home.lake)
    for table in TABLES.values():
        mark = f"/lake/{table.name}/"
        files = []
        for location in views[table.name]:
            before, _, file = location.rpartition(mark)
            lake = f"{before}/lake"
            files.append(file)
        if files or (home.lake / table.name).exists():
            tables[table.name] = _state(home, table, files)
    return _manifest(home, folder.name, tables, lake)


def _of_logs(home: Home) -> Origin | None:
    """The heads of the tables' logs, without what a run has committed that came to no end."""
    known = _ended_runs(home)
    tables: dict[str, TableState] = {}
    for table in TABLES.values():
        if (home.lake / table.name).is_dir():
            files = _logged(home, table, known)
            if files is None:
                files = _newest_files(home, table, known)
            tables[table.name] = _state(home, table, files)
    if not any(state.files for state in tables.values()):
        return None
    return Origin(_manifest(home, "", tables, str(home.lake)), "the logs of the tables", is_newest=True)


def _ended_runs(home: Home) -> set[str] | None:
    """The runs that have written their own row, which is the last thing that a load does; None if nothing tells."""
    files = _logged(home, RUNS, None)
    if files is None:
        files = _newest_files(home, RUNS, None)
    found: set[str] = set()
    for file in files:
        path = home.lake / RUNS.name / file
        if file_fault(path, RUNS, is_full=True):
            return None
        with pq.ParquetFile(path) as parquet:
            found |= set(parquet.read(["run_id"]).column("run_id").to_pylist())
    return found or None


def _logged(home: Home, table: Table, known: set[str] | None) -> list[str] | None:
    """The files of the latest entry of a table's log that ended runs alone have written; None if it is damaged."""
    folder = (home.lake / table.name).as_uri()
    with contextlib.suppress(Exception):
        for version in range(DeltaTable(folder).version(), -1, -1):
            files = list(names_at(DeltaTable(folder, version=version)))
            if all(_is_of(file, table, known) for file in files) and (files or version == 0):
                return files
    return None


def _newest_files(home: Home, table: Table, known: set[str] | None) -> list[str]:
    """The newest file of each month, or of the table: what the log would name unless a month has been emptied."""
    folder = home.lake / table.name
    newest: dict[Path, Path] = {}
    for path in folder.rglob("*.parquet"):
        file = path.relative_to(folder).as_posix()
        if file.startswith("_delta_log/") or not _is_of(file, table, known):
            continue
        other = newest.get(path.parent)
        if other is None or other.stat().st_mtime_ns < path.stat().st_mtime_ns:
            newest[path.parent] = path
    return sorted(path.relative_to(folder).as_posix() for path in newest.values())


def _is_of(file: str, table: Table, known: set[str] | None) -> bool:
    """Whether one of some runs has written a file. Sources are rewritten without a run, too, after a move."""
    stem = Path(file).stem.removesuffix(BASE)
    return known is None or stem in known or table is SOURCES


def _state(home: Home, table: Table, files: list[str]) -> TableState:
    rows = byte_count = 0
    for file in files:
        path = home.lake / table.name / file
        with contextlib.suppress(Exception):
            byte_count += path.stat().st_size
            with pq.ParquetFile(path) as parquet:
                rows += parquet.metadata.num_rows
    return TableState(_UNTOLD, tuple(sorted(files)), rows, byte_count)


def _manifest(home: Home, name: str, tables: dict[str, TableState], lake: str) -> Manifest:
    """A manifest of what is known; the versions that the rows were parsed with are those of any document."""
    parser, reference = next(_parsed_with(home, tables), ("", ""))
    last = _last_run(home, tables)
    run_id = name[:_RUN_ID_LENGTH] or last
    total = tables[DOCUMENTS.name].row_count if DOCUMENTS.name in tables else 0
    summary = RunSummary(run_id, 0, 0, 0, total, 0, (), 0.0)
    return Manifest(
        name or run_id, run_id, now().isoformat(), lake, CONTRACT_VERSION, parser, reference, tables, summary
    )


def _parsed_with(home: Home, tables: dict[str, TableState]) -> Iterator[tuple[str, str]]:
    pairs: set[tuple[str, str]] = set()
    for file in tables[DOCUMENTS.name].files if DOCUMENTS.name in tables else ():
        with contextlib.suppress(Exception), pq.ParquetFile(home.lake / DOCUMENTS.name / file) as parquet:
            columns = parquet.read(["parser_version", "reference_version"])
            pairs |= set(zip(*(column.to_pylist() for column in columns.columns), strict=True))
    # Where they differ an upgrade came to no end, and whatever is given makes the next run parse the rest again.
    if len(pairs) == 1:
        yield pairs.pop()


def _last_run(home: Home, tables: dict[str, TableState]) -> str:
    rows: list[tuple[dt.datetime, str]] = []
    for file in tables[RUNS.name].files if RUNS.name in tables else ():
        with contextlib.suppress(Exception), pq.ParquetFile(home.lake / RUNS.name / file) as parquet:
            columns = parquet.read(["started", "run_id"])
            rows += zip(*(column.to_pylist() for column in columns.columns), strict=True)
    return max(rows)[1] if rows else "unknown"
