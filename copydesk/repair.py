"""`copydesk repair`: mends what `copydesk check` finds, and says what it did and what is lost."""

from __future__ import annotations

import sys

import click

from copydesk.check import line
from copydesk.render import echo, visible
from copydesk.services import running_daemon
from etl.errors import SetupFault
from warehouse.faults import storage_faults
from warehouse.home import Home
from warehouse.inspection import REPAIR
from warehouse.lock import WriterLock
from warehouse.repair import Repair, propose, repair


def repair_command(home_folder: str | None, is_agreed: bool, is_dry: bool) -> int:
    """Mend a home; see `copydesk repair --help`. Returns the exit status."""
    from copydesk.cli import DONE, FAULT, REFUSED

    home = Home.find(home_folder)
    home.require()
    if is_dry or not is_agreed:
        with storage_faults(home):
            proposal = propose(home)
        echo(_describe(proposal, is_done=False))
        if is_dry:
            return FAULT if proposal.is_lossy else DONE
        if not proposal.problems:
            return DONE
        _ask(home)
    # For the lock alone: what else is missing is to be found, and said.
    home.lake.mkdir(parents=True, exist_ok=True)
    with WriterLock(home, "copydesk repair"), storage_faults(home):
        _refuse_running_daemon(home)
        done = repair(home)
    if done.refused:
        found = visible("; ".join(done.refused))
        echo(f"copydesk: not published, the warehouse is as it was: {found}", err=True)
        return REFUSED
    if is_agreed:
        echo(_describe(done, is_done=True))
    if done.published:
        total = done.published.summary.documents_total
        echo(f"Published {done.published.name}: {total:,} documents. Warehouse: {home.link}")
    return DONE


def _ask(home: Home) -> None:
    """Let a person agree.

    Raises:
        SetupFault: nobody is there to ask.
    """
    if not sys.stdin.isatty():
        raise SetupFault(f"Nothing is mended yet: {home.command(f'{REPAIR} --yes')} does it")
    click.confirm("Mend it?", abort=True, err=True)


def _refuse_running_daemon(home: Home) -> None:
    """Dagster's databases can be set aside only while nobody writes to them.

    Raises:
        SetupFault: the daemon runs, and one of them is damaged.
    """
    from warehouse.inspection import damaged_databases, instance_fault

    daemon = running_daemon(home)
    if daemon and (instance_fault(home) or any(damaged_databases(home))):
        raise SetupFault(f"The daemon runs ({daemon}), and Dagster's files are damaged: stop it, then repair again")


def _describe(found: Repair, is_done: bool) -> str:
    if not found.problems:
        return "Nothing to mend: `copydesk check --full` finds nothing wrong"
    lines = [line(problem) for problem in found.problems]
    lines += [visible(f"{'done' if is_done else 'to do':<10} {note}") for note in found.notes]
    lines += [visible(f"{'lost':<10} {loss}") for loss in found.losses]
    lines += [visible(f"{'lost':<10} {source}: {path}") for source, path in found.lost_records]
    return "\n".join(lines)
