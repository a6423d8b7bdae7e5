"""Forgetting, through whole runs without Dagster: what goes, what stays, and that nothing comes back."""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from etl.contract import FILES, SOURCES
from etl.errors import SetupFault
from tests.support import candidate, dispatch, failing, holding, query, rebuild, run, stable_rows, write
from warehouse import load as loading
from warehouse import plan as planning
from warehouse import pool
from warehouse import publish as publishing
from warehouse.connection import connect
from warehouse.forget import Choice, choose
from warehouse.forgotten import EXPLANATION, read_forgotten, remember
from warehouse.home import Home
from warehouse.lock import WriterLock
from warehouse.manifest import MANIFEST, Manifest, current, require_current, retained, unforgetting
from warehouse.plan import make_forget, make_plan
from warehouse.publish import clear_leftovers, publish, republish
from warehouse.repair import repair

pytestmark = pytest.mark.slow

SECRET = "QZSECRET"


def secret(day: int = 27, more: str = "") -> str:
    return dispatch(day, f"Le {SECRET} a été lu.{more}")


def sha256(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def document_id(home: Home, path: str) -> str:
    rows = query(
        home,
        f"SELECT document_id FROM documents WHERE path = '{path}' "
        f"UNION SELECT document_id FROM document_versions WHERE path = '{path}'",
    )
    ((found,),) = rows
    return str(found)


def intend(home: Home, *names: str, source: str | None = None) -> Choice:
    """What `copydesk forget` does before anything is erased."""
    choice = choose(home, names, source, read_forgotten(home))
    remember(home, choice.digests)
    return choice


def forget(home: Home, *names: str, source: str | None = None) -> Choice:
    choice = intend(home, *names, source=source)
    _, loaded = candidate(home, plan=make_forget(home))
    assert not {name: check for name, check in failing(home, loaded.run_id).items() if check.is_blocking}
    with WriterLock(home, "test"):
        publish(home, loaded.run_id)
    return choice


def configured(home: Home, root: Path, on_missing: str = "keep") -> Home:
    home.settings_file.write_text(f"[[source]]\nroot = '{root}'\non_missing = '{on_missing}'\n")
    return Home(home.folder)


def ledger(home: Home) -> list[tuple[object, ...]]:
    """Each file with its status, and the reason if it was rejected."""
    return query(
        home,
        "SELECT path, status, record_count, reason FROM files LEFT JOIN rejects USING (source, path) ORDER BY path",
    )


def test_a_document_goes_with_its_versions_and_leaves_a_reject_that_says_so(home: Home, source: Path) -> None:
    write(source, "a.txt", secret())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    write(source, "a.txt", secret(26), age=60)
    run(home, source)
    choice = forget(home, document_id(home, "a.txt"))
    assert (choice.documents, choice.versions, choice.rejects, len(choice.digests)) == (1, 1, 0, 2)
    assert (choice.named.examples, choice.elsewhere.count) == (("wire: a.txt",), 0)
    assert query(home, "SELECT path FROM documents") == [("b.txt",)]
    assert query(home, "SELECT count(*) FROM document_versions") == [(0,)]
    assert query(home, "SELECT count(*) FROM paragraphs ANTI JOIN documents USING (document_id)") == [(0,)]
    assert query(home, "SELECT path, stage, reason, raw_excerpt, content_sha256 FROM rejects") == [
        ("a.txt", "read", "forgotten", None, sha256(secret(26)))
    ]
    assert ledger(home) == [("a.txt", "rejected", 1, "forgotten"), ("b.txt", "loaded", 1, None)]
    assert holding(home.folder, SECRET) == []
    assert run(home, source) is None


def test_the_list_names_digests_and_nothing_else(home: Home, source: Path) -> None:
    write(source, f"{SECRET}.txt", secret())
    run(home, source)
    forget(home, document_id(home, f"{SECRET}.txt"))
    assert home.forgotten.read_text("utf-8") == f"{EXPLANATION}{sha256(secret())}\n"


def test_a_file_that_was_deleted_before_leaves_no_row(home: Home, source: Path) -> None:
    write(source, f"{SECRET}.txt", secret())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    (source / f"{SECRET}.txt").unlink()
    choice = forget(home, document_id(home, f"{SECRET}.txt"))
    assert choice.on_disk.count == 0
    assert ledger(home) == [("b.txt", "loaded", 1, None)]
    assert holding(home.folder, SECRET) == []


def test_a_file_that_is_deleted_afterwards_loses_its_row_with_the_next_run(home: Home, source: Path) -> None:
    write(source, "a.txt", secret())
    write(source, "b.txt", dispatch(28))
    home = configured(home, source)
    run(home)
    assert forget(home, document_id(home, "a.txt")).on_disk.examples == ("wire: a.txt",)
    (source / "a.txt").unlink()
    run(home)
    assert ledger(home) == [("b.txt", "loaded", 1, None)]
    assert query(home, "SELECT count(*) FROM rejects") == [(0,)]


def test_a_file_that_was_named_as_an_argument_goes_from_the_patterns_too(home: Home, source: Path) -> None:
    path = write(source, f"{SECRET} [1].text", secret())
    run(home, path)
    run(home, write(source, "b.text", dispatch(28)))
    path.unlink()
    forget(home, document_id(home, f"{SECRET} [1].text"))
    assert query(home, "SELECT patterns FROM sources") == [(["b.text"],)]
    assert holding(home.folder, SECRET) == []


def test_equal_bytes_go_wherever_they_are_and_other_contents_stay(home: Home, source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write(source, "a.txt", secret())
    write(source, "copy.txt", secret())
    write(other, "changed.txt", secret())
    run(home, source)
    run(home, other)
    write(other, "changed.txt", dispatch(28), age=60)
    run(home, other)
    choice = forget(home, document_id(home, "a.txt"))
    assert (choice.documents, choice.versions) == (2, 1)
    assert choice.elsewhere.examples == ("other: changed.txt", "wire: copy.txt")
    assert query(home, "SELECT path, version FROM documents") == [("changed.txt", 2)]
    assert query(home, "SELECT count(*) FROM document_versions") == [(0,)]
    assert holding(home.folder, SECRET) == []


def test_other_former_versions_of_a_document_with_equal_bytes_stay(home: Home, source: Path) -> None:
    write(source, "a.txt", secret())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    write(source, "b.txt", secret(), age=60)
    run(home, source)
    forget(home, document_id(home, "a.txt"))
    assert query(home, "SELECT path, version FROM document_versions") == [("b.txt", 1)]
    write(source, "b.txt", dispatch(26), age=120)
    run(home, source)
    assert query(home, "SELECT path, version FROM documents") == [("b.txt", 2)]


def test_a_document_that_has_moved_goes_under_all_its_names(home: Home, source: Path) -> None:
    path = write(source, "first.txt", secret(25))
    write(source, "other.txt", dispatch(28))
    home = configured(home, source)
    run(home)
    write(source, "first.txt", secret(26), age=60)
    run(home)
    path.rename(source / "second.txt")
    run(home)
    write(source, "second.txt", secret(27), age=120)
    run(home)
    assert ledger(home)[0] == ("first.txt", "moved", 0, None)
    first, second = document_id(home, "first.txt"), document_id(home, "second.txt")
    assert choose(home, [first], None, read_forgotten(home)) == choose(home, [second], None, read_forgotten(home))
    choice = forget(home, second)
    assert (choice.documents, choice.versions) == (1, 3)
    assert ledger(home) == [("other.txt", "loaded", 1, None), ("second.txt", "rejected", 1, "forgotten")]
    assert holding(home.folder, SECRET, "first.txt") == []


def test_a_withdrawn_document_goes(home: Home, source: Path) -> None:
    path = write(source, "a.txt", secret())
    write(source, "b.txt", dispatch(28))
    home = configured(home, source, "withdraw")
    run(home)
    path.unlink()
    run(home)
    assert query(home, "SELECT path, reason FROM document_versions") == [("a.txt", "withdrawn")]
    forget(home, document_id(home, "a.txt"))
    assert ledger(home) == [("b.txt", "loaded", 1, None)]
    assert holding(home.folder, SECRET, "a.txt") == []


def test_an_excerpt_goes_by_its_digest(home: Home, source: Path) -> None:
    content = (SECRET + "\0\1\2\3\4\5" * 5).encode()
    write(source, "a.txt", content)
    write(source, "b.txt", dispatch())
    run(home, source)
    assert holding(home.folder, SECRET)
    choice = forget(home, sha256(content).upper())
    assert (choice.documents, choice.rejects) == (0, 1)
    assert query(home, "SELECT reason, raw_excerpt FROM rejects") == [("forgotten", None)]
    assert holding(home.folder, SECRET) == []


def test_the_excerpt_of_a_failing_update_goes_with_the_document(home: Home, source: Path) -> None:
    write(source, "a.txt", secret())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    write(source, "a.txt", SECRET + "\0\1\2\3\4\5" * 5, age=60)
    run(home, source)
    choice = forget(home, document_id(home, "a.txt"))
    assert (choice.documents, choice.versions, choice.rejects) == (0, 1, 1)
    assert ledger(home)[0] == ("a.txt", "rejected", 1, "forgotten")
    assert holding(home.folder, SECRET) == []


def test_a_source_goes_as_a_whole(home: Home, source: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    write(source, "b.txt", dispatch(28))
    write(source, "empty.txt", "")
    for number in range(30):
        write(gone, f"{SECRET}{number}.txt", secret(more=str(number)))
    write(gone, f"{SECRET} empty.txt", "")
    write(gone, f"{SECRET} blank.txt", " \n")
    run(home, source)
    run(home, gone)
    shutil.rmtree(gone)
    choice = forget(home, source="gone")
    # Empty and blank files of other sources are alike: they are not on the list.
    assert (choice.documents, choice.elsewhere.count, len(choice.digests)) == (30, 0, 30)
    assert query(home, "SELECT source FROM sources") == [("wire",)]
    assert ledger(home) == [("b.txt", "loaded", 1, None), ("empty.txt", "rejected", 1, "empty")]
    assert holding(home.folder, SECRET) == []


def test_a_source_whose_files_are_there_stays_by_their_names_alone(home: Home, source: Path) -> None:
    write(source, "a.txt", secret())
    write(source, "empty.txt", "")
    run(home, source)
    forget(home, source="wire")
    assert ledger(home) == [("a.txt", "rejected", 1, "forgotten"), ("empty.txt", "rejected", 1, "empty")]
    assert query(home, "SELECT source FROM sources") == [("wire",)]
    (source / "a.txt").unlink()
    run(configured(home, source))
    assert ledger(home) == [("empty.txt", "rejected", 1, "empty")]


def test_another_content_at_the_same_path_is_loaded_as_version_one(home: Home, source: Path) -> None:
    write(source, "a.txt", secret())
    run(home, source)
    write(source, "a.txt", secret(26), age=60)
    run(home, source)
    forget(home, document_id(home, "a.txt"))
    write(source, "a.txt", dispatch(), age=120)
    run(home, source)
    assert query(home, "SELECT path, version FROM documents") == [("a.txt", 1)]
    assert query(home, "SELECT count(*) FROM document_versions") == [(0,)]
    assert ledger(home) == [("a.txt", "loaded", 1, None)]


def test_a_forget_that_was_killed_is_finished_by_the_next_run(home: Home, source: Path, tmp_path: Path) -> None:
    write(source, "a.txt", secret())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    twin = Home(tmp_path / "twin")
    shutil.copytree(home.folder, twin.folder, symlinks=True)
    with WriterLock(twin, "test"):
        publish(twin, republish(twin).name)
    forget(home, document_id(home, "a.txt"))

    intend(twin, document_id(twin, "a.txt"))
    assert not make_plan(twin).is_empty
    run(twin)
    assert stable_rows(twin) == stable_rows(home)
    assert holding(twin.folder, SECRET) == []


def test_a_file_that_changed_before_a_killed_forget_was_finished_is_version_one(home: Home, source: Path) -> None:
    write(source, "a.txt", secret())
    run(home, source)
    intend(home, document_id(home, "a.txt"))
    write(source, "a.txt", dispatch(), age=60)
    run(home, source)
    assert query(home, "SELECT path, version FROM documents") == [("a.txt", 1)]
    assert query(home, "SELECT count(*) FROM document_versions") == [(0,)]
    assert holding(home.folder, SECRET) == []


def test_versions_from_before_are_not_retained_even_if_open(home: Home, source: Path) -> None:
    write(source, "a.txt", secret())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    with connect(home.folder):
        forget(home, document_id(home, "a.txt"))
        published = current(home)
        assert published is not None
        assert [version.name for version in retained(home)] == [published.name]
    assert holding(home.lake, SECRET) == []


def test_versions_that_a_killed_publish_left_are_removed(
    home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, "a.txt", secret())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    with monkeypatch.context() as patch:
        patch.setattr("warehouse.publish.clear_away", lambda home: None)
        forget(home, document_id(home, "a.txt"))
    assert holding(home.lake, SECRET)
    assert len(unforgetting(home)) == 1
    with WriterLock(home, "test"):
        clear_leftovers(home)
    assert unforgetting(home) == []
    assert holding(home.folder, SECRET) == []


def test_nothing_brings_it_back(home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(source, "a.txt", secret())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    forget(home, document_id(home, "a.txt"))

    os.utime(path, (1_600_000_000, 1_600_000_000))
    run(home, source)
    path.rename(source / "renamed.txt")
    run(configured(home, source))
    write(tmp_path / "other", "copy.txt", secret())
    run(home, tmp_path / "other")
    rebuild(home)
    with WriterLock(home, "test"):
        publish(home, republish(home).name)
    for module in (planning, loading):
        monkeypatch.setattr(module, "PARSER_VERSION", "next")
    run(home, source)
    assert query(home, "SELECT path FROM documents") == [("b.txt",)]
    assert ledger(home)[1:] == [("copy.txt", "rejected", 1, "forgotten"), ("renamed.txt", "rejected", 1, "forgotten")]
    assert holding(home.folder, SECRET) == []


def test_a_forgotten_text_does_not_even_reach_the_staging_folder(home: Home, source: Path) -> None:
    write(source, "b.txt", dispatch(28))
    run(home, source)
    remember(home, _digests(secret()))
    write(source, "a.txt", secret())
    candidate(home, source)
    assert holding(home.staging, "a.txt")
    assert holding(home.folder, SECRET) == []


def test_spawned_workers_know_the_list(home: Home, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SMALL", 0)
    remember(home, _digests(secret()))
    write(source, "a.txt", secret())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    assert ledger(home) == [("a.txt", "rejected", 1, "forgotten"), ("b.txt", "loaded", 1, None)]


def test_an_older_home_forgets_as_soon_as_it_has_the_list(home: Home, source: Path, tmp_path: Path) -> None:
    write(source, "a.txt", secret())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    shutil.copytree(home.folder, tmp_path / "backup", symlinks=True)
    forget(home, document_id(home, "a.txt"))
    listed = home.forgotten.read_bytes()
    shutil.rmtree(home.folder)
    shutil.copytree(tmp_path / "backup", home.folder, symlinks=True)
    home.forgotten.write_bytes(listed)
    with WriterLock(home, "test"):
        publish(home, republish(home).name)
    run(home, source)
    assert holding(home.folder, SECRET) == []


def test_what_is_taken_back_is_loaded_again(home: Home, source: Path) -> None:
    write(source, "a.txt", secret())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    forget(home, document_id(home, "a.txt"))
    home.forgotten.write_text(EXPLANATION)
    (source / "a.txt").rename(source / "c.txt")
    run(home, source)
    assert query(home, "SELECT path FROM documents ORDER BY path") == [("b.txt",), ("c.txt",)]


def test_the_list_keeps_comments_and_is_read_however_it_is_written(home: Home) -> None:
    one, two = sha256("one"), sha256("two")
    home.forgotten.write_text(f"# case 12\n\n  {one.upper()}  # by letter\r\n{one}")
    assert len(read_forgotten(home)) == 1
    remember(home, _digests("two"))
    assert home.forgotten.read_text() == f"# case 12\n\n  {one.upper()}  # by letter\n{one}\n{two}\n"
    assert read_forgotten(home).content == b"".join(sorted(map(bytes.fromhex, (one, two))))


@pytest.mark.parametrize("line", ["abc", "a" * 63, "a" * 65, f"{'a' * 64} {'b' * 64}", "g" * 64])
def test_a_damaged_list_stops_every_run_and_is_named_by_line(home: Home, source: Path, line: str) -> None:
    write(source, "a.txt", dispatch())
    home.forgotten.write_text(f"# ours\n{'a' * 64}\n{line}\n")
    with pytest.raises(SetupFault, match=r"forgotten\.txt, line 3: .* Mend it"):
        make_plan(home, [str(source)])


def test_a_list_that_is_gone_stops_every_run(home: Home, source: Path) -> None:
    write(source, "a.txt", secret())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    forget(home, document_id(home, "a.txt"))
    home.forgotten.unlink()
    with pytest.raises(SetupFault, match="is gone, but something was forgotten"):
        make_plan(home, [str(source)])
    home.forgotten.write_text("")
    assert make_plan(home, [str(source)]).is_forgetting


def test_forgetting_most_documents_is_no_collapse_but_losing_others_is(home: Home, source: Path) -> None:
    for number in range(30):
        write(source, f"{number:02}.txt", dispatch(28, f"Texte {number}."))
    home = configured(home, source, "withdraw")
    run(home)
    remember(home, _digests(*(dispatch(28, f"Texte {number}.") for number in range(5))))
    for number in range(5, 20):
        (source / f"{number:02}.txt").unlink()
    _, loaded = candidate(home)
    assert "10 documents, 25 in the published version without the 5 that are forgotten" in (
        failing(home, loaded.run_id)["rows_not_collapsed"].message
    )
    for number in range(5, 20):
        write(source, f"{number:02}.txt", dispatch(28, f"Texte {number}."))
    remember(home, _digests(*(dispatch(28, f"Texte {number}.") for number in range(25))))
    _, loaded = candidate(home)
    assert failing(home, loaded.run_id) == {}


def test_one_unknown_id_and_nothing_is_forgotten(home: Home, source: Path) -> None:
    write(source, "a.txt", secret())
    run(home, source)
    known = document_id(home, "a.txt")
    for names, fault in (
        ([known, "0" * 32], "No document 0{32}; nothing was forgotten. `copydesk sql"),
        ([known, "0" * 64], "No document 0{64}; nothing was forgotten"),
        ([known, "a.txt"], "'a.txt' is neither a document id"),
    ):
        with pytest.raises(SetupFault, match=fault):
            choose(home, names, None, read_forgotten(home))
    with pytest.raises(SetupFault, match=r"No source 'mire' in .*; there are: wire"):
        choose(home, [], "mire", read_forgotten(home))


def test_a_version_that_an_earlier_copydesk_wrote_has_forgotten_nothing(home: Home, source: Path) -> None:
    write(source, "a.txt", secret())
    write(source, "b.txt", dispatch(28))
    published = run(home, source)
    assert published is not None
    path = home.versions / published.name / MANIFEST
    content = json.loads(path.read_text())
    del content["forgotten"], content["summary"]["documents_forgotten"]
    path.write_text(json.dumps(content))
    assert Manifest.read(path) == published
    assert make_plan(home, [str(source)]).is_empty
    forget(home, document_id(home, "a.txt"))
    assert holding(home.folder, SECRET) == []


def test_a_repair_brings_nothing_back(home: Home, source: Path) -> None:
    write(source, f"{SECRET}.txt", secret())
    write(source, "b.txt", dispatch(28))
    published = run(home, source)
    assert published is not None
    intend(home, document_id(home, f"{SECRET}.txt"))
    (source / f"{SECRET}.txt").unlink()
    (home.versions / published.name / MANIFEST).write_text("{")
    with WriterLock(home, "test"):
        assert repair(home).published is not None
    assert query(home, "SELECT path FROM documents") == [("b.txt",)]
    assert ledger(home) == [("b.txt", "loaded", 1, None)]
    assert holding(home.lake, SECRET) == []


def test_a_run_that_forgets_nothing_rewrites_nothing_for_it(home: Home, source: Path) -> None:
    write(source, "a.txt", secret())
    write(source, "b.txt", dispatch(1, month="2021-03", name="mars"))
    run(home, source)
    forget(home, document_id(home, "a.txt"))
    before = current(home)
    write(source, "c.txt", dispatch(1, "Un autre.", month="2021-04", name="avril"))
    published = run(home, source)
    assert before is not None and published is not None
    assert published.summary.months == ("2021-04",)
    assert published.forgotten == before.forgotten != ""
    assert published.tables[SOURCES.name] == before.tables[SOURCES.name]
    assert published.tables[FILES.name] != before.tables[FILES.name]
    assert len(retained(home)) == 2


def _digests(*contents: str) -> pa.ChunkedArray:
    return pa.chunked_array([[sha256(content) for content in contents]], pa.string())


def test_versions_from_under_a_former_name_go_where_another_file_bears_it_now(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch(1, "Un texte d'avant, parti."), age=300)
    run(configured(home, source, "withdraw"))
    (source / "a.txt").unlink()
    write(source, "z.txt", dispatch(28))
    run(configured(home, source, "withdraw"))
    path = write(source, "a.txt", secret(more=" Premier jet."), age=200)
    run(configured(home, source, "withdraw"))
    path = write(source, "a.txt", secret(), age=100)
    run(configured(home, source, "withdraw"))
    path.rename(source / "b.txt")
    run(configured(home, source, "withdraw"))
    write(source, "a.txt", dispatch(2, "Un autre texte."), age=50)
    run(configured(home, source, "withdraw"))
    forget(home, document_id(home, "b.txt"))
    assert holding(home.folder, SECRET) == []
    assert query(home, "SELECT path FROM documents ORDER BY path") == [("a.txt",), ("z.txt",)]
    assert query(home, "SELECT path, reason FROM document_versions") == [("a.txt", "withdrawn")]


# Skipped on macOS only: its file system refuses the name that this is about, so that the file cannot be made.
@pytest.mark.skipif(sys.platform == "darwin", reason="there no file can have such a name: APFS takes UTF-8 only")
def test_a_file_whose_name_is_not_utf8_is_not_gone(home: Home, source: Path) -> None:
    write(source, os.fsdecode(b"caf\xe9.txt"), secret())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    ((path,),) = query(home, "SELECT path FROM documents WHERE path LIKE 'caf%'")
    choice = forget(home, document_id(home, path))
    assert choice.on_disk.examples == (f"wire: {path}",)
    assert ledger(home)[1] == (path, "rejected", 1, "forgotten")


def test_a_plan_that_is_made_beside_a_forget_is_made_again(
    home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, "a.txt", secret())
    write(source, "b.txt", b"\x00\x01")
    run(home, source)
    identity = document_id(home, "a.txt")
    compare, calls = planning._compare, []

    def forget_meanwhile(*arguments: object) -> None:
        compare(*arguments)  # type: ignore[arg-type]
        calls.append(arguments)
        if len(calls) == 1:
            forget(home, identity)

    monkeypatch.setattr(planning, "_compare", forget_meanwhile)
    intend(home, identity)
    plan = make_plan(home, [str(source)])
    assert len(calls) == 2
    assert plan.published == current(home)


def test_a_repair_leaves_the_rest_of_a_killed_forget_to_the_next_run(home: Home, source: Path) -> None:
    write(source, "a.txt", secret())
    write(source, "b.txt", dispatch(28))
    write(source, "empty.txt", "")
    run(home, source)
    intend(home, document_id(home, "a.txt"))
    for table in ("rejects", "agencies"):
        for path in (home.lake / table).glob("*.parquet"):
            path.unlink()
    with WriterLock(home, "test"):
        done = repair(home)
    assert any("the next `copydesk run` ends that" in note for note in done.notes)
    assert query(home, "SELECT path FROM documents") == [("b.txt",)]
    assert make_plan(home, [str(source)]).is_forgetting, "what Dagster kept is still to be cleared"
    run(home, source)
    assert holding(home.folder, SECRET) == []
    assert make_plan(home, [str(source)]).is_empty


def test_a_repair_takes_nothing_from_versions_of_before(
    home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(source, "a.txt", secret(more=" Premier jet."), age=200)
    write(source, "b.txt", dispatch(28, "Premier jet."), age=200)
    run(home, source)
    path = write(source, "a.txt", secret(), age=100)
    write(source, "b.txt", dispatch(28), age=100)
    run(home, source)
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "clear_away", lambda *_: None)
        forget(home, document_id(home, "a.txt"))
    path.unlink()
    for file in require_current(home).tables["document_versions"].files:
        (home.lake / "document_versions" / file).unlink()
    with WriterLock(home, "test"):
        repair(home)
    assert query(home, "SELECT path FROM document_versions WHERE path = 'a.txt'") == []
    assert holding(home.folder, SECRET) == []
