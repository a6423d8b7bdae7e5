"""What corrections make of a document, and what follows from a corrected field."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from etl.contract import DOCUMENTS, RECORDS_SCHEMA
from etl.identity import document_id
from etl.own_reference import load_own
from etl.reading import read_document
from etl.reference import Reference
from etl.transform import corrected_values, transform

TEXT = " date 2021-02 Bakou, 27 février, AZERTAC\n\nUn pont a été ouvert à Gandja samedi 27 février.\n\n(Report)"
SEEN = dt.date(2022, 1, 1)
HEADING = "document_id;source;path;field;expect;value;reason\n"
ID = document_id("wire", "a.txt", "0")


def corrected(folder: Path, *rows: str, text: str = TEXT, path: str = "a.txt") -> Any:
    """What corrections, each as field;expect;value, make of a text."""
    lines = [f";wire;a.txt;{row};seen in the print\n" for row in rows]
    (folder / "corrections.csv").write_text(HEADING + "".join(lines), "utf-8")
    reference = load_own(folder)
    reading = read_document(text, SEEN, reference)
    return corrected_values(reading, ID, "wire", path, SEEN, reference)


PLACE = {"place_id": 586523, "place_name": "Ganja", "country_code": "AZ"}
NO_PLACE = dict.fromkeys(("place_id", "place_name", "country_code", "latitude", "longitude", "place_margin"))
NO_AGENCY = dict.fromkeys(("agency_id", "agency_literal", "agency_start", "agency_end", "agency_role"))


@pytest.mark.parametrize(
    ("row", "values"),
    [
        ("headline;;Un pont", {"headline": "Un pont"}),
        ("language;fr;az", {"language": "az", "language_confidence": None}),
        ("located;Bakou;Gandja", {"located": "Gandja", "located_start": 65, "located_end": 71, **PLACE}),
        ("located;Bakou;", {"located": None, "located_start": None, "located_end": None, **NO_PLACE}),
        ("located_region;;France", {"located": "Bakou", "located_region": "France", **NO_PLACE, "country_code": "FR"}),
        ("place_id;587084;586523", {"located": "Bakou", **PLACE, "place_margin": None}),
        ("place_id;587084;", {"located": "Bakou", **NO_PLACE}),
        ("country_code;AZ;GE", {"located": "Bakou", **NO_PLACE, "country_code": "GE"}),
        ("agency_id;azertac;afp", {"agency_id": "afp", "agency_literal": "AZERTAC", "agency_role": "dateline"}),
        ("agency_id;azertac;allafrica", {"agency_id": "allafrica", "agency_role": "redistributor"}),
        ("agency_literal;AZERTAC;", NO_AGENCY),
        (
            "agency_literal;AZERTAC;Report",
            {"agency_id": "report", "agency_literal": "Report", "agency_start": TEXT.index("Report"), "agency_role": "credit"},
        ),
        ("agency_role;dateline;shared", {"agency_id": "azertac", "agency_role": "shared"}),
        (
            "content_created;2021-02-27;2020-02-27",
            {
                "content_created": dt.date(2020, 2, 27), "content_created_edtf": "2020-02-27", "month": "2020-02",
                "date_precision": "day", "date_method": "correction", "date_conflict": None, "weekday_ok": None,
            },
        ),
        (
            "content_created_edtf;2021-02-27;2020",
            {
                "content_created": None, "content_created_edtf": "2020", "month": "undated", "date_precision": "year",
                "date_method": "correction",
            },
        ),
        (
            "content_created_edtf;2021-02-27;1999-12",
            {"content_created": None, "content_created_edtf": "1999-12", "month": "1999-12", "date_precision": "month"},
        ),
        (
            "content_created_edtf;2021-02-27;XXXX-02-29",
            {"content_created": None, "content_created_edtf": "XXXX-02-29", "month": "undated", "date_precision": "none"},
        ),
        (
            "content_created;2021-02-27;",
            {"content_created": None, "content_created_edtf": None, "month": "undated", "date_method": None},
        ),
    ],
)  # fmt: skip
def test_what_follows_from_a_corrected_field(tmp_path: Path, row: str, values: dict[str, Any]) -> None:
    found = corrected(tmp_path, row)
    assert found.refused == ()
    assert {name: found.values[name] for name in values} == values
    name, expect, value = row.split(";")
    assert json.loads(found.given(None)) == {
        name: {
            "origin": "corrections.csv",
            "read": expect or None,
            "reason": "seen in the print",
            "value": value or None,
        }
    }
    untouched = corrected(tmp_path, row, path="b.txt")
    assert {name: found.values[name] for name in found.values if name not in found.changed} == {
        name: untouched.values[name] for name in found.values if name not in found.changed
    }


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("located;Baku;Gandja", "expects Baku, but Bakou is read"),
        ("located;;Gandja", "expects nothing, but Bakou is read"),
        ("headline;Un pont;Le pont", "expects Un pont, but nothing is read"),
        ("located;Bakou;Tbilissi", "the text does not hold it, and what is verbatim has to stand there"),
        ("content_created;2021-02-27;2022-02-27", "lies after 2022-01-01, the day on which the text was first read"),
        ("content_created_edtf;2021-02-27;2023", "lies after 2022-01-01, the day on which the text was first read"),
    ],
)
def test_a_correction_that_does_not_hold_changes_nothing(tmp_path: Path, row: str, reason: str) -> None:
    found = corrected(tmp_path, row)
    assert [why for _, why in found.refused] == [reason]
    assert found.values == corrected(tmp_path, row, path="b.txt").values
    assert found.given(None) is None
    assert [(entry.has_won, entry.reason) for entry in found.evidence] == [(False, reason)]


def test_a_correction_of_what_is_read_by_now_says_nothing(tmp_path: Path) -> None:
    found = corrected(tmp_path, "located;Baku;Bakou")
    assert (found.refused, found.applied, found.given(None)) == ((), {}, None)


def test_of_several_corrections_the_one_that_expects_what_is_read_holds(tmp_path: Path) -> None:
    found = corrected(tmp_path, "language;en;az", "language;fr;tr", "language;;ka")
    assert (found.values["language"], found.refused) == ("tr", ())


def test_corrections_that_contradict_each_other_do_not_both_hold(tmp_path: Path) -> None:
    found = corrected(tmp_path, "place_id;587084;586523", "country_code;AZ;GE")
    assert (found.values["country_code"], found.values["place_id"]) == ("GE", None)
    assert [(entry.field, why) for entry, why in found.refused] == [
        ("place_id", "another correction of the document says otherwise")
    ]
    assert list(json.loads(found.given(None))) == ["country_code"]


def test_a_field_is_corrected_after_those_that_it_follows_from(tmp_path: Path) -> None:
    found = corrected(tmp_path, "place_id;587084;611717", "located;Bakou;Gandja")
    assert (found.values["located"], found.values["place_name"]) == ("Gandja", "Tbilisi")
    assert found.refused == ()


def test_what_was_given_from_elsewhere_stays(tmp_path: Path) -> None:
    found = corrected(tmp_path, "language;fr;az")
    former = json.dumps({"url": {"origin": "feed"}, "located": {"origin": "corrections.csv", "value": "x"}})
    assert sorted(json.loads(found.given(former))) == ["language", "url"]
    assert json.loads(corrected(tmp_path, "language;de;az").given(former)) == {"url": {"origin": "feed"}}


def reference_with(folder: Path, *rows: str) -> Reference:
    (folder / "corrections.csv").write_text(HEADING + "".join(f"{row}\n" for row in rows), "utf-8")
    return load_own(folder)


def test_documents_are_named_by_id_by_path_and_by_pattern(tmp_path: Path) -> None:
    reference = reference_with(
        tmp_path,
        ";wire;2021/*.txt;language;fr;az;by pattern",
        ";wire;2021/a [1].txt;language;fr;tr;by path",
        f"{ID};;;language;fr;ka;by id",
    )
    assert reference.own is not None

    def reasons(identity: str, source: str, path: str) -> list[str]:
        assert reference.own is not None
        return [entry.reason for entry in reference.own.corrections_of(identity, source, path)]

    assert reasons(ID, "wire", "2021/b.txt") == ["by id", "by pattern"]
    assert reasons("0" * 32, "wire", "2021/a [1].txt") == ["by path", "by pattern"]
    assert reasons("0" * 32, "wire", "2021/deep/b.txt") == []
    assert reasons("0" * 32, "other", "2021/b.txt") == []


def test_only_corrected_documents_have_another_reference_version(tmp_path: Path, reference: Reference) -> None:
    first = reference_with(tmp_path, ";wire;a.txt;language;fr;az;x")
    assert first.version != reference.version
    assert first.version_of(ID, "wire", "b.txt") == reference.version
    corrected_version = first.version_of(ID, "wire", "a.txt")
    assert corrected_version != reference.version
    more = reference_with(tmp_path, ";wire;b.txt;language;fr;az;x", ";wire;a.txt;language;fr;az;x")
    assert more.version_of(ID, "wire", "a.txt") == corrected_version
    assert more.version != first.version


def test_rows_are_of_the_contract(tmp_path: Path) -> None:
    reference = reference_with(
        tmp_path, ";wire;a.txt;content_created;2021-02-27;2020-01-05;x", f"{ID};;;place_id;587084;;y"
    )
    record = dict.fromkeys(RECORDS_SCHEMA.names) | {
        "source": "wire", "path": "a.txt", "record_key": "0", "raw": TEXT.encode(), "seen_on": SEEN,
        "content_sha256": "x",
    }  # fmt: skip
    tables = transform(pa.RecordBatch.from_pylist([record], schema=RECORDS_SCHEMA), reference)
    (document,) = tables["documents"].to_pylist()
    assert tables["documents"].schema == DOCUMENTS.parsed_schema
    assert document["month"] == "2020-01"
    assert {row["month"] for row in tables["paragraphs"].to_pylist()} == {"2020-01"}
    assert list(json.loads(document["given"])) == ["content_created", "place_id"]
    assert document["reference_version"] == reference.version_of(ID, "wire", "a.txt")
