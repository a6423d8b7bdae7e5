"""`copydesk check` finds every kind of damage and changes nothing."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from copydesk.run import _clear_leftovers
from etl.contract import REJECTS
from etl.errors import SetupFault
from tests.support import candidate, run, write
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
from warehouse.connection import query_table
from warehouse.faults import storage_faults
from warehouse.home import Home
from warehouse.inspection import DAMAGED, DUE, FORMER, LEFT, NO_ROOM, Problem, inspect
from warehouse.lake import Lake
from warehouse.lock import WriterLock
from warehouse.manifest import require_current
from warehouse.publish import build_candidate, publish, republish
from warehouse.safe import ask


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return archive(tmp_path_factory.mktemp("archive"))


@pytest.fixture
def loaded(kept: Archive) -> Iterator[Archive]:
    kept.reset()
    yield kept


def only(home: Home, is_full: bool = False) -> Problem:
    (problem,) = inspect(home, is_full).problems
    return problem


def test_a_sound_home_is_sound_and_looking_changes_nothing(loaded: Archive) -> None:
    def state() -> dict[Path, tuple[int, int]]:
        return {p: (p.lstat().st_mtime_ns, p.lstat().st_size) for p in sorted(loaded.home.folder.rglob("*"))}

    before = state()
    found = inspect(loaded.home, is_full=True)
    assert (found.problems, found.is_sound, found.writer) == ((), True, None)
    assert found.version == require_current(loaded.home).name
    assert found.file_count > 20
    assert state() == before


def test_a_home_without_anything_in_it_is_sound(home: Home) -> None:
    assert inspect(home).problems == ()


@pytest.mark.parametrize("table", ["documents", "files", "agencies"])
@pytest.mark.parametrize(
    ("damage", "what"),
    [(delete, "it is missing"), (cut, "bytes instead of"), (garble, "bytes instead of"), (empty, "0 bytes")],
)
def test_a_damaged_parquet_file_is_named(loaded: Archive, table: str, damage: Damage, what: str) -> None:
    path = current_files(loaded.home, table)[0]
    damage(path)
    found = [problem for problem in inspect(loaded.home).problems if problem.gravity == DAMAGED]
    assert [(problem.where, problem.is_mendable) for problem in found] == [
        (path.relative_to(loaded.home.folder).as_posix(), True)
    ]
    assert what in found[0].what


def test_flipped_bits_are_found_by_reading_the_files_whole(loaded: Archive) -> None:
    flip(current_files(loaded.home, "documents")[0])
    assert inspect(loaded.home).problems == ()
    found = inspect(loaded.home, is_full=True)
    assert "cannot be read" in found.problems[0].what
    assert not found.is_sound


def test_many_damaged_files_of_a_table_are_one_line(loaded: Archive) -> None:
    for path in current_files(loaded.home, "documents"):
        delete(path)
    found = [problem for problem in inspect(loaded.home).problems if problem.gravity == DAMAGED]
    assert [(problem.where, problem.what[:24]) for problem in found] == [("lake/documents", "4 of its 4 files are dam")]


def test_rows_that_break_a_check_are_found_by_looking_at_all_of_them(loaded: Archive) -> None:
    write(loaded.source, "2021-02/9.txt", dispatch_again(9))
    # As if rows had been lost on the way: nothing is wrong with any file.
    _, done = candidate(loaded.home, loaded.source)
    lake = Lake(loaded.home)
    lake.replace(REJECTS, [], done.run_id)
    with WriterLock(loaded.home, "test"):
        build_candidate(loaded.home, done)
        publish(loaded.home, done.run_id)
    assert inspect(loaded.home).problems == ()
    problem = only(loaded.home, is_full=True)
    assert problem.gravity == DAMAGED
    assert "the check balance does not hold" in problem.what


def log(home: Home, table: str) -> Path:
    return home.lake / table / "_delta_log"


@pytest.mark.parametrize("damage", [delete, cut, garble, empty])
@pytest.mark.parametrize("at", [0, -1])
def test_a_damaged_log_is_named(loaded: Archive, damage: Damage, at: int) -> None:
    damage(sorted(log(loaded.home, "files").glob("*.json"))[at])
    problem = only(loaded.home)
    assert (problem.gravity, problem.where) == (DAMAGED, "lake/files/_delta_log")


def test_what_an_unfinished_run_left_is_no_damage(loaded: Archive) -> None:
    write(loaded.source, "2021-02/9.txt", dispatch_again(9))
    candidate(loaded.home, loaded.source)
    found = inspect(loaded.home, is_full=True)
    assert found.is_sound
    assert {problem.gravity for problem in found.problems} == {LEFT}
    assert {problem.where.partition("/")[0] for problem in found.problems} == {"lake", "versions"}
    assert {problem.advice for problem in found.problems} == {
        "the next run clears it away, even one that finds nothing new"
    }
    (loaded.home.folder / ".forgotten.txt.new").write_text("half of it")
    (loaded.source / "2021-02/9.txt").unlink()
    assert run(loaded.home, loaded.source) is None
    _clear_leftovers(loaded.home)
    assert inspect(loaded.home, is_full=True).problems == ()


def test_what_an_unfinished_run_left_is_cleared_away_by_a_publish(loaded: Archive) -> None:
    write(loaded.source, "2021-02/9.txt", dispatch_again(9))
    candidate(loaded.home, loaded.source)
    run(loaded.home, loaded.source)
    assert inspect(loaded.home, is_full=True).problems == ()


def test_a_run_that_is_writing_is_noted_and_its_files_are_left_alone(loaded: Archive) -> None:
    with WriterLock(loaded.home, "a test"):
        (loaded.home.staging / "x").mkdir(parents=True)
        found = inspect(loaded.home)
        assert found.problems == ()
        assert "a test, process" in (found.writer or "")
    assert only(loaded.home).where == "lake/.staging"


def test_the_note_of_a_process_that_died_is_no_writer(loaded: Archive) -> None:
    (loaded.home.lake / ".writer.json").write_text('{"pid": 1, "holder": "copydesk run", "since": "2026"}')
    assert inspect(loaded.home).writer is None


def test_a_damaged_former_version_is_named_less_gravely(loaded: Archive) -> None:
    current = require_current(loaded.home).name
    former = next(path for path in sorted(loaded.home.versions.iterdir()) if path.name != current)
    garble(former / "warehouse.duckdb")
    problem = only(loaded.home)
    assert (problem.gravity, problem.where) == (FORMER, f"versions/{former.name}/warehouse.duckdb")


@pytest.mark.parametrize("content", [b"garbage, and no database" * 50, b""])
def test_a_damaged_database_of_dagster_is_named(loaded: Archive, content: bytes) -> None:
    path = loaded.home.dagster / "history" / "runs.db"
    path.parent.mkdir()
    path.write_bytes(content)
    problem = only(loaded.home)
    assert (problem.part, problem.where) == ("dagster", "dagster/history/runs.db")


@pytest.mark.parametrize(("name", "content"), [("copydesk.toml", "[[source]"), ("dagster/dagster.yaml", "- no: [")])
def test_a_damaged_settings_file_is_named(loaded: Archive, name: str, content: str) -> None:
    (loaded.home.folder / name).write_text(content)
    problem = only(Home(loaded.home.folder))
    assert (problem.where, problem.is_mendable) == (name, name != "copydesk.toml")


def test_a_disk_without_room_is_named(loaded: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "LEAST_FREE", 1 << 62)
    problem = only(loaded.home)
    assert (problem.gravity, problem.where, problem.is_mendable) == (NO_ROOM, ".", False)
    assert problem.advice == "make room"


@pytest.mark.parametrize(
    ("damage", "where", "what"),
    [(delete, "forgotten.txt", "it is gone"), (garble, "forgotten.txt, line 1", "a line is a SHA-256")],
)
def test_a_list_of_what_was_forgotten_that_is_gone_or_damaged_is_named(
    loaded: Archive, damage: Damage, where: str, what: str
) -> None:
    loaded.home.forgotten.write_text(f"{'a' * 64}\n")
    run(loaded.home, loaded.source)
    assert inspect(loaded.home).is_sound
    damage(loaded.home.forgotten)
    (problem,) = [problem for problem in inspect(loaded.home).problems if problem.gravity != LEFT]
    assert (problem.gravity, problem.where, problem.is_by_hand) == (DAMAGED, where, True)
    assert what in problem.what
    with pytest.raises(SetupFault, match=re.escape(problem.what)):
        run(loaded.home, loaded.source)
    with pytest.raises(SetupFault, match=re.escape(problem.advice)):
        mend(loaded.home)


def test_what_is_still_to_be_forgotten_is_named_until_a_run_has_erased_it(loaded: Archive) -> None:
    loaded.home.forgotten.write_text(f"{'a' * 64}\n")
    found = inspect(loaded.home)
    assert not found.is_sound
    assert [(problem.gravity, problem.where) for problem in found.problems] == [(DUE, "forgotten.txt")]
    delete(current_files(loaded.home, "rejects")[0])
    mend(loaded.home)
    assert [problem.gravity for problem in inspect(loaded.home).problems] == [DUE]
    run(loaded.home, loaded.source)
    assert inspect(loaded.home).is_sound


def _current(home: Home) -> Path:
    return home.versions / require_current(home).name


DAMAGES: dict[str, Callable[[Home], object]] = {
    "lost": lambda home: delete(current_files(home, "documents")[0]),
    "garbled": lambda home: garble(current_files(home, "files")[0]),
    "flipped": lambda home: flip(current_files(home, "documents")[0]),
    "log": lambda home: delete(sorted(log(home, "documents").glob("*.json"))[-1]),
    "entry": lambda home: empty(sorted(log(home, "files").glob("*.json"))[-1]),
    "manifest": lambda home: garble(_current(home) / "manifest.json"),
    "database": lambda home: garble(_current(home) / "warehouse.duckdb"),
    "link": lambda home: home.link.unlink(),
    "versions": lambda home: (home.link.unlink(), shutil.rmtree(home.versions)),
    "lake": lambda home: shutil.rmtree(home.lake),
}

NOT_MET = {
    # Readers need no log, and what reads no page meets no flipped one.
    *((command, damage) for command in ("sql", "status") for damage in ("log", "entry")),
    ("publish", "flipped"),
    # A publish mends these by itself; a run does not look into the former DuckDB file.
    *(("publish", damage) for damage in ("manifest", "database", "link")),
    ("run", "database"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("command", ["sql", "status", "publish", "run"])
def test_whoever_meets_damage_is_told_of_the_check(loaded: Archive, command: str, damage: str) -> None:
    DAMAGES[damage](loaded.home)
    if (command, damage) in NOT_MET:
        COMMANDS[command](loaded)
        return
    with pytest.raises(SetupFault, match="copydesk check --home") as fault, storage_faults(loaded.home):
        COMMANDS[command](loaded)
    assert "\n" not in str(fault.value)


def _ask(loaded: Archive) -> None:
    with ask(loaded.home, "SELECT max(COLUMNS(*)), (SELECT count(path) FROM files) FROM documents") as answer:
        list(answer.rows())


def _status(loaded: Archive) -> None:
    query_table(loaded.home, "SELECT max(COLUMNS(*)), (SELECT count(path) FROM files) FROM documents")


def _publish(loaded: Archive) -> None:
    with WriterLock(loaded.home, "test"):
        republish(loaded.home)


def _run(loaded: Archive) -> None:
    write(loaded.source, "2021-02/9.txt", dispatch_again(9))
    run(loaded.home, loaded.source)


COMMANDS: dict[str, Callable[[Archive], None]] = {"sql": _ask, "status": _status, "publish": _publish, "run": _run}


def test_a_version_that_is_being_removed_is_no_damage(loaded: Archive) -> None:
    former = next(path for path in loaded.home.versions.iterdir() if path.name != require_current(loaded.home).name)
    leaving = former.rename(former.with_name(f"{former.name}.leaving"))
    (leaving / "manifest.json").unlink()
    found = inspect(loaded.home)
    assert {problem.gravity for problem in found.problems} == {LEFT}
    assert leaving.name in {Path(problem.where).name for problem in found.problems}
    assert found.is_sound
