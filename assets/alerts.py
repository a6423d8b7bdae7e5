"""Alerts: what needs a person, as a file in the home, and handed to a command that copydesk.toml may name."""

import datetime as dt
import json
import subprocess
from dataclasses import asdict, dataclass

from etl.errors import SetupFault
from warehouse.home import Home

COMMAND_SECONDS = 30
"""How long an alert command may take: a sensor's tick ends after a minute."""


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
        job: of the run.
        launched_by: what launched the run.
    """

    event: str
    subject: str
    message: str
    advice: str
    home: str
    at: str
    job: str | None = None
    launched_by: str | None = None


def raise_alert(home: Home, alert: Alert) -> str | None:
    """Write the alert's file and run the command of copydesk.toml, if there is one.

    Returns:
        What went wrong with the command, None if nothing did. The file is there in any case.
    """
    text = json.dumps({name: value for name, value in asdict(alert).items() if value is not None}, ensure_ascii=False)
    stamp = dt.datetime.fromisoformat(alert.at).strftime("%Y%m%dT%H%M%SZ")
    home.alerts.mkdir(parents=True, exist_ok=True)
    name = "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in alert.subject)[:80]
    target = home.alerts / f"{stamp}-{alert.event}-{name}.json"
    temporary = target.with_name(f".{target.name}.new")
    temporary.write_text(f"{text}\n", "utf-8")
    temporary.replace(target)
    try:
        return _run(home.settings.alert_command, text)
    except SetupFault as fault:
        return str(fault)


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
