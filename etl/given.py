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
_SECONDS = re.compile(r"1?\d{9}(?:\.\d+)?")
_MILLISECONDS = re.compile(r"1\d{12}")
_ISO = re.compile(r"(\d{4})(?:[-/.]?(\d{1,2})(?:[-/.]?(\d{1,2})(?!\d)(?:[T ].*)?)?)?Z?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T?\d{4,6}.*)?")


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

    What is none of these, or no day that a calendar has, comes back without a year.
    """
    year, month, day = _parts(" ".join(value.split()))
    try:
        is_sound = year is not None and dt.date(year, month or 1, day or 1).year >= _EARLIEST
    except (ValueError, OverflowError):
        is_sound = False
    return Header(value, 0, 0, year, month, day) if is_sound else Header(value, 0, 0, None, None, None)


def _parts(value: str) -> tuple[int | None, int | None, int | None]:
    try:
        if _MILLISECONDS.fullmatch(value):
            date = dt.datetime.fromtimestamp(float(value) / 1000, dt.UTC)
        elif _SECONDS.fullmatch(value):
            date = dt.datetime.fromtimestamp(float(value), dt.UTC)
        elif found := _COMPACT.fullmatch(value) or _ISO.fullmatch(value):
            year, month, day = (int(part) if part else None for part in found.groups())
            return year, month, day
        else:
            date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None, None, None
    return date.year, date.month, date.day


_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_][A-Za-z0-9]+)*")


def _language(value: str | None) -> str | None:
    """A tag of BCP 47 without what says no more than the country."""
    found = _TAG.fullmatch(value) if value else None
    if found is None:
        return None
    return found[1].lower() + (f"-{found[2].title()}" if found[2] else "")
