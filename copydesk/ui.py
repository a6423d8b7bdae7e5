"""`copydesk ui`: Dagster's webserver and daemon on the home's instance, on 127.0.0.1, stopped together."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import webbrowser
from pathlib import Path

import click

from etl.errors import SetupFault
from warehouse.home import ENVIRONMENT, Home

HOST = "127.0.0.1"
"""Only this machine: the UI has no passwords."""

START_SECONDS = 120
STOP_SECONDS = 20

WORKSPACE = {"load_from": [{"python_module": {"module_name": "assets.definitions", "location_name": "copydesk"}}]}
"""The same as workspace.yaml, which is not installed with the packages; a test holds that."""


def ui_command(home_folder: str | None, port: int, is_browser_wanted: bool) -> int:
    """Serve the UI until stopped; see `copydesk ui --help`. Returns the exit status."""
    from assets.instance import dagster_home

    home = Home.find(home_folder)
    home.create()
    _check_port(port)
    with dagster_home(home) as folder:
        return _serve(home, folder, port, is_browser_wanted)


def _serve(home: Home, folder: Path, port: int, is_browser_wanted: bool) -> int:
    from copydesk.cli import DONE

    workspace = folder / "workspace.yaml"
    workspace.write_text(json.dumps(WORKSPACE), "utf-8")  # JSON is YAML
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(folder),
        ENVIRONMENT: str(home),
        # Python and Dagster import from the current folder first: an etl/ or assets/ there would take our place.
        "PYTHONSAFEPATH": "1",
    }
    options = ["--workspace", str(workspace), "--log-level", "warning"]
    commands = [
        ["-m", "dagster_webserver", "--host", HOST, "--port", str(port), *options],
        ["-m", "dagster._daemon", "run", *options],
    ]
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    children = [_start(command, environment) for command in commands]
    address = f"http://{HOST}:{port}"
    try:
        if _wait_until_up(address, children, stopping):
            click.echo(f"Copydesk is at {address} (home: {home}). Ctrl-C stops it.")
            sys.stdout.flush()
            if is_browser_wanted:
                webbrowser.open(address)
        while not stopping.is_set() and _are_alive(children):
            stopping.wait(0.5)
    finally:
        _stop(children)
    if not stopping.is_set():
        raise SetupFault("Dagster ended by itself; its messages stand above")
    return DONE


def _start(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    # A session of its own, so that Ctrl-C reaches it through us alone, and all that it starts can be ended.
    # Signals are reset: a shell starts background jobs with SIGINT ignored, and Dagster then never stops.
    return subprocess.Popen(
        [sys.executable, *command],
        env=environment,
        cwd=environment["DAGSTER_HOME"],
        stdout=sys.stderr,
        start_new_session=True,
        preexec_fn=_default_signals,
    )


def _are_alive(children: list[subprocess.Popen[bytes]]) -> bool:
    return all(child.poll() is None for child in children)


def _default_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise SetupFault(f"Port {port} cannot be used ({error.strerror}): name another with --port") from None


def _wait_until_up(address: str, children: list[subprocess.Popen[bytes]], stopping: threading.Event) -> bool:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and _are_alive(children) and not stopping.is_set():
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=2):  # noqa: S310
                return True
        except OSError:
            stopping.wait(0.3)
    return False


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    """End Dagster's processes and whatever they have started: politely, then for good."""
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
    end = time.monotonic() + STOP_SECONDS
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(max(end - time.monotonic(), 0.1))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
