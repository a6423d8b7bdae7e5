"""`copydesk rejects`: what could not be loaded, why, and what to do about it."""

from __future__ import annotations

from copydesk.render import FORMS, as_table, echo, print_lines
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
        print_lines(FORMS[form](REJECT_COLUMNS, listing.rows))
    elif listing.total:
        echo(_describe(listing, reason))
    else:
        of_reason = f" of reason {reason}" if reason else ""
        echo(f"No rejects{of_reason}{f' in {source}' if source else ''}: nothing is left to mend here.")
    return DONE


def _describe(listing: Listing, reason: str | None) -> str:
    summary = [(name, count, REJECT_REASONS[name].advice) for name, count in listing.counts.items()]
    rows = [dict(zip(REJECT_COLUMNS, row, strict=True)) for row in listing.rows]
    # A record's own key says something only where a file has several of them.
    is_keyed = any(row["record_key"] != "0" for row in rows)
    names = [name for name in REJECT_COLUMNS if is_keyed or name != "record_key"]
    shown = [[str(row[name])[:16] if name == "first_seen" else row[name] for name in names] for row in rows]
    lines = [as_table(("reason", "count", "what to do"), summary, widest=None), "", as_table(names, shown)]
    if more := listing.total - len(rows):
        lines.append(f"… and {more:,} more; --limit N shows more of them, --format csv all")
    retry = "copydesk retry" + (f" --reason {reason}" if reason else "")
    lines += ["", f"A changed file is taken by the next run; `{retry}` reads these again as they are."]
    return "\n".join(lines)
