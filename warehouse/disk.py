"""What a home takes on disk, part by part. Freeing any of it belongs to `warehouse.publish` and `warehouse.prune`."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from pathlib import Path

from etl.contract import TABLES
from warehouse.home import Home
from warehouse.manifest import newest, retained

LOG = "_delta_log"
"""Delta Lake's folder in each table's."""


@dataclass(frozen=True)
class TableUse:
    """Bytes of one table of the lake.

    Attributes:
        current: of the files that the current version consists of.
        former: of files that only retained former versions need.
        log: of Delta Lake's log.
        left: of files that no version needs: a killed or refused run has left them for the next one to clear away.
    """

    current: int = 0
    former: int = 0
    log: int = 0
    left: int = 0


@dataclass(frozen=True)
class DiskUse:
    """Bytes of a home.

    Attributes:
        lake: of the whole lake, staging included.
        tables: of each table in it.
        staging: of rows that runs in progress, or killed ones, have staged.
        versions: of all published versions.
        former_versions: of those of them that are not current.
        dagster: of Dagster's runs and events.
    """

    lake: int
    tables: dict[str, TableUse]
    staging: int
    versions: int
    former_versions: int
    dagster: int

    def to_json(self) -> dict[str, object]:
        """As `copydesk status --json` has it."""
        return {
            "lake": self.lake,
            "versions": self.versions,
            "dagster": self.dagster,
            "staging": self.staging,
            "former_versions": self.former_versions,
            "tables": {name: asdict(use) for name, use in self.tables.items()},
        }


def disk_use(home: Home) -> DiskUse:
    """Measure a home."""
    current = newest(home)
    versions = retained(home)
    tables = {}
    for name in TABLES:
        needed = {file for manifest in versions if name in manifest.tables for file in manifest.tables[name].files}
        own = set(current.tables[name].files) if current and name in current.tables else set()
        tables[name] = _table_use(home.lake / name, own, needed)
    whole = byte_count(home.versions)
    return DiskUse(
        byte_count(home.lake),
        tables,
        byte_count(home.staging),
        whole,
        whole - (byte_count(home.versions / current.name) if current else 0),
        byte_count(home.dagster),
    )


def byte_count(folder: Path) -> int:
    """Bytes of all files below a folder; 0 if there is none."""
    return sum(_sizes(folder).values())


def _table_use(folder: Path, own: set[str], needed: set[str]) -> TableUse:
    use = dict.fromkeys(("current", "former", "log", "left"), 0)
    for path, size in _sizes(folder).items():
        relative = path.relative_to(folder)
        name = relative.as_posix()
        part = "log" if relative.parts[0] == LOG else "current" if name in own else "former"
        use[part if part != "former" or name in needed else "left"] += size
    return TableUse(**use)


def _sizes(folder: Path) -> dict[Path, int]:
    """The files below a folder, and their bytes."""
    sizes = {}
    for path in folder.rglob("*"):
        # A run may be clearing files away meanwhile.
        with contextlib.suppress(OSError):
            if path.is_file() and not path.is_symlink():
                sizes[path] = path.stat().st_size
    return sizes
