import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import duckdb
import pytest

from etl.contract import CONTRACT_VERSION, PARSER_VERSION, PUBLISHED_TABLES, SNAPSHOT
from etl.errors import SetupFault
from etl.reference import load_reference
from tests.support import candidate, dispatch, query, run, stable_rows, write
from warehouse import connect
from warehouse.home import Home
from warehouse.lock import WriterLock
from warehouse.manifest import current, require_current, retained
from warehouse.publish import analysis_views, is_open, publish, republish


@pytest.fixture
def loaded(home: Home, source: Path) -> Home:
    write(source, "a.txt", dispatch())
    run(home, source)
    return home


def change(home: Home, source: Path, number: int) -> None:
    write(source, "a.txt", dispatch(number % 28 + 1, f"Texte {number}."), age=60 + number)
    run(home, source)


def test_the_link_is_relative_and_names_the_newest_version(loaded: Home) -> None:
    manifest = require_current(loaded)
    assert os.readlink(loaded.link) == f"versions/{manifest.run_id}/warehouse.duckdb"
    assert (loaded.versions / manifest.name / "warehouse.duckdb").stat().st_mode & 0o777 == 0o444
    assert sorted(path.name for path in loaded.versions.iterdir()) == [manifest.name]
    assert not loaded.staging.exists()


def test_every_table_and_column_is_there_with_its_comment(loaded: Home) -> None:
    views = dict(query(loaded, "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"))
    tables = dict(query(loaded, "SELECT table_name, comment FROM duckdb_tables()"))
    assert tables == {SNAPSHOT.name: SNAPSHOT.comment}
    columns = query(
        loaded, "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal"
    )
    found = {(table, column): (kind, comment) for table, column, kind, comment in columns}
    for table in PUBLISHED_TABLES.values():
        assert {**views, **tables}[table.name] == table.comment
        for column in table.columns:
            kind, comment = found[table.name, column.name]
            assert kind == column.sql_type
            assert comment.startswith(column.meaning)
    for name, comment, _ in analysis_views():
        assert views[name] == comment


def test_a_file_says_which_version_it_is_also_where_the_lake_is_out_of_reach(
    loaded: Home, source: Path, tmp_path: Path
) -> None:
    write(source, "b.txt", dispatch(3, "Autre texte.", "2022-03", "mars"))
    write(source, "c.txt", "Rien de plus.")
    write(source, "empty.txt", b"")
    write(source, "a.txt", dispatch(26), age=60)
    run(loaded, source)
    alone = tmp_path / "alone" / "warehouse.duckdb"
    alone.parent.mkdir()
    shutil.copy(loaded.link, alone)
    manifest = require_current(loaded)
    loaded.lake.rename(tmp_path / "gone")
    with duckdb.connect(str(alone), read_only=True) as connection:
        (row,) = connection.execute("FROM snapshot").fetchall()
        found = dict(zip((column[0] for column in connection.description), row, strict=True))
    assert found.pop("published_at").isoformat() == manifest.published_at
    assert found == {
        "version": manifest.name,
        "run_id": manifest.run_id,
        "code_version": version("copydesk"),
        "parser_version": PARSER_VERSION,
        "reference_version": load_reference().version,
        "contract_version": CONTRACT_VERSION,
        "source_count": 1,
        "file_count": 4,
        "document_count": 3,
        "document_version_count": 1,
        "paragraph_count": 5,
        "reject_count": 1,
        "first_month": "2021-02",
        "last_month": "2022-03",
    }


def test_an_empty_warehouse_has_no_months(home: Home, source: Path) -> None:
    write(source, "empty.txt", b"")
    run(home, source)
    assert query(home, "SELECT document_count, first_month, last_month FROM snapshot") == [(0, None, None)]


def test_a_file_that_is_published_again_names_its_own_version(loaded: Home) -> None:
    ((former, run_id),) = query(loaded, "SELECT version, run_id FROM snapshot")
    with WriterLock(loaded, "test"):
        publish(loaded, republish(loaded).name)
    assert query(loaded, "SELECT version, run_id FROM snapshot") == [(f"{former}-1", run_id)]


def test_the_views_for_analysis_answer(loaded: Home) -> None:
    assert query(loaded, "FROM coverage") == [("2021-02", "azertac", "fr", 1, 1, 1)]
    assert query(loaded, "SELECT place_name, document_count FROM datelines_by_place") == [("Baku", 1)]
    assert query(loaded, "SELECT source, document_count, day_share FROM data_quality") == [("wire", 1, 1.0)]
    assert query(loaded, "FROM unknown_agencies") == query(loaded, "FROM unknown_places") == []


def test_unknown_places_are_counted_as_they_were_written(home: Home, source: Path) -> None:
    for number, place in enumerate(("Lahidj", "Lahidj", "Bakou", "SPRINGFIELD")):
        write(source, f"{number}.txt", dispatch(number + 1).replace("Bakou", place))
    run(home, source)
    found = query(home, "SELECT located, document_count, usual_agency_id, first_month FROM unknown_places")
    assert found == [("Lahidj", 2, "azertac", "2021-02"), ("SPRINGFIELD", 1, "azertac", "2021-02")]


def test_empty_tables_are_typed(loaded: Home) -> None:
    with connect(loaded.folder) as connection:
        assert connection.execute("SELECT count(*) FROM document_versions").fetchall() == [(0,)]
        kinds = dict(connection.execute("SELECT column_name, column_type FROM (DESCRIBE document_versions)").fetchall())
    assert kinds["content_created"] == "DATE"
    assert kinds["quality_flags"] == "VARCHAR[]"


def test_the_file_is_of_the_storage_version_that_older_clients_open(loaded: Home) -> None:
    with duckdb.connect(str(loaded.link), read_only=True) as connection:
        (tags,) = connection.execute(
            "SELECT tags FROM duckdb_databases() WHERE database_name = 'warehouse'"
        ).fetchall()[0]
    assert tags["storage_version"].startswith("v1.2.0")


def test_results_come_as_pandas_arrow_and_polars(loaded: Home) -> None:
    with connect(loaded.folder) as connection:
        question = "SELECT located, content_created, quality_flags FROM documents"
        assert connection.sql(question).df()["located"].tolist() == ["Bakou"]
        assert connection.sql(question).to_arrow_table().column("located").to_pylist() == ["Bakou"]
        assert connection.sql(question).pl()["located"].to_list() == ["Bakou"]
        with pytest.raises(duckdb.Error):
            connection.execute("CREATE TABLE x (a INTEGER)")


def test_a_connection_stays_on_its_version(loaded: Home, source: Path) -> None:
    with connect(loaded.folder) as before:
        change(loaded, source, 1)
        assert before.execute("SELECT lead FROM documents").fetchall() == [("Un pont a été ouvert.",)]
        assert query(loaded, "SELECT lead FROM documents") == [("Texte 1.",)]


def test_only_the_newest_versions_are_kept_and_no_file_without_one(loaded: Home, source: Path) -> None:
    for number in range(7):
        change(loaded, source, number)
    names = [manifest.name for manifest in retained(loaded)]
    assert len(names) == 5
    assert names[0] == require_current(loaded).name
    needed = {
        f"{table}/{name}"
        for manifest in retained(loaded)
        for table, state in manifest.tables.items()
        for name in state.files
    }
    held = {path.relative_to(loaded.lake).as_posix() for path in loaded.lake.rglob("*.parquet")}
    assert {path for path in held if "_delta_log" not in path} == needed


READER = """
import sys
from warehouse import connect
connection = connect(sys.argv[1])
print(connection.execute("SELECT lead FROM documents").fetchall(), flush=True)
for line in sys.stdin:
    print(connection.execute("SELECT lead, version FROM documents").fetchall(), flush=True)
"""


def test_a_version_that_is_open_elsewhere_is_kept(loaded: Home, source: Path) -> None:
    path = loaded.folder / os.readlink(loaded.link)
    assert not is_open(path)
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(loaded)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert "Un pont" in reader.stdout.readline()
        assert is_open(path)
        for number in range(7):
            change(loaded, source, number)
            reader.stdin.write("again\n")
            reader.stdin.flush()
            assert "Un pont" in reader.stdout.readline()
        assert path.exists()
        reader.stdin.close()
    change(loaded, source, 9)
    assert not path.exists()


LOOPS = """
import os, sys
from warehouse import connect
count = 0
while not os.path.exists(sys.argv[2]):
    with connect(sys.argv[1]) as connection:
        ((rows, texts),) = connection.execute("SELECT count(*), count(DISTINCT text) FROM documents").fetchall()
    assert rows == texts > 0, (rows, texts)
    count += 1
print(count)
"""


def test_readers_meet_no_error_during_ten_publishing_runs(loaded: Home, source: Path, tmp_path: Path) -> None:
    done = tmp_path / "done"
    with subprocess.Popen(
        [sys.executable, "-c", LOOPS, str(loaded), str(done)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as reader:
        for number in range(10):
            change(loaded, source, number)
        done.write_text("")
        out, err = reader.communicate(timeout=60)
    assert reader.returncode == 0, err
    assert int(out) > 10


def test_publishing_again_makes_a_version_of_the_same_run(loaded: Home) -> None:
    former = require_current(loaded)
    rows = stable_rows(loaded)
    for number in (1, 2):
        with WriterLock(loaded, "test"):
            publish(loaded, republish(loaded).name)
        assert require_current(loaded).name == f"{former.run_id}-{number}"
    assert stable_rows(loaded) == rows


def test_a_moved_home_says_so_and_is_mended_by_publishing(loaded: Home, tmp_path: Path, source: Path) -> None:
    moved = Home(tmp_path / "moved")
    shutil.move(loaded.folder, moved.folder)
    with pytest.raises(SetupFault, match="copydesk publish"):
        connect(moved.folder)
    with WriterLock(moved, "test"):
        publish(moved, republish(moved).name)
    assert query(moved, "SELECT lead FROM documents") == [("Un pont a été ouvert.",)]
    assert run(moved, source) is None


def test_a_candidate_that_is_not_published_changes_nothing(loaded: Home, source: Path) -> None:
    rows = stable_rows(loaded)
    write(source, "b.txt", dispatch(3, "Jamais publié."))
    candidate(loaded, source)
    assert stable_rows(loaded) == rows
    run(loaded, source)
    assert query(loaded, "SELECT path, version FROM documents ORDER BY 1") == [("a.txt", 1), ("b.txt", 1)]
    assert not list(loaded.versions.glob("*.building"))


def test_what_a_killed_first_run_left_is_gone_with_the_next(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    candidate(home, source)
    write(source, "a.txt", dispatch(body="Autre texte."), age=60)
    run(home, source)
    assert query(home, "SELECT version, lead FROM documents") == [(1, "Autre texte.")]
    assert query(home, "SELECT count(*) FROM runs") == [(1,)]


@pytest.mark.parametrize("damage", [lambda link: None, lambda link: link.write_text("a copy")])
def test_a_lost_link_is_never_taken_for_a_new_home(loaded: Home, source: Path, damage: Callable[[Path], None]) -> None:
    rows = stable_rows(loaded)
    loaded.link.unlink()
    damage(loaded.link)
    with pytest.raises(SetupFault, match="copydesk check"):
        run(loaded, source)
    with WriterLock(loaded, "test"):
        publish(loaded, republish(loaded).name)
    assert stable_rows(loaded) == rows


def test_a_damaged_former_version_is_cleared_away(loaded: Home, source: Path) -> None:
    former = require_current(loaded).name
    change(loaded, source, 1)
    (loaded.versions / former / "manifest.json").write_text("{")
    change(loaded, source, 2)
    assert not (loaded.versions / former).exists()
    assert query(loaded, "SELECT version FROM documents") == [(3,)]


def test_a_home_is_the_same_through_a_link_and_with_any_sign_in_its_name(tmp_path: Path, source: Path) -> None:
    write(source, "a.txt", dispatch())
    home = Home(tmp_path / "50% #1 {a} ;&~$")
    home.create()
    run(home, source)
    (tmp_path / "link").symlink_to(home.folder)
    assert query(Home(tmp_path / "link"), "SELECT count(*) FROM documents") == [(1,)]
    change(Home(tmp_path / "link"), source, 1)
    assert query(home, "SELECT version FROM documents") == [(2,)]


@pytest.mark.parametrize("how", [shutil.move, shutil.copytree])
def test_a_home_that_was_moved_or_copied_takes_its_inbox_along(
    home: Home, tmp_path: Path, how: Callable[..., object]
) -> None:
    write(home.folder / "inbox", "a.txt", dispatch())
    run(home)
    moved = Home(tmp_path / "moved")
    how(home.folder, moved.folder, **({"symlinks": True} if how is shutil.copytree else {}))
    with WriterLock(moved, "test"):
        publish(moved, republish(moved).name)
    assert run(moved) is None
    write(moved.folder / "inbox", "b.txt", dispatch(28))
    run(moved)
    assert query(moved, "SELECT source, root FROM sources") == [("inbox", str(moved.folder / "inbox"))]
    assert query(moved, "SELECT count(*) FROM documents") == [(2,)]


def test_a_damaged_or_later_version_is_a_fault(loaded: Home) -> None:
    path = loaded.versions / require_current(loaded).name / "manifest.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "contract_version": 99}))
    with pytest.raises(SetupFault, match="later version"):
        current(loaded)
    path.write_text("{")
    with pytest.raises(SetupFault, match="damaged"):
        current(loaded)


def test_a_second_writer_is_told_who_holds_the_lock(loaded: Home) -> None:
    code = (
        "import sys; from warehouse.home import Home; from warehouse.lock import WriterLock\n"
        "with WriterLock(Home(sys.argv[1]), 'other'): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(loaded)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(SetupFault, match=rf"other, process {holder.pid}, since 20"), WriterLock(loaded, "test"):
            pass
        holder.kill()
        holder.wait()
        with WriterLock(loaded, "test", wait=5), WriterLock(loaded, "again"):
            pass
