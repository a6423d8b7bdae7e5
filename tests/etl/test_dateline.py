import csv
import datetime as dt
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.dateline import find_dateline
from etl.reading import read_document
from etl.reference import Reference
from etl.reference.loader import HERE
from etl.trailer import find_trailer

# line, form, place, region, agency, (day, month, year, weekday), what the body begins with
READ = [
    ("Bakou, 27 février, AZERTAC\n\nLe", "comma", "Bakou", None, "AZERTAC", (27, 2, None, None), "Le"),
    ("Bakou, 1er mars, AZERTAC\n\nLe", "comma", "Bakou", None, "AZERTAC", (1, 3, None, None), "Le"),
    ("Baku, November 27, AZERTAC\nThe", "comma", "Baku", None, "AZERTAC", (27, 11, None, None), "The"),
    ("GYUMRI, MAY 6, ARMENPRESS. The", "comma", "GYUMRI", None, "ARMENPRESS", (6, 5, None, None), "The"),
    ("Riyadh, Aug. 01, 2019, SPA -- The", "comma", "Riyadh", None, "SPA", (1, 8, 2019, None), "The"),
    ("Terter, Berdé, 3 octobre, AZERTAC\n\nLe", "comma", "Terter, Berdé", None, "AZERTAC", (3, 10, None, None), "Le"),
    ("Bakou, 3 octobre, XYZPRESS\n\nLe", "comma", "Bakou", None, "XYZPRESS", (3, 10, None, None), "Le"),
    ("LYON, Oct 2 (Reuters) - The", "parenthesis", "LYON", None, "Reuters", (2, 10, None, None), "The"),
    ("Paris, 9 déc 2018 (AFP) - Le", "parenthesis", "Paris", None, "AFP", (9, 12, 2018, None), "Le"),
    ("PARIS, le 3 mai 2021 (AFP) – Le", "parenthesis", "PARIS", None, "AFP", (3, 5, 2021, None), "Le"),
    ("RAMALLAH, Sunday, March 3, 2024 (WAFA) - A", "parenthesis", "RAMALLAH", None, "WAFA", (3, 3, 2024, 7), "A"),
    ("Paris, mardi 9 mai (AFP) - Le", "parenthesis", "Paris", None, "AFP", (9, 5, None, 2), "Le"),
    ("VANCOUVER, British Columbia, Feb 26 (Reuters) - A", "parenthesis", "VANCOUVER", "British Columbia", "Reuters",
     (26, 2, None, None), "A"),
    ("PORTLAND, Ore., May 3 (Reuters) - A", "parenthesis", "PORTLAND", "Ore.", "Reuters", (3, 5, None, None), "A"),
    ("LIMA/BOGOTA, Sept 3 (Reuters) - A", "parenthesis", "LIMA/BOGOTA", None, "Reuters", (3, 9, None, None), "A"),
    ("ST. LOUIS, March 4 (AP) — A", "parenthesis", "ST. LOUIS", None, "AP", (4, 3, None, None), "A"),
    ("Bakou, 4 mars (AZERTAC). Le", "parenthesis", "Bakou", None, "AZERTAC", (4, 3, None, None), "Le"),
    ("Madrid, 11 may (EFE).- El", "parenthesis", "Madrid", None, "EFE", (11, 5, None, None), "El"),
    ("LYON, Oct 2 (Agence **Gras** `x`) - A", "parenthesis", "LYON", None, "Agence **Gras** `x`", (2, 10, None, None), "A"),
    ("Praia, 3 mai (Inforpress) - Le", "parenthesis", "Praia", None, "Inforpress", (3, 5, None, None), "Le"),
    ("By Ann Writer SEOUL, Nov. 24 (Yonhap) -- A", "parenthesis", "SEOUL", None, "Yonhap", (24, 11, None, None), "A"),
    ("NEW YORK (AP) — The", "parenthesis_undated", "NEW YORK", None, "AP", None, "The"),
    ("GROSSETO, Italy (AP) -- The", "parenthesis_undated", "GROSSETO", "Italy", "AP", None, "The"),
    ("San Mateo (ANP/RTL) - De", "parenthesis_undated", "San Mateo", None, "ANP/RTL", None, "De"),
    ("Oct 22 (Reuters) - The", "parenthesis_no_place", None, None, "Reuters", (22, 10, None, None), "The"),
    ("(Reuters) - The", "parenthesis_agency_only", None, None, "Reuters", None, "The"),
    ("(ANSA) - ROME, JUL 11 - The", "parenthesis_first", "ROME", None, "ANSA", (11, 7, None, None), "The"),
    ("新华社北京8月12日电（记者王某）记者", "cable", "北京", None, "新华社", (12, 8, None, None), "记者"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "form", "place", "region", "agency", "date", "body"), READ, ids=[r[0] for r in READ])
def test_reads(
    reference: Reference,
    text: str,
    form: str,
    place: str | None,
    region: str | None,
    agency: str,
    date: tuple[int, int, int | None, int | None] | None,
    body: str,
) -> None:
    found = find_dateline(text, 0, reference).dateline
    assert found is not None
    assert found.form == form
    assert (found.place.literal if found.place else None) == place
    assert found.region == region
    assert found.agency is not None
    assert found.agency.literal == agency
    read = found.date
    assert ((read.day, read.month, read.year, read.weekday) if read else None) == date
    assert text[found.body_start :].startswith(body)
    for span in (found.span, found.place, found.agency):
        assert span is None or text[span.start : span.end] == span.literal
    assert 0 < found.confidence <= 1


NOT_READ = [
    "Pékin et Washington doivent reprendre leurs échanges, 3 mai, selon la presse",
    "Aujourd'hui 26 mai, la ville fête son marché",
    "Économie",
    "president.az",
    "Foto: N N - Lusa",
    "La Bourse (CAC 40) - point de mi-séance",
    "Le directeur de l'usine, 44 ans (photo) - a salué",
    "Rome, 3 mai (correspondance particulière) Un lecteur",
    "Jean Dupont (AFP) - légende",
    "Lima (5°): vent et pluie",
    "FACTBOX (Reuters) - The",
    "GOLDMAN SACHS (Reuters) - The",
    "Paris (AFP Photo) - La foule",
    "People walk in Rome, Italy, March 3, 2021 (Reuters)",
    "Marie Curie, 12 mars 2021 (AFP)",
    "Paris, le 3 mai\nMadame, Monsieur",
    "Mardi, 3 mai, Opéra",
    "Paris, 32 mai (AFP) - Le",
    "Paris, 3 maiss (AFP) - Le",
    "LEADERS OF THE GENERAL UNION OF WORKERS (GUW) - THE",
    "Le texte dit que (AFP) - la source",
    "",
    "- - -",
]


@pytest.mark.parametrize("text", NOT_READ)
def test_reads_no_dateline_where_there_is_none(reference: Reference, text: str) -> None:
    assert find_dateline(text, 0, reference).dateline is None


def test_a_dateline_that_is_quoted_below_prose_is_none(reference: Reference) -> None:
    prose = "Le journal rappelle ce matin une dépêche qui avait fait grand bruit à son époque.\n\n"
    quoted = "Paris, 12 mars 2001 (AFP) - Le pont est ouvert."
    assert find_dateline(quoted, 0, reference).dateline is not None
    assert find_dateline(prose + quoted, 0, reference).dateline is None


def test_the_first_line_with_a_dateline_has_it(reference: Reference) -> None:
    text = "PARIS (AFP) - Le pont est ouvert.\nLYON, Oct 2 2001 (Reuters) - The bridge"
    found = find_dateline(text, 0, reference).dateline
    assert found is not None
    assert found.span.literal == "PARIS (AFP)"


@pytest.mark.parametrize(("agency", "month"), [("AFP", 11), ("PRNewswire", 5), ("AP", 5)])
def test_figures_are_read_in_the_order_of_the_agency(reference: Reference, agency: str, month: int) -> None:
    found = find_dateline(f"DENVER, 05/11/2019 ({agency}) -- The", 0, reference).dateline
    assert found is not None
    assert found.date is not None
    assert found.date.month == month


def test_says_why_a_candidate_lost(reference: Reference) -> None:
    found = find_dateline("Paris, 32 mai (AFP) - Le", 0, reference)
    assert [(e.rule, e.has_won, e.reason) for e in found.evidence if e.rule == "parenthesis"] == [
        ("parenthesis", False, "no such date")
    ]


def test_looks_below_section_and_headline_but_not_into_the_body(reference: Reference) -> None:
    above = "Société\nUn titre\nVIDEO\n"
    dateline = "Bakou, 27 février, AZERTAC\nLe texte"
    found = find_dateline(above + dateline, 0, reference).dateline
    assert found is not None
    assert found.span.start == len(above)
    assert find_dateline("Une ligne.\n" * 9 + dateline, 0, reference).dateline is None


def test_every_form_reads_its_own_example(reference: Reference) -> None:
    for row in reference.forms:
        found = find_dateline(row.example, 0, reference).dateline
        assert found is not None, row.name
        assert found.form == row.name


awkward = st.text(alphabet="Aa1,.()-— \n/éБ京", max_size=400)


@given(awkward)
def test_arbitrary_text_never_raises_and_offsets_hold(reference: Reference, text: str) -> None:
    found = find_dateline(text, 0, reference)
    for entry in found.evidence:
        assert entry.start is not None
        assert entry.end is not None
        assert text[entry.start : entry.end] == entry.value


@settings(deadline=None)
@given(
    st.sampled_from(
        ["A", "A ", " ", "\u00a0", "video ", ". ", "A, ", "(", "A (", "1 ", "a", "'", "京", "A, 1 a ", "A " * 7 + "("]
    )
)
def test_time_grows_no_faster_than_the_text(reference: Reference, unit: str) -> None:
    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        begun = time.perf_counter()
        find_dateline(text, 0, reference)
        find_trailer(text, 0, len(text), reference)
        return time.perf_counter() - begun

    # Not a benchmark: what is not linear takes minutes here.
    assert seconds(200_000) < 5


@pytest.mark.parametrize(
    "text",
    [
        "Bakou, 10 mars, AZERTAC" + " " * 200_000 + "x",
        "video" + " " * 200_000 + "x",
        "PARIS (AFP)" + " ." * 100_000,
        "Le texte. " + "(" * 200_000,
    ],
)
def test_long_blanks_take_no_time(reference: Reference, text: str) -> None:
    begun = time.perf_counter()
    read_document(text, dt.date(2026, 11, 21), reference)
    assert time.perf_counter() - begun < 5


def cases() -> list[dict[str, str]]:
    with Path(__file__).with_name("datelines.tsv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_there_are_cases_in_many_languages() -> None:
    rows = cases()
    assert len(rows) >= 400
    assert len({row["language"] for row in rows}) >= 30
    assert sum(not row["located"] and not row["agency_literal"] for row in rows) >= 50


@pytest.mark.parametrize("row", cases(), ids=lambda row: row["line"])
def test_reads_every_case(reference: Reference, row: dict[str, str]) -> None:
    reading = read_document(row["line"], dt.date(2026, 11, 21), reference)
    place = reading.dateline.place if reading.dateline else None
    year, month, day = [*(reading.date.content_created_edtf or "").split("-"), "", "", ""][:3]
    assert (place.literal if place else "") == row["located"]
    assert (reading.credit.span.literal if reading.credit else "") == row["agency_literal"]
    assert (reading.credit.agency_id if reading.credit else None) == (row["agency_id"] or None)
    assert (reading.dateline is not None) == bool(row["located"] or row["agency_literal"])
    for wanted, found in ((row["year"], year), (row["month"], month), (row["day"], day)):
        assert not wanted or int(wanted) == int(found)


def names_of_months() -> list[tuple[str, int, str]]:
    """Every name of a month that CLDR has: language, number, name."""
    rows = [line.split("\t") for line in (HERE / "calendar.tsv").read_text("utf-8").splitlines()[1:]]
    # "1月" is read as figures.
    return [
        (language, int(n), name) for language, kind, n, name in rows if kind == "month" and not re.search(r"\d", name)
    ]


def print_form(pattern: str, values: dict[str, str]) -> str:
    """A dateline in a form of the grammar: each item that it cannot do without, and the first of alternatives."""
    items = [item.partition("|")[0] for item in pattern.split() if len(item) == 1 or not item.endswith("?")]
    return " ".join(values.get(item, item) for item in items).replace(" + ", "-")


@given(st.data(), st.integers(1, 28), st.sampled_from(names_of_months()))
def test_a_dateline_printed_in_any_form_and_language_reads_back(
    reference: Reference, data: st.DataObject, day: int, month: tuple[str, int, str]
) -> None:
    language, number, name = month
    row = data.draw(st.sampled_from(reference.forms))
    place = data.draw(st.sampled_from(["LYON", "TOKYO", "ANKARA", "PORT-AU-PRINCE"]))
    agency = data.draw(st.sampled_from(["Reuters", "AZERTAC", "AFP", "РИА Новости", "EUROPA PRESS"]))
    is_month_first = data.draw(st.booleans())
    if "+" in row.pattern:
        place, agency = "Lyon", "AFP"
    values = {
        "place": f"{place} (France)" if "region" in row.needs else place,
        "date": f"{name} {day}" if is_month_first else f"{day} {name}",
        "day": str(day),
        "when": str(day),
        "agency": agency,
        "credit": agency,
        "name": "Leyla Demir",
        "cable": "專訊",
        "end": "",
    }
    line = f"{print_form(row.pattern, values)} - Le texte en dit tout ce que nous savons de cela."
    found = find_dateline(line, 0, reference, language).dateline
    assert found is not None, f"{row.name}: {line}"
    items = row.pattern.split()
    assert "place" not in items or (found.place is not None and found.place.literal == place)
    assert not {"agency", "credit"} & set(items) or (found.agency is not None and found.agency.literal == agency)
    if "date" in items:
        assert found.date is not None
        assert (found.date.day, found.date.month) == (day, number)
