import re
import sys
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.paragraphs import LEAD_SQL, count_words, head_lines, kinds_of_signs, paragraphs, trim

_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


def texts(text: str) -> list[str]:
    return [text[start:end] for start, end in paragraphs(text, 0, len(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\n\ntwo", ["one", "two"]),
        ("one\nline\n\ntwo", ["one\nline", "two"]),
        ("one\ntwo\nthree", ["one", "two", "three"]),
        ("  one  \n \t\n  two ", ["one", "two"]),
        ("one\u00a0\n\u3000\ntwo", ["one", "two"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_parts_paragraphs(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("one two", 2),
        ("l'Union – deux", 2),
        ("« oui »", 1),
        ("3,4 % de 10", 3),
        ("新华社 BBC", 4),
        ("हिन्दी भाषा", 2),
        ("中文BBC 中 a中b", 7),
        ("ひらがな-カタカナ", 8),
        ("𝒜 😀 𠀀\u2028𐐀", 3),
        ("_ _a\x1cb_ \u200b", 2),
        ("\ud800 a\ud800", 1),
        ("\U000e0061 \U0010fffd", 0),
        ("--- ...", 0),
        ("", 0),
    ],
)
def test_counts_words(text: str, count: int) -> None:
    assert count_words(kinds_of_signs(text)) == count


@given(st.text(st.one_of(st.characters(), st.sampled_from(" \n\u00a0\u3000-_.’中かab1")), max_size=40))
def test_a_word_holds_a_letter_or_digit_or_is_an_unspaced_sign(text: str) -> None:
    parted = "".join(f" {sign} " if _UNSPACED.match(sign) else sign for sign in text)
    by_themselves = sum(1 for sign in text if _UNSPACED.match(sign))
    others = [run for run in _UNSPACED.sub(" ", parted).split() if any(sign.isalnum() for sign in run)]
    assert count_words(kinds_of_signs(text)) == by_themselves + len(others)


@given(st.text(max_size=40), st.text(max_size=40))
def test_words_of_a_part_are_counted_by_its_kinds(before: str, text: str) -> None:
    assert count_words(kinds_of_signs(f"{before}\n{text}")[len(before) + 1 :]) == count_words(kinds_of_signs(text))


def test_a_long_text_is_looked_at_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Le pont – 中文 😀 ouvert."
    whole = kinds_of_signs(text)
    monkeypatch.setattr("etl.paragraphs._SLICE", 3)
    assert kinds_of_signs(text) == whole
    assert len(whole) == len(text)


def test_no_letter_lies_behind_the_signs_that_have_a_kind() -> None:
    assert not any(chr(sign).isalnum() or chr(sign).isspace() for sign in range(0x40000 - 1, sys.maxunicode + 1))


def test_head_lines_skips_blank_lines_and_stops() -> None:
    text = "a\n\n  b \n c\nd"
    assert [text[start:end] for start, end in head_lines(text, 0, 3)] == ["a", "b", "c"]


class _Counted(str):
    """A text that counts how often something is looked for in it."""

    looked = 0

    def find(self, *arguments: Any) -> int:
        self.looked += 1
        return super().find(*arguments)


def test_head_lines_skips_any_number_of_blank_lines_at_once() -> None:
    blank = "\n \r\n\t\u3000\n" * 10_000
    text = _Counted(f"{blank}a{blank}b{blank}")
    assert [text[start:end] for start, end in head_lines(text, 0, 10)] == ["a", "b"]
    assert text.looked <= 10


body = st.text(alphabet="ab \n\t\u00a0\u2028.é", max_size=60)


@given(body)
def test_paragraphs_are_trimmed_in_order_and_lose_nothing(text: str) -> None:
    spans = list(paragraphs(text, 0, len(text)))
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
    assert spans == sorted(spans)
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())


@given(body)
def test_the_lead_in_sql_is_the_first_paragraph(text: str) -> None:
    start, end = trim(text, 0, len(text))
    expected = next((text[a:b] for a, b in paragraphs(text, start, end)), "")
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {LEAD_SQL} FROM (SELECT $1 AS body)", [text[start:end]]).fetchall()
    assert found == [(expected,)]
