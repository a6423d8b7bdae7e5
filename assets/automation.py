"""When runs start by themselves, and what happens when one fails: the inbox sensor, the schedule, the alert sensor.

All of them run from the start, as long as `copydesk ui` or `copydesk daemon` does. One policy for all: a run is
launched only if a listing shows something new, one at a time, and one that failed for a reason that a person has to
mend is not tried again before something has changed or the day is over.
"""

import datetime as dt
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import dagster as dg

from assets.alerts import Alert, now, raise_alert
from assets.inbox import describe_nothing_new, news_evaluation, sighting
from assets.recovery import end_dead_runs
from assets.tables import LOAD
from etl.errors import SetupFault
from warehouse.home import Home
from warehouse.manifest import newest_readable
from warehouse.plan import make_plan
from warehouse.watch import Silence, look, silences

SENSOR_SECONDS = 15
"""Between two looks at the sources: with the run itself, what is dropped can be queried within a minute."""

REST = 4
"""A look that takes long, as over a million names, is followed by a rest of so many times its length."""

ALERTS_PER_TICK = 2
"""Each may run a command that takes long, and a tick has a minute; the others are raised by the next ticks."""

LONGEST_REST = 600
"""Seconds after which the sensor looks again, however long a look takes."""

SETTLED = {"ops": {LOAD: {"config": {"settled_only": True}}}}
"""Runs that start by themselves leave files alone that may still be written to."""

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Cursor:
    """What the inbox sensor remembers.

    Attributes:
        digest: of the state of the sources that was last dealt with.
        not_before: when to look again, in seconds since 1970.
        silent: the sources that are known to have fallen silent; None before the first look.
    """

    digest: str = ""
    not_before: float = 0
    silent: list[str] | None = None

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """A stored cursor; a new one if it is none of ours."""
        try:
            return cls(**json.loads(text or "{}"))
        except (ValueError, TypeError):
            return cls()

    def write(self) -> str:
        """As Dagster stores it."""
        return json.dumps(asdict(self))


def inbox_sensor(folder: Home, job: Any) -> dg.SensorDefinition:
    """The sensor that launches a run when something new lies in the sources."""

    @dg.sensor(
        name="inbox_sensor",
        job=job,
        minimum_interval_seconds=SENSOR_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks for new, changed and vanished files in the sources, and launches the job load when there "
        "are any. Files younger than two seconds, or still growing, wait.",
    )
    def _sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        # Settings may have changed since the definitions were loaded.
        home = Home(folder.folder)
        cursor = Cursor.read(context.cursor)
        end_dead_runs(context.instance, home)
        # One that is further away than any rest was set by a clock that went wrong.
        if time.time() < cursor.not_before < time.time() + LONGEST_REST:
            until = dt.datetime.fromtimestamp(cursor.not_before, dt.UTC)
            return _skip(f"Looking through the sources takes long: the next look is at {until:%H:%M:%S} UTC", cursor)
        if busy := context.instance.get_runs(dg.RunsFilter(statuses=UNFINISHED), limit=1):
            return _skip(f"Run {busy[0].run_id} is not done yet; what has come since is looked at then", cursor)
        news: list[dg.AssetCheckEvaluation] = []
        try:
            home.create()
            # Apart from the look: what has been said must not be said again because a folder cannot be listed.
            news, silent = _news(context, home, cursor)
            cursor = replace(cursor, silent=silent)
            return _look(home, cursor, news)
        except SetupFault as fault:
            return _skip(str(fault), cursor, news)

    return _sensor


def _look(home: Home, cursor: Cursor, news: list[dg.AssetCheckEvaluation]) -> dg.SensorResult:
    """One look at the sources, and the run that it calls for."""
    begun = time.time()
    glance = look(home)
    plan = None
    if glance.digest != cursor.digest:
        plan = make_plan(home, is_settled_only=True, is_listing_only=True)
    ended = time.time()
    rest = min(REST * (ended - begun), LONGEST_REST)
    remembered = Cursor(glance.digest, ended + rest if rest > SENSOR_SECONDS else 0, cursor.silent)
    if plan is None or plan.is_empty:
        return _skip(describe_nothing_new(glance.files_seen, glance.files_young), remembered, news)
    return dg.SensorResult(
        # A state that comes back after another is new; one that is asked for twice, as after a crash, is not.
        run_requests=[dg.RunRequest(run_key=f"{cursor.digest[:16]}-{glance.digest}", run_config=SETTLED)],
        cursor=remembered.write(),
        asset_events=[sighting(glance, plan), *news],
    )


def _skip(reason: str, cursor: Cursor, news: Sequence[dg.AssetCheckEvaluation] = ()) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=reason, cursor=cursor.write(), asset_events=list(news))


def _news(
    context: dg.SensorEvaluationContext, home: Home, cursor: Cursor
) -> tuple[list[dg.AssetCheckEvaluation], list[str]]:
    """The checks of sources that have fallen silent or speak again since the last look, and those that are silent."""
    found = silences(home)
    stale = [silence.source.name for silence in found if silence.is_stale]
    known = cursor.silent or []
    untold = [silence for silence in found if silence.is_stale and silence.source.name not in known]
    for silence in untold[:ALERTS_PER_TICK]:
        if problem := raise_alert(home, _silence_alert(home, silence)):
            context.log.error(problem)
    waiting = {silence.source.name for silence in untold[ALERTS_PER_TICK:]}
    is_first = cursor.silent is None
    changed = [silence for silence in found if is_first or silence.is_stale != (silence.source.name in known)]
    return [news_evaluation(silence) for silence in changed], [name for name in stale if name not in waiting]


def _silence_alert(home: Home, silence: Silence) -> Alert:
    return Alert(
        "news_stopped",
        silence.source.name,
        silence.message,
        f"See whether files still come to {silence.source.root}. How long a source may be silent is its fail_window "
        f"in {home.settings_file}",
        str(home),
        now(),
        # When it fell silent: a later silence is another.
        kind=silence.message,
    )


def daily_schedule(home: Home, job: Any) -> dg.ScheduleDefinition:
    """The daily run: it takes up what failed meanwhile, and what an upgrade has to parse again."""
    at = home.settings.schedule_time
    return dg.ScheduleDefinition(
        name="daily_schedule",
        job=job,
        cron_schedule=f"{at.minute} {at.hour} * * *",
        execution_timezone=home.settings.schedule_timezone,
        run_config=SETTLED,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Loads what is new or changed once a day, at the time that copydesk.toml sets.",
    )


def alert_sensor(folder: Home) -> dg.SensorDefinition:
    """The sensor that raises an alert for each run that failed and is not tried again."""

    @dg.run_failure_sensor(
        name="alert_sensor",
        minimum_interval_seconds=SENSOR_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        # Those of the command belong to no code location.
        monitor_all_code_locations=True,
        description="Writes an alert file for each run that failed, and runs the alert command of copydesk.toml.",
    )
    def _alert(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        if run.tags.get("dagster/will_retry") == "true":
            return
        home = Home(folder.folder)
        if problem := raise_alert(home, _failure_alert(home, context)):
            context.log.error(problem)

    return _alert


def _failure_alert(home: Home, context: dg.RunFailureSensorContext) -> Alert:
    run = context.dagster_run
    checks = context.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    evaluations = [entry.dagster_event.asset_check_evaluation_data for entry in checks if entry.dagster_event]
    failed = [found for found in evaluations if not found.passed and found.severity is dg.AssetCheckSeverity.ERROR]
    published = newest_readable(home)
    if published is not None and published.run_id == run.run_id:
        outcome = "The warehouse has what the run loaded."
    else:
        outcome = "The warehouse is as it was."
    if failed:
        # Not their descriptions, which are escaped for the web UI.
        message = "; ".join(f"{found.check_name}: {found.metadata['message'].value}" for found in failed)
        event, kind = "not_published", ", ".join(found.check_name for found in failed)
        advice = f"{outcome} The run's page in `copydesk ui` shows what each check found"
    else:
        event, message = "run_failed", _reason(context)
        kind = message
        advice = f"{outcome} Mend the cause; `copydesk run` or the next daily run loads what waits"
    return Alert(event, run.run_id, message, advice, str(home), now(), kind, run.job_name, _launched_by(run))


def _reason(context: dg.RunFailureSensorContext) -> str:
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        if data.user_failure_data is not None and data.user_failure_data.description:
            return data.user_failure_data.description
        if data.error is not None:
            return (data.error.cause or data.error).message.strip()
    return context.failure_event.message or "The run failed without saying why"


def _launched_by(run: dg.DagsterRun) -> str:
    for tag, word in (
        ("dagster/schedule_name", "schedule"),
        ("dagster/sensor_name", "sensor"),
        ("copydesk/launched_by", "copydesk run"),
    ):
        if value := run.tags.get(tag):
            return word if word == "copydesk run" else f"{word} {value}"
    return "web UI"
