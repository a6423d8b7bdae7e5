"""All who can write, at the same time: one after another they do."""

import datetime as dt
import signal
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from assets.automation import SENSOR_SECONDS
from tests.services import PATIENCE, Ui, count, wait_for
from tests.support import COMMAND, Desk, dispatch, write


@pytest.fixture
def at() -> dt.datetime:
    """The minute of the daily run: soon, but not before the services are up."""
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=120)).replace(second=0, microsecond=0)


@pytest.fixture
def desk(tmp_path: Path, at: dt.datetime) -> Desk:
    desk = Desk(tmp_path)
    desk.ok("run")
    text = (desk.home / "copydesk.toml").read_text().replace('time = "05:30"', f'time = "{at:%H:%M}"')
    (desk.home / "copydesk.toml").write_text(text)
    return desk


@pytest.fixture
def ui(desk: Desk) -> Iterator[Ui]:
    ui = Ui(desk)
    try:
        yield ui
        assert ui.end(signal.SIGTERM) == 0
        assert ui.left() == []
    finally:
        ui.process.kill()


@pytest.mark.slow
def test_four_sides_never_write_at_once(ui: Ui, desk: Desk, at: dt.datetime) -> None:
    """The sensor, the schedule, the UI and the command, all with something to load."""
    source = desk.folder / "command"
    for number in range(1_500):
        write(source, f"{number}.txt", dispatch(number % 28 + 1, f"Texte {number}."))
    # The others shortly before the schedule's minute, so that all of them wait for each other; but not so shortly that
    # the schedule could be the first, and leave nothing to the sensor.
    time.sleep(max(0.0, (at - dt.datetime.now(dt.UTC)).total_seconds() - 2 * SENSOR_SECONDS))
    (desk.home / "inbox" / "sensed.txt").write_text(dispatch(4))
    wait_for(ui.runs, "the sensor's run")
    with subprocess.Popen(
        [COMMAND, "run", str(source), "--wait", "--quiet"], env=desk.environment, cwd=desk.folder
    ) as command:
        write(desk.folder / "wire", "second.txt", dispatch(5))
        launched = ui.launch("load", {"ops": {"read_and_merge": {"config": {"sources": [str(desk.folder / "wire")]}}}})
        assert ui.wait_for_end(launched) == "SUCCESS"
        assert command.wait(PATIENCE) == 0
    wait_for(
        lambda: any("dagster/schedule_name" in run["tags"] for run in ui.runs().values()), "the schedule", 2 * PATIENCE
    )
    wait_for(lambda: all(run["status"] in {"SUCCESS", "FAILURE"} for run in ui.runs().values()), "the end of all runs")
    runs = [run for run in ui.runs().values() if run["status"] == "SUCCESS"]
    kinds = {
        "sensor" if "dagster/sensor_name" in run["tags"]
        else "schedule" if "dagster/schedule_name" in run["tags"]
        else run["tags"].get("copydesk/launched_by", "ui")
        for run in runs
    }  # fmt: skip
    assert kinds == {"sensor", "schedule", "ui", "command"}
    asked = [run["creationTime"] for run in runs]
    assert max(asked) - min(asked) < 60
    # Steps that were skipped have no times.
    steps = [[step for step in run["stepStats"] if step["startTime"]] for run in runs]
    spans = sorted(
        (min(step["startTime"] for step in done), max(step["endTime"] for step in done)) for done in steps if done
    )
    assert len(spans) == len(runs)
    assert all(one[1] <= other[0] for one, other in pairwise(spans)), spans
    assert count(desk, "path IN ('sensed.txt', 'second.txt')") == 2
    assert count(desk, "source = 'command'") == 1_500
