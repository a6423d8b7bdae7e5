"""What is wrong with a home: its link, versions, logs, Parquet files, Dagster's databases, and what was left over.

Looking changes nothing and needs no lock. What is checked of a candidate's rows belongs to `warehouse.checks`;
mending belongs to `warehouse.repair`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from etl.contract import CONTRACT_VERSION, TABLES, Table
from etl.errors import SetupFault
from warehouse.checks import check_rows
from warehouse.forgotten import ListFault, require_forgotten
from warehouse.home import Home
from warehouse.lake import ROW_GROUP, Lake
from warehouse.lock import holder
from warehouse.manifest import (
    BUILDING,
    DATABASE,
    LEAVING,
    MANIFEST,
    LaterVersion,
    Manifest,
    TableState,
    has_lost_versions,
    is_same_place,
    unfinished_version,
)
from warehouse.scan import scanned

DAMAGED = "damaged"
NO_ROOM = "no room"
DUE = "due"
FORMER = "former"
LEFT = "left over"
GRAVITIES = {
    DAMAGED: "The published warehouse, or what the next run goes out from, is not whole.",
    NO_ROOM: "The published warehouse is whole, but its disk has too little room for the next run.",
    DUE: "The published warehouse is whole, but what is to be forgotten may still be in it; the next run erases it.",
    FORMER: "A former version is not whole; the current one is not touched by it.",
    LEFT: "An unfinished run left something, which the next run clears away, or a move of the home left a former "
    "version that points at the former place, which a repair builds again. Neither does any harm.",
}
"""How bad a problem is, with what that says. A home with nothing worse than the last is sound."""

WAREHOUSE, DAGSTER, HOME = "warehouse", "dagster", "home"
"""The parts of a home: what is published and the lake; Dagster's own; the settings and the disk."""

LEAST_FREE = 100_000_000
"""Bytes that have to be free on the disk: a version with its DuckDB file and a few rewritten months."""

MANY = 3
"""Damaged files of a table from which on they are named together."""

REPAIR = "repair"
"""The command that mends whatever is marked as mendable."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        gravity: one of GRAVITIES.
        where: the file or folder, below the home where it lies in it.
        what: what was found there.
        advice: what to do, or what mending it comes to.
        is_mendable: whether `copydesk repair` mends it.
        part: of the home: warehouse, dagster or home.
    """

    gravity: str
    where: str
    what: str
    advice: str
    is_mendable: bool = True
    part: str = WAREHOUSE

    @property
    def is_by_hand(self) -> bool:
        """Whether neither a repair nor a run can do without a person mending it first."""
        return not self.is_mendable and self.gravity != DUE


@dataclass(frozen=True)
class Inspection:
    """What a look at a home found.

    Attributes:
        version: the name of the current version; None if there is none, or it cannot be told.
        file_count: Parquet files that were looked at.
        writer: who is writing at the moment, in words; None if nobody is.
        problems: the gravest first.
    """

    version: str | None
    file_count: int
    writer: str | None
    problems: tuple[Problem, ...]

    @property
    def is_sound(self) -> bool:
        """Whether there is nothing worse than leftovers."""
        return all(problem.gravity == LEFT for problem in self.problems)


def inspect(home: Home, is_full: bool = False, is_writer: bool = False) -> Inspection:
    """Look at everything in an existing home.

    Args:
        home: which.
        is_full: read every page of every Parquet file, and run the blocking checks on the current version.
        is_writer: whether the caller holds the writer's lock, so that nobody else is writing.

    Raises:
        SetupFault: the home cannot be read at all.
    """
    for _ in range(3):
        # A run may publish and clear away while we look: then what is missing may have been meant to go.
        before = _link_target(home)
        look = _Look(home, is_full, is_writer)
        problems = sorted(look.problems(), key=lambda problem: list(GRAVITIES).index(problem.gravity))
        if _link_target(home) == before:
            break
    return Inspection(look.version, look.file_count, look.writer, tuple(problems))


def link_fault(home: Home) -> str | None:
    """What is wrong with the link to the current version; None if it names one of this home's."""
    try:
        target = home.link.readlink()
    except FileNotFoundError:
        return "the link is missing"
    except OSError:
        return "this is no link, but a file or a folder of its own"
    place = home.folder / target
    if place.name != DATABASE or not is_same_place(place.parent.parent, home.versions):
        return f"the link leads to {target}, which is no version of this home"
    if not place.parent.is_dir():
        return f"the link leads to {target}, which is not there"
    return None


def file_fault(path: Path, table: Table | None, size: int | None = None, is_full: bool = False) -> str | None:
    """What is wrong with a Parquet file of the lake; None if nothing is.

    Args:
        path: the file.
        table: whose rows it holds, in the contract of today; None if its columns are of another contract.
        size: its bytes, where that is known.
        is_full: read every page, and compare it with its checksum.
    """
    try:
        held = path.stat().st_size
        if size is not None and held != size:
            return f"it has {held:,} bytes instead of {size:,}"
        with pq.ParquetFile(path, page_checksum_verification=is_full) as parquet:
            if table is not None and (missing := _missing_columns(parquet.schema_arrow, table)):
                return f"it lacks {', '.join(missing)}"
            if is_full:
                rows = sum(batch.num_rows for batch in parquet.iter_batches(ROW_GROUP))
                if rows != parquet.metadata.num_rows:
                    return f"it has {rows:,} rows instead of {parquet.metadata.num_rows:,}"
    except FileNotFoundError:
        return "it is missing"
    except (OSError, pa.ArrowException, ValueError, MemoryError) as error:
        return f"it cannot be read ({_first_line(error)})"
    return None


def database_fault(home: Home, manifest: Manifest) -> str | None:
    """What is wrong with the DuckDB file of a version; None if its views read what the manifest names."""
    path = home.versions / manifest.name / DATABASE
    if not path.is_file():
        return "it is missing"
    try:
        views = views_of(path)
    except duckdb.Error as error:
        return f"it cannot be opened ({_first_line(error)})"
    for name, state in manifest.tables.items():
        named = {f"{manifest.lake}/{name}/{file}" for file in state.files}
        if name not in views or set(views[name]) != named:
            return f"its view {name} does not read the files of {MANIFEST}"
    return None


def views_of(path: Path) -> dict[str, list[str]]:
    """The Parquet files that each view of a DuckDB file reads.

    Raises:
        duckdb.Error: it is damaged.
    """
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute("SELECT view_name, sql FROM duckdb_views() WHERE NOT internal").fetchall()
    return {name: scanned(sql) for name, sql in rows}


def log_fault(home: Home, table: Table, state: TableState) -> str | None:
    """What is wrong with the Delta log of a table; None if it holds a published state."""
    try:
        lake = Lake(home)
        head = lake.state(table)
        if head is None:
            return "it is missing"
        if head.delta_version < state.delta_version:
            return f"it ends at version {head.delta_version}, version {state.delta_version} is published"
        if tuple(sorted(lake.sizes(table, state.delta_version))) != state.files:
            return f"its version {state.delta_version} does not hold the published files"
    except Exception as error:
        # Whatever Delta Lake makes of a damaged log, it is that.
        return f"it cannot be read ({_first_line(error)})"
    return None


def damaged_databases(home: Home) -> Iterator[tuple[Path, str]]:
    """Dagster's SQLite files that are damaged, each with what was found."""
    for path in sorted(home.dagster.glob("**/*.db")):
        fault = _sqlite_fault(path)
        # One that is being written to right now is looked at again, with its log.
        if fault and _sqlite_fault(path):
            yield path, fault


def instance_fault(home: Home) -> str | None:
    """What is wrong with dagster.yaml; None if nothing is, as far as that can be told without Dagster."""
    path = home.dagster / "dagster.yaml"
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        return "it is missing"
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return f"it cannot be read ({_first_line(error)})"
    return None if isinstance(content, dict) else "it holds no settings"


def unfinished(home: Home) -> Iterator[Path]:
    """What runs that were killed or refused left beside the versions and in the lake, Parquet files aside."""
    yield from sorted(home.folder.glob(".*.new"))
    for suffix in (BUILDING, LEAVING):
        yield from sorted(home.versions.glob(f"*{suffix}"))
    if name := unfinished_version(home):
        yield home.versions / name
    if home.staging.exists():
        yield home.staging


def version_folders(home: Home) -> list[Path]:
    """The folders of the published versions, damaged ones too, the newest first."""
    unfinished = unfinished_version(home)
    folders = [path for path in home.versions.glob("*") if path.is_dir() and path.suffix not in (BUILDING, LEAVING)]
    folders = [path for path in folders if path.name != unfinished]
    return sorted(folders, key=_published, reverse=True)


class _Look:
    """One look at a home."""

    def __init__(self, home: Home, is_full: bool, is_writer: bool) -> None:
        self._home = home
        self._is_full = is_full
        self._faults: dict[Path, str | None] = {}
        self.version: str | None = None
        self.writer = None if is_writer else holder(home)

    @property
    def file_count(self) -> int:
        """How many Parquet files were looked at."""
        return len(self._faults)

    def problems(self) -> Iterator[Problem]:
        yield from self._settings()
        yield from self._versions()
        yield from self._dagster()
        yield from self._room()

    def _settings(self) -> Iterator[Problem]:
        home = self._home
        if not home.settings_file.exists():
            yield Problem(
                DAMAGED,
                home.settings_file.name,
                "it is missing",
                "a new one is written; sources that stood in it alone have to be named again",
                part=HOME,
            )
        try:
            _ = home.settings
        except SetupFault as fault:
            what = str(fault).removeprefix(f"{home.settings_file}: ")
            yield Problem(DAMAGED, home.settings_file.name, what, "correct it in an editor", False, HOME)

    def _versions(self) -> Iterator[Problem]:
        home = self._home
        manifests: list[Manifest] = []
        damaged: list[tuple[Path, str]] = []
        for folder in version_folders(home):
            try:
                manifests.append(Manifest.read(folder / MANIFEST))
            except LaterVersion as later:
                yield Problem(DAMAGED, self._name(folder), str(later), "upgrade Copydesk", is_mendable=False)
                return
            except SetupFault:
                damaged.append((folder, f"its {MANIFEST} is missing or damaged"))
        fault = link_fault(home)
        current = None if fault else (home.folder / home.link.readlink()).parent
        if fault and (manifests or damaged or _link_target(home) or has_lost_versions(home)):
            yield Problem(
                DAMAGED, home.link.name, fault, "a version is published from what is there, and it names that"
            )
        for folder, what in damaged:
            is_current = folder == current
            advice = "it is made again from what the others and the logs tell" if is_current else "it is cleared away"
            yield Problem(DAMAGED if is_current else FORMER, self._name(folder), what, advice)
        # A link that is broken names none: the newest sound version is the one that matters.
        at = current.name if current else manifests[0].name if manifests else None
        self.version = at if current and any(manifest.name == at for manifest in manifests) else None
        # First of all, as its files are looked at more closely than the others'.
        for manifest in sorted(manifests, key=lambda manifest: manifest.name != at):
            yield from self._current(manifest) if manifest.name == at else self._former(manifest)
        if not self.writer:
            # Where a version cannot be read, nobody can tell what is of none.
            yield from self._leftovers([] if damaged or fault else manifests)

    def _current(self, manifest: Manifest) -> Iterator[Problem]:
        home = self._home
        database = f"{self._name(home.versions / manifest.name)}/{DATABASE}"
        is_moved = not is_same_place(manifest.lake, home.lake)
        if is_moved:
            former = Path(manifest.lake).parent
            yield Problem(
                DAMAGED, ".", f"the home has moved here from {former}", "a version is published for this place"
            )
        fault = database_fault(home, manifest)
        if fault:
            yield Problem(DAMAGED, database, fault, f"it is built again from {MANIFEST}")
        yield from self._forgotten(manifest)
        is_whole = True
        for name, state in manifest.tables.items():
            if name not in TABLES:
                continue
            log = log_fault(home, TABLES[name], state)
            if log:
                folder = f"{self._name(home.lake / name)}/_delta_log"
                yield Problem(DAMAGED, folder, log, "a new log is written over the files that are there")
            for problem in self._files(manifest, TABLES[name], state, sizes=not log):
                is_whole = False
                yield problem
        if self._is_full and not fault and not is_moved and is_whole:
            for check in check_rows(home.versions / manifest.name / DATABASE):
                if not check.passed:
                    what = f"the check {check.name} does not hold: {check.message}"
                    yield Problem(DAMAGED, database, what, "the rows that it names are read again")

    def _forgotten(self, manifest: Manifest) -> Iterator[Problem]:
        home = self._home
        try:
            listed = require_forgotten(home, manifest)
        except ListFault as fault:
            yield Problem(DAMAGED, fault.where, fault.what, fault.advice, False, HOME)
            return
        # While a run is at work, it may be erasing that.
        if listed.digest != manifest.forgotten and not self.writer:
            what = "the tables were made with another list: something that it names may still be in them"
            advice = f"the next run erases it: {home.command('run')}"
            yield Problem(DUE, home.forgotten.name, what, advice, is_mendable=False)

    def _files(self, manifest: Manifest, table: Table, state: TableState, sizes: bool) -> Iterator[Problem]:
        home = self._home
        known = Lake(home).sizes(table, state.delta_version) if sizes else {}
        folder = home.lake / table.name
        faults = {
            file: fault
            for file in state.files
            if (fault := self._file_fault(folder / file, table, manifest, known.get(file), self._is_full))
        }
        advice = _MENDED_FROM.get(table.name, "its rows are made again")
        if len(faults) > MANY:
            file, fault = next(iter(faults.items()))
            what = f"{len(faults):,} of its {len(state.files):,} files are damaged, such as {file}: {fault}"
            yield Problem(DAMAGED, self._name(folder), what, advice)
            return
        for file, fault in faults.items():
            yield Problem(DAMAGED, self._name(folder / file), fault, advice)

    def _former(self, manifest: Manifest) -> Iterator[Problem]:
        home = self._home
        where = self._name(home.versions / manifest.name)
        lost = [
            self._name(home.lake / name / file)
            for name, state in manifest.tables.items()
            for file in state.files
            if name in TABLES
            and self._file_fault(home.lake / name / file, TABLES[name], manifest, is_full=self._is_full)
        ]
        if lost:
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            yield Problem(FORMER, where, f"its file {lost[0]}{more} is damaged", "the version is cleared away")
        elif not is_same_place(manifest.lake, home.lake):
            yield Problem(LEFT, where, "its views point at the home's former place", "a repair builds it again")
        elif fault := database_fault(home, manifest):
            yield Problem(FORMER, f"{where}/{DATABASE}", fault, f"it is built again from {MANIFEST}")

    def _leftovers(self, manifests: Iterable[Manifest]) -> Iterator[Problem]:
        home = self._home
        advice = "the next run clears it away, even one that finds nothing new"
        for path in unfinished(home):
            yield Problem(LEFT, self._name(path), "an unfinished run left it", advice)
        named = {home.lake / name / file for m in manifests for name, state in m.tables.items() for file in state.files}
        if named:
            strays = sorted(set(_parquet_files(home)) - named)
            if strays:
                what = f"{len(strays):,} Parquet files are of no version, such as {self._name(strays[0])}"
                yield Problem(LEFT, self._name(home.lake), what, advice)

    def _dagster(self) -> Iterator[Problem]:
        home = self._home
        if fault := instance_fault(home):
            where = self._name(home.dagster / "dagster.yaml")
            yield Problem(DAMAGED, where, fault, "it is set aside, and the default is written anew", part=DAGSTER)
        for path, fault in damaged_databases(home):
            advice = "it is set aside with the history in it, and Dagster makes a new one"
            yield Problem(DAMAGED, self._name(path), fault, advice, part=DAGSTER)

    def _room(self) -> Iterator[Problem]:
        free = shutil.disk_usage(self._home.folder).free
        if free < LEAST_FREE:
            what = f"{free / 1e6:,.0f} MB are free on its disk, {LEAST_FREE / 1e6:,.0f} MB are needed"
            yield Problem(NO_ROOM, ".", what, "make room", False, HOME)

    def _file_fault(
        self, path: Path, table: Table, manifest: Manifest, size: int | None = None, is_full: bool = False
    ) -> str | None:
        if path not in self._faults:
            self._faults[path] = file_fault(path, as_of_version(table, manifest), size, is_full)
        return self._faults[path]

    def _name(self, path: Path) -> str:
        return path.relative_to(self._home.folder).as_posix()


_MENDED_FROM = {
    "documents": "its documents are taken from a former version or read again from the sources",
    "paragraphs": "its paragraphs are made again from the documents",
    "document_versions": "what former versions still hold of it is taken from there; the rest is lost",
    "files": "it is made again from documents, rejects and sources",
    "rejects": "its rejects are taken from a former version or read again from the sources",
    "runs": "it is made again from the versions that are kept",
}


def as_of_version(table: Table, manifest: Manifest) -> Table | None:
    """The table as a version holds it; None if it has another contract, whose columns are not known any more."""
    return table if manifest.contract_version == CONTRACT_VERSION else None


def _missing_columns(schema: pa.Schema, table: Table) -> list[str]:
    """The stored columns that a file lacks or has in another type; the month is in its folder's name."""
    wanted = [field for field in table.schema if not (table.is_by_month and field.name == "month")]
    return [
        field.name for field in wanted if field.name not in schema.names or schema.field(field.name).type != field.type
    ]


def _parquet_files(home: Home) -> Iterator[Path]:
    for path in home.lake.glob("*/**/*.parquet"):
        if not {"_delta_log", home.staging.name} & set(path.relative_to(home.lake).parts):
            yield path


def _published(folder: Path) -> str:
    """When a version was published, as its manifest says; else when its file was built."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((folder / MANIFEST).read_text("utf-8"))["published_at"])
    for path in (folder / DATABASE, folder):
        with contextlib.suppress(OSError):
            return dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC).replace(tzinfo=None).isoformat()
    return ""


def _sqlite_fault(path: Path) -> str | None:
    if not path.stat().st_size:
        return "it is empty"
    # Opened as it is, SQLite would make files beside a database whose log has been closed.
    has_log = all(path.with_name(f"{path.name}-{part}").exists() for part in ("wal", "shm"))
    address = f"{path.as_uri()}?mode=ro{'' if has_log else '&immutable=1'}"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.OperationalError as error:
        # Locked by Dagster, which is no damage.
        return None if "locked" in str(error) else f"it cannot be opened ({_first_line(error)})"
    except sqlite3.DatabaseError as error:
        return f"it is damaged ({_first_line(error)})"
    return None if found == [("ok",)] else f"it is damaged ({_first_line(found[0][0])})"


def _link_target(home: Home) -> Path | None:
    try:
        return home.link.readlink()
    except OSError:
        return None


def _first_line(error: object) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
