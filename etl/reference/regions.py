"""What a region or country means that is written beside a place, or by itself.

Which place is meant then belongs to `etl.places`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from etl.reference.gazetteer import Place
from etl.reference.names import fold, normalise


@dataclass(frozen=True)
class Region:
    """A country, or a first-order division of one.

    Attributes:
        country_code: ISO 3166-1 alpha-2.
        admin1: GeoNames code of the division; None for the country as a whole.
    """

    country_code: str
    admin1: str | None


def is_code(name: str) -> bool:
    """Whether a name stands for itself letter by letter only: "NSW", "TX", "USA". In small letters, many are words."""
    return name.isascii() and name.isalpha() and name.isupper()


def is_written_out(name: str) -> bool:
    """Whether a name is a full one and no abbreviation."""
    return not is_code(name) and "." not in name


class Regions:
    """Names and abbreviations of divisions and countries.

    One name may mean several: Georgia is a state and a country, B.C. a province in Canada and a state in Mexico.

    Args:
        rows: each name as it is printed, with what it means, the likelier first.
        territories: those that are also printed under another country's name, with its code.
    """

    def __init__(self, rows: Iterable[tuple[str, Region]], territories: Iterable[tuple[Region, str]] = ()) -> None:
        self._under: dict[Region, set[str]] = {}
        for territory, country_code in territories:
            self._under.setdefault(territory, set()).add(country_code)
        self._regions: dict[str, list[Region]] = {}
        self._codes: dict[str, list[Region]] = {}
        self._written_out: set[str] = set()
        self._abbreviations: set[str] = set()
        for name, region in rows:
            key = normalise(name)
            found = self._codes.setdefault(name, []) if is_code(name) else self._regions.setdefault(key, [])
            if region not in found:
                found.append(region)
            if is_written_out(name):
                self._written_out.add(key)
            elif not is_code(name) and region.admin1 is not None:
                self._abbreviations.add(key)

    @cached_property
    def _folded(self) -> dict[str, list[Region]]:
        folded: dict[str, list[Region]] = {}
        for name, regions in self._regions.items():
            found = folded.setdefault(fold(name), [])
            found += [region for region in regions if region not in found]
        return folded

    def countries(self) -> dict[str, str]:
        """The countries' codes by those of their full names, normalised, that are no other country's."""
        found = {}
        for key in self._written_out:
            codes = {region.country_code for region in self._regions[key] if region.admin1 is None}
            if len(codes) == 1:
                found[key] = codes.pop()
        return found

    def __contains__(self, key: object) -> bool:
        """Whether a normalised name is an abbreviation of a division, so that its full stop ends no sentence."""
        return key in self._abbreviations

    def meanings(self, name: str) -> tuple[Region, ...]:
        """All that a name or abbreviation may mean, the likeliest first; empty if it is no region's."""
        key = normalise(name)
        return tuple(self._codes.get(name) or self._regions.get(key) or self._folded.get(fold(key)) or ())

    def written_out(self, name: str) -> tuple[Region, ...]:
        """As `meanings`, for full names only: who writes "Man" by itself means no Manitoba."""
        key = normalise(name)
        if key in self._written_out:
            return tuple(self._regions[key])
        return tuple(self._folded.get(fold(key), ())) if key not in self._regions else ()

    @staticmethod
    def holds(region: Region, place: Place) -> bool:
        """Whether a place lies in a region."""
        return region.country_code == place.country_code and region.admin1 in (None, place.admin1)

    def is_printed_under(self, region: Region, place: Place) -> bool:
        """Whether a place lies in a territory that is printed under the name of a country, too."""
        own = (Region(place.country_code, None), Region(place.country_code, place.admin1))
        return region.admin1 is None and any(region.country_code in self._under.get(territory, ()) for territory in own)
