"""`copydesk run`: decides whether there is anything to do, and if so runs the Dagster job and says what came of it."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copydesk.render import echo, visible
from etl.errors import SetupFault
from etl.sources import is_glob
from warehouse.faults import storage_faults
from warehouse.home import Home
from warehouse.lock import WriterLock, has_note
from warehouse.manifest import DATABASE, Manifest, RunSummary, current, has_leftovers
from warehouse.plan import Plan, make_plan

if TYPE_CHECKING:
    from assets.launch import Outcome


def run_command(
    sources: list[str],
    name: str | None,
    home_folder: str | None,
    wait: float,
    accept_shrink: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Load the sources; see `copydesk run --help`. Returns the exit status."""
    begun = time.monotonic()
    home = Home.find(home_folder)
    with storage_faults(home):
        return _run(home, sources, name, wait, accept_shrink, as_json, quiet, begun)


def _run(
    home: Home,
    sources: list[str],
    name: str | None,
    wait: float,
    accept_shrink: bool,
    as_json: bool,
    quiet: bool,
    begun: float,
) -> int:
    from copydesk.cli import DONE, REFUSED

    is_new_home = not home.exists
    if not sources:
        home.create()
    # As they are to be found from anywhere: the run's configuration is kept, and may be launched again from the UI.
    sources = [_absolute(source) for source in sources]
    plan = make_plan(home, sources, name, accept_shrink=accept_shrink)
    # Only now: a source that does not exist makes no home.
    home.create()
    for warning in home.warnings() if is_new_home else []:
        echo(f"copydesk: {warning}", err=True)
    if plan.is_empty:
        _clear_leftovers(home)
        return _say_nothing_new(home, plan, begun, as_json, quiet)

    with WriterLock(home, "copydesk run", wait):
        if wait or current(home) != plan.published:
            # Another run has published between our look and our lock, and may have done the work.
            plan = make_plan(home, sources, name, accept_shrink=accept_shrink)
            if plan.is_empty:
                _clear_leftovers(home)
                return _say_nothing_new(home, plan, begun, as_json, quiet)
        what = {"sources": sources, "name": name}
        outcome, published = launch(home, what, plan, accept_shrink, as_json or quiet)
    if published is None:
        return REFUSED
    summary = replace(published.summary, seconds=round(time.monotonic() - begun, 3))
    if as_json:
        _print_json(summary)
    elif not quiet:
        echo(_describe(home, summary))
        say_warnings(outcome)
    return DONE


def launch(
    home: Home, what: dict[str, Any], plan: Plan, accept_shrink: bool = False, is_silent: bool = False
) -> tuple[Outcome, Manifest | None]:
    """Run the job in this process, and say on standard error if its candidate is refused.

    The caller holds the writer's lock.

    Args:
        home: an existing home.
        what: fields of `assets.tables.LoadConfig`.
        plan: what these come to, made under the same lock or shortly before.
        accept_shrink: publish even if most documents are gone.
        is_silent: show no progress.

    Returns:
        How the run ended, and what it has published; None if that was refused.
    """
    from warehouse.pool import Pool

    with Pool(home.settings) as pool:
        # It gets ready while Dagster is loaded.
        pool.start()
        from assets.launch import run_load
        from assets.tables import Handover
        from warehouse.publish import candidate_folder

        with _progress(is_wanted=sys.stderr.isatty() and not is_silent) as progress:
            outcome = run_load(home, what, accept_shrink, Handover(plan, pool, progress))
    if outcome.refused:
        found = visible("; ".join(outcome.refused))
        echo(
            f"copydesk: not published, the warehouse is as it was: {found}. `copydesk ui` shows run {outcome.run_id}; "
            f"until the next run, {candidate_folder(home, outcome.run_id) / DATABASE} has what was refused",
            err=True,
        )
        return outcome, None
    published = current(home)
    assert published is not None, "a run that ends well has published"
    return outcome, published


def say_warnings(outcome: Outcome) -> None:
    """Print what the checks found that does not stop a run."""
    for warning in outcome.warnings:
        echo(f"{'warning':<10} {visible(warning)}")


def _absolute(source: str) -> str:
    if not source or source.startswith(("/", "~")):
        return source
    here = Path.cwd()
    if is_glob(source) and not Path(source).exists():
        return f"{glob.escape(str(here))}/{source}"
    return str(here / source)


def _clear_leftovers(home: Home) -> None:
    """Clear away what a killed or refused run has left. Whatever cannot be now is by a later run."""
    if has_leftovers(home) or has_note(home):
        from warehouse.publish import clear_leftovers

        with contextlib.suppress(SetupFault), storage_faults(home), WriterLock(home, "copydesk run"):
            clear_leftovers(home)


def _say_nothing_new(home: Home, plan: Plan, begun: float, as_json: bool, quiet: bool) -> int:
    from copydesk.cli import DONE

    total = plan.published.summary.documents_total if plan.published else 0
    if as_json:
        _print_json(RunSummary(None, plan.files_seen, 0, 0, total, 0, (), round(time.monotonic() - begun, 3)))
    elif not quiet:
        echo(_describe_nothing(home, plan))
    return DONE


def _print_json(summary: RunSummary) -> None:
    names = (
        "run_id", "files_seen", "files_read", "documents_written", "documents_total", "rejects", "months", "seconds",
    )  # fmt: skip
    values = {name: getattr(summary, name) for name in names}
    echo(json.dumps({**values, "months": len(summary.months)}))


def _describe_nothing(home: Home, plan: Plan) -> str:
    if plan.files_seen:
        return f"Nothing new: {count(plan.files_seen, 'file')} seen, all of them known. Warehouse: {home.link}"
    # A source without a file is in the settings, but not in the plan.
    roots = ", ".join(str(source.root) for source in plan.sources or home.settings.sources) or "any source"
    return (
        f"Nothing new: no file in {roots}. Copy files there, or name a folder: `copydesk run FOLDER`. "
        f"Sources are set in {home.settings_file}"
    )


def _describe(home: Home, summary: RunSummary) -> str:
    rejects = f"{summary.rejects:,}"
    if summary.rejects_by_reason:
        reasons = ", ".join(f"{reason} {count}" for reason, count in summary.rejects_by_reason.items())
        rejects += f" ({reasons}); `copydesk rejects` says what to do"
    forgotten = f", {summary.documents_forgotten:,} forgotten" if summary.documents_forgotten else ""
    rate = summary.documents_written / summary.seconds if summary.seconds else 0.0
    lines = [
        ("files", f"{summary.files_seen:,} seen, {summary.files_read:,} read"),
        ("documents", f"{summary.documents_written:,} written, {summary.documents_total:,} in all{forgotten}"),
        ("rejects", rejects),
        ("months", f"{len(summary.months):,}"),
        ("time", f"{summary.seconds:.1f} s, {rate:,.0f} documents per second"),
        ("warehouse", str(home.link)),
    ]
    return "\n".join(f"{name:<10} {value}" for name, value in lines)


def count(number: int, noun: str) -> str:
    """A number of things in words: 1 file, 2 files."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@contextmanager
def _progress(is_wanted: bool) -> Iterator[Callable[[int, int, int], None] | None]:
    """A progress bar with rate and time left on standard error, if it is wanted."""
    if not is_wanted:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    begun = time.monotonic()
    with (
        # A descriptor of its own: Dagster sends those of the process to its logs while a step runs.
        os.fdopen(os.dup(sys.stderr.fileno()), "w") as terminal,
        Progress(*columns, console=Console(file=terminal), transient=True) as bar,
    ):
        task = bar.add_task("Starting", total=None, rate="")

        def on_progress(done: int, total: int, records: int) -> None:
            rate = records / max(time.monotonic() - begun, 0.001)
            description = "Reading" if done < total else "Publishing"
            shown = f"{count(records, 'record')}, {rate:,.0f}/s"
            bar.update(task, description=description, completed=done, total=total, rate=shown)

        yield on_progress
