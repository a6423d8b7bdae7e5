"""What is given from outside a text: how its dates are understood, and what they decide."""

import datetime as dt
import json
import os
import re
from pathlib import Path

import hypothesis
import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st

import etl.outside
from etl.contract import RECORDS_SCHEMA
from etl.errors import SetupFault
from etl.given import given_date, read_given
from etl.intake import Intake
from etl.outside import Outside, read_sidecar
from etl.reading import Reading, read_document
from etl.reference import load_reference
from etl.transform import transform

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
        ("1614384000.0", "2021-02-27"),
        ("1614384000.75", "2021-02-27"),
        ("1614384000000.0", "2021-02-27"),
        ("2021.0", "2021"),
        ("2021.", "2021"),
        ("2021.5", "2021"),
        ("2021.25", "2021"),
        ("20210227.0", "2021-02-27"),
        ("2021.02", "2021-02"),
        ("2021.2.7", "2021-02-07"),
        ("202102", "2021-02"),
        ("202102271030", "2021-02-27"),
        ("20210227103000123", "2021-02-27"),
        ("20210227 10:30", "2021-02-27"),
        ("2021-00-00", "2021"),
        ("2021-00-00 00:00:00", "2021"),
        ("2021-00-05", "2021"),
        ("2021-05-00", "2021-05"),
        ("2021-05-00T00:00:00Z", "2021-05"),
        ("2021-0", "2021"),
        ("20210500", "2021-05"),
        ("2021-123", "2021-05-03"),
        ("2021-123T10:00:00Z", "2021-05-03"),
        ("2020-366", "2020-12-31"),
        ("2021-366", None),
        ("2021-000", None),
        ("2021123", None),
        ("20210", None),
        ("2021-5/3", None),
        ("2021-0503", None),
        ("202105-03", None),
        ("2021/123", None),
        ("1614384000000000", None),
        ("2021-W05", None),
        ("0000-00-00", None),
        ("2021-13", None),
        ("2021-02-30", None),
        ("27/02/2021", None),
        ("0001-01-01", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_of_data_files(value: str, edtf: str | None) -> None:
    assert given_date(value).edtf == edtf


DIGITS = st.text("0123456789", max_size=20)

PARTS = st.lists(st.text("0123456789", min_size=1, max_size=4), min_size=1, max_size=4)

NUMBERS = st.one_of(
    DIGITS,
    st.text("0123456789-/.TZ: ", max_size=20),
    st.builds(lambda parts, sign: sign.join(parts), PARTS, st.sampled_from("-/.T ")),
    st.builds(lambda year, rest: f"{year}{rest}", st.integers(1600, 2030), DIGITS),
    st.builds(lambda year, sign, rest: f"{year}{sign}{rest}", st.integers(1600, 2030), st.sampled_from("-/."), DIGITS),
)


@hypothesis.given(NUMBERS)
@settings(max_examples=2000, deadline=None)
def test_what_is_made_of_figures_is_a_date_only_if_it_says_so(value: str) -> None:
    date = given_date(value)
    if date.year is None:
        assert (date.month, date.day) == (None, None)
        return
    dt.date(date.year, date.month or 1, date.day or 1)
    assert date.day is None or date.month is not None
    figures = re.sub(r"\.\d*\Z", "", value.strip())
    if re.fullmatch(r"1?\d{9}|1\d{12}", figures):
        seconds = int(figures) / (1000 if len(figures) == 13 else 1)
        assert date.edtf == dt.datetime.fromtimestamp(seconds, dt.UTC).date().isoformat()
    elif found := re.match(r"(\d{4})-(\d{3})(?!\d)", value.strip()):
        assert date.edtf == (dt.date(int(found[1]), 1, 1) + dt.timedelta(int(found[2]) - 1)).isoformat()
    else:
        # Each part stands in its place: behind one sign, which is everywhere the same, or as two figures.
        month, day = f"0*{date.month}", f"0*{date.day}"
        signed = f"(?P<sign>[-/.]){month}" + (f"(?P=sign){day}" if date.day else "")
        bare = f"{date.month or 0:02}" + (f"{date.day:02}" if date.day else "")
        rest = f"(?:{signed}(?!\\d)|{bare})" if date.month else ""
        assert re.match(f"{date.year:04}{rest}", value.strip()), (date, rest)


@hypothesis.given(NUMBERS, st.sampled_from([0, 1, 2]))
@settings(max_examples=300, deadline=None)
def test_no_date_that_is_given_costs_the_document(value: str, which: int) -> None:
    text = (LEAD, f"Bakou, 27 février, AZERTAC\n\n{LEAD}", f" date 2021-02 {LEAD}")[which]
    assert reading(text, date=value).date.date_precision in ("day", "month", "year", "none")


@pytest.mark.parametrize("value", ["2021-00-00", "2021-05-00", "2021.0", "2021.5", "2021-123", "0000-00-00"])
def test_a_date_of_which_a_part_is_unknown_is_no_reject(value: str) -> None:
    empty = dict.fromkeys(RECORDS_SCHEMA.names)
    record = {"source": "s", "path": "p", "record_key": "0", "raw": LEAD.encode(), "seen_on": TODAY}
    record |= {"content_sha256": "0" * 64, "given": given(date=value)}
    tables = transform(pa.RecordBatch.from_pylist([empty | record], schema=RECORDS_SCHEMA))
    assert (tables["rejects"].num_rows, tables["documents"].num_rows) == (0, 1)


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


def test_nobody_waits_at_a_pipe_that_stands_in_a_sidecars_place(tmp_path: Path) -> None:
    pipe = tmp_path / "side.csv"
    os.mkfifo(pipe)
    with pytest.raises(SetupFault, match=r"Cannot read the sidecar .*side\.csv: it is no file"):
        Outside(Intake(sidecar=str(pipe)))


def test_a_sidecar_is_read_once_as_long_as_it_stays_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each chunk of a source asks for it."""
    read: list[str] = []

    def noted(path: str) -> dict[str, dict[str, str]]:
        read.append(Path(path).name)
        return read_sidecar(path)

    monkeypatch.setattr(etl.outside, "read_sidecar", noted)

    def said(name: str, title: str | None = None, sha256: str | None = None) -> str:
        path = tmp_path / name
        if title is not None:
            path.write_text(f"path,title\na.txt,{title}\n")
            os.utime(path, (0, 0))
        column = Outside(Intake(sidecar=str(path), sidecar_sha256=sha256)).given("a.txt", None) or ""
        return str(json.loads(column)["title"]["value"])

    assert [said("one.csv", "first"), said("one.csv"), said("one.csv")] == ["first"] * 3
    assert read == ["one.csv"]
    assert said("one.csv", "longer") == "longer"
    # As long, and of the same time: the plan of the next run has another digest.
    assert said("one.csv", "LONGER", "0" * 64) == "LONGER"
    assert len(read) == 3
    for name in ("two.csv", "three.csv"):
        assert said(name, name) == name
    assert said("one.csv", sha256="0" * 64) == "LONGER"
    assert read[3:] == ["two.csv", "three.csv", "one.csv"]
