import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.language import detect_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Le conseil municipal a voté la rénovation du vieux marché couvert et de ses halles.", "fr"),
        ("The town council has voted to repair the old covered market and its halls.", "en"),
        ("Городской совет решил отремонтировать старый крытый рынок и его павильоны.", "ru"),
        ("Şəhər bələdiyyəsi köhnə bazarın təmiri haqqında qərar qəbul edib.", "az"),
        ("市议会决定修缮老市场及其大厅，工程将于明年春天开始。", "zh-Hans"),
        ("", None),
        ("12 345", None),
        ("\ufffe\U0010ffff", None),
        ("\u0300\u0301\u0302" * 30, None),
    ],
)
def test_detects(text: str, language: str | None) -> None:
    found, confidence = detect_language(text)
    assert found == language
    assert (confidence is None) == (language is None)


def texts() -> list[dict[str, str]]:
    with Path(__file__).with_name("languages.tsv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_headlines_and_texts_of_many_languages() -> None:
    """432 written headlines and paragraphs in 54 languages: docs/accuracy.md."""
    wrong: dict[str, list[str]] = {"headline": [], "text": []}
    for row in texts():
        found, _ = detect_language(row["text"])
        if found != row["language"]:
            wrong[row["kind"]].append(f"{row['language']} as {found}: {row['text']}")
    assert len({row["language"] for row in texts()}) >= 50
    assert len(wrong["text"]) <= 1, wrong["text"]
    assert len(wrong["headline"]) <= 4, wrong["headline"]


def test_an_agency_tells_languages_apart_that_are_near_to_each_other() -> None:
    text = "Novi most preko Drine bit će otvoren u srijedu, javio je direktor."
    assert detect_language(text, ["bs"])[0] == "bs"
    assert detect_language(text, ["hr"])[0] == "hr"
    # What is written in another language altogether stays what it is.
    assert detect_language("The town council has voted to repair the old covered market.", ["hr"])[0] == "en"


def test_a_few_letters_are_of_no_language() -> None:
    for text in ("Dan", "Sport", "Info"):
        assert detect_language(text) == (None, None)


@given(st.text(max_size=200))
def test_arbitrary_text_never_raises(text: str) -> None:
    _, confidence = detect_language(text)
    assert confidence is None or 0 <= confidence <= 1
