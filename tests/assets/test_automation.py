"""Sensors and schedule, ticked on a real instance, and what they launch, run."""

import datetime as dt
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

import warehouse.plan
from assets.alerts import Alert, now, raise_alert
from assets.assembly import JOB, REBUILD, build_definitions
from assets.automation import Cursor
from assets.recovery import GONE
from assets.writer import WRITER_TAG
from tests.support import dispatch, query, run, write
from warehouse import watch
from warehouse.checks import CHECKS
from warehouse.home import Home
from warehouse.lock import WriterLock
from warehouse.manifest import current


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(autouse=True)
def no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse.plan, "SECOND_LOOK_SECONDS", 0)
    # Ten minutes: what is young has to stay so on a busy machine, too.
    monkeypatch.setattr(warehouse.plan, "SETTLED_NS", 600 * 10**9)


class Desk:
    """The definitions of a home, ticked as the daemon does."""

    def __init__(self, home: Home, instance: dg.DagsterInstance) -> None:
        self.home = home
        self.instance = instance
        self.cursor: str | None = None

    @property
    def definitions(self) -> dg.Definitions:
        return build_definitions(self.home, wait_seconds=0)

    def tick(self) -> dg.SensorResult:
        """One tick of the inbox sensor, which remembers what it is told to."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = self.definitions.resolve_sensor_def("inbox_sensor")(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return result

    def skipped(self) -> str:
        """What a tick says that launches nothing."""
        result = self.tick()
        assert not result.run_requests
        assert result.skip_reason is not None
        return result.skip_reason.skip_message or ""

    def requested(self) -> dg.RunRequest:
        """The one run that a tick asks for."""
        (request,) = self.tick().run_requests or ()
        return request

    def execute(self, config: Any = None, job: str = JOB, **tags: str) -> dg.ExecuteInProcessResult:
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        return self.definitions.resolve_job_def(job).execute_in_process(
            run_config={**(config or {}), **quiet}, instance=self.instance, raise_on_error=False, tags=tags
        )


@pytest.fixture
def desk(home: Home, instance: dg.DagsterInstance) -> Desk:
    return Desk(home, instance)


@pytest.fixture
def inbox(home: Home) -> Path:
    return home.folder / "inbox"


def set_up(home: Home, *lines: str) -> None:
    home.settings_file.write_text("[[source]]\nroot = 'inbox'\n" + "\n".join(lines))


def test_all_of_it_runs_from_the_start(desk: Desk) -> None:
    for name in ("inbox_sensor", "alert_sensor"):
        assert desk.definitions.resolve_sensor_def(name).default_status is dg.DefaultSensorStatus.RUNNING
    schedule = desk.definitions.resolve_schedule_def("daily_schedule")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 5 * * *", "UTC")


def test_a_new_file_is_loaded_and_then_is_no_news(desk: Desk, inbox: Path) -> None:
    assert desk.skipped() == "Nothing new: no file in any source"
    write(inbox, "a.txt", dispatch())
    write(inbox, "b.txt", dispatch(28))
    request = desk.requested()
    # Until the run is done, and after it, no other is asked for.
    assert "Nothing new" in desk.skipped()
    assert desk.execute(request.run_config).success
    assert query(desk.home, "SELECT count(*) FROM documents") == [(2,)]
    assert desk.skipped() == "Nothing new: 2 files seen, all of them known"


def test_what_the_command_has_loaded_is_no_news(desk: Desk, inbox: Path) -> None:
    write(inbox, "a.txt", dispatch())
    run(desk.home)
    assert "all of them known" in desk.skipped()


@pytest.mark.parametrize("change", ["changed", "gone", "renamed"])
def test_every_change_asks_for_a_run_of_its_own(desk: Desk, inbox: Path, change: str) -> None:
    write(inbox, "a.txt", dispatch())
    first = desk.requested()
    assert desk.execute(first.run_config).success
    write(inbox, "b.txt", dispatch(28))
    assert desk.execute(desk.requested().run_config).success
    if change == "changed":
        write(inbox, "b.txt", dispatch(3), age=60)
    elif change == "gone":
        # The names are those of before the second run, and yet this is another state.
        (inbox / "b.txt").unlink()
    else:
        (inbox / "b.txt").rename(inbox / "c.txt")
    request = desk.requested()
    assert request.run_key != first.run_key
    result = desk.execute(request.run_config)
    assert result.success
    assert result.get_asset_materialization_events()
    assert "Nothing new" in desk.skipped()


def test_a_burst_is_one_run(desk: Desk, inbox: Path) -> None:
    for number in range(50):
        write(inbox, f"{number}.txt", dispatch(body=f"Texte {number}."))
    assert desk.execute(desk.requested().run_config).success
    assert query(desk.home, "SELECT count(*), count(DISTINCT run_id) FROM documents") == [(50, 1)]


def test_young_files_wait_for_the_sensor_and_for_its_runs(desk: Desk, inbox: Path) -> None:
    (inbox / "young.txt").write_text(dispatch())
    assert desk.skipped() == "Nothing new: 1 files seen, 1 of them may still be written to"
    write(inbox, "old.txt", dispatch(28))
    os.utime(inbox / "young.txt")
    request = desk.requested()
    os.utime(inbox / "young.txt")
    assert desk.execute(request.run_config).success
    assert query(desk.home, "SELECT path FROM files") == [("old.txt",)]
    write(inbox, "young.txt", dispatch())
    assert desk.execute(desk.requested().run_config).success
    assert query(desk.home, "SELECT count(*) FROM files") == [(2,)]


def test_while_a_run_is_under_way_none_is_asked_for(desk: Desk, inbox: Path) -> None:
    write(inbox, "a.txt", dispatch())
    job = desk.definitions.resolve_job_def(JOB)
    going = desk.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert going.run_id in desk.skipped()
    desk.instance.report_run_failed(going)
    assert desk.requested().run_key


def test_a_run_that_failed_for_a_persons_reason_is_not_tried_again_at_once(desk: Desk, inbox: Path) -> None:
    write(inbox, "a.txt", dispatch())
    request = desk.requested()
    with WriterLock(desk.home, "another"):
        pass
    desk.home.lake.joinpath(".writer.lock").unlink()
    desk.home.lake.joinpath(".writer.lock").mkdir()
    assert not desk.execute(request.run_config).success
    assert "Nothing new" in desk.skipped()
    desk.home.lake.joinpath(".writer.lock").rmdir()
    # Something else comes: what failed is loaded with it.
    write(inbox, "b.txt", dispatch(28))
    assert desk.execute(desk.requested().run_config).success
    assert query(desk.home, "SELECT count(*) FROM documents") == [(2,)]


def test_a_fault_is_said_and_launches_nothing(desk: Desk, inbox: Path) -> None:
    inbox.rmdir()
    assert "No source at" in desk.skipped()


def test_settings_that_break_while_the_daemon_runs_are_said(desk: Desk) -> None:
    sensor = desk.definitions.resolve_sensor_def("inbox_sensor")
    desk.home.settings_file.write_text("colour = 'red'")
    result = sensor(dg.build_sensor_context(instance=desk.instance))
    assert isinstance(result, dg.SensorResult)
    assert result.skip_reason is not None
    assert "colour is not a setting" in (result.skip_reason.skip_message or "")


def test_a_look_that_takes_long_is_followed_by_a_rest(desk: Desk, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.automation.REST", 1e6)
    assert "Nothing new" in desk.skipped()
    write(inbox, "a.txt", dispatch())
    assert "takes long" in desk.skipped()
    desk.cursor = replace(Cursor.read(desk.cursor), not_before=time.time() - 1).write()
    assert desk.requested()


def test_a_clock_that_was_wrong_does_not_stop_the_sensor(desk: Desk) -> None:
    desk.cursor = Cursor("", time.time() + 86_400).write()
    assert "Nothing new" in desk.skipped()


def test_a_cursor_that_is_none_of_ours_is_a_new_one() -> None:
    for text in (None, "", "x", "[]", '{"digest": "a", "colour": 1}', "3"):
        assert Cursor.read(text) == Cursor()
    cursor = Cursor("a", 1.5, ["wire"])
    assert Cursor.read(cursor.write()) == cursor


def test_what_the_sensor_sees_stands_on_the_inbox(desk: Desk, inbox: Path) -> None:
    write(inbox, "a.txt", dispatch())
    (event,) = desk.tick().asset_events
    assert isinstance(event, dg.AssetObservation)
    assert event.asset_key == dg.AssetKey("inbox")
    assert event.metadata["files_new"].value == 1


def test_the_schedule_takes_its_time_from_the_settings(desk: Desk) -> None:
    set_up(desk.home, "[schedule]", "time = '23:05'", "timezone = 'Asia/Baku'")
    schedule = build_definitions(Home(desk.home.folder)).resolve_schedule_def("daily_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("5 23 * * *", "Asia/Baku")


def test_a_scheduled_run_loads_and_one_with_nothing_new_says_so(
    desk: Desk, inbox: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(inbox, "a.txt", dispatch())
    for expected in (True, False):
        context = dg.build_schedule_context(
            instance=desk.instance, scheduled_execution_time=dt.datetime(2026, 1, 1, 5, 30, tzinfo=dt.UTC)
        )
        data = desk.definitions.resolve_schedule_def("daily_schedule").evaluate_tick(context)
        (request,) = data.run_requests or ()
        result = desk.execute(request.run_config)
        assert result.success
        assert bool(result.get_asset_materialization_events()) == expected
    (observation,) = result.get_asset_observation_events()
    assert observation.asset_observation_data.asset_observation.description == (
        "Nothing new: 1 files seen, all of them known"
    )
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == []
    # The checks of the version that stays are shown, and not twelve that were skipped.
    keys = build_definitions(desk.home).resolve_asset_graph().asset_check_keys
    assert len(keys) == len(CHECKS)
    for key in keys:
        record = desk.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
        assert (record.run_id, record.status.value) == (result.run_id, "SUCCEEDED")


def alerts(home: Home) -> list[dict[str, str]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(home.alerts.glob("*.json"))]


def be_refused(desk: Desk, inbox: Path, name: str = "") -> None:
    """Publish, and then have a candidate refused, as most of its documents are gone."""
    for number in range(30):
        write(inbox, f"{name}{number}.txt", dispatch(body=f"Texte {number}{name}."))
    assert desk.execute().success
    for number in range(25):
        write(inbox, f"{name}{number}.txt", b"", age=60)
    fail(desk, desk.execute())


def fail(desk: Desk, result: dg.ExecuteInProcessResult) -> None:
    """Give a failed run to the alert sensor, as the daemon does."""
    assert not result.success
    run = desk.instance.get_run_by_id(result.run_id)
    assert run is not None
    context = dg.build_run_status_sensor_context(
        sensor_name="alert_sensor",
        dagster_event=result.get_run_failure_event(),
        dagster_instance=desk.instance,
        dagster_run=run,
    ).for_run_failure()
    sensor = build_definitions(Home(desk.home.folder)).resolve_sensor_def("alert_sensor")
    sensor(context)


def test_a_failed_run_raises_an_alert(desk: Desk, tmp_path: Path) -> None:
    config = {"ops": {"read_and_merge": {"config": {"sources": [str(tmp_path / "nowhere")]}}}}
    result = desk.execute(config, **{"dagster/schedule_name": "daily_schedule"})
    fail(desk, result)
    (alert,) = alerts(desk.home)
    assert alert["event"] == "run_failed"
    assert alert["subject"] == result.run_id
    assert alert["message"].startswith("No source at")
    assert alert["launched_by"] == "schedule daily_schedule"
    assert alert["home"] == str(desk.home)


def test_a_refused_candidate_raises_an_alert_that_says_what_was_found(desk: Desk, inbox: Path) -> None:
    be_refused(desk, inbox)
    (alert,) = alerts(desk.home)
    assert alert["event"] == "not_published"
    assert "5 documents" in alert["message"]


def test_a_run_that_is_tried_again_raises_none(desk: Desk, tmp_path: Path) -> None:
    config = {"ops": {"read_and_merge": {"config": {"sources": [str(tmp_path / "nowhere")]}}}}
    fail(desk, desk.execute(config, **{"dagster/will_retry": "true"}))
    assert alerts(desk.home) == []


def test_the_alert_command_gets_the_alert(desk: Desk, tmp_path: Path) -> None:
    target = tmp_path / "told.json"
    code = f"import sys; open({str(target)!r}, 'w').write(sys.stdin.read())"
    set_up(desk.home, "[alerts]", f"command = {json.dumps([sys.executable, '-c', code])}")
    fail(desk, desk.execute({"ops": {"read_and_merge": {"config": {"sources": [str(tmp_path / "nowhere")]}}}}))
    assert [json.loads(target.read_text())] == alerts(desk.home)


@pytest.mark.parametrize(
    ("command", "message"),
    [(["/nowhere/at/all"], "could not be run"), ([sys.executable, "-c", "exit('full')"], "status 1: full")],
)
def test_an_alert_command_that_fails_is_said_and_the_file_is_there(
    desk: Desk, tmp_path: Path, command: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    set_up(desk.home, "[alerts]", f"command = {json.dumps(command)}")
    fail(desk, desk.execute({"ops": {"read_and_merge": {"config": {"sources": [str(tmp_path / "nowhere")]}}}}))
    assert len(alerts(desk.home)) == 1
    assert message in capfd.readouterr().err


@pytest.fixture
def silent(desk: Desk, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A source that had news once, three days ago."""
    set_up(desk.home, "fail_window = '2d'")
    desk.home = Home(desk.home.folder)
    write(inbox, "a.txt", dispatch())
    assert desk.execute(desk.requested().run_config).success
    # At the first look after that, the check is evaluated; then only when something changes.
    (event,) = Desk(desk.home, desk.instance).tick().asset_events
    assert isinstance(event, dg.AssetCheckEvaluation)
    assert event.passed
    assert desk.tick().asset_events == []
    later = dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(days=3)
    monkeypatch.setattr(watch, "now", lambda: later)
    return desk


def test_news_that_has_stopped_is_said_once_and_taken_back(
    silent: Desk, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (event,) = silent.tick().asset_events
    assert isinstance(event, dg.AssetCheckEvaluation)
    assert (event.check_name, event.passed, event.severity) == ("news_inbox", False, dg.AssetCheckSeverity.WARN)
    assert "no new file since" in (event.description or "")
    (alert,) = alerts(silent.home)
    assert (alert["event"], alert["subject"]) == ("news_stopped", "inbox")
    assert silent.tick().asset_events == []
    assert len(alerts(silent.home)) == 1
    monkeypatch.undo()
    (event,) = silent.tick().asset_events
    assert isinstance(event, dg.AssetCheckEvaluation)
    assert event.passed


def test_news_that_has_stopped_is_said_once_where_the_folder_is_gone_too(silent: Desk, inbox: Path) -> None:
    inbox.rename(inbox.with_name("elsewhere"))
    result = silent.tick()
    assert result.skip_reason is not None
    assert "No source at" in (result.skip_reason.skip_message or "")
    assert len(result.asset_events) == 1
    assert silent.tick().asset_events == []
    assert len(alerts(silent.home)) == 1


def test_the_check_of_news_can_be_executed(silent: Desk) -> None:
    selection = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("inbox"), "news_inbox"))
    job = dg.define_asset_job("look", selection=selection)
    definitions = dg.Definitions.merge(silent.definitions, dg.Definitions(jobs=[job]))
    result = definitions.resolve_job_def("look").execute_in_process(
        instance=silent.instance, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    )
    (evaluation,) = result.get_asset_check_evaluations()
    assert not evaluation.passed
    # The settings may change while the definitions stay.
    set_up(silent.home)
    result = definitions.resolve_job_def("look").execute_in_process(
        instance=silent.instance, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    )
    (evaluation,) = result.get_asset_check_evaluations()
    assert evaluation.passed


def test_freshness_is_that_of_the_shortest_window(desk: Desk) -> None:
    desk.home.settings_file.write_text(
        "[[source]]\nroot = 'a'\nfail_window = '2d'\n[[source]]\nroot = 'b'\nfail_window = '90m'\n[[source]]\nroot = 'c'"
    )
    graph = build_definitions(Home(desk.home.folder)).resolve_asset_graph()
    policy = graph.get(dg.AssetKey("inbox")).freshness_policy
    assert policy == dg.FreshnessPolicy.time_window(fail_window=dt.timedelta(minutes=90))
    assert {key.name for key in graph.asset_check_keys if key.asset_key == dg.AssetKey("inbox")} == {
        "news_a",
        "news_b",
    }


def test_news_from_the_inbox_is_what_freshness_goes_by(desk: Desk, inbox: Path, source: Path) -> None:
    write(inbox, "a.txt", dispatch())
    write(source, "b.txt", dispatch(28))
    desk.execute({"ops": {"read_and_merge": {"config": {"sources": [str(source)]}}}})
    assert desk.instance.get_latest_materialization_event(dg.AssetKey("inbox")) is None
    desk.execute()
    event = desk.instance.get_latest_materialization_event(dg.AssetKey("inbox"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["files_new"].value == 1


def started(desk: Desk, ago: float) -> dg.DagsterRun:
    """A run that started a while ago."""
    job = desk.definitions.resolve_job_def(JOB)
    made = desk.instance.create_run_for_job(job)
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, JOB, message="started")
    desk.instance.handle_new_event(
        dg.EventLogEntry(
            error_info=None, level=20, user_message="", run_id=made.run_id, timestamp=time.time() - ago,
            job_name=JOB, dagster_event=event,
        )
    )  # fmt: skip
    return made


def test_a_run_whose_process_is_gone_is_ended(desk: Desk, inbox: Path) -> None:
    dead = started(desk, 120)
    assert "Nothing new" in desk.skipped()
    found = desk.instance.get_run_by_id(dead.run_id)
    assert found is not None
    assert found.status is dg.DagsterRunStatus.FAILURE
    assert GONE in [entry.message or entry.user_message for entry in desk.instance.all_logs(dead.run_id)]


def test_a_run_that_holds_the_lock_or_has_just_started_is_alive(desk: Desk, inbox: Path) -> None:
    young = started(desk, 1)
    assert young.run_id in desk.skipped()
    desk.instance.report_run_canceled(young)
    old = started(desk, 120)
    code = (
        "import sys, time; from warehouse.home import Home; from warehouse.lock import WriterLock\n"
        "with WriterLock(Home(sys.argv[1]), 'test'): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(desk.home)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert old.run_id in desk.skipped()
        holder.kill()
    assert "Nothing new" in desk.skipped()


def test_rebuild_parses_the_months_of_its_configuration(desk: Desk, inbox: Path) -> None:
    write(inbox, "a.txt", dispatch())
    write(inbox, "b.txt", dispatch(3, month="2021-03", name="mars"))
    assert desk.execute().success
    # The launchpad shows the newest month, filled in.
    assert desk.definitions.resolve_job_def(REBUILD).run_config["ops"]["read_and_merge"]["config"] == {
        "rebuild": ["2021-03"]
    }
    config = {"ops": {"read_and_merge": {"config": {"rebuild": ["2021-02"]}}}}
    result = desk.execute(config, job=REBUILD)
    assert result.success
    assert query(desk.home, f"SELECT path FROM documents WHERE run_id = '{result.run_id}'") == [("a.txt",)]
    everything = desk.execute({"ops": {"read_and_merge": {"config": {"rebuild": []}}}}, job=REBUILD)
    assert query(desk.home, f"SELECT count(*) FROM documents WHERE run_id = '{everything.run_id}'") == [(2,)]
    unknown = desk.execute({"ops": {"read_and_merge": {"config": {"rebuild": ["1999-01"]}}}}, job=REBUILD)
    assert not unknown.success
    before = current(desk.home)
    assert before is not None
    assert before.run_id == everything.run_id


def months(desk: Desk) -> dict[str, object]:
    """The months as Dagster knows them, with the row count of each."""
    found: dict[str, object] = {}
    for month in desk.instance.get_dynamic_partitions("month"):
        (record,) = desk.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey("documents_by_month"), asset_partitions=[month]), limit=1
        ).records
        assert record.asset_materialization is not None
        found[month] = record.asset_materialization.metadata["dagster/partition_row_count"].value
    return found


def test_the_months_are_those_of_the_documents(desk: Desk, inbox: Path) -> None:
    write(inbox, "a.txt", dispatch())
    write(inbox, "b.txt", dispatch(28))
    write(inbox, "c.txt", dispatch(3, month="2021-03", name="mars"))
    write(inbox, "d.txt", "Ohne Datum.")
    assert desk.execute().success
    assert months(desk) == {"2021-02": 2, "2021-03": 1, "undated": 1}
    write(inbox, "c.txt", dispatch(4), age=60)
    assert desk.execute().success
    # A month that holds no document any more is gone.
    assert months(desk) == {"2021-02": 3, "undated": 1}


def test_months_that_dagster_does_not_know_yet_are_made_up_for(desk: Desk, inbox: Path) -> None:
    write(inbox, "a.txt", dispatch())
    run(desk.home)
    write(inbox, "b.txt", dispatch(3, month="2021-03", name="mars"))
    assert desk.execute().success
    assert months(desk) == {"2021-02": 1, "2021-03": 1}


def test_months_are_put_right_after_a_run_that_died_behind_its_publish(
    desk: Desk, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(inbox, "a.txt", dispatch())
    assert desk.execute().success
    write(inbox, "b.txt", dispatch(28))
    with monkeypatch.context() as patch:
        patch.setattr("assets.publishing.report_months", lambda *_: 1 / 0)
        result = desk.execute()
    assert query(desk.home, "SELECT count(*) FROM documents") == [(2,)]
    fail(desk, result)
    assert "has what the run loaded" in alerts(desk.home)[0]["advice"]
    assert months(desk) == {"2021-02": 1}
    # The next run finds nothing new, and makes up for it.
    assert desk.execute().success
    assert months(desk) == {"2021-02": 2}


def test_tables_alone_are_not_written(desk: Desk, inbox: Path) -> None:
    write(inbox, "a.txt", dispatch())
    job = desk.definitions.resolve_implicit_global_asset_job_def()
    alone = [
        dg.AssetKey(name) for name in ("documents", "document_versions", "files", "paragraphs", "rejects", "sources")
    ]
    result = job.execute_in_process(
        instance=desk.instance, asset_selection=alone, raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )  # fmt: skip
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_failure_data.user_failure_data is not None
    assert "published together" in (failure.step_failure_data.user_failure_data.description or "")
    assert current(desk.home) is None


def test_files_that_cannot_be_read_launch_no_runs_for_ever(desk: Desk, inbox: Path, tmp_path: Path) -> None:
    write(inbox, "a.txt", dispatch())
    large = write(inbox, "large.txt", b"")
    os.truncate(large, 65 * 1024 * 1024)
    os.utime(large, (1, 1))
    outside = write(tmp_path, "elsewhere.txt", dispatch())
    (inbox / "link.txt").symlink_to(outside)
    assert desk.execute(desk.requested().run_config).success
    assert query(desk.home, "SELECT path, reason FROM rejects ORDER BY 1") == [
        ("large.txt", "too_large"),
        ("link.txt", "outside_source"),
    ]
    before = current(desk.home)
    for _ in range(2):
        assert "Nothing new" in desk.skipped()
        assert desk.execute().success
    assert current(desk.home) == before


def test_a_state_that_comes_back_is_asked_for_again(desk: Desk, inbox: Path) -> None:
    write(inbox, "a.txt", dispatch())
    first = desk.requested()
    write(inbox, "b.txt", dispatch(28))
    second = desk.requested()
    (inbox / "b.txt").unlink()
    third = desk.requested()
    assert len({first.run_key, second.run_key, third.run_key}) == 3


def test_another_setting_of_a_source_is_looked_at(desk: Desk, inbox: Path) -> None:
    write(inbox, "a.txt", dispatch())
    write(inbox, "b.txt", dispatch(28))
    assert desk.execute(desk.requested().run_config).success
    (inbox / "b.txt").unlink()
    assert desk.execute(desk.requested().run_config).success
    assert "Nothing new" in desk.skipped()
    set_up(desk.home, "on_missing = 'withdraw'")
    desk.home = Home(desk.home.folder)
    assert desk.execute(desk.requested().run_config).success
    assert query(desk.home, "SELECT path FROM documents") == [("a.txt",)]


def test_the_same_failure_is_told_once_until_something_is_published(desk: Desk, inbox: Path) -> None:
    be_refused(desk, inbox)
    write(inbox, "new.txt", dispatch(3))
    fail(desk, desk.execute())
    assert len(alerts(desk.home)) == 1
    accepted = {"ops": {"warehouse_candidate": {"config": {"accept_shrink": True}}}}
    assert desk.execute(accepted).success
    be_refused(desk, inbox, "more")
    assert len(alerts(desk.home)) == 2


@pytest.mark.parametrize("subject", ["新" * 80, "a/../b", "x" * 300, ".."])
def test_any_subject_gives_a_file(home: Home, subject: str) -> None:
    for name in (subject, subject + "!"):
        assert raise_alert(home, Alert("news_stopped", name, "m", "a", str(home), now(), kind=name)) is None
    assert {alert["subject"] for alert in alerts(home)} == {subject, subject + "!"}


def test_an_alert_that_cannot_be_written_is_still_handed_to_the_command(home: Home, tmp_path: Path) -> None:
    target = tmp_path / "told.json"
    code = f"import sys; open({str(target)!r}, 'w').write(sys.stdin.read())"
    set_up(home, "[alerts]", f"command = {json.dumps([sys.executable, '-c', code])}")
    home.alerts.write_text("no folder")
    problem = raise_alert(Home(home.folder), Alert("run_failed", "x", "m", "a", str(home), now(), kind="m"))
    assert problem is not None
    assert "Cannot write" in problem
    assert json.loads(target.read_text())["subject"] == "x"


def test_many_silent_sources_are_told_over_several_ticks(
    home: Home, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"[[source]]\nroot = '{tmp_path / name}'\nfail_window = '2d'\n" for name in "abc"]
    home.settings_file.write_text("".join(lines))
    desk = Desk(Home(home.folder), instance)
    for name in "abc":
        write(tmp_path / name, "a.txt", dispatch(body=name))
    assert desk.execute(desk.requested().run_config).success
    later = dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(days=3)
    monkeypatch.setattr(watch, "now", lambda: later)
    desk.tick()
    assert len(alerts(desk.home)) == 2
    desk.tick()
    desk.tick()
    assert [alert["subject"] for alert in alerts(desk.home)] == ["a", "b", "c"]


def test_every_run_that_writes_is_tried_again_as_a_whole(desk: Desk, inbox: Path) -> None:
    """Those of "Materialize all", too, which have the tags of no job."""
    write(inbox, "a.txt", dispatch())
    job = desk.definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=desk.instance, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    )
    run = desk.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert WRITER_TAG.items() <= run.tags.items()
