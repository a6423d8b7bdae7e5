"""`copydesk runs`: the runs that changed something, and which of their versions can still be asked."""

from __future__ import annotations

from copydesk.render import FORMS, echo, print_lines
from warehouse.connection import query_table
from warehouse.home import Home
from warehouse.manifest import Manifest, is_same_place, require_current, retained

ROWS = 20
"""Runs in a table for people, unless they ask for more."""

_RUNS = """
    SELECT run_id, started, seconds, files_read, documents_written, rejects, months, count(*) OVER () AS total
    FROM runs ORDER BY started DESC, run_id LIMIT $1
"""

_NAMES = (
    "run_id",
    "started",
    "seconds",
    "files_read",
    "documents_written",
    "rejects",
    "months",
    "version",
    "is_current",
    "as_of",
)


def runs_command(limit: int | None, form: str, home_folder: str | None) -> int:
    """List the runs; see `copydesk runs --help`. Returns the exit status."""
    from copydesk.cli import DONE

    home = Home.find(home_folder)
    published = require_current(home)
    versions: dict[str, Manifest] = {}
    for manifest in retained(home):
        # The newest first: of several publishes of one run the latest counts.
        versions.setdefault(manifest.run_id, manifest)
    is_table = form == "table"
    _, found = query_table(home, _RUNS, [ROWS if limit is None and is_table else limit])
    rows: list[list[object]] = []
    for *values, _ in found:
        version = versions.get(str(values[0]))
        is_current = values[0] == published.run_id
        rows.append([*values, version.name if version else None, is_current, _as_of(home, version, is_current)])
    if not is_table:
        print_lines(FORMS[form](_NAMES, rows))
        return DONE
    total = found[0][-1] if found else 0
    print_lines(FORMS[form]((*_NAMES[:-3], "as_of"), [_for_people(row) for row in rows]))
    if len(rows) < int(str(total)):
        echo(f"… and {int(str(total)) - len(rows):,} earlier ones; --limit N shows more of them, --format csv all")
    return DONE


def _as_of(home: Home, version: Manifest | None, is_current: bool) -> str:
    """Whether `copydesk sql --as-of` can ask what a run published."""
    if version is None:
        return "gone"
    if not is_same_place(version.lake, home.lake):
        return "moved"
    return "current" if is_current else "retained"


def _for_people(row: list[object]) -> list[object]:
    *values, months, _, _, as_of = row
    assert isinstance(months, list)
    times = (str(value)[:19] if name == "started" else value for name, value in zip(_NAMES, values, strict=False))
    return [*times, len(months), as_of]
