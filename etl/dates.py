"""When a text was written: a decision from all the evidence that header, dateline and lead give.

Finding the dateline belongs to `etl.dateline`; here a day and a month become a date, or do not.
"""

from __future__ import annotations

import datetime as dt
import re
from calendar import monthrange
from dataclasses import dataclass

from etl.contract import DATE_CONFLICTS, UNDATED
from etl.evidence import Evidence
from etl.header import Header
from etl.reference import Calendar

MAXIMUM_LAG = 62
"""Days by which a page may follow its dateline before the year that lies nearest is a guess."""

FUTURE_TOLERANCE = 1
"""Days: on the far side of the date line it is tomorrow already."""

MAXIMUM_YEARS = 50
"""By which a dateline's year may differ from its header's before it is taken for a misprint."""

LEAP_YEAR = 2000
"""A year that has every day that any year has."""

EARLIEST_YEAR = 1600
"""The first newspapers are of 1605: an earlier year is a misreading."""

# Each day of a month as a number in a text, or any digit of another script: where there is none, nothing more needs
# be looked for.
_DAYS = [re.compile(rf"(?<!\d)0?{day}(?!\d)|[^\D0-9]") for day in range(32)]

_LETTERS = r"[^\W\d_][^\W\d_\u0300-\u036f]*"
# A look-ahead, so that matches may overlap: in "ouvert mercredi 10 février" the first two words look like a
# weekday and a month, too.
_NEAR_DATE = re.compile(
    rf"(?<!\w)(?=(?P<whole>(?P<weekday>{_LETTERS})\.?,? (?:le |the |den )?"
    rf"(?:(?P<day>\d{{1,2}})(?:er|º|\.|st|nd|rd|th)? (?:de |of )?(?P<month>{_LETTERS})"
    rf"|(?P<month2>{_LETTERS})\.? (?P<day2>\d{{1,2}})(?!\d))(?:,? (?P<year>\d{{4}})(?!\d))?))"
)


@dataclass(frozen=True)
class DayMonth:
    """A date as a dateline gives it.

    Attributes:
        day, month: as written; the month as a number.
        year: None where none is written.
        weekday: Monday = 1; None where none is written.
        start, end: its place in the text.
    """

    day: int
    month: int
    year: int | None
    weekday: int | None
    start: int
    end: int


@dataclass(frozen=True)
class DateDecision:
    """The date that was decided on; the fields are the columns of `documents` of the same names."""

    content_created: dt.date | None
    content_created_edtf: str | None
    date_precision: str
    date_method: str | None
    date_conflict: str | None
    weekday_ok: bool | None
    evidence: tuple[Evidence, ...]

    @property
    def month(self) -> str:
        """The partition: YYYY-MM, or undated."""
        if self.date_precision in {"day", "month"} and self.content_created_edtf is not None:
            return self.content_created_edtf[:7]
        return UNDATED


def decide_date(
    header: Header | None,
    dateline: DayMonth | None,
    lead: str,
    lead_start: int,
    calendar: Calendar,
    seen_on: dt.date,
    language: str | None = None,
) -> DateDecision:
    """Decide on a document's date.

    The dateline's own year comes first, else the header's year, mended over New Year; else the header alone.
    What lay in the future when the record was first read is never a date. A day without any year is known as
    `XXXX-MM-DD` only.

    Args:
        lead: the first paragraph, in which a weekday named with the dateline's day and month is a proof.
        lead_start: its place in the text.
        seen_on: the day on which this content was first read.
        language: of the text, for month names that mean different months in different languages.
    """
    conflicts: set[str] = set()
    evidence: list[Evidence] = []
    latest = seen_on + dt.timedelta(days=FUTURE_TOLERANCE)
    if header is not None and header.year is None:
        conflicts.add("impossible_day")

    date = None
    partial = None
    method = None
    if dateline is not None:
        date, method, lost = _date_of(dateline, header, latest, conflicts)
        partial = _without_year(dateline, header, lost)
        written = f"{dateline.year or 'XXXX'}-{dateline.month:02}-{dateline.day:02}"
        reason = lost or ("its own year" if dateline.year else "year from the header")
        if date is None and partial:
            reason = "no year anywhere"
        evidence.append(
            Evidence("content_created", written, "dateline", dateline.start, dateline.end, lost is None, reason)
        )

    weekday, weekday_evidence = _weekday(dateline, date, lead, lead_start, calendar, language)
    evidence.extend(weekday_evidence)
    if date is not None:
        weekday_ok = None if weekday is None else weekday == date.isoweekday()
        if weekday_ok is False:
            conflicts.add("weekday_differs")
        _add_header_evidence(evidence, header, False, "the dateline is nearer to the writing")
        return DateDecision(date, date.isoformat(), "day", method, _gravest(conflicts), weekday_ok, tuple(evidence))

    edtf, precision, day = _from_header(header, latest, conflicts)
    if edtf is not None:
        _add_header_evidence(evidence, header, True, "all that is known of the date")
        return DateDecision(day, edtf, precision, "header", _gravest(conflicts), None, tuple(evidence))
    _add_header_evidence(evidence, header, False, "no such day, or a day to come")
    if partial is not None:
        return DateDecision(None, partial, "none", "dateline", _gravest(conflicts), None, tuple(evidence))
    return DateDecision(None, None, "none", None, _gravest(conflicts), None, tuple(evidence))


def _date_of(
    dateline: DayMonth, header: Header | None, latest: dt.date, conflicts: set[str]
) -> tuple[dt.date | None, str | None, str | None]:
    """The dateline's date, how it was obtained, and why it is none."""
    if dateline.year is not None:
        date = _day(dateline.year, dateline.month, dateline.day)
        if date is None:
            conflicts.add("impossible_day")
            return None, None, "no such day"
        if date > latest:
            conflicts.add("future")
            return None, None, "lies in the future"
        if header is not None and header.year is not None:
            if abs(header.year - date.year) > MAXIMUM_YEARS:
                conflicts.add("year_typo")
                return None, None, "its year is not of the header's time"
            _compare(date, header, conflicts)
        return date, "dateline", None
    if _day(LEAP_YEAR, dateline.month, dateline.day) is None:
        conflicts.add("impossible_day")
        return None, None, "no such day"
    if header is None or header.year is None or header.month is None:
        return None, None, "no year anywhere"
    return _with_header_year(dateline, header, latest, conflicts)


def _with_header_year(
    dateline: DayMonth, header: Header, latest: dt.date, conflicts: set[str]
) -> tuple[dt.date | None, str | None, str | None]:
    assert header.year is not None and header.month is not None
    # The last day on which the page can have been put up, as far as its header tells.
    end = dt.date(header.year, header.month, header.day or monthrange(header.year, header.month)[1])
    in_year = {year: _day(year, dateline.month, dateline.day) for year in (header.year, header.year - 1)}
    for date in in_year.values():
        # A day ahead is a time zone, or the next morning's paper.
        if date is None or not -1 <= (end - date).days <= MAXIMUM_LAG:
            continue
        if date > latest:
            conflicts.add("future")
            return None, None, "lies in the future"
        _compare(date, header, conflicts)
        return date, "header+dateline", None
    if in_year[header.year] is None:
        conflicts.add("impossible_day")
        return None, None, "no such day in the header's year"
    conflicts.add("month_differs")
    return None, None, "too far from the header for its year to be sure"


def _without_year(dateline: DayMonth, header: Header | None, lost: str | None) -> str | None:
    """The EDTF of a dateline where no year is anywhere."""
    if dateline.year is not None or lost != "no year anywhere":
        return None
    return f"XXXX-{dateline.month:02}-{dateline.day:02}"


def _from_header(header: Header | None, latest: dt.date, conflicts: set[str]) -> tuple[str | None, str, dt.date | None]:
    if header is None or header.year is None or header.month is None or header.year < EARLIEST_YEAR:
        return None, "none", None
    if dt.date(header.year, header.month, header.day or 1) > latest:
        conflicts.add("future")
        return None, "none", None
    if header.day is None:
        return header.edtf, "month", None
    return header.edtf, "day", dt.date(header.year, header.month, header.day)


def _compare(date: dt.date, header: Header, conflicts: set[str]) -> None:
    assert header.year is not None and header.month is not None
    if header.day is not None and date > dt.date(header.year, header.month, header.day):
        conflicts.add("after_header")
    if (date.year, date.month) != (header.year, header.month):
        conflicts.add("month_differs")


def _weekday(
    dateline: DayMonth | None,
    date: dt.date | None,
    lead: str,
    lead_start: int,
    calendar: Calendar,
    language: str | None,
) -> tuple[int | None, list[Evidence]]:
    """The weekday named with the decided day, in the dateline first, else in the lead."""
    if date is None:
        return None, []
    if dateline is not None and dateline.weekday is not None:
        agrees = dateline.weekday == date.isoweekday()
        note = f"{'agrees' if agrees else 'disagrees'} with the calendar"
        value = str(dateline.weekday)
        return dateline.weekday, [Evidence("weekday_ok", value, "dateline", dateline.start, dateline.end, True, note)]
    if not _DAYS[date.day].search(lead):
        return None, []
    for found in _NEAR_DATE.finditer(lead):
        day = int(found["day"] or found["day2"])
        month = calendar.month(found["month"] or found["month2"], language)
        weekday = calendar.weekday(found["weekday"], language)
        is_this_year = found["year"] is None or int(found["year"]) == date.year
        if weekday is not None and (day, month) == (date.day, date.month) and is_this_year:
            agrees = weekday == date.isoweekday()
            note = f"{'agrees' if agrees else 'disagrees'} with the calendar"
            start, end = lead_start + found.start(), lead_start + found.end("whole")
            return weekday, [Evidence("weekday_ok", found["whole"], "lead", start, end, True, note)]
    return None, []


def _add_header_evidence(evidence: list[Evidence], header: Header | None, has_won: bool, reason: str) -> None:
    if header is not None:
        value = header.edtf or header.literal
        evidence.append(Evidence("content_created", value, "header", header.start, header.end, has_won, reason))


def _gravest(conflicts: set[str]) -> str | None:
    found = [name for name in DATE_CONFLICTS if name in conflicts]
    return found[-1] if found else None


def _day(year: int, month: int, day: int) -> dt.date | None:
    if year < EARLIEST_YEAR:
        return None
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None
