"""A worker process: stages one chunk after the other, and dies alone if it has to.

What it is started with: a socket that chunks come in by and answers go out by; shared memory in which it notes the
record that it has in hand and how far it has come; the memory that it may take; and a standard input on which nothing
ever comes, but whose end means that the run is gone. Who starts workers, watches them and draws conclusions from
their deaths is `warehouse.pool`. Nothing but `etl` is imported here.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import mmap
import os
import pickle
import resource
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

NO_RECORD = -1
"""What stands in the shared memory while no record is in hand."""

IN_HAND, RECORDS, STEPS = range(3)
"""Its whole numbers: the position of the record in hand; records of this task that are done with; signs of life."""

SHARED_BYTES = 3 * 8

OUT_OF_MEMORY = 77
"""The exit status of a worker that got a MemoryError. Nothing else is asked of it then: it might fail again."""

GARBAGE = 100_000
"""New objects after which garbage is looked for: those of some hundred documents."""

PROBE = " date 2021-02 Bakou, 27 février, AZERTAC\n\nUn pont a été ouvert.\n\nLe trafic reprend lundi."
"""What a worker parses before it says that it is ready: if it dies of this, no document is at fault."""


@dataclass(frozen=True)
class Task:
    """What a worker is asked to do.

    Attributes:
        chunk: an `etl.stage.Chunk`.
        folder: where its rows go.
        number: of the chunk.
        reject: reason and detail, if its records are to be written as rejects; else they are parsed.
    """

    chunk: Any
    folder: Path
    number: int
    reject: tuple[str, str] | None = None


def main() -> None:
    """Work until the other end of the socket is closed: `worker SOCKET MEMORY_FILE BYTES`.

    It answers None when it is ready and after each task, or the exception that the task ended with.
    """
    socket, shared, most = map(int, sys.argv[1:])
    # The terminal's Ctrl-C comes to the whole group. It is the run's to end its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_run()
    _limit(most)
    with Connection(socket) as channel, mmap.mmap(shared, SHARED_BYTES) as memory, memoryview(memory).cast("q") as told:
        try:
            _work(channel, told)
        except MemoryError:
            os._exit(OUT_OF_MEMORY)


def _work(channel: Connection, told: memoryview[int]) -> None:
    from etl.stage import stage, stage_rejects

    def on_record(index: int | None) -> None:
        told[IN_HAND] = NO_RECORD if index is None else index

    def on_progress(records: int) -> None:
        told[RECORDS] += records
        told[STEPS] += 1

    _probe()
    # The reference data stays for good: collecting garbage need not go through it again and again, and rows are no
    # garbage until their chunk is done.
    gc.freeze()
    gc.set_threshold(GARBAGE)
    channel.send(None)
    while True:
        try:
            task: Task = channel.recv()
        except EOFError:
            return
        answer = None
        try:
            if task.reject is None:
                stage(task.chunk, task.folder, task.number, on_record, on_progress)
            else:
                stage_rejects(task.chunk, task.folder, task.number, *task.reject, on_progress=on_progress)
        except MemoryError:
            raise
        except Exception as error:
            answer = _portable(error)
        channel.send(answer)


def _portable(error: Exception) -> Exception:
    """An exception as it can be sent, with where it was raised."""
    where = f"In a worker:\n{traceback.format_exc()}"
    try:
        sent: Exception = pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception:
        sent = RuntimeError(f"{type(error).__name__}: {error}")
    sent.add_note(where)
    return sent


def _probe() -> None:
    """Parse a text that is known to be good; that loads the reference data, too."""
    import pyarrow as pa

    from etl.contract import DOCUMENTS, RECORDS_SCHEMA, REJECTS
    from etl.transform import transform

    record = dict.fromkeys(RECORDS_SCHEMA.names) | {
        "source": "probe", "path": "probe", "record_key": "0", "raw": PROBE.encode(), "seen_on": dt.date(2021, 2, 28),
    }  # fmt: skip
    tables = transform(pa.RecordBatch.from_pylist([record], schema=RECORDS_SCHEMA))
    if tables[DOCUMENTS.name].num_rows != 1:
        raise RuntimeError(tables[REJECTS.name].to_pylist()[0]["message"])


def _end_with_run() -> None:
    """End this process as soon as the run is gone, however that has come about and whatever goes on here."""
    if sys.platform == "linux":
        import fcntl

        # The kernel itself kills this process when the pipe's other end is closed: a thread would wait in vain for
        # its turn while a hanging regular expression keeps the interpreter to itself.
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    threading.Thread(target=_wait_for_end, daemon=True).start()


def _wait_for_end() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGKILL)


def _limit(most: int) -> None:
    """Bound this process's memory, where the system can; and let it be the first to go if the machine has none left."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # What is allocated, not what is mapped: libraries and files read by mapping do not count.
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("500")
