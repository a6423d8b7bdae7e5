import pytest

from etl.places import locate, region_of
from etl.reference import Reference

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


def test_names_no_city_where_two_are_as_good(reference: Reference) -> None:
    found = locate("Springfield", None, reference)
    assert found.place is None
    assert found.country_code == "US"
    assert len(found.candidates) > 1


def test_regions_are_divisions_or_countries(reference: Reference) -> None:
    ontario = region_of("Ont.", reference)
    assert ontario is not None
    assert not isinstance(ontario, str)
    assert ontario.country_code == "CA"
    assert region_of("Азербайджан", reference) == "AZ"
    assert region_of("Berdé", reference) is None
