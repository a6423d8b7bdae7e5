"""`copydesk check`: what is wrong with a home, one line each, and the command that mends it."""

from __future__ import annotations

import time
from dataclasses import asdict

from copydesk.render import echo, to_json, visible
from warehouse.faults import storage_faults
from warehouse.home import Home
from warehouse.inspection import LEFT, REPAIR, Inspection, Problem, inspect


def check_command(home_folder: str | None, is_full: bool, is_json: bool) -> int:
    """Look at a home; see `copydesk check --help`. Returns the exit status."""
    from copydesk.cli import DONE, FAULT

    begun = time.monotonic()
    home = Home.find(home_folder)
    home.require()
    with storage_faults(home):
        found = inspect(home, is_full)
    seconds = round(time.monotonic() - begun, 3)
    echo(_as_json(home, found, seconds) if is_json else _as_text(home, found, is_full, seconds))
    return DONE if found.is_sound else FAULT


def line(problem: Problem) -> str:
    """A problem on one line: how bad, where, what, what to do."""
    return visible(f"{problem.gravity:<10} {problem.where}: {problem.what}; {problem.advice}")


def _as_text(home: Home, found: Inspection, is_full: bool, seconds: float) -> str:
    lines = [line(problem) for problem in found.problems]
    if found.writer:
        lines.append(f"{'note':<10} {found.writer}: what it is about to write is not looked at")
    depth = "read and checked" if is_full else "looked at (--full reads them whole)"
    files = f"{found.file_count:,} Parquet files {depth} in {seconds:.1f} s"
    if found.is_sound:
        version = f"version {found.version}" if found.version else "nothing is published yet"
        lines.append(f"{'sound':<10} {version}, {files}")
        return "\n".join(lines)
    problems = [problem for problem in found.problems if problem.gravity != LEFT]
    by_hand = [problem for problem in problems if problem.is_by_hand]
    lines.append(f"{'found':<10} {len(problems)} problem{'' if len(problems) == 1 else 's'}, {files}")
    if by_hand:
        lines.append(f"{'first':<10} {visible('; '.join(f'{p.where}: {p.advice}' for p in by_hand))}")
    if any(problem.is_mendable for problem in problems):
        lines.append(f"{'then' if by_hand else 'mend':<10} {home.command(REPAIR)}")
    return "\n".join(lines)


def _as_json(home: Home, found: Inspection, seconds: float) -> str:
    return to_json(
        {
            "home": str(home),
            "is_sound": found.is_sound,
            "version": found.version,
            "writer": found.writer,
            "files": found.file_count,
            "seconds": seconds,
            "problems": [asdict(problem) for problem in found.problems],
        }
    )
