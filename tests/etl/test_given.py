"""What is given from outside a text: how its dates are understood, and what they decide."""

import datetime as dt
import json
from pathlib import Path

import pytest

from etl.errors import SetupFault
from etl.given import given_date, read_given
from etl.intake import Intake
from etl.outside import Outside
from etl.reading import Reading, read_document
from etl.reference import load_reference

TODAY = dt.date(2026, 1, 1)


@pytest.mark.parametrize(
    ("value", "edtf"),
    [
        ("2021-02-27", "2021-02-27"),
        ("2021-02-27T23:30:00+04:00", "2021-02-27"),
        ("2021-02-27 10:00", "2021-02-27"),
        ("2021/2/7", "2021-02-07"),
        ("20210227", "2021-02-27"),
        ("20210227T103000Z", "2021-02-27"),
        ("2021-02", "2021-02"),
        ("2021", "2021"),
        ("Sat, 27 Feb 2021 10:00:00 +0000", "2021-02-27"),
        ("1614420000", "2021-02-27"),
        ("1614420000000", "2021-02-27"),
        ("2021-02-30", None),
        ("27/02/2021", None),
        ("0001-01-01", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_of_data_files(value: str, edtf: str | None) -> None:
    assert given_date(value).edtf == edtf


def given(**values: str) -> str:
    return json.dumps({name: {"origin": "mapping", "value": value} for name, value in values.items()})


def reading(text: str, **values: str) -> Reading:
    return read_document(text, TODAY, load_reference(), read_given(given(**values)))


LEAD = "Un pont a été ouvert dans la ville lundi matin, ont annoncé les autorités de la région."


@pytest.mark.parametrize(
    ("text", "date", "edtf", "method", "conflict"),
    [
        (f"Bakou, 27 février, AZERTAC\n\n{LEAD}", "2021-02-28", "2021-02-27", "given+dateline", None),
        (f"Bakou, 27 février, AZERTAC\n\n{LEAD}", "2021", "2021-02-27", "given+dateline", None),
        (f"Bakou, 30 décembre, AZERTAC\n\n{LEAD}", "2021-01-02", "2020-12-30", "given+dateline", "month_differs"),
        (LEAD, "2021-02-28T10:00:00Z", "2021-02-28", "given", None),
        (LEAD, "2021-02", "2021-02", "given", None),
        (LEAD, "2021", "2021", "given", None),
        (LEAD, "no date", None, None, None),
        (LEAD, "2031-01-01", None, None, "future"),
        (f" date 2021-02 {LEAD}", "2021-02-28", "2021-02-28", "given", None),
        (f" date 2021-02 {LEAD}", "2021", "2021-02", "header", None),
        (f" date 2021-02 {LEAD}", "2021-05-01", "2021-02", "header", "given_differs"),
        (f" date 2021-02-27 {LEAD}", "2021-02-26", "2021-02-27", "header", None),
        (f" date 2021-02 Bakou, 27 février, AZERTAC\n\n{LEAD}", "2021-02-28", "2021-02-27", "given+dateline", None),
    ],
)
def test_a_date_that_is_given_stands_for_the_header(
    text: str, date: str, edtf: str | None, method: str | None, conflict: str | None
) -> None:
    decided = reading(text, date=date).date
    assert (decided.content_created_edtf, decided.date_method, decided.date_conflict) == (edtf, method, conflict)
    assert any(entry.field == "content_created" and entry.rule in ("given", "mapping") for entry in decided.evidence)


def test_title_and_author_are_taken_where_the_text_has_none() -> None:
    bare = reading(LEAD, title="Un titre", byline="Jane Doe").front_matter
    assert (bare.headline, bare.byline) == ("Un titre", "Jane Doe")
    text = f" date 2021-02 Le pont de Bakou est enfin ouvert au trafic\n\nBakou, 27 février, AZERTAC\n\n{LEAD}"
    assert reading(text, title="Un titre").front_matter.headline == "Le pont de Bakou est enfin ouvert au trafic"


def test_what_is_given_is_evidence_whether_it_is_taken_or_not() -> None:
    text = f" date 2021-02 Le pont de Bakou est enfin ouvert au trafic\n\nBakou, 27 février, AZERTAC\n\n{LEAD}"
    said = reading(text, title="Un titre", byline="Jane Doe", language="pt").evidence
    assert [(entry.field, entry.value, entry.has_won) for entry in said if entry.rule == "given"] == [
        ("headline", "Un titre", False),
        ("byline", "Jane Doe", True),
        ("language", "pt", False),
    ]


def test_a_language_that_is_given_outweighs_what_the_agency_writes() -> None:
    text = "Zagreb, 27 (Hina)\n\nOk"
    assert reading(text, language="bs").language == "bs"


def test_a_language_is_taken_where_none_is_told() -> None:
    assert reading("Ok", language="pt-BR").language == "pt"
    assert reading("Ok", language="zh_hant_TW").language == "zh-Hant"
    assert reading("Ok", language="klingon!").language is None
    assert reading(LEAD, language="pt").language == "fr"


def test_the_record_comes_first_then_the_sidecar_then_the_path(tmp_path: Path) -> None:
    sidecar = tmp_path / "side.csv"
    sidecar.write_text("path;date;title;pages\n2021-02-27/a.txt;2020;From the sidecar;7\nz.zip;2019;;\n", "utf-8")
    outside = Outside(Intake(path=r"(?P<date>\d{4}-\d{2}-\d{2})/(?P<source>\w+)?", sidecar=str(sidecar)))
    said = json.loads(outside.given("2021-02-27/a.txt", given(title="Its own")) or "")
    assert said == {
        "title": {"origin": "mapping", "value": "Its own"},
        "date": {"origin": "sidecar", "value": "2020"},
        "source": {"origin": "path", "value": "a"},
    }
    assert json.loads(outside.given("z.zip!/b.txt", None) or "")["date"]["value"] == "2019"
    assert outside.given("b.txt", None) is None


def test_an_expression_over_paths_takes_no_longer_on_a_path_that_was_made_for_it() -> None:
    """Python's own would try 2 ** 4000 ways. The first place counts, letters are more than ASCII, line ends are signs."""
    path = "a" * 4_000 + "!.txt"
    assert Outside(Intake(path=r"(?P<title>(?:a+)+)$")).given(path, None) is None
    outside = Outside(Intake(path=r"^(?P<language>..)/(?:(?P<date>\d{4})|(?P<title>\pL+))/"))
    found = outside.all_given(["fr/déjà/2.txt", "éé/2021/3.txt", "f\n/2021/3.txt", "x/fr/2021/3.txt"], [None] * 4)
    assert [value and {name: entry["value"] for name, entry in json.loads(value).items()} for value in found] == [
        {"language": "fr", "title": "déjà"},
        {"language": "éé", "date": "2021"},
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("title\nx\n", "the heading lacks path"),
        ("path,title\na,1\na,2\n", "line 3: a stands there twice"),
        (None, "Cannot read the sidecar"),
    ],
)
def test_a_sidecar_that_is_no_good_ends_the_run(tmp_path: Path, content: str | None, said: str) -> None:
    sidecar = tmp_path / "side.csv"
    if content is not None:
        sidecar.write_text(content)
    with pytest.raises(SetupFault, match=said):
        Outside(Intake(sidecar=str(sidecar)))
