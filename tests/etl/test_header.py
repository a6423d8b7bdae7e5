import pytest

from etl.header import read_header


@pytest.mark.parametrize(
    ("text", "literal", "edtf"),
    [
        (" date 2021-02 Bakou, 27 février", "date 2021-02", "2021-02"),
        (" date 2018-05-07  Top", "date 2018-05-07", "2018-05-07"),
        ("date 2021-02", "date 2021-02", "2021-02"),
        ("\n date 2021-02\nText", "date 2021-02", "2021-02"),
        (" date 2021-13 Text", "date 2021-13", None),
        (" date 2021-02-30 Text", "date 2021-02-30", None),
        (" date 0000-00 Text", "date 0000-00", None),
    ],
)
def test_reads(text: str, literal: str, edtf: str | None) -> None:
    header = read_header(text)
    assert header is not None
    assert header.literal == literal == text[header.start : header.end]
    assert header.edtf == edtf


@pytest.mark.parametrize(
    "text", ["", "Bakou", "date 21-02", " date 2021-021 x", "the date 2021-02", " Date 2021-02", "date 2021-02-1"]
)
def test_reads_nothing_else(text: str) -> None:
    assert read_header(text) is None
