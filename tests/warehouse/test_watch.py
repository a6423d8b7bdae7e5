"""What the sensor asks about the sources: has anything changed, and has news stopped?"""

import datetime as dt
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from etl.errors import SetupFault
from tests.support import dispatch, run, write
from warehouse import plan, watch
from warehouse.home import Home
from warehouse.watch import look, silences


def configured(home: Home, *roots: Path, more: str = "") -> Home:
    home.settings_file.write_text("".join(f"[[source]]\nroot = '''{root}'''\n{more}" for root in roots))
    return Home(home.folder)


@pytest.fixture
def watched(home: Home, source: Path) -> Home:
    write(source, "a.txt", dispatch())
    write(source, "b.txt", dispatch(28))
    return configured(home, source)


def test_the_same_files_give_the_same_digest(watched: Home) -> None:
    first = look(watched)
    assert (first.files_seen, first.files_young) == (2, 0)
    assert look(watched) == first


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: write(folder, "c.txt", "x"),
        lambda folder: write(folder, "a.txt", "longer than before, with the time of before"),
        lambda folder: os.utime(folder / "a.txt", (1, 1)),
        lambda folder: (folder / "a.txt").unlink(),
        lambda folder: (folder / "a.txt").rename(folder / "z.txt"),
    ],
)
def test_every_change_gives_another_digest(watched: Home, source: Path, change: object) -> None:
    before = look(watched)
    change(source)  # type: ignore[operator]
    assert look(watched).digest != before.digest


def test_two_files_that_swap_their_names_are_a_change(watched: Home, source: Path) -> None:
    write(source, "b.txt", dispatch(28) + "!")
    before = look(watched)
    (source / "a.txt").rename(source / "x")
    (source / "b.txt").rename(source / "a.txt")
    (source / "x").rename(source / "b.txt")
    assert look(watched).digest != before.digest


def test_what_lies_beside_the_sources_counts(watched: Home, source: Path) -> None:
    sidecar = write(watched.folder, "side.csv", "path,title\n")
    watched = configured(watched, source, more="sidecar = 'side.csv'\n")
    digests = [look(watched).digest]
    for path in (sidecar, watched.reference / "places.csv", watched.reference / "agencies.csv"):
        write(path.parent, path.name, "changed", age=60)
        digests.append(look(watched).digest)
    assert len(set(digests)) == 4


def test_hidden_and_temporary_files_wait_for_their_names(watched: Home, source: Path) -> None:
    before = look(watched)
    write(source, ".c.txt", dispatch())
    write(source, "d.part.txt", dispatch())
    assert look(watched) == replace(before, files_seen=4, files_young=2)
    planned = plan.make_plan(watched, is_settled_only=True)
    assert [file.path for file in planned.read["wire"]] == ["a.txt", "b.txt"]
    assert planned.waiting == 2
    # Who calls the command wants what is there.
    assert len(plan.make_plan(watched).read["wire"]) == 4
    (source / ".c.txt").rename(source / "c.txt")
    assert look(watched).digest != before.digest


def test_young_files_are_left_out_until_they_are_settled(
    watched: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plan.SETTLED_NS == 2 * 10**9
    # Ten minutes: what is young has to stay so on a busy machine, too.
    monkeypatch.setattr(plan, "SETTLED_NS", 600 * 10**9)
    before = look(watched)
    (source / "new.txt").write_text(dispatch())
    young = look(watched)
    assert (young.digest, young.files_seen, young.files_young) == (before.digest, 3, 1)
    os.utime(source / "new.txt", (time.time() - 601, time.time() - 601))
    assert look(watched).digest != before.digest


def test_a_file_of_tomorrow_is_not_waited_for(watched: Home, source: Path) -> None:
    (source / "new.txt").write_text(dispatch())
    tomorrow = time.time() + 86400
    os.utime(source / "new.txt", (tomorrow, tomorrow))
    assert look(watched).files_young == 0


def test_a_publish_gives_another_digest(watched: Home) -> None:
    before = look(watched)
    run(watched)
    assert look(watched).digest != before.digest


def test_a_root_that_is_gone_is_a_fault(watched: Home, source: Path) -> None:
    source.rename(source.with_name("elsewhere"))
    with pytest.raises(SetupFault, match="No source at"):
        look(watched)


def test_no_file_is_opened(watched: Home, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(watched)
    for path in source.iterdir():
        path.chmod(0)
    real = open

    def refuse(path: object, *arguments: object, **options: object) -> object:
        assert not str(path).startswith(str(source)), path
        return real(path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.open", refuse)
    assert look(watched).files_seen == 2


def test_a_source_is_silent_after_its_fail_window(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write(source, "a.txt", dispatch())
    home = configured(home, source, other, more="fail_window = '2h'\n")
    run(home)
    assert [(silence.source.name, silence.is_stale) for silence in silences(home)] == [
        ("wire", False),
        ("other", False),
    ]
    later = dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(hours=3)
    monkeypatch.setattr(watch, "now", lambda: later)
    wire, never = silences(home)
    assert wire.is_stale
    assert "no new file since" in wire.message
    assert "2 hours" in wire.message
    # That a source never held a file is no fault.
    assert not never.is_stale
    assert never.message == "other: no file has come yet"


def test_sources_without_a_fail_window_are_never_silent(watched: Home) -> None:
    assert silences(watched) == []
