"""What is given of a record from outside its text: by columns of its file, by its path, or by a sidecar.

Here it is understood, and weighed against the text nowhere: dates are decided on in `etl.dates`, the rest in
`etl.reading`. Gathering it belongs to `etl.record_files` and `etl.outside`.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from etl.header import Header
from etl.records import MAPPING, PATH, SIDECAR

_ORIGINS = frozenset({MAPPING, PATH, SIDECAR})
_EARLIEST = 1600
_SECONDS = re.compile(r"1?\d{9}(?:\.\d*)?")
_MILLISECONDS = re.compile(r"1\d{12}(?:\.\d*)?")
# A table that has gaps has its numbers with a decimal point. Two figures behind it are a month if a year has it.
_YEAR = re.compile(r"(\d{4})(?:\.(?!(?:0[1-9]|1[0-2])\Z)\d*)?Z?")
_PARTED = re.compile(r"(\d{4})([-/.])(\d{1,2})(?:\2(\d{1,2})(?:[T ].*)?)?Z?")
# Behind the day a time to the minute, second or millisecond. Seven figures may be a day of a year, or parts without
# their noughts: they are not taken.
_COMPACT = re.compile(r"(\d{4})(\d{2})(?:(\d{2})(?:(?:\d{4}|\d{6}|\d{9})(?!\d).*|[T ].*)?)?(?:\.0*)?")
_DAY_OF_YEAR = re.compile(r"(\d{4})-(\d{3})(?:T.*)?Z?")


@dataclass(frozen=True)
class Given:
    """Values from outside the text; None for those that are not given.

    Attributes:
        date: as a header would give it; its literal is the value as given.
        origin: where the date comes from: mapping, path or sidecar.
        title, byline: of the record.
        language: its main subtag or tag of BCP 47.
    """

    date: Header | None = None
    origin: str | None = None
    title: str | None = None
    byline: str | None = None
    language: str | None = None


NOTHING = Given()


def read_given(column: str | None) -> Given:
    """What the column `given` says, but for corrections."""
    if not column:
        return NOTHING
    entries = json.loads(column)
    values = {name: entry["value"] for name, entry in entries.items() if entry.get("origin") in _ORIGINS}
    return Given(
        date=given_date(values["date"]) if "date" in values else None,
        origin=entries["date"]["origin"] if "date" in values else None,
        title=values.get("title"),
        byline=values.get("byline"),
        language=_language(values.get("language")),
    )


def given_date(value: str) -> Header:
    """A date as data files write it: ISO 8601 as far as it is known, RFC 2822, or seconds or milliseconds since 1970.

    A month or a day of 0 is one that is not known. What is none of these, or no day that a calendar has, comes back
    without a year.
    """
    try:
        year, month, day = _parts(" ".join(value.split()))
        is_sound = dt.date(year, month or 1, day or 1).year >= _EARLIEST
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        is_sound = False
    return Header(value, 0, 0, year, month, day) if is_sound else Header(value, 0, 0, None, None, None)


def _parts(value: str) -> tuple[int, int | None, int | None]:
    """The year, the month and the day that are written.

    Raises:
        ValueError, TypeError, IndexError, OverflowError, OSError: it is no date.
    """
    if found := _YEAR.fullmatch(value):
        return int(found[1]), None, None
    if found := _DAY_OF_YEAR.fullmatch(value):
        first = dt.date(int(found[1]), 1, 1)
        date = first + dt.timedelta(days=int(found[2]) - 1)
        if date.year != first.year:
            raise ValueError("no such day in the year")
    elif _MILLISECONDS.fullmatch(value):
        date = dt.datetime.fromtimestamp(float(value) / 1000, dt.UTC)
    elif _SECONDS.fullmatch(value):
        date = dt.datetime.fromtimestamp(float(value), dt.UTC)
    elif found := _PARTED.fullmatch(value):
        return _known(found[1], found[3], found[4])
    elif found := _COMPACT.fullmatch(value):
        return _known(found[1], found[2], found[3])
    else:
        date = parsedate_to_datetime(value)
    return date.year, date.month, date.day


def _known(year: str, month: str, day: str | None) -> tuple[int, int | None, int | None]:
    """The parts as numbers; without the month a day says nothing."""
    known_month = int(month) or None
    return int(year), known_month, (int(day or 0) or None) if known_month else None


_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_][A-Za-z0-9]+)*")


def _language(value: str | None) -> str | None:
    """A tag of BCP 47 without what says no more than the country."""
    found = _TAG.fullmatch(value) if value else None
    if found is None:
        return None
    return found[1].lower() + (f"-{found[2].title()}" if found[2] else "")
