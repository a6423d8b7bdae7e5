"""The dateline: finding it, and its place, date and agency as they are written.

The grammar is data: each row of reference/dateline_forms.tsv is a form, a pattern with slots; one matcher reads
them all. What the parts mean is decided elsewhere: `etl.places`, `etl.dates`, `etl.agencies`.

Pattern language: regular expressions in which a space is one or more blanks, `~` is any number of them, and
`{place}`, `{date}`, `{weekday}`, `{agency}` and `{dash}` are the slots below. A weekday between place and date is
read off the place's end, so that no pattern needs to name it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from etl import agencies, places
from etl.dates import DayMonth
from etl.evidence import Evidence
from etl.front_matter import MAXIMUM_LINES, kind_of_line
from etl.paragraphs import head_lines
from etl.reference import Reference, normalise
from etl.reference.loader import FormRow

MAXIMUM_LENGTH = 160
"""Code points of a line that are looked at: the longest datelines are about half of this."""

MINIMUM_CONFIDENCE = 0.6

_DATE_GROUPS = ("day", "month", "year", "day2", "month2", "year2")

_BLANK = r"[ \t\u00a0\u2007\u2009\u202f]"
_WORD = r"[^\W\d_][^\W\d_\u0300-\u036f]*"
_SLOTS = {
    "place": r"(?P<place>[^\W\d_][^\n\d()\[\]{}<>:;\"«»„“”!?=|*_]{0,78}?)",
    "agency": r"(?P<agency>[^\W\d_][^\n()\[\]{}<>:;\"«»!?=|,]{0,38}?)",
    "dash": r"(?:--|[-–—―])",
    "weekday": rf"(?P<weekday>{_WORD})",
    "date": (
        rf"(?:le )?(?:(?P<day>\d{{1,2}})(?:er|º|\.|st|nd|rd|th)? (?:de )?"
        rf"(?P<month>{_WORD})\.?(?:,? (?:de )?(?P<year>\d{{4}}))?"
        rf"|(?P<month2>{_WORD})\.? (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<year2>\d{{4}}))?)(?!\w)"
    ),
}

# What may stand between a dateline and the body.
_AFTER = re.compile(rf"{_BLANK}*(?:--|[-–—―=:.])?(?:{_BLANK}*(?:--|[-–—―=]))?\s*")
_DASH_AHEAD = re.compile(rf"{_BLANK}*(?:\.{_BLANK}*)?(?:--|[-–—―=:])")

# Prose, not a headline: a full sentence of so many words. A dateline that comes after it is quoted.
_PROSE_WORDS = 8
_SENTENCE_END = re.compile(r"[.!?…。][\"»”’')\]]*$")

_PHOTO = re.compile(r"\b(?:photos?|fotos?|images?|video|vidéo|getty|archives?|pool|handout|фото)\b", re.IGNORECASE)

# Lower-case words inside names of places are short: "Rio de Janeiro", "Frankfurt am Main", "Mont sur Rolle".
_LONGEST_PARTICLE = 4
_MOST_WORDS = 7


@dataclass(frozen=True)
class Form:
    """A compiled form of the grammar."""

    row: FormRow
    pattern: re.Pattern[str]

    @property
    def name(self) -> str:
        """Its name in the reference file."""
        return self.row.name


@dataclass(frozen=True)
class Span:
    """A literal and its place in the text (code points, end exclusive)."""

    literal: str
    start: int
    end: int


@dataclass(frozen=True)
class Dateline:
    """A recognised dateline.

    Attributes:
        span: the whole, without the dash or colon after it.
        form: name of the form that matched.
        confidence: 0 to 1.
        place, region, agency, date: its parts, None where the form has none.
        body_start: where the text goes on after the dash.
    """

    span: Span
    form: str
    confidence: float
    place: Span | None
    region: str | None
    agency: Span | None
    date: DayMonth | None
    body_start: int


@dataclass(frozen=True)
class Found:
    """What looking for a dateline gave: the best one, if any, and what every candidate was worth."""

    dateline: Dateline | None
    evidence: tuple[Evidence, ...]


@cache
def compile_forms(reference: Reference, position: str) -> tuple[Form, ...]:
    """The forms of a position, head or tail, in the order of the file."""
    return tuple(Form(row, re.compile(_expand(row.pattern))) for row in reference.forms if row.position == position)


def _expand(pattern: str) -> str:
    for name, slot in _SLOTS.items():
        pattern = pattern.replace("{" + name + "}", slot)
    return re.sub("[~ ]", lambda blank: _BLANK + ("*" if blank[0] == "~" else "+"), pattern)


def find_dateline(text: str, start: int, reference: Reference, language: str | None = None) -> Found:
    """Look for the dateline at the beginning of a text.

    Args:
        text: the whole text.
        start: where the header ends.
        language: of the text, for month names that mean different months in different languages.
    """
    candidates: list[Dateline] = []
    evidence: list[Evidence] = []
    for index, (line_start, line_end) in enumerate(head_lines(text, start, MAXIMUM_LINES)):
        for form in compile_forms(reference, "head"):
            match = form.pattern.match(text, line_start, min(line_end, line_start + MAXIMUM_LENGTH))
            if match is None:
                continue
            read, reason = _read(match, form, index, reference, language)
            if read is None:
                literal = match[0].rstrip()
                evidence.append(
                    Evidence("dateline", literal, form.name, line_start, line_start + len(literal), False, reason)
                )
            else:
                candidates.append(read)
        # Behind the first line that has one, and behind prose, a dateline is a quoted one, however sure its form.
        if candidates or _is_prose(text[line_start:line_end], reference):
            break
    best = max(candidates, key=lambda found: found.confidence, default=None)
    for found in candidates:
        reason = f"confidence {found.confidence:.2f}" + ("" if found is best else ", less than the best")
        evidence.append(
            Evidence(
                "dateline",
                found.span.literal,
                found.form,
                found.span.start,
                found.span.end,
                found is best,
                reason,
            )
        )
    return Found(best, tuple(evidence))


def _is_prose(line: str, reference: Reference) -> bool:
    return (
        _SENTENCE_END.search(line[-8:]) is not None
        and len(line[:1000].split()) > _PROSE_WORDS
        and kind_of_line(line, reference) is None
    )


def find_signoff(text: str, start: int, end: int, reference: Reference) -> tuple[Span, Span, str] | None:
    """A sign-off with a known agency at the very end of a text.

    Returns:
        The whole sign-off, the agency in it, and the form's name; None if there is none.
    """
    last = text.rfind("\n", start, end) + 1 or start
    tail = max(last, end - MAXIMUM_LENGTH)
    for form in compile_forms(reference, "tail"):
        for match in form.pattern.finditer(text, tail, end):
            if (
                match.end() == end
                and agencies.candidates(match["agency"], reference)
                and (
                    match.start() == tail
                    or _SENTENCE_END.search(text[max(tail, match.start() - 8) : match.start()].rstrip())
                )
            ):
                return (
                    Span(match[0], match.start(), match.end()),
                    Span(match["agency"], match.start("agency"), match.end("agency")),
                    form.name,
                )
    return None


def _read(
    match: re.Match[str], form: Form, line_index: int, reference: Reference, language: str | None
) -> tuple[Dateline | None, str]:
    """A match as a dateline, or why it is none."""
    groups = match.groupdict()
    place = region = weekday = date = None
    place_is_known = True
    if "place" in groups:
        literal, weekday = _without_weekday(match["place"], reference, language)
        if reason := _is_no_place(literal, reference):
            return None, reason
        place, region = _split_place(literal, match.start("place"), reference)
        place_is_known = places.is_known(place.literal, reference) or (
            region is not None
            and places.region_of(region, reference) is not None
            and not any(word.islower() for word in place.literal.split())
        )
    elif groups.get("weekday"):
        weekday = reference.calendar.weekday(match["weekday"], language)
        if weekday is None:
            return None, f"{match['weekday']!r} is no weekday"
    if "day" in groups:
        date = _date(groups, match, weekday, reference, language)
        if date is None:
            return None, "no such date"
    agency = Span(
        match["agency"].rstrip(), match.start("agency"), match.start("agency") + len(match["agency"].rstrip())
    )
    agency_is_known = bool(agencies.candidates(agency.literal, reference))
    if reason := _is_unmet(form, match, place, place_is_known, agency.literal, agency_is_known):
        return None, reason

    confidence = form.row.confidence
    confidence *= 1.0 if agency_is_known else 0.8
    confidence *= 1.0 if place_is_known else 0.9
    confidence *= 0.98**line_index
    if confidence < MINIMUM_CONFIDENCE:
        return None, f"confidence {confidence:.2f} is too low"
    end = match.start() + len(match[0].rstrip(". \t\u00a0"))
    after = _AFTER.match(match.string, end)
    assert after is not None  # it matches the empty string, too
    span = Span(match.string[match.start() : end], match.start(), end)
    return Dateline(span, form.name, round(confidence, 4), place, region, agency, date, after.end()), ""


def _date(
    groups: dict[str, str | None],
    match: re.Match[str],
    weekday: int | None,
    reference: Reference,
    language: str | None,
) -> DayMonth | None:
    def number(name: str) -> int | None:
        literal = groups.get(name) or groups.get(name + "2")
        return int(literal) if literal else None

    name = groups.get("month") or groups.get("month2") or ""
    month = int(name) if name.isdecimal() else reference.calendar.month(name, language)
    day = number("day")
    if month is None or day is None or not 1 <= day <= 31 or not 1 <= month <= 12:
        return None
    spans = [match.span(name) for name in _DATE_GROUPS if groups.get(name)]
    return DayMonth(day, month, number("year"), weekday, min(spans)[0], max(end for _, end in spans))


def _without_weekday(literal: str, reference: Reference, language: str | None) -> tuple[str, int | None]:
    """A place as matched without the weekday at its end ("RAMALLAH, Sunday"), and that weekday."""
    head, last = re.fullmatch(r"(.*?)([^\s,]*)", literal, re.DOTALL).groups()  # type: ignore[union-attr]
    weekday = reference.calendar.weekday(last, language) if head.strip(" ,") else None
    return (head.rstrip(" ,\t\u00a0"), weekday) if weekday else (literal, None)


def _is_no_place(literal: str, reference: Reference) -> str:
    """Why a literal cannot be a place; empty if it can."""
    words = re.split(r"[\s,/]+", literal.strip())
    if len(words) > _MOST_WORDS:
        return "too long for a place"
    if kind_of_line(literal, reference) == "byline" and not places.is_known(literal, reference):
        return "a byline runs into it"
    if literal[0].islower() and literal[0].upper() != literal[0]:
        return "a place begins with a capital letter"
    if any(word.islower() and len(word) > _LONGEST_PARTICLE for word in words):
        return "a place has no such word in lower case"
    if re.search(r"[^\W\d_]{4,}\.(?:\s|$)", literal):
        return "a sentence ends in it"
    key = normalise(words[0])
    if len(words) == 1 and (reference.calendar.is_name("month", key) or reference.calendar.is_name("weekday", key)):
        return "a month or a weekday, not a place"
    return ""


def _is_unmet(
    form: Form,
    match: re.Match[str],
    place: Span | None,
    place_is_known: bool,
    agency: str,
    agency_is_known: bool,
) -> str:
    """Which of a form's needs is not met; empty if all are."""
    dash_follows = _DASH_AHEAD.match(match.string, match.end(), match.end() + MAXIMUM_LENGTH) is not None
    if _PHOTO.search(agency):
        return f"{agency!r} is a photo credit"
    if not agency_is_known:
        if "agency" in form.row.needs and not (agency.isupper() and len(agency) > 2):
            return f"{agency!r} is no known agency"
        if len(agency.split()) > 4 or agency[0].islower():
            return f"{agency!r} does not look like an agency"
        if "dash" in form.row.needs and not dash_follows:
            return f"{agency!r} is no known agency, and no dash follows"
    if place is not None and not place_is_known:
        # What stands in a place's stead is often a label, a company or the subject of a caption.
        if "place" in form.row.needs:
            return f"{place.literal!r} is no known place"
        if "dash" in form.row.needs and not dash_follows:
            return f"{place.literal!r} is no known place, and no dash follows"
    return ""


def _split_place(literal: str, start: int, reference: Reference) -> tuple[Span, str | None]:
    """The place without its region, and the region or country written beside it."""
    head, comma, rest = literal.partition(",")
    rest = rest.strip()
    if not comma or not rest:
        whole = literal.rstrip(" ,")
        return Span(whole, start, start + len(whole)), None
    is_region = places.region_of(rest, reference) is not None
    if not is_region and head.isupper() == rest.isupper():
        # "Terter, Berdé": two places, as written. A region would be known, or set in other letters ("LYON, Rhône").
        return Span(literal, start, start + len(literal)), None
    head = head.rstrip()
    return Span(head, start, start + len(head)), rest
