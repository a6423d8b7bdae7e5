"""Alerts: what needs a person, as a file in the home, and handed to a command that copydesk.toml may name."""

import contextlib
import datetime as dt
import hashlib
import json
import re
import subprocess
from dataclasses import asdict, dataclass

from etl.errors import SetupFault
from warehouse.home import Home
from warehouse.manifest import newest_readable

COMMAND_SECONDS = 15
"""How long an alert command may take: a sensor's tick ends after a minute, and raises a few alerts at most."""

QUIET_TIME = dt.timedelta(hours=24)
"""The same again is not said within this time, unless something was published in between."""


@dataclass(frozen=True)
class Alert:
    """What happened, for a person.

    Attributes:
        event: run_failed, not_published or news_stopped.
        subject: the run's id, or the source's name.
        message: what happened, in one line.
        advice: what to do about it.
        home: the home folder.
        at: when, ISO 8601 in UTC.
        kind: what makes two alerts the same: names of checks, or the message.
        job: of the run.
        launched_by: what launched the run.
    """

    event: str
    subject: str
    message: str
    advice: str
    home: str
    at: str
    kind: str
    job: str | None = None
    launched_by: str | None = None


def raise_alert(home: Home, alert: Alert) -> str | None:
    """Write the alert's file and run the command of copydesk.toml, if there is one.

    The same again, with nothing published in between, is not said again for a day: a wire that brings a file each
    minute would have one failure told a thousand times.

    Returns:
        What went wrong with the file or the command, None if nothing did. One is tried even if the other failed.
    """
    if _is_known(home, alert):
        return None
    text = json.dumps({name: value for name, value in asdict(alert).items() if value is not None}, ensure_ascii=False)
    problems = []
    target = home.alerts / _file_name(alert)
    temporary = target.with_name(f".{target.name}.new")
    try:
        home.alerts.mkdir(parents=True, exist_ok=True)
        temporary.write_text(f"{text}\n", "utf-8")
        temporary.replace(target)
    except OSError as error:
        problems.append(f"Cannot write {target}: {error.strerror}")
    try:
        problems.append(_run(home.settings.alert_command, text) or "")
    except SetupFault as fault:
        problems.append(str(fault))
    return "; ".join(filter(None, problems)) or None


def _file_name(alert: Alert) -> str:
    """Time, event and subject; a name that the file system may not take is shortened and told apart by a digest."""
    stamp = dt.datetime.fromisoformat(alert.at).strftime("%Y%m%dT%H%M%SZ")
    name = re.sub(r"[^A-Za-z0-9-]+", "_", alert.subject)[:60]
    if name != alert.subject:
        name = f"{name}-{hashlib.blake2b(alert.subject.encode(), digest_size=4).hexdigest()}"
    return f"{stamp}-{alert.event}-{name}.json"


def _is_known(home: Home, alert: Alert) -> bool:
    published = newest_readable(home)
    since = dt.datetime.fromisoformat(alert.at) - QUIET_TIME
    if published is not None:
        since = max(since, dt.datetime.fromisoformat(published.published_at).replace(tzinfo=dt.UTC))
    for path in home.alerts.glob(f"*-{alert.event}-*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            former = json.loads(path.read_text("utf-8"))
            if former["kind"] == alert.kind and dt.datetime.fromisoformat(former["at"]) > since:
                return True
    return False


def _run(command: tuple[str, ...], text: str) -> str | None:
    if not command:
        return None
    try:
        done = subprocess.run(
            command, input=f"{text}\n", text=True, encoding="utf-8", capture_output=True, timeout=COMMAND_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"The alert command {command[0]} could not be run: {error}"
    if done.returncode:
        return f"The alert command {command[0]} ended with status {done.returncode}: {done.stderr.strip()[:500]}"
    return None


def now() -> str:
    """The time as alerts hold it."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
