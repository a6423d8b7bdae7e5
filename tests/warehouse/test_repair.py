"""A damaged home is mended from what is left, and says what is lost."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from etl import transform as transforming
from etl.contract import DOCUMENTS, REJECTS, TABLES, Table
from etl.errors import SetupFault
from tests.support import candidate, query, run, stable_rows, write
from tests.warehouse.damage import (
    Archive,
    Damage,
    archive,
    current_files,
    cut,
    delete,
    dispatch_again,
    empty,
    flip,
    garble,
    mend,
)
from warehouse import inspection
from warehouse import load as loading
from warehouse import plan as planning
from warehouse import publish as publishing
from warehouse import repair as repairing
from warehouse.home import Home
from warehouse.inspection import FORMER, inspect
from warehouse.lake import Lake
from warehouse.load import load
from warehouse.lock import WriterLock
from warehouse.manifest import current, month_of, require_current, retained
from warehouse.plan import make_plan
from warehouse.publish import build_candidate, clear_away, publish, republish
from warehouse.repair import Repair, propose
from warehouse.salvage import Salvage

Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return archive(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def whole(kept: Archive) -> Rows:
    return stable_rows(kept.home)


@pytest.fixture
def loaded(kept: Archive, whole: Rows) -> Iterator[Archive]:
    kept.reset()
    yield kept


def without_former(home: Home) -> None:
    """Leave the current version alone, so that nothing can be taken from another."""
    name = require_current(home).name
    for folder in home.versions.iterdir():
        if folder.name != name:
            shutil.rmtree(folder)
    with WriterLock(home, "test"):
        clear_away(home)


def mended(home: Home) -> Repair:
    """Mend it, and see that something was wrong and nothing is any more."""
    done = mend(home)
    assert done.problems
    assert not done.refused
    assert inspect(home, is_full=True).problems == ()
    return done


@pytest.mark.parametrize(
    ("table", "damage"),
    [
        *((name, delete) for name in TABLES if name != "document_versions"),
        *(
            pytest.param(name, damage, marks=pytest.mark.slow)
            for name in ("documents", "paragraphs", "files", "columns")
            for damage in (cut, flip)
        ),
    ],
)
def test_a_damaged_file_of_a_table_is_made_good(loaded: Archive, whole: Rows, table: str, damage: Damage) -> None:
    damage(current_files(loaded.home, table)[0])
    done = mended(loaded.home)
    assert (done.losses, done.lost_records) == ([], [])
    assert stable_rows(loaded.home) == whole
    assert run(loaded.home, loaded.source) is None


@pytest.mark.parametrize("table", ["documents", "paragraphs", "rejects", "sources", "runs"])
def test_without_former_versions_whole_tables_are_made_good_from_the_sources(
    loaded: Archive, whole: Rows, table: str
) -> None:
    home = loaded.home
    without_former(home)
    gone = {"2021-02/3.txt"} if table == "documents" else set()
    for path in current_files(home, table):
        delete(path)
    done = mended(home)
    assert {path for _, path in done.lost_records} == gone
    found = stable_rows(home)
    assert found["files"] == [row for row in whole["files"] if row[1] not in gone]
    assert found["documents"] == [row for row in whole["documents"] if row[2] not in gone]
    assert found["rejects"] == whole["rejects"]
    assert found["document_versions"] == whole["document_versions"]


def test_the_ledger_is_made_again_from_the_records(loaded: Archive, whole: Rows) -> None:
    without_former(loaded.home)
    delete(current_files(loaded.home, "files")[0])
    done = mended(loaded.home)
    assert done.losses == []
    assert stable_rows(loaded.home) == whole
    # Nothing had to be read but for its digest.
    assert require_current(loaded.home).summary.files_read == 0


def test_former_texts_are_taken_from_former_versions_and_the_rest_is_said_to_be_lost(loaded: Archive) -> None:
    home = loaded.home
    write(loaded.source, "2021-02/5.txt", dispatch_again(5), age=120)
    run(home, loaded.source)
    assert len(query(home, "FROM document_versions")) == 3
    delete(current_files(home, "document_versions")[0])
    done = mended(home)
    assert len(query(home, "FROM document_versions")) == 2
    assert done.losses == ["1 rows of document_versions: former texts, which nothing else holds"]
    assert query(home, "SELECT version FROM documents WHERE path = '2021-02/5.txt'") == [(2,)]


def test_the_numbers_of_versions_go_on_after_a_repair(loaded: Archive) -> None:
    home = loaded.home
    without_former(home)
    delete(current_files(home, "documents")[0])
    mended(home)
    write(loaded.source, "2021-02/1.txt", dispatch_again(1), age=180)
    run(home, loaded.source)
    versions = "SELECT version FROM {} WHERE path = '2021-02/1.txt' ORDER BY 1"
    assert query(home, versions.format("documents")) == [(3,)]
    assert query(home, versions.format("document_versions")) == [(1,), (2,)]


def test_what_has_no_source_any_more_is_named_and_leaves_the_ledger(loaded: Archive) -> None:
    home = loaded.home
    without_former(home)
    delete(current_files(home, "documents")[0])
    (loaded.source / "2021-02/4.txt").unlink()
    proposed = propose(home)
    assert proposed.lost_records == [("wire", "2021-02/3.txt"), ("wire", "2021-02/4.txt")]
    done = mended(home)
    assert done.lost_records == proposed.lost_records
    assert query(home, "SELECT path FROM files WHERE path IN ('2021-02/3.txt', '2021-02/4.txt')") == []
    assert query(home, "SELECT count(*) FROM documents") == [(8,)]


def test_sources_that_nothing_tells_are_asked_for(loaded: Archive) -> None:
    home = Home(loaded.home.folder)
    for path in home.versions.glob("*/manifest.json"):
        content = json.loads(path.read_text("utf-8"))
        path.chmod(0o644)
        path.write_text(json.dumps({**content, "sources": []}), "utf-8")
    delete(current_files(home, "sources")[0])
    with pytest.raises(SetupFault, match=r'nothing tells the folder of wire: name it in .*name = "wire"'):
        mend(home)
    assert (current(home) or pytest.fail()).name == require_current(home).name
    with home.settings_file.open("a") as settings:
        settings.write(f'\n[[source]]\nname = "wire"\nroot = "{loaded.source}"\n')
    mended(Home(home.folder))
    assert query(home, "SELECT source, root FROM sources") == [("wire", str(loaded.source))]


def _log(home: Home, table: str) -> Path:
    return home.lake / table / "_delta_log"


@pytest.mark.parametrize(
    "damage",
    [delete, garble, *(pytest.param(damage, marks=pytest.mark.slow) for damage in (cut, empty))],
    ids=lambda damage: damage.__name__,
)
@pytest.mark.parametrize(
    ("table", "at"),
    [("documents", 0), *(pytest.param(name, -1, marks=pytest.mark.slow) for name in ("documents", "files"))],
)
def test_a_damaged_log_is_written_anew(loaded: Archive, whole: Rows, table: str, at: int, damage: Damage) -> None:
    damage(sorted(_log(loaded.home, table).glob("*.json"))[at])
    done = mended(loaded.home)
    assert (done.losses, done.lost_records) == ([], [])
    assert stable_rows(loaded.home) == whole
    assert run(loaded.home, loaded.source) is None


@pytest.mark.parametrize(
    "damage",
    [delete, flip, *(pytest.param(damage, marks=pytest.mark.slow) for damage in (cut, garble))],
    ids=lambda damage: damage.__name__,
)
def test_a_damaged_checkpoint_is_no_loss(loaded: Archive, whole: Rows, damage: Damage) -> None:
    DeltaTable((loaded.home.lake / "documents").as_uri()).create_checkpoint()
    (checkpoint,) = _log(loaded.home, "documents").glob("*.checkpoint.parquet")
    damage(checkpoint)
    mended(loaded.home)
    assert stable_rows(loaded.home) == whole


def _version(home: Home) -> Path:
    return home.versions / require_current(home).name


def _relink(home: Home, target: str) -> None:
    home.link.unlink()
    home.link.symlink_to(target)


WHOLE_AGAIN: dict[str, Callable[[Home], object]] = {
    "link missing": lambda home: home.link.unlink(),
    "link to nothing": lambda home: _relink(home, "versions/none/warehouse.duckdb"),
    "link elsewhere": lambda home: _relink(home, "/etc/hostname"),
    "link a file": lambda home: (home.link.unlink(), home.link.write_text("a copy")),
    "link a folder": lambda home: (home.link.unlink(), home.link.mkdir()),
    "manifest garbled": lambda home: garble(_version(home) / "manifest.json"),
    "manifest empty": lambda home: empty(_version(home) / "manifest.json"),
    "manifest missing": lambda home: delete(_version(home) / "manifest.json"),
    "database missing": lambda home: delete(_version(home) / "warehouse.duckdb"),
    "database garbled": lambda home: garble(_version(home) / "warehouse.duckdb"),
    "database empty": lambda home: empty(_version(home) / "warehouse.duckdb"),
    "both garbled": lambda home: [garble(path) for path in _version(home).iterdir()],
    "version gone": lambda home: shutil.rmtree(_version(home)),
    "versions gone": lambda home: shutil.rmtree(home.versions),
    "versions and link gone": lambda home: (shutil.rmtree(home.versions), home.link.unlink()),
    "logs gone": lambda home: [shutil.rmtree(path) for path in home.lake.glob("*/_delta_log")],
    "versions and a log gone": lambda home: (shutil.rmtree(home.versions), shutil.rmtree(_log(home, "documents"))),
    "staging left": lambda home: (home.staging / "run").mkdir(parents=True),
    "candidate left": lambda home: (home.versions / "run.building").mkdir(),
    "file left": lambda home: shutil.copy(current_files(home, "files")[0], home.lake / "files" / "stray.parquet"),
    "former garbled": lambda home: [
        garble(path / "manifest.json") for path in home.versions.iterdir() if path != _version(home)
    ],
    "several": lambda home: (
        delete(current_files(home, "paragraphs")[0]),
        garble(current_files(home, "agencies")[0]),
        cut(current_files(home, "files")[0]),
        garble(sorted(_log(home, "rejects").glob("*.json"))[-1]),
        delete(_version(home) / "warehouse.duckdb"),
        home.link.unlink(),
    ),
}


ALIKE = {
    *("link to nothing", "link elsewhere", "link a folder", "manifest empty", "manifest missing", "database garbled"),
    *("database empty", "versions and link gone", "staging left", "file left"),
}
"""Damage that is found and mended as some other of the list is."""


@pytest.mark.parametrize(
    "damage", [pytest.param(name, marks=[pytest.mark.slow] if name in ALIKE else []) for name in WHOLE_AGAIN]
)
def test_what_is_told_elsewhere_is_no_loss(loaded: Archive, whole: Rows, damage: str) -> None:
    WHOLE_AGAIN[damage](loaded.home)
    done = mended(loaded.home)
    assert (done.losses, done.lost_records) == ([], [])
    assert stable_rows(loaded.home) == whole
    assert run(loaded.home, loaded.source) is None


def test_a_lake_that_is_gone_is_loaded_again_from_the_sources(loaded: Archive, tmp_path: Path) -> None:
    shutil.rmtree(loaded.home.lake)
    done = mended(loaded.home)
    assert done.losses == [
        "2 rows of document_versions: former texts, which nothing else holds",
        "1 documents, which neither the ledger nor a source names any more",
    ]
    fresh = Home(tmp_path / "fresh")
    fresh.create()
    run(fresh, loaded.source)
    assert stable_rows(loaded.home) == stable_rows(fresh)
    assert query(loaded.home, "SELECT count(*) FROM runs") == [(4,)]


def test_a_moved_home_is_mended_with_its_former_versions(loaded: Archive, whole: Rows, tmp_path: Path) -> None:
    moved = Home(tmp_path / "moved")
    shutil.copytree(loaded.home.folder, moved.folder, symlinks=True)
    former = len(retained(moved))
    mended(moved)
    assert stable_rows(moved) == whole
    assert len(retained(moved)) == former + 1
    assert {manifest.lake for manifest in retained(moved)} == {str(moved.lake)}


@pytest.mark.parametrize("damage", [delete, flip])
def test_of_a_moved_home_a_former_version_that_is_not_whole_is_said_to_go_before_it_goes(
    loaded: Archive, tmp_path: Path, damage: Damage
) -> None:
    moved = Home(tmp_path / "moved")
    shutil.copytree(loaded.home.folder, moved.folder, symlinks=True)
    with WriterLock(moved, "test"):
        publish(moved, republish(moved).name)
    oldest = retained(moved)[-1]
    kept = set(require_current(moved).tables[DOCUMENTS.name].files)
    damage(moved.lake / DOCUMENTS.name / next(file for file in oldest.tables[DOCUMENTS.name].files if file not in kept))
    going = [found for found in propose(moved).problems if found.gravity == FORMER]
    assert [found.advice for found in going] == ["the version is cleared away"] * len(going)
    done = mend(moved)
    assert {Path(found.where).name for found in going} == {
        note.split()[3] for note in done.notes if note.endswith("is dropped: it is not whole any more")
    }
    assert oldest.name not in {manifest.name for manifest in retained(moved)}
    assert inspect(moved, is_full=True).problems == ()


def test_a_run_that_was_killed_before_the_damage_is_not_published(loaded: Archive, whole: Rows) -> None:
    home = loaded.home
    write(loaded.source, "2021-02/9.txt", dispatch_again(9))
    with WriterLock(home, "test"):
        load(home, make_plan(home, [str(loaded.source)]), "killed")
    (loaded.source / "2021-02/9.txt").unlink()
    shutil.rmtree(home.versions)
    home.link.unlink()
    mended(home)
    assert stable_rows(home) == whole


def test_a_repair_that_is_killed_before_its_publish_can_be_done_again(
    loaded: Archive, whole: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = loaded.home
    delete(current_files(home, "documents")[0])
    garble(sorted(_log(home, "files").glob("*.json"))[-1])
    version = require_current(home).name

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("load", "write_registries", "build_candidate", "publish"):
        with monkeypatch.context() as patched:
            patched.setattr(f"warehouse.repair.{step}", die)
            with pytest.raises(KeyboardInterrupt):
                mend(home)
        assert require_current(home).name == version
    mended(home)
    assert stable_rows(home) == whole


def test_a_home_without_damage_is_left_as_it_is(loaded: Archive) -> None:
    before = {path: path.stat().st_mtime_ns for path in loaded.home.versions.rglob("*")}
    done = mend(loaded.home)
    assert (done.problems, done.published, done.notes) == ((), None, [])
    assert {path: path.stat().st_mtime_ns for path in loaded.home.versions.rglob("*")} == before


def test_proposing_changes_nothing(loaded: Archive) -> None:
    home = loaded.home
    delete(current_files(home, "documents")[0])
    garble(sorted(_log(home, "files").glob("*.json"))[-1])
    before = {path: path.lstat().st_mtime_ns for path in sorted(home.folder.rglob("*"))}
    found = propose(home)
    assert "2 files are read again from their sources" in found.notes
    assert {path: path.lstat().st_mtime_ns for path in sorted(home.folder.rglob("*"))} == before


def test_without_room_on_the_disk_nothing_is_changed(loaded: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    home = loaded.home
    delete(current_files(home, "documents")[0])
    before = {path: path.lstat().st_mtime_ns for path in sorted(home.lake.rglob("*")) if path.is_file()}
    monkeypatch.setattr(inspection, "LEAST_FREE", 1 << 62)
    with pytest.raises(SetupFault, match="make room"):
        mend(home)
    after = {path: path.lstat().st_mtime_ns for path in sorted(home.lake.rglob("*")) if path.is_file()}
    assert {path: time for path, time in after.items() if path.name != ".writer.lock"} == {
        path: time for path, time in before.items() if path.name != ".writer.lock"
    }


def test_damaged_files_of_dagster_are_set_aside(loaded: Archive) -> None:
    history = loaded.home.dagster / "history"
    history.mkdir()
    (history / "runs.db").write_bytes(b"garbage, and no database" * 50)
    (history / "runs.db-wal").write_bytes(b"a log")
    garble(loaded.home.dagster / "dagster.yaml")
    mended(loaded.home)
    assert {path.name.partition(".damaged-")[0] for path in history.iterdir()} == {"runs.db", "runs.db-wal"}
    assert "run_monitoring" in (loaded.home.dagster / "dagster.yaml").read_text("utf-8")


def _publish_spoilt(loaded: Archive, table: Table, spoil: Callable[[pa.Table], pa.Table]) -> None:
    """Publish a version whose rows do not hold, as a fault of ours or of a person might make one."""
    write(loaded.source, "2021-02/9.txt", dispatch_again(9))
    _, done = candidate(loaded.home, loaded.source)
    lake = Lake(loaded.home)
    state = lake.state(table)
    assert state is not None
    path = loaded.home.lake / table.name / state.files[-1]
    with pq.ParquetFile(path) as parquet:
        rows = parquet.read()
    months = [month_of(state.files[-1])] if table.is_by_month else []
    if months:
        rows = rows.append_column("month", pa.array(months * rows.num_rows)).select(table.schema.names)
    lake.commit(table, lake.write(table, spoil(rows).to_batches(), f"{done.run_id}-spoilt"), months)
    with WriterLock(loaded.home, "test"):
        build_candidate(loaded.home, done)
        publish(loaded.home, done.run_id)
    (loaded.source / "2021-02/9.txt").unlink()


def test_records_that_are_missing_in_sound_files_are_read_again(loaded: Archive) -> None:
    home = loaded.home
    _publish_spoilt(loaded, REJECTS, lambda rows: rows.slice(1))
    mended(home)
    assert query(home, "SELECT path FROM rejects ORDER BY 1") == [("binary.txt",), ("empty.txt",)]
    assert query(home, "SELECT count(*) FROM documents") == [(11,)]


def test_a_state_that_the_checks_refuse_gives_way_to_an_older_one(loaded: Archive, whole: Rows) -> None:
    def spoil(rows: pa.Table) -> pa.Table:
        at = rows.schema.get_field_index("char_count")
        return rows.set_column(at, "char_count", pa.array([1] * rows.num_rows, pa.int32()))

    _publish_spoilt(loaded, DOCUMENTS, spoil)
    repaired = mended(loaded.home)
    assert any("does not pass the check offsets_hold" in note for note in repaired.notes)
    assert stable_rows(loaded.home) == whole


def test_a_version_that_was_never_published_is_not_retained(loaded: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    home = loaded.home
    before = [manifest.name for manifest in retained(home)]
    write(loaded.source, "2021-02/9.txt", dispatch_again(9))

    def die(point: str) -> None:
        if point == "version renamed":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("warehouse.points.on_reach", die)
        with pytest.raises(KeyboardInterrupt):
            run(home, loaded.source)
    mend(home)
    assert [manifest.name for manifest in retained(home)] == before
    assert inspect(home, is_full=True).problems == ()


def test_what_is_published_by_a_repair_is_the_newest(loaded: Archive) -> None:
    home = loaded.home
    garble(_version(home) / "manifest.json")
    done = mended(home)
    assert done.published is not None
    assert retained(home)[0] == require_current(home)
    assert done.published.number > retained(home)[1].number


def test_what_was_spilled_is_kept_until_all_is_written(
    loaded: Archive, whole: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []

    def look(home: Home, state: Salvage, *rest: object) -> str:
        folders.append(Path(state.spill.name))
        assert folders[0].exists()
        return build(home, state, *rest)  # type: ignore[arg-type]

    build = repairing._build
    monkeypatch.setattr(repairing, "_build", look)
    delete(current_files(loaded.home, "documents")[0])
    mended(loaded.home)
    assert not folders[0].exists()
    assert stable_rows(loaded.home) == whole


def test_an_upgrade_that_a_repair_publishes_takes_up_rejects_too(
    loaded: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (planning, loading, publishing, transforming):
        monkeypatch.setattr(module, "PARSER_VERSION", "next")
    delete(current_files(loaded.home, "agencies")[0])
    done = mended(loaded.home)
    assert done.published is not None
    assert done.published.summary.files_read == 2, "the rejects that may read well now"
