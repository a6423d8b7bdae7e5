"""One writer at a time: a lock file in the lake, held for a whole run, and the note that says who holds it."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
from pathlib import Path

from filelock import FileLock, Timeout

from etl.errors import SetupFault
from warehouse.home import Home
from warehouse.points import reach

LOCK = ".writer.lock"
NOTE = ".writer.json"


class WriterLock:
    """The lock of a home's writer, as a context manager.

    The operating system frees it when its process ends, however it ends. Within one process it may be taken
    again while it is held.

    Args:
        home: an existing home.
        holder: what to tell others who meet the lock, such as "copydesk run".
        wait: seconds to wait for it; 0 for not at all, a negative number for as long as it takes; None where the holder
            is no command that could be told to wait.
    """

    def __init__(self, home: Home, holder: str, wait: float | None = None) -> None:
        self._lock = FileLock(home.lake / LOCK, is_singleton=True, thread_local=False)
        self._note = home.lake / NOTE
        self._holder = holder
        self._wait = wait

    def __enter__(self) -> WriterLock:
        try:
            self._lock.acquire(timeout=self._wait or 0)
        except Timeout:
            raise SetupFault(f"{_describe(self._note)}. {self._advice()}") from None
        except OSError as error:
            raise SetupFault(
                f"Cannot write to {self._note.parent}: {error.strerror}. The published warehouse is as it was; make "
                "the home writable, or name another with --home"
            ) from None
        if self._lock.lock_counter == 1:
            now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            # Where no space is left, those who would free some hold the lock all the same; others hear of some run.
            with contextlib.suppress(OSError):
                self._note.write_text(json.dumps({"pid": os.getpid(), "holder": self._holder, "since": now}))
            reach("locked")
        return self

    def _advice(self) -> str:
        if self._wait is None:
            return "Try again when it is done"
        if self._wait:
            return f"The wait of {self._wait:g} s has run out: try again when it is done, or give --wait more time"
        return f"Try again when it is done, or wait for it with `{self._holder} --wait`"

    def __exit__(self, *_: object) -> None:
        if self._lock.lock_counter == 1:
            self._note.unlink(missing_ok=True)
        self._lock.release()


def has_note(home: Home) -> bool:
    """Whether someone holds the writer's lock, or was killed while holding it: who takes it next removes the note."""
    return (home.lake / NOTE).exists()


def holder(home: Home) -> str | None:
    """Who is writing at the moment, in words; None if nobody is. A note of a process that died says nothing."""
    note = home.lake / NOTE
    try:
        descriptor = os.open(home.lake / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # Only where there is a note, so that no run that begins just now meets our lock.
        if has_note(home):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _describe(note)
    finally:
        os.close(descriptor)
    return None


def _describe(note: Path) -> str:
    try:
        held = json.loads(note.read_text("utf-8"))
        pid, since = int(held["pid"]), dt.datetime.fromisoformat(held["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return "Another run is writing"
    if not _is_alive(pid):
        # Its holder was killed, and whoever holds the lock now has not yet said so, or is in another container.
        return "Another run is writing"
    minutes = max(0, int((dt.datetime.now(dt.UTC) - since).total_seconds() // 60))
    hours, minutes = divmod(minutes, 60)
    ago = f"{hours} h {minutes} min ago" if hours else f"{minutes} min ago" if minutes else "just now"
    return f"Another run is writing: {held['holder']}, process {pid}, since {since.astimezone():%Y-%m-%d %H:%M} ({ago})"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # It is someone else's.
        return True
    return True
