"""The workers of a load: processes that stage chunks, watched so that a bad document costs that document only.

A worker that dies, hangs or takes too much memory is replaced, and what it had staged of its chunk is removed. The
record that it had in hand is tried once more, alone; if a worker fails at that, too, it is rejected, and the rest of
the chunk goes on. So the rows are the same whichever worker died of what. What a worker does is in `etl.worker`.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType

import etl
from etl.errors import SetupFault
from etl.stage import Chunk, is_shared, remove_staged, stage_rejects
from etl.worker import IN_HAND, NO_RECORD, OUT_OF_MEMORY, RECORDS, SHARED_BYTES, Task
from warehouse.home import Settings

SMALL = 1_000
"""Records up to which starting a second worker takes longer than the work that it would take over."""

LOOK_SECONDS = 0.1
"""How often the workers are looked at: what each has in hand, and its memory."""

LONGEST_STEP = 1.0
"""What of the time between two looks counts at most: a machine that slept is no fault of a document."""

START_SECONDS = 300.0
"""After which a worker that is not ready has failed. It takes about one on an idle machine."""

END_SECONDS = 5.0
"""How long a worker that says nothing any more may take to end."""

BATCH_SECONDS = 300.0
"""How long a worker may have no record in hand: it puts a batch of rows together, and writes it."""

MAPPED_BYTES = 256_000_000
"""What a worker may hold in memory beyond its limit, which does not count the libraries that it has mapped."""

MOST_KILLED = 10
"""How often in a row workers are killed from outside, with nothing done in between, until the run is given up."""

FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT}
"""Signals that no document sends: an operator's, or those of a system that is short of memory."""

ENVIRONMENT = {
    # Arrow's own allocator reserves a gigabyte at once, which would count.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    # One worker is there for each processor: threads within would only take memory.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ARROW_IO_THREADS": "1",
}

_START = (
    "import sys; root = sys.argv.pop(1); root in sys.path or sys.path.insert(0, root); "
    "from etl.worker import main; main()"
)
_OUT_OF_MEMORY_SIGNS = (b"bad_alloc", b"memory allocation of", b"Cannot allocate memory")
"""What C++ and Rust say before they abort."""

OnStaged = Callable[[int, int], None]
"""Told of so many files (of stored documents: rows) more that are done, and of how many records have been in all."""


class Pool:
    """Workers, to be used in a `with` statement and by one thread: at its end all of them are gone."""

    def __init__(self, settings: Settings) -> None:
        self._most = settings.workers or _processors()
        self._limits = _Limits(settings.document_timeout, settings.worker_memory)
        self._workers: list[_Worker] = []
        self._killed = 0
        self._records = 0

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keep(0)

    @property
    def size(self) -> int:
        """How many workers there are at most."""
        return self._most

    def start(self) -> None:
        """Start one worker, if there is none, without waiting for it: there is other work until it is ready."""
        if not self._workers:
            self._workers.append(_Worker(self._limits))

    def stage(self, chunks: Sequence[Chunk], folder: Path, on_staged: OnStaged) -> None:
        """Stage every chunk into a folder.

        Args:
            chunks: what to do; handed out one by one as workers become free.
            folder: where the rows go.
            on_staged: told of what is done, as it is done.

        Raises:
            SetupFault: workers cannot be started, or are killed again and again.
            Exception: what a worker met that is no fault of a document, such as a full disk.
        """
        work = _Work(chunks)
        self._records = 0
        is_small = sum(chunk.size for chunk in chunks) <= SMALL and not any(map(is_shared, chunks))
        count = 1 if is_small else min(self._most, len(chunks))
        self._keep(count)
        try:
            while not work.is_done:
                while len(self._workers) < count:
                    self._workers.append(_Worker(self._limits))
                for worker in self._workers:
                    if worker.is_idle and (job := work.take()):
                        worker.give(job, folder)
                self._look(work, folder, on_staged)
        except BaseException:
            # What the others have in hand is of no use any more.
            self._keep(0)
            raise

    def _look(self, work: _Work, folder: Path, on_staged: OnStaged) -> None:
        """Wait until a worker has something to say, or for the next look; see to what has happened."""
        spoken = wait([worker.channel for worker in self._workers], LOOK_SECONDS)
        done = 0
        for worker in list(self._workers):
            job = worker.job
            try:
                if worker.channel in spoken:
                    worker.answer()
                    if job is not None:
                        self._killed = 0
                        self._records += worker.records
                        work.done(job)
                        done += job.chunk.size
                else:
                    worker.watch()
            except _Died as death:
                self._workers.remove(worker)
                self._check_start(worker, death)
                if job is not None:
                    remove_staged(folder, job.number)
                    done += work.failed(job, worker.in_hand, death, folder)
        on_staged(done, self._records + sum(worker.records for worker in self._workers if worker.job is not None))

    def _check_start(self, worker: _Worker, death: _Died) -> None:
        """End the run if workers die of something that is no document's fault."""
        self._killed += death.is_from_outside
        if self._killed >= MOST_KILLED:
            raise SetupFault(
                f"{MOST_KILLED} workers in a row were killed from outside ({death.how}), perhaps because memory is "
                "short: set load.workers or load.worker_memory lower in copydesk.toml, and run again"
            )
        if not worker.is_ready and not death.is_from_outside:
            raise SetupFault(
                f"A worker could not start ({death.how}): {death.last_words or 'it said nothing'}. If "
                "load.worker_memory in copydesk.toml is not too low, install Copydesk anew"
            )

    def _keep(self, count: int) -> None:
        """End all workers but some, which are idle."""
        while len(self._workers) > count:
            self._workers.pop().end()


@dataclass(frozen=True)
class _Limits:
    """Seconds that a document may take, and bytes that a worker may."""

    timeout: int
    memory: int


@dataclass(frozen=True)
class _Job:
    """A chunk to be done.

    Attributes:
        number: of the chunk; no two have the same.
        chunk: all of it, or a part that is done again.
        is_suspect: whether a worker has died of it before.
        reject: reason and detail, if its one record is to be rejected.
    """

    number: int
    chunk: Chunk
    is_suspect: bool = False
    reject: tuple[str, str] | None = None


class _Work:
    """What is to be done: the chunks, and the parts of those that workers died of."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self._fresh = iter(chunks)
        self._again: deque[_Job] = deque()
        self._left = len(chunks)
        self._number = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing is left, nor in a worker's hands."""
        return not self._left

    def take(self) -> _Job | None:
        """The next thing to do; None if there is none for now."""
        if self._again:
            return self._again.popleft()
        chunk = next(self._fresh, None)
        return None if chunk is None else self._job(chunk)

    def done(self, job: _Job) -> None:
        """Note that one is done."""
        self._left -= 1

    def failed(self, job: _Job, position: int | None, death: _Died, folder: Path) -> int:
        """Decide how to go on with what a worker died of.

        Args:
            job: what it was doing; nothing of it is staged.
            position: of the record that it had in hand.
            death: how it died.
            folder: where rows go.

        Returns:
            How many records are done with.
        """
        chunk = job.chunk
        if job.reject is not None and not death.is_from_outside:
            # It cannot even be read.
            stage_rejects(chunk, folder, job.number, *job.reject, is_read=False)
            self.done(job)
            return chunk.size
        if death.is_from_outside:
            # No fault of what it had in hand.
            again = [self._job(chunk, job.is_suspect, job.reject)]
        elif chunk.is_one and job.is_suspect:
            again = [self._job(chunk, True, (death.reason, death.detail))]
        elif position is not None and not chunk.is_one:
            before, this, after = chunk.around(position)
            # First of all, so that what is wrong with the machine and not with the record shows soon.
            again = [self._job(this, True), *(self._job(other) for other in (before, after) if other is not None)]
        elif job.is_suspect:
            # Of which record is not to be seen: halves of halves will tell.
            again = [self._job(half, True) for half in chunk.halves()]
            again = again or [self._job(chunk, True, (death.reason, death.detail))]
        else:
            again = [self._job(chunk, True)]
        self._left += len(again) - 1
        self._again.extend(again)
        return 0

    def _job(self, chunk: Chunk, is_suspect: bool = False, reject: tuple[str, str] | None = None) -> _Job:
        self._number += 1
        return _Job(self._number, chunk, is_suspect, reject)


class _Died(Exception):
    """A worker is dead, by itself or because it was over its limits.

    Attributes:
        reason, detail: why, as in a reject.
        how: how, for people.
        is_from_outside: whether somebody else has killed it.
        last_words: the last line that it wrote.
    """

    def __init__(self, reason: str, detail: str, how: str = "", is_from_outside: bool = False, words: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.how = how or detail
        self.is_from_outside = is_from_outside
        self.last_words = words


class _Worker:
    """One process, and what is known about it."""

    def __init__(self, limits: _Limits) -> None:
        self._limits = limits
        self.is_ready = False
        self.job: _Job | None = None
        self._words = b""
        self._seen: list[int] = []
        self._seconds = 0.0
        self._looked = time.monotonic()
        ours, theirs = socket.socketpair()
        with _shared_file() as shared, theirs:
            os.truncate(shared, SHARED_BYTES)
            self._told = memoryview(mmap.mmap(shared, SHARED_BYTES)).cast("q")
            self.process = self._spawn(theirs.fileno(), shared)
        self.channel = Connection(ours.detach())

    def _spawn(self, channel: int, shared: int) -> subprocess.Popen[bytes]:
        # Not by multiprocessing: that would load the program that this process runs, Dagster for one, in every worker.
        arguments = [str(Path(etl.__file__).parent.parent), str(channel), str(shared), str(self._limits.memory)]
        try:
            process = subprocess.Popen(
                # -P: the folder in which the command is called is none to import from.
                [sys.executable, "-P", "-c", _START, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(channel, shared),
                env={**os.environ, **ENVIRONMENT},
            )
        except OSError as error:
            raise SetupFault(f"Cannot start a worker: {error.strerror}. Set load.workers lower") from None
        assert process.stderr is not None, "it is a pipe"
        os.set_blocking(process.stderr.fileno(), False)
        return process

    @property
    def is_idle(self) -> bool:
        """Whether it waits for work."""
        return self.is_ready and self.job is None

    @property
    def in_hand(self) -> int | None:
        """The position of the record that it has in hand, in its chunk; None if it has none."""
        position = self._told[IN_HAND]
        return None if position == NO_RECORD else position

    @property
    def records(self) -> int:
        """How many records of its job it is done with."""
        return self._told[RECORDS]

    def give(self, job: _Job, folder: Path) -> None:
        """Hand it a job. That it is dead shows when it is next looked at."""
        self.job = job
        self._seconds = 0.0
        self._told[IN_HAND], self._told[RECORDS] = NO_RECORD, 0
        with contextlib.suppress(OSError):
            self.channel.send(Task(job.chunk, folder, job.number, job.reject))

    def answer(self) -> None:
        """Take its answer: it is ready, or has done its job.

        Raises:
            _Died: there is none.
            Exception: what it met.
        """
        try:
            error = self.channel.recv()
        except (EOFError, OSError):
            raise self._death() from None
        if error is not None:
            raise error
        self.is_ready, self.job, self._seconds = True, None, 0.0

    def watch(self) -> None:
        """Look at how long it has had its record in hand, and at its memory.

        Raises:
            _Died: it was over its limits.
        """
        self._listen()
        now = time.monotonic()
        step, self._looked = min(now - self._looked, LONGEST_STEP), now
        if self.is_idle:
            return
        told = self._told.tolist()
        self._seconds = self._seconds + step if told == self._seen else 0.0
        self._seen = told
        timeout = self._limits.timeout
        if not self.is_ready:
            most = START_SECONDS
        elif self.in_hand is None and self.job is not None and self.job.reject is None:
            most = max(timeout, BATCH_SECONDS)
        else:
            most = timeout
        if self._seconds > most:
            self.end()
            raise _Died("timeout", f"It took longer than {most:.0f} seconds", words=self._last_words())
        if _resident(self.process.pid) > self._limits.memory + MAPPED_BYTES:
            self.end()
            raise self._too_large()

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()
        self._listen()
        self.channel.close()
        for pipe in (self.process.stdin, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def _death(self) -> _Died:
        """How it died, now that nothing comes from it any more."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_SECONDS)
        status = self.process.returncode
        self.end()
        if status == OUT_OF_MEMORY or any(sign in self._words for sign in _OUT_OF_MEMORY_SIGNS):
            return self._too_large()
        how = _how(status)
        is_from_outside = status is not None and -status in FROM_OUTSIDE
        return _Died("crashed", f"The worker died: {how}", how, is_from_outside, self._last_words())

    def _too_large(self) -> _Died:
        limit = f"{self._limits.memory // 1_000_000:,} MB"
        return _Died("too_large", f"It took more than the {limit} of load.worker_memory", words=self._last_words())

    def _listen(self) -> None:
        """Take what it wrote on standard error, which is full else some day, and keep the end of it."""
        assert self.process.stderr is not None, "it is a pipe"
        with contextlib.suppress(BlockingIOError):
            while written := os.read(self.process.stderr.fileno(), 65_536):
                self._words = (self._words + written)[-4_096:]

    def _last_words(self) -> str:
        lines = self._words.decode("utf-8", "replace").strip().splitlines()
        return "".join(sign if sign.isprintable() else " " for sign in lines[-1]) if lines else ""


@contextlib.contextmanager
def _shared_file() -> Iterator[int]:
    """A file without a name, for memory that two processes share."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("copydesk")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _how(status: int | None) -> str:
    """How a process ended, for people."""
    if status is None:
        return "it fell silent"
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _resident(pid: int) -> int:
    """The bytes that a process holds in memory, where the system tells; else 0."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
