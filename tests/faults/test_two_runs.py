"""Two runs at once: the second says who is at work, or waits; a killed one is not taken for one at work."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.errors import SetupFault
from tests.faults.driver import Driver, Task
from tests.faults.scenarios import stray_files
from tests.support import dispatch, write
from warehouse.home import Home
from warehouse.lock import WriterLock


@pytest.fixture(scope="module")
def drive() -> Iterator[Driver]:
    with Driver() as driver:
        yield driver


def test_the_second_run_says_who_is_at_work_and_since_when(home: Home, source: Path, drive: Driver) -> None:
    write(source, "a.txt", dispatch())
    waits = ("run", str(source), "--wait=0.5")
    with WriterLock(home, "copydesk run"):
        for command, advice in (
            (("run", str(source)), r"Try again when it is done, or wait for it with `copydesk run --wait`"),
            (("run", str(source), "--json"), r"Try again when it is done, or wait for it with `copydesk run --wait`"),
            (waits, r"The wait of 0\.5 s has run out: try again when it is done, or give --wait more time"),
            (("prune",), r"Try again when it is done, or wait for it with `copydesk prune --wait`"),
            (("publish",), r"Try again when it is done"),
        ):
            ended = drive(Task("command", str(home), command))
            assert ended.status == 2
            assert re.fullmatch(
                rf"copydesk: Another run is writing: copydesk run, process {os.getpid()}, since 20\d\d-\d\d-\d\d \d\d:\d\d "
                rf"\(just now\)\. {advice}\n",
                ended.output,
            )
    drive.ok(Task("command", str(home), waits))


def test_the_lock_of_a_killed_run_is_no_lock(home: Home, source: Path, drive: Driver) -> None:
    write(source, "a.txt", dispatch())
    assert drive(Task("run", str(home), (str(source),), point="staged")).was_killed
    assert (home.lake / ".writer.json").exists()
    drive.ok(Task("run", str(home), (str(source),)))
    assert stray_files(home) == []


def test_the_note_of_a_killed_run_is_not_believed(home: Home, source: Path, drive: Driver) -> None:
    """It stays behind, until whoever has the lock next has written its own."""
    write(source, "a.txt", dispatch())
    with WriterLock(home, "test"):
        note = home.lake / ".writer.json"
        written = note.read_text()
        note.unlink()
        assert drive(Task("run", str(home), (str(source),))).output.startswith("copydesk: Another run is writing. Try")
        note.write_text(written.replace(str(os.getpid()), str(2**22 + 1)))
        assert drive(Task("run", str(home), (str(source),))).output.startswith("copydesk: Another run is writing. Try")


def test_the_note_of_a_run_that_was_killed_when_all_was_done_goes_too(home: Home, source: Path, drive: Driver) -> None:
    """The next run finds nothing new, and no leftovers but the note."""
    write(source, "a.txt", dispatch())
    command = Task("command", str(home), ("run", str(source)))
    drive.ok(command)
    note = home.lake / ".writer.json"
    note.write_text(f'{{"pid": {2**22 + 1}, "holder": "copydesk run", "since": "2026-01-01T00:00:00+00:00"}}')
    assert "Nothing new" in drive.ok(command).output
    assert stray_files(home) == []


def test_what_a_killed_run_left_waits_while_another_is_at_work(home: Home, source: Path, drive: Driver) -> None:
    """A run with nothing new clears away, but never what somebody is using."""
    write(source, "a.txt", dispatch())
    command = Task("command", str(home), ("run", str(source)))
    drive.ok(command)
    with WriterLock(home, "test"):
        (home.staging / "in use").mkdir(parents=True)
        assert "Nothing new" in drive.ok(command).output
        assert (home.staging / "in use").exists()
    assert "Nothing new" in drive.ok(command).output
    assert stray_files(home) == []


def test_a_lock_that_cannot_be_taken_for_want_of_permission_says_so(home: Home) -> None:
    (home.lake / ".writer.lock").mkdir()
    with pytest.raises(
        SetupFault, match=r"Cannot write to .*lake: Is a directory\. The published warehouse is as it was"
    ):
        WriterLock(home, "test").__enter__()
