"""A process that is killed with SIGKILL, wherever in a run that may be: the next run is as if nothing had happened."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from etl.contract import TABLES
from tests.faults.crowd import Crowd
from tests.faults.driver import Driver, Ended, Task
from tests.faults.scenarios import Scenario, Stage, survive
from warehouse.points import POINTS

MOMENTS = (0.7, pytest.param(0.3, marks=pytest.mark.slow))
"""When: as shares of the time that the whole run takes."""


@pytest.fixture(scope="module")
def drive() -> Iterator[Driver]:
    with Driver() as driver:
        yield driver


def chosen(reached: dict[str, int], taken: set[str]) -> list[str]:
    """Points that nobody has been killed at. Of those that each table has, one table's: bench/faults.py takes all."""
    tables = list(TABLES)
    kinds = {point: point.replace(name, "TABLE") for name in tables for point in POINTS if name in point.split()}
    ours = {kind: tables[at % len(tables)] for at, kind in enumerate(sorted(set(kinds.values())), start=3)}
    return [
        point for point in reached if point not in taken and (point not in kinds or ours[kinds[point]] in point.split())
    ]


def test_a_kill_at_any_point_of_the_writing_path_costs_nothing(tmp_path: Path, drive: Driver) -> None:
    reached: set[str] = set()
    killed: set[str] = set()
    for scenario in Stage(tmp_path, drive).scenarios():
        reached |= set(scenario.reached)
        for point in chosen(scenario.reached, killed):
            assert kill_at(drive, scenario, point).was_killed
            killed.add(point)
        if scenario.name == "first change":
            # Once with the real command, which takes seconds.
            command = replace(scenario.task, what="command", arguments=("run",), point="documents committed")
            assert survive(drive, scenario, command).was_killed
    assert reached == set(POINTS)


def kill_at(drive: Driver, scenario: Scenario, point: str) -> Ended:
    """Survive a kill at the last time that a point is reached."""
    return survive(drive, scenario, replace(scenario.task, point=point, count=scenario.reached[point]))


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_at_any_moment_costs_nothing_with_workers_and_readers(
    tmp_path: Path, drive: Driver, moment: float
) -> None:
    crowd = Crowd(tmp_path, drive, files=120)
    task = Task("run", str(crowd.home), pool=True)
    crowd.survive(partial(drive, replace(task, seconds=moment * crowd.seconds)), partial(drive.ok, task))
