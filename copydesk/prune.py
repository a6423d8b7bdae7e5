"""`copydesk prune`: gives back disk space, and says what went, what stays, and why."""

from __future__ import annotations

import datetime as dt
import json

from copydesk.render import echo, in_bytes
from etl.errors import SetupFault
from warehouse.disk import byte_count
from warehouse.faults import storage_faults
from warehouse.home import Home, duration
from warehouse.lock import WriterLock
from warehouse.manifest import retained
from warehouse.prune import prune
from warehouse.publish import Cleared


def prune_command(
    keep: int | None,
    older_than: str | None,
    runs_older_than: str | None,
    is_dry_run: bool,
    wait: float,
    is_json: bool,
    home_folder: str | None,
) -> int:
    """Prune; see `copydesk prune --help`. Returns the exit status."""
    from copydesk.cli import DONE

    home = Home.find(home_folder)
    home.require()
    age = None if older_than is None else _age("--older-than", older_than)
    runs_age = None if runs_older_than is None else _age("--runs-older-than", runs_older_than)
    runs = None
    with WriterLock(home, "copydesk prune", wait), storage_faults(home):
        cleared = prune(home, keep, age, is_dry_run)
        kept = len(retained(home)) - (len(cleared.versions) if is_dry_run else 0)
        freed = cleared.byte_count
        if runs_age is not None:
            # After the versions, whose runs are kept as long as they are.
            from assets.retention import prune_runs

            before = byte_count(home.dagster)
            runs = prune_runs(home, runs_age, is_dry_run, leaving=cleared.versions)
            freed += max(before - byte_count(home.dagster), 0)
    if is_json:
        _print_json(cleared, kept, runs, freed, is_dry_run)
    else:
        echo(_describe(cleared, kept, runs, freed, is_dry_run))
    return DONE


def _age(option: str, text: str) -> dt.timedelta:
    age = duration(text)
    if age is None:
        raise SetupFault(f"{option} is a number of minutes, hours or days such as 90m, 36h or 30d, not {text!r}")
    return age


def _print_json(cleared: Cleared, kept: int, runs: tuple[int, int] | None, freed: int, is_dry_run: bool) -> None:
    content = {
        "is_dry_run": is_dry_run,
        "versions_removed": list(cleared.versions),
        "versions_kept": kept,
        "versions_open": list(cleared.open_versions),
        "runs_removed": runs[0] if runs else 0,
        "bytes": freed,
    }
    echo(json.dumps(content))


def _describe(cleared: Cleared, kept: int, runs: tuple[int, int] | None, freed: int, is_dry_run: bool) -> str:
    removed = "would be removed" if is_dry_run else "removed"
    lines = [("versions", f"{len(cleared.versions):,} {removed}, {kept:,} kept, the current one among them")]
    for name in cleared.open_versions:
        lines.append(("open", f"{name} is kept: someone has it open; prune again when it is closed"))
    if runs is not None:
        gone, needed = runs
        kept_runs = f"; {needed:,} as old kept, as the web UI shows what they reported" if needed else ""
        lines.append(("runs", f"{gone:,} of Dagster's {removed}{kept_runs}"))
    where = " without Dagster's runs" if is_dry_run and runs is not None else ""
    lines.append(("space", f"{in_bytes(freed)} {'would be freed' if is_dry_run else 'freed'}{where}"))
    return "\n".join(f"{name:<10} {value}" for name, value in lines)
