"""Unicode that says so by its very bytes, though no byte order mark does: UTF-16, UTF-32, cut UTF-8, ISO-2022 and HZ.

What belongs elsewhere: bytes that may be in several encodings (`etl.encodings`).
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

from etl.codec_list import RARE
from etl.encodings import Candidate
from etl.errors import RecordFault
from etl.likelihood import likelihood


def utf16_or_32(raw: bytes) -> Candidate | None:
    """UTF-16 or UTF-32 without a byte order mark, told by where its NULs stand; None if it is neither.

    ASCII spaces, figures and line ends are in texts of every script; in the wrong byte order none of them is one.
    """
    best: tuple[float, Candidate] | None = None
    for name, width in (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2)):
        whole = len(raw) // width * width
        try:
            text = raw[:whole].decode(name)
        except UnicodeDecodeError:
            continue
        sample = text[:_SAMPLE]
        controls = len(_CONTROLS.findall(sample))
        if not text or controls > _MOST_CONTROLS * len(sample) or count_odd(sample) > controls:
            continue
        usual = len(_USUAL.findall(sample)) / len(sample)
        if usual < _MANY_USUAL and not _is_of_one_alphabet(sample):
            score, is_plausible = likelihood(text)
            if not is_plausible or score < likelihood(raw.decode("latin-1"))[0]:
                continue
        if best is None or usual > best[0]:
            best = usual, Candidate(name, text, 0.0, True, whole < len(raw))
    return best[1] if best else None


_SAMPLE = 100_000
"""Signs that are looked at one by one."""

_CONTROLS = re.compile("[\x01-\x08\x0b-\x1f\x7f]")
_MOST_CONTROLS = 0.3
"""The share of controls that the wire's own may be."""

_MANY_USUAL = 0.1
"""The share of signs of ASCII from which on a text of whatever script is in the right byte order. Others, of
which one may have fewer, are of one alphabet, or likely as Chinese."""

_USUAL = re.compile("[ -~\n\r\t]")


def _is_of_one_alphabet(text: str) -> bool:
    """Whether most of many signs are of one small block; those of Han and Hangul fill many."""
    if len(text) < _MANY:
        return False
    blocks = Counter(ord(sign) >> 7 for sign in text)
    return blocks.most_common(1)[0][1] > _MOSTLY * len(text)


_MOSTLY, _MANY = 0.6, 8


def count_odd(text: str) -> int:
    """How many signs of a text are controls, private, or none."""
    return sum(unicodedata.category(sign) in {"Cn", "Co", "Cc"} and sign not in "\n\r\t" for sign in text)


def utf16_without_nul(raw: bytes) -> Iterator[Candidate]:
    """Chinese, Japanese or Korean in UTF-16, with neither byte order mark nor a single NUL."""
    if len(raw) % 2:
        return
    for name in ("utf-16-le", "utf-16-be"):
        try:
            text = raw.decode(name)
        except UnicodeDecodeError:
            continue
        if not count_odd(text[:_SAMPLE]):
            score, is_plausible = likelihood(text)
            yield Candidate(name, text, score - RARE, is_plausible)


def cut_utf8(raw: bytes) -> tuple[str, int] | None:
    """UTF-8 that was cut inside a sign at its end or its beginning: the rest, and how many signs beyond ASCII it has.

    None if that is not all that is wrong with it, or if nothing else in it speaks for UTF-8.
    """
    begin = len(raw) - len(raw[:3].lstrip(_CONTINUATION)) - len(raw[3:])
    try:
        decoder = codecs.getincrementaldecoder("utf-8")("strict")
        text = decoder.decode(raw[begin:])
    except UnicodeDecodeError:
        return None
    signs = len(text) - len(text.encode("ascii", "ignore"))
    pending = len(decoder.getstate()[0])
    return (text, signs) if signs or pending > 1 else None


_CONTINUATION = bytes(range(0x80, 0xC0))


def seven_bit(raw: bytes) -> Candidate | None:
    """ISO-2022-JP, ISO-2022-KR or HZ, which switch to signs of two bytes and back within ASCII; None if it is none.

    Raises:
        RecordFault: it switches as they do, to what is none of their signs.
    """
    if not raw.isascii():
        return None
    names = [name for mark, name in _SWITCHES if re.search(mark, raw)]
    for name in names:
        decoder = codecs.getincrementaldecoder(name)("strict")
        try:
            text = decoder.decode(raw)
        except UnicodeDecodeError:
            continue
        try:
            is_cut = raw.decode(name) != text
        except UnicodeDecodeError:
            is_cut = True
        found = Candidate(name, text, *likelihood(text), is_cut)
        # Within much markup, little speaks for it. Nothing else has escapes such as these, or braces around signs that
        # are all frequent ones.
        is_sure = name != "hz" or all(map(_FREQUENT_HZ.fullmatch, _HZ.findall(raw)))
        if (found.is_plausible or is_sure) and not text.isascii():
            return found
    if _ESCAPE.search(raw):
        raise RecordFault("undecodable", "It switches to signs of two bytes as ISO-2022 does, and to none of its signs")
    return None


_ESCAPE = re.compile(rb"\x1b\$[@B()]")
_HZ = re.compile(rb"~\{(.*?)~\}", re.DOTALL)
_FREQUENT_HZ = re.compile(rb"(?:[!-#0-W][!-~])+")
"""The first half of GB 2312, by frequency, and its punctuation."""

_SWITCHES = (
    (rb"\x1b\$[@B]", "iso2022_jp"),
    (rb"\x1b[$(]", "iso2022_jp_ext"),
    (rb"\x1b[$(.N]", "iso2022_jp_2"),
    (rb"\x1b\$\)C", "iso2022_kr"),
    (rb"~\{[!-w][!-~]", "hz"),
)
