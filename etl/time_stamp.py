"""A line that says when a page was put up, and little else: `9 May 2023 11:22 (UTC+04:00)`, `12.02.2025 [17:07]`."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from etl.reference import Calendar
from etl.words import BLANK
from etl.written_dates import WrittenDate, read_date

_TIME = re.compile(
    rf"[\[(]?(?<!\d)(?P<hour>[0-2]?\d)[:.h](?P<minute>[0-5]\d)(?::[0-5]\d)?(?!\d)[\])]?"
    rf"(?:{BLANK}*\(?(?:UTC|GMT)(?P<shift>(?P<sign>[+-])(?P<hours>\d{{1,2}}):?(?P<minutes>\d{{2}})?)?\)?)?"
)
_FIGURES_OR_WORDS = re.compile(r"[^\W_]+")
_WORDS = re.compile(r"[^\W\d_]+")
_LONGEST_STAMP = 80
_STAMP_WORDS = 3


@dataclass(frozen=True)
class TimeStamp:
    """What a time stamp says.

    Attributes:
        date: the day, with its year.
        time: of the day, with its zone; None if it names none.
    """

    date: WrittenDate
    time: dt.time | None


def read_stamp(text: str, start: int, end: int, calendar: Calendar, language: str | None = None) -> TimeStamp | None:
    """The time stamp that a line is: a day with a year, a time, and few words; None if it is none.

    Args:
        text, start, end: the line, as a part of a text.
        calendar: names of months.
        language: of the text, for names that mean different months in different languages.
    """
    if end - start > _LONGEST_STAMP:
        return None
    for time in _TIME.finditer(text, start, end):
        if int(time["hour"]) > 23:
            continue
        for found in _FIGURES_OR_WORDS.finditer(text, start, end):
            at = found.start()
            date = read_date(text, at, end, calendar, language)
            if date is None or date.year is None or date.year < 100 or date.month is None:
                continue
            if date.end > time.start() and at < time.end():
                continue
            parts = (text[start : min(at, time.start())], text[max(date.end, time.end()) : end])
            if sum(len(_WORDS.findall(part)) for part in parts) <= _STAMP_WORDS:
                return TimeStamp(date, _time(time))
    return None


def _time(found: re.Match[str]) -> dt.time | None:
    if "UTC" not in found[0] and "GMT" not in found[0]:
        return None
    shift = dt.timedelta()
    if found["shift"]:
        shift = dt.timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
    if shift >= dt.timedelta(hours=24):
        return None
    zone = dt.timezone(-shift if found["sign"] == "-" else shift)
    return dt.time(int(found["hour"]), int(found["minute"]), tzinfo=zone)
