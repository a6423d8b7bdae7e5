"""Reading one document: every judgement on a text, put together in order.

Each single judgement belongs to its own module; turning readings into tables belongs to `etl.transform`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import NamedTuple

from etl import agencies
from etl.dateline import Dateline, Span, find_dateline
from etl.dates import DateDecision, Written, decide_date
from etl.evidence import Evidence
from etl.front_matter import MAXIMUM_LINES, FrontMatter, open_body, read_front_matter
from etl.furniture import end_of_article, end_of_page_head
from etl.given import NOTHING, Given
from etl.header import Header, read_header
from etl.language import detect_language, is_settled
from etl.paragraphs import count_words, head_lines, kinds_of_signs, paragraphs, trim
from etl.places import Located, locate_for
from etl.reference import Reference
from etl.time_stamp import TimeStamp, read_stamp
from etl.trailer import Trailer, find_trailer


@dataclass(frozen=True)
class Credit:
    """The agency that a text is credited to: as written, what it means, and in which role."""

    span: Span
    agency_id: str | None
    role: str


class Paragraph(NamedTuple):
    """A paragraph's span in the text and its number of words."""

    start: int
    end: int
    word_count: int


@dataclass(frozen=True)
class Reading:
    """All that was read in a text, and the evidence for it."""

    text: str
    header: Header | None
    front_matter: FrontMatter
    dateline: Dateline | None
    located: Located | None
    credit: Credit | None
    date: DateDecision
    trailer: Trailer | None
    language: str | None
    language_confidence: float | None
    body_start: int
    body_end: int
    paragraphs: tuple[Paragraph, ...]
    has_furniture: bool
    dateline_evidence: tuple[Evidence, ...]
    given_evidence: tuple[Evidence, ...]

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The evidence for dateline, place, agency and date, in this order, and what else is given."""
        return (
            *self.dateline_evidence,
            *_evidence_of_place(self.dateline, self.located),
            *_evidence_of_agency(self.credit, self.dateline),
            *self.date.evidence,
            *self.given_evidence,
        )

    @property
    def quality_flags(self) -> tuple[str, ...]:
        """What is odd about the text itself; members of `etl.contract.QUALITY_FLAGS`."""
        odd = {
            "no_header": self.header is None,
            "no_dateline": self.dateline is None,
            "furniture_removed": self.has_furniture,
            "empty_body": self.body_start == self.body_end,
        }
        return tuple(flag for flag, holds in odd.items() if holds)


def read_document(text: str, seen_on: dt.date, reference: Reference, given: Given = NOTHING) -> Reading:
    """Read one text.

    Args:
        text: as `etl.decode` gives it.
        seen_on: the day on which this content was first read; later dates lie in the future.
        reference: the reference data.
        given: what is given from outside it.
    """
    header = read_header(text)
    start = page_start = header.end if header else 0
    likely = [given.language.partition("-")[0]] if given.language else []
    language, language_confidence = detect_language(text[start:], likely)
    is_language_given = language is None and given.language is not None
    if is_language_given:
        language = given.language
    found = find_dateline(text, start, reference, language)
    if found.dateline is None or text[start : found.dateline.span.start].strip():
        # Most texts begin with their dateline: only the others are looked through for menus.
        start = end_of_page_head(text, page_start, reference)
        if found.dateline is None and start > page_start:
            found = find_dateline(text, start, reference, language)
    dateline = found.dateline
    if dateline is not None:
        front_end, body_start = dateline.span.start, dateline.body_start
        front_matter = read_front_matter(text, start, front_end, reference)
    else:
        front_end, front_matter = open_body(text, start, reference)
        body_start = front_end
    head_end = end_of_page_head(text, body_start, reference)
    has_furniture = head_end > body_start or start > page_start
    body_start, page_end = trim(text, head_end, len(text))
    article_end = body_end = end_of_article(text, body_start, page_end, reference)

    located = _located(dateline, reference)
    trailer = find_trailer(text, body_start, body_end, reference)
    credit = _credit(dateline, trailer, located, language, reference)
    is_in_doubt = not (is_settled(language) or is_language_given)
    if is_in_doubt and credit is not None and credit.agency_id is not None:
        writes = reference.agencies[credit.agency_id].names
        language, language_confidence = detect_language(text[start:], [name.partition("-")[0] for name in writes])
    if trailer is not None:
        body_start, body_end = trim(text, body_start, trailer.span.start)
    kinds = kinds_of_signs(text)
    spans = tuple(
        Paragraph(first, last, count_words(kinds[first:last])) for first, last in paragraphs(text, body_start, body_end)
    )
    lead = text[spans[0].start : spans[0].end] if spans else ""
    written = Written(
        dateline.date if dateline else None,
        trailer.sent_at if trailer else None,
        _stamp(text, start, front_end, reference, language),
        lead,
        body_start,
    )
    date = decide_date(header, written, reference.calendar, seen_on, language, given)
    with_given = _with_given(front_matter, dateline, given)
    return Reading(
        text,
        header,
        with_given,
        dateline,
        located,
        credit,
        date,
        trailer,
        language,
        language_confidence,
        body_start,
        body_end,
        spans,
        has_furniture or article_end < page_end or front_matter.has_furniture,
        found.evidence,
        (
            *_evidence_of_given("headline", given.title, with_given.headline != front_matter.headline),
            *_evidence_of_given("byline", given.byline, with_given.byline != front_matter.byline),
            *_evidence_of_given("language", given.language, is_language_given),
        ),
    )


def _with_given(front: FrontMatter, dateline: Dateline | None, given: Given) -> FrontMatter:
    """What stands before the dateline; title and author as they are given, where nothing does."""
    if given is NOTHING:
        return front
    has_author = front.byline or (dateline is not None and dateline.byline)
    return replace(front, headline=front.headline or given.title, byline=front.byline if has_author else given.byline)


def _located(dateline: Dateline | None, reference: Reference) -> Located | None:
    if dateline is None or dateline.place is None:
        return None
    known = agencies.candidates(dateline.agency.literal, reference) if dateline.agency else ()
    agency = reference.agencies[known[0]] if len(known) == 1 else None
    return locate_for(dateline.place.literal, dateline.region, reference, agency)


def _stamp(text: str, start: int, end: int, reference: Reference, language: str | None) -> TimeStamp | None:
    """The first line before the body that is a time stamp."""
    for first, last in head_lines(text[:end], start, MAXIMUM_LINES):
        if stamp := read_stamp(text, first, last, reference.calendar, language):
            return stamp
    return None


def _credit(
    dateline: Dateline | None,
    trailer: Trailer | None,
    located: Located | None,
    language: str | None,
    reference: Reference,
) -> Credit | None:
    """The agency credited, in the dateline or else in the sign-off."""
    country = located.country_code if located else None
    if dateline is not None and dateline.agency is not None:
        span = dateline.agency
        role = "shared" if agencies.is_shared(span.literal, reference) else "dateline"
    elif trailer is not None and trailer.agency is not None:
        span, role = trailer.agency, "credit"
    else:
        return None
    agency_id = agencies.identify(span.literal, country, reference, language)
    if agency_id is not None and reference.agencies[agency_id].kind == "redistributor":
        role = "redistributor"
    return Credit(span, agency_id, role)


def _evidence_of_place(dateline: Dateline | None, located: Located | None) -> list[Evidence]:
    if dateline is None or dateline.place is None or located is None:
        return []
    span = dateline.place
    listed = [
        Evidence(
            "place_id",
            f"{place.name}, {place.country_code} ({place.place_id})",
            "gazetteer",
            span.start,
            span.end,
            located.place is place,
            f"score {score:.2f}",
        )
        for place, score in located.candidates
    ]
    if located.own is not None:
        value = str(located.place.place_id) if located.place else f"in {located.country_code}"
        listed.append(
            Evidence("place_id", value, str(located.own.origin), span.start, span.end, True, "your own reference")
        )
    elif located.place is None:
        reason = "no candidate is clear enough" if listed else "not in the gazetteer"
        listed.append(Evidence("place_id", span.literal, "gazetteer", span.start, span.end, False, reason))
    return listed


def _evidence_of_agency(credit: Credit | None, dateline: Dateline | None) -> list[Evidence]:
    if credit is None:
        return []
    rule = dateline.form if dateline is not None and dateline.agency is credit.span else "sign-off"
    reason = f"role {credit.role}" if credit.agency_id else "not in the registry, or shared by several"
    value = credit.agency_id or credit.span.literal
    return [
        Evidence("agency_id", value, rule, credit.span.start, credit.span.end, credit.agency_id is not None, reason)
    ]


def _evidence_of_given(name: str, value: str | None, has_won: bool) -> list[Evidence]:
    if value is None:
        return []
    reason = "the text tells of none" if has_won else "the text tells itself"
    return [Evidence(name, value, "given", None, None, has_won, reason)]
