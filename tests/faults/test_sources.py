"""Sources that change, vanish or cannot be read while they are read: nothing is invented, and nothing is lost."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from etl.errors import SetupFault
from etl.sources import ListedFile, list_files
from tests.faults.driver import Driver, Task
from tests.faults.test_storage import PLAIN_ROOT
from tests.support import OLD, NoPool, dispatch, query, run, stable_rows, write
from warehouse.home import Home
from warehouse.manifest import require_current
from warehouse.plan import make_plan
from warehouse.pool import Pool

pytestmark = pytest.mark.usefixtures("without_workers")

STATUS = "SELECT path, status FROM files ORDER BY path"


@pytest.fixture
def without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is changed here has to change where files are read, too."""
    monkeypatch.setattr("tests.support.open_pool", NoPool)


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


@pytest.mark.parametrize(("is_mount_point_left", "pool"), [(False, Pool), (True, NoPool)])
def test_a_source_that_vanishes_in_mid_run_ends_it_and_changes_nothing(
    loaded: Home, source: Path, is_mount_point_left: bool, pool: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither as rejects nor as missing files: a disk was unplugged."""
    # Not one that is kept: a run that ends with a fault ends its workers.
    monkeypatch.setattr("tests.support.open_pool", lambda: pool(loaded.settings))
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
    def list_and_unplug(root: Path, *arguments: object, **options: object) -> list[ListedFile]:
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


def test_files_below_a_folder_that_becomes_a_link_in_mid_run_are_not_read_from_elsewhere(
    loaded: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = tmp_path / "foreign"
    for name in ("b.txt", "lines.jsonl", "e.txt.gz"):
        write(source, f"sub/{name}", b"{}", age=60)
        write(foreign, name, dispatch(9, "Secret."))

    def redirect() -> None:
        shutil.rmtree(source / "sub")
        (source / "sub").symlink_to(foreign)

    in_mid_run(monkeypatch, redirect)
    run(loaded, source / "**" / "*.*")
    rejects = query(loaded, "SELECT path, reason FROM rejects ORDER BY path")
    assert rejects == [(f"sub/{name}", "outside_source") for name in ("b.txt", "e.txt.gz", "lines.jsonl")]
    assert query(loaded, "SELECT path, lead FROM documents ORDER BY path") == [
        ("a.txt", "Texte a.txt."),
        ("sub/c.txt", "Texte sub/c.txt."),
    ]


class Restless:
    """Stands in for `os.fstat` on files that change each time that they have been looked at."""

    def __init__(self, contents: dict[Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
        self._contents = {path.stat().st_ino: (path, texts) for path, texts in contents.items()}
        self._fstat = os.fstat
        monkeypatch.setattr("etl.stage.os.fstat", self.fstat)

    def fstat(self, descriptor: int) -> os.stat_result:
        status = self._fstat(descriptor)
        path, texts = self._contents.get(status.st_ino, (None, []))
        if path and texts:
            path.write_text(texts.pop(0))
            os.utime(path, (OLD, OLD))
        return status


def test_files_that_change_while_they_are_read_are_looked_at_again(
    home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the same size and with their mtimes set back; longer; shorter; and again and again."""
    changes = {
        "same.txt": ["Texte B."],
        "longer.txt": ["Texte plus long."],
        "shorter.txt": ["Bref."],
        "restless.txt": ["Texte B.", "Texte C.", "Texte D.", "Texte E."],
    }
    for name in changes:
        write(source, name, dispatch(body="Texte A."))
    with monkeypatch.context() as patch:
        Restless({source / name: [dispatch(body=text) for text in texts] for name, texts in changes.items()}, patch)
        run(home, source)
    # It was read three times, and had changed once more by then.
    assert query(home, "SELECT mtime FROM files WHERE path = 'restless.txt'") == [(None,)]
    run(home, source)
    found = dict(query(home, "SELECT path, lead FROM documents"))
    assert found == {name: texts[-1] for name, texts in changes.items()}
    assert make_plan(home, [str(source)]).is_empty


def test_a_file_that_is_touched_while_it_may_still_change_keeps_no_mtime(loaded: Home, source: Path) -> None:
    """Its digest is the known one, but in the same tick of the clock it may become another of the same size."""

    def touched() -> bool:
        return "a.txt" in [path for _, path, _ in make_plan(loaded, [str(source)]).touched]

    os.utime(source / "a.txt")
    assert not touched()
    os.utime(source / "a.txt", (OLD - 99, OLD - 99))
    assert touched()


def failing(errors: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have opening files fail, each in its way."""
    really = os.open

    def fails(path: str, *arguments: int, **options: int) -> int:
        if number := errors.get(Path(path).name):
            raise OSError(number, os.strerror(number), path)
        return really(path, *arguments, **options)

    monkeypatch.setattr("etl.sources.os.open", fails)


def test_files_that_cannot_be_read_are_rejects_until_they_can(
    loaded: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, "d.txt", dispatch(9, "Nouveau."))
    write(source, "e.txt", dispatch(10, "Nouveau aussi."))
    with monkeypatch.context() as patch:
        failing({"d.txt": errno.EIO, "e.txt": errno.EACCES}, patch)
        run(loaded, source)
    rejects = query(loaded, "SELECT path, reason, message FROM rejects ORDER BY path")
    assert [reject[:2] for reject in rejects] == [("d.txt", "unreadable"), ("e.txt", "unreadable")]
    assert [reject[2].partition(".")[0] for reject in rejects] == ["Input/output error", "Permission denied"]
    run(loaded, source)
    assert query(loaded, "SELECT count(*), (SELECT count(*) FROM rejects) FROM documents") == [(5, 0)]


def test_errors_that_all_files_would_meet_end_the_run(
    loaded: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, "d.txt", dispatch(9, "Nouveau."))
    published = require_current(loaded)
    for number in (errno.EMFILE, errno.ENOTCONN, errno.ENODEV):
        with monkeypatch.context() as patch:
            failing({"d.txt": number}, patch)
            with pytest.raises(
                SetupFault, match=rf"d.txt: {os.strerror(number)}. The published warehouse is as it was"
            ):
                run(loaded, source)
    assert require_current(loaded) == published


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
