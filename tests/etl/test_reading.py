import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.reading import Reading, read_document
from etl.reference import Reference
from etl.transform import document_values
from tests.support import dispatch

TODAY = dt.date(2026, 11, 21)

OPENING = (
    " date 2021-02 Bakou, 27 février, AZERTAC\n\n"
    "La coopération entre l'AZERTAC et la bibliothèque de Lyon a été prolongée samedi 27 février.\n\n"
    "L'accord, dit la directrice, « ouvre l'AZERTAC aux lecteurs »."
)


def read(text: str, reference: Reference) -> tuple[Reading, dict[str, object]]:
    reading = read_document(text, TODAY, reference)
    return reading, document_values(reading)


def test_reads_a_dispatch_to_the_character(reference: Reference) -> None:
    reading, values = read(OPENING, reference)
    expected = {
        "header": "date 2021-02",
        "date_published_edtf": "2021-02",
        "dateline": "Bakou, 27 février, AZERTAC",
        "dateline_start": 14,
        "dateline_end": 40,
        "dateline_form": "comma",
        "located": "Bakou",
        "located_start": 14,
        "located_end": 19,
        "located_region": None,
        "place_id": 587084,
        "place_name": "Baku",
        "country_code": "AZ",
        "content_created": dt.date(2021, 2, 27),
        "content_created_edtf": "2021-02-27",
        "date_precision": "day",
        "date_method": "header+dateline",
        "date_conflict": None,
        "weekday_ok": True,
        "agency_id": "azertac",
        "agency_literal": "AZERTAC",
        "agency_start": 33,
        "agency_end": 40,
        "agency_role": "dateline",
        "language": "fr",
        "month": "2021-02",
        "body_start": 42,
        "body_end": len(OPENING),
        "char_count": len(OPENING) - 42,
        "word_count": 23,
        "paragraph_count": 2,
        "trailer": None,
    }
    assert {name: values[name] for name in expected} == expected
    assert reading.quality_flags == ()


def test_an_agency_named_in_a_sentence_is_no_credit(reference: Reference) -> None:
    text = " date 2021-02 L'AZERTAC (AP) a signé un accord.\n\nReuters l'annonce, selon l'AFP."
    _, values = read(text, reference)
    assert values["agency_id"] is None
    assert values["agency_literal"] is None
    assert values["dateline"] is None


def test_a_signoff_is_a_credit_and_not_body(reference: Reference) -> None:
    text = " date 2018-05 La rivière est haute.\n\nLes écoles ferment mardi. (Belga)"
    reading, values = read(text, reference)
    assert values["trailer"] == "(Belga)"
    assert values["agency_id"] == "belga"
    assert values["agency_role"] == "credit"
    assert text[reading.body_start : reading.body_end].endswith("mardi.")


def test_a_dateline_beats_the_signoff_as_credit(reference: Reference) -> None:
    _, values = read("PARIS, 3 mai 2021 (AFP) - La rivière est haute. (Belga)", reference)
    assert (values["agency_id"], values["agency_role"], values["trailer"]) == ("afp", "dateline", "(Belga)")


def test_a_shared_credit_is_kept_whole(reference: Reference) -> None:
    _, values = read("San Mateo (ANP/RTL) - De brug is open.", reference)
    assert (values["agency_literal"], values["agency_role"], values["agency_id"]) == ("ANP/RTL", "shared", "anp")


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (" date 2021-02", ("no_dateline", "empty_body")),
        ("Bakou, 27 février, AZERTAC", ("no_header", "empty_body")),
        ("Une ligne.", ("no_header", "no_dateline")),
        ("Bakou, 27 février, AZERTAC\nUne ligne.\n© 2021 AZERTAC", ("no_header", "furniture_removed")),
    ],
)
def test_flags_what_is_missing(reference: Reference, text: str, flags: tuple[str, ...]) -> None:
    reading, values = read(text, reference)
    assert reading.quality_flags == flags
    assert values["paragraph_count"] == (0 if "empty_body" in flags else 1)


piece = st.sampled_from(
    [" date 2021-02 ", " date 2021-02-30 ", "Bakou", ", ", "27 février", "AZERTAC", "(AFP)", " - ", " — ", "\n", "\n\n",
     "VIDEO", "jeudi 15 décembre", "Reuters", "/APA/", "京", "é", "\u202e", "UPDATE 2", "By A B"]
)  # fmt: skip


@given(st.lists(piece | st.text(max_size=8), max_size=14).map("".join))
def test_arbitrary_text_never_raises_and_every_offset_gives_back_its_literal(reference: Reference, text: str) -> None:
    reading, values = read(text, reference)
    for name, literal in (("dateline", "dateline"), ("located", "located"), ("agency", "agency_literal")):
        start, end = values[f"{name}_start"], values[f"{name}_end"]
        assert (text[start:end] if isinstance(start, int) and isinstance(end, int) else None) == values[literal]
    assert 0 <= reading.body_start <= reading.body_end <= len(text)
    for paragraph in reading.paragraphs:
        assert reading.body_start <= paragraph.start < paragraph.end <= reading.body_end
    assert values["content_created"] is None or values["content_created"] <= TODAY + dt.timedelta(days=1)  # type: ignore[operator]
    for entry in reading.evidence:
        assert entry.start is None or 0 <= entry.start <= (entry.end or 0) <= len(text)


@given(
    st.integers(1, 28), st.integers(1, 12), st.integers(1990, 2025), st.sampled_from(["Bakou", "Tétouan", "NEW YORK"])
)
def test_a_dateline_printed_from_values_reads_back(
    reference: Reference, day: int, month: int, year: int, place: str
) -> None:
    names = [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ]
    printed = [
        f"{place}, {day} {names[month - 1]} {year} (AFP) - Le texte",
        f" date {year}-{month:02} {place}, {day} {names[month - 1]}, AZERTAC\n\nLe texte",
        dispatch(day, "Le texte", f"{year}-{month:02}", names[month - 1]),
    ]
    for text in printed:
        _, values = read(text, reference)
        assert values["content_created"] == dt.date(year, month, day)
