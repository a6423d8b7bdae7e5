"""Processes and ports, for tests that start services: what they have started has to be gone when they are."""

import contextlib
import socket
from dataclasses import dataclass
from pathlib import Path


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Process:
    """A process as Linux lists it."""

    pid: int
    parent: int
    group: int
    command: str


def processes() -> list[Process]:
    """All that run: neither the dead that nobody has asked for yet, nor those that are ending and have no memory left."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile
            # The name in brackets may hold anything.
            state, parent, group, *_ = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            command = (folder / "cmdline").read_text("utf-8", "replace").replace("\0", " ")
            if state != "Z" and command:
                found.append(Process(int(folder.name), int(parent), int(group), command))
    return found


def groups_of(pid: int) -> set[int]:
    """The process groups of a process and of all that it has started: each service leads one."""
    known = processes()
    family = {pid}
    while more := {process.pid for process in known if process.parent in family} - family:
        family |= more
    return {process.group for process in known if process.pid in family}
