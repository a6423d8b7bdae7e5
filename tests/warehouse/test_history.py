"""History's view of what tables.md says of versions, renames, vanished files and withdrawals."""

import os
import shlex
from pathlib import Path

import pytest

from etl.errors import SetupFault
from tests.support import dispatch, query, run, write
from warehouse.history import History, changes, find_history
from warehouse.home import Home


def reasons(history: History) -> list[tuple[int, str | None]]:
    return [(version.version, version.reason) for version in history.versions]


def withdrawing(home: Home, root: Path) -> Home:
    home.settings_file.write_text(f"[[source]]\nroot = '{root}'\non_missing = 'withdraw'\n")
    return Home(home.folder)


def test_versions_and_what_changed_between_them(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    run(home, source)
    write(source, "a.txt", dispatch(26, "Le pont est fermé."), age=60)
    run(home, source)
    found = find_history(home, "a.txt")
    assert reasons(found) == [(1, "changed"), (2, None)]
    assert found.is_current
    first, second = found.versions
    assert first.valid_to == query(home, "SELECT ingested_at FROM documents")[0][0] == second.valid_from
    assert second.valid_to is None
    assert {version.run_id for version in found.versions} == {
        run_id for (run_id,) in query(home, "SELECT run_id FROM runs")
    }
    (change,) = changes(found)
    assert (change.before, change.after) == (1, 2)
    assert [str(value) for value in change.columns["content_created"]] == ["2021-02-27", "2021-02-26"]
    assert change.columns["dateline"] == ("Bakou, 27 février, AZERTAC", "Bakou, 26 février, AZERTAC")
    assert not {"run_id", "ingested_at", "version", "text", "body_start"} & change.columns.keys()
    bridges = [line.text for line in change.text.lines if "pont" in line.text]
    assert bridges == ["Un pont a été ouvert.", "Le pont est fermé."]


def test_a_document_is_found_by_id_beginning_path_source_or_file(
    home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, "sub/a b.txt", dispatch())
    run(home, source)
    ((document_id,),) = query(home, "SELECT document_id FROM documents")
    monkeypatch.chdir(source)
    for what in (
        document_id, document_id.upper(), document_id[:6], "sub/a b.txt", "wire:sub/a b.txt", "wire: sub/a b.txt",
        str(source / "sub" / "a b.txt"), "sub/../sub/a b.txt",
    ):  # fmt: skip
        assert find_history(home, what).document_id == document_id, what


def test_a_file_that_is_named_like_an_id_is_found(home: Home, source: Path) -> None:
    write(source, "abcdef01", dispatch())
    run(home, source / "abcdef01")
    assert find_history(home, "abcdef01").path == "abcdef01"


def test_names_that_look_alike_are_two_documents_and_found_by_what_is_shown(home: Home, source: Path) -> None:
    write(source, os.fsdecode(b"caf\xe9.txt"), dispatch(26))
    write(source, "caf\ufffde9.txt", dispatch(27))
    run(home, source)
    assert [path for (path,) in query(home, "SELECT path FROM documents ORDER BY content_created")] == [
        find_history(home, "caf\ufffde9.txt").path,
        find_history(home, "caf\ufffd00e9.txt").path,
    ]


@pytest.mark.parametrize("what", ["abc", "nowhere.txt", "wire:nowhere.txt", "f" * 32, "", "'; DROP VIEW documents"])
def test_what_is_unknown_says_how_to_find_documents(home: Home, source: Path, what: str) -> None:
    write(source, "a.txt", dispatch())
    run(home, source)
    with pytest.raises(SetupFault, match="select document_id, source, path from documents") as fault:
        find_history(home, what)
    assert f"No document {what!r}: give an id" in str(fault.value)
    assert f"--home {shlex.quote(str(home))}` finds ids" in str(fault.value)


def test_what_may_be_several_documents_lists_them(home: Home, source: Path, tmp_path: Path) -> None:
    write(source, "a.txt", dispatch())
    write(tmp_path / "other", "a.txt", dispatch())
    run(home, source)
    run(home, tmp_path / "other")
    with pytest.raises(SetupFault, match=r"several documents: [0-9a-f]{32} \((wire|other): a\.txt\), [0-9a-f]{32} \("):
        find_history(home, "a.txt")
    assert find_history(home, "other:a.txt").source == "other"


def test_what_never_was_a_document_is_shown_as_the_reject_it_is(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "empty.txt", b"")
    run(home, source)
    with pytest.raises(SetupFault, match=r"never was a document: it is rejected as empty\. The file has no bytes"):
        find_history(home, "empty.txt")


def test_a_renamed_file_is_followed_in_both_directions(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    (source / "a.txt").rename(source / "c.txt")
    run(home, source)
    former, now = find_history(home, "a.txt"), find_history(home, "c.txt")
    assert not former.is_current
    assert (reasons(former), former.file_status) == ([(1, "moved")], "moved")
    assert former.moved_to is not None
    assert (former.moved_to.path, former.moved_to.document_id) == ("c.txt", now.document_id)
    assert now.moved_from is not None
    assert (now.moved_from.path, now.moved_from.document_id) == ("a.txt", former.document_id)
    assert (reasons(now), now.moved_to) == ([(1, None)], None)
    (source / "c.txt").rename(source / "a.txt")
    run(home, source)
    back = find_history(home, "a.txt")
    assert (reasons(back), back.moved_to) == ([(1, "moved"), (2, None)], None)
    assert [change.text.notes for change in changes(back)] == [("The text is the same.",)]


def test_a_renamed_reject_moves_too(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "bad.txt", b"\x00\x01")
    run(home, source)
    (source / "bad.txt").rename(source / "worse.txt")
    run(home, source)
    assert query(home, "SELECT path FROM rejects") == [("worse.txt",)]
    assert query(home, "SELECT status, moved_to FROM files WHERE path = 'bad.txt'") == [("moved", "worse.txt")]


def test_a_moved_file_whose_new_place_is_gone_too_is_followed_by_steps(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "rest.txt", dispatch(28))
    run(home, source)
    for former, later in (("a.txt", "b.txt"), ("b.txt", "c.txt")):
        (source / former).rename(source / later)
        run(home, source)
    first, second, third = (find_history(home, name) for name in ("a.txt", "b.txt", "c.txt"))
    assert first.moved_to is not None
    assert second.moved_to is not None
    assert (first.moved_to.document_id, second.moved_to.document_id) == (second.document_id, third.document_id)
    assert third.is_current


def test_a_missing_file_keeps_its_document_and_says_so(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    (source / "a.txt").unlink()
    run(home, source)
    found = find_history(home, "a.txt")
    assert (found.is_current, found.file_status, reasons(found)) == (True, "missing", [(1, None)])


def test_a_withdrawn_document_shows_and_goes_on_when_its_file_returns(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "b.txt", dispatch(28))
    home = withdrawing(home, source)
    run(home)
    (source / "a.txt").unlink()
    run(home)
    gone = find_history(home, "a.txt")
    assert (gone.is_current, gone.file_status, reasons(gone)) == (False, "missing", [(1, "withdrawn")])
    write(source, "a.txt", dispatch(body="Le pont est rouvert."))
    run(home)
    back = find_history(home, gone.document_id)
    assert (back.is_current, reasons(back)) == (True, [(1, "withdrawn"), (2, None)])
    assert back.versions[0].valid_to is not None
    assert back.versions[0].valid_to < back.versions[1].valid_from


def test_with_withdraw_a_renamed_file_has_moved_all_the_same(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "b.txt", dispatch(28))
    home = withdrawing(home, source)
    run(home)
    (source / "a.txt").rename(source / "c.txt")
    run(home)
    former = find_history(home, "a.txt")
    assert reasons(former) == [(1, "moved")]
    assert former.moved_to is not None
    assert former.moved_to.path == "c.txt"


def test_a_record_that_is_rejected_after_a_change_keeps_its_former_versions(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    write(source, "a.txt", b"", age=60)
    run(home, source)
    found = find_history(home, "a.txt")
    assert (found.is_current, found.file_status, reasons(found)) == (False, "rejected", [(1, "rejected")])
