"""What a query may take: memory, disk and time, and what ends one that asks for more.

DuckDB keeps to its memory and looks at the clock between two pieces of work; one function over one value is one piece,
however long it takes. So there is a thread beside it that ends what does not end.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LOOK_SECONDS = 0.1
"""How often the thread looks."""

STUCK_SECONDS = 2.0
"""What a query that is told to end may take for it."""


@dataclass(frozen=True)
class Limits:
    """What one query may take.

    Attributes:
        seconds: of work; what reads the answer may take as long as it wants. 0 for no limit.
        memory: bytes for DuckDB.
        disk: bytes of temporary files, for what does not fit into the memory.
    """

    seconds: float = 300.0
    memory: int = 2_000_000_000
    disk: int = 10_000_000_000


class Overtime(Exception):
    """A query has taken longer than it may."""


class Watch:
    """Ends a query that takes too long, or that somebody has asked to end.

    Args:
        seconds: in all, without those of `resting`; 0 for no limit.
        interrupt: asks what works to end.
        is_asked: whether somebody has asked for the end, as with Ctrl-C; looked at from another thread.
        on_stuck: called from that thread if the work goes on all the same, with whether it was somebody's wish.
    """

    def __init__(
        self,
        seconds: float,
        interrupt: Callable[[], object],
        is_asked: Callable[[], bool],
        on_stuck: Callable[[bool], None],
    ) -> None:
        self._seconds = seconds
        self._interrupt = interrupt
        self._is_asked = is_asked
        self._on_stuck = on_stuck
        self._started = time.monotonic()
        self._rested = 0.0
        self._is_working = False
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closed.set()
        self._thread.join()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """What is done inside can be interrupted.

        Raises:
            Overtime: it took too long, or what was done before has.
        """
        if self._is_overdue():
            raise Overtime
        self._is_working = True
        try:
            yield
        except Exception as error:
            if self._is_overdue():
                raise Overtime from error
            raise
        finally:
            self._is_working = False

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """What is done inside does not count: whoever reads the answer may take as long as it wants."""
        since = time.monotonic()
        try:
            yield
        finally:
            self._rested += time.monotonic() - since

    def _is_overdue(self) -> bool:
        return bool(self._seconds) and time.monotonic() - self._started - self._rested > self._seconds

    def _look(self) -> None:
        told: float | None = None
        while not self._is_closed.wait(LOOK_SECONDS):
            is_asked = self._is_asked()
            if not self._is_working or not (is_asked or self._is_overdue()):
                told = None
                continue
            # Again and again: between two pieces of work nobody may have heard it.
            self._interrupt()
            told = told or time.monotonic()
            if time.monotonic() - told > STUCK_SECONDS:
                self._on_stuck(is_asked)
