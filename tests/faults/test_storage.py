"""Storage that fails under a run: one line that says so, the published warehouse as it was, and the next run whole."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.driver import Driver, Ended, Task
from tests.support import Desk, dispatch, write

NAMESPACE = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--mount", "--map-root-user")
SMALL_DISK = 'mount -t tmpfs -o size=64m tmpfs "$0" && exec "$@"'
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
PLAIN_ROOT = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""Under which permissions hold for root, too."""


def can_mount(folder: Path) -> bool:
    try:
        return not subprocess.run([*NAMESPACE, "sh", "-c", SMALL_DISK, folder, "true"], capture_output=True).returncode
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to mount something at, in a name space of its own."""
    folder = tmp_path_factory.mktemp("disk")
    # Skipped on macOS, and on Linux where neither root nor user namespaces are to be had; CI has them.
    if not can_mount(folder):
        pytest.skip(
            "a disk that is full or read-only for one process alone has to be mounted, "
            "which takes Linux, and root or user namespaces"
        )
    return folder


@pytest.fixture(scope="module")
def full(disk: Path) -> Iterator[Driver]:
    """A driver in whose world the folder is a disk of its own, a small one."""
    with Driver(*NAMESPACE, "sh", "-c", SMALL_DISK, str(disk)) as driver:
        yield driver


def message(ended: Ended) -> str:
    """The one line that a fault is."""
    assert ended.status == 2, ended
    lines = [line for line in ended.output.splitlines() if line]
    assert len(lines) == 1, lines
    assert lines[0].startswith("copydesk: ")
    return lines[0]


@pytest.mark.parametrize(
    "point",
    ["staging made", "documents created", "documents written", "before database", "after database"],
)
def test_a_disk_that_is_full(full: Driver, disk: Path, source: Path, point: str) -> None:
    """While staging, while lake files are written, in a Delta commit, in the candidate and in its manifest."""
    home = str(disk / point)
    write(source, "a.txt", dispatch())
    if point != "documents created":
        full.ok(Task("run", home, (str(source),)))
    former = full.rows(home)
    for number in range(9):
        write(source, f"{number}.txt", dispatch(number + 1, f"Texte {number}." * 2_000))
    task = Task("run", home, (str(source),), point=point, happens="fill")
    assert re.search("No space left for .*The published warehouse is as it was; free some space", message(full(task)))
    assert full.rows(home) == former
    full.ok(Task("clear", home))
    full.ok(Task("run", home, (str(source),)))
    assert len(full.rows(home)["documents"]) == 10
    assert full.ok(Task("stray", home)).value == []


def test_a_disk_that_is_full_for_the_records_of_dagster(full: Driver, disk: Path, source: Path) -> None:
    home = str(disk / "dagster")
    write(source, "a.txt", dispatch())
    command = Task("command", home, ("run", str(source), "--quiet"))
    for point in ("locked", "published"):
        full.ok(command)
        former = full.rows(home)
        write(source, f"{point}.txt", dispatch(28, "Nouveau."))
        said = message(full(Task("command", home, command.arguments, point=point, happens="fill")))
        assert "No space left for" in said
        if point == "locked":
            assert "as it was" in said
            assert full.rows(home) == former
        else:
            assert "published all the same" in said
            assert len(full.rows(home)["documents"]) == len(former["documents"]) + 1
        full.ok(Task("clear", home))
    full.ok(command)
    assert len(full.rows(home)["documents"]) == 3
    assert full.ok(Task("stray", home)).value == []


def test_a_disk_that_is_full_to_the_last_byte_can_be_pruned(full: Driver, disk: Path, source: Path) -> None:
    home = str(disk / "pruned")
    for number in range(2):
        write(source, f"{number}.txt", dispatch(number + 1))
        full.ok(Task("run", home, (str(source),)))
    full.ok(Task("fill", home))
    for command, done in ((("prune", "--keep=1", "--dry-run"), "would be removed"), (("prune", "--keep=1"), "removed")):
        assert f"1 {done}" in full.ok(Task("command", home, command)).output
    full.ok(Task("clear", home))
    assert full.ok(Task("stray", home)).value == []


@pytest.mark.parametrize("how", ["mount", pytest.param("permissions", marks=pytest.mark.slow)])
def test_a_home_that_is_read_only_can_be_read_and_says_that_it_cannot_be_written(
    tmp_path: Path, source: Path, how: str, request: pytest.FixtureRequest
) -> None:
    desk = Desk(tmp_path)
    write(source, "a.txt", dispatch())
    desk.ok("run", source)
    if how == "mount":
        request.getfixturevalue("disk")
        driver = Driver(*NAMESPACE, "sh", "-c", READ_ONLY, str(desk.home))
    else:
        subprocess.run(["chmod", "-R", "a-w", desk.home], check=True)
        driver = Driver(*PLAIN_ROOT)
    with driver as drive:
        home = str(desk.home)
        assert "Un pont" in drive.ok(Task("command", home, ("sql", "SELECT lead FROM documents"))).output
        assert "1 documents, version" in drive.ok(Task("command", home, ("status",))).output
        assert "Nothing new" in drive.ok(Task("command", home, ("run", str(source)))).output
        write(source, "b.txt", dispatch(28))
        former = drive.rows(home)
        for command in (("run", str(source)), ("publish",)):
            said = message(drive(Task("command", home, command)))
            assert re.search("Cannot write .*as it was; make the home writable, or name another", said)
        assert drive.rows(home) == former
    subprocess.run(["chmod", "-R", "u+w", desk.home], check=True)
    desk.ok("run", source)
