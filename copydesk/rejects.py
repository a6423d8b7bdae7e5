"""`copydesk rejects`: what could not be loaded, why, and what to do about it."""

from __future__ import annotations

import click

from copydesk.render import FORMS, as_table
from etl.contract import REJECT_REASONS
from warehouse.home import Home
from warehouse.rejects import REJECT_COLUMNS, Listing, list_rejects

ROWS = 50
"""Rows of a table for people, unless they ask for more: what is above them has to stay in sight."""


def rejects_command(
    reason: str | None, source: str | None, form: str, limit: int | None, home_folder: str | None
) -> int:
    """List the rejects; see `copydesk rejects --help`. Returns the exit status."""
    from copydesk.cli import DONE

    home = Home.find(home_folder)
    limit = ROWS if limit is None and form == "table" else limit
    listing = list_rejects(home, reason, source, limit)
    if form != "table":
        if text := FORMS[form](REJECT_COLUMNS, listing.rows):
            click.echo(text)
    elif listing.total:
        click.echo(_describe(listing, reason))
    else:
        of_reason = f" of reason {reason}" if reason else ""
        click.echo(f"No rejects{of_reason}{f' in {source}' if source else ''}: nothing is left to mend here.")
    return DONE


def _describe(listing: Listing, reason: str | None) -> str:
    summary = [(name, count, REJECT_REASONS[name].advice) for name, count in listing.counts.items()]
    # A record's own key says something where a file has several of them.
    at = REJECT_COLUMNS.index("record_key")
    is_keyed = any(row[at] != "0" for row in listing.rows)
    names = [name for name in REJECT_COLUMNS if is_keyed or name != "record_key"]
    rows = [[value for name, value in zip(REJECT_COLUMNS, row, strict=True) if name in names] for row in listing.rows]
    rows = [[str(value)[:16] if name == "first_seen" else value for name, value in zip(names, row, strict=True)]
            for row in rows]  # fmt: skip
    shown = len(listing.rows)
    more = (
        f"\n… and {listing.total - shown:,} more; --limit N shows more of them, --format csv all"
        if shown < listing.total
        else ""
    )
    retry = "copydesk retry" + (f" --reason {reason}" if reason else "")
    return (
        f"{as_table(('reason', 'count', 'what to do'), summary)}\n\n{as_table(names, rows)}{more}\n\n"
        f"A changed file is taken by the next run; `{retry}` reads these again as they are."
    )
