import random
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


@pytest.mark.parametrize("encoding", ["koi8-r", "cp866", "windows-1256", "iso-8859-5", "mac-cyrillic"])
def test_what_is_no_text_is_none_in_an_encoding_that_is_named_either(encoding: str) -> None:
    noise = random.Random(7).randbytes(3_000)
    for raw in (b"\x89PNG\r\n\x1a\n" + noise, b"%PDF-1.4\n" + noise, b"PK\x03\x04" + noise, noise):
        with pytest.raises(RecordFault) as found:
            decode(raw, encoding)
        assert found.value.reason in ("binary", "undecodable")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("iso2022_jp", '<html><body class="x"><p>市長は水曜日に警報を出した。</p></body></html>'),
        ("iso2022_jp", "TOKYO (Kyodo) - The mayor (市長) said on Monday that the bridge would be closed for a week."),
        ("iso2022_jp", "市長"),
        ("iso2022_kr", "<p>서울</p>"),
        ("hz", '<html><body class="x"><p>北京市长</p></body></html>'),
    ],
)
def test_signs_that_are_switched_to_are_read_within_much_else(encoding: str, text: str) -> None:
    decoded = decode(text.encode(encoding))
    assert (decoded.text, decoded.quality_flags) == (text, ("encoding_guessed",))


def test_escapes_that_switch_to_nothing_are_no_text() -> None:
    raw = "東京は火曜日に雨が降った。".encode("iso2022_jp")
    with pytest.raises(RecordFault, match="switches to signs of two bytes"):
        decode(raw[:10] + b"\n" + raw[10:])
    assert decode(b"colours \x1b(B\x1b[m and ~{ braces ~} stay").text == "colours (B[m and ~{ braces ~} stay"


def test_a_flash_of_the_wire_is_text_though_a_sixth_of_it_is_controls() -> None:
    raw = b"\x16\x16\x01p0417\x1fr a\x1fnxs\x02\x13BC-Flash\x13\x14 \x15BAKU (AP) - The bridge is open again.\x17\x03\x04\x16\x16"
    assert decode(raw).text == "p0417r anxsBC-Flash BAKU (AP) - The bridge is open again."
