"""The user's corrections: which columns of `documents` they may correct, and what follows from a corrected one.

Only what is judged can be corrected, never what is counted or cut: no text, no offset, no identity. What a corrected
value brings with it is worked out again, so that a row agrees with itself. The file is read in `etl.reference.own`.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from etl import agencies, places
from etl.contract import DATE_CORRECTED, DOCUMENTS, UNDATED
from etl.dates import EARLIEST_YEAR, FUTURE_TOLERANCE
from etl.evidence import Evidence
from etl.reference import Place, Reference
from etl.reference.own import CORRECTIONS, Correction

Values = dict[str, Any]
"""A document's columns by name."""


@dataclass(frozen=True)
class Corrected:
    """What corrections make of a document.

    Attributes:
        values: the columns, corrected.
        applied: the corrections that hold, by the field that each corrects, with what was read there.
        changed: the columns that are others now, each with the correction that it follows from.
        refused: the corrections that do not hold, each with the reason.
    """

    values: Values
    applied: dict[str, tuple[Correction, str]] = field(default_factory=dict)
    changed: dict[str, Correction] = field(default_factory=dict)
    refused: tuple[tuple[Correction, str], ...] = ()

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """One for each correction, whether it holds or not."""
        return (
            *(
                Evidence(name, entry.value, str(entry.origin), None, None, True, entry.reason)
                for name, (entry, _) in self.applied.items()
            ),
            *(
                Evidence(entry.field, entry.value, str(entry.origin), None, None, False, reason)
                for entry, reason in self.refused
            ),
        )

    def given(self, former: str | None) -> str | None:
        """The column `given` with the corrections in it, in place of those that it had."""
        kept = {
            name: entry for name, entry in (json.loads(former) if former else {}).items() if not is_correction(entry)
        }
        own = {
            name: {
                "origin": CORRECTIONS,
                "read": read or None,
                "reason": entry.reason,
                "value": entry.value or None,
            }
            for name, (entry, read) in self.applied.items()
        }
        return json.dumps({**kept, **own}, ensure_ascii=False, sort_keys=True) if kept or own else None


def is_correction(entry: object) -> bool:
    """Whether an entry of `given` came from a correction."""
    return isinstance(entry, dict) and entry.get("origin") == CORRECTIONS


def as_text(value: object) -> str:
    """A value of a column as corrections write it: empty for NULL, on one line."""
    return "" if value is None else " ".join(str(value).split())


def choose(entries: Iterable[Correction], read: str) -> Correction | None:
    """The correction that holds, of those of one field that are for a document; None if none does.

    Args:
        entries: in the order in which they are tried.
        read: what was read, as `as_text` has it.
    """
    return next((entry for entry in entries if as_text(entry.expect) == read), None)


def by_field(entries: Iterable[Correction]) -> dict[str, list[Correction]]:
    """Corrections by the field that they correct, in the order in which fields are corrected."""
    found: dict[str, list[Correction]] = {name: [] for name in FIELDS}
    for entry in entries:
        found[entry.field].append(entry)
    return {name: listed for name, listed in found.items() if listed}


def unexpected(entry: Correction, read: str) -> str:
    """Why a correction does not hold where something else is read than it expects."""
    return f"expects {entry.expect or 'nothing'}, but {f'{read} is' if read else 'nothing is'} read"


def correct(
    values: Values, entries: tuple[Correction, ...], text: str, seen_on: dt.date, reference: Reference
) -> Corrected:
    """Correct a document.

    Args:
        values: its columns as they were read.
        entries: the corrections that are for it, as `OwnReference.corrections_of` gives them.
        text: its text.
        seen_on: the day on which its content was first read.
        reference: the reference data.
    """
    document = _Document({**values, "text": text}, seen_on, reference)
    applied: dict[str, tuple[Correction, str]] = {}
    changed: dict[str, Correction] = {}
    refused: list[tuple[Correction, str]] = []
    for name, listed in by_field(entries).items():
        read = as_text(values[name])
        entry = choose(listed, read)
        if entry is None:
            refused += [(other, unexpected(other, read)) for other in listed if as_text(other.value) != read]
            continue
        kind = FIELDS[name]
        try:
            following = kind.follow(document, name, kind.parse(entry.value, reference) if entry.value else None)
        except ValueError as error:
            refused.append((entry, str(error)))
            continue
        document.values.update(following)
        changed.update(dict.fromkeys(following, entry))
        applied[name] = entry, read
    for name, (entry, _) in list(applied.items()):
        if as_text(document.values[name]) != as_text(entry.value):
            refused.append((entry, "another correction of the document says otherwise"))
            del applied[name]
    return Corrected({name: document.values[name] for name in values}, applied, changed, tuple(refused))


@dataclass(frozen=True)
class _Document:
    """A document that is being corrected: its columns as they are by now, and what they are worked out with."""

    values: Values
    seen_on: dt.date
    reference: Reference

    def span(self, literal: str) -> tuple[int, int]:
        """Where a literal stands: in the dateline, else where it first does.

        Raises:
            ValueError: nowhere.
        """
        text = self.values["text"]
        at = -1
        if self.values["dateline_start"] is not None:
            at = text.find(literal, self.values["dateline_start"], self.values["dateline_end"])
        at = at if at >= 0 else text.find(literal)
        if at < 0:
            raise ValueError("the text does not hold it, and what is verbatim has to stand there")
        return at, at + len(literal)

    def role(self, agency_id: str | None, literal: str | None, start: int | None) -> str | None:
        """The role of an agency that is named at a place of the text."""
        if literal is None or start is None:
            return None
        if agency_id is not None and self.reference.agencies[agency_id].kind == "redistributor":
            return "redistributor"
        first, last = self.values["dateline_start"], self.values["dateline_end"]
        if first is None or not first <= start < last:
            return "credit"
        return "shared" if agencies.is_shared(literal, self.reference) else "dateline"

    def located(self, located: str | None, region: str | None) -> Values:
        """The columns of the place that is meant by one as written."""
        if located is None:
            return _place_columns(None, None, None)
        agency_id = self.values["agency_id"]
        agency = self.reference.agencies[agency_id] if agency_id else None
        found = places.locate_for(located, region, self.reference, agency)
        return _place_columns(found.place, found.country_code, found.margin)


def _place_columns(place: Place | None, country_code: str | None, margin: float | None) -> Values:
    return {
        "place_id": place.place_id if place else None,
        "place_name": place.name if place else None,
        "country_code": place.country_code if place else country_code,
        "latitude": place.latitude if place else None,
        "longitude": place.longitude if place else None,
        "place_margin": margin if place else None,
    }


def _alone(document: _Document, name: str, value: Any) -> Values:
    return {name: value}


def _language(document: _Document, name: str, value: str | None) -> Values:
    # How sure a detector was of another language says nothing about this one.
    return {"language": value, "language_confidence": None}


def _agency_literal(document: _Document, name: str, value: str | None) -> Values:
    columns = ("agency_id", "agency_literal", "agency_start", "agency_end", "agency_role")
    if value is None:
        return dict.fromkeys(columns)
    start, end = document.span(value)
    country, language = document.values["country_code"], document.values["language"]
    agency_id = agencies.identify(value, country, document.reference, language)
    return dict(zip(columns, (agency_id, value, start, end, document.role(agency_id, value, start)), strict=True))


def _agency_id(document: _Document, name: str, value: str | None) -> Values:
    literal, start = document.values["agency_literal"], document.values["agency_start"]
    return {"agency_id": value, "agency_role": document.role(value, literal, start)}


def _located(document: _Document, name: str, value: str | None) -> Values:
    if value is None:
        return {**dict.fromkeys(("located", "located_start", "located_end")), **document.located(None, None)}
    start, end = document.span(value)
    region = document.values["located_region"]
    return {"located": value, "located_start": start, "located_end": end, **document.located(value, region)}


def _located_region(document: _Document, name: str, value: str | None) -> Values:
    return {"located_region": value, **document.located(document.values["located"], value)}


def _place_id(document: _Document, name: str, value: int | None) -> Values:
    place = document.reference.place(value) if value is not None else None
    # A place that is given has no candidates that it would be ahead of.
    return _place_columns(place, None, None)


def _country_code(document: _Document, name: str, value: str | None) -> Values:
    if document.values["place_id"] is not None and document.values["country_code"] == value:
        return {"country_code": value}
    # A place of another country is not meant.
    return _place_columns(None, value, None)


def _content_created(document: _Document, name: str, value: dt.date | None) -> Values:
    return _dated(document, value.isoformat() if value is not None else None)


def _content_created_edtf(document: _Document, name: str, value: str | None) -> Values:
    return _dated(document, value)


def _dated(document: _Document, edtf: str | None) -> Values:
    """The columns of a date.

    Raises:
        ValueError: it lies in the future of the day on which the text was first read.
    """
    is_full = edtf is not None and not edtf.startswith("X")
    precision = {4: "year", 7: "month", 10: "day"}[len(edtf)] if edtf is not None and is_full else "none"
    if edtf is not None and is_full:
        first = dt.date.fromisoformat(f"{edtf}-01-01"[:10])
        if first > document.seen_on + dt.timedelta(days=FUTURE_TOLERANCE):
            raise ValueError(f"lies after {document.seen_on}, the day on which the text was first read")
    date = dt.date.fromisoformat(edtf) if edtf is not None and precision == "day" else None
    moment = document.values["content_created_at"]
    return {
        "month": edtf[:7] if edtf is not None and precision in ("day", "month") else UNDATED,
        "content_created": date,
        "content_created_at": moment if moment is not None and moment.date() == date else None,
        "content_created_edtf": edtf,
        "date_precision": precision,
        "date_method": None if edtf is None else DATE_CORRECTED,
        # What was named with a weekday, and what was at odds, was another date.
        "date_conflict": None,
        "weekday_ok": None,
    }


def _text(value: str, reference: Reference) -> str:
    return value


_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|\d{3}))?")


def _a_language(value: str, reference: Reference) -> str:
    if not _LANGUAGE.fullmatch(value):
        raise ValueError(f"a language is a tag of BCP 47 such as fr, zh-Hant or sr-Latn, not {value!r}")
    return value


def _an_agency(value: str, reference: Reference) -> str:
    if value not in reference.agencies:
        raise ValueError(f"{value!r} is no agency_id of the registry, nor of agencies.csv")
    return value


def _a_role(value: str, reference: Reference) -> str:
    allowed = DOCUMENTS.column("agency_role").allowed
    if value not in allowed:
        raise ValueError(f"a role is {', '.join(allowed)}, not {value!r}")
    return value


def _a_place(value: str, reference: Reference) -> int:
    place = reference.place(int(value)) if re.fullmatch(r"-?[1-9]\d{0,17}", value) else None
    if place is None:
        raise ValueError(f"{value!r} is no place_id of the gazetteer, nor one of your own in places.csv")
    return place.place_id


def _a_country(value: str, reference: Reference) -> str:
    if value not in reference.country_codes:
        raise ValueError(f"{value!r} is no country's code; those are two capitals of ISO 3166-1, such as AZ")
    return value


def _a_day(value: str, reference: Reference) -> dt.date:
    _an_edtf(value, reference)
    if len(value) != 10 or value.startswith("X"):
        raise ValueError(f"a day is written as 2021-02-27, not {value!r}; content_created_edtf takes months and years")
    return dt.date.fromisoformat(value)


def _an_edtf(value: str, reference: Reference) -> str:
    found = re.fullmatch(r"(\d{4}|XXXX)(?:-(\d\d)(?:-(\d\d))?)?", value, re.ASCII)
    try:
        if found is None or (found[1] == "XXXX" and found[3] is None):
            raise ValueError
        # A leap year has every day that any year has.
        year = 2000 if found[1] == "XXXX" else int(found[1])
        dt.date(year, int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        raise ValueError(f"a date is 2021, 2021-02, 2021-02-27 or XXXX-02-27, not {value!r}") from None
    if year < EARLIEST_YEAR:
        raise ValueError(f"{value} is before {EARLIEST_YEAR}: there were no newspapers yet")
    return value


@dataclass(frozen=True)
class _Field:
    """How a field is corrected.

    Attributes:
        parse: what a correction writes, as a value of the column; ValueError says what is allowed.
        follow: the columns that change with it; ValueError says why it cannot be.
    """

    parse: Callable[[str, Reference], Any]
    follow: Callable[[_Document, str, Any], Values]


FIELDS = {
    "headline": _Field(_text, _alone),
    "section": _Field(_text, _alone),
    "byline": _Field(_text, _alone),
    "version_label": _Field(_text, _alone),
    "language": _Field(_a_language, _language),
    "agency_literal": _Field(_text, _agency_literal),
    "agency_id": _Field(_an_agency, _agency_id),
    "agency_role": _Field(_a_role, _alone),
    "located": _Field(_text, _located),
    "located_region": _Field(_text, _located_region),
    "place_id": _Field(_a_place, _place_id),
    "country_code": _Field(_a_country, _country_code),
    "content_created": _Field(_a_day, _content_created),
    "content_created_edtf": _Field(_an_edtf, _content_created_edtf),
}
"""What can be corrected, in the order in which it is: those first that others follow from."""


def check(entry: Correction, reference: Reference) -> None:
    """Check that a correction's field can be corrected, and that its value is one of that column.

    Raises:
        ValueError: it cannot, or it is none; the message says what is allowed.
    """
    if entry.field not in FIELDS:
        raise ValueError(f"{entry.field!r} cannot be corrected; what can is {', '.join(FIELDS)}")
    if entry.value:
        FIELDS[entry.field].parse(entry.value, reference)
    if entry.field == "content_created" and entry.expect:
        # Any other way to write it would never be met.
        _a_day(entry.expect, reference)
