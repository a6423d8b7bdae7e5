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

ATTEMPTS = 2
"""How often chunks are handed out: a worker that was killed from outside is no fault of what it worked on."""

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
        SetupFault: worker processes died twice.
    """
    count = workers or _processors()
    if total <= SMALL or count == 1:
        for number, chunk in enumerate(chunks):
            stage(chunk, folder, number)
            on_staged(chunk)
        return
    # Spawned, never forked: Dagster and Delta Lake have started threads in this process.
    context = multiprocessing.get_context("spawn")
    left = deque(enumerate(chunks))
    for attempt in range(1, ATTEMPTS + 1):
        waiting: dict[Future[None], tuple[int, Chunk]] = {}
        try:
            with ProcessPoolExecutor(count, mp_context=context) as executor:
                for chunk in _in_flight(executor, left, waiting, folder, 2 * count):
                    on_staged(chunk)
            return
        except BrokenProcessPool:
            if attempt == ATTEMPTS:
                raise SetupFault("A worker process died, perhaps for lack of memory: set load.workers lower") from None
            left.extendleft(sorted(waiting.values(), key=lambda numbered: numbered[0], reverse=True))


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_flight(
    executor: ProcessPoolExecutor,
    left: deque[tuple[int, Chunk]],
    waiting: dict[Future[None], tuple[int, Chunk]],
    folder: Path,
    most: int,
) -> Iterator[Chunk]:
    """Chunks as they are done, with at most so many of what is left waiting in workers: that bounds the memory."""
    while left or waiting:
        while left and len(waiting) < most:
            number, chunk = numbered = left[0]
            waiting[executor.submit(stage, chunk, folder, number)] = numbered
            left.popleft()
        done, _ = wait(waiting, return_when="FIRST_COMPLETED")
        for future in done:
            future.result()
            yield waiting.pop(future)[1]
