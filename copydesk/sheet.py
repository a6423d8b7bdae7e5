"""The coding sheet: a sample as a CSV file that a person opens in a spreadsheet, and what comes back from one.

The file holds all that `copydesk score` needs: it is drawn here, and may be coded and scored anywhere. Text is
untrusted: no cell begins with what a spreadsheet would take for a formula. What a coder's cell means is
`copydesk.coding`.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from copydesk.coding import FIELDS, Cell, CodingFault, Field
from copydesk.render import UNSEEN, as_csv
from etl.errors import SetupFault
from warehouse.sampling import Sample

TRUE = "true_"
"""What the name of a column for true values begins with."""

BESIDE = {"place_id": ("place_name",)}
"""Columns of `documents` that stand behind a field to show what it says, and are not judged."""

_KEY = ("stratum", "stratum_count", "document_count", "snapshot_version", "seed")
"""The last columns: where a row was drawn from. In each row, as people sort rows and take some out."""

LONGEST_CELL = 131_072
"""Characters that no cell of a sheet has: a quotation mark that is never closed takes in all that follows."""

VALUES = tuple(name for field in FIELDS for name in (field.name, *BESIDE.get(field.name, ())))
"""The columns of `documents` that a sheet shows."""


@dataclass(frozen=True)
class Row:
    """One document of a sheet, as it came back.

    Attributes:
        number: that the spreadsheet shows beside it; the heading is 1.
        cells: by name of the column.
    """

    number: int
    document_id: str
    stratum: str
    cells: dict[str, str]


@dataclass(frozen=True)
class Sheet:
    """A sheet that came back.

    Attributes:
        path: the file.
        version, seed: name of the published version that it was drawn from, and how.
        document_count: documents of that version.
        sizes: documents in each stratum of which the sheet still has a row.
        fields: those that have both their columns.
        rows: in the order of the file.
    """

    path: Path
    version: str
    seed: str
    document_count: int
    sizes: dict[str, int]
    fields: tuple[Field, ...]
    rows: tuple[Row, ...]

    def cells(self, field: Field) -> list[Cell]:
        """The cells of a field, in the order of the rows."""
        return [Cell(row.number, row.cells[field.name], row.cells[TRUE + field.name]) for row in self.rows]

    def fault(self, fault: CodingFault) -> SetupFault:
        """What is wrong with a cell, with its place."""
        return _fault(self.path, fault.row, str(fault))


def sheet_bytes(sample: Sample) -> bytes:
    """A sample as a coding sheet: CSV as RFC 4180 has it, one line to a row.

    It begins with the mark that spreadsheets know UTF-8 by.
    """
    names = ["document_id", "source", "path", "text"]
    for field in FIELDS:
        names += [field.name, *BESIDE.get(field.name, ()), TRUE + field.name]
    names += ["note", *_KEY]
    sizes = {stratum.name: stratum.document_count for stratum in sample.strata}
    rows = []
    for drawn in sample.documents:
        cells: dict[str, object] = {
            **drawn.values,
            "document_id": drawn.document_id,
            "source": drawn.source,
            "path": drawn.path,
            "text": drawn.excerpt,
            "stratum": drawn.stratum,
            "stratum_count": sizes[drawn.stratum],
            "document_count": sample.document_count,
            "snapshot_version": sample.version,
            "seed": sample.seed,
        }
        rows.append([cell_text(cells.get(name)) or None for name in names])
    return codecs.BOM_UTF8 + f"{as_csv(names, rows)}\n".encode()


_FORMULA = re.compile(rf'(^|[;,\t])([{UNSEEN}"]*)(?=[=+\-@＝＋－＠])')
"""Where a formula could begin: also behind what another spreadsheet may take for the end of a cell."""

_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def cell_text(value: object) -> str:
    """A value as a cell shows it: on one line, with nothing hidden in it, and never a formula; '' for NULL."""
    if value is None:
        return ""
    text = "".join(map(_visible, str(value)))
    return _FORMULA.sub(r"\1\2'", text)


def _visible(sign: str) -> str:
    # Not as on a terminal: a spreadsheet shows every kind of space, and joiners belong to the spelling of Persian.
    if sign == "\t":
        return " "
    if sign == "\n":
        return " ⏎ "
    if sign in _BIDI or unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp"):
        return sign.encode("unicode_escape").decode()
    return sign


def read_sheet(path: Path) -> Sheet:
    """Read a sheet that a spreadsheet has saved: separated by commas, semicolons or tabs, with rows in any order.

    Raises:
        SetupFault: it is no such sheet, or rows do not fit together; it names the row.
    """
    records = _records(path, _text(path))
    names = [name.strip().casefold() for name in next(records, (1, []))[1]]
    fields = _fields(path, names)
    rows: list[Row] = []
    first_rows: dict[str, int] = {}
    sizes: dict[str, int] = {}
    drawn: tuple[str, ...] | None = None
    for number, values in records:
        if not any(values):
            continue
        if any(values[len(names) :]):
            raise _fault(path, number, f"it has more cells than the {len(names)} of the heading")
        cells = dict(zip(names, [*values, *[""] * len(names)], strict=False))
        row = Row(number, cells["document_id"].casefold(), cells["stratum"], cells)
        if not re.fullmatch("[0-9a-f]{32}", row.document_id):
            raise _fault(path, number, f"document_id has 32 hex digits, not {cells['document_id'][:60]!r}")
        if row.document_id in first_rows:
            raise _fault(path, number, f"this document stands in row {first_rows[row.document_id]}, too: keep one")
        first_rows[row.document_id] = number
        size = _count(path, row, "stratum_count")
        if sizes.setdefault(row.stratum, size) != size:
            raise _fault(path, number, f"stratum_count is {size} here and {sizes[row.stratum]} in a row above")
        of_all = (str(_count(path, row, "document_count")), cells["snapshot_version"], cells["seed"])
        if drawn is not None and of_all != drawn:
            raise _fault(path, number, "it is of another sample than the row above: score each sheet by itself")
        drawn = of_all
        rows.append(row)
    if drawn is None:
        raise SetupFault(f"{path}: no row is left below the heading")
    if sum(sizes.values()) > int(drawn[0]):
        raise SetupFault(f"{path}: its strata hold more documents than document_count says: {drawn[0]}")
    return Sheet(path, drawn[1], drawn[2], int(drawn[0]), sizes, fields, tuple(rows))


def _fault(path: Path, row: int, message: str) -> SetupFault:
    return SetupFault(f"{path}, row {row}: {message}")


def _text(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise SetupFault(f"{path} is no file: name a sheet that `copydesk sample` has written")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SetupFault(f"Cannot read {path}: {error.strerror}") from None
    if content.startswith(b"PK"):
        raise SetupFault(f"{path} is a spreadsheet's own format: save it as CSV, in UTF-8")
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        where = "" if is_wide else f", line {content.count(bytes([10]), 0, error.start) + 1}"
        raise SetupFault(
            f"{path}{where}: this is not UTF-8: letters may be lost; save the sheet again as CSV, in UTF-8"
        ) from None


def _records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows with their numbers, cells without spaces around them."""
    heading = re.split("[\r\n]", text, maxsplit=1)[0]
    separator = max(",;\t", key=heading.count)
    number = 0
    # Files of records may have larger cells: it is one limit for all.
    former = csv.field_size_limit(LONGEST_CELL)
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True), 1):
            yield number, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise _fault(path, number + 1, f"this is no CSV: {error}") from None
    finally:
        csv.field_size_limit(former)


def _fields(path: Path, names: Sequence[str]) -> tuple[Field, ...]:
    """The fields that a sheet can be scored for: those of which no column was taken out."""
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice:
        raise _fault(path, 1, f"the column {twice} is there twice")
    missing = [name for name in ("document_id", *_KEY) if name not in names]
    missing += [field.name for field in FIELDS if TRUE + field.name in names and field.name not in names]
    if missing:
        raise _fault(path, 1, f"the heading lacks {', '.join(missing)}: is this a sheet of `copydesk sample`?")
    return tuple(field for field in FIELDS if TRUE + field.name in names)


def _count(path: Path, row: Row, name: str) -> int:
    text = row.cells[name].removesuffix(".0")
    if not re.fullmatch("[0-9]{1,15}", text) or not int(text):
        raise _fault(path, row.number, f"{name} is a number of documents, not {row.cells[name][:60]!r}")
    return int(text)
