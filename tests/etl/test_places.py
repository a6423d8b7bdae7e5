import csv
from collections import Counter
from pathlib import Path

import pytest

from etl.places import is_city, is_known, locate, locate_for, region_of
from etl.reference import Reference, Region
from etl.reference.loader import HERE

# as written, region, country of the agency -> GeoNames id, country
RESOLVED = [
    ("Bakou", None, "AZ", 587084, "AZ"),
    ("BAKU", None, None, 587084, "AZ"),
    ("Баку", None, None, 587084, "AZ"),
    ("Islamabad", None, "AZ", 1176615, "PK"),
    ("Astana", None, None, 1526273, "KZ"),
    ("IZMIR", None, None, 311046, "TR"),
    ("İzmir", None, None, 311046, "TR"),
    ("PARIS", None, None, 2988507, "FR"),
    ("PARIS", "Texas", None, 4717560, "US"),
    ("LONDON", "Ontario", None, 6058560, "CA"),
    ("VANCOUVER", "British Columbia", None, 6173331, "CA"),
    ("PORTLAND", "Maine", None, 4975802, "US"),
    ("PORTLAND", "Ore.", None, 5746545, "US"),
    ("LIMA/BOGOTA", None, None, 3936456, "PE"),
    ("GROSSETO", "Italy", None, 3175786, "IT"),
    ("Nowhereville", None, None, None, None),
    ("Nowhereville", "Italie", None, None, "IT"),
    ("UKRAINE", None, "US", None, "UA"),
    ("JORDAN", None, None, None, "JO"),
    ("INDIA", None, "IN", None, "IN"),
    ("SINGAPORE", None, None, 1880252, "SG"),
    ("LUXEMBOURG", None, None, 2960316, "LU"),
    ("GRANADA", None, None, None, None),
    ("GRANADA", None, "ES", 2517117, "ES"),
    ("AZERBAÏDJAN", None, None, None, "AZ"),
    # spellings that GeoNames lacks, and such as it has with other signs
    ("Choucha", None, "AZ", 147105, "AZ"),
    ("CHOUCHA", None, None, 147105, "AZ"),
    ("Londona", None, None, 2643743, "GB"),
    ("ΘΕΣΣΑΛΟΝΙΚΗ", None, None, 734077, "GR"),
    ("Port au Prince", None, None, 3718426, "HT"),
    ("Saint Petersburg", "Fla.", None, 4171563, "US"),
    ("г. Баку", None, None, 587084, "AZ"),
    ("Bakı şəhəri", None, None, 587084, "AZ"),
    ("高雄市", None, None, 1673820, "TW"),
    # a region of several meanings, and one that only fits in one
    ("TBILISI", "Georgia", "US", 611717, "GE"),
    ("ATLANTA", "Georgia", "US", 4180439, "US"),
    ("Tijuana", "B.C.", "MX", 3981609, "MX"),
    ("VANCOUVER", "B.C.", "CA", 6173331, "CA"),
    ("HANFORD", "Wash.", None, None, "US"),
    # a region that is a place, or part of the name, or runs into it
    ("Rho", "MILANO", "IT", 3169447, "IT"),
    ("Halle", "Saale", "DE", 2911522, "DE"),
    ("Wil SG", None, "CH", 2657996, "CH"),
    ("Paris, Texas", None, None, 4717560, "US"),
    ("LIMA, BOGOTA", None, None, 3936456, "PE"),
    # what is printed under another country's name comes after what lies in it
    ("HONG KONG", "China", None, 1819729, "HK"),
    ("Saint-Denis", "France", "FR", 2980916, "FR"),
    # countries, divisions and seas
    ("KOWEÏT", None, None, 285787, "KW"),
    ("CHECHNYA", None, None, None, "RU"),
    ("GEORGIA", None, None, None, "GE"),
    ("CALIFORNIA", None, None, None, "US"),
    ("USSR", None, None, None, None),
    ("عمان", None, None, 250441, "JO"),
    ("MER NOIRE", None, "FR", None, None),
    ("À BORD DU CHARLES DE GAULLE", None, "FR", None, None),
    ("GUANTANAMO BAY NAVAL BASE", "Cuba", "US", None, "CU"),
    ("MAR DEL PLATA", None, None, 3430863, "AR"),
    # some spelling of a village
    ("BASE", None, None, None, None),
]


@pytest.mark.parametrize(("located", "region", "context", "place_id", "country"), RESOLVED)
def test_resolves(
    reference: Reference,
    located: str,
    region: str | None,
    context: str | None,
    place_id: int | None,
    country: str | None,
) -> None:
    found = locate(located, region, reference, context)
    assert (found.place.place_id if found.place else None) == place_id
    assert found.country_code == country
    assert found.margin is None or 0 <= found.margin <= 1
    assert (found.margin is None) == (found.place is None)


@pytest.mark.parametrize(
    ("located", "agency_id", "country"),
    [
        ("TRIPOLI", "nna", "LB"),
        ("طرابلس", "nna", "LB"),
        ("TRIPOLI", "aps", "LY"),
        ("TRIPOLI", "afp", "LY"),
        ("Barcelona", "avn", "VE"),
        ("Barcelona", "efe", "ES"),
        ("Barcelona", "telam", "ES"),
        ("LEÓN", "notimex", "MX"),
        # as good as one another
        ("LA PAZ", "notimex", None),
        ("LA PAZ", "andina", "BO"),
        # villages and quarters of that name, and cities that are only spelt so in some language
        ("WASHINGTON", "press_association", "US"),
        ("Rome", "atop", "IT"),
        ("ISLAMABAD", "bss", "PK"),
        # whose own papers print the province beside it
        ("LONDON", "canadian_press", "GB"),
        ("LONDON", "states_newsroom", "GB"),
        # capitals of which there is no other at home
        ("Paris", "azertac", "FR"),
        ("Paris", "nna", "FR"),
        ("Madrid", "aps", "ES"),
    ],
)
def test_a_national_agency_names_its_own_great_cities(
    reference: Reference, located: str, agency_id: str, country: str | None
) -> None:
    found = locate_for(located, None, reference, reference.agencies[agency_id])
    assert (found.place.country_code if found.place else None) == country


def test_names_no_city_where_two_are_as_good(reference: Reference) -> None:
    found = locate("Springfield", None, reference)
    assert found.place is None
    assert found.country_code == "US"
    assert len(found.candidates) > 1


def test_regions_are_divisions_or_countries(reference: Reference) -> None:
    assert region_of("Ont.", reference) == Region("CA", "08")
    assert region_of("ONTARIO", reference) == Region("CA", "08")
    assert region_of("Ile-de-France", reference) == Region("FR", "11")
    assert region_of("Азербайджан", reference) == Region("AZ", None)
    assert region_of("Berdé", reference) is None


def test_codes_in_capitals_are_no_words(reference: Reference) -> None:
    assert region_of("TX", reference) == Region("US", "TX")
    assert region_of("N.S.W.", reference) == region_of("NSW", reference) == Region("AU", "02")
    for word in ("or", "in", "ok", "us"):
        assert region_of(word, reference) is None


def test_looser_readings_make_a_town_known_and_no_village(reference: Reference) -> None:
    assert is_known("JYVASKYLA", reference)
    assert is_city("JYVASKYLA", reference)
    assert not is_known("Pay", reference)


def test_every_region_and_territory_lies_in_the_gazetteer(reference: Reference) -> None:
    columns = [reference.gazetteer._places.column(name).to_pylist() for name in ("country_code", "admin1")]
    divisions = set(zip(*columns, strict=True))
    for file in ("regions.tsv", "territories.tsv"):
        with (HERE / file).open(encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle, delimiter="\t"):
                if row["admin1"]:
                    assert (row["country_code"], row["admin1"]) in divisions, row


WRITTEN = Path(__file__).with_name("places.tsv")


def outcomes(reference: Reference) -> Counter[tuple[str, str]]:
    """How the places of the written set, as agencies write them, are located: by field and outcome."""
    counts: Counter[tuple[str, str]] = Counter()
    with WRITTEN.open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle, delimiter="\t"):
            country = row["agency_country"] or None
            found = locate(row["located"], row["region"] or None, reference, country, is_national=True)
            place_id = str(found.place.place_id) if found.place else ""
            for field, wanted, read in (
                ("place_id", row["place_id"], place_id),
                ("country_code", row["country_code"], found.country_code or ""),
            ):
                counts[field, "exact" if wanted == read else "wrong" if read else "missing"] += 1
    return counts


def test_the_written_places_are_located(reference: Reference) -> None:
    counts = outcomes(reference)
    for field in ("place_id", "country_code"):
        total = sum(count for (name, _), count in counts.items() if name == field)
        assert total >= 500
        assert counts[field, "exact"] / total >= 0.97
        # No place is better than a wrong one.
        assert counts[field, "wrong"] / total <= 0.01


def test_the_written_places_are_in_many_languages_and_name_what_the_gazetteer_has(reference: Reference) -> None:
    with WRITTEN.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert len({row["language"] for row in rows}) >= 30
    for row in rows:
        if row["place_id"]:
            place = reference.gazetteer.place(int(row["place_id"]))
            assert (place.name, place.country_code) == (row["name"], row["country_code"]), row


def test_names_that_home_and_abroad_share_are_told_apart(reference: Reference) -> None:
    counts: Counter[tuple[bool, str]] = Counter()
    with WRITTEN.with_name("places_abroad.tsv").open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle, delimiter="\t"):
            wanted, country = row["country_code"], row["agency_country"]
            place = locate(row["located"], None, reference, country, is_national=True).place
            outcome = "missing" if place is None else "exact" if place.country_code == wanted else "wrong"
            counts[wanted == country, outcome] += 1
    assert counts[True, "exact"] >= 46
    assert counts[False, "exact"] >= 79
    assert counts[True, "wrong"] + counts[False, "wrong"] <= 6
