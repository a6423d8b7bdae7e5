"""Mending a damaged home: a sound state is laid down in the lake, completed by a load, checked and published.

The commit point is the publish, as for any run: until then nothing is deleted that a version consists of, so that a
repair that is killed can be done again. What state that is belongs to `warehouse.salvage`.
"""

from __future__ import annotations

import contextlib
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from etl.contract import DOCUMENTS, TABLES
from etl.errors import SetupFault
from warehouse.checks import check_rows
from warehouse.forgotten import read_forgotten
from warehouse.home import Home
from warehouse.inspection import (
    DAMAGED,
    LEFT,
    WAREHOUSE,
    Problem,
    as_of_version,
    damaged_databases,
    database_fault,
    file_fault,
    inspect,
    instance_fault,
    link_fault,
    unfinished,
)
from warehouse.lake import ROW_GROUP, Lake
from warehouse.load import Progress, load
from warehouse.manifest import DATABASE, Manifest, current, is_same_place, next_number, now, retained
from warehouse.origins import BASE, Origin, origins
from warehouse.publish import build, build_candidate, candidate_folder, clear_away, next_name, publish, write_registries
from warehouse.salvage import Salvage, salvage


@dataclass
class Repair:
    """What a repair comes to.

    Attributes:
        problems: what was found before.
        notes: what is done, as sentences.
        losses: what is lost for good, as sentences.
        lost_records: (source, path) of each file whose records are lost.
        published: the version that was published; None if none had to be, or nothing has been done yet.
        refused: what the blocking checks found, if none of the states could be published.
    """

    problems: tuple[Problem, ...]
    notes: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    lost_records: list[tuple[str, str]] = field(default_factory=list)
    published: Manifest | None = None
    refused: tuple[str, ...] = ()

    @property
    def is_lossy(self) -> bool:
        """Whether anything is lost for good."""
        return bool(self.losses or self.lost_records)


def propose(home: Home) -> Repair:
    """What a repair would do. Changes nothing and needs no lock.

    Raises:
        SetupFault: something has to be done by hand first.
    """
    found = _examine(home)
    if _needs_version(found):
        for origin in _origins(home):
            with _salvaged(home, origin) as state:
                _tell(found, state)
            break
    return found


def repair(home: Home, progress: Progress | None = None) -> Repair:
    """Mend whatever is damaged. The caller holds the writer's lock.

    Args:
        home: which.
        progress: told of what is read again.

    Raises:
        SetupFault: something has to be done by hand first.
    """
    found = _examine(home, is_writer=True)
    if not found.problems:
        return found
    found.notes += _set_aside(home)
    home.create()
    if _needs_version(found):
        _publish_anew(home, found, progress)
        if found.published is None:
            return found
    found.notes += _mend_former(home)
    _clear_away(home)
    if any(problem.gravity == LEFT for problem in found.problems):
        found.notes.append("what was left over is cleared away")
    return found


def _examine(home: Home, is_writer: bool = False) -> Repair:
    found = Repair(inspect(home, is_full=True, is_writer=is_writer).problems)
    by_hand = [problem for problem in found.problems if problem.is_by_hand]
    if by_hand:
        first = by_hand[0]
        raise SetupFault(f"{home.folder / first.where}: {first.what}; {first.advice}, then repair again")
    return found


def _needs_version(found: Repair) -> bool:
    return any(problem.gravity == DAMAGED and problem.part == WAREHOUSE for problem in found.problems)


def _origins(home: Home) -> list[Origin]:
    found = origins(home)
    if not found:
        raise SetupFault(
            f"Nothing is left of what was published in {home}: move it away, and load the sources into a new home"
        )
    return found


@contextlib.contextmanager
def _salvaged(home: Home, origin: Origin) -> Iterator[Salvage]:
    # Rows from before something was forgotten may be taken only where it will be erased again.
    is_forgetting = origin.manifest.forgotten != read_forgotten(home).digest
    older = [
        manifest
        for manifest in retained(home)
        if manifest.name != origin.manifest.name and (is_forgetting or manifest.forgotten == origin.manifest.forgotten)
    ]
    state = salvage(home, origin, older)
    try:
        yield state
    finally:
        state.close()


def _tell(found: Repair, state: Salvage) -> None:
    found.notes += [f"the tables are taken from {state.origin.told_by}", *state.notes]
    found.losses += state.losses
    found.lost_records = state.lost_records


def _publish_anew(home: Home, found: Repair, progress: Progress | None) -> None:
    """Publish the first state that passes the checks."""
    refused: list[str] = []
    candidates = _origins(home)
    for origin in candidates:
        with _salvaged(home, origin) as state:
            name = _build(home, state, progress)
            failed = [check for check in check_rows(candidate_folder(home, name) / DATABASE) if not check.passed]
            if failed:
                refused += [f"{origin.told_by}: {check.name}: {check.message}" for check in failed]
                found.notes.append(
                    f"{origin.told_by} does not pass the check {failed[0].name}: an older state is tried"
                )
                continue
            _tell(found, state)
            _clear_link(home)
            found.published = publish(home, name)
        _compare_counts(found, candidates[0].manifest)
        return
    found.refused = tuple(refused)


def _compare_counts(found: Repair, former: Manifest) -> None:
    assert found.published is not None, "counted after the publish"
    before, after = (
        manifest.tables[DOCUMENTS.name].row_count if DOCUMENTS.name in manifest.tables else 0
        for manifest in (former, found.published)
    )
    found.notes.append(f"{before:,} documents before, {after:,} now")
    if after < before and not found.lost_records:
        found.losses.append(f"{before - after:,} documents, which neither the ledger nor a source names any more")


def _build(home: Home, state: Salvage, progress: Progress | None) -> str:
    """Lay a state down in the lake, complete it, and build the candidate; gives its name."""
    lake = Lake(home)
    run_id = str(uuid.uuid4())
    former = state.origin.manifest
    shutil.rmtree(home.staging, ignore_errors=True)
    home.staging.mkdir(parents=True, exist_ok=True)
    written = {rows.table.name for rows in state.rows}
    for table in TABLES.values():
        if table.name in former.tables:
            lake.adopt(table, state.files[table.name], former.tables[table.name].delta_version)
        elif table.name in written:
            lake.adopt(table, [], -1)
    for rows in state.rows:
        reader = state.connection.sql(rows.query).to_arrow_reader(ROW_GROUP)
        lake.commit(rows.table, lake.write(rows.table, reader, f"{run_id}{BASE}"), rows.months)
    tables = {
        name: found
        for name, found in ((name, lake.state(TABLES[name])) for name in TABLES if name in {*former.tables, *written})
        if found is not None
    }
    total = tables[DOCUMENTS.name].row_count if DOCUMENTS.name in tables else 0
    base = replace(former, lake=str(home.lake), tables=tables, summary=replace(former.summary, documents_total=total))
    if state.is_complete:
        manifest = replace(
            base, name=next_name(home, former.run_id), published_at=now().isoformat(), number=next_number(home)
        )
        lake.restore(base)
        build(home, manifest)
        return manifest.name
    state.plan.published = base
    loaded = load(home, state.plan, run_id, progress)
    if state.plan.is_forgetting:
        # What Dagster kept is cleared by runs alone: as long as this version has the former list, the next one erases
        # again, there, too.
        loaded = replace(loaded, forgotten=former.forgotten)
        state.notes.append("what is to be forgotten is erased from the tables; the next `copydesk run` ends that")
    write_registries(home, loaded, base)
    return build_candidate(home, loaded).name


def _clear_link(home: Home) -> None:
    """Make way for the link, where a folder stands in its place: renaming cannot replace one."""
    if home.link.is_dir() and not home.link.is_symlink():
        home.link.rename(_aside(home.link))


def _set_aside(home: Home) -> list[str]:
    """Put Dagster's damaged files out of the way; it makes new ones when it starts."""
    done = []
    instance = home.dagster / "dagster.yaml"
    if instance.exists() and instance_fault(home):
        done.append(_moved_aside(home, instance))
    for path, _ in list(damaged_databases(home)):
        for beside in ("-wal", "-shm"):
            # A log that belongs to another file would be taken for that of the new one.
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + beside).rename(_aside(path.with_name(path.name + beside)))
        done.append(_moved_aside(home, path))
    return done


def _moved_aside(home: Home, path: Path) -> str:
    target = _aside(path)
    path.rename(target)
    return f"{path.relative_to(home.folder)} is set aside as {target.name}, with what it held"


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}")


def _mend_former(home: Home) -> list[str]:
    """Build the former versions' files again that are damaged or of another place; drop those that are not whole."""
    done: list[str] = []
    if link_fault(home):
        return done
    current = (home.folder / home.link.readlink()).parent.name
    for manifest in retained(home):
        folder = home.versions / manifest.name
        if manifest.name == current:
            continue
        if not _is_whole(home, manifest):
            shutil.rmtree(folder, ignore_errors=True)
            done.append(f"the former version {manifest.name} is dropped: it is not whole any more")
        elif not is_same_place(manifest.lake, home.lake) or database_fault(home, manifest):
            build(home, replace(manifest, lake=str(home.lake)))
            building = candidate_folder(home, manifest.name)
            (building / DATABASE).chmod(0o444)
            shutil.rmtree(folder, ignore_errors=True)
            building.rename(folder)
            done.append(f"the file of the former version {manifest.name} is built again")
    return done


def _clear_away(home: Home) -> None:
    for path in unfinished(home):
        # The link that was prepared goes last: it says which version was never published.
        if path != home.next_link and (path.is_symlink() or path.is_file()):
            path.unlink()
    published = current(home)
    if published is not None:
        Lake(home).restore(published)
        clear_away(home)


def _is_whole(home: Home, manifest: Manifest) -> bool:
    return not any(
        file_fault(home.lake / name / file, as_of_version(TABLES[name], manifest), is_full=True)
        for name, state in manifest.tables.items()
        if name in TABLES
        for file in state.files
    )
