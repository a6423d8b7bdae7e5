"""Bytes to text: which encoding they are in, and the repairs that every text gets.

Byte order marks; what the source names; strict UTF-8; then detection. Nothing is ever decoded with replacement
characters: what cannot be decoded with confidence is a record fault that names what it may be. What belongs elsewhere:
how encodings are told apart (`etl.encodings`), misread UTF-8 (`etl.mojibake`), anything that reads meaning.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from etl.errors import RecordFault
from etl.mojibake import read_punctuation, repair

if TYPE_CHECKING:
    from etl.encodings import Candidate, ForeignPart

BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
"""What a text begins with that says what it is in, and Python's name of the codec that takes it away."""

_SIGNS_OF_UTF8 = 5
"""So many whole signs of several bytes that no other encoding has by chance."""

_MOST_MARKS = 100
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
    f"{{{_MOST_MARKS}}}"
)
"""More combining marks on one letter than any language has: sorting them takes quadratic time."""

_FEW_CONTROLS = 8
_CONTROL_SHARE, _CONTROL_SHARE_OF_UTF8, _CONTROL_SHARE_OF_FRAME = 0.08, 0.15, 0.3
"""Text of the wire holds control bytes (SOH, STX, ETX, form feeds), and old tapes are padded with NULs. More than this
share of them is not text; what is UTF-8 but for them may have more, and a flash in the wire's frame more still."""

_FRAME = re.compile(rb"\x01.*\x02.*\x03", re.DOTALL)
"""Start of heading, start of text, end of text: ANPA 1312 and IPTC 7901."""

_FORMATS = {
    b"%PDF-": "This is a PDF",
    b"{\\rtf": "This is a document in Rich Text Format",
    b"PK\x03\x04": "This is a zip archive, or a document of an office program",
    b"\xd0\xcf\x11\xe0": "This is a document of an old office program",
    b"\x1f\x8b": "This is compressed with gzip",
    b"BZh": "This is compressed with bzip2",
    b"\xfd7zXZ": "This is compressed with xz",
    b"\x28\xb5\x2f\xfd": "This is compressed with zstd",
    b"7z\xbc\xaf": "This is a 7z archive",
    b"Rar!": "This is a rar archive",
    b"\x89PNG": "This is an image",
    b"GIF8": "This is an image",
    b"\xff\xd8\xff": "This is an image",
    b"\x7fELF": "This is a program",
    b"SQLite format 3\0": "This is a database",
}
"""How files begin that are no text, however few controls they hold."""

_HEADS = tuple(_FORMATS)
_TAR_MARK = slice(257, 262)

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


@dataclass(frozen=True)
class Decoded:
    r"""A text and how it was obtained.

    Attributes:
        text: NFC, `\\n` line ends, no control characters other than `\\n` and tab.
        encoding: Python knows the codec by this name, without its byte-order-mark variants; "utf-8+NAME" where some
            bytes were of another one.
        quality_flags: members of `etl.contract.QUALITY_FLAGS`.
    """

    text: str
    encoding: str
    quality_flags: tuple[str, ...]


def decode(raw: bytes, encoding: str | None = None) -> Decoded:
    """Decode a record's bytes.

    The same bytes give the same text, whatever else a source holds.

    Args:
        raw: the record's bytes.
        encoding: what its source says that its files are in, as `etl.codec_list.named` gives it; a byte order mark goes
            before it. None to find out.

    Raises:
        RecordFault: empty, blank, binary, undecodable or unparsable.
    """
    if not raw:
        raise RecordFault("empty")
    text, found, flags = _to_text(raw, encoding)
    text, clean_flags = clean(text)
    if not text.strip():
        raise RecordFault("blank")
    if b"\x00" in raw and not found.startswith(("utf-16", "utf-32")):
        clean_flags = (*clean_flags, "control_characters_removed")
    return Decoded(text, found, tuple(dict.fromkeys((*flags, *clean_flags))))


def clean(text: str) -> tuple[str, tuple[str, ...]]:
    """The repairs that every text gets, and the flags that say which were needed.

    Raises:
        RecordFault: unparsable.
    """
    text, flags, is_altered = _clean_once(text)
    # Without its control characters, or composed, it may show mojibake that was not to be seen before.
    while is_altered:
        text, more, is_altered = _clean_once(text)
        flags += more
    return text, tuple(dict.fromkeys(flags))


def _clean_once(text: str) -> tuple[str, list[str], bool]:
    """The text, the flags, and whether anything but line ends was altered."""
    flags = []
    is_altered = False
    repaired = repair(text)
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
        punctuated = read_punctuation(text)
        if punctuated != text:
            text = punctuated
            flags.append("mojibake_repaired")
        text = _UNWANTED.sub("", text.replace("\x85", "\n"))
        flags.append("control_characters_removed")
    if parts.count(_MARK_LEAD) >= _MOST_MARKS and _MARKS.search(text):
        raise RecordFault("unparsable", "Hundreds of combining marks stand on one letter")
    if _MARK_LEAD in parts or _OTHER_LEAD in parts:
        # It gives a text that is NFC already back as it is.
        composed = unicodedata.normalize("NFC", text)
        is_altered = composed is not text and composed != text
        text = composed
    is_altered = is_altered or bool(flags)
    if "\ufffd" in text:
        flags.append("replacement_character")
    return text, flags, is_altered


def _to_text(raw: bytes, encoding: str | None) -> tuple[str, str, tuple[str, ...]]:
    for mark, marked in BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            return _as_marked(raw, marked)
    if encoding is not None:
        return _as_named(raw, encoding)
    _require_no_other_format(raw)
    if b"\x1b" in raw or (b"~" in raw and b"~{" in raw):
        from etl.unmarked import seven_bit

        if found := seven_bit(raw):
            return _taken(found)
    controls = len(raw) - len(raw.translate(None, _CONTROL))
    if b"\x00" in raw or controls > _FEW_CONTROLS:
        from etl.unmarked import utf16_or_32

        if found := utf16_or_32(raw):
            return _taken(found)
        raw = _without_nuls(raw, controls)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return _taken(_detected(raw, error.start))
    return text, "utf-8", ()


def _require_no_other_format(raw: bytes) -> None:
    if raw.startswith(_HEADS):
        raise RecordFault("binary", next(what for mark, what in _FORMATS.items() if raw.startswith(mark)))
    if raw[_TAR_MARK] == b"ustar":
        raise RecordFault("binary", "This is a tar archive")


def _taken(found: Candidate) -> tuple[str, str, tuple[str, ...]]:
    flags = [] if found.encoding == "utf-8" else ["encoding_guessed"]
    if found.is_cut:
        flags.append("truncated")
    return found.text, found.encoding, tuple(flags)


def _as_marked(raw: bytes, encoding: str) -> tuple[str, str, tuple[str, ...]]:
    """Bytes with a byte order mark."""
    try:
        return raw.decode(encoding), encoding.removesuffix("-sig"), ()
    except UnicodeDecodeError as error:
        if encoding == "utf-8-sig":
            return _taken(_detected(raw.removeprefix(_BYTE_ORDER_MARK), error.start))
        cut = _cut(raw, encoding)
        if cut is None:
            raise RecordFault(
                "undecodable", f"The byte order mark says {encoding}, but byte {error.start + 1} is not"
            ) from None
        return cut, encoding, ("truncated",)


def _as_named(raw: bytes, encoding: str) -> tuple[str, str, tuple[str, ...]]:
    """Bytes in the encoding that their source names."""
    _require_no_other_format(raw)
    flags: tuple[str, ...] = ()
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        cut = _cut(raw, encoding)
        if cut is None:
            found = f"but byte {error.start + 1} (line {_line(raw, error.start)}) is not"
            raise RecordFault(
                "undecodable",
                f"The source names {encoding}, {found}{f'; it looks like {other}' if (other := _found(raw)) else ''}",
            ) from None
        text, flags = cut, ("truncated",)
    if encoding in _ISO_FOR_WINDOWS and _C1.search(text):
        # Of old, and on the web, the one is said where the other is meant.
        encoding = _ISO_FOR_WINDOWS[encoding]
        return _as_named(raw, encoding)
    controls = len(raw) - len(raw.translate(None, _CONTROL)) if encoding == "utf-8" else _count_controls(text)
    if controls > max(_FEW_CONTROLS, _CONTROL_SHARE_OF_UTF8 * len(text)):
        raise RecordFault("binary", f"{controls:,} of {len(text):,} characters are control characters")
    # What was made in another encoding may be decoded with this one as well, to nonsense. Nothing is UTF-8 by chance.
    if encoding != "utf-8" and not text.isascii() and _is_doubtful(text, controls, raw):
        other = _found(raw)
        if other and other != encoding and unicodedata.normalize("NFC", raw.decode(other, "ignore")) != text:
            raise RecordFault("undecodable", f"The source names {encoding}, but this looks like {other}")
        if not other and controls + len(_C1.findall(text)) > max(_FEW_CONTROLS, _CONTROL_SHARE * len(text)):
            # Encodings that have a sign for every byte make something of anything.
            raise RecordFault("binary", f"It is no text in {encoding}, which its source names, and holds many controls")
    return text, encoding, flags


def _count_controls(text: str) -> int:
    return sum(text.count(chr(byte)) for byte in _CONTROL)


def _is_doubtful(text: str, controls: int, raw: bytes) -> bool:
    from etl.likelihood import likelihood
    from etl.unmarked import count_odd

    return not likelihood(text)[1] or count_odd(text) > controls or _is_utf8(raw)


def _is_utf8(raw: bytes) -> bool:
    try:
        return not raw.decode("utf-8").isascii()
    except UnicodeDecodeError:
        return False


_ISO_FOR_WINDOWS = {"iso-8859-1": "windows-1252", "iso-8859-9": "windows-1254"}
_C1 = re.compile("[\x80-\x84\x86-\x9f]")


def _cut(raw: bytes, encoding: str) -> str | None:
    """All signs but the last one, if that is not whole and nothing else is wrong."""
    try:
        return codecs.getincrementaldecoder(encoding)("strict").decode(raw)
    except UnicodeError:  # UTF-16 without a byte order mark is none in particular
        return None


def _without_nuls(raw: bytes, controls: int) -> bytes:
    """Bytes with many controls, if they are text all the same; without their NULs."""
    rest = raw.replace(b"\x00", b"")
    if not rest.strip():
        raise RecordFault("binary", "The file holds NUL bytes only: it was probably never written to its end")
    if not rest.translate(None, _CONTROL).strip():
        raise RecordFault("binary", "The file holds control characters only")
    # Padding at the end says nothing of the text before it.
    size = len(raw.strip(b"\x00"))
    controls -= len(raw) - size
    most = _CONTROL_SHARE
    try:
        rest.decode("utf-8")
        most = _CONTROL_SHARE_OF_FRAME if _FRAME.search(raw) else _CONTROL_SHARE_OF_UTF8
    except UnicodeDecodeError:
        pass
    if controls > max(_FEW_CONTROLS, size * most):
        raise RecordFault("binary", f"{controls:,} of {size:,} bytes are control characters")
    return rest


def _detected(raw: bytes, doubt: int) -> Candidate:
    """The reading of bytes that are not UTF-8 from one on."""
    from etl.encodings import CUT, Candidate, candidates, foreign_part, is_sure, is_utf8, ranked, read_as, sample
    from etl.likelihood import likelihood
    from etl.unmarked import cut_utf8, utf16_without_nul

    cut = cut_utf8(raw)
    if cut and cut[1] >= _SIGNS_OF_UTF8:
        return Candidate("utf-8", cut[0], 0.0, True, is_cut=True)
    part = sample(raw)
    found = candidates(part, is_utf8(raw))
    if part is raw:
        found = ranked([*found, *utf16_without_nul(raw)])
    if cut and part is raw:
        found = ranked([*found, Candidate("utf-8", cut[0], likelihood(cut[0])[0] - CUT, True, is_cut=True)])
    if not is_sure(found):
        raise RecordFault("undecodable", _doubt(raw, doubt, found))
    encoding = found[0].encoding
    if foreign := foreign_part(raw, encoding):
        raise RecordFault("undecodable", _two_encodings(raw, encoding, foreign))
    if part is raw:
        return found[0]
    try:
        return replace(found[0], text=read_as(raw, encoding), is_cut=False)
    except UnicodeDecodeError as error:
        rest = _cut(raw, encoding) if "+" not in encoding else None
        if rest is not None:
            return replace(found[0], text=rest, is_cut=True)
        fault = f"Most is {encoding}, but byte {error.start + 1:,} (line {_line(raw, error.start):,}) is not"
        raise RecordFault("undecodable", fault) from None


def _two_encodings(raw: bytes, encoding: str, foreign: ForeignPart) -> str:
    """What bytes are in that change their encoding."""
    other = foreign.found
    line = _line(raw, foreign.start)
    here = f"line {line:,} looks like {other.encoding} (“{_word(other.text, foreign.text)}”)"
    return f"In more than one encoding: {here}, and in {encoding} it reads “{_word(foreign.text, other.text)}”"


def _doubt(raw: bytes, doubt: int, found: Sequence[Candidate]) -> str:
    """What bytes may be that were not decoded."""
    found = [candidate for candidate in found if candidate.encoding != "ascii" or candidate.is_cut]
    where = f"Not UTF-8 at byte {doubt + 1:,} (line {_line(raw, doubt):,})"
    if not found:
        return f"{where}, and in no other encoding either"
    best = found[0]
    if best.encoding.startswith("utf-8"):
        others = [candidate for candidate in found if candidate.encoding != "utf-8"]
        may_be = f"; it may be {_named(others)}" if others else ""
        return f"UTF-8, but not at byte {doubt + 1:,} (line {_line(raw, doubt):,}), 0x{raw[doubt]:02X}{may_be}"
    if not found[0].is_plausible:
        return f"{where}, and no other encoding surely makes text of it; the nearest is {_named(found)}"
    return f"{where}; it may be {_named(found)}"


_MOST_NAMED = 3
_WORD_BEFORE, _WORD_AFTER = 12, 16


def _named(found: Sequence[Candidate]) -> str:
    """The likeliest readings, each with the word in which it differs from the likeliest one, and that with its own."""
    best = found[0]
    others = found[1:_MOST_NAMED]
    named = [f"{candidate.encoding} (“{_word(candidate.text, best.text)}”)" for candidate in others]
    first = f"{best.encoding} (“{_word(best.text, others[0].text)}”)" if others else best.encoding
    return " or ".join(filter(None, (", ".join([first, *named[:-1]]), *named[-1:])))


def _word(text: str, other: str) -> str:
    """The word of a text in which it first differs from another one."""
    at = next((at for at, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), min(len(text), len(other)))
    before = re.split(r"\s", text[max(0, at - _WORD_BEFORE) : at])[-1]
    after = re.split(r"\s", text[at : at + _WORD_AFTER])[0]
    return "".join(sign for sign in before + after if sign.isprintable())


def _found(raw: bytes) -> str | None:
    """What bytes are in, whatever their source names, as far as that is sure."""
    try:
        return _to_text(raw, None)[1]
    except RecordFault:
        return None


def _line(raw: bytes, at: int) -> int:
    return raw.count(b"\n", 0, at) + 1
