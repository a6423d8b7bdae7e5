"""What a process is killed in: homes with a past, each with the task that comes next and what has to come of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.faults.driver import Driver, Ended, Task
from tests.support import dispatch, write
from warehouse.home import Home
from warehouse.manifest import retained

SETTINGS = """
publish.keep_versions = 2
load.workers = 2
[[source]]
root = "{wire}"
on_missing = "withdraw"
[[source]]
root = "{late}"
"""


@dataclass
class Scenario:
    """A home as it is before a task, and the task.

    Attributes:
        name: for people.
        task: what is to be done to the home.
        saved: a copy of the home before it.
        former: what is published before it.
        expected: what has to be published after it.
        reached: how often it reaches which point, undisturbed.
    """

    name: str
    task: Task
    saved: Path
    former: dict[str, Any]
    expected: dict[str, Any]
    reached: dict[str, int]

    @property
    def home(self) -> Home:
        """The home that everything is done to."""
        return Home(self.task.home)

    def restore(self) -> None:
        """Make the home what it was before the task."""
        shutil.rmtree(self.home.folder, ignore_errors=True)
        if self.saved.exists():
            shutil.copytree(self.saved, self.home.folder, symlinks=True)


def survive(drive: Driver, scenario: Scenario, task: Task) -> Ended:
    """Do a scenario's task, killed as the task says, then the same again undisturbed, and check what has to hold.

    Returns:
        How the killed one ended: it may have ended before the kill.
    """
    scenario.restore()
    killed = drive(task)
    check_published(drive, scenario)
    again = replace(task, point="", seconds=0)
    drive.ok(again)
    check_whole(drive, scenario)
    return killed


def check_published(drive: Driver, scenario: Scenario) -> None:
    """Between a kill and the next run: readers see the former or the new version, and nothing else."""
    if scenario.name == "moved":
        # The former version points at another place until it is published again.
        assert scenario.home.link.exists()
        return
    found = drive.rows(scenario.task.home)
    assert found in (scenario.former, scenario.expected), difference(found, scenario.former)


def check_whole(drive: Driver, scenario: Scenario) -> None:
    """After the next run: everything is as if nothing had happened."""
    found = drive.rows(scenario.task.home)
    assert found == scenario.expected, difference(found, scenario.expected)
    assert stray_files(scenario.home) == []


def difference(found: dict[str, Any], expected: dict[str, Any]) -> str:
    """Where two warehouses differ, for people."""
    return "; ".join(
        f"{name}: {len(found.get(name, ()))} rows, not {len(expected.get(name, ()))}"
        for name in sorted({*found, *expected})
        if found.get(name) != expected.get(name)
    )


def stray_files(home: Home) -> list[str]:
    """What lies in a home that no retained version needs, between runs."""
    versions = retained(home)
    needed = {
        f"lake/{table}/{name}"
        for version in versions
        for table, state in version.tables.items()
        for name in state.files
    }
    needed |= {
        f"versions/{version.name}/{name}" for version in versions for name in ("warehouse.duckdb", "manifest.json")
    }
    tables = {table for version in versions for table in version.tables}
    found = []
    for path in (*home.lake.rglob("*"), *home.versions.rglob("*")):
        name = path.relative_to(home.folder).as_posix()
        is_log = path.parent.name == "_delta_log" and path.parent.parent.name in tables and path.suffix == ".json"
        if path.is_dir():
            if not any(path.iterdir()) or (path.parent == home.lake and path.name not in tables):
                found.append(name)
        elif name not in needed and not is_log and name != "lake/.writer.lock":
            found.append(name)
    beside = {"lake", "versions", "dagster", "reference", "inbox", "alerts", "copydesk.toml", home.link.name}
    found += [path.name for path in home.folder.iterdir() if path.name not in beside]
    found += [f"a version more than are kept: {version.name}" for version in versions[2:]]
    return sorted(found)


class Stage:
    """A folder with sources and a home that scenarios play in, one after another."""

    def __init__(self, folder: Path, drive: Driver) -> None:
        self._folder = folder
        self._drive = drive
        self._wire = folder / "wire"
        self._late = folder / "late"

    def scenarios(self) -> Iterator[Scenario]:
        """All scenarios. What is in the sources belongs to the one that was given last."""
        self._sources_at_first()
        yield self._scenario("first load", "run", lambda home: None)
        yield self._scenario("first change", "run", self._changed_once)
        yield self._scenario("second load", "run", self._second)
        yield self._scenario("after a kill", "run", self._after_a_kill)
        yield self._scenario("nothing new", "run", self._nothing_new)
        yield self._scenario("rebuild", "rebuild", self._loaded_twice, ("2021-02", "2021-03"))
        yield self._scenario("another parser", "run", self._loaded_twice, parser="test")
        yield self._scenario("moved", "publish", self._moved)

    def _scenario(
        self, name: str, what: str, prepare: Callable[[Home], None], arguments: tuple[str, ...] = (), parser: str = ""
    ) -> Scenario:
        home = Home(self._folder / name.replace(" ", "-") / "home [1]")
        home.create()
        home.settings_file.write_text(SETTINGS.format(wire=self._wire, late=self._late))
        prepare(home)
        saved = home.folder.with_name("saved")
        shutil.copytree(home.folder, saved, symlinks=True)
        task = Task(what, str(home), arguments, parser=parser)
        former = {} if name == "moved" else self._drive.rows(str(home))
        reached = self._drive.ok(task).reached
        return Scenario(name, task, saved, former, self._drive.rows(str(home)), reached)

    def _run(self, home: Home, point: str = "") -> None:
        ended = self._drive(Task("run", str(home), point=point))
        assert ended.was_killed if point else ended.status == 0, ended

    def _sources_at_first(self) -> None:
        for number in range(5):
            write(self._wire, f"{number}.txt", dispatch(number + 1, f"Texte {number}."))
        write(self._wire, "mars.txt", dispatch(3, "Texte de mars.", "2021-03", "mars"))
        write(self._wire, "gone.txt", dispatch(9, "Texte qui part."))
        write(self._wire, "back.txt", dispatch(10, "Texte qui revient."))
        write(self._wire, "old name.txt", dispatch(11, "Texte qui change de nom."))
        write(self._wire, "bad.txt", b"\x00\x01")
        self._late.mkdir(exist_ok=True)

    def _changed_once(self, home: Home) -> None:
        """With nothing in document_versions yet."""
        self._sources_at_first()
        self._run(home)
        write(self._wire, "0.txt", dispatch(1, "Autre texte."), age=60)

    def _loaded_twice(self, home: Home) -> None:
        """With a former version of a document, a missing file, and as many versions as are kept."""
        for path in (*self._late.iterdir(), *self._wire.glob("new*")):
            path.unlink()
        self._changed_once(home)
        (self._wire / "back.txt").unlink()
        self._run(home)

    def _second(self, home: Home) -> None:
        self._loaded_twice(home)
        self._sources_at_last()

    def _sources_at_last(self) -> None:
        write(self._wire, "back.txt", dispatch(10, "Texte qui revient."))
        write(self._wire, "0.txt", dispatch(1, "Encore un autre texte."), age=120)
        write(self._wire, "1.txt", dispatch(2, "Texte en avril.", "2021-04", "avril"), age=120)
        write(self._wire, "2.txt", b"", age=120)
        (self._wire / "gone.txt").unlink()
        (self._wire / "old name.txt").rename(self._wire / "new name.txt")
        write(self._wire, "new.txt", dispatch(12, "Nouveau texte."))
        write(self._wire, "new, bad.txt", b"\x00\x02")
        write(self._late, "a.txt", "LIMA, Feb 3 (Reuters) - A new source.\n\nWith a place of its own.")

    def _after_a_kill(self, home: Home) -> None:
        """With all that two killed runs leave: commits, a candidate, and a version that was not published."""
        self._second(home)
        self._run(home, "after manifest")
        shutil.copytree(next(home.versions.glob("*.building")), home.versions / "refused.building")
        self._run(home, "version renamed")
        shutil.copytree(home.versions / "refused.building", home.versions / "refused again.building")

    def _nothing_new(self, home: Home) -> None:
        """Published, but killed before anything was cleared away."""
        self._second(home)
        self._run(home, "published")

    def _moved(self, home: Home) -> None:
        """Its views point at a place where nothing is any more."""
        former = home.folder.with_name("former place")
        home.folder.rename(former)
        self._loaded_twice(Home(former))
        former.rename(home.folder)
