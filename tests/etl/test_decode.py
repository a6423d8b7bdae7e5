import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.decode import decode
from etl.errors import RecordFault


@pytest.mark.parametrize(
    ("raw", "text", "encoding", "flags"),
    [
        ("café".encode(), "café", "utf-8", ()),
        ("café".encode("utf-8-sig"), "café", "utf-8", ()),
        ("Баку, 5 июня".encode("utf-16"), "Баку, 5 июня", "utf-16", ()),
        ("Баку".encode("utf-32"), "Баку", "utf-32", ()),
        (b"one\r\ntwo\rthree\n", "one\ntwo\nthree\n", "utf-8", ()),
        ("cafe\u0301".encode(), "café", "utf-8", ()),
        (b"\x01ZCZC\x02 text \x03" + b"x" * 200, "ZCZC text " + "x" * 200, "utf-8", ("control_characters_removed",)),
        ("a\ufffdb".encode(), "a\ufffdb", "utf-8", ("replacement_character",)),
    ],
)
def test_reads(raw: bytes, text: str, encoding: str, flags: tuple[str, ...]) -> None:
    decoded = decode(raw)
    assert (decoded.text, decoded.encoding, decoded.quality_flags) == (text, encoding, flags)


RUSSIAN = "В городском саду открылась выставка редких растений, которую подготовили студенты. " * 6
FRENCH = "Le musée a prêté vingt œuvres à la médiathèque, où l'été s'achève déjà sous les marronniers. " * 6


def test_a_legacy_sign_after_much_ascii_is_detected() -> None:
    text = "The council met again in the old hall. " * 4_000 + FRENCH
    assert decode(text.encode("windows-1252")).text == text


def test_endless_combining_marks_are_refused_at_once() -> None:
    with pytest.raises(RecordFault) as fault:
        decode(("e" + "\u0315\u0300" * 100_000).encode())
    assert fault.value.reason == "unparsable"


@pytest.mark.parametrize(("text", "encoding"), [(RUSSIAN, "windows-1251"), (FRENCH, "windows-1252")])
def test_detects_legacy_encodings_and_says_so(text: str, encoding: str) -> None:
    decoded = decode(text.encode(encoding))
    assert decoded.text == text
    assert decoded.encoding == encoding
    assert decoded.quality_flags == ("encoding_guessed",)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b" \n\t\r\n ", "blank"),
        ("\ufeff\u00a0\n".encode(), "blank"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)), "binary"),
        (b"\xff\xfea\x00\x00\xd8b\x00", "undecodable"),
        (bytes(128 + 37 * number % 128 for number in range(500)), "undecodable"),
    ],
)
def test_refuses(raw: bytes, reason: str) -> None:
    with pytest.raises(RecordFault) as fault:
        decode(raw)
    assert fault.value.reason == reason
    assert fault.value.message.endswith(".")


def test_repairs_mojibake_only_where_it_is() -> None:
    broken = "Баку – 5 июня".encode().decode("windows-1251", "replace")
    decoded = decode(f"café à Paris\n{'naïve – déjà'.encode().decode('windows-1252')}\n".encode())
    assert decoded.text == "café à Paris\nnaïve – déjà\n"
    assert "mojibake_repaired" in decoded.quality_flags
    assert broken != "Баку – 5 июня"


def test_repairs_straightened_quotes_of_misread_dashes() -> None:
    assert decode('MINSK вЂ" Flax'.encode()).text == "MINSK – Flax"


@pytest.mark.parametrize(
    "text",
    [
        "L'Âge d'or, Ça ira, À bientôt, Île, Œuvre, français « été »",
        "Москва. Рисунок Рязани: «СССР», РСФСР, Ростов",
        "São Tomé, Ã é letra rara, coração",
        "İstanbul’da Şuşa – Qarabağ",
        "Ð and Þ are Icelandic: Ísafjörður",
        "Ελλάδα, София, Єреван, Ґанок",
        "AMANHÃ” disse; MANHÃ–NOITE; « THÉÂ »; ЗРІСТ",
        "short\tline",
    ],
)
def test_leaves_clean_text_alone(text: str) -> None:
    decoded = decode(text.encode())
    assert decoded.text == text
    assert decoded.quality_flags == ()


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_text_or_a_fault(raw: bytes) -> None:
    try:
        decoded = decode(raw)
    except RecordFault:
        return
    assert unicodedata.is_normalized("NFC", decoded.text)
    assert not any(unicodedata.category(sign) == "Cc" and sign not in "\n\t" for sign in decoded.text)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=300))
def test_decoding_twice_changes_nothing(text: str) -> None:
    try:
        once = decode(text.encode()).text
    except RecordFault:
        return
    assert decode(once.encode()).text == once
