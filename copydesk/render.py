"""Rows as text: aligned tables for people, CSV, JSON, Markdown for programs and pages. What is shown is untrusted.

Whatever a command prints goes through `echo`, `print_lines` or `visible`: nothing in it can steer a terminal.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice

import click
from rich.cells import cell_len, set_cell_size

from assets.markdown import escape

Row = Sequence[object]

WIDEST = 120
"""Terminal cells to which a value is cut in an aligned table."""

LONGEST = 2_000
"""Signs of a value that are looked at for that: many may share a cell."""

BLOCK = 10_000
"""Rows of a table that are held at once; what follows is as wide, or wider."""


def visible(text: str) -> str:
    """Text on one line, with whatever could steer a terminal or hide in it shown as an escape."""
    return text if text.isprintable() else _ODD.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    sign = found[0]
    return sign if sign.isprintable() else "⏎" if sign == "\n" else sign.encode("unicode_escape").decode()


_ODD = re.compile(r"[^\x20-\x7e\w]")
"""Signs that may not be printable: no letters, no digits."""


def shown(text: str) -> str:
    """Text on the lines that it has, each of them `visible`."""
    return text if text.isprintable() else "\n".join(map(visible, text.split("\n")))


def echo(text: str, err: bool = False) -> None:
    """Print text, and a line end, as it can be shown."""
    click.echo(shown(text), err=err)


def print_lines(
    lines: Iterable[str], resting: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
) -> None:
    """Print lines as they come, in UTF-8: exactly what they are for a program, and as they can be shown on a terminal.

    Args:
        lines: without line ends.
        resting: what is entered while something is printed: its reader may take its time.
    """
    sys.stdout.flush()
    is_terminal = sys.stdout.isatty()
    for line in lines:
        content = f"{shown(line) if is_terminal else line}\n".encode()
        with resting():
            sys.stdout.buffer.write(content)
    with resting():
        sys.stdout.buffer.flush()


def as_table(names: Sequence[str], rows: Iterable[Row], widest: int | None = WIDEST) -> str:
    """An aligned table: numbers to the right, NULL for what is unknown, long values cut with an ellipsis."""
    return "\n".join(table_lines(names, rows, widest))


def table_lines(names: Sequence[str], rows: Iterable[Row], widest: int | None = WIDEST) -> Iterator[str]:
    """The lines of such a table, made as the rows come."""
    rows = iter(rows)
    names = [visible(name) for name in names]
    widths = [cell_len(name) for name in names]
    block = list(islice(rows, BLOCK))
    is_number = [
        bool(block) and all(_is_number(row[at]) or row[at] is None for row in block) for at in range(len(names))
    ]

    def line(values: Sequence[str]) -> str:
        padded = [
            " " * (width - cell_len(value)) + value if right else set_cell_size(value, width)
            for value, width, right in zip(values, widths, is_number, strict=True)
        ]
        return "  ".join(padded).rstrip()

    is_first = True
    while block or is_first:
        cells = [[_cut(as_text(value), widest) for value in row] for row in block]
        widths = [
            max(width, *map(cell_len, column)) if column else width
            for width, column in zip(widths, zip(*cells, strict=True) if cells else [()] * len(names), strict=True)
        ]
        if is_first:
            yield line(names)
            yield "  ".join("─" * width for width in widths)
        yield from map(line, cells)
        is_first = False
        block = list(islice(rows, BLOCK))


def as_csv(names: Sequence[str], rows: Iterable[Row]) -> str:
    """CSV as `csv_lines` has it."""
    return "\n".join(csv_lines(names, rows))


def csv_lines(names: Sequence[str], rows: Iterable[Row], guard: Callable[[str], str] | None = None) -> Iterator[str]:
    r"""CSV with a heading, as RFC 4180 has it but for `\\n` line ends.

    What is unknown is an empty field, and an empty text is `""`; so is what is unknown where a row has no other field:
    most readers skip empty lines.

    Args:
        names: of the columns.
        rows: their values.
        guard: what is made of each text and name; by default a spreadsheet takes none of them for a formula.
    """
    guard = guard or no_formula
    for row in chain([names], rows):
        yield ",".join([_csv_field(value, guard) for value in row]) or '""'


def _csv_field(value: object, guard: Callable[[str], str]) -> str:
    if value is None:
        return ""
    text = as_text(value)
    if not _is_number(value):
        text = guard(text)
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if not text or _QUOTED.search(text) else text


_QUOTED = re.compile(r'[",\r\n]')
"""What a field of CSV holds between quotation marks only."""

UNSEEN = (
    r"\s\x00-\x1f\x7f-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd"
    r"\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Within brackets: spaces, control and format characters, and others without a picture. Some spreadsheets drop them."""

_FORMULA = re.compile(
    rf"""[{UNSEEN}"]*+ (?=[=@+\-＝＠＋－]) (?! [+\-]? (\d+([.,]\d+)?([eE][+\-]?\d+)? | inf(inity)?) \s*\Z )""",
    re.VERBOSE,
)
"""A text that begins as a formula, and is not only a number."""

_INNER_FORMULA = re.compile(
    rf"""[;\t\r\n] (?: (?![\t\r\n]) [{UNSEEN}"] )*+ (?: (?=[=@＝＠]) | (?=[+\-＋－][^;\t\r\n]*[(|!]) )""", re.VERBOSE
)
"""Where something begins within a text that could call a function, a link or another program.

To the spreadsheets of many countries a semicolon or a line end is the end of a cell.
"""


def no_formula(text: str) -> str:
    """Text with a ' before whatever a spreadsheet would take for a formula."""
    if start := _FORMULA.match(text):
        text = f"{start[0]}'{text[start.end() :]}"
    return _INNER_FORMULA.sub(r"\g<0>'", text)


def as_json(names: Sequence[str], rows: Iterable[Row]) -> str:
    """A JSON array of one object per row."""
    return "\n".join(json_lines(names, rows))


def json_lines(names: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """The lines of such an array."""
    former = "["
    for number, line in enumerate(jsonl_lines(names, rows)):
        if number:
            yield f"{former},"
            former = ""
        former += line
    yield f"{former}]"


def as_jsonl(names: Sequence[str], rows: Iterable[Row]) -> str:
    """One JSON object per row and line."""
    return "\n".join(jsonl_lines(names, rows))


def jsonl_lines(names: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """The lines of such objects."""
    for row in rows:
        yield to_json(dict(zip(names, map(plain, row), strict=True)))


def to_json(value: object) -> str:
    """A value as JSON on one line, with escapes for what could steer a terminal or hide in a text."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else _ODD.sub(_escaped_in_json, text)


def _escaped_in_json(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def as_markdown(names: Sequence[str], rows: Iterable[Row]) -> str:
    """A Markdown table in which the values are escaped: none can be markup."""
    return "\n".join(markdown_lines(names, rows))


def markdown_lines(names: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """The lines of such a table."""

    def line(values: Iterable[str]) -> str:
        return f"| {' | '.join(values)} |"

    yield line(map(_escape, names))
    yield line("---" for _ in names)
    for row in rows:
        yield line(_escape("" if value is None else as_text(value)) for value in row)


def in_bytes(count: float) -> str:
    """A number of bytes for people: 12 B, 3.4 kB, 5.6 MB."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while count >= 1000 and len(units) > 1:
        count /= 1000
        units.pop(0)
    return f"{count:.0f} B" if units[0] == "B" else f"{count:.1f} {units[0]}"


FORMS: dict[str, Callable[[Sequence[str], Iterable[Row]], Iterator[str]]] = {
    "table": table_lines,
    "csv": csv_lines,
    "json": json_lines,
    "jsonl": jsonl_lines,
    "markdown": markdown_lines,
}
"""The forms that rows can be printed in, by the name that `--format` takes: as lines, made as the rows come."""


def _escape(text: str) -> str:
    return escape(visible(text))


def _cut(text: str, widest: int | None) -> str:
    """Text as a cell of a table."""
    if widest is None:
        return visible(text)
    is_cut = len(text) > LONGEST
    text = visible(text[:LONGEST])
    return set_cell_size(text, widest - 1) + "…" if is_cut or cell_len(text) > widest else text


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
