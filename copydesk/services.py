"""Dagster's services on a home's instance, started, watched and stopped together: the webserver and the daemon."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from copydesk.render import echo
from etl.errors import SetupFault
from warehouse.home import ENVIRONMENT, Home

STOP_SECONDS = 20

STEADY_SECONDS = 10
"""A service that has lived for so long could be started, and is started again if it dies."""

RESTARTS = 5
"""How often at most, until all of them have lived for an hour."""

FORGIVING_SECONDS = 3600

WORKSPACE = {"load_from": [{"python_module": {"module_name": "assets.definitions", "location_name": "copydesk"}}]}
"""The same as workspace.yaml, which is not installed with the packages; a test holds that."""

DATABASES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
"""What Dagster makes in a new home."""

LOCK = ".daemon.lock"
DAEMON = ("dagster._daemon", "run", "--log-level", "error")
WEBSERVER = ("--log-level", "warning", "--dagster-log-level", "warning")
"""Arguments of Dagster's webserver."""


class Services:
    """The services of one start.

    Args:
        home: an existing home.
        folder: what Dagster is told is its home; see `assets.instance`.
        commands: module and arguments of each service.
        inherited: descriptors that the services keep open.
    """

    def __init__(self, home: Home, folder: Path, commands: list[tuple[str, ...]], inherited: tuple[int, ...]) -> None:
        workspace = folder / "workspace.yaml"
        # Renamed into place: services of another start may be reading it. JSON is YAML.
        temporary = workspace.with_name(f".{workspace.name}.{os.getpid()}")
        temporary.write_text(json.dumps(WORKSPACE), "utf-8")
        temporary.replace(workspace)
        # Once a minute the daemon replaces the process that has our definitions, and the old one warns as it goes.
        options = ("--workspace", str(workspace), "--code-server-log-level", "error")
        self._commands = [(*command, *options) for command in commands]
        self._inherited = inherited
        self._folder = folder
        self._environment = {
            **os.environ,
            "DAGSTER_HOME": str(folder),
            ENVIRONMENT: str(home),
            # Python and Dagster import from the current folder first: an etl/ or assets/ there would take our place.
            "PYTHONSAFEPATH": "1",
        }
        self._leash, self._held = os.pipe()
        self._children: list[subprocess.Popen[bytes]] = []
        self._started: list[float] = []
        self._stopping = threading.Event()

    def run(self, on_start: Callable[[Callable[[], bool]], None]) -> None:
        """Start the services and watch them until a signal asks for the end.

        Args:
            on_start: told once that they are started, and given what says whether it is still worth waiting for them.

        Raises:
            SetupFault: one of them cannot be kept running.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup has SIGHUP ignored, and means it. A shell has SIGINT ignored of what it puts into the background.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda *_: self._stopping.set())
        self._make_databases()
        try:
            self._children = [self._start(command) for command in self._commands]
            self._started = [time.monotonic() for _ in self._children]
            on_start(lambda: not self._stopping.is_set() and all(child.poll() is None for child in self._children))
            self._watch()
        finally:
            self._stop()

    def _make_databases(self) -> None:
        """Have Dagster make its databases by itself first: of services that do so at the same time, one fails."""
        if all((self._folder / path).exists() for path in DATABASES):
            return
        # What goes wrong here goes wrong again where it can be seen.
        subprocess.run(
            [sys.executable, "-c", "import dagster; dagster.DagsterInstance.get().dispose()"],
            env=self._environment,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )

    def _watch(self) -> None:
        restarts = 0
        while not self._stopping.wait(0.5):
            if time.monotonic() - max(self._started) > FORGIVING_SECONDS:
                restarts = 0
            for at, child in enumerate(self._children):
                if child.poll() is None:
                    continue
                name = self._commands[at][0].strip("_").replace("._", " ")
                restarts += 1
                if restarts > RESTARTS or time.monotonic() - self._started[at] < STEADY_SECONDS:
                    raise SetupFault(f"{name} ended by itself; its messages stand above")
                echo(f"copydesk: {name} ended by itself and is started again", err=True)
                _end(child)
                self._children[at] = self._start(self._commands[at])
                self._started[at] = time.monotonic()

    def _start(self, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        # A session of its own, so that Ctrl-C reaches it through us alone, and all that it starts can be ended.
        # Signals are reset: a shell starts background jobs with SIGINT ignored, and Dagster then never stops.
        return subprocess.Popen(
            [sys.executable, "-m", "copydesk.leash", str(self._leash), *command],
            env=self._environment,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,
            pass_fds=(self._leash, *self._inherited),
            preexec_fn=_default_signals,
        )

    def _stop(self) -> None:
        """End the services and whatever they have started: politely, then for good."""
        for child in self._children:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
        end = time.monotonic() + STOP_SECONDS
        for child in self._children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(end - time.monotonic(), 0.1))
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _default_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def daemon_lock(home: Home) -> Iterator[int | str]:
    """One daemon for a home: two would launch everything twice.

    Yields:
        The descriptor that holds the lock, for the daemon to inherit: it is free when the last process that has it is
        gone. If another has it, who that is, in words.
    """
    path = home.dagster / LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise SetupFault(f"Cannot lock {path}: {error.strerror}") from None
    try:
        try:
            _lock_patiently(descriptor)
        except OSError:
            yield _holder(descriptor)
            return
        os.ftruncate(descriptor, 0)
        since = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        os.write(descriptor, f"process {os.getpid()}, since {since}".encode())
        yield descriptor
    finally:
        os.close(descriptor)


def _lock_patiently(descriptor: int) -> None:
    """Take the lock, or fail: `copydesk status` may be looking at it for a moment."""
    for attempt in range(5):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            if attempt == 4:
                raise
            time.sleep(0.1)


def running_daemon(home: Home) -> str | None:
    """Who runs the daemon of a home, in words; None if nobody does."""
    try:
        descriptor = os.open(home.dagster / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _holder(descriptor)
    finally:
        os.close(descriptor)
    return None


def _holder(descriptor: int) -> str:
    return os.read(descriptor, 200).decode("utf-8", "replace") or "another process"
