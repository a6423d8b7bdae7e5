"""Sources that change, vanish or cannot be read while they are read: nothing is invented, and nothing is lost."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from etl.errors import SetupFault
from tests.faults.driver import Driver, Task
from tests.faults.test_storage import PLAIN_ROOT
from tests.support import OLD, dispatch, query, run, stable_rows, write
from warehouse.home import Home
from warehouse.plan import make_plan

STATUS = "SELECT path, status FROM files ORDER BY path"


@pytest.fixture
def loaded(home: Home, source: Path) -> Home:
    for name in ("a.txt", "sub/b.txt", "sub/c.txt"):
        write(source, name, dispatch(len(name), f"Texte {name}."))
    run(home, source)
    return home


def in_mid_run(monkeypatch: pytest.MonkeyPatch, deed: Callable[[], object]) -> None:
    """Do something once, after the files have been listed and before they are read."""
    deeds = [deed]
    monkeypatch.setattr(
        "warehouse.points.on_reach", lambda point: deeds.pop()() if point == "staging made" and deeds else None
    )


@pytest.mark.parametrize("is_mount_point_left", [False, True])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_source_that_vanishes_in_mid_run_ends_it_and_changes_nothing(
    loaded: Home, source: Path, is_mount_point_left: bool, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither as rejects nor as missing files: a disk was unplugged."""
    loaded.settings_file.write_text(f"load.workers = {workers}")
    monkeypatch.setattr("warehouse.pool.SMALL", 0)
    former = stable_rows(loaded)
    for name in ("a.txt", "d.txt"):
        write(source, name, dispatch(9, "Nouveau."), age=60)
    unplugged = source.with_name("unplugged")

    def unplug() -> None:
        source.rename(unplugged)
        if is_mount_point_left:
            source.mkdir()

    in_mid_run(monkeypatch, unplug)
    with pytest.raises(
        SetupFault, match=r"The source wire has vanished while it was read: .*as it was; run again when"
    ):
        run(loaded, source)
    assert stable_rows(loaded) == former
    if is_mount_point_left:
        source.rmdir()
    unplugged.rename(source)
    run(loaded, source)
    assert query(loaded, STATUS) == [(name, "loaded") for name in ("a.txt", "d.txt", "sub/b.txt", "sub/c.txt")]
    assert query(loaded, "SELECT count(*) FROM rejects") == [(0,)]


def test_a_source_that_vanishes_while_it_is_listed_makes_no_file_missing(
    loaded: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from etl.sources import list_files

    def list_and_unplug(root: Path, *arguments: object, **options: object) -> list[object]:
        listed = list(list_files(root, *arguments, **options))  # type: ignore[arg-type]
        shutil.rmtree(root)
        root.mkdir()
        return listed[:1]

    monkeypatch.setattr("warehouse.plan.list_files", list_and_unplug)
    with pytest.raises(SetupFault, match="has vanished while it was listed"):
        make_plan(loaded, [str(source)])


def test_files_that_vanish_in_mid_run_are_left_to_the_next_listing(
    loaded: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a folder does that lies on a disk of its own, or a file that is moved away."""
    write(source, "sub/b.txt", dispatch(9, "Autre."), age=60)
    write(source, "sub/new.txt", dispatch(10, "Nouveau."))
    write(source, "new.txt", dispatch(11, "Nouveau aussi."))
    in_mid_run(monkeypatch, lambda: shutil.rmtree(source / "sub"))
    run(loaded, source)
    assert query(loaded, STATUS) == [(name, "loaded") for name in ("a.txt", "new.txt", "sub/b.txt", "sub/c.txt")]
    assert query(loaded, "SELECT path, reason FROM rejects") == []
    run(loaded, source)
    gone = [("a.txt", "loaded"), ("new.txt", "loaded"), ("sub/b.txt", "missing"), ("sub/c.txt", "missing")]
    assert query(loaded, STATUS) == gone
    assert query(loaded, "SELECT count(*) FROM documents") == [(4,)]


class Restless:
    """Stands in for `os.open` on one file, which changes each time that it has been looked at."""

    def __init__(self, path: Path, contents: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._path = path
        self._contents = contents
        self._fstat = os.fstat
        monkeypatch.setattr("etl.stage.os.fstat", self.fstat)

    def fstat(self, descriptor: int) -> os.stat_result:
        status = self._fstat(descriptor)
        if self._contents and status.st_ino == self._path.stat().st_ino:
            self._path.write_text(self._contents.pop(0))
            os.utime(self._path, (OLD, OLD))
        return status


@pytest.mark.parametrize(
    ("during", "lead"),
    [
        pytest.param(["Texte B."], "Texte B.", id="once, to the same size and with the mtime set back"),
        pytest.param(["Texte plus long."], "Texte plus long.", id="it grows"),
        pytest.param(["Bref."], "Bref.", id="it shrinks"),
        pytest.param(["Texte B.", "Texte C.", "Texte D.", "Texte E."], "Texte E.", id="again and again"),
    ],
)
def test_a_file_that_changes_while_it_is_read_is_looked_at_again(
    home: Home, source: Path, during: list[str], lead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(source, "a.txt", dispatch(body="Texte A."))
    with monkeypatch.context() as patch:
        Restless(path, [dispatch(body=text) for text in during], patch)
        run(home, source)
    run(home, source)
    assert query(home, "SELECT lead FROM documents") == [(lead,)]
    assert run(home, source) is None


def test_a_file_that_is_touched_while_it_may_still_change_keeps_no_mtime(
    loaded: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its digest is the known one, but in the same tick of the clock it may become another of the same size."""
    os.utime(source / "a.txt")
    plan = make_plan(loaded, [str(source)])
    assert plan.touched == []
    os.utime(source / "a.txt", (OLD - 99, OLD - 99))
    assert [path for _, path, _ in make_plan(loaded, [str(source)]).touched] == ["a.txt"]


def failing(name: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have opening a file fail."""
    really = os.open

    def fails(path: object, *arguments: int) -> int:
        if str(path).endswith(name):
            raise OSError(number, os.strerror(number), path)
        return really(path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("etl.stage.os.open", fails)


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_a_file_that_cannot_be_read_is_a_reject_until_it_can(
    loaded: Home, source: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, "d.txt", dispatch(9, "Nouveau."))
    with monkeypatch.context() as patch:
        failing("d.txt", number, patch)
        run(loaded, source)
    assert query(loaded, "SELECT path, reason FROM rejects") == [("d.txt", "unreadable")]
    assert os.strerror(number) in query(loaded, "SELECT message FROM rejects")[0][0]
    run(loaded, source)
    assert query(loaded, "SELECT count(*), (SELECT count(*) FROM rejects) FROM documents") == [(4, 0)]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOTCONN, errno.ENODEV])
def test_an_error_that_all_files_would_meet_ends_the_run(
    loaded: Home, source: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, "d.txt", dispatch(9, "Nouveau."))
    former = stable_rows(loaded)
    failing("d.txt", number, monkeypatch)
    with pytest.raises(SetupFault, match=rf"d.txt: {os.strerror(number)}. The published warehouse is as it was"):
        run(loaded, source)
    assert stable_rows(loaded) == former


def test_a_disk_that_fails_while_it_is_listed_makes_no_file_missing(
    loaded: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listing leaves out what a failing disk does not show; whether it is gone has to be asked."""
    really = Path.lstat

    def fails(path: Path) -> os.stat_result:
        if path.name == "c.txt":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return really(path)

    (source / "sub" / "c.txt").unlink()
    monkeypatch.setattr(Path, "lstat", fails)
    with pytest.raises(SetupFault, match=r"Cannot look at .*c.txt: Input/output error. Nothing was changed"):
        run(loaded, source)


def test_permissions(tmp_path: Path, source: Path) -> None:
    """A file that may not be read is a reject; a folder that may not be listed would hide its files, and is a fault."""
    home = str(tmp_path / "home")
    write(source, "a.txt", dispatch())
    write(source, "sub/b.txt", dispatch(28, "Deux."))
    with Driver(*PLAIN_ROOT) as drive:
        task = Task("run", home, (str(source),))
        (source / "a.txt").chmod(0)
        drive.ok(task)
        (reject,) = drive.rows(home)["rejects"]
        assert "unreadable" in reject
        former = drive.rows(home)
        (source / "sub").chmod(0)
        ended = drive(task)
        assert ended.status == 2
        assert "Cannot list" in ended.output
        assert drive.rows(home) == former
        subprocess.run(["chmod", "-R", "u+rwX", source], check=True)
        drive.ok(task)
        assert len(drive.rows(home)["documents"]) == 2
