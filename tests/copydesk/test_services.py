"""`copydesk ui` and `copydesk daemon` as they run: asked over GraphQL, fed files, launched from four sides, and killed."""

import contextlib
import datetime as dt
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Process, free_port, groups_of, processes
from tests.support import COMMAND, Desk, dispatch, write

PATIENCE = 120


def wait_for(look: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """What a look gives as soon as it gives anything."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.3)
    raise AssertionError(f"waited {seconds} seconds for {what}")


class Service:
    """A service of a desk, started as a shell starts what it puts into the background."""

    def __init__(self, desk: Desk, *arguments: str) -> None:
        self.desk = desk
        self.log = desk.folder / "service.log"
        self.process = subprocess.Popen(
            [COMMAND, *arguments],
            env=desk.environment, cwd=desk.folder, stdout=subprocess.PIPE, stderr=self.log.open("a"), text=True,
            start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )  # fmt: skip
        self.groups: set[int] = set()
        assert self.process.stdout is not None
        self.greeting = self.process.stdout.readline()

    def end(self, how: signal.Signals) -> int:
        """The exit status after a signal."""
        self.groups = groups_of(self.process.pid)
        self.process.send_signal(how)
        status = self.process.wait(60)
        if self.process.stdout:
            self.process.stdout.close()
        return status

    def left(self) -> list[Process]:
        """The processes that are still there after the end."""
        return [process for process in processes() if process.group in self.groups]


class Ui(Service):
    """The web UI, which answers GraphQL."""

    def __init__(self, desk: Desk, *options: str) -> None:
        self.port = free_port()
        super().__init__(desk, "ui", "--port", str(self.port), "--no-browser", *options)

    def ask(self, query: str, **variables: Any) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    def launch(self, job: str, config: dict[str, Any] | None = None) -> str:
        """Launch a job as the launchpad does; the run's id."""
        answer = self.ask(
            """mutation ($job: String!, $config: RunConfigData) {
                launchRun(executionParams: {
                    selector: {repositoryLocationName: "copydesk", repositoryName: "__repository__", jobName: $job}
                    runConfigData: $config
                }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
            }""",
            job=job, config=config or {},
        )["launchRun"]  # fmt: skip
        assert answer["__typename"] == "LaunchRunSuccess", answer
        run_id: str = answer["run"]["runId"]
        return run_id

    def runs(self) -> dict[str, dict[str, Any]]:
        """All runs by id, with status, job, tags and the times of their steps."""
        answer = self.ask(
            """{ runsOrError { ... on Runs { results {
                runId jobName status tags { key value } stepStats { startTime endTime }
            } } } }"""
        )
        return {
            run["runId"]: {**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}}
            for run in answer["runsOrError"]["results"]
        }

    def wait_for_end(self, run_id: str) -> str:
        """How a run ended."""
        ended = {"SUCCESS", "FAILURE", "CANCELED"}
        status: str = wait_for(
            lambda: (found := self.runs()[run_id]["status"]) in ended and found, f"the end of {run_id}"
        )
        return status


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    desk.ok("run")
    return desk


@pytest.fixture(scope="module")
def ui(desk: Desk) -> Iterator[Ui]:
    # What lies in the folder where one is must not take the place of our modules, or of others'.
    for name in ("etl", "assets", "gql"):
        (desk.folder / f"{name}.py").write_text("raise RuntimeError('not this one')\n")
    # A little later than the tests before that of the schedule take.
    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=100)
    text = (desk.home / "copydesk.toml").read_text().replace('time = "05:30"', f'time = "{at:%H:%M}"')
    (desk.home / "copydesk.toml").write_text(text)
    ui = Ui(desk)
    try:
        yield ui
        assert ui.end(signal.SIGINT) == 0
        assert ui.left() == []
    finally:
        ui.process.kill()


def count(desk: Desk, where: str = "true") -> int:
    ((found,),) = [
        row.values() for row in json.loads(desk.ok("sql", f"SELECT count(*) FROM documents WHERE {where}", "--format", "json"))
    ]  # fmt: skip
    return int(found)


def test_the_ui_answers(ui: Ui, desk: Desk) -> None:
    assert f"http://127.0.0.1:{ui.port}" in ui.greeting
    nodes = ui.ask("{assetNodes{assetKey{path}}}")["assetNodes"]
    assert ["documents_by_month"] in [node["assetKey"]["path"] for node in nodes]
    assert "cannot be used" in desk.fault("ui", "--port", ui.port)
    assert "runs already" in desk.fault("daemon")
    assert f"process {ui.process.pid}" in json.loads(desk.ok("status", "--json"))["daemon"]


def test_sensors_and_schedule_run(ui: Ui) -> None:
    answer = ui.ask(
        """{ instigationStatesOrError: repositoryOrError(repositorySelector: {
                repositoryName: "__repository__", repositoryLocationName: "copydesk"
            }) { ... on Repository {
                sensors { name sensorState { status } } schedules { name scheduleState { status } }
            } } }"""
    )["instigationStatesOrError"]
    assert {sensor["name"]: sensor["sensorState"]["status"] for sensor in answer["sensors"]} == {
        "inbox_sensor": "RUNNING",
        "alert_sensor": "RUNNING",
    }
    assert [(one["name"], one["scheduleState"]["status"]) for one in answer["schedules"]] == [
        ("daily_schedule", "RUNNING")
    ]


def test_a_run_launched_from_the_ui_ends_well(ui: Ui, desk: Desk) -> None:
    source = desk.folder / "wire"
    write(source, "ui.txt", dispatch(1))
    run_id = ui.launch("load", {"ops": {"read_and_merge": {"config": {"sources": [str(source)]}}}})
    assert ui.wait_for_end(run_id) == "SUCCESS"
    assert count(desk, "path = 'ui.txt'") == 1


def test_a_file_that_is_dropped_can_be_queried_within_a_minute(ui: Ui, desk: Desk) -> None:
    begun = time.monotonic()
    (desk.home / "inbox" / "dropped.txt").write_text(dispatch(2))
    wait_for(lambda: count(desk, "path = 'dropped.txt'"), "the dropped file")
    assert time.monotonic() - begun < 60


def test_a_killed_run_is_tried_again(ui: Ui, desk: Desk) -> None:
    before = set(ui.runs())
    for number in range(3_000):
        write(desk.home / "inbox", f"many/{number}.txt", dispatch(number % 28 + 1, f"Texte {number}."))
    note = desk.home / "lake" / ".writer.json"

    def kill() -> bool:
        with contextlib.suppress(OSError, ValueError, KeyError):
            held = json.loads(note.read_text())
            if held["holder"].startswith("Dagster run") and list((desk.home / "lake" / ".staging").glob("*/*.parquet")):
                os.kill(held["pid"], signal.SIGKILL)
                return True
        return False

    wait_for(kill, "a run to kill")
    wait_for(lambda: count(desk, "path LIKE 'many/%'") == 3_000, "what the killed run was to load")
    new = wait_for(
        lambda: (
            (found := [run for run_id, run in ui.runs().items() if run_id not in before])
            and all(run["status"] in {"SUCCESS", "FAILURE"} for run in found)
            and found
        ),
        "the end of the second try",
    )
    assert sorted(run["status"] for run in new if run["tags"].get("dagster/sensor_name") == "inbox_sensor") == [
        "FAILURE",
        "SUCCESS",
    ]
    assert [run["tags"]["dagster/retry_number"] for run in new if run["status"] == "SUCCESS"] == ["1"]
    # That a run is tried again is no cause for an alert.
    assert not list((desk.home / "alerts").glob("*")) if (desk.home / "alerts").exists() else True


def test_four_sides_never_write_at_once(ui: Ui, desk: Desk) -> None:
    """The sensor, the schedule, the UI and the command, all with something to load."""
    before = set(ui.runs())
    source = desk.folder / "command"
    for number in range(1_500):
        write(source, f"{number}.txt", dispatch(number % 28 + 1, f"Texte {number}."))
    # The schedule's minute comes while this goes on.
    (desk.home / "inbox" / "sensed.txt").write_text(dispatch(4))
    wait_for(lambda: set(ui.runs()) - before, "the sensor's run")
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
    # Steps that were skipped have no times.
    steps = [[step for step in run["stepStats"] if step["startTime"]] for run in runs]
    spans = sorted(
        (min(step["startTime"] for step in done), max(step["endTime"] for step in done)) for done in steps if done
    )
    assert len(spans) == len(runs)
    assert all(one[1] <= other[0] for one, other in pairwise(spans)), spans
    assert count(desk, "path IN ('sensed.txt', 'second.txt')") == 2
    assert count(desk, "source = 'command'") == 1_500


def test_a_bad_run_raises_an_alert(ui: Ui, desk: Desk) -> None:
    run_id = ui.launch("load", {"ops": {"read_and_merge": {"config": {"sources": ["/nowhere/at/all"]}}}})
    assert ui.wait_for_end(run_id) == "FAILURE"
    (path,) = wait_for(lambda: list((desk.home / "alerts").glob("*.json")), "the alert")
    alert = json.loads(path.read_text())
    assert (alert["event"], alert["subject"], alert["launched_by"]) == ("run_failed", run_id, "web UI")
    assert alert["message"].startswith("No source at /nowhere")
    assert path.name in desk.ok("status")
    # What a person has to mend is not tried again.
    assert all(run["tags"].get("dagster/parent_run_id") != run_id for run in ui.runs().values())


def test_nothing_on_the_terminal_but_what_matters(ui: Ui) -> None:
    """Last of those that use this UI: no traceback, no debugging, no warning of ours."""
    printed = re.sub(r"\x1b\[\d*m", "", ui.log.read_text())
    odd = [
        line
        for line in printed.splitlines()
        if re.search(r"Traceback|DEBUG|WARNING", line)
        # What Python says of the process that a test has killed.
        and "resource_tracker" not in line
    ]
    assert odd == []


def test_the_daemon_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    daemon = Service(desk, "daemon")
    try:
        assert "daemon runs for" in daemon.greeting
        assert "runs already" in desk.fault("daemon")
        (desk.home / "inbox" / "dropped.txt").write_text(dispatch(2))
        wait_for(lambda: (desk.home / "warehouse.duckdb").exists(), "the first publish")
        assert count(desk) == 1
        # Whoever is killed takes along what he has started, and the next can start at once.
        assert daemon.end(signal.SIGKILL) == -signal.SIGKILL
        wait_for(lambda: not daemon.left(), "the end of all processes", 10)
        again = Service(desk, "daemon")
        assert "daemon runs for" in again.greeting
        beside = Ui(desk)
        assert "serves the web UI only" in beside.log.read_text()
        assert beside.end(signal.SIGHUP) == 0
        viewer = Ui(desk, "--read-only")
        assert viewer.ask("{runsOrError{... on Runs{results{status}}}}")["runsOrError"]["results"]
        assert viewer.end(signal.SIGTERM) == 0
        assert again.end(signal.SIGTERM) == 0
        assert again.left() == []
    finally:
        shutil.rmtree(desk.home / "dagster", ignore_errors=True)


def test_settings_that_are_wrong_are_said_before_anything_starts(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.ok("run")
    (desk.home / "copydesk.toml").write_text("[schedule]\ntime = 'soon'\n")
    for command in ("ui", "daemon"):
        assert "schedule.time" in desk.fault(command)
    (desk.home / "copydesk.toml").unlink()
    assert "no address of this machine" in desk.fault("ui", "--host", "nowhere.invalid")
