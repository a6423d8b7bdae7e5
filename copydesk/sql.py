"""`copydesk sql`: one safe query, printed or written in the format that was asked for, as its rows come."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from copydesk.files import require_outside, writing
from copydesk.render import FORMS, csv_lines, echo, no_formula, print_lines
from copydesk.run import count
from etl.errors import SetupFault
from warehouse.faults import storage_faults
from warehouse.home import Home
from warehouse.limits import Limits
from warehouse.safe import Answer, UnsafeQuery, ask, overtime

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 20_000
"""Rows of a row group of Parquet."""

BESIDE = 1_000_000_000
"""Bytes that this process may take beside DuckDB's memory: its own, rows on their way, stacks of threads."""


def sql_command(
    query: str,
    home_folder: str | None,
    form: str,
    output: str | None,
    as_of: str | None,
    limits: Limits,
    is_verbatim: bool,
) -> int:
    """Run the query; see `copydesk sql --help`. Returns the exit status."""
    from copydesk.cli import DONE

    if is_verbatim and form != "csv":
        raise SetupFault("--verbatim is for --format csv: the other formats hold every text as it is")
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise SetupFault("Parquet is no text for a terminal: name a file with --output FILE")
    home = Home.find(home_folder)
    if output is not None:
        require_outside(home, output)
    _bound_memory(limits)
    try:
        with (
            storage_faults(home),
            _interrupts() as is_asked,
            ask(home, query, limits, as_of, is_asked, lambda is_wish: _end(is_wish, limits)) as answer,
        ):
            altered = _write(answer, form, output, is_verbatim)
    except UnsafeQuery as refusal:
        raise SetupFault(str(refusal)) from None
    if altered:
        echo(
            f"copydesk: {count(altered, 'text')} with what a spreadsheet would take for a formula: a ' stands before "
            "it; --verbatim leaves them as they are",
            err=True,
        )
    return DONE


def _write(answer: Answer, form: str, output: str | None, is_verbatim: bool) -> int:
    """Write the answer; gives how many cells are not exactly what they were."""
    guard = _Guard()
    if form == "parquet":
        with _opened(output) as file:
            _write_parquet(answer, file)
        return 0
    if form == "csv":
        lines = csv_lines(answer.names, answer.rows(), str if is_verbatim else guard)
    else:
        lines = FORMS[form](answer.names, answer.rows())
    if output is None:
        print_lines(lines, answer.resting)
    else:
        with _opened(output) as file:
            file.writelines(f"{line}\n".encode() for line in lines)
    return guard.count


class _Guard:
    """`no_formula`, and how often it had something to do."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, text: str) -> str:
        safe = no_formula(text)
        self.count += safe is not text and safe != text
        return safe


@contextlib.contextmanager
def _opened(output: str | None) -> Iterator[BinaryIO]:
    """Where the answer goes."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with writing(Path(output)) as file:
        yield file
        size = file.tell() if file.seekable() else None
    echo(f"{output}" if size is None else f"{output}: {size:,} bytes", err=True)


def _write_parquet(answer: Answer, file: BinaryIO) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, batches = answer.batches()
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for group in _groups(batches):
            writer.write_table(pa.Table.from_batches(group, schema=schema), row_group_size=GROUP_ROWS)


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Batches of a row group each."""
    group: list[pa.RecordBatch] = []
    for batch in batches:
        group.append(batch)
        if sum(len(each) for each in group) >= GROUP_ROWS:
            yield group
            group = []
    if group:
        yield group


def _bound_memory(limits: Limits) -> None:
    """Bound what this process may take, where the system can: DuckDB does not count what one function makes."""
    if sys.platform != "linux":
        return
    import resource

    taken = _taken()
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = taken + limits.memory + BESIDE
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _taken() -> int:
    """Bytes that this process has allocated."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[5])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """What says whether Ctrl-C was pressed, also where Python itself is not told of it before a function returns."""
    reading, writing_end = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing_end, False)
    former = signal.set_wakeup_fd(writing_end, warn_on_full_buffer=False)
    is_asked = False

    def look() -> bool:
        nonlocal is_asked
        with contextlib.suppress(BlockingIOError):
            is_asked = is_asked or signal.SIGINT in os.read(reading, 64)
        return is_asked

    try:
        yield look
    finally:
        signal.set_wakeup_fd(former)
        os.close(reading)
        os.close(writing_end)


def _end(is_wish: bool, limits: Limits) -> NoReturn:
    """End this process: its query hears nothing."""
    from copydesk.cli import FAULT, INTERRUPTED, STOPPED

    message = STOPPED if is_wish else overtime(limits)
    os.write(2, f"copydesk: {message}\n".encode())
    os._exit(INTERRUPTED if is_wish else FAULT)
