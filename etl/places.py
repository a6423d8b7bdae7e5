"""Which place a dateline means: from the place as written to one entry of the gazetteer, or to none.

Recognising the place in the text belongs to `etl.dateline`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from etl.reference import CACHED_NAMES, Place, Reference, Region, normalise
from etl.reference.own import OwnPlace

_LARGE = 200_000
"""Inhabitants from which a city may be meant although a country has the same name."""

_TOWN, _CITY = 10_000, 100_000
"""Inhabitants from which a place may stand alone as a dateline: under its main name, and under another."""

MINIMUM_MARGIN = 0.03
"""Below this, two places are as good as one another and neither is named: no city is better than a wrong one."""


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
def region_of(name: str, reference: Reference) -> Region | str | None:
    """What a region as written means: a first-order division, a country code, or None if it is neither."""
    key = normalise(name)
    return reference.regions.get(key) or reference.countries.get(key)


@lru_cache(CACHED_NAMES)
def is_known(name: str, reference: Reference) -> bool:
    """Whether the gazetteer has a place, or CLDR a country, of that name."""
    key = _key(_first_of(name), reference)
    return bool(reference.gazetteer.named(key)) or key in reference.countries or key in reference.own_places


@lru_cache(CACHED_NAMES)
def is_city(name: str, reference: Reference) -> bool:
    """Whether a name is that of a town of some size, and not only some spelling of a village's."""
    key = _key(_first_of(name), reference)
    return key in reference.own_places or any(
        place.population >= (_TOWN if _is_main(place, is_primary, key) else _CITY)
        for place, is_primary in reference.gazetteer.named(key)
    )


@lru_cache(CACHED_NAMES)
def is_unlisted(name: str, reference: Reference) -> bool:
    """Whether datelines name a place so that no gazetteer has: a ship, an organisation's seat."""
    return any(pattern.fullmatch(name) for pattern in reference.unlisted_places)


@lru_cache(CACHED_NAMES)
def locate(located: str, region: str | None, reference: Reference, context_country: str | None = None) -> Located:
    """Resolve a place as written.

    The score of a candidate adds up: its main name rather than a spelling among many (1), a capital (0.5), its
    size (0 to 1 by the logarithm of its population), and its agreement with the region beside it (2). The
    country that the context suggests decides only between candidates of about the same score (0.3).

    Args:
        located: the place; of several ("LIMA/BOGOTA") the first is taken.
        region: the region or country written beside it.
        context_country: country of the agency, if it has one.
    """
    key = _key(_first_of(located), reference)
    meant = region_of(region, reference) if region else None
    meant_country = meant.country_code if isinstance(meant, Region) else meant
    if own := _own_place(key, region, meant, reference):
        return Located(own.place, own.country_code, 1.0 if own.place else None, (), own)
    named_country = reference.countries.get(key) if region is None else None
    scored = sorted(
        (
            (place, _score(place, _is_main(place, is_primary, key), meant, meant_country, context_country))
            for place, is_primary in reference.gazetteer.named(key)
            if (meant_country is None or place.country_code == meant_country)
            and (named_country is None or _may_be_meant(place, is_primary, named_country, context_country))
        ),
        key=lambda entry: (-entry[1], entry[0].place_id),
    )
    candidates = tuple(scored[:8])
    if not candidates:
        return Located(None, meant_country or named_country, None, ())
    best, score = candidates[0]
    if named_country is not None and best.country_code not in {named_country, context_country}:
        # "GRANADA" is a city, and Grenada in Spanish: neither is sure.
        return Located(None, None, None, candidates)
    margin = 1.0 if len(candidates) == 1 else (score - candidates[1][1]) / score
    if margin < MINIMUM_MARGIN:
        countries = {place.country_code for place, other in candidates if score - other < MINIMUM_MARGIN * score}
        return Located(None, meant_country or (countries.pop() if len(countries) == 1 else None), None, candidates)
    return Located(best, best.country_code, round(margin, 4), candidates)


def _own_place(key: str, region: str | None, meant: Region | str | None, reference: Reference) -> OwnPlace | None:
    """What the user's own reference says that a place means: with the region beside it, else whatever stands there."""
    always = None
    for entry in reference.own_places.get(key, ()):
        if entry.located_region is None:
            always = entry
        elif region is not None and (
            normalise(entry.located_region) == normalise(region)
            or (meant is not None and region_of(entry.located_region, reference) == meant)
        ):
            return entry
    if always is None or meant is None:
        return always
    # An alias of Paris is not meant by "Paris, Texas".
    if isinstance(meant, str):
        return always if always.country_code == meant else None
    admin1 = always.place.admin1 if always.place else None
    return always if always.country_code == meant.country_code and admin1 in (None, meant.admin1) else None


def _may_be_meant(place: Place, is_primary: bool, named_country: str, context_country: str | None) -> bool:
    """Whether a place that bears a country's name may be meant by it: hardly a village on another continent."""
    if place.country_code == named_country:
        return place.is_capital
    return is_primary and (place.population >= _LARGE or place.country_code == context_country)


def _score(
    place: Place, is_primary: bool, meant: Region | str | None, meant_country: str | None, context: str | None
) -> float:
    score = min(math.log10(place.population + 1) / 7, 1.0)
    score += 1.0 if is_primary else 0.0
    score += 0.5 if place.is_capital else 0.0
    if meant_country is not None:
        same_division = not isinstance(meant, Region) or place.admin1 == meant.admin1
        score += 2.0 if same_division else 0.0
    elif context is not None and place.country_code == context:
        score += 0.3
    return score


def _is_main(place: Place, is_primary: bool, key: str) -> bool:
    """Whether a name is a place's main one, accents aside: "Bogota" is that of Bogotá."""
    return is_primary or _plain(place.name) == _plain(key)


def _key(name: str, reference: Reference) -> str:
    """The key that the gazetteer has a name under: Turkish capitals are tried, too, if it has none otherwise."""
    key = normalise(name)
    if "I" in name and not _has(key, reference):
        turkish = normalise(name.replace("I", "ı"))
        return turkish if _has(turkish, reference) else key
    return key


def _has(key: str, reference: Reference) -> bool:
    return key in reference.own_places or bool(reference.gazetteer.named(key))


@lru_cache(CACHED_NAMES)
def _plain(name: str) -> str:
    """A name without accents."""
    return "".join(sign for sign in unicodedata.normalize("NFD", normalise(name)) if not unicodedata.combining(sign))


def _first_of(located: str) -> str:
    return re.split(r"\s*(?:/|, | and | et )\s*", located, maxsplit=1)[0]
