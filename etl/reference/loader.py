"""Reading and checking the reference files.

A file that does not keep its form is a set-up fault that names the file, the line and what is allowed. What a
look-up means for a document belongs to the modules that ask.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from etl.contract import AGENCY_KINDS
from etl.errors import SetupFault
from etl.reference.gazetteer import Gazetteer

HERE = Path(__file__).parent

CACHED_NAMES = 1 << 14
"""Names of which what was looked up is remembered: an archive has the same places and agencies again and again."""


@lru_cache(CACHED_NAMES)
def normalise(name: str) -> str:
    """The key under which names are looked up: NFC, case folded, single spaces, no full stop at the end."""
    # The Turkish capital İ folds to an i and a dot above: IZMIR and İzmir are to be one.
    folded = unicodedata.normalize("NFC", name).casefold().replace("i\u0307", "i")
    return " ".join(folded.split()).rstrip(".")


@dataclass(frozen=True)
class Agency:
    """An entry of the agency registry; the fields are the columns of `etl.contract.AGENCIES`."""

    agency_id: str
    name: str
    country_code: str | None
    kind: str
    wikidata_id: str | None
    literals: tuple[str, ...]
    names: dict[str, str]


@dataclass(frozen=True)
class Region:
    """A first-order division: its country (ISO 3166-1 alpha-2) and its GeoNames code there."""

    country_code: str
    admin1: str


@dataclass(frozen=True)
class LineKind:
    """A kind of line that stands before a dateline: furniture, version_label or byline."""

    kind: str
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class FormRow:
    """A row of dateline_forms.tsv; `etl.dateline` compiles its pattern.

    Attributes:
        name: the form's name.
        position: head (a dateline) or tail (a sign-off).
        needs: what it takes to be believed: a known `agency` (or one in capitals), a known `place` (or one in
            capitals), a `dash` after it where the agency is unknown.
        confidence: 0 to 1, where agency and place are known and it stands on the first line.
        pattern: in the language of `etl.dateline`.
        example: a line that it reads; a test holds that.
    """

    name: str
    position: str
    needs: frozenset[str]
    confidence: float
    pattern: str
    example: str


class Calendar:
    """Month and weekday names of all languages."""

    def __init__(self, rows: Iterable[tuple[str, str, int, str]]) -> None:
        self._names: dict[str, dict[str, dict[str, int]]] = {"month": {}, "weekday": {}}
        for language, kind, number, name in rows:
            self._names[kind].setdefault(name, {})[language.partition("-")[0]] = number

    def month(self, name: str, language: str | None = None) -> int | None:
        """The number of the month, 1 to 12, or None if the name is no month's.

        A name that means different months in different languages ("listopad") is read in `language`, and not at
        all if that is unknown or has no such name.
        """
        return self._number("month", name, language)

    def weekday(self, name: str, language: str | None = None) -> int | None:
        """The number of the weekday, Monday = 1, or None if the name is no weekday's. As `month`."""
        return self._number("weekday", name, language)

    def _number(self, kind: str, name: str, language: str | None) -> int | None:
        meanings = self._names[kind].get(normalise(name))
        if meanings is None:
            return None
        numbers = set(meanings.values())
        if len(numbers) == 1:
            return next(iter(numbers))
        return meanings.get(language.partition("-")[0]) if language else None

    def is_name(self, kind: str, name: str) -> bool:
        """Whether a name is some language's month or weekday, whichever of them."""
        return normalise(name) in self._names[kind]


@dataclass(frozen=True, eq=False)
class Reference:
    """All reference data.

    Attributes:
        agencies: the registry by agency id.
        literals: agency ids by normalised literal; several where a short name is shared.
        calendar, regions, countries, line_kinds, forms, gazetteer: what their files hold.
        version: digest over all the files.
    """

    agencies: dict[str, Agency]
    literals: dict[str, tuple[str, ...]]
    calendar: Calendar
    regions: dict[str, Region]
    countries: dict[str, str]
    line_kinds: tuple[LineKind, ...]
    forms: tuple[FormRow, ...]
    gazetteer: Gazetteer
    version: str


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
    return Reference(
        agencies=agencies,
        literals={literal: tuple(ids) for literal, ids in literals.items()},
        calendar=Calendar(_calendar(folder)),
        regions={row[0]: Region(row[1], row[2]) for _, row in _rows(folder / "regions.tsv", 3)},
        countries=_countries(folder),
        line_kinds=tuple(_line_kinds(folder)),
        forms=tuple(_forms(folder)),
        gazetteer=Gazetteer(folder),
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
    for where, (agency_id, name, country, kind, wikidata, literals, names) in _rows(folder / "agencies.tsv", 7):
        if agency_id in seen:
            raise SetupFault(f"{where}: agency {agency_id} stands there twice")
        if kind not in AGENCY_KINDS:
            raise SetupFault(f"{where}: {kind!r} is not a kind of agency; those are {', '.join(AGENCY_KINDS)}")
        seen.add(agency_id)
        yield Agency(
            agency_id,
            name,
            country or None,
            kind,
            wikidata or None,
            tuple(literals.split("|")),
            {language: text for language, _, text in (entry.partition("=") for entry in names.split("|"))},
        )


def _calendar(folder: Path) -> Iterator[tuple[str, str, int, str]]:
    for file in ("calendar.tsv", "calendar_extra.tsv"):
        for where, (language, kind, number, name) in _rows(folder / file, 4):
            last = {"month": 12, "weekday": 7}.get(kind)
            if last is None or not number.isdigit() or not 1 <= int(number) <= last:
                raise SetupFault(f"{where}: not a month 1 to 12 or a weekday 1 to 7: {kind} {number}")
            yield language, kind, int(number), name


def _countries(folder: Path) -> dict[str, str]:
    codes: dict[str, set[str]] = defaultdict(set)
    for _, (name, code) in _rows(folder / "countries.tsv", 2):
        codes[normalise(name)].add(code)
    # A name that means different countries in different languages says nothing by itself.
    return {name: next(iter(found)) for name, found in codes.items() if len(found) == 1}


def _line_kinds(folder: Path) -> Iterator[LineKind]:
    kinds = ("furniture", "version_label", "byline")
    for where, (kind, pattern, example) in _rows(folder / "front_matter.tsv", 3):
        if kind not in kinds:
            raise SetupFault(f"{where}: {kind!r} is not a kind of line; those are {', '.join(kinds)}")
        compiled = _compiled(where, pattern, re.IGNORECASE)
        if not compiled.fullmatch(example):
            raise SetupFault(f"{where}: the pattern does not match its example {example!r}")
        yield LineKind(kind, compiled)


def _forms(folder: Path) -> Iterator[FormRow]:
    for where, (name, position, needs, confidence, pattern, example) in _rows(folder / "dateline_forms.tsv", 6):
        needed = frozenset(needs.split(",")) if needs else frozenset()
        if position not in {"head", "tail"} or not needed <= {"agency", "place", "dash"}:
            raise SetupFault(f"{where}: position is head or tail, needs are agency, place, dash")
        if not re.fullmatch(r"0\.\d+|1(?:\.0)?", confidence) or "agency" not in pattern:
            raise SetupFault(f"{where}: a form has a confidence from 0 to 1 and an agency in its pattern")
        _compiled(where, re.sub(r"\{[a-z]+\}", "x", pattern))
        yield FormRow(name, position, needed, float(confidence), pattern, example)


def _compiled(where: str, pattern: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    try:
        return re.compile(pattern, flags)
    except re.error as error:
        raise SetupFault(f"{where}: not a regular expression: {error}") from None


def _digest(folder: Path) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted((*folder.glob("*.tsv"), *folder.glob("*.parquet"))):
        digest.update(path.name.encode())
        digest.update(hashlib.blake2b(path.read_bytes()).digest())
    return digest.hexdigest()
