"""What a command takes, as a whole: wall time, processor time and memory of all its processes, bytes on disk.

Linux only: memory is read from /proc. Memory is the proportional set size, so that what processes share counts once.
"""

import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLING_SECONDS = 0.5
"""Asking how much a process has of its own stops it for a moment: more often would slow down what is measured."""


@dataclass(frozen=True)
class Measured:
    """What one run of a command took.

    Attributes:
        wall, cpu: seconds; cpu of the command and all its children, in user and kernel mode.
        memory: bytes, at its peak, of all its processes together.
        output: what it printed.
    """

    wall: float
    cpu: float
    memory: int
    output: str


def measure(command: Sequence[str | Path], environment: dict[str, str] | None = None) -> Measured:
    """Run a command to its end.

    Raises:
        SystemExit: it failed; what it printed is shown.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    process = subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    peak = _Peak(process.pid)
    peak.start()
    output, _ = process.communicate()
    wall = time.perf_counter() - begun
    peak.stop()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with status {process.returncode}:\n{output}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(wall, cpu, peak.bytes, output)


class _Peak(threading.Thread):
    """Adds up the memory of a process and its descendants, again and again."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = threading.Event()
        self.bytes = 0

    def run(self) -> None:
        while not self._ended.wait(SAMPLING_SECONDS):
            self.bytes = max(self.bytes, sum(map(_memory, _family(self._pid))))

    def stop(self) -> None:
        self._ended.set()
        self.join()


def _family(pid: int) -> list[int]:
    family, left = [], [pid]
    while left:
        one = left.pop()
        family.append(one)
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                left += map(int, (task / "children").read_text().split())
        except OSError:
            continue  # gone meanwhile
    return family


def _memory(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def bytes_in(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def machine() -> str:
    """Processor, cores, memory and kind of disk, in one line."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown processor",
    )
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cpu}, {cores} cores, {memory:.0f} GiB of memory, Python {sys.version.split()[0]}"


def median(values: Iterable[float]) -> float:
    """The median."""
    return statistics.median(list(values))


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """An aligned Markdown table, the first column to the left, figures to the right."""
    lines = [list(names), *map(list, rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(names))]

    def cells(line: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = [("-" * width) if at == 0 else f"{'-' * (width - 1)}:" for at, width in enumerate(widths)]
    return "\n".join([cells(lines[0]), cells(rule), *map(cells, lines[1:])])
