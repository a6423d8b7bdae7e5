"""`copydesk ui`: Dagster's webserver and daemon on the home's instance, on 127.0.0.1, stopped together."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser

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
    from copydesk.cli import DONE

    home = Home.find(home_folder)
    home.create()
    _check_port(port)
    workspace = home.dagster / "workspace.yaml"
    workspace.write_text(json.dumps(WORKSPACE), "utf-8")  # JSON is YAML
    environment = {**os.environ, "DAGSTER_HOME": str(home.dagster), ENVIRONMENT: str(home)}
    command = [
        sys.executable, "-m", "dagster", "dev", "--workspace", str(workspace),
        "--host", HOST, "--port", str(port), "--log-level", "warning",
    ]  # fmt: skip
    # A session of its own, so that Ctrl-C reaches it through us alone, and all of it can be ended if need be.
    # Signals are reset: a shell starts background jobs with SIGINT ignored, and Dagster then never stops.
    child = subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=_default_signals)  # noqa: PLW1509
    is_stopping = False

    def stop(*_: object) -> None:
        nonlocal is_stopping
        is_stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    address = f"http://{HOST}:{port}"
    try:
        if _wait_until_up(address, child, lambda: is_stopping):
            click.echo(f"Copydesk is at {address} (home: {home}). Ctrl-C stops it.")
            sys.stdout.flush()
            if is_browser_wanted:
                webbrowser.open(address)
        while not is_stopping and child.poll() is None:
            time.sleep(0.2)
    finally:
        _stop(child)
    if not is_stopping:
        raise SetupFault(f"Dagster ended by itself with status {child.returncode}; its messages stand above")
    return DONE


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


def _wait_until_up(address: str, child: subprocess.Popen[bytes], is_stopping: object) -> bool:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and child.poll() is None and not is_stopping():  # type: ignore[operator]
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=2):  # noqa: S310
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    return False


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End Dagster and whatever it has started: politely, then for good."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.terminate()
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    child.wait()
