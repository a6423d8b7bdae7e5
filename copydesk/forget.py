"""`copydesk forget`: says what would go, asks, and erases it through the same run, checks and publish as any load."""

from __future__ import annotations

import sys

import click

from copydesk.render import echo, visible
from copydesk.run import launch
from etl.errors import SetupFault
from warehouse.faults import storage_faults
from warehouse.forget import EXAMPLES, Choice, Paths, choose
from warehouse.forgotten import read_forgotten, remember
from warehouse.home import Home
from warehouse.lock import WriterLock
from warehouse.manifest import current, has_leftovers, require_current, unforgetting
from warehouse.plan import make_forget

UNREACHED = (
    "Not reached: backups, copies of the home, exports and query results, logs of services outside the home, other "
    "copies of the file, and what file system snapshots or a disk keep of deleted blocks."
)


def forget_command(
    names: list[str], source: str | None, home_folder: str | None, wait: float, yes: bool, dry_run: bool
) -> int:
    """Forget documents; see `copydesk forget --help`. Returns the exit status."""
    if bool(names) == (source is not None):
        raise SetupFault("Name documents by their ids, or a source with --source NAME: one or the other")
    if not (yes or dry_run or sys.stdin.isatty()):
        raise SetupFault("Where nobody can be asked, --yes is needed; --dry-run shows what would go")
    home = Home.find(home_folder)
    with storage_faults(home):
        return _forget(home, names, source, wait, yes, dry_run)


def _forget(home: Home, names: list[str], source: str | None, wait: float, yes: bool, dry_run: bool) -> int:
    from copydesk.cli import DONE, REFUSED

    published = require_current(home)
    choice = choose(home, names, source, read_forgotten(home))
    if not _is_needed(home, choice):
        echo("Nothing to erase: all of it was forgotten before.")
        _tell_what_remains(home, choice, source)
        return DONE
    echo(_describe(choice))
    if dry_run:
        echo("Nothing was erased: this was a dry run.")
        return DONE
    if not (yes or click.confirm("Erase this for good?", err=True)):
        echo("Nothing was erased.")
        return DONE

    with WriterLock(home, "copydesk forget", wait):
        if current(home) != published:
            # Another run has published between our look and our lock.
            chosen = choose(home, names, source, read_forgotten(home))
            if not yes and chosen.digests != choice.digests:
                raise SetupFault("Another run has published meanwhile, and more or less would go now: try again")
            choice = chosen
        if len(choice.digests):
            remember(home, choice.digests)
        if not _erase(home):
            return REFUSED
    echo(
        f"Forgotten  {_counts(choice)}\nErased     in the lake, in all retained versions, and in what Dagster kept of "
        "former runs. Readers that have an older version open have to connect again"
    )
    _tell_what_remains(home, choice, source)
    echo(UNREACHED)
    return DONE


def _is_needed(home: Home, choice: Choice) -> bool:
    """Whether anything is to be done: what was forgotten before may not have been erased to the end."""
    return bool(len(choice.digests)) or _is_unfinished(home) or bool(unforgetting(home)) or has_leftovers(home)


def _erase(home: Home) -> bool:
    """Run the load that erases what the list names, as any run would; returns whether it was published."""
    if _is_unfinished(home) and launch(home, {"forget": True}, make_forget(home))[1] is None:
        return False
    from warehouse.lake import Lake
    from warehouse.publish import clear_away

    if unforgetting(home) or has_leftovers(home):
        Lake(home).restore(current(home))
        clear_away(home)
    if left := unforgetting(home):
        folders = ", ".join(map(str, left))
        raise SetupFault(f"Everything is erased but these versions, which cannot be removed: {folders}. Delete them")
    return True


def _is_unfinished(home: Home) -> bool:
    """Whether the published rows were made with another list."""
    return require_current(home).forgotten != read_forgotten(home).digest


def _describe(choice: Choice) -> str:
    lines = [f"To erase   {_counts(choice)}"]
    lines += [f"           {line}" for line in _listed(choice.named)]
    if choice.elsewhere.count:
        lines.append(f"Elsewhere  {_count(choice.elsewhere.count, 'other file')} with the same bytes, erased with it")
        lines += [f"           {line}" for line in _listed(choice.elsewhere)]
    if choice.on_disk.count:
        lines.append(
            f"On disk    {_count(choice.on_disk.count, 'file')} in the sources: delete them first, and no path "
            "stays in files and rejects"
        )
        lines += [f"           {line}" for line in _listed(choice.on_disk)]
    return "\n".join(lines)


def _counts(choice: Choice) -> str:
    return ", ".join(
        (
            _count(choice.documents, "document"),
            _count(choice.versions, "former version"),
            _count(choice.rejects, "reject"),
        )
    )


def _listed(paths: Paths) -> list[str]:
    shown = [visible(example) for example in paths.examples]
    return [*shown, f"and {paths.count - EXAMPLES:,} more"] if paths.count > EXAMPLES else shown


def _tell_what_remains(home: Home, choice: Choice, source: str | None) -> None:
    if choice.on_disk.count:
        files = _count(choice.on_disk.count, "file")
        echo(
            f"On disk    {files} in the sources, where Copydesk deletes nothing. They are rejects now, by their paths, "
            "until a run finds them gone"
        )
    if source is not None and any(known.name == source for known in home.settings.sources):
        echo(f"Warning    {home.settings_file} still names the source {visible(source)}: remove it there")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
