"""What a process is killed in: homes with a past, each with the task that comes next and what has to come of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.faults.driver import Driver, Ended, Task
from tests.support import dispatch, write
from warehouse.home import Home
from warehouse.manifest import retained

KEPT = 2

SETTINGS = """
publish.keep_versions = {kept}
load.workers = 2
[[source]]
root = "{wire}"
on_missing = "withdraw"
[[source]]
root = "{late}"
"""

Rows = dict[str, Any]


@dataclass(frozen=True)
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
    former: Rows
    expected: Rows
    reached: dict[str, int]

    @property
    def home(self) -> Home:
        """The home that everything is done to."""
        return Home(self.task.home)


def survive(drive: Driver, scenario: Scenario, task: Task) -> Ended:
    """Do a scenario's task, killed as the task says, then the same again undisturbed, and check what has to hold.

    Between the two, readers see the former or the new version and nothing else; after them, everything is as if
    nothing had happened.

    Returns:
        How the killed one ended: it may have ended before the kill.
    """
    put_back(scenario.saved, scenario.home)
    killed = drive(task)
    before, after = drive.ok(replace(scenario.task, is_between_rows=True)).value
    assert before in (scenario.former, scenario.expected), difference(before, scenario.former)
    assert after == scenario.expected, difference(after, scenario.expected)
    assert stray_files(scenario.home) == []
    return killed


def difference(found: Rows, expected: Rows) -> str:
    """Where two warehouses differ, for people."""
    if "fault" in found:
        return str(found["fault"])
    return "; ".join(
        f"{name}: {len(found.get(name, ()))} rows, not {len(expected.get(name, ()))}, or others"
        for name in sorted({*found, *expected})
        if found.get(name) != expected.get(name)
    )


def stray_files(home: Home) -> list[str]:
    """What lies in a home that no retained version needs, between runs."""
    versions = retained(home)
    tables = {table for version in versions for table in version.tables}
    needed = {
        f"lake/{table}/{name}"
        for version in versions
        for table, state in version.tables.items()
        for name in state.files
    }
    needed |= {
        f"versions/{version.name}/{name}" for version in versions for name in ("warehouse.duckdb", "manifest.json")
    }
    found = [f"one version too many: {version.name}" for version in versions[home.settings.keep_versions :]]
    for path in (*home.lake.rglob("*"), *home.versions.rglob("*")):
        name = path.relative_to(home.folder).as_posix()
        is_log = path.parent.name == "_delta_log" and path.parent.parent.name in tables and path.suffix == ".json"
        if path.is_dir():
            is_stray = not any(path.iterdir()) or (path.parent == home.lake and path.name not in tables)
        else:
            is_stray = name not in needed and not is_log and name != "lake/.writer.lock"
        found += [name] * is_stray
    beside = {"lake", "versions", "dagster", "reference", "inbox", "alerts", "copydesk.toml", home.link.name}
    return found + [path.name for path in home.folder.iterdir() if path.name not in beside]


def put_back(saved: Path | Home, home: Path | Home) -> None:
    """Make a home what it was, at the same place, which its views point at; or save it."""
    source, target = (place.folder if isinstance(place, Home) else place for place in (saved, home))
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)


class Stage:
    """A folder with sources and one home that scenarios play in, one after another."""

    def __init__(self, folder: Path, drive: Driver) -> None:
        self._drive = drive
        self._wire = folder / "wire"
        self._late = folder / "late"
        self._home = Home(folder / "home [1]")
        self._saved = folder / "saved"

    def scenarios(self) -> Iterator[Scenario]:
        """All scenarios. What lies in the sources is that of the one that was given last."""
        self._sources_at_first()
        self._home.create()
        self._home.settings_file.write_text(SETTINGS.format(kept=KEPT, wire=self._wire, late=self._late))
        yield self._scenario("first load")

        self._return_to("first load")
        self._run()
        write(self._wire, "0.txt", dispatch(1, "Autre texte."), age=60)
        yield self._scenario("first change")

        # Former versions of documents, a missing file, and as many versions as are kept.
        self._return_to("first change")
        self._run()
        (self._wire / "back.txt").unlink()
        self._run()
        yield self._scenario("rebuild", Task("rebuild", str(self._home), ("2021-02", "2021-03")))
        self._return_to("rebuild")
        yield self._scenario("another parser", Task("run", str(self._home), parser="test"))

        self._sources_at_last()
        self._return_to("rebuild")
        yield self._scenario("second load")

        # All that two killed runs leave: commits, a candidate, and a version that was not published.
        self._return_to("second load")
        self._run("after manifest")
        self._run("version renamed")
        yield self._scenario("after two kills")

        # Published, but nothing was cleared away.
        self._return_to("second load")
        self._run("published")
        yield self._scenario("nothing new")

        self._return_to("rebuild")
        elsewhere = self._home.folder.with_name("elsewhere")
        self._home.folder.rename(elsewhere)
        self._drive.ok(Task("publish", str(elsewhere)))
        elsewhere.rename(self._home.folder)
        yield self._scenario("moved home", Task("publish", str(self._home)))

    def _scenario(self, name: str, task: Task | None = None) -> Scenario:
        task = task or Task("run", str(self._home))
        saved = self._saved / name
        shutil.copytree(self._home.folder, saved, symlinks=True)
        ended = self._drive.ok(replace(task, is_between_rows=True))
        former, expected = ended.value
        return Scenario(name, task, saved, former, expected, ended.reached)

    def _return_to(self, name: str) -> None:
        put_back(self._saved / name, self._home)

    def _run(self, point: str = "") -> None:
        ended = self._drive(Task("run", str(self._home), point=point))
        assert ended.was_killed if point else ended.status == 0, ended

    def _sources_at_first(self) -> None:
        for number in range(5):
            write(self._wire, f"{number}.txt", dispatch(number + 1, f"Texte {number}."))
        write(self._wire, "mars.txt", dispatch(3, "Texte de mars.", "2021-03", "mars"))
        write(self._wire, "gone.txt", dispatch(9, "Texte qui part."))
        write(self._wire, "back.txt", dispatch(10, "Texte qui revient."))
        write(self._wire, "old name.txt", dispatch(11, "Texte qui change de nom."))
        write(self._wire, "bad.txt", b"\x00\x01")
        self._late.mkdir()

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
