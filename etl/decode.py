"""Bytes to text: which encoding they are in, and the repairs that every text gets.

Strict UTF-8 first; byte order marks; then detection. Nothing is ever decoded with replacement characters: what
cannot be decoded with confidence is a record fault. What belongs elsewhere: anything that reads meaning.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from etl.errors import RecordFault
from etl.language import detect_language

_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)

_DETECTION_LIMIT = 64 * 1024
"""Bytes that the detector looks at: more makes it slower, not better."""

_SURE = 0.5
"""The detector's own confidence is believed from here on. It gives short French texts as little as 0.14 although it
reads them right; there the language that it names has to be the one that the decoded text turns out to be in."""

_MOST_MARKS = 100
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
    f"{{{_MOST_MARKS}}}"
)
"""More combining marks on one letter than any language has: sorting them takes quadratic time."""

_BINARY_CONTROL_COUNT = 8
_BINARY_CONTROL_SHARE = 0.02
"""Text of the wire holds a few control bytes (SOH, STX, ETX, form feeds); more than this share is not text."""

_CONTROL = bytes(byte for byte in range(32) if byte not in b"\t\n\r\x0c\x1b")

# C0 and C1 controls other than tab and line feed, and the byte order mark inside a text.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff]")

# Searching a text for any of many signs takes as long as all else that is done to it here. The bytes of its UTF-8 tell
# much sooner whether there can be one.
_CONTROL_BYTE, _MARK_LEAD, _OTHER_LEAD = b"cmo"
_C1_BYTES = re.compile(b"\xc2[\x80-\x9f]")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def _part_of(byte: int) -> int:
    """What a byte of UTF-8 may be a part of."""
    if (byte < 0x20 and byte not in b"\t\n") or byte == 0x7F:
        return _CONTROL_BYTE
    if byte in (0xCC, 0xCD, 0xD2, 0xD6, 0xD8, 0xD9, 0xE1, 0xE2, 0xEF):
        return _MARK_LEAD
    # Below U+0300 everything is NFC.
    return _OTHER_LEAD if byte > 0xCC else 0


_PARTS = bytes(map(_part_of, range(256)))

_C1 = re.compile("[\x80-\x84\x86-\x9f]")

# What UTF-8 looks like when it was read as Windows-1252 or Windows-1251: signs that hardly any language puts side
# by side. A cheap test, so that the repair runs only where there may be something to repair; the sign that a pattern
# begins with is much quicker to find than the pattern. After a capital letter an Ã or Â may be one (AMANHÃ”), so
# that does not count by itself.
_SUSPICIONS = tuple(
    (sign, re.compile(pattern))
    for sign, pattern in (
        ("Ã", "(?<![A-ZÀ-ÖØ-Þ])Ã[\u0080-\u00bf‚„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"),
        ("â", "â€"),
        ("Â", "(?<![A-ZÀ-ÖØ-Þ])Â[\u00a0-\u00bf]"),
        ("в", "вЂ"),
        ("Г", "Г[‚©Ё§]"),
        ("Р", "Р[ђ‘’“”•–—™љ›њќћџ°±Ііґµ¶·ё№є»јЅѕї‚„…†‡€‰‹][РС]"),
        ("С", "С[ђ‘’“”•–—™љ›њќћџ°±Ііґµ¶·ё№є»јЅѕї‚„…†‡€‰‹][РС]"),
    )
)

# Windows-1251 misreadings whose last byte was then straightened to an ASCII sign, beyond what can be decoded.
_STRAIGHTENED = {'вЂ"': "–", "вЂ'": "‘"}


@dataclass(frozen=True)
class Decoded:
    r"""A text and how it was obtained.

    Attributes:
        text: NFC, `\\n` line ends, no control characters other than `\\n` and tab.
        encoding: Python's name of the codec, without its byte-order-mark variants.
        quality_flags: members of `etl.contract.QUALITY_FLAGS`.
    """

    text: str
    encoding: str
    quality_flags: tuple[str, ...]


def decode(raw: bytes) -> Decoded:
    """Decode a record's bytes.

    Raises:
        RecordFault: empty, blank, binary, undecodable or unparsable.
    """
    if not raw:
        raise RecordFault("empty")
    text, encoding, flags = _to_text(raw)
    text, clean_flags = clean(text)
    if not text.strip():
        raise RecordFault("blank")
    return Decoded(text, encoding, (*flags, *clean_flags))


def clean(text: str) -> tuple[str, tuple[str, ...]]:
    """The repairs that every text gets, and the flags that say which were needed."""
    flags = []
    if _is_suspicious(text):
        repaired = "".join(map(_repair_line, text.splitlines(keepends=True)))
        if repaired != text:
            text = repaired
            flags.append("mojibake_repaired")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.startswith("\ufeff"):
        text = text[1:]
    utf8 = text.encode("utf-8", "surrogatepass")
    parts = utf8.translate(_PARTS)
    if _CONTROL_BYTE in parts or _BYTE_ORDER_MARK in utf8 or _C1_BYTES.search(utf8):
        text = _UNWANTED.sub("", text.replace("\x85", "\n"))
        flags.append("control_characters_removed")
    if parts.count(_MARK_LEAD) >= _MOST_MARKS and _MARKS.search(text):
        raise RecordFault("unparsable", "Hundreds of combining marks stand on one letter")
    if _MARK_LEAD in parts or _OTHER_LEAD in parts:
        # It gives a text that is NFC already back as it is.
        text = unicodedata.normalize("NFC", text)
    if "\ufffd" in text:
        flags.append("replacement_character")
    return text, tuple(flags)


def _is_suspicious(text: str) -> bool:
    return not text.isascii() and any(sign in text and pattern.search(text) for sign, pattern in _SUSPICIONS)


def _repair_line(line: str) -> str:
    """Put one line of mojibake right. Only suspicious lines are touched, so clean ones cannot be altered."""
    if not _is_suspicious(line):
        return line
    import ftfy

    # Each word apart: one line may mix misread signs with right ones, and then does not decode as a whole.
    words = re.split(r"([ \t\r\n]+)", line)
    line = "".join(ftfy.fix_encoding(word) if _is_suspicious(word) else word for word in words)
    for wrong, right in _STRAIGHTENED.items():
        line = line.replace(wrong, right)
    return line


def _to_text(raw: bytes) -> tuple[str, str, tuple[str, ...]]:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            try:
                return raw.decode(encoding), encoding.removesuffix("-sig"), ()
            except UnicodeDecodeError as error:
                raise RecordFault(
                    "undecodable", f"The byte order mark says {encoding}, but byte {error.start} is not"
                ) from None
    controls = len(raw) - len(raw.translate(None, _CONTROL))
    if b"\x00" in raw or controls > max(_BINARY_CONTROL_COUNT, len(raw) * _BINARY_CONTROL_SHARE):
        raise RecordFault("binary", f"{controls} of {len(raw)} bytes are control characters")
    try:
        return raw.decode("utf-8"), "utf-8", ()
    except UnicodeDecodeError as error:
        return _detect(raw, error.start)


def _detect(raw: bytes, doubt: int) -> tuple[str, str, tuple[str, ...]]:
    import chardet

    # Around the first byte that is not UTF-8: what comes before it may be ASCII for long.
    begin = max(0, doubt - _DETECTION_LIMIT // 2)
    found = chardet.detect(raw[begin : begin + _DETECTION_LIMIT])
    encoding, confidence = found["encoding"], found["confidence"]
    if encoding is None:
        raise RecordFault("undecodable", f"Not UTF-8 from byte {doubt} on, and no other encoding fits")
    try:
        text = raw.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        raise RecordFault(
            "undecodable", f"Not UTF-8 from byte {doubt} on, and not {encoding} throughout either"
        ) from None
    if _C1.search(text):
        raise RecordFault("undecodable", f"Not UTF-8, and as {encoding} it holds control characters")
    language, _ = detect_language(_UNWANTED.sub(" ", text))
    is_as_named = language is not None and language.partition("-")[0] == found["language"]
    if confidence < _SURE and not is_as_named:
        raise RecordFault("undecodable", f"Not UTF-8, and the best guess, {encoding}, is only {confidence:.0%} sure")
    return text, encoding.lower(), ("encoding_guessed",)
