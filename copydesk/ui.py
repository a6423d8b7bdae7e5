"""`copydesk ui` and `copydesk daemon`: what is served, what is said about it, and what is refused."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import sys
import time
import urllib.request
import webbrowser
from collections.abc import Callable

from copydesk.render import echo
from copydesk.services import DAEMON, WEBSERVER, Services, daemon_lock
from etl.errors import SetupFault
from warehouse.home import Home

HOST = "127.0.0.1"
"""Only this machine: the UI has no passwords."""

START_SECONDS = 120


def ui_command(
    home_folder: str | None,
    host: str,
    port: int,
    names: tuple[str, ...],
    is_read_only: bool,
    is_daemon_wanted: bool,
    is_browser_wanted: bool,
) -> int:
    """Serve the UI until stopped; see `copydesk ui --help`. Returns the exit status."""
    from assets.instance import dagster_home
    from copydesk.cli import DONE

    home = _home(home_folder)
    _check_address(host, port)
    options = ("--host", host, "--port", str(port), *(["--read-only"] if is_read_only else []))
    # The name that it listens on is one that it is called by.
    guard = ("copydesk.webserver", *(f"--name={name}" for name in (host, *names)))
    webserver = (*guard, "--", *WEBSERVER, *options)
    with dagster_home(home) as folder, contextlib.ExitStack() as stack:
        commands, inherited = [webserver], []
        if is_daemon_wanted and not is_read_only:
            lock = stack.enter_context(daemon_lock(home))
            if isinstance(lock, str):
                message = f"the daemon of this home runs already ({lock}); this serves the web UI only"
                echo(f"copydesk: {message}", err=True)
            else:
                commands.append(DAEMON)
                inherited.append(lock)
        Services(home, folder, commands, tuple(inherited)).run(
            lambda is_hopeful: _announce(home, host, port, is_browser_wanted, is_hopeful)
        )
    return DONE


def daemon_command(home_folder: str | None) -> int:
    """Run the daemon until stopped; see `copydesk daemon --help`. Returns the exit status."""
    from assets.instance import dagster_home
    from copydesk.cli import DONE

    home = _home(home_folder)
    with dagster_home(home) as folder, daemon_lock(home) as lock:
        if isinstance(lock, str):
            raise SetupFault(f"The daemon of {home} runs already: {lock}")
        Services(home, folder, [DAEMON], (lock,)).run(lambda _: _say(f"Copydesk's daemon runs for {home}."))
    return DONE


def _home(folder: str | None) -> Home:
    home = Home.find(folder)
    home.create()
    # What is wrong with them is said here, and not by Dagster when it loads the definitions.
    _ = home.settings
    return home


def _announce(home: Home, host: str, port: int, is_browser_wanted: bool, is_hopeful: Callable[[], bool]) -> None:
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if _wait_until_up(address, is_hopeful):
        _say(f"Copydesk is at {address} (home: {home}).")
        if not _is_loopback(host):
            echo(f"copydesk: the UI has no passwords: whoever can reach {address} can launch runs", err=True)
        if is_browser_wanted:
            webbrowser.open(address)
    elif is_hopeful():
        echo(f"copydesk: the web UI does not answer at {address} yet; Ctrl-C stops it", err=True)


def _say(what: str) -> None:
    echo(f"{what} Ctrl-C stops it.")
    sys.stdout.flush()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_address(host: str, port: int) -> None:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError):
        raise SetupFault(f"{host} is no address of this machine: name another with --host") from None
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise SetupFault(
                f"Port {port} of {host} cannot be used ({error.strerror}): name another with --port"
            ) from None


def _wait_until_up(address: str, is_hopeful: Callable[[], bool]) -> bool:
    # Not through a proxy that the environment names: it knows nothing of this machine's own addresses.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and is_hopeful():
        try:
            with opener.open(f"{address}/server_info", timeout=2):
                return True
        except OSError:
            time.sleep(0.3)
    return False
