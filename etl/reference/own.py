"""The user's own reference: the files of a home's `reference` folder as entries, merged over ours.

Where an entry stands is no part of what it says: two that say the same are equal, and moving a line changes nothing.
Each file is checked by itself here. What takes the rest of the program to be checked (whether a form reads its example,
whether a correction's value is one that its column may hold) belongs to `etl.own_reference`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from etl.contract import AGENCY_KINDS
from etl.errors import SetupFault
from etl.reference.csv_file import CsvFile, Origin
from etl.reference.gazetteer import Place
from etl.reference.loader import Agency, FormRow, Reference, check_form, digest_of
from etl.reference.names import normalise
from etl.sources import is_glob, matcher

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_AGENCY_ID = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_WIKIDATA_ID = re.compile(r"Q[1-9]\d*")
_DOCUMENT_ID = re.compile(r"[0-9a-f]{32}")
_PLACE_ID = re.compile(r"-?[1-9]\d{0,17}")

MOST_NAMED = 5
"""Places that a message lists."""


@dataclass(frozen=True)
class OwnAgency:
    """A row of agencies.csv: what it adds to an agency of ours, or a new one.

    Attributes:
        agency_id: which.
        name, country_code, kind, wikidata_id: None where it says nothing.
        literals, names: to be added, as in `Agency`.
    """

    agency_id: str
    name: str | None
    country_code: str | None
    kind: str | None
    wikidata_id: str | None
    literals: tuple[str, ...]
    names: tuple[tuple[str, str], ...]
    origin: Origin = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class OwnPlace:
    """A row of places.csv: what a place as written means.

    Attributes:
        located: as written.
        located_region: the region or country that stands beside it; None where it holds whatever stands there.
        place: what it means; None where only the country is known.
        country_code: of the place, or all that is known of it.
    """

    located: str
    located_region: str | None
    place: Place | None
    country_code: str
    origin: Origin = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class OwnMonth:
    """A row of months.csv: a name of a month, 1 to 12, in a language."""

    language: str
    month: int
    name: str
    origin: Origin = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class OwnForm:
    """A row of forms.csv: a form of datelines."""

    row: FormRow
    origin: Origin = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Correction:
    """A row of corrections.csv: what a field of some documents is to be.

    Attributes:
        document_id: of the one document that it is for; None where source and path say which.
        source, path: which, else: the path is the whole of one, or a glob pattern.
        field: a column of `documents`.
        expect: what was read when it was written, as text; empty for nothing.
        value: what it is, as text; empty for nothing.
        reason: why, for people.
    """

    origin: Origin = field(compare=False, repr=False, kw_only=True)
    document_id: str | None
    source: str | None
    path: str | None
    field: str
    expect: str
    value: str
    reason: str


AGENCIES, PLACES, MONTHS, FORMS, CORRECTIONS = (
    f"{name}.csv" for name in ("agencies", "places", "months", "forms", "corrections")
)

FILES = (AGENCIES, PLACES, MONTHS, FORMS, CORRECTIONS)
"""The files of a home's reference folder."""


@dataclass(frozen=True)
class OwnReference:
    """What the user's files hold, in their order.

    Attributes:
        agencies, places, months, forms, corrections: the entries of each.
        contents: the files themselves, by name.
    """

    agencies: tuple[OwnAgency, ...] = ()
    places: tuple[OwnPlace, ...] = ()
    months: tuple[OwnMonth, ...] = ()
    forms: tuple[OwnForm, ...] = ()
    corrections: tuple[Correction, ...] = ()
    contents: tuple[tuple[str, bytes], ...] = field(default=(), compare=False, repr=False)

    @property
    def counts(self) -> dict[str, int]:
        """How many entries each file holds, of those that hold any."""
        found = {
            AGENCIES: len(self.agencies),
            PLACES: len(self.places),
            MONTHS: len(self.months),
            FORMS: len(self.forms),
            CORRECTIONS: len(self.corrections),
        }
        return {name: count for name, count in found.items() if count}

    @cached_property
    def places_by_id(self) -> dict[int, Place]:
        """The places of the user's own, by their negative ids."""
        return {entry.place.place_id: entry.place for entry in self.places if entry.place and entry.place.place_id < 0}

    def corrections_of(self, document_id: str, source: str, path: str) -> tuple[Correction, ...]:
        """The corrections that are for a document: those that name it first, and then in the order of the file."""
        index = self._index
        # Names of files have brackets, too: a path that is one as it stands is no less than a pattern.
        found = (
            *index.by_id.get(document_id, ()),
            *index.by_path.get((source, path), ()),
            *(entry for entry, matches in index.patterns.get(source, ()) if matches(path)),
        )
        return tuple(dict.fromkeys(found)) if found else ()

    @cached_property
    def _index(self) -> _Index:
        index = _Index()
        for entry in self.corrections:
            if entry.document_id is not None:
                index.by_id.setdefault(entry.document_id, []).append(entry)
            elif entry.source is not None and entry.path is not None:
                index.by_path.setdefault((entry.source, entry.path), []).append(entry)
                if is_glob(entry.path):
                    index.patterns.setdefault(entry.source, []).append((entry, matcher([entry.path])))
        return index


@dataclass
class _Index:
    """The corrections by what names their documents: an id, source and path, or a source and a glob pattern."""

    by_id: dict[str, list[Correction]] = field(default_factory=dict)
    by_path: dict[tuple[str, str], list[Correction]] = field(default_factory=dict)
    patterns: dict[str, list[tuple[Correction, Callable[[str], bool]]]] = field(default_factory=dict)


def read_own(folder: str, contents: dict[str, bytes], base: Reference) -> OwnReference:
    """The entries of the files.

    Args:
        folder: where they lie, for messages.
        contents: their bytes by name, of `FILES`; those that are not there are empty.
        base: our own reference data.

    Raises:
        SetupFault: one of them is not as it has to be.
    """

    def of(name: str, *columns: str, optional: tuple[str, ...] = ()) -> CsvFile:
        return CsvFile(f"{folder}/{name}", name, contents.get(name, b""), columns, optional)

    return OwnReference(
        tuple(_agencies(of(AGENCIES, "agency_id", "literals", optional=_AGENCY_COLUMNS), base)),
        tuple(_places(of(PLACES, "located", optional=_PLACE_COLUMNS), base)),
        tuple(_months(of(MONTHS, "language", "month", "name"))),
        tuple(_forms(of(FORMS, "name", "needs", "confidence", "pattern", "example"))),
        tuple(
            _corrections(
                of(CORRECTIONS, "field", "expect", "value", "reason", optional=("document_id", "source", "path"))
            )
        ),
        tuple(contents.items()),
    )


_AGENCY_COLUMNS = ("name", "country_code", "kind", "wikidata_id", "names")
_PLACE_COLUMNS = (
    "located_region", "place_id", "place_name", "country_code", "latitude", "longitude", "population",
)  # fmt: skip


def _agencies(file: CsvFile, base: Reference) -> Iterator[OwnAgency]:
    seen: set[str] = set()
    for origin, row in file.rows():
        agency_id = row["agency_id"]
        if not _AGENCY_ID.fullmatch(agency_id):
            raise file.fault(origin.line, f"an agency_id is a word in small letters such as azertac, not {agency_id!r}")
        if agency_id in seen:
            raise file.fault(origin.line, f"{agency_id} stands there twice: put its literals into one row, parted by |")
        seen.add(agency_id)
        if row["kind"] and row["kind"] not in AGENCY_KINDS:
            raise file.fault(
                origin.line, f"{row['kind']!r} is not a kind of agency; those are {', '.join(AGENCY_KINDS)}"
            )
        if row["country_code"]:
            _check_country(file, origin, row["country_code"], base)
        if row["wikidata_id"] and not _WIKIDATA_ID.fullmatch(row["wikidata_id"]):
            raise file.fault(origin.line, f"a wikidata_id is like Q1234, not {row['wikidata_id']!r}")
        literals = tuple(literal for part in row["literals"].split("|") if (literal := part.strip()))
        for literal in literals:
            if not any(map(str.isalpha, literal)):
                raise file.fault(origin.line, f"{literal!r} has no letter: literals are names as they are written")
        if agency_id not in base.agencies:
            needed = [name for name in ("name", "kind") if not row[name]]
            if needed:
                raise file.fault(
                    origin.line, f"{agency_id} is no agency of the registry; a new one needs {', '.join(needed)}, too"
                )
        yield OwnAgency(
            agency_id,
            row["name"] or None,
            row["country_code"] or None,
            row["kind"] or None,
            row["wikidata_id"] or None,
            literals,
            tuple(_names(file, origin, row["names"])),
            origin=origin,
        )


def _names(file: CsvFile, origin: Origin, cell: str) -> Iterator[tuple[str, str]]:
    for entry in cell.split("|") if cell else ():
        language, sign, name = (part.strip() for part in entry.partition("="))
        if not sign or not name or not re.fullmatch(r"[a-z]{2,3}(?:-[A-Za-z0-9]+)*", language):
            raise file.fault(origin.line, f"names are written as fr=Agence d'État|en=State Agency, not {entry!r}")
        yield language, name


def _check_country(file: CsvFile, origin: Origin, code: str, base: Reference) -> None:
    if code not in base.country_codes:
        raise file.fault(
            origin.line, f"{code!r} is no country's code; those are two capitals of ISO 3166-1, such as AZ"
        )


def _places(file: CsvFile, base: Reference) -> Iterator[OwnPlace]:
    seen: dict[tuple[str, str], int] = {}
    own: dict[int, Place] = {}
    for origin, row in file.rows():
        key = normalise(row["located"]), normalise(row["located_region"])
        if not any(map(str.isalpha, key[0])) or re.search(r"[/,]", key[0]):
            raise file.fault(
                origin.line, f"located is one place as datelines write it, without its region, not {row['located']!r}"
            )
        if key in seen:
            raise file.fault(origin.line, f"{row['located']!r} stands in line {seen[key]}, too, with the same region")
        seen[key] = origin.line
        if row["country_code"]:
            _check_country(file, origin, row["country_code"], base)
        place = _place(file, origin, row, base, own)
        country = place.country_code if place else row["country_code"]
        yield OwnPlace(row["located"], row["located_region"] or None, place, country, origin=origin)


def _place(file: CsvFile, origin: Origin, row: dict[str, str], base: Reference, own: dict[int, Place]) -> Place | None:
    """The place that a row means; None if it only says the country."""

    def fault(message: str) -> SetupFault:
        return file.fault(origin.line, message)

    identifier, name, country = row["place_id"], row["place_name"], row["country_code"]
    if identifier and not _PLACE_ID.fullmatch(identifier):
        raise fault(f"a place_id is a number of GeoNames, or a negative one of your own, not {identifier!r}")
    if identifier.startswith("-"):
        return _own_place(file, origin, row, own)
    if extra := [name for name in ("latitude", "longitude", "population") if row[name]]:
        raise fault(f"{', '.join(extra)} belongs to a place of your own, which has a negative place_id")
    if identifier:
        place = base.gazetteer.place(int(identifier))
        if place is None:
            raise fault(
                f"the gazetteer has no place {identifier}: it holds those of 1,000 inhabitants or more. A place of "
                "your own has a negative place_id, a place_name, a country_code, a latitude and a longitude"
            )
        if country and place.country_code != country:
            raise fault(f"place {identifier} is {place.name} in {place.country_code}, not in {country}")
        return place
    if name:
        return _named_place(file, origin, name, country, base)
    if not country:
        raise fault("say what it means: a place_id, a place_name, or at least a country_code")
    return None


def _own_place(file: CsvFile, origin: Origin, row: dict[str, str], own: dict[int, Place]) -> Place:
    place_id = int(row["place_id"])
    former = own.get(place_id)
    details = ("place_name", "country_code", "latitude", "longitude")
    if former is not None and not any(row[name] for name in details):
        return former
    if missing := [name for name in details if not row[name]]:
        raise file.fault(origin.line, f"a place of your own needs {', '.join(missing)}, too")
    try:
        latitude, longitude = float(row["latitude"]), float(row["longitude"])
        population = int(row["population"] or 0)
    except ValueError:
        latitude, longitude, population = 91.0, 0.0, 0
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180 and 0 <= population < 10**10):
        raise file.fault(
            origin.line, "latitude and longitude are degrees such as 39.76 and 46.75, population is a whole number"
        )
    place = Place(place_id, row["place_name"], row["country_code"], None, latitude, longitude, population, False, 1)
    if former is not None and former != place:
        raise file.fault(
            origin.line, f"place {place_id} is another place in a line above: give this one its own number"
        )
    own[place_id] = place
    return place


def _named_place(file: CsvFile, origin: Origin, name: str, country: str, base: Reference) -> Place:
    """The one place whose main name that is."""
    found = [
        place
        for place, is_primary in base.gazetteer.named(normalise(name))
        if is_primary and (not country or place.country_code == country)
    ]
    if len(found) == 1:
        return found[0]
    where = f"{name!r} in {country}" if country else repr(name)
    if not found:
        raise file.fault(origin.line, f"the gazetteer has no place with the main name {where}: give its place_id")
    found.sort(key=lambda place: -place.population)
    listed = ", ".join(
        f"{place.place_id} ({' '.join(filter(None, (place.country_code, place.admin1)))}, "
        f"{place.population:,} inhabitants)"
        for place in found[:MOST_NAMED]
    )
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    raise file.fault(origin.line, f"the gazetteer has {len(found)} places {where}: {listed}{more}. Give one's place_id")


def _months(file: CsvFile) -> Iterator[OwnMonth]:
    seen: dict[tuple[str, str], int] = {}
    for origin, row in file.rows():
        language, month, name = row["language"], row["month"], row["name"]
        if not _LANGUAGE.fullmatch(language):
            raise file.fault(
                origin.line, f"a language is two or three small letters of ISO 639 such as fr, not {language!r}"
            )
        if not re.fullmatch(r"0?[1-9]|1[0-2]", month):
            raise file.fault(origin.line, f"a month is a number from 1 to 12, not {month!r}")
        key = language, normalise(name)
        if key in seen:
            raise file.fault(origin.line, f"{name!r} stands in line {seen[key]}, too, for the same language")
        seen[key] = origin.line
        yield OwnMonth(language, int(month), name, origin=origin)


def _forms(file: CsvFile) -> Iterator[OwnForm]:
    seen: dict[str, int] = {}
    for origin, row in file.rows():
        name = row["name"]
        if not _AGENCY_ID.fullmatch(name):
            raise file.fault(origin.line, f"a form's name is a word in small letters such as my_agency, not {name!r}")
        if name in seen:
            raise file.fault(origin.line, f"the form {name} stands in line {seen[name]}, too")
        seen[name] = origin.line
        if not row["example"]:
            raise file.fault(origin.line, "a form needs an example: the beginning of a line that it reads")
        try:
            form = check_form(name, row["needs"].replace(" ", ""), row["confidence"], row["pattern"], row["example"])
        except ValueError as error:
            raise file.fault(origin.line, str(error)) from None
        yield OwnForm(form, origin=origin)


def _corrections(file: CsvFile) -> Iterator[Correction]:
    seen: dict[Correction, int] = {}
    for origin, row in file.rows():
        document_id, source, path = row["document_id"].lower(), row["source"], row["path"]
        if bool(document_id) == bool(source or path) or bool(source) != bool(path):
            raise file.fault(origin.line, "name the document by its document_id, or by source and path")
        if document_id and not _DOCUMENT_ID.fullmatch(document_id):
            raise file.fault(origin.line, f"a document_id has 32 hex digits, not {document_id!r}")
        if path and is_glob(path):
            try:
                matcher([path])
            except SetupFault as fault:
                raise file.fault(origin.line, str(fault)) from None
        if not row["reason"]:
            raise file.fault(origin.line, "a correction needs a reason")
        if row["expect"] == row["value"]:
            raise file.fault(origin.line, f"expect and value are the same, {row['value']!r}: nothing is corrected")
        entry = Correction(
            document_id or None, source or None, path or None, row["field"], row["expect"], row["value"], row["reason"],
            origin=origin,
        )  # fmt: skip
        alike = replace(entry, value="", reason="")
        if alike in seen:
            raise file.fault(
                origin.line, f"line {seen[alike]} corrects {entry.field} of the same with the same expect, too"
            )
        seen[alike] = origin.line
        yield entry


def merge(base: Reference, own: OwnReference) -> Reference:
    """Our reference data with the user's over it.

    An agency's literals are added to ours; a literal that the user gives to an agency is that one's alone. A month's
    name in a language, a form's name, and what a place as written means are the user's.
    """
    if not own.counts:
        return base
    agencies = {**base.agencies, **{entry.agency_id: _merged(base, entry) for entry in own.agencies}}
    claimed: dict[str, tuple[str, ...]] = {}
    for entry in own.agencies:
        for literal in entry.literals:
            key = normalise(literal)
            claimed[key] = tuple(dict.fromkeys((*claimed.get(key, ()), entry.agency_id)))
    places: dict[str, tuple[OwnPlace, ...]] = {}
    for place in own.places:
        key = normalise(place.located)
        places[key] = (*places.get(key, ()), place)
    entries = (own.agencies, own.places, own.months, own.forms)
    # With corrections alone, all other documents are read as they were.
    uncorrected_version = digest_of(base.version, *entries) if any(entries) else base.version
    return replace(
        base,
        agencies=agencies,
        literals={**base.literals, **claimed},
        calendar=base.calendar.extended((entry.language, "month", entry.month, entry.name) for entry in own.months),
        forms=tuple({row.name: row for row in (*base.forms, *(entry.row for entry in own.forms))}.values()),
        own=own,
        own_places=places,
        version=digest_of(uncorrected_version, own.corrections) if own.corrections else uncorrected_version,
        uncorrected_version=uncorrected_version,
    )


def _merged(base: Reference, entry: OwnAgency) -> Agency:
    former = base.agencies.get(entry.agency_id)
    if former is None:
        assert entry.name is not None and entry.kind is not None, "a new agency has them"
        return Agency(
            entry.agency_id, entry.name, entry.country_code, entry.kind, entry.wikidata_id, entry.literals,
            dict(entry.names),
        )  # fmt: skip
    return Agency(
        former.agency_id,
        entry.name or former.name,
        entry.country_code or former.country_code,
        entry.kind or former.kind,
        entry.wikidata_id or former.wikidata_id,
        tuple(dict.fromkeys((*former.literals, *entry.literals))),
        {**former.names, **dict(entry.names)},
        former.reports_from_everywhere,
    )
