"""Giving back space: which versions go, which stay for whom, and how Delta's logs stay short."""

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from etl.contract import SOURCES
from etl.errors import SetupFault
from tests.support import candidate, dispatch, query, run, stable_rows, write
from warehouse import connect
from warehouse.disk import disk_use
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.lock import WriterLock
from warehouse.manifest import Manifest, TableState, find_retained, require_current, retained
from warehouse.prune import prune
from warehouse.publish import Cleared, clear_away, publish, republish

pytestmark = pytest.mark.slow


@pytest.fixture
def loaded(home: Home, source: Path) -> Home:
    """A home with three versions, the newest of which says `Texte 2.`."""
    for number in range(3):
        write(source, "a.txt", dispatch(number + 1, f"Texte {number}."), age=number)
        run(home, source)
    return home


def names(home: Home) -> list[str]:
    return [manifest.name for manifest in retained(home)]


def locked(home: Home, **arguments: Any) -> Cleared:
    with WriterLock(home, "test"):
        return prune(home, **arguments)


def publish_again(home: Home) -> str:
    with WriterLock(home, "test"):
        return publish(home, republish(home).name).name


READER = """
import sys
from warehouse import connect
with connect(sys.argv[1], sys.argv[2]) as connection:
    for line in sys.stdin:
        print(connection.execute("SELECT lead FROM documents").fetchall(), flush=True)
"""


@contextmanager
def reader(home: Home, as_of: str) -> Iterator[Callable[[], str]]:
    """Another process that has a version open; gives a function that has it ask something."""
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(home), as_of], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask() -> str:
            process.stdin.write("\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        assert "Texte" in ask()
        yield ask
        process.stdin.close()


def test_former_versions_and_what_only_they_need_are_removed(loaded: Home) -> None:
    rows, before, sizes = stable_rows(loaded), names(loaded), disk_use(loaded)
    would = locked(loaded, keep=1, is_dry_run=True)
    assert names(loaded) == before
    assert disk_use(loaded) == sizes
    cleared = locked(loaded, keep=1)
    assert cleared == would
    assert (cleared.versions, cleared.open_versions) == (tuple(before[1:]), ())
    assert names(loaded) == before[:1]
    after = disk_use(loaded)
    assert cleared.byte_count == sizes.lake + sizes.versions - after.lake - after.versions > 0
    assert (after.former_versions, {use.former for use in after.tables.values()}) == (0, {0})
    assert stable_rows(loaded) == rows
    assert locked(loaded, keep=1) == Cleared((), (), 0)


def test_versions_are_removed_by_age(loaded: Home) -> None:
    path = loaded.versions / names(loaded)[1] / "manifest.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "published_at": "2021-01-01T00:00:00"}))
    old, other = names(loaded)[1:]
    assert locked(loaded, older_than=dt.timedelta(days=30), keep=3).versions == ()
    assert locked(loaded, older_than=dt.timedelta(days=30)).versions == (old,)
    assert locked(loaded, older_than=dt.timedelta(days=30)).versions == ()
    assert locked(loaded, older_than=dt.timedelta(0)).versions == (other,)
    assert len(names(loaded)) == 1


def test_the_rule_of_the_settings_holds_where_nothing_else_is_said(loaded: Home) -> None:
    assert locked(loaded).versions == ()
    loaded.settings_file.write_text("[publish]\nkeep_versions = 2\n")
    home = Home(loaded.folder)
    assert len(locked(home).versions) == 1


def test_what_a_killed_run_has_left_is_removed_and_the_next_run_is_whole(loaded: Home, source: Path) -> None:
    write(source, "b.txt", dispatch(9, "Jamais publié."))
    candidate(loaded, source)
    left = disk_use(loaded)
    assert left.staging > 0
    assert sum(use.left for use in left.tables.values()) > 0
    assert locked(loaded, keep=1).byte_count > left.staging
    now = disk_use(loaded)
    assert (now.staging, {use.left for use in now.tables.values()}) == (0, {0})
    assert sorted(path.name for path in loaded.versions.iterdir()) == names(loaded)
    run(loaded, source)
    assert query(loaded, "SELECT path FROM documents ORDER BY 1") == [("a.txt",), ("b.txt",)]


def test_a_version_that_someone_has_open_stays_until_it_is_closed(loaded: Home) -> None:
    oldest = names(loaded)[2]
    with reader(loaded, oldest[:8]) as ask:
        assert locked(loaded, keep=1, is_dry_run=True).open_versions == (oldest,)
        cleared = locked(loaded, keep=1)
        assert (len(cleared.versions), cleared.open_versions) == (1, (oldest,))
        assert ask() == "[('Texte 0.',)]"
    assert locked(loaded, keep=1).versions == (oldest,)


def test_a_removal_that_was_cut_short_takes_nothing_from_a_reader(loaded: Home) -> None:
    oldest = names(loaded)[2]
    folder = loaded.versions / oldest
    with reader(loaded, oldest) as ask:
        folder.rename(folder.with_name(f"{oldest}.leaving"))
        assert oldest not in names(loaded)
        assert locked(loaded, keep=1).open_versions == (oldest,)
        assert ask() == "[('Texte 0.',)]"
        assert oldest in names(loaded)
    folder.rename(folder.with_name(f"{oldest}.leaving"))
    with WriterLock(loaded, "test"):
        clear_away(loaded, keep=1)
    assert sorted(path.name for path in loaded.versions.iterdir()) == names(loaded)


def test_a_version_that_goes_while_it_is_being_opened_is_no_longer_retained(
    loaded: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest = names(loaded)[2]
    opened = duckdb.connect

    def too_late(path: str, read_only: bool) -> duckdb.DuckDBPyConnection:
        connection = opened(path, read_only=read_only)
        folder = Path(path).parent
        folder.rename(folder.with_name(f"{folder.name}.leaving"))
        return connection

    monkeypatch.setattr("warehouse.connection.duckdb.connect", too_late)
    with pytest.raises(SetupFault, match=f"No version of a run '{oldest}' is retained"):
        connect(loaded.folder, as_of=oldest)


def test_the_current_version_is_looked_up_again_if_it_goes_while_it_is_being_opened(
    loaded: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = duckdb.connect
    missed: list[str] = []

    def late(path: str, read_only: bool) -> duckdb.DuckDBPyConnection:
        if not missed:
            missed.append(path)
            with monkeypatch.context() as patch:
                patch.setattr("warehouse.connection.duckdb.connect", opened)
                publish_again(loaded)
                locked(loaded, keep=1)
        return opened(path, read_only=read_only)

    monkeypatch.setattr("warehouse.connection.duckdb.connect", late)
    with connect(loaded.folder) as connection:
        assert connection.execute("SELECT lead FROM documents").fetchall() == [("Texte 2.",)]
    assert not Path(missed[0]).exists()


def test_former_versions_are_asked_by_run_or_name(loaded: Home) -> None:
    newest, middle, oldest = names(loaded)
    again = publish_again(loaded)
    assert again == f"{newest}-1"
    for as_of, expected in ((oldest, "Texte 0."), (middle[:8], "Texte 1."), (newest, "Texte 2."), (again, "Texte 2.")):
        with connect(loaded.folder, as_of=as_of) as connection:
            assert connection.execute("SELECT lead FROM documents").fetchall() == [(expected,)]
    # Of several publishes of one run the latest counts.
    assert find_retained(loaded, newest).name == find_retained(loaded, newest[:8]).name == again


def test_what_is_not_retained_says_what_is(loaded: Home) -> None:
    newest, middle, oldest = names(loaded)
    locked(loaded, keep=2)
    for unknown in (oldest, f"{newest}-7", "xyz", ""):
        with pytest.raises(SetupFault, match=rf"{newest} \(20.*{middle} \(20.*keep_versions") as fault:
            connect(loaded.folder, as_of=unknown)
        assert f"{oldest} (" not in str(fault.value)


def test_a_beginning_that_several_runs_have_is_a_fault(loaded: Home) -> None:
    for number, manifest in enumerate(retained(loaded)[1:]):
        path = loaded.versions / manifest.name / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "run_id": f"same-{number}"}))
    with pytest.raises(SetupFault, match="same begins the ids of 2 runs: same-0, same-1"):
        find_retained(loaded, "same")


def test_versions_from_before_a_move_of_the_home_say_that_their_views_point_elsewhere(
    loaded: Home, tmp_path: Path
) -> None:
    oldest = names(loaded)[2]
    loaded.folder.rename(tmp_path / "moved")
    moved = Home(tmp_path / "moved")
    publish_again(moved)
    with pytest.raises(
        SetupFault, match=r"before the home moved here from .* `copydesk repair --home .*builds it again"
    ):
        connect(moved.folder, as_of=oldest)


def rows(number: int) -> list[pa.RecordBatch]:
    content = [{"source": f"s{number}", "root": "/", "patterns": ["*.txt"]}]
    return list(pa.Table.from_pylist(content, schema=SOURCES.schema).to_batches())


def log_versions(home: Home) -> list[int]:
    return sorted(int(path.stem) for path in (home.lake / "sources" / "_delta_log").glob("*.json"))


def checkpoints(home: Home) -> list[int]:
    log = home.lake / "sources" / "_delta_log"
    return sorted(int(path.name.partition(".")[0]) for path in log.glob("*.checkpoint.parquet"))


def commits(home: Home, count: int) -> None:
    """Commits to one small table."""
    lake = Lake(home)
    for number in range(count):
        lake.replace(SOURCES, rows(number), f"extra-{number}")


def test_the_log_is_trimmed_to_what_retained_versions_need(loaded: Home, source: Path) -> None:
    lake, published = Lake(loaded), require_current(loaded)
    former = published.tables["sources"]
    commits(loaded, 120)
    state = lake.state(SOURCES)
    assert state is not None
    lake.sweep([published, _with(published, state)])
    # The checkpoint that came in between is of no use to the older one of the two.
    assert log_versions(loaded) == list(range(state.delta_version + 1))
    size = disk_use(loaded).tables["sources"].log
    freed = lake.sweep([_with(published, state)], is_dry_run=True)
    assert log_versions(loaded)[0] == 0
    assert lake.sweep([_with(published, state)]) == freed
    assert 0 < disk_use(loaded).tables["sources"].log < size
    assert log_versions(loaded) == list(range(checkpoints(loaded)[0], state.delta_version + 1))
    assert len(log_versions(loaded)) < 100
    assert lake.state(SOURCES) == state
    # A later run that is killed after its commits is undone all the same.
    commits(loaded, 3)
    lake.restore(_with(published, state))
    restored = lake.state(SOURCES)
    assert restored is not None
    assert (restored.files, restored.row_count) == (state.files, 1)
    assert former.files != state.files


def test_a_log_whose_checkpoint_is_damaged_is_left_alone(loaded: Home) -> None:
    lake, published = Lake(loaded), require_current(loaded)
    commits(loaded, 120)
    state = lake.state(SOURCES)
    assert state is not None
    log = loaded.lake / "sources" / "_delta_log"
    (checkpoint,) = log.glob("*.checkpoint.parquet")
    checkpoint.write_bytes(b"")
    lake.sweep([_with(published, state)])
    assert log_versions(loaded) == list(range(state.delta_version + 1))


def test_many_publishes_leave_a_short_log_that_delta_readers_can_use(loaded: Home) -> None:
    commits(loaded, 200)
    with WriterLock(loaded, "test"):
        # As each run does, but for the hundreds of seconds that as many runs would take.
        lake = Lake(loaded)
        for number in range(40):
            lake.replace(SOURCES, rows(number), f"run-{number}")
            state = lake.state(SOURCES)
            assert state is not None
            lake.sweep([_with(require_current(loaded), state)])
    assert len(log_versions(loaded)) < 100
    assert checkpoints(loaded) == log_versions(loaded)[:1]
    delta = DeltaTable((loaded.lake / "sources").as_uri())
    assert delta.to_pyarrow_table().column("source").to_pylist() == ["s39"]
    assert os.path.exists(loaded.lake / "sources" / state.files[0])


def _with(manifest: Manifest, state: TableState) -> Manifest:
    return replace(manifest, tables={**manifest.tables, "sources": state})
