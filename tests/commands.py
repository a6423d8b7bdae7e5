"""The `copydesk` command without the seconds that Python takes to import it: what tests of the command start.

`python -m tests.commands SOCKET` imports everything once and uses nothing of it, so that it can be forked. For each
request it forks a process that does what the installed command does, with the request's arguments, environment,
folder and files for its output. A new home gets Dagster's databases, empty, by copying: making them takes Dagster a
second. That all of it holds for the real command, too, is shown by those tests that start it (`tests.support.COMMAND`).
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, NoReturn

import copydesk

STATUS = 16
"""Bytes of an answer at most: an exit status in digits."""


def run_command(
    arguments: list[str], environment: Mapping[str, str], folder: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run the command as `subprocess.run` would.

    Args:
        arguments: after the command's name.
        environment: differs from this process's in nothing that Python reads as it starts.
        folder: where it is called.
        timeout: seconds.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, _connected() as connection:
        request = json.dumps({"arguments": arguments, "environment": dict(environment), "folder": str(folder)})
        # The length first: a request may come in pieces.
        content = request.encode("utf-8", "surrogateescape")
        connection.settimeout(timeout)
        socket.send_fds(connection, [f"{len(content):>{STATUS}}".encode()], [output.fileno(), errors.fileno()])
        connection.sendall(content)
        status = int(connection.recv(STATUS))
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(["copydesk", *arguments], status, *texts)


@contextlib.contextmanager
def _connected() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(_server()))
        yield connection


@cache
def _server() -> Path:
    """The socket of this process's server."""
    folder = Path(tempfile.mkdtemp(prefix="copydesk-commands-"))
    address = folder / "socket"
    process = subprocess.Popen([sys.executable, "-m", "tests.commands", str(address)], cwd=Path(__file__).parent.parent)

    def end() -> None:
        process.kill()
        process.wait()
        shutil.rmtree(folder)

    atexit.register(end)
    while not address.exists():
        assert process.poll() is None, "it could not start"
        time.sleep(0.05)
    return address


def _serve(address: Path) -> None:
    databases, modules = address.with_name("dagster"), address.with_name("modules")
    if not os.fork():
        _load_once(databases)
        modules.write_text("\n".join(sys.modules))
        os._exit(0)
    assert os.wait()[1] == 0, "a first load does not work"
    for name in (
        *modules.read_text().splitlines(),
        *(f"copydesk.{found.name}" for found in iter_modules(copydesk.__path__)),
    ):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    # Collecting garbage would touch, and so copy, what a process shares with this one.
    gc.collect()
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listening:
        draft = address.with_name("draft")
        listening.bind(str(draft))
        listening.listen()
        draft.rename(address)
        while True:
            connection, _ = listening.accept()
            with connection:
                if os.fork():
                    continue
                listening.close()
                _answer(connection, databases)


def _load_once(folder: Path) -> None:
    """Make Dagster's databases for a new home, and import whatever commands do: by a first load of another home."""
    from assets.instance import dagster_home
    from assets.launch import home_instance, run_load
    from warehouse.home import Home
    from warehouse.lock import WriterLock

    with tempfile.TemporaryDirectory() as parent:
        home = Home(Path(parent) / "home")
        home.create()
        with dagster_home(home) as made, home_instance(home, made):
            shutil.copytree(made, folder, ignore=shutil.ignore_patterns("*.yaml"))
        (home.folder / "inbox" / "a.txt").write_text("Un pont a été ouvert.", "utf-8")
        with WriterLock(home, "test"):
            run_load(home, {})


def _answer(connection: socket.socket, databases: Path) -> NoReturn:
    """Wait for the command, which has a process of its own, and say how it ended."""
    length, files, _, _ = socket.recv_fds(connection, STATUS, 2)
    content = b""
    while len(content) < int(length):
        content += connection.recv(65_536)
    request: dict[str, Any] = json.loads(content.decode("utf-8", "surrogateescape"))
    if not (process := os.fork()):
        connection.close()
        status = _be_the_command(request, files, databases)
        # As Python ends, but without taking everything apart that was imported.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    # Whoever asked may have given up.
    with contextlib.suppress(BrokenPipeError):
        connection.sendall(str(status).encode())
    os._exit(0)


def _be_the_command(request: dict[str, Any], files: list[int], databases: Path) -> int:
    from copydesk.cli import main
    from warehouse.home import Home

    with open(os.devnull, "rb") as nothing:
        for at, descriptor in enumerate((nothing.fileno(), *files)):
            os.dup2(descriptor, at)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["copydesk", *request["arguments"]]
    create = Home.create

    def create_with_databases(self: Home) -> None:
        create(self)
        if not (self.dagster / "history").exists():
            shutil.copytree(databases, self.dagster, dirs_exist_ok=True)

    Home.create = create_with_databases  # type: ignore[method-assign]
    return main()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
