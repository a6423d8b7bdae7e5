"""The data dictionary as Markdown, from the contract: `python -m copydesk.dictionary > docs/tables.md`."""

from __future__ import annotations

import sys

from etl.contract import PUBLISHED_TABLES, QUALITY_FLAGS, REJECT_REASONS
from warehouse.publish import analysis_views


def dictionary() -> str:
    """The whole of docs/tables.md."""
    lines = [
        "# The tables",
        "",
        "Generated from `etl/contract.py` by `make docs`; a test holds that it is up to date.",
        "",
        "Offsets count code points of `documents.text`, from 0, end exclusive: "
        "`substr(text, x_start + 1, x_end - x_start)` gives back the literal. Timestamps are UTC. NULL is unknown. "
        "*Volatile* columns may differ between two homes that went through the same source states; all others do not.",
    ]
    for table in PUBLISHED_TABLES.values():
        lines += ["", f"## {table.name}", "", f"{table.comment} Key: {', '.join(table.key)}.", ""]
        lines += ["| column | type | meaning | standard |", "|---|---|---|---|"]
        for column in table.columns:
            notes = [
                "not NULL" if not column.is_nullable else "",
                "volatile" if column.is_volatile else "",
                "computed in the view" if column.is_computed else "",
            ]
            extra = ", ".join(note for note in notes if note)
            meaning = f"{column.meaning} *({extra})*" if extra else column.meaning
            lines.append(f"| `{column.name}` | {column.sql_type} | {meaning} | {column.standard or ''} |")
    lines += ["", "## Views for analysis", "", "| view | what it answers |", "|---|---|"]
    lines += [f"| `{name}` | {comment} |" for name, comment, _ in analysis_views()]
    lines += ["", "## Quality flags", "", "| flag | meaning |", "|---|---|"]
    lines += [f"| `{flag}` | {meaning} |" for flag, meaning in QUALITY_FLAGS.items()]
    lines += ["", "## Reject reasons", "", "| reason | stage | what to do |", "|---|---|---|"]
    lines += [f"| `{name}` | {reason.stage} | {reason.advice} |" for name, reason in REJECT_REASONS.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(dictionary())
