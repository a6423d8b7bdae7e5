"""The prefix ` date YYYY-MM` or ` date YYYY-MM-DD` that page extractors put before a text. Nothing else."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

_HEADER = re.compile(r"\s*(date (\d{4})-(\d{2})(?:-(\d{2}))?)(?!\S)")


@dataclass(frozen=True)
class Header:
    """A header as given and what it says.

    Attributes:
        literal: as given, such as `date 2021-02`.
        start, end: its place in the text.
        year, month, day: None where it does not say so, or says what no calendar has.
    """

    literal: str
    start: int
    end: int
    year: int | None
    month: int | None
    day: int | None

    @property
    def edtf(self) -> str | None:
        """The date in EDTF, or None if no calendar has it."""
        if self.year is None:
            return None
        if self.month is None:
            return f"{self.year:04}"
        return f"{self.year:04}-{self.month:02}" + (f"-{self.day:02}" if self.day else "")


def read_header(text: str) -> Header | None:
    """The header of a text, or None if it begins with anything else."""
    found = _HEADER.match(text)
    if found is None:
        return None
    year, month, day = int(found[2]), int(found[3]), int(found[4]) if found[4] else None
    try:
        dt.date(year, month, day or 1)
    except ValueError:
        return Header(found[1], found.start(1), found.end(1), None, None, None)
    return Header(found[1], found.start(1), found.end(1), year, month, day)
