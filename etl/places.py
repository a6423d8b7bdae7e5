"""Which place a dateline means: from the place as written to one entry of the gazetteer, or to none.

Recognising the place in the text belongs to `etl.dateline`; what names there are, to `etl.reference`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from etl.reference import CACHED_NAMES, Agency, Place, Reference, Region, fold, normalise
from etl.reference.own import OwnPlace

_LARGE = 200_000
"""Inhabitants from which a city may be meant although a country has the same name."""

_TOWN, _CITY = 10_000, 100_000
"""Inhabitants from which a place may stand alone as a dateline: under its main name, and under another."""

_MAIN, _CAPITAL, _SIZE, _FAME, _AGREES, _CONTEXT = 1.0, 0.5, 1.5, 1.0, 2.0, 0.5
"""What speaks for a candidate, and how much (see `locate`); docs/accuracy.md says how they were measured."""

_GREAT_AT_HOME, _CITY_AT_HOME = 2.0, 1.0
"""What takes the place of `_CONTEXT` where a national agency names one of its country's great cities, or a city."""

_REGIONS_ARE_PRINTED = frozenset({"US", "CA"})
"""Where papers print the state or province beside their own cities: a bare name may as well be abroad."""

MINIMUM_MARGIN = 0.04
"""Below this, two places are as good as one another and neither is named: no city is better than a wrong one."""

MINIMUM_SCORE = 1.45
"""Below this, a place is some spelling of a village: too little, unless it lies in the region beside the name."""

_Named = tuple[tuple[Place, bool], ...]
"""The places that bear a name, each with whether it is its main name."""


@dataclass(frozen=True)
class Located:
    """What a place as written resolves to.

    Attributes:
        place: the chosen place, or None.
        country_code: its country, or that of the region or country written there; None if unknown.
        margin: 0 to 1, how far the chosen place is ahead of the next; None if none is chosen.
        candidates: all considered, best first, each with its score.
        own: the user's own entry that says so; None if none does.
    """

    place: Place | None
    country_code: str | None
    margin: float | None
    candidates: tuple[tuple[Place, float], ...]
    own: OwnPlace | None = None


@lru_cache(CACHED_NAMES)
def region_of(name: str, reference: Reference) -> Region | None:
    """The division or country that a region as written most likely means, or None if it is no region."""
    return next(iter(reference.regions.meanings(name)), None)


@lru_cache(CACHED_NAMES)
def is_known(name: str, reference: Reference) -> bool:
    """Whether the gazetteer has a place, or CLDR a country, of that name; or, in a looser reading, a town."""
    first = _first_of(name)
    # "Pay" is no village that has a mark on one of the letters.
    is_named = normalise(first) in reference.countries or bool(_exact(first, reference))
    return is_named or is_city(name, reference)


@lru_cache(CACHED_NAMES)
def is_city(name: str, reference: Reference) -> bool:
    """Whether a name is that of a town of some size, and not only some spelling of a village's."""
    if _own_entries(_first_of(name), reference):
        return True
    found = next(filter(None, _readings(_first_of(name), reference)), ())
    return any(place.population >= (_TOWN if is_main else _CITY) for place, is_main in found)


@lru_cache(CACHED_NAMES)
def is_unlisted(name: str, reference: Reference) -> bool:
    """Whether datelines name a place so that no gazetteer has: a ship, an organisation's seat."""
    return any(pattern.fullmatch(name) for pattern in reference.unlisted_places)


def locate_for(located: str, region: str | None, reference: Reference, agency: Agency | None) -> Located:
    """Resolve a place as an agency writes it; see `locate`."""
    if agency is None:
        return locate(located, region, reference)
    return locate(located, region, reference, agency.country_code, agency.is_national)


@lru_cache(CACHED_NAMES)
def locate(
    located: str,
    region: str | None,
    reference: Reference,
    context_country: str | None = None,
    is_national: bool = False,
) -> Located:
    """Resolve a place as written.

    The name as it stands comes first; looser readings of it are asked for only if none of its places lies in the
    region or country beside it. The score of a candidate adds up: its main name rather than a spelling among many
    (1), a capital (0.5), its size (0 to 1.5 by the logarithm of its population), how well known it is (0 to 1 by the
    logarithm of its spellings), and its agreement with a region that is known as a place only, as in "RHO (MILANO)"
    (2). The country that the context suggests decides only between candidates of about the same score (0.5); for an
    agency that writes of its own country mostly, a city of 100,000 there that is called so counts more (1), and one of
    the ten largest of the country most (2), so that "Tripoli" is that in Lebanon, and "Paris" still in France.

    Args:
        located: the place; of several ("LIMA/BOGOTA") the first is taken.
        region: the region or country written beside it.
        context_country: country of the agency, if it has one.
        is_national: whether the agency writes of that country mostly.
    """
    meant = reference.regions.meanings(region) if region else ()
    if own := _own_place(_first_of(located), region, meant, reference):
        return Located(own.place, own.country_code, 1.0 if own.place else None, (), own)
    # What is no region may belong to the name: "Halle (Saale)".
    names = (f"{located} ({region})", located) if region and not meant else (located,)
    found = _found(names, meant, reference)
    if not found and not region and (parted := _parted(located, reference)):
        return locate(*parted, reference, context_country, is_national)
    found = found or _found((_first_of(located),), meant, reference)
    named = () if region else _named_regions(located, reference)
    beside = _divisions_of(region, reference) if region and not meant else frozenset()
    # In other letters, a name is told by those that are called the same in these.
    called = {fold(_first_of(located)), *(fold(place.name) for place, is_main in found if is_main)}
    is_national = is_national and context_country not in _REGIONS_ARE_PRINTED
    at_home = {
        place: _weight_at_home(place, is_main, called, is_national, reference)
        for place, is_main in found
        if place.country_code == context_country and not meant
    }
    scored = [
        (place, _score(place, is_main, beside) + at_home.get(place, 0.0))
        for place, is_main in found
        if not named or _may_be_meant(place, is_main, named, context_country)
    ]
    candidates = tuple(sorted(scored, key=lambda entry: (-entry[1], entry[0].place_id))[:8])
    return _decided(candidates, meant, named, context_country)


def _decided(
    candidates: tuple[tuple[Place, float], ...],
    meant: tuple[Region, ...],
    named: tuple[Region, ...],
    context_country: str | None,
) -> Located:
    """The best of the candidates, if it is good enough and better than the next; else only what country it is in.

    Args:
        candidates: best first, each with its score.
        meant: what the region beside the place means.
        named: the country or divisions that have the same name.
        context_country: as in `locate`.
    """
    country = _country_of(meant or named)
    if not candidates:
        return Located(None, country, None, ())
    best, score = candidates[0]
    is_country = bool(named) and named[0].admin1 is None
    if is_country and not best.is_capital and best.country_code not in {country, context_country}:
        # "GRANADA" is a city, and Grenada in Spanish: neither is sure.
        return Located(None, None, None, candidates)
    if score < MINIMUM_SCORE and not meant:
        return Located(None, None, None, candidates)
    margin = 1.0 if len(candidates) == 1 else (score - candidates[1][1]) / (score or 1.0)
    if margin < MINIMUM_MARGIN:
        countries = {place.country_code for place, other in candidates if score - other < MINIMUM_MARGIN * score}
        return Located(None, country or (countries.pop() if len(countries) == 1 else None), None, candidates)
    return Located(best, best.country_code, round(margin, 4), candidates)


def _own_entries(name: str, reference: Reference) -> tuple[OwnPlace, ...]:
    return next((reference.own_places[key] for key in _keys(name) if key in reference.own_places), ())


def _own_place(name: str, region: str | None, meant: tuple[Region, ...], reference: Reference) -> OwnPlace | None:
    """What the user's own reference says that a place means: with the region beside it, else whatever stands there."""
    always = None
    for entry in _own_entries(name, reference):
        if entry.located_region is None:
            always = entry
        elif region is not None and (
            normalise(entry.located_region) == normalise(region)
            or not set(meant).isdisjoint(reference.regions.meanings(entry.located_region))
        ):
            return entry
    if always is None or not meant:
        return always
    # An alias of Paris is not meant by "Paris, Texas".
    admin1 = always.place.admin1 if always.place else None
    is_there = any(
        region.country_code == always.country_code and (None in (region.admin1, admin1) or region.admin1 == admin1)
        for region in meant
    )
    return always if is_there else None


def _found(names: Iterable[str], meant: tuple[Region, ...], reference: Reference) -> _Named:
    """The places that names may mean, by the first reading of one that gives any in the region beside it."""
    readings = (found for name in names for found in _readings(name, reference) if found)
    if not meant:
        return next(readings, ())
    elsewhere = []
    for found in readings:
        if fitting := _within(found, meant, reference.regions.holds):
            return fitting
        elsewhere.append(found)
    # What is only printed under a country's name comes after all that lies in it.
    under = reference.regions.is_printed_under
    return next(filter(None, (_within(found, meant, under) for found in elsewhere)), ())


def _within(found: _Named, regions: Iterable[Region], holds: Callable[[Region, Place], bool]) -> _Named:
    return tuple(entry for entry in found if any(holds(region, entry[0]) for region in regions))


def _readings(name: str, reference: Reference) -> Iterator[_Named]:
    """The places of a name as it stands, of those spelt like it, and the same without words such as "city"."""
    yield _exact(name, reference)
    if " " in name and is_unlisted(name, reference):
        return
    yield _alike(name, reference)
    bare = reference.place_words.fullmatch(normalise(name))
    if bare and bare["name"] != normalise(name):
        yield _exact(bare["name"], reference)
        yield _alike(bare["name"], reference)


def _keys(name: str) -> list[str]:
    """What a name is looked up by: as it stands, and as the Turkish capitals that it may be in."""
    return [normalise(name), normalise(name.replace("I", "ı"))] if "I" in name else [normalise(name)]


def _exact(name: str, reference: Reference) -> _Named:
    """The places of a name as it stands, or of the Turkish capitals that it may be in."""
    keys = _keys(name)
    found = {entry for key in keys for entry in reference.gazetteer.named(key)}
    return _merged(found, (reference.place_aliases.get(key) for key in keys), fold(name), reference)


def _alike(name: str, reference: Reference) -> _Named:
    """The places that are spelt like a name."""
    key = fold(name)
    return _merged(reference.gazetteer.spelt_like(key), (reference.folded_aliases.get(key),), key, reference)


def _merged(
    found: Iterable[tuple[Place, bool]], aliases: Iterable[int | None], key: str, reference: Reference
) -> _Named:
    """Each place once. An alias counts as a main name, and so does one but for its accents: "Bogota" for Bogotá."""
    places: dict[Place, bool] = {}
    for place, is_primary in found:
        places[place] = places.get(place, False) or is_primary or fold(place.name) == key
    for place_id in aliases:
        meant = reference.gazetteer.place(place_id) if place_id is not None else None
        if meant is not None:
            places[meant] = True
    return tuple(places.items())


def _first_of(located: str) -> str:
    return re.split(r"\s*(?:/|, | and | et | und | y )\s*", located, maxsplit=1)[0]


def _parted(located: str, reference: Reference) -> tuple[str, str] | None:
    """A name and the region that runs into it, as in "Wil SG" or "Washington D.C."; None if there is none."""
    head, _, tail = located.rpartition(" ")
    return (head.rstrip(","), tail) if head and reference.regions.meanings(tail) else None


def _named_regions(located: str, reference: Reference) -> tuple[Region, ...]:
    """The country or the divisions of which a name is the full name, too; countries first."""
    regions = reference.regions.written_out(located)
    return tuple(region for region in regions if region.admin1 is None) or regions


def _country_of(regions: Iterable[Region]) -> str | None:
    """The country of all of them, if it is the same."""
    countries = {region.country_code for region in regions}
    return countries.pop() if len(countries) == 1 else None


def _divisions_of(name: str, reference: Reference) -> frozenset[tuple[str, str | None]]:
    """The divisions where the places of a name lie: an Italian province is called by its town."""
    found = next(filter(None, _readings(name, reference)), ())
    return frozenset((place.country_code, place.admin1) for place, _ in found)


def _may_be_meant(place: Place, is_main: bool, named: tuple[Region, ...], context_country: str | None) -> bool:
    """Whether a place may be meant by a name that is a country's or division's: hardly a village somewhere else."""
    if any(place.country_code == region.country_code and place.is_capital for region in named):
        return True
    if named[0].admin1 is None:
        is_abroad = all(place.country_code != region.country_code for region in named)
        return is_abroad and is_main and (place.population >= _LARGE or place.country_code == context_country)
    is_within = any((place.country_code, place.admin1) == (region.country_code, region.admin1) for region in named)
    return is_within or (is_main and (place.population >= _CITY or place.country_code == context_country))


def _weight_at_home(place: Place, is_main: bool, called: set[str], is_national: bool, reference: Reference) -> float:
    """What it says for a place that it lies in the agency's country.

    Args:
        place, is_main: the place, and whether its main name was written.
        called: what was written, and the names of the places of which it is the main name, folded.
        is_national: whether the agency writes of its own country mostly.
        reference: tells the largest places.
    """
    # "Santiago" is short for "Santiago de los Caballeros".
    own = fold(place.name)
    is_called_so = is_main or any(own == name or own.startswith(f"{name} ") for name in called)
    if is_national and is_called_so and reference.gazetteer.is_among_largest(place):
        return _GREAT_AT_HOME
    return _CITY_AT_HOME if is_national and is_main and place.population >= _CITY else _CONTEXT


def _score(place: Place, is_main: bool, beside: frozenset[tuple[str, str | None]]) -> float:
    score = _SIZE * min(math.log10(place.population + 1) / 7, 1.0)
    score += _FAME * min(math.log10(place.spelling_count + 1) / 2, 1.0)
    score += _MAIN if is_main else 0.0
    score += _CAPITAL if place.is_capital else 0.0
    score += _AGREES if (place.country_code, place.admin1) in beside else 0.0
    return score
