"""When a text was written: a decision from all the evidence that header, dateline, sign-off, time stamp and lead give.

Finding what is written belongs to `etl.dateline`, `etl.trailer` and `etl.written_dates`; here a day and a month become
a date, or do not.
"""

from __future__ import annotations

import datetime as dt
import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass

from etl.contract import DATE_CONFLICTS, UNDATED
from etl.evidence import Evidence
from etl.given import NOTHING, Given
from etl.header import Header
from etl.reference import Calendar
from etl.time_stamp import TimeStamp
from etl.trailer import SentAt
from etl.written_dates import GREGORIAN, WrittenDate

MAXIMUM_LAG = 62
"""Days by which a page may follow its dateline before the year that lies nearest is a guess."""

FUTURE_TOLERANCE = 1
"""Days: on the far side of the date line it is tomorrow already."""

MAXIMUM_YEARS = 50
"""By which a dateline's year may differ from its header's before it is taken for a misprint."""

NEAR_YEARS = 10
"""By which a year of two figures may differ from its header's before it is taken for a misprint."""

LEAD_DAYS = 7
"""Days before the header's month from which on a weekday in the lead is still taken for that of the news."""

LEAP_YEAR = 2000
"""A year that has every day that any year has."""

EARLIEST_YEAR = 1600
"""The first newspapers are of 1605: an earlier year is a misreading."""

# Each day of a month as a number in a text, or any digit of another script: where there is none, nothing more needs
# be looked for. A pattern that begins with its figures is found at once.
_DAYS = [re.compile(rf"{day}(?<![1-9]{day})(?!\d)") for day in range(32)]
_DIGIT_OF_ANOTHER_SCRIPT = re.compile(r"[^\D0-9]")

_LETTERS = r"[^\W\d_][^\W\d_\u0300-\u036f]*"
# A look-ahead, so that matches may overlap: in "ouvert mercredi 10 février" the first two words look like a
# weekday and a month, too.
_NEAR_DATE = re.compile(
    rf"(?<!\w)(?=(?P<whole>(?P<weekday>{_LETTERS})\.?,? (?:le |the |den )?"
    rf"(?:(?P<day>\d{{1,2}})(?:er|º|\.|st|nd|rd|th)? (?:de |of )?(?P<month>{_LETTERS})"
    rf"|(?P<month2>{_LETTERS})\.? (?P<day2>\d{{1,2}})(?!\d))(?:,? (?P<year>\d{{4}})(?!\d))?))"
)


@dataclass(frozen=True)
class DateDecision:
    """The date that was decided on; the fields are the columns of `documents` of the same names."""

    content_created: dt.date | None
    content_created_at: dt.datetime | None
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


@dataclass(frozen=True)
class Written:
    """The days and times that a text names itself by; None for what it does not name.

    Attributes:
        dateline: of the dateline.
        trailer: of the sign-off.
        stamp: of a line before the body that says when the page was put up.
        lead, lead_start: the first paragraph, and its place in the text.
    """

    dateline: WrittenDate | None = None
    trailer: SentAt | None = None
    stamp: TimeStamp | None = None
    lead: str = ""
    lead_start: int = 0


def decide_date(
    header: Header | None,
    written: Written,
    calendar: Calendar,
    seen_on: dt.date,
    language: str | None = None,
    given: Given = NOTHING,
) -> DateDecision:
    """Decide on a document's date.

    The dateline comes first, then the sign-off, then a time stamp, then the lead, where its weekday proves it, and
    the header last. A year that is not written is the header's, mended over New Year. What lay in the future when the
    record was first read is never a date. A day without any year is known as `XXXX-MM-DD` only.

    Args:
        header: the header, if the text has one.
        written: what the text says itself.
        calendar: names of months and weekdays.
        seen_on: the day on which this content was first read.
        language: of the text, for month names that mean different months in different languages.
        given: what is given from outside the text: its date is taken as a header where the text has none, or none as
            precise.
    """
    return _Decision(header, written, calendar, seen_on, language, given).decide()


class _Decision:
    """One decision: the evidence and the conflicts that come up on the way."""

    def __init__(
        self,
        header: Header | None,
        written: Written,
        calendar: Calendar,
        seen_on: dt.date,
        language: str | None,
        given: Given,
    ) -> None:
        self._header = header
        self._rule = "header"
        self._written = written
        self._calendar = calendar
        self._seen_on = seen_on
        self._language = language
        self._latest = seen_on + dt.timedelta(days=FUTURE_TOLERANCE)
        self._conflicts: set[str] = set()
        self._evidence: list[Evidence] = []
        if given.date is not None:
            self._weigh(given.date, given.origin)

    def _weigh(self, given: Header, origin: str | None) -> None:
        """Let the date that is given stand for the header where that says less."""
        header = self._header
        if given.year is None:
            reason = "no date that is understood"
        elif header is None or header.year is None:
            reason = ""
        elif given.month is not None and (given.year, given.month) != (header.year, header.month):
            self._conflicts.add("given_differs")
            reason = "not of the header's month"
        elif header.day is None and given.day is not None:
            reason = ""
        else:
            reason = "the header says as much"
        if reason:
            value = given.edtf or given.literal
            self._evidence.append(Evidence("content_created", value, str(origin), None, None, False, reason))
        else:
            self._header, self._rule = given, "given"

    def decide(self) -> DateDecision:
        """The decision."""
        if self._header is not None and self._header.year is None:
            self._conflicts.add("impossible_day")
        partial = None
        if self._written.dateline is not None:
            date, method, partial = self._of_dateline(self._written.dateline)
            if date is not None:
                return self._to_the_day(date, method)
        for found in (self._of_trailer, self._of_stamp, self._of_lead):
            date, method = found()
            if date is not None:
                return self._to_the_day(date, method)
        edtf, precision, date = self._of_header()
        self._add_header(edtf is not None, "all that is known of the date" if edtf else "no such day, or a day to come")
        if edtf is not None:
            return self._decision(date, None, edtf, precision, self._rule, None)
        return self._decision(None, None, partial, "none", "dateline" if partial else None, None)

    def _to_the_day(self, date: dt.date, method: str) -> DateDecision:
        weekday = self._weekday(date)
        weekday_ok = None if weekday is None else weekday == date.isoweekday()
        if weekday_ok is False:
            self._conflicts.add("weekday_differs")
        self._add_header(False, f"the {method.rpartition('+')[2]} is nearer to the writing")
        return self._decision(date, self._moment(date), date.isoformat(), "day", method, weekday_ok)

    def _decision(
        self,
        date: dt.date | None,
        moment: dt.datetime | None,
        edtf: str | None,
        precision: str,
        method: str | None,
        weekday_ok: bool | None,
    ) -> DateDecision:
        found = [name for name in DATE_CONFLICTS if name in self._conflicts]
        gravest = found[-1] if found else None
        return DateDecision(date, moment, edtf, precision, method, gravest, weekday_ok, tuple(self._evidence))

    def _of_dateline(self, dateline: WrittenDate) -> tuple[dt.date | None, str, str | None]:
        """The dateline's date, how it was obtained, and its EDTF where no year is anywhere."""
        date, method, lost = self._date(dateline)
        partial = None
        reason = lost or ("its own year" if method == "dateline" else f"year from the {method.partition('+')[0]}")
        if lost == _NO_YEAR:
            month = "XX" if dateline.month is None else f"{dateline.month:02}"
            partial = f"XXXX-{month}-{dateline.day:02}"
        self._add_dateline(dateline, lost is None or partial is not None, reason)
        return date, method, partial

    def _date(self, dateline: WrittenDate) -> tuple[dt.date | None, str, str | None]:
        """A dateline's date, the method, and why it is none."""
        assert dateline.day is not None, "a dateline's date has a day"
        if dateline.calendar != GREGORIAN:
            self._conflicts.add("other_calendar")
            return None, "dateline", f"of the {dateline.calendar} calendar"
        year = self._year(dateline)
        if year is None or dateline.month is None:
            return self._with_near_year(dateline.day, dateline.month)
        date = _day(year, dateline.month, dateline.day)
        if date is None:
            self._conflicts.add("impossible_day")
            return None, "dateline", "no such day"
        if date > self._latest:
            self._conflicts.add("future")
            return None, "dateline", "lies in the future"
        self._compare(date)
        return date, "dateline", None

    def _year(self, dateline: WrittenDate) -> int | None:
        """The year that a dateline names, in full; None if it names none, or a misprint."""
        year = dateline.year
        if year is None:
            return None
        near = self._header.year if self._header is not None else None
        if year < 100 and near is None:
            return _century(year, self._seen_on)
        if year < 100 and near is not None:
            year = near + (year - near + 50) % 100 - 50
            is_typo = abs(near - year) > NEAR_YEARS
        else:
            is_typo = year > dt.MAXYEAR or (near is not None and abs(near - year) > MAXIMUM_YEARS)
        if is_typo:
            self._conflicts.add("year_typo")
        return None if is_typo else year

    def _with_near_year(self, day: int, month: int | None) -> tuple[dt.date | None, str, str | None]:
        """The day with the year, and if need be the month, of header, sign-off or time stamp."""
        if month is not None and _day(LEAP_YEAR, month, day) is None:
            self._conflicts.add("impossible_day")
            return None, "dateline", "no such day"
        end, method = self._frame()
        if end is None and (date := self._in_given_year(month, day)):
            return date, f"{self._rule}+dateline", None
        if end is None:
            return None, "dateline", _NO_YEAR
        if month is None:
            months = [(end.year, end.month), (end.year, end.month - 1) if end.month > 1 else (end.year - 1, 12)]
        else:
            months = [(end.year, month), (end.year - 1, month)]
        for near in months:
            date = _day(*near, day)
            # A day ahead is a time zone, or the next morning's paper.
            if date is None or not -1 <= (end - date).days <= MAXIMUM_LAG:
                continue
            if date > self._latest:
                self._conflicts.add("future")
                return None, method, "lies in the future"
            self._compare(date)
            return date, method, None
        if _day(*months[0], day) is None:
            self._conflicts.add("impossible_day")
            return None, method, "no such day in the header's year"
        self._conflicts.add("month_differs")
        return None, method, "too far from the header for its year to be sure"

    def _in_given_year(self, month: int | None, day: int) -> dt.date | None:
        """A day of the year that is given, where no more than that is."""
        header = self._header
        if header is None or header.year is None or header.month is not None or month is None:
            return None
        return self._known(_day(header.year, month, day))

    def _frame(self) -> tuple[dt.date | None, str]:
        """The last day on which a text can have been put up, as far as anything tells, and what tells it."""
        header = self._header
        if header is not None and header.year is not None and header.month is not None:
            last = monthrange(header.year, header.month)[1]
            return dt.date(header.year, header.month, header.day or last), f"{self._rule}+dateline"
        for date, method in (self._of_trailer(), self._of_stamp()):
            if date is not None:
                return date, f"{method}+dateline"
        return None, "dateline"

    def _of_trailer(self) -> tuple[dt.date | None, str]:
        sent = self._written.trailer
        if sent is None or sent.day is None or sent.month is None or sent.year is None:
            return None, "trailer"
        year = sent.year if sent.year > 99 else _century(sent.year, self._seen_on)
        return self._known(_day(year, sent.month, sent.day)), "trailer"

    def _of_stamp(self) -> tuple[dt.date | None, str]:
        if self._written.stamp is None:
            return None, "timestamp"
        date = self._written.stamp.date
        if date.calendar != GREGORIAN or date.year is None or date.month is None or date.day is None:
            return None, "timestamp"
        return self._known(_day(date.year, date.month, date.day)), "timestamp"

    def _known(self, date: dt.date | None) -> dt.date | None:
        return date if date is not None and date <= self._latest else None

    def _of_lead(self) -> tuple[dt.date | None, str]:
        """The day that the lead names with its weekday, if header and calendar prove it and it names no other."""
        header = self._header
        if header is None or header.year is None or header.month is None or header.day is not None:
            return None, "lead"
        last = dt.date(header.year, header.month, monthrange(header.year, header.month)[1])
        first = last.replace(day=1) - dt.timedelta(days=LEAD_DAYS)
        days = {}
        for day, month, year, weekday, start, end in self._named_days():
            for candidate in (year,) if year else (header.year, header.year - 1):
                date = _day(candidate, month, day)
                if date is not None and first <= date <= last and date.isoweekday() == weekday:
                    days[date] = (start, end)
        if len(days) != 1 or self._known(min(days)) is None:
            return None, "lead"
        ((date, (start, end)),) = days.items()
        self._evidence.append(Evidence("content_created", date.isoformat(), "lead", start, end, True, "weekday agrees"))
        return date, "lead"

    def _of_header(self) -> tuple[str | None, str, dt.date | None]:
        header = self._header
        if header is None or header.year is None or header.year < EARLIEST_YEAR:
            return None, "none", None
        if header.month is None:
            is_past = header.year <= self._latest.year
            return (f"{header.year:04}", "year", None) if is_past else (None, "none", None)
        if dt.date(header.year, header.month, header.day or 1) > self._latest:
            self._conflicts.add("future")
            return None, "none", None
        if header.day is None:
            return header.edtf, "month", None
        return header.edtf, "day", dt.date(header.year, header.month, header.day)

    def _compare(self, date: dt.date) -> None:
        header = self._header
        if header is None or header.year is None or header.month is None:
            return
        if header.day is not None and date > dt.date(header.year, header.month, header.day):
            self._conflicts.add("after_header")
        if (date.year, date.month) != (header.year, header.month):
            self._conflicts.add("month_differs")

    def _moment(self, date: dt.date) -> dt.datetime | None:
        """When exactly it was sent, as sign-off or time stamp say, if they speak of that day."""
        sent, stamp = self._written.trailer, self._written.stamp
        moment = sent.on(date) if sent is not None else None
        if moment is not None and sent is not None:
            start, end, rule = sent.start, sent.end, "trailer"
        elif stamp is not None and stamp.time is not None and self._of_stamp()[0] == date:
            moment = dt.datetime.combine(date, stamp.time).astimezone(dt.UTC)
            start, end, rule = stamp.date.start, stamp.date.end, "timestamp"
        else:
            return None
        self._evidence.append(Evidence("content_created_at", moment.isoformat(), rule, start, end, True, "in UTC"))
        return moment

    def _weekday(self, date: dt.date) -> int | None:
        """The weekday named with the decided day, in the dateline first, else in the lead."""
        dateline = self._written.dateline
        if dateline is not None and dateline.weekday is not None:
            self._add_weekday(str(dateline.weekday), "dateline", dateline.start, dateline.end, dateline.weekday, date)
            return dateline.weekday
        lead, at = self._written.lead, self._written.lead_start
        if not _DAYS[date.day].search(lead) and not _DIGIT_OF_ANOTHER_SCRIPT.search(lead):
            return None
        for day, month, year, weekday, start, end in self._named_days():
            if (day, month) == (date.day, date.month) and year in (None, date.year):
                self._add_weekday(lead[start - at : end - at], "lead", start, end, weekday, date)
                return weekday
        return None

    def _named_days(self) -> Iterator[tuple[int, int, int | None, int, int, int]]:
        """The days that the lead names with their weekdays: day, month, year, weekday, start, end."""
        at = self._written.lead_start
        for found in _NEAR_DATE.finditer(self._written.lead):
            month = self._calendar.month(found["month"] or found["month2"], self._language)
            weekday = self._calendar.weekday(found["weekday"], self._language)
            if weekday is not None and month is not None:
                year = int(found["year"]) if found["year"] else None
                day = int(found["day"] or found["day2"])
                yield day, month, year, weekday, at + found.start(), at + found.end("whole")

    def _add_weekday(self, value: str, rule: str, start: int, end: int, weekday: int, date: dt.date) -> None:
        note = f"{'agrees' if weekday == date.isoweekday() else 'disagrees'} with the calendar"
        self._evidence.append(Evidence("weekday_ok", value, rule, start, end, True, note))

    def _add_dateline(self, date: WrittenDate, has_won: bool, reason: str) -> None:
        month = "XX" if date.month is None else f"{date.month:02}"
        value = f"{date.year or 'XXXX'}-{month}-{date.day:02}"
        self._evidence.append(Evidence("content_created", value, "dateline", date.start, date.end, has_won, reason))

    def _add_header(self, has_won: bool, reason: str) -> None:
        header = self._header
        if header is not None:
            value = header.edtf or header.literal
            is_read = self._rule == "header"
            start, end = (header.start, header.end) if is_read else (None, None)
            self._evidence.append(Evidence("content_created", value, self._rule, start, end, has_won, reason))


_NO_YEAR = "no year anywhere"


def _century(year: int, seen_on: dt.date) -> int:
    """A year of two figures in full: the last such one that has begun."""
    return seen_on.year - (seen_on.year - year) % 100


def _day(year: int, month: int, day: int) -> dt.date | None:
    if year < EARLIEST_YEAR:
        return None
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None
