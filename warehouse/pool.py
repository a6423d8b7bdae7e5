"""Runs chunks of work on all processors: in this process if there is little to do, else in spawned workers."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from etl.errors import SetupFault
from etl.stage import FileChunk, StoredChunk, stage

SMALL = 1_000
"""Records up to which starting workers takes longer than doing the work."""

Chunk = FileChunk | StoredChunk
OnStaged = Callable[[Chunk], None]


def stage_all(chunks: Iterable[Chunk], total: int, folder: Path, workers: int, on_staged: OnStaged) -> None:
    """Stage every chunk into a folder.

    Args:
        chunks: what to do; taken one by one as workers become free.
        total: records in all of them.
        folder: where the rows go.
        workers: processes; 0 for as many as there are processors.
        on_staged: told of every chunk that is done.

    Raises:
        SetupFault: a worker process died.
    """
    count = workers or _processors()
    if total <= SMALL or count == 1:
        for number, chunk in enumerate(chunks):
            stage(chunk, folder, number)
            on_staged(chunk)
        return
    # Spawned, never forked: Dagster and Delta Lake have started threads in this process.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context) as executor:
        try:
            for chunk in _in_flight(executor, chunks, folder, 2 * count):
                on_staged(chunk)
        except BrokenProcessPool:
            raise SetupFault("A worker process died, perhaps for lack of memory: set load.workers lower") from None


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_flight(executor: ProcessPoolExecutor, chunks: Iterable[Chunk], folder: Path, most: int) -> Iterator[Chunk]:
    """Chunks as they are done, with at most so many chunks handed out: what waits takes no memory."""
    waiting: dict[Future[None], Chunk] = {}
    left = deque(enumerate(chunks))
    while left or waiting:
        while left and len(waiting) < most:
            number, chunk = left.popleft()
            waiting[executor.submit(stage, chunk, folder, number)] = chunk
        done, _ = wait(waiting, return_when="FIRST_COMPLETED")
        for future in done:
            future.result()
            yield waiting.pop(future)
