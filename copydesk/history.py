"""`copydesk history`: every version of a document, and what changed from each to the next."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click
from rich.console import Console
from rich.text import Text

from copydesk.render import as_table, as_text, echo, plain, to_json, visible
from warehouse.differences import Line
from warehouse.history import Change, History, Other, Version, changes, find_history
from warehouse.home import Home

WIDTH = 100
"""Columns to which lines are wrapped where no terminal says how many it has."""

_STYLES = {"-": "red", "+": "green", "@": "cyan", " ": "dim"}
_MARKS = {"-": ("[-", "-]"), "+": ("{+", "+}")}
"""What stands around words that differ where there are no colours."""


def history_command(what: str, form: str, home_folder: str | None) -> int:
    """Show a document's history; see `copydesk history --help`. Returns the exit status."""
    from copydesk.cli import DONE

    home = Home.find(home_folder)
    history = find_history(home, what)
    if form == "json":
        echo(to_json(_object(history)))
        return DONE
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    # Printed by click: rich would end the process by itself when the reader of a pipe has gone.
    with console.capture() as shown:
        for change in changes(history):
            _print_change(console, history, change)
    echo("\n".join(_heading(history)))
    click.echo(shown.get(), nl=False)
    return DONE


def _heading(history: History) -> Iterator[str]:
    key = "" if history.record_key == "0" else f", record {history.record_key}"
    yield visible(f"{history.source}: {history.path}{key} (document {history.document_id})")
    last = history.versions[-1]
    if history.is_current:
        gone = "; its file is no longer there, the document is kept" if history.file_status == "missing" else ""
        yield f"Current in version {last.version}{gone}"
    else:
        yield visible(f"No longer current: {last.reason} {last.valid_to:%Y-%m-%d %H:%M}{_moved(history)}")
    if history.moved_from:
        yield visible(f"Moved here from {_name(history.moved_from)}")
    yield ""
    names = ("version", "valid from", "valid to", "reason", "run", "content", "date", "place", "agency", "language")
    yield as_table(names, [_row(version) for version in history.versions])


def _moved(history: History) -> str:
    if history.versions[-1].reason != "moved":
        return ""
    return f" to {_name(history.moved_to)}" if history.moved_to else ""


def _name(other: Other) -> str:
    known = f"document {other.document_id}" if other.document_id else "no document"
    return f"{other.source}: {other.path} ({known})"


def _row(version: Version) -> tuple[object, ...]:
    values = version.values
    return (
        version.version,
        f"{version.valid_from:%Y-%m-%d %H:%M}",
        f"{version.valid_to:%Y-%m-%d %H:%M}" if version.valid_to else "",
        version.reason or "current",
        version.run_id[:8],
        version.content_sha256[:12],
        values["content_created_edtf"],
        values["located"],
        values["agency_id"] or values["agency_literal"],
        values["language"],
    )


def _print_change(console: Console, history: History, change: Change) -> None:
    old = next(version for version in history.versions if version.version == change.before)
    console.print(f"\nVersion {change.before} -> {change.after} ({old.reason})", style="bold", markup=False)
    for name, (before, after) in change.columns.items():
        for line in _wrapped(console, Text(visible(f"{name}: {as_text(before)} -> {as_text(after)}")), "  ", "    "):
            console.print(line)
    for diff_line in change.text.lines:
        sign = diff_line.sign
        for line in _wrapped(
            console, _styled(diff_line, console.is_terminal), f"{sign} "[: 1 if sign == "@" else 2], f"{sign}   "
        ):
            line.stylize(_STYLES[sign])
            console.print(line)
    for note in change.text.notes:
        console.print(f"  ({note})", markup=False)


def _styled(line: Line, has_colours: bool) -> Text:
    """A line with what differs in it marked: by style on a terminal, else by brackets."""
    text = Text()
    for part in line.parts:
        shown = visible(part.text)
        if part.is_changed and has_colours:
            text.append(shown, style="bold reverse")
        elif part.is_changed:
            before, after = _MARKS[line.sign]
            text.append(f"{before}{shown}{after}")
        else:
            text.append(shown)
    return text


def _wrapped(console: Console, text: Text, first: str, later: str) -> Iterator[Text]:
    """A text as lines of the console's width, the first with one prefix and the later ones with another."""
    for at, line in enumerate(text.wrap(console, max(console.width - len(later), 20))):
        line.rstrip()
        yield Text(later if at else first) + line


def _object(history: History) -> dict[str, object]:
    def other(place: Other | None) -> dict[str, object] | None:
        return None if place is None else {"source": place.source, "path": place.path, "document_id": place.document_id}

    return {
        "document_id": history.document_id,
        "source": history.source,
        "path": history.path,
        "record_key": history.record_key,
        "is_current": history.is_current,
        "file_status": history.file_status,
        "moved_to": other(history.moved_to),
        "moved_from": other(history.moved_from),
        "versions": [_version_object(version) for version in history.versions],
        "changes": [
            {
                "before": change.before,
                "after": change.after,
                "columns": {name: [plain(value) for value in pair] for name, pair in change.columns.items()},
                "text": [{"sign": line.sign, "text": line.text} for line in change.text.lines],
                "notes": list(change.text.notes),
            }
            for change in changes(history)
        ],
    }


def _version_object(version: Version) -> dict[str, object]:
    return {
        "version": version.version,
        "valid_from": plain(version.valid_from),
        "valid_to": plain(version.valid_to),
        "reason": version.reason,
        "run_id": version.run_id,
        "content_sha256": version.content_sha256,
        **{name: plain(value) for name, value in version.values.items()},
        "text": version.text,
    }
