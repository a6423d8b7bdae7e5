"""The samples against their true values: what the grammar covers must be read, everything else NULL or right."""

import csv
import datetime as dt

import pytest

from etl.decode import decode
from etl.errors import RecordFault
from etl.reading import read_document
from etl.reference import Reference
from etl.transform import document_values
from tests.conftest import ROOT

SAMPLES = ROOT / "samples"
COMPARED = (
    "language", "date_published_edtf", "content_created", "content_created_edtf", "weekday_ok", "located",
    "located_region", "country_code", "agency_id", "agency_literal", "agency_role", "headline", "section",
    "version_label",
)  # fmt: skip

UNKNOWN_PLACES = {"Lahidj"}
"""Villages that the gazetteer lacks: their country stays NULL."""

UNKNOWN_AGENCIES = {"Inforpress"}
"""Agencies that are not in the registry yet: they keep their literal."""


def rows() -> list[dict[str, str]]:
    with (SAMPLES / "expected.tsv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))


documents = [row for row in rows() if row["outcome"] == "document"]


def read(row: dict[str, str], reference: Reference) -> dict[str, str]:
    decoded = decode((SAMPLES / row["path"]).read_bytes())
    values = document_values(read_document(decoded.text, dt.date(2026, 11, 21), reference))
    text = {name: "" if value is None else str(value) for name, value in values.items()}
    text["weekday_ok"] = text["weekday_ok"].lower()
    text["body"] = decoded.text[values["body_start"] : values["body_end"]]
    return text


def test_every_sample_has_its_row() -> None:
    files = {path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*.txt")}
    assert files == {row["path"] for row in rows()}
    assert len(files) >= 60
    assert len({row["language"] for row in documents}) >= 8


@pytest.mark.parametrize("row", documents, ids=[row["path"] for row in documents])
def test_nothing_is_read_wrong(row: dict[str, str], reference: Reference) -> None:
    found = read(row, reference)
    wrong = {
        name: (found[name], row[name])
        for name in COMPARED
        # A date may be known less precisely than it is true.
        if found[name]
        and not (found[name] == row[name] or (name.endswith("_edtf") and row[name].startswith(found[name])))
    }
    assert not wrong


@pytest.mark.parametrize("row", documents, ids=[row["path"] for row in documents])
def test_everything_is_read(row: dict[str, str], reference: Reference) -> None:
    found = read(row, reference)
    names = [name for name in COMPARED if name != "section"]
    if row["located"] in UNKNOWN_PLACES:
        names.remove("country_code")
    if row["agency_literal"] in UNKNOWN_AGENCIES:
        names.remove("agency_id")
    assert {name: found[name] for name in names} == {name: row[name] for name in names}
    assert " ".join(found["body"].split()).startswith(row["body_first_words"])


@pytest.mark.parametrize("row", [row for row in rows() if row["outcome"] == "reject"], ids=lambda row: row["path"])
def test_what_is_no_text_is_rejected_with_its_reason(row: dict[str, str]) -> None:
    with pytest.raises(RecordFault) as fault:
        decode((SAMPLES / row["path"]).read_bytes())
    assert fault.value.reason == row["reject_reason"]
