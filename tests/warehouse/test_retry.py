"""Reading the files of rejects again, without Dagster."""

import os
from pathlib import Path
from typing import Any

import pytest

from etl.errors import SetupFault
from etl.reading import Reading, read_document
from tests.faults.scenarios import stray_files
from tests.support import NoPool, candidate, dispatch, failing, query, run, write
from warehouse.home import Home
from warehouse.load import Unchanged
from warehouse.lock import WriterLock
from warehouse.manifest import require_current
from warehouse.plan import Plan, make_plan, make_retry
from warehouse.publish import clear_leftovers, publish
from warehouse.rejects import Retried, list_rejects, outcome_of_retry


def retry(home: Home, *reasons: str) -> tuple[Plan, Retried]:
    plan = make_retry(home, reasons)
    read = {(source, file.path) for source, files in plan.read.items() for file in files}
    _, loaded = candidate(home, plan=plan)
    assert not {name for name, check in failing(home, loaded.run_id).items() if check.is_blocking}
    with WriterLock(home, "test"):
        published = publish(home, loaded.run_id)
    return plan, outcome_of_retry(home, read, plan.published, published)


def too_hard(text: str, *rest: Any) -> Reading:
    if "Trop dur" in text:
        raise ValueError
    return read_document(text, *rest)


@pytest.fixture
def rejected(home: Home, source: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with one document, and rejects of three reasons, one of which is of our own making."""
    write(source, "a.txt", dispatch())
    write(source, "hard.txt", dispatch(28, "Trop dur."))
    write(source, "bad.txt", b"\x00\x01")
    write(source, "empty.txt", b"")
    with monkeypatch.context() as patch:
        patch.setattr("etl.transform.read_document", too_hard)
        patch.setattr("warehouse.load.Pool", NoPool)
        run(home, source)
    return home


def test_unchanged_files_are_read_again_and_what_can_be_read_now_is_mended(rejected: Home, source: Path) -> None:
    assert make_plan(rejected, [str(source)]).is_empty
    before = dict(query(rejected, "SELECT path, first_seen FROM rejects"))
    plan, retried = retry(rejected)
    assert (plan.files_seen, plan.gone) == (3, 0)
    assert retried == Retried(1, {"binary": 1, "empty": 1})
    assert query(rejected, "SELECT path, version FROM documents ORDER BY 1") == [("a.txt", 1), ("hard.txt", 1)]
    assert query(rejected, "SELECT path, status FROM files WHERE status = 'rejected' ORDER BY 1") == [
        ("bad.txt", "rejected"),
        ("empty.txt", "rejected"),
    ]
    after = dict(query(rejected, "SELECT path, first_seen FROM rejects"))
    assert after == {path: before[path] for path in ("bad.txt", "empty.txt")}
    assert make_plan(rejected, [str(source)]).is_empty


def test_a_retry_follows_no_folder_that_became_a_link(home: Home, source: Path, tmp_path: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "d/a.txt", "")
    run(home, source)
    (source / "d" / "a.txt").unlink()
    (source / "d").rmdir()
    write(tmp_path / "outside", "a.txt", dispatch(28, "Secret."))
    (source / "d").symlink_to(tmp_path / "outside")
    plan = make_retry(home)
    assert (plan.files_to_read, plan.gone) == (0, 1)


def test_a_retry_of_one_reason_leaves_the_others_alone(rejected: Home, source: Path) -> None:
    former = dict(query(rejected, "SELECT path, run_id FROM rejects"))
    write(source, "bad.txt", b"\x00\x01\x02", age=60)
    write(source, "empty.txt", dispatch(3), age=60)
    plan, retried = retry(rejected, "binary")
    assert plan.files_seen == 1
    assert retried == Retried(0, {"binary": 1})
    now = dict(query(rejected, "SELECT path, run_id FROM rejects"))
    assert {path for path in now if now[path] != former[path]} == {"bad.txt"}


def test_rejects_that_come_out_the_same_publish_nothing(rejected: Home) -> None:
    retry(rejected, "unparsable")
    published = require_current(rejected)
    with pytest.raises(Unchanged):
        retry(rejected)
    with WriterLock(rejected, "test"):
        clear_leftovers(rejected)
    assert require_current(rejected) == published
    assert stray_files(rejected) == []


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"\n"])
def test_a_reject_that_has_become_another_is_published(rejected: Home, source: Path, content: bytes) -> None:
    retry(rejected, "unparsable")
    former = require_current(rejected)
    write(source, "bad.txt", content, age=60)
    assert retry(rejected)[1].mended == 0
    assert require_current(rejected) != former
    assert not make_plan(rejected, [str(source)]).files_to_read


def test_a_file_that_has_changed_meanwhile_is_read_as_it_is(rejected: Home, source: Path) -> None:
    write(source, "empty.txt", dispatch(3), age=60)
    assert retry(rejected, "empty")[1] == Retried(1, {})
    write(source, "hard.txt", b"", age=60)
    assert retry(rejected, "unparsable")[1] == Retried(0, {"empty": 1})


def test_files_that_are_gone_are_left_as_they_are(rejected: Home, source: Path) -> None:
    (source / "empty.txt").unlink()
    (source / "bad.txt").unlink()
    plan, retried = retry(rejected)
    assert (plan.files_seen, plan.gone, retried) == (1, 2, Retried(1, {}))
    assert query(rejected, "SELECT path, status FROM files WHERE path != 'a.txt' ORDER BY 1") == [
        ("bad.txt", "rejected"),
        ("empty.txt", "rejected"),
        ("hard.txt", "loaded"),
    ]
    assert make_retry(rejected).is_empty
    assert make_retry(rejected).gone == 2


def test_a_file_whose_name_is_not_utf_8_is_found_again(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    with open(os.fsencode(source) + b"/d\xe9j\xe0.txt", "wb") as handle:
        handle.write(b"\x00")
    write(source, "\ufffde9.txt", b"\x00")
    run(home, source)
    plan = make_retry(home)
    assert (plan.files_to_read, plan.gone) == (2, 0)
    assert query(home, "SELECT path FROM rejects ORDER BY 1") == [("d\ufffde9j\ufffde0.txt",), ("\ufffd00e9.txt",)]


def test_reasons_that_do_not_exist_are_a_fault(rejected: Home) -> None:
    for asked in (lambda: make_retry(rejected, ["blnk"]), lambda: list_rejects(rejected, "blnk")):
        with pytest.raises(SetupFault, match="No reject has the reason blnk; reasons are empty, blank, binary"):
            asked()
    with pytest.raises(SetupFault, match=r"No source is named 'wir'; sources are wire"):
        list_rejects(rejected, source="wir")


def test_rejects_are_counted_by_reason_and_listed_up_to_a_limit(rejected: Home, source: Path) -> None:
    for number in range(5):
        write(source, f"{number}.txt", b"")
    run(rejected, source)
    found = list_rejects(rejected, limit=3)
    assert found.counts == {"empty": 6, "binary": 1, "unparsable": 1}
    assert (found.total, [row[1] for row in found.rows]) == (8, ["0.txt", "1.txt", "2.txt"])
    assert [row[1] for row in list_rejects(rejected, "binary", "wire").rows] == ["bad.txt"]


def test_after_an_upgrade_a_retry_takes_up_all_that_could_not_be_read_before(
    rejected: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("etl.transform", "warehouse.plan", "warehouse.load", "warehouse.publish"):
        monkeypatch.setattr(f"{module}.PARSER_VERSION", "test")
    monkeypatch.setattr("warehouse.load.Pool", NoPool)
    retry(rejected, "empty")
    assert query(rejected, "SELECT path, parser_version FROM documents ORDER BY 1") == [
        ("a.txt", "test"),
        ("hard.txt", "test"),
    ]
