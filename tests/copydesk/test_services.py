"""`copydesk ui` and `copydesk daemon` as they run: asked over GraphQL, fed files, and killed."""

import contextlib
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import Service, Ui, count, wait_for
from tests.support import Desk, dispatch, write

pytestmark = pytest.mark.slow


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
    ui = Ui(desk)
    try:
        yield ui
        assert ui.end(signal.SIGINT) == 0
        assert ui.left() == []
    finally:
        ui.process.kill()


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
