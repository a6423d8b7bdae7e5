"""Rows as text: aligned tables for people, CSV, JSON, Markdown for programs and pages. What is shown is untrusted."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence

from rich.cells import cell_len, set_cell_size

from assets.markdown import escape

Row = Sequence[object]

WIDEST = 120
"""Terminal cells to which a value is cut in an aligned table."""


def visible(text: str) -> str:
    """Text on one line, with whatever could steer a terminal or hide in it shown as an escape."""
    return "".join(
        sign if sign.isprintable() else "⏎" if sign == "\n" else sign.encode("unicode_escape").decode() for sign in text
    )


def as_table(names: Sequence[str], rows: Iterable[Row], widest: int | None = WIDEST) -> str:
    """An aligned table: numbers to the right, NULL for what is unknown, long values cut with an ellipsis."""
    rows = list(rows)
    cells = [[_cut(visible(as_text(value)), widest) for value in row] for row in rows]
    names = [visible(name) for name in names]
    widths = [max(map(cell_len, column)) for column in zip(names, *cells, strict=True)]
    is_number = [bool(rows) and all(_is_number(row[at]) or row[at] is None for row in rows) for at in range(len(names))]

    def line(values: Sequence[str]) -> str:
        padded = [
            " " * (width - cell_len(value)) + value if right else set_cell_size(value, width)
            for value, width, right in zip(values, widths, is_number, strict=True)
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([line(names), "  ".join("─" * width for width in widths), *map(line, cells)])


def as_csv(names: Sequence[str], rows: Iterable[Row]) -> str:
    r"""CSV with a heading, as RFC 4180 has it but for `\\n` line ends.

    What is unknown is an empty field, and an empty text is `""`; so is what is unknown where a row has no other field:
    most readers skip empty lines.
    """
    lines = [",".join(map(_csv_field, names))]
    lines += [",".join(map(_csv_field, row)) or '""' for row in rows]
    return "\n".join(lines)


def _csv_field(value: object) -> str:
    if value is None:
        return ""
    text = as_text(value)
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if not text or _QUOTED.search(text) else text


_QUOTED = re.compile(r'[",\r\n]')
"""What a field of CSV holds between quotation marks only."""


def as_json(names: Sequence[str], rows: Iterable[Row]) -> str:
    """A JSON array of one object per row."""
    objects = ",\n".join(as_jsonl(names, [row]) for row in rows)
    return f"[{objects}]"


def as_jsonl(names: Sequence[str], rows: Iterable[Row]) -> str:
    """One JSON object per row and line."""
    return "\n".join(json.dumps(dict(zip(names, map(plain, row), strict=True)), ensure_ascii=False) for row in rows)


def as_markdown(names: Sequence[str], rows: Iterable[Row]) -> str:
    """A Markdown table in which the values are escaped: none can be markup."""

    def line(values: Iterable[str]) -> str:
        return f"| {' | '.join(values)} |"

    escaped = ([_escape("" if value is None else as_text(value)) for value in row] for row in rows)
    return "\n".join([line(map(_escape, names)), line("---" for _ in names), *map(line, escaped)])


def in_bytes(count: float) -> str:
    """A number of bytes for people: 12 B, 3.4 kB, 5.6 MB."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while count >= 1000 and len(units) > 1:
        count /= 1000
        units.pop(0)
    return f"{count:.0f} B" if units[0] == "B" else f"{count:.1f} {units[0]}"


FORMS: dict[str, Callable[[Sequence[str], Iterable[Row]], str]] = {
    "table": as_table,
    "csv": as_csv,
    "json": as_json,
    "jsonl": as_jsonl,
    "markdown": as_markdown,
}
"""The forms that rows can be printed in, by the name that `--format` takes."""


def _escape(text: str) -> str:
    return escape(visible(text))


def _cut(text: str, widest: int | None) -> str:
    return text if widest is None or cell_len(text) <= widest else set_cell_size(text, widest - 1) + "…"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_text(value: object) -> str:
    """A value as people read it, still to be made `visible`."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | decimal.Decimal):
        return str(value)
    if isinstance(value, list | dict | tuple):
        return json.dumps(plain(value), ensure_ascii=False)
    return str(plain(value))


def plain(value: object) -> object:
    """A value as JSON can hold it."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | decimal.Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, bytes):
        return value.hex()
    return str(value)
