"""What a coder's cell says: marks, values, and whether two of them are the same.

The form of the sheet, and where its cells stand, is `copydesk.sheet`.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from copydesk.estimates import Outcome

RIGHT, NONE, WRONG = "ok", "none", "wrong"
"""The marks: our value is right, or rightly none; the text holds none; ours is wrong, whatever the true one is."""

_MARKS = {RIGHT: RIGHT, NONE: NONE, "-": NONE, WRONG: WRONG}


@dataclass(frozen=True)
class Field:
    """A field that coders judge.

    Attributes:
        name: column of `documents`.
        form: what a true value looks like; anything where it is empty.
        allowed: the same for people.
    """

    name: str
    form: str = ""
    allowed: str = ""


DATE_FIELD = "content_created"

FIELDS = (
    Field("located"),
    Field("place_id", r"\d+(\.0)?", "a GeoNames id, in digits"),
    Field("country_code", "[a-z]{2}", "two letters of ISO 3166-1, such as AZ"),
    Field(DATE_FIELD, allowed="a date such as 2021-02-27"),
    Field("agency_literal"),
    Field("agency_id", r"\S+", "an agency_id: `copydesk sql 'select agency_id, name from agencies'` lists them"),
    Field("language", "[a-z]{2,3}(-[a-z0-9]{2,8})*", "a code of BCP 47, such as fr or zh-Hant"),
    Field("headline"),
    Field("byline"),
)
"""What is judged: values that can be seen in the text. Offsets, confidences and counts cannot, in a spreadsheet."""


@dataclass(frozen=True)
class Cell:
    """Our value and what a coder wrote beside it, as the sheet has them; empty where there is nothing."""

    row: int
    ours: str
    true: str


class CodingFault(Exception):
    """A cell that says nothing clear.

    Attributes:
        row: the spreadsheet's number of its row.
    """

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row


def judge(field: Field, cells: Sequence[Cell]) -> list[Outcome | None]:
    """The outcome of each cell of a column; None where nothing was coded.

    Raises:
        CodingFault: a true value is not of the field's form, or a date can be read in two ways.
    """
    days = _Days(text for cell in cells for text in (cell.ours, cell.true)) if field.name == DATE_FIELD else None
    return [_outcome(field, cell, days) for cell in cells]


def is_same(field: Field, cell: str, ours: str) -> bool:
    """Whether a cell holds a value that we wrote into such a cell, perhaps as a spreadsheet has rewritten it."""
    if field.name == DATE_FIELD and ours:
        return dt.date.fromisoformat(ours) in _readings(cell)
    return _key(cell) == _key(ours)


def mark_of(text: str) -> str | None:
    """The mark that a coder's cell is; None if it is a value. One that reads like a mark stands between quotes."""
    return _MARKS.get(_straight(text.strip()).casefold())


def _outcome(field: Field, cell: Cell, days: _Days | None) -> Outcome | None:
    if not cell.true:
        return None
    mark = mark_of(cell.true)
    if mark == RIGHT:
        return "exact" if cell.ours else "neither"
    if mark == NONE:
        return "invented" if cell.ours else "neither"
    if mark is None:
        _check_form(field, cell)
        true = days.true_day(cell) if days else _key(cell.true)
        if not cell.ours:
            return "missing"
        return "exact" if true == (days.our_day(cell) if days else _key(cell.ours)) else "wrong"
    return "wrong" if cell.ours else "missing"


_BROKEN = re.compile(r"#(NAME|REF|VALUE|N/A|ERROR|NUM|NULL|DIV/0)[?!]?|Err:\d+")
"""What a spreadsheet shows where it took a text for a formula."""


def _check_form(field: Field, cell: Cell) -> None:
    if _BROKEN.fullmatch(cell.true):
        raise CodingFault(
            cell.row,
            f"true_{field.name} is {cell.true}: the spreadsheet took it for a formula; write it anew, with ' before it",
        )
    if field.form and not re.fullmatch(field.form, cell.true, re.IGNORECASE):
        raise CodingFault(
            cell.row,
            f"true_{field.name} is {RIGHT}, {NONE}, {WRONG} or {field.allowed}; not {cell.true[:60]!r}",
        )


_QUOTES = re.compile("['\"‘’‚‛“”„‟]")
_DASHES = re.compile("[‐‑‒–—―−]")


def _straight(text: str) -> str:
    return _DASHES.sub("-", text)


def _key(text: str) -> str:
    """What has to be the same in two values: not case, spaces, kinds of dashes, or quotation marks and apostrophes.

    Spreadsheets put other signs in their places; apostrophes are also what formulas are defused with.
    """
    # A spreadsheet, or what a sheet went through, may have made 587084.0 of a number.
    text = re.sub(r"^(\d+)\.0$", r"\1", text.strip())
    text = _QUOTES.sub("", _straight(unicodedata.normalize("NFC", text)).replace("…", "..."))
    return " ".join(text.casefold().split())


_YEAR_FIRST = re.compile(r"(\d{4})[-./]\s*(\d{1,2})[-./]\s*(\d{1,2})\.?(?:[T ]00:00(?::00)?)?")
_YEAR_LAST = re.compile(r"(\d{1,2})([-./])\s*(\d{1,2})\2\s*(\d{4})")


def _readings(text: str) -> list[dt.date]:
    """The dates that a text may mean, the one with the day before the month first: spreadsheets rewrite 2021-02-27."""
    text = _straight(text.strip().lstrip("'"))
    if found := _YEAR_FIRST.fullmatch(text):
        orders = [(found[1], found[2], found[3])]
    elif found := _YEAR_LAST.fullmatch(text):
        orders = [(found[4], found[3], found[1])]
        # Between dots the day is always first.
        if found[2] != "." and found[1] != found[3]:
            orders.append((found[4], found[1], found[3]))
    else:
        return []
    dates = []
    for year, month, day in orders:
        try:
            dates.append(dt.date(int(year), int(month), int(day)))
        except ValueError:
            continue
    return dates


class _Days:
    """The dates of a column. One spreadsheet rewrites all of them alike: a clear one tells how to read the others."""

    def __init__(self, texts: Iterable[str]) -> None:
        clear = set()
        for text in texts:
            match = _YEAR_LAST.fullmatch(_straight(text.strip().lstrip("'")))
            dates = _readings(text) if match else []
            if match and match[2] != "." and len(dates) == 1 and match[1] != match[3]:
                clear.add(dates[0].day == int(match[1]))
        self._is_day_first = clear.pop() if len(clear) == 1 else None

    def true_day(self, cell: Cell) -> dt.date:
        """The date that a coder wrote."""
        found = _readings(cell.true)
        if not found:
            raise CodingFault(
                cell.row,
                f"true_{DATE_FIELD} is {RIGHT}, {NONE}, {WRONG} or a date such as 2021-02-27; not {cell.true[:60]!r}",
            )
        return self._one(cell.row, f"true_{DATE_FIELD}", cell.true, found)

    def our_day(self, cell: Cell) -> dt.date:
        """The date that we had."""
        found = _readings(cell.ours)
        if not found:
            raise CodingFault(
                cell.row,
                f"{DATE_FIELD} is {cell.ours[:60]!r}, to which the spreadsheet has changed our date: have it shown as "
                "year-month-day, and save the sheet again",
            )
        return self._one(cell.row, DATE_FIELD, cell.ours, found)

    def _one(self, row: int, column: str, text: str, found: list[dt.date]) -> dt.date:
        if len(found) == 1:
            return found[0]
        if self._is_day_first is None:
            raise CodingFault(row, f"{column} {text} may be {found[0]} or {found[1]}: write it as year-month-day")
        return found[0 if self._is_day_first else 1]
