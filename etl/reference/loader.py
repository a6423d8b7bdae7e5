"""Reading and checking the reference files.

A file that does not keep its form is a set-up fault that names the file, the line and what is allowed. What a
look-up means for a document belongs to the modules that ask.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from etl.contract import AGENCY_KINDS
from etl.errors import SetupFault
from etl.reference.furniture import FORMS, KINDS, Furniture, FurnitureRow
from etl.reference.gazetteer import Gazetteer, Place
from etl.reference.names import CACHED_NAMES, fold, normalise
from etl.reference.regions import Region, Regions
from etl.reference.site_sentences import ROLES, SiteRow, SiteSentences

if TYPE_CHECKING:
    from etl.reference.own import OwnPlace, OwnReference

HERE = Path(__file__).parent

MONTH_KINDS = {
    "month": "gregorian",
    "islamic_month": "islamic",
    "persian_month": "persian",
    "ethiopic_month": "ethiopic",
    "nepali_month": "nepali",
}
"""The kinds of months in the calendar files, with their calendars."""

CALENDAR_KINDS = {"weekday": 7, "article": 1, **dict.fromkeys(MONTH_KINDS, 12)}
"""What the calendar files hold, each with its largest number."""

_COUNTRY = re.compile("[A-Z]{2}")
_ANY_WORD = re.compile(r"(?:^|\|)(\*[^|*]?|[^|*]\*)(?=\||$)")


@lru_cache(CACHED_NAMES)
def agency_head(literal: str) -> str:
    """The key of an agency's first word, under which its literals are looked for."""
    return re.split(r"\W", normalise(literal), maxsplit=1)[0]


@dataclass(frozen=True)
class Agency:
    """An entry of the agency registry; most fields are columns of `etl.contract.AGENCIES`.

    Attributes:
        literals: how it is credited.
        reports_from_everywhere: whether most of what it writes is from other countries than its own.
    """

    agency_id: str
    name: str
    country_code: str | None
    kind: str
    wikidata_id: str | None
    literals: tuple[str, ...]
    names: dict[str, str]
    reports_from_everywhere: bool = False

    @property
    def is_national(self) -> bool:
        """Whether its own country says much about where it reports from."""
        return not self.reports_from_everywhere and self.kind not in ("press_release", "redistributor")


@dataclass(frozen=True)
class LineKind:
    """A kind of line that stands before a dateline: version_label or byline."""

    kind: str
    pattern: re.Pattern[str]


FORM_NEEDS = {
    "agency": "an agency of the registry, one in capitals, or a web address",
    "known": "an agency of the registry, or a web address",
    "place": "a place of the gazetteer, or one with a region of it",
    "city": "a town of some size",
    "capitals": "a place in capitals",
    "region": "a region or a country written beside the place",
    "sentence": "a full sentence behind it",
    "dash": "a dash behind it where the place is unknown",
}
"""What a form may need, with what that says."""

FORM_ITEMS = frozenset({"place", "date", "day", "when", "agency", "credit", "name", "cable", "end"})
"""What a form's pattern may name, besides signs that stand for themselves; see `etl.dateline`."""


@dataclass(frozen=True)
class FormRow:
    """A row of dateline_forms.tsv; `etl.dateline` compiles its pattern.

    Attributes:
        name: the form's name.
        needs: what it takes to be believed, of FORM_NEEDS.
        confidence: 0 to 1, where agency and place are known and it stands on the first line.
        pattern: items, each of FORM_ITEMS or a sign, as `etl.dateline` says.
        example: a line that it reads; a test holds that.
    """

    name: str
    needs: frozenset[str]
    confidence: float
    pattern: str
    example: str


@dataclass(frozen=True)
class TrailerRow:
    """A row of trailer_forms.tsv; `etl.trailer` compiles its pattern.

    Attributes:
        name: the form's name.
        pattern: in the language of `etl.trailer`.
        example: a sign-off that it reads; a test holds that.
    """

    name: str
    pattern: str
    example: str


class Calendar:
    """Names of months and weekdays in all languages."""

    def __init__(self, rows: Iterable[tuple[str, str, int, str]]) -> None:
        self._rows = tuple(rows)
        self._names: dict[str, dict[str, dict[str, int]]] = {kind: {} for kind in CALENDAR_KINDS}
        for language, kind, number, name in self._rows:
            self._names[kind].setdefault(normalise(name), {})[language.partition("-")[0]] = number
        self.triggers = frozenset(
            {*(_first_word(name) for kind in MONTH_KINDS for name in self._names[kind]), *self._names["article"]}
        )
        """What a written day may begin with, but for figures: first words of months, and articles."""
        self.articles = frozenset(self._names["article"])
        """What may stand before the figure of a day: "le", "den", "на"."""
        self.long_heads = frozenset(
            _first_word(name) for kind in MONTH_KINDS for name in self._names[kind] if " " in name
        )
        """The first words of months that have two."""
        self.weekday_heads = frozenset(_first_word(name) for name in self._names["weekday"])
        """The first words of weekdays."""

    def extended(self, rows: Iterable[tuple[str, str, int, str]]) -> Calendar:
        """The calendar with more names; a name that it has in the same language means what they say."""
        more = tuple(rows)
        return Calendar((*self._rows, *more)) if more else self

    def month(self, name: str, language: str | None = None) -> int | None:
        """The number of the month, 1 to 12, or None if the name is no month's.

        A name that means different months in different languages ("listopad") is read in `language`, and not at
        all if that is unknown or has no such name.
        """
        return self._number("month", name, language)

    def month_of(self, name: str, language: str | None = None) -> tuple[str, int] | None:
        """The calendar that has a month of that name, of MONTH_KINDS, and its number. As `month`.

        Of a name in several calendars (one that is Gregorian in Tigrinya and Ethiopian in Amharic), that of `language`.
        """
        key = normalise(name)
        kinds = [kind for kind in MONTH_KINDS if key in self._names[kind]]
        if len(kinds) > 1 and language is not None:
            kinds.sort(key=lambda kind: language.partition("-")[0] not in self._names[kind][key])
        for kind in kinds:
            number = self._number(kind, name, language)
            if number is not None:
                return MONTH_KINDS[kind], number
        return None

    def weekday(self, name: str, language: str | None = None) -> int | None:
        """The number of the weekday, Monday = 1, or None if the name is no weekday's. As `month`."""
        return self._number("weekday", name, language)

    def is_weekday_of(self, name: str, language: str | None) -> bool:
        """Whether a name is a weekday's in a language."""
        meanings = self._names["weekday"].get(normalise(name), {})
        return language is not None and language.partition("-")[0] in meanings

    def _number(self, kind: str, name: str, language: str | None) -> int | None:
        meanings = self._names[kind].get(normalise(name))
        if meanings is None:
            return None
        numbers = set(meanings.values())
        if len(numbers) == 1:
            return next(iter(numbers))
        return meanings.get(language.partition("-")[0]) if language else None


def _first_word(name: str) -> str:
    return name.partition(" ")[0]


@dataclass(frozen=True, eq=False)
class Reference:
    """All reference data.

    Attributes:
        agencies: the registry by agency id.
        literals: agency ids by normalised literal; several where a short name is shared.
        calendar, regions, countries, line_kinds, furniture, forms, gazetteer: what their files hold.
        place_aliases: place ids by normalised spelling, for what the gazetteer lacks.
        place_words: a place's name, as the group of that name, with what may stand around it and is no part of it.
        version: digest over all of it.
        own: what of it is the user's; None if nothing is.
        own_places: what places as written mean to the user, by normalised name.
        uncorrected_version: digest over all but the user's corrections; empty if there are none of the user's files.
    """

    agencies: dict[str, Agency]
    literals: dict[str, tuple[str, ...]]
    calendar: Calendar
    regions: Regions
    countries: dict[str, str]
    line_kinds: tuple[LineKind, ...]
    furniture: Furniture
    forms: tuple[FormRow, ...]
    trailers: tuple[TrailerRow, ...]
    unlisted_places: tuple[re.Pattern[str], ...]
    place_words: re.Pattern[str]
    place_aliases: dict[str, int]
    gazetteer: Gazetteer
    version: str
    own: OwnReference | None = None
    own_places: dict[str, tuple[OwnPlace, ...]] = field(default_factory=dict)
    uncorrected_version: str = ""

    def __repr__(self) -> str:
        return f"Reference({self.version})"

    def version_of(self, document_id: str, source: str, path: str) -> str:
        """Digest of what a document is read with: corrections of other documents do not count."""
        corrections = self.own.corrections_of(document_id, source, path) if self.own is not None else ()
        uncorrected = self.uncorrected_version or self.version
        return digest_of(uncorrected, corrections) if corrections else uncorrected

    def place(self, place_id: int) -> Place | None:
        """The place of that id, of the gazetteer or of the user's own; None if there is none."""
        own = self.own.places_by_id.get(place_id) if self.own is not None else None
        return own or self.gazetteer.place(place_id)

    @cached_property
    def country_codes(self) -> frozenset[str]:
        """All countries, as ISO 3166-1 alpha-2."""
        return frozenset(self.countries.values())

    @cached_property
    def folded_aliases(self) -> dict[str, int]:
        """The place aliases by their folded keys."""
        return {fold(spelling): place_id for spelling, place_id in self.place_aliases.items()}

    @cached_property
    def first_words(self) -> frozenset[str]:
        """The first words of whatever is known to agencies and calendar: no other begins anything but a name."""
        return frozenset({*self.literal_lengths, *self.calendar.triggers, *self.calendar.weekday_heads, "no"})

    @cached_property
    def exact_literals(self) -> frozenset[str]:
        """The agencies' literals, letter by letter."""
        return frozenset(literal for agency in self.agencies.values() for literal in agency.literals)

    @cached_property
    def literal_lengths(self) -> dict[str, tuple[int, ...]]:
        """The lengths of the agencies' literals by their first words, longest first."""
        lengths: dict[str, set[int]] = defaultdict(set)
        for agency in self.agencies.values():
            for literal in agency.literals:
                lengths[agency_head(literal)].add(len(literal))
        return {head: tuple(sorted(found, reverse=True)) for head, found in lengths.items()}


@cache
def load_reference(folder: Path = HERE) -> Reference:
    """Read all reference files.

    Raises:
        SetupFault: a file is missing or does not keep its form.
    """
    agencies = {agency.agency_id: agency for agency in _agencies(folder)}
    literals: dict[str, list[str]] = defaultdict(list)
    for agency in agencies.values():
        for literal in agency.literals:
            if agency.agency_id not in literals[normalise(literal)]:
                literals[normalise(literal)].append(agency.agency_id)
    regions = Regions((*_divisions(folder), *_countries(folder)), _territories(folder))
    gazetteer = Gazetteer(folder)
    return Reference(
        agencies=agencies,
        literals={literal: tuple(ids) for literal, ids in literals.items()},
        calendar=Calendar(_calendar(folder)),
        regions=regions,
        countries=regions.countries(),
        line_kinds=tuple(_line_kinds(folder)),
        furniture=Furniture(_furniture(folder), SiteSentences(_site_sentences(folder))),
        forms=tuple(_forms(folder)),
        trailers=tuple(_trailers(folder)),
        unlisted_places=tuple(_unlisted_places(folder)),
        place_words=_place_words(folder),
        place_aliases=_place_aliases(folder, gazetteer),
        gazetteer=gazetteer,
        version=_digest(folder),
    )


def _rows(path: Path, width: int) -> Iterator[tuple[str, list[str]]]:
    """The rows of a TSV file below its heading, each with `file, line n` for messages."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise SetupFault(f"Cannot read {path}: {error.strerror}. Reinstall Copydesk.") from None
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        where = f"{path}, line {number}"
        if len(cells) != width:
            raise SetupFault(f"{where}: {len(cells)} columns instead of {width}, parted by tabs")
        yield where, cells


def _agencies(folder: Path) -> Iterator[Agency]:
    seen = set()
    for where, (agency_id, name, country, kind, reach, wikidata, literals, names) in _rows(folder / "agencies.tsv", 8):
        if agency_id in seen:
            raise SetupFault(f"{where}: agency {agency_id} stands there twice")
        if kind not in AGENCY_KINDS:
            raise SetupFault(f"{where}: {kind!r} is not a kind of agency; those are {', '.join(AGENCY_KINDS)}")
        if reach not in ("", "world"):
            raise SetupFault(f"{where}: the reach of an agency is world, or left empty, not {reach!r}")
        seen.add(agency_id)
        yield Agency(
            agency_id,
            name,
            country or None,
            kind,
            wikidata or None,
            tuple(literals.split("|")),
            {language: text for language, _, text in (entry.partition("=") for entry in names.split("|"))},
            reach == "world",
        )


def _calendar(folder: Path) -> Iterator[tuple[str, str, int, str]]:
    for file in ("calendar.tsv", "calendar_extra.tsv"):
        for where, (language, kind, number, name) in _rows(folder / file, 4):
            last = CALENDAR_KINDS.get(kind)
            if last is None or not number.isdigit() or not 1 <= int(number) <= last:
                allowed = ", ".join(f"{name} 1 to {most}" for name, most in CALENDAR_KINDS.items())
                raise SetupFault(f"{where}: {kind} {number} is none of those that are allowed: {allowed}")
            yield language, kind, int(number), name


def _divisions(folder: Path) -> Iterator[tuple[str, Region]]:
    for where, (name, code, admin1) in _rows(folder / "regions.tsv", 3):
        if not name or not admin1 or not _COUNTRY.fullmatch(code):
            raise SetupFault(f"{where}: a region has a name, a country's two letters and GeoNames' code of a division")
        yield name, Region(code, admin1)


def _countries(folder: Path) -> Iterator[tuple[str, Region]]:
    decided = set()
    for where, (name, code) in _rows(folder / "countries_extra.tsv", 2):
        if not name or not _COUNTRY.fullmatch(code):
            raise SetupFault(f"{where}: a country has a name, and two letters as its code (ISO 3166-1), not {code!r}")
        decided.add(normalise(name))
        yield name, Region(code, None)
    for _, (name, code) in _rows(folder / "countries.tsv", 2):
        # What people decided is the whole meaning of a name.
        if name not in decided:
            yield name, Region(code, None)


def _territories(folder: Path) -> Iterator[tuple[Region, str]]:
    for where, (code, admin1, under) in _rows(folder / "territories.tsv", 3):
        if not _COUNTRY.fullmatch(code) or not _COUNTRY.fullmatch(under):
            raise SetupFault(f"{where}: a territory, and what it is printed under, are two letters each (ISO 3166-1)")
        yield Region(code, admin1 or None), under


def _line_kinds(folder: Path) -> Iterator[LineKind]:
    kinds = ("version_label", "byline")
    for where, (kind, pattern, example) in _rows(folder / "front_matter.tsv", 3):
        if kind not in kinds:
            raise SetupFault(f"{where}: {kind!r} is not a kind of line; those are {', '.join(kinds)}")
        compiled = _compiled(where, pattern, re.IGNORECASE)
        if not compiled.fullmatch(example):
            raise SetupFault(f"{where}: the pattern does not match its example {example!r}")
        yield LineKind(kind, compiled)


def _furniture(folder: Path) -> Iterator[FurnitureRow]:
    for where, (kind, form, _, words) in _rows(folder / "furniture.tsv", 4):
        if kind not in KINDS:
            raise SetupFault(f"{where}: {kind!r} is not a kind of furniture; those are {', '.join(KINDS)}")
        if form not in FORMS:
            raise SetupFault(f"{where}: {form!r} is not a form of furniture; those are {', '.join(FORMS)}")
        if form == "pattern":
            _compiled(where, words)
        yield FurnitureRow(kind, form, (words,) if form in ("pattern", "pair") else tuple(words.split("|")))


def _site_sentences(folder: Path) -> Iterator[SiteRow]:
    for where, (language, role, words) in _rows(folder / "site_sentences.tsv", 3):
        if role not in ROLES:
            raise SetupFault(f"{where}: {role!r} is not a role of words; those are {', '.join(ROLES)}")
        if role != "formula" and (found := _ANY_WORD.search(words)):
            raise SetupFault(f"{where}: {found[1]!r} would be almost any word; a * takes two letters or more")
        yield SiteRow(language, role, words)


def _unlisted_places(folder: Path) -> Iterator[re.Pattern[str]]:
    for where, (pattern, example) in _rows(folder / "unlisted_places.tsv", 2):
        compiled = _compiled(where, pattern, re.IGNORECASE)
        if not compiled.fullmatch(example):
            raise SetupFault(f"{where}: the pattern does not match its example {example!r}")
        yield compiled


def _place_words(folder: Path) -> re.Pattern[str]:
    words: dict[str, list[str]] = {"before": [], "after": []}
    for where, (side, word) in _rows(folder / "place_words.tsv", 2):
        if side not in words or not word:
            raise SetupFault(f"{where}: a word stands {' or '.join(words)} a place's name, not {side!r}")
        words[side].append(re.escape(normalise(word)))
    # What has no capitals is mostly written without blanks, too: "서울시".
    parted = "|".join(rf"\s+{word}" if word.upper() != word else rf"\s*{word}" for word in words["after"])
    return re.compile(rf"(?:(?:{'|'.join(words['before'])})(?:\.\s*|\s+))?(?P<name>.{{2,}}?)(?:{parted})?")


def _place_aliases(folder: Path, gazetteer: Gazetteer) -> dict[str, int]:
    rows = list(_rows(folder / "place_aliases.tsv", 3))
    is_held = gazetteer.holds({int(place_id) for _, (_, place_id, _) in rows if place_id.isdecimal()})
    aliases: dict[str, int] = {}
    for where, (spelling, place_id, _) in rows:
        if not spelling or not place_id.isdecimal() or not is_held[int(place_id)]:
            raise SetupFault(f"{where}: an alias has a spelling, and the GeoNames id of a place of the gazetteer")
        if normalise(spelling) in aliases:
            raise SetupFault(f"{where}: {spelling} stands there twice")
        aliases[normalise(spelling)] = int(place_id)
    return aliases


def _forms(folder: Path) -> Iterator[FormRow]:
    for where, (name, needs, confidence, pattern, example) in _rows(folder / "dateline_forms.tsv", 5):
        try:
            yield check_form(name, needs, confidence, pattern, example)
        except ValueError as error:
            raise SetupFault(f"{where}: {error}") from None


def check_form(name: str, needs: str, confidence: str, pattern: str, example: str) -> FormRow:
    """The cells of a form as a row.

    Raises:
        ValueError: one of them is not as it has to be; the message says what is allowed.
    """
    needed = frozenset(needs.split(",")) if needs else frozenset()
    if not needed <= set(FORM_NEEDS):
        raise ValueError(f"a form may need {', '.join(FORM_NEEDS)}, not {needs}")
    if not re.fullmatch(r"0\.\d+|1(?:\.0)?", confidence):
        raise ValueError(f"a confidence is from 0 to 1, not {confidence}")
    items = pattern.split()
    choices = [choice for item in items for choice in (item.removesuffix("?") if len(item) > 1 else item).split("|")]
    for choice in choices:
        if choice not in FORM_ITEMS and (len(choice) != 1 or choice.isalnum()):
            raise ValueError(f"{choice!r} is no item of a form; those are signs and {', '.join(sorted(FORM_ITEMS))}")
    if not {"agency", "credit", "place"} & set(choices):
        raise ValueError("a form has a place or an agency in its pattern")
    if choices.count("place") > 1 or sum(choice in ("date", "day", "when") for choice in choices) > 1:
        raise ValueError("a form has one place and one date at most")
    if re.fullmatch(r".+\?|.*\b(?:credit|cable|end)\b.*", items[0]):
        raise ValueError("a form begins with a place, a date, an agency or a sign, which is not optional")
    return FormRow(name, needed, float(confidence), pattern, example)


def _trailers(folder: Path) -> Iterator[TrailerRow]:
    for where, (name, pattern, example) in _rows(folder / "trailer_forms.tsv", 3):
        _compiled(where, re.sub(r"\{[a-z]+\}", "x", pattern))
        yield TrailerRow(name, pattern, example)


def _compiled(where: str, pattern: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    try:
        return re.compile(pattern, flags)
    except re.error as error:
        raise SetupFault(f"{where}: not a regular expression: {error}") from None


def digest_of(*parts: object) -> str:
    """A digest over what things say of themselves."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


def _digest(folder: Path) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted((*folder.glob("*.tsv"), *folder.glob("*.parquet"))):
        digest.update(path.name.encode())
        digest.update(hashlib.blake2b(path.read_bytes()).digest())
    return digest.hexdigest()
