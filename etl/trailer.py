"""The sign-off at the end of a text: an agency, a mark of the end, and a time that tells when it was sent.

The forms are data: rows of reference/trailer_forms.tsv, regular expressions in which a space is one or more blanks,
`~` is any number of them, and `{agency}`, `{end}`, `{initials}` and `{time}` are the slots below.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import cache

from etl import agencies
from etl.dateline import Span
from etl.reference import Calendar, Reference
from etl.reference.loader import TrailerRow
from etl.words import BLANK, DASH, GAP, SENTENCE_STOP, WORD

MAXIMUM_LENGTH = 60
"""Code points of the longest sign-off."""

_END_MARK = r"(?:end(?:s|it|item)?|fim|fine?|ende|konec|koniec|kraj|slut|son|конец|akhir|완|完|終|终|#{2,3}|eom)"
_SLOTS = {
    "agency": r"(?P<agency>[^\W\d_][^\n()\[\]{}<>:;\"«»!?=|,]{0,38}?)",
    "end": rf"(?i:{_END_MARK})",
    "initials": r"[A-Za-z]{1,4}(?:[./][A-Za-z]{1,4}){0,3}",
    "dash": DASH,
    "time": (
        rf"(?:(?P<day>[0-3]\d){BLANK}?)?(?P<hour>[0-2]\d)[:.h]?(?P<minute>[0-5]\d)(?:{GAP}(?P<zone>GMT|UTC|TU|Z))?"
        rf"(?:{BLANK}+(?:(?P<day2>\d{{1,2}}){BLANK}+)?(?P<month>{WORD.pattern})\.?,?(?:{BLANK}+(?P<year>\d{{4}}|\d{{2}}))?)?"
    ),
}
_SENTENCE_STOP = re.compile(rf"{SENTENCE_STOP}\s*")


@dataclass(frozen=True)
class SentAt:
    """When a text was sent, as its sign-off says.

    Attributes:
        hour, minute: of the day.
        is_utc: whether it says that this is the time of Greenwich; else nobody knows of where it is.
        day, month, year: None where they are not given; a year of two figures as it is written.
        start, end: its place in the text.
    """

    hour: int
    minute: int
    is_utc: bool
    day: int | None
    month: int | None
    year: int | None
    start: int
    end: int

    def on(self, date: dt.date) -> dt.datetime | None:
        """The moment, in UTC, if the document is of that day; None if the sign-off names another, or no zone."""
        if not self.is_utc or (self.day or date.day, self.month or date.month) != (date.day, date.month):
            return None
        if self.year is not None and self.year not in (date.year, date.year % 100):
            return None
        return dt.datetime.combine(date, dt.time(self.hour, self.minute), dt.UTC)


@dataclass(frozen=True)
class Trailer:
    """A recognised sign-off.

    Attributes:
        span: the whole.
        form: name of the form that matched.
        agency: the agency in it, as written; None if it names none.
        sent_at: the time in it; None if it has none.
    """

    span: Span
    form: str
    agency: Span | None
    sent_at: SentAt | None


@cache
def compile_trailers(reference: Reference) -> tuple[tuple[TrailerRow, re.Pattern[str]], ...]:
    """The forms with their patterns, in the order of the file."""
    return tuple((row, re.compile(_expand(row.pattern) + r"\Z")) for row in reference.trailers)


def _expand(pattern: str) -> str:
    for name, slot in _SLOTS.items():
        pattern = pattern.replace("{" + name + "}", slot.replace(" ", "\0").replace("~", "\1"))
    blank = re.sub("[~ ]", lambda found: GAP if found[0] == "~" else f"{BLANK}+", pattern)
    return blank.replace("\0", " ").replace("\1", "~")


def find_trailer(text: str, start: int, end: int, reference: Reference) -> Trailer | None:
    """The sign-off at the very end of a body.

    Args:
        text: the whole text.
        start, end: of the body, white space at both ends left out.
        reference: forms, agencies, names of months.
    """
    line = max(text.rfind("\n", start, end) + 1, start)
    tail = max(line, end - MAXIMUM_LENGTH)
    piece = text[tail:end]
    # A whole line, or behind the end of a sentence.
    starts = [0] if tail == line else []
    starts += [found.end() for found in _SENTENCE_STOP.finditer(piece) if found.end() < len(piece)]
    for row, pattern in compile_trailers(reference):
        for at in starts:
            found = pattern.match(piece, at)
            if found is not None and (read := _read(tail, found, row, reference)):
                return read
    return None


def _read(tail: int, found: re.Match[str], row: TrailerRow, reference: Reference) -> Trailer | None:
    groups = found.groupdict()
    agency = None
    if literal := groups.get("agency"):
        if not agencies.are_known(literal, reference):
            return None
        agency = Span(literal, tail + found.start("agency"), tail + found.end("agency"))
    sent_at = _sent_at(found, tail, reference.calendar) if groups.get("hour") else None
    if groups.get("hour") and sent_at is None:
        return None
    span = Span(found[0], tail + found.start(), tail + found.end())
    return Trailer(span, row.name, agency, sent_at)


def _sent_at(found: re.Match[str], tail: int, calendar: Calendar) -> SentAt | None:
    day = found["day"] or found["day2"]
    month = calendar.month(found["month"]) if found["month"] else None
    hour = int(found["hour"])
    # Four figures without a zone may be anything; with a day and a month they are a time.
    if hour > 23 or (found["month"] and month is None) or not (found["zone"] or (day and month)):
        return None
    return SentAt(
        hour,
        int(found["minute"]),
        found["zone"] is not None,
        int(day) if day else None,
        month,
        int(found["year"]) if found["year"] else None,
        tail + min(found.start(name) for name in ("day", "hour") if found[name]),
        tail + max(found.end(name) for name in ("minute", "zone", "month", "year") if found[name]),
    )
