"""Days as they are written: `10 février`, `le 31 juillet 2024`, `12/09/2017`, `8月12日`, `Sunday, March 3`.

Here a literal becomes numbers. Which day a document is of, with the year that nothing names, belongs to `etl.dates`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from etl.reference import Calendar, normalise
from etl.words import BLANK, DASH, GAP, WORD

GREGORIAN = "gregorian"

# What may stand before a day: an article or a preposition of the calendar files.
_ARTICLE = re.compile(rf"(?P<word>[^\W\d_]+){BLANK}+(?=\d)")

_DAY = re.compile(r"(?P<day>\d{1,3})(?:er|ère|ème|e|º|°|ª|st|nd|rd|th|:a|:e|-го|-е|-ші|-шы)?(?!\d)", re.IGNORECASE)
_DAY_WORD = re.compile(rf"{GAP}d\.")
_OF = re.compile(rf"(?:-(?=[^\W\d_])|{GAP}[.,]?{GAP})(?:(?:de|do|da|di|del|d['’]|of|du|e){BLANK}+|(?<=\W)d['’])?")
_BETWEEN_NAMES = re.compile(rf"{GAP}/{GAP}|{BLANK}+")
_STOP_AND_GAP = re.compile(rf"{GAP}\.?{GAP}")
_BEFORE_YEAR = re.compile(rf"(?:{GAP}\.?[,፣]?{GAP}(?:(?:de|del|do|da|of){BLANK}+)?|{GAP}\.?{GAP}/{GAP})")
_YEAR_WORD = r"(?:г(?:ода?|\.)?|р(?:оку|\.)?|-?cu il|yil|жыл\w*|il|gada|m\.)(?!\w)"
_YEAR = re.compile(rf"(?P<year>\d{{4,5}})(?![\d:])(?:{GAP}{_YEAR_WORD})?")
_LEADING_YEAR = re.compile(rf"(?P<year>\d{{4}})(?:\.|{BLANK}m\.|\.?{BLANK}gada)?,?{BLANK}+")
# Two figures of a year are a year only where the dateline goes on: "20 May 15 people" is not of 2015.
_SHORT_YEAR = re.compile(rf"['’]?(?P<year>\d{{2}})(?={GAP}(?:[(\[/,.:)\]=]|{DASH}|$))(?!\.\d|:\d|,\d)")

_ISO = re.compile(r"(?P<year>\d{4})[-./](?P<month>\d{1,2})[-./](?P<day>\d{1,2})(?![\d./-]*\d)")
_FIGURES = re.compile(
    r"(?P<first>\d{1,2})(?P<sign>[./-])(?P<second>\d{1,2})(?:(?P=sign)(?P<year>\d{4,5}|\d{2}))(?![\d:])"
    r"|(?P<first2>\d{1,2})/(?P<second2>\d{1,2})(?![\d/:.,%]*\d)"
    rf"|(?P<first3>\d{{1,2}}){GAP}\.{GAP}(?P<second3>\d{{1,2}}){GAP}\.(?!{GAP}\d)"
    rf"|(?P<first4>\d{{1,2}}){BLANK}-{BLANK}(?P<second4>\d{{1,2}})(?={GAP}\()"
)
_MINUTES = re.compile(r":\d")
_MOST_MONTH_WORDS = 3

ROMAN = dict(zip(("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"), range(1, 13), strict=True))
"""Months in Roman figures, as Central Europe writes them: "5. III.", "III. 5."."""

_ROMAN_DATE = re.compile(
    rf"(?P<day>\d{{1,2}})\.{GAP}(?P<month>[IVX]{{1,4}})\.?(?![\w])(?:{GAP}(?P<year>\d{{4}}))?"
    rf"|(?P<month2>[IVX]{{1,4}})\.{GAP}(?P<day2>\d{{1,2}})\."
)
_EAST_ASIAN = re.compile(
    r"(?:(?P<year>\d{4}) ?[年년] ?)?(?P<month>\d{1,2}) ?[月월] ?(?P<day>\d{1,2}) ?[日일号]"
    r"|(?P<day2>\d{1,2})[日일](?!\w*[間内])"
)
_HAN_NUMBERS = {sign: number for number, sign in enumerate("〇一二三四五六七八九")}
# Of an older newspaper: "三月五日電". What follows tells it from a number of days.
_HAN_DATE = re.compile(
    r"(?:(?P<month>[正一二三四五六七八九十]{1,3})月)?(?P<day>[一二三四五六七八九十廿卅]{1,3})日(?=[専专專综綜外电電発发發])"
)
_NO_DATE = re.compile(rf"NO{BLANK}DATE(?:{BLANK}GIVEN)?(?!\w)")
# What figures are followed by where they are a whole date.
_IN_FIGURES = re.compile(rf"\d{{1,4}}{GAP}[-./年月日년월일]")
_IS_EAST_ASIAN = re.compile(r"\d{1,4} ?[年月日년월일]")


class WrittenDate(NamedTuple):
    """A day as a text gives it.

    Attributes:
        day: as written; None for `NO DATE`.
        month: as a number; None where only the day is written.
        year: None where none is written. Below 100 it has two figures only.
        weekday: Monday = 1; None where none is written.
        start, end: its place in the text.
        calendar: gregorian, or another of `etl.reference.loader.MONTH_KINDS`; the numbers are those of that calendar.
        has_article: whether it begins as in a letter: `le 3 mai`.
        is_either: whether its figures would be a day in the other order, too; they are read with the day first.
    """

    day: int | None
    month: int | None
    year: int | None
    weekday: int | None
    start: int
    end: int
    calendar: str = GREGORIAN
    has_article: bool = False
    is_either: bool = False

    @property
    def swapped(self) -> WrittenDate:
        """The day with the month first, as American agencies write figures, if they can be meant so."""
        return self._replace(day=self.month, month=self.day) if self.is_either else self


def read_date(text: str, at: int, end: int, calendar: Calendar, language: str | None = None) -> WrittenDate | None:
    """The day that is written at a place of a text, without a weekday; None if none is.

    Args:
        at, end: where it has to begin, and what is not looked beyond.
        calendar: names of months.
        language: of the text, for names that mean different months in different languages.
    """
    start = at
    has_article = False
    if not text[at].isdecimal():
        article = _ARTICLE.match(text, at, end)
        if article is None or normalise(article["word"]) not in calendar.articles:
            return _no_date(text, at, end) or _roman(text, at, end) or _month_first(text, at, end, calendar, language)
        at = article.end()
        has_article = True
    date = (
        _figures(text, at, end)
        or _day_first(text, at, end, calendar, language)
        or _year_first(text, at, end, calendar, language)
    )
    if date is None or not has_article:
        return date
    return date._replace(start=start, has_article=True)


def _no_date(text: str, at: int, end: int) -> WrittenDate | None:
    found = _NO_DATE.match(text, at, end)
    return WrittenDate(None, None, None, None, at, found.end()) if found else None


def _figures(text: str, at: int, end: int) -> WrittenDate | None:
    if not _IN_FIGURES.match(text, at, end):
        return None
    if _IS_EAST_ASIAN.match(text, at, end):
        if found := _EAST_ASIAN.match(text, at, end):
            month = int(found["month"]) if found["month"] else None
            year = int(found["year"]) if found["year"] else None
            return WrittenDate(int(found["day"] or found["day2"]), month, year, None, at, found.end())
        return None
    if found := _ISO.match(text, at, end):
        return WrittenDate(int(found["day"]), int(found["month"]), int(found["year"]), None, at, found.end())
    if found := _FIGURES.match(text, at, end):
        first, second = (
            next(int(found[f"{name}{form}"]) for form in ("", "2", "3", "4") if found[f"{name}{form}"])
            for name in ("first", "second")
        )
        # An order that gives no month is not meant.
        day, month = (second, first) if second > 12 else (first, second)
        year = int(found["year"]) if found["year"] else None
        return WrittenDate(day, month, year, None, at, found.end(), is_either=first <= 12 and second <= 12)
    return _roman(text, at, end)


def _roman(text: str, at: int, end: int) -> WrittenDate | None:
    found = _ROMAN_DATE.match(text, at, end)
    month = ROMAN.get(found["month"] or found["month2"]) if found else None
    if found is None or month is None:
        return None
    year = int(found["year"]) if found["year"] else None
    return WrittenDate(int(found["day"] or found["day2"]), month, year, None, at, found.end())


def _day_first(text: str, at: int, end: int, calendar: Calendar, language: str | None) -> WrittenDate | None:
    day = _DAY.match(text, at, end)
    if day is None:
        return None
    of = _OF.match(text, day.end(), end)
    assert of is not None, "it matches nothing, too"
    name = WORD.match(text, of.end(), end)
    if name is None:
        return None
    month = _month(text, name, end, calendar, language)
    if month is None:
        return None
    system, number, after = month
    # "4 مارس آذار", "22 حزيران/ يونيو": some papers give a month both its names.
    between = _BETWEEN_NAMES.match(text, after, end)
    again = WORD.match(text, between.end(), end) if between else None
    if again is not None and calendar.month_of(again[0], language) == (system, number):
        after = again.end()
    year, stop = _year(text, after, end)
    return WrittenDate(int(day["day"]), number, year, None, at, stop, system)


def _year_first(text: str, at: int, end: int, calendar: Calendar, language: str | None) -> WrittenDate | None:
    """A day behind its year: "2021. május 5.", "2021 m. gegužės 5 d."."""
    year = _LEADING_YEAR.match(text, at, end)
    if year is None:
        return None
    at_month = year.end()
    date = _month_first(text, at_month, end, calendar, language) or _day_first(text, at_month, end, calendar, language)
    if date is None or date.year is not None:
        return None
    return date._replace(year=int(year["year"]), start=at)


def _month_first(text: str, at: int, end: int, calendar: Calendar, language: str | None) -> WrittenDate | None:
    name = WORD.match(text, at, end)
    month = _month(text, name, end, calendar, language) if name else None
    if month is None:
        return None
    system, number, after = month
    # No comma: "Rio de Janeiro, 8 ago" is not of January.
    gap = _STOP_AND_GAP.match(text, after, end)
    assert gap is not None, "it matches nothing, too"
    day = _DAY.match(text, gap.end(), end)
    # "May 2020": no day.
    if day is None or len(day["day"]) > 2 or _MINUTES.match(text, day.end(), end):
        return None
    year, stop = _year(text, day.end(), end)
    if word := _DAY_WORD.match(text, stop, end):
        stop = word.end()
    return WrittenDate(int(day["day"]), number, year, None, at, stop, system)


def _month(
    text: str, name: re.Match[str], end: int, calendar: Calendar, language: str | None
) -> tuple[str, int, int] | None:
    """The month of a name of one word to three, and where it ends."""
    literals = [(name[0], name.end())]
    # Names of several words first: "تشرين الثاني" is another month than "تشرين الأول".
    while normalise(name[0]) in calendar.long_heads and len(literals) < _MOST_MONTH_WORDS:
        following = WORD.match(text, literals[0][1] + 1, end)
        if following is None:
            break
        literals.insert(0, (text[name.start() : following.end()], following.end()))
    for literal, stop in literals:
        if found := calendar.month_of(literal, language):
            return (*found, stop)
    return None


def _year(text: str, at: int, end: int) -> tuple[int | None, int]:
    """The year behind a day and a month, and where the date ends."""
    before = _BEFORE_YEAR.match(text, at, end)
    assert before is not None, "it matches nothing, too"
    year = _YEAR.match(text, before.end(), end) or _SHORT_YEAR.match(text, before.end(), end)
    if year is None or before.end() == at:
        return None, at
    return int(year["year"]), year.end()


def find_han_date(text: str, start: int, end: int) -> WrittenDate | None:
    """The day in Chinese figures that a dateline closes with, inside a run of signs; None if there is none."""
    found = _HAN_DATE.search(text, start, end)
    if found is None:
        return None
    month = _han_number(found["month"]) if found["month"] else None
    return WrittenDate(_han_number(found["day"]), month, None, None, found.start(), found.end())


def _han_number(signs: str) -> int:
    """A number up to 39: "三", "十五", "廿一"."""
    signs = signs.replace("正", "一").replace("廿", "二十").replace("卅", "三十")
    tens, ten, ones = signs.rpartition("十")
    return (_HAN_NUMBERS.get(tens, 1) * 10 if ten else 0) + _HAN_NUMBERS.get(ones, 0)
