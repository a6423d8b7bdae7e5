"""Kills runs wherever they may die, and prints what became of them: `python -m bench.faults`.

First at every point of warehouse/points.py in every scenario of tests/faults, the first and the last time that it is
reached; then the real command, with workers and a reader that never stops asking, at random moments of its length.
What has to hold afterwards is said in docs/faults.md. Exit status 1 if it did not.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.faults.crowd import Crowd
from tests.faults.driver import Driver, Task
from tests.faults.scenarios import Scenario, Stage, survive
from warehouse.points import POINTS


def main() -> int:
    """Run it; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1_000, help="files loaded before; three times as many wait")
    parser.add_argument("--random", type=int, default=50, help="kills at random moments")
    parser.add_argument("--seed", type=int, default=1, help="of those moments")
    parser.add_argument("--scenario", help="only this one, and no random moments; none for random moments alone")
    options = parser.parse_args()
    begun = time.monotonic()
    with Driver() as drive:
        failed = [] if options.scenario == "none" else _points(drive, options.scenario)
        if options.scenario in (None, "none"):
            failed += _moments(drive, options.files, options.random, random.Random(options.seed))  # noqa: S311
    print(f"{time.monotonic() - begun:.0f} s")
    for message in failed:
        print(f"failed: {message}")
    return 1 if failed else 0


def _points(drive: Driver, only: str | None) -> list[str]:
    failed: list[str] = []
    reached: set[str] = set()
    print(f"{'scenario':<16} {'points':>6} {'kills':>6} {'survived':>8} {'seconds':>8}")
    with tempfile.TemporaryDirectory(prefix="copydesk-faults-") as folder:
        for scenario in Stage(Path(folder), drive).scenarios():
            reached |= set(scenario.reached)
            if only not in (None, scenario.name):
                continue
            begun = time.monotonic()
            kills = [(point, count) for point, most in scenario.reached.items() for count in sorted({1, most})]
            before = len(failed)
            for point, count in kills:
                task = replace(scenario.task, point=point, count=count)
                failed += _failure(f"{scenario.name}, {point} ({count})", partial(_kill, drive, scenario, task))
            survived = len(kills) - (len(failed) - before)
            seconds = time.monotonic() - begun
            print(
                f"{scenario.name:<16} {len(scenario.reached):>6} {len(kills):>6} {survived:>8} {seconds:>8.0f}",
                flush=True,
            )
    print(f"{len(reached)} of {len(POINTS)} points reached")
    return failed + [f"no scenario reaches the point {point}" for point in POINTS if point not in reached]


def _kill(drive: Driver, scenario: Scenario, task: Task) -> None:
    assert survive(drive, scenario, task).was_killed, "it ended before it was killed"


def _moments(drive: Driver, files: int, count: int, chance: random.Random) -> list[str]:
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="copydesk-faults-") as folder:
        crowd = Crowd(Path(folder), drive, files)
        command = [sys.executable, "-m", "copydesk.cli", "run", "--quiet", "--home", str(crowd.home)]
        length = math.inf
        killed = 0
        while killed < count:
            # The first run is not killed: it tells how long one takes.
            seconds = chance.uniform(0, length) if length < math.inf else math.inf
            runs: list[tuple[int, float]] = []
            failed += _failure(
                f"random moment {killed}, {seconds:.2f} s",
                partial(
                    crowd.survive,
                    partial(_kill_after, command, seconds, runs),
                    partial(subprocess.run, command, check=True),
                ),
            )
            status, took = runs[0]
            if status:
                killed += 1
            else:
                # The moment came after its end: another is drawn, of the time that it has really taken.
                length = took
    print(f"random moments of {length:.1f} s: {count - len(failed)} of {count} survived", flush=True)
    return failed


def _kill_after(command: list[str], seconds: float, runs: list[tuple[int, float]]) -> None:
    """Note the exit status of a command whose process group is killed after so long, and the seconds that it ran."""
    begun = time.monotonic()
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            process.wait(seconds if seconds < math.inf else None)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    runs.append((process.returncode, time.monotonic() - begun))


def _failure(name: str, attempt: Callable[[], None]) -> list[str]:
    try:
        attempt()
    except (AssertionError, subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return [f"{name}: {str(error)[:300]}"]
    return []


if __name__ == "__main__":
    sys.exit(main())
