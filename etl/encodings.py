"""In which encoding bytes are that are not UTF-8, by which reading of them is the most likely text.

Every codec that decodes the bytes strictly gives a text; each text is as likely as its letters are to follow one
another in some language (`etl.likelihood`). The likeliest is taken where every other *text* is far less likely: two
codecs that read the same are no doubt. A language is thus the prior for its codecs, and the ASCII letters of a text
tell as much about it as the others. What belongs elsewhere: Unicode that shows by its bytes (`etl.unmarked`), the order
in which encodings are tried, and repairs (`etl.decode`).
"""

from __future__ import annotations

import codecs
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from etl.codec_list import CODECS, COMMON, HOMES, RARE, WIDE_CODECS, WIDER
from etl.likelihood import damped, letters, likelihood

MARGIN = 4.0
"""How much likelier (natural logarithm) a text has to be than the next other one."""

CUT = 4.0
"""What speaks against a text whose last sign is not whole."""

_LEFT_OUT = 16.0
"""What speaks against a byte that means nothing: it is never left out, but no reading is taken that is less likely."""

_MIXED = 2.0
"""What speaks against a text that is in two encodings."""

_STRANGE = 4.0
"""What speaks against a language's text being in a codec that was not made for it."""

_SWITCH = 12.0
"""The same, at a first look, against letters beyond ASCII of another language than the rest."""

_MOST = 8
"""Readings in codecs of one byte a sign that are worth a second look."""

_MOST_PAIRS = 200
"""Pairs of bytes that are looked at first: what is rarer tells no more."""

_LONELY = 8.0
"""What speaks against one or two signs of several bytes in a text of ASCII."""

_FAR_BEHIND = 60.0
"""What is so much less likely at a first look is so at a second one."""

_FEW = 3
"""So few bytes beyond ASCII are read by a common codec only, or not at all: in a rare one any may be a letter."""


@dataclass(frozen=True)
class Candidate:
    """A reading of bytes.

    Attributes:
        encoding: our name of the codec, which Python knows.
        text: what it reads.
        likelihood: natural logarithm, what speaks against the codec included; comparable between readings of the
            same bytes only.
        is_plausible: whether its letters are those of a language, in its order, at all.
        is_cut: the last sign of several bytes is not whole, and is left out.
    """

    encoding: str
    text: str
    likelihood: float
    is_plausible: bool
    is_cut: bool = False


def sample(raw: bytes) -> bytes:
    """Lines of long bytes that tell what the whole is in: those that are not UTF-8, and some that are."""
    if len(raw) <= _LONG:
        return raw
    lines: tuple[list[bytes], list[bytes]] = ([], [])
    for line in raw.splitlines(keepends=True):
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            lines[1].append(_window(line, 0))
        except UnicodeDecodeError as error:
            lines[0].append(_window(line, error.start))
    kept = [*_spread(lines[0]), *_spread(lines[1])]
    seen = {byte for line in kept for byte in line}
    for line in lines[0]:
        octets = set(line)
        if not octets <= seen:
            kept.append(line)
            seen |= octets
    return b"".join(kept)


def _spread(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Lines of about `_LONG` bytes together, from the first to the last."""
    step = sum(map(len, lines)) / _LONG
    passed = taken = 0
    for line in lines:
        if taken * step <= passed:
            yield line
            taken += len(line)
        passed += len(line)


_LONG = 50_000


def _window(line: bytes, at: int) -> bytes:
    """What stands around a byte of a long line, from one space to another."""
    if len(line) <= _LONG:
        return line
    begin = line.rfind(b" ", 0, max(0, at - _LONG // 2)) + 1
    end = line.find(b" ", at + _LONG // 2)
    return line[begin : end if end >= 0 else len(line)]


def read_as(raw: bytes, encoding: str) -> str:
    """The whole of bytes in the encoding that a sample of them is in.

    Raises:
        UnicodeDecodeError: that is not what the rest is in.
    """
    first, _, other = encoding.partition("+")
    if not other:
        return raw.decode(first)
    return _read_mixed(_lines(raw.decode("utf-8", "surrogateescape")), other)


def candidates(raw: bytes, is_damaged_utf8: bool) -> list[Candidate]:
    """The readings of bytes that are not UTF-8, the likeliest first, each text once.

    Args:
        raw: the bytes, or a sample of them.
        is_damaged_utf8: they are UTF-8 but for few of them.
    """
    if is_damaged_utf8:
        return ranked(_mixed(raw))
    return ranked([*_narrow(raw), *_wide(raw), *_mixed(raw)])


def ranked(readings: Iterable[Candidate]) -> list[Candidate]:
    """The likeliest first, each text once."""
    best: dict[str, Candidate] = {}
    for candidate in sorted(readings, key=lambda candidate: -candidate.likelihood):
        best.setdefault(unicodedata.normalize("NFC", candidate.text), candidate)
    return list(best.values())


def is_sure(found: Sequence[Candidate]) -> bool:
    """Whether the first reading is text, and no other one may be meant."""
    if not found or not found[0].is_plausible:
        return False
    return len(found) == 1 or found[0].likelihood - found[1].likelihood >= MARGIN


@dataclass(frozen=True)
class ForeignPart:
    """A part of bytes that is in another encoding than the whole was read in.

    Attributes:
        start: where it begins.
        text: what the encoding of the whole reads.
        found: what it is.
    """

    start: int
    text: str
    found: Candidate


def foreign_part(raw: bytes, encoding: str) -> ForeignPart | None:
    """The part, a line or some words of a long one, that is surely in another encoding; None if all may be in one.

    Of codecs of one byte a sign those parts are weighed again, in every codec, that are the least likely text.

    Args:
        raw: all bytes.
        encoding: what they were read in; only those that stand in `etl.codec_list` are looked into.
    """
    if encoding not in _AGAINST:
        return None
    is_narrow = encoding in _NUMBERS
    parts = list(dict.fromkeys(_parts(raw, _PIECE if is_narrow else _LINE)))
    if len(parts) < 2:
        return None
    weighed = 0
    for part in _least_likely(parts, encoding) if is_narrow else _implausible(parts, encoding):
        words = _words(part, encoding) if is_narrow else part
        if words.isascii():
            continue
        weighed += 1
        text = words.decode(encoding)
        looks = _first_look(words)
        # Most parts need no second look.
        if not is_narrow or looks[0].likelihood - _look_of(text, words, looks) >= _FOREIGN:
            others = [*_narrow(words, looks), *(_wide(words) if not is_narrow else ())]
            best = max((other for other in others if other.encoding != "ascii"), key=lambda other: other.likelihood)
            own = likelihood(text, _strange(encoding))[0] - _AGAINST[encoding]
            if best.likelihood - own >= _FOREIGN and (is_narrow or best.is_plausible):
                return ForeignPart(raw.index(part), text, best)
        if weighed == _MOST_WEIGHED:
            break
    return None


_FOREIGN = 8.0
"""How much likelier (natural logarithm) a part of a text has to be in another encoding. Of 438 texts, with lines in
other languages, no line is by more than 4.4; of those in two encodings most have one that is by 30 or more. At a first
look, none of 1,190 lines in the encoding of the text is by more than 3.0; 61 in another one all are, by 17 or more."""


def _look_of(text: str, raw: bytes, looks: Sequence[_Look]) -> float:
    """How likely a reading of bytes is at a first look, whichever codec stands for it."""
    return next((look.likelihood for look in looks if raw.decode(look.codec) == text), -math.inf)


_MOST_WEIGHED, _MOST_IMPLAUSIBLE = 6, 200
"""Parts that are weighed again in every codec, and those of several bytes a sign that are looked at."""

_USUAL = -3.0
"""Mean logarithm of the likelihood of signs beyond ASCII and their neighbours, from which on a part is not doubted."""


def _parts(raw: bytes, pattern: re.Pattern[bytes]) -> Iterator[bytes]:
    """The lines, or pieces, with bytes beyond ASCII: short ones with those behind, the last with what is before it."""
    start = before = 0
    for found in pattern.finditer(raw):
        end = found.end()
        if end - start < _SHORT and end < len(raw):
            continue
        part = raw[start if end - start >= _SHORT else before : end]
        if not part.isascii():
            yield part
        before, start = start, end


_PIECE = re.compile(rb"[^\n]{1,1000}[^\n ]{0,1000}\n*|\n+")
_LINE = re.compile(rb"[^\n]+\n*|\n+")
"""Of codecs of several bytes a sign, which a piece might part."""

_SHORT = 60
"""Bytes of a line that tell by themselves: a letter alone may be any."""


def _least_likely(parts: Sequence[bytes], encoding: str) -> Iterator[bytes]:
    """The parts whose bytes beyond ASCII are the least likely text in a codec of one byte a sign."""
    octets = np.frombuffer(b" ".join([*parts, b""]).translate(_FOLDED), np.uint8).astype(np.uint16)
    octets = np.concatenate((np.array([0x20], np.uint16), octets))
    pairs = octets[:-1] << 8 | octets[1:]
    counts = np.bincount(pairs, minlength=0x10000)
    distinct = np.flatnonzero(counts)
    table = _tables()[_NUMBERS[encoding]]
    read = letters().likelihoods(table[distinct >> 8], table[distinct & 0xFF])
    each = np.zeros(0x10000, np.float32)
    each[distinct] = read[:, int((damped(counts[distinct]) @ read).argmax())]
    is_high = (pairs & 0x8080) != 0
    sizes = np.array([len(part) + 1 for part in parts])
    starts = np.cumsum(sizes) - sizes
    means = np.add.reduceat(np.where(is_high, each[pairs], 0), starts) / np.add.reduceat(
        is_high, starts, dtype=np.int64
    )
    for number in np.argsort(means, kind="stable"):
        if means[number] < _USUAL:
            yield parts[number]


def _implausible(parts: Sequence[bytes], encoding: str) -> Iterator[bytes]:
    """The parts that make no text in a codec of several bytes a sign, of some from all over."""
    for part in parts[:: len(parts) // _MOST_IMPLAUSIBLE + 1]:
        try:
            text = part.decode(encoding)
        except UnicodeDecodeError:
            # The last sign of a text that was cut.
            continue
        if not likelihood(text)[1]:
            yield part


def _words(part: bytes, encoding: str) -> bytes:
    """A part without its signs that stand in no word, and with ASCII's apostrophes: they say nothing of letters."""
    text = _ALONE.sub(" ", part.decode(encoding))
    return text.replace("‘", "'").replace("’", "'").encode(encoding)


_LETTER = r"[^\W\d_]"
_SIGN = "[°©®™§£€¥¢•ªº¹²³¼½¾]"
_ALONE = re.compile(rf"(?<!{_LETTER})[^\w\x00-\x7f](?!{_LETTER})|(?<!{_LETTER}){_SIGN}|{_SIGN}(?!{_LETTER})")
"""Signs at a word's end may be its last letter in another codec; these are so seldom."""

_AGAINST = dict((*CODECS, *WIDE_CODECS))
_NUMBERS = {name: number for number, (name, _) in enumerate(CODECS)}


@cache
def _tables() -> Any:
    """The signs of the codecs of one byte a sign, as code points: -1 where they have none, or a control."""
    rows = []
    for name, _ in CODECS:
        row = []
        for byte in range(256):
            try:
                sign = bytes([byte]).decode(name)
            except UnicodeDecodeError:
                row.append(-1)
                continue
            row.append(-1 if 0x80 <= ord(sign) < 0xA0 else ord(sign))
        rows.append(row)
    return np.array(rows, np.int64)


_FOLDED = bytes(0x30 if byte in b"0123456789" else 0x20 if byte < 0x20 or byte == 0x7F else byte for byte in range(256))
"""As `etl.likelihood.fold`."""


class _Look(NamedTuple):
    """A codec of one byte a sign, and how likely bytes are in it at a first look, which takes no words apart."""

    likelihood: float
    codec: str
    against: float


def _first_look(raw: bytes) -> list[_Look]:
    """The codecs of one byte a sign that have a sign for each byte, the likeliest first, each reading once."""
    octets = np.frombuffer((b" " + raw + b" ").translate(_FOLDED), np.uint8).astype(np.int64)
    used = np.unique(octets)
    counts = np.bincount(octets[:-1] << 8 | octets[1:], minlength=0x10000)
    pairs = np.flatnonzero(counts)
    counts = damped(counts[pairs])
    first, second = pairs >> 8, pairs & 0xFF
    is_ascii = (first < 0x80) & (second < 0x80)
    plain = counts[is_ascii] @ letters().likelihoods(first[is_ascii], second[is_ascii])
    often = np.flatnonzero(~is_ascii)
    often = often[np.argsort(-counts[often], kind="stable")[:_MOST_PAIRS]]
    first, second, counts = first[often], second[often], counts[often]
    tables = _tables()
    signs = tables[:, used]
    able = np.flatnonzero((signs >= 0).all(axis=1))
    # All codecs at once: most of them have most of their pairs of signs in common with others.
    read = tables[able][:, first] << 21 | tables[able][:, second]
    distinct, at = np.unique(read, return_inverse=True)
    weights = np.zeros((len(able), len(distinct)), np.float32)
    np.add.at(weights, (np.arange(len(able))[:, None], at.reshape(read.shape)), counts)
    high = weights @ letters().likelihoods(distinct >> 21, distinct & 0x1FFFFF) - _all_strange()[able]
    scores = np.maximum((plain + high).max(axis=1), plain.max() + high.max(axis=1) - _SWITCH)
    looks: dict[bytes, _Look] = {}
    for codec, score in zip(able, scores.tolist(), strict=True):
        name, against = CODECS[codec]
        key = signs[codec].tobytes()
        if key not in looks or looks[key].likelihood < score - against:
            looks[key] = _Look(score - against, name, against)
    return sorted(looks.values(), key=lambda look: -look.likelihood)


def _narrow(raw: bytes, looks: Sequence[_Look] | None = None) -> Iterator[Candidate]:
    """The likeliest readings in codecs of one byte a sign.

    Args:
        raw: what is read.
        looks: what a first look at it has shown, where it was looked at before.
    """
    best = (looks or _first_look(raw))[:_MOST]
    count = len(raw) - len(raw.translate(None, _BEYOND_ASCII))
    for _, name, against in (look for look in best if look.likelihood > best[0].likelihood - _FAR_BEHIND):
        text = raw.decode(name)
        score, is_plausible = likelihood(text, _strange(name))
        is_plausible = is_plausible and (against < RARE or count >= _FEW)
        yield Candidate(name, text, score - against, is_plausible)
    if count < _FEW:
        without = raw.decode("ascii", "ignore")
        if without.strip():
            yield Candidate("ascii", without, likelihood(without)[0] - _LEFT_OUT * count, False)


_BEYOND_ASCII = bytes(range(0x80, 0x100))


@cache
def _all_strange() -> Any:
    return np.array([_strange(name) for name, _ in CODECS], np.float32)


@cache
def _strange(codec: str) -> Any:
    """What speaks against a codec in each language."""
    homes = next((languages for names, languages in HOMES if codec in names.split()), None)
    return np.array([0.0 if homes is None or name in homes.split() else _STRANGE for name in letters().languages])


def _wide(raw: bytes) -> Iterator[Candidate]:
    decoded = set()
    for name, against in WIDE_CODECS:
        if WIDER.get(name) in decoded:
            decoded.add(name)
            continue
        try:
            text = codecs.getincrementaldecoder(name)("strict").decode(raw)
        except UnicodeDecodeError:
            continue
        decoded.add(name)
        try:
            is_cut = False
            text = raw.decode(name)
        except UnicodeDecodeError:
            is_cut = True
        score, is_plausible = likelihood(text, _strange(name))
        if len(_WIDE_SIGN.findall(text)) < _FEW:
            against += _LONELY
        yield Candidate(name, text, score - against - is_cut * CUT, is_plausible, is_cut)


_WIDE_SIGN = re.compile("[\u2e80-\U0010ffff]")


def _mixed(raw: bytes) -> Iterator[Candidate]:
    """UTF-8 in which some bytes are of another codec: a quotation, a line, a name of another origin.

    A line with more bytes that are not UTF-8 than signs that are is read as the other codec throughout.
    """
    text = raw.decode("utf-8", "surrogateescape")
    lines = _lines(text)
    count = sum(strays for _, strays, _ in lines)
    if _CHANCE * sum(signs for _, _, signs in lines) < count:
        return
    without = _STRAY.sub("", text)
    nothing, is_text = likelihood(without) if without.strip() else (0.0, False)
    yield Candidate("utf-8", without, nothing - _LEFT_OUT * count, False)
    if not is_text and not any(0 < signs >= strays for _, strays, signs in lines):
        # Its signs of UTF-8 stand in no words, nor in a line of their own: bytes of the other encoding look like them.
        return
    for name, against in (*CODECS, *WIDE_CODECS):
        try:
            joined = _read_mixed(lines, name)
        except UnicodeDecodeError:
            continue
        if _C1.search(joined):
            continue
        score, is_plausible = likelihood(joined, _strange(name))
        if count < _ENOUGH_STRAYS and not _is_punctuation(raw, name):
            is_plausible = is_plausible and against == COMMON and score - nothing > -_FITTING * count
        yield Candidate(f"utf-8+{name}", joined, score - against - _MIXED, is_plausible)


def is_utf8(raw: bytes) -> bool:
    """Whether bytes are UTF-8 but for few of them: nothing else has so many of its signs by chance."""
    text = raw.decode("utf-8", "surrogateescape")
    signs = len(_UTF8_SIGN.findall(text))
    return signs >= _MANY_SIGNS and signs >= _MANY_SIGNS * len(_STRAY.findall(text))


_CHANCE = 10
"""Of so many bytes of another encoding one and its neighbours look like UTF-8 by chance."""

_MANY_SIGNS = 5

_ENOUGH_STRAYS = 3
"""Any byte may look like a letter, one that a faulty line made, too; three of them seldom do."""

_FITTING = 4.0
"""Fewer are read as letters where the text is hardly less likely with them than without. Of single letters of another
encoding half are; of 280 bytes at random two were."""


def _is_punctuation(raw: bytes, codec: str) -> bool:
    """Whether the bytes that are not UTF-8 are Windows' quotation marks and dashes, each where it belongs."""
    rest = _WINDOWS_PUNCTUATION.sub(b"", raw)
    try:
        rest.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return codec.startswith("windows-125")


_WINDOWS_PUNCTUATION = re.compile(
    rb"(?<=[A-Za-z])\x92(?=[A-Za-z])|(?<=[a-z]s)\x92(?= )|(?<= )[\x96\x97](?= )|(?<=[0-9])\x96(?=[0-9])"
    rb"|(?<![^ (])\x93(?=[A-Za-z][^\x93\x94\n]+\x94)|(?<=[A-Za-z0-9.,!?])\x94(?![A-Za-z0-9])"
)


def _lines(text: str) -> list[tuple[str, int, int]]:
    """The lines of UTF-8 that is not whole, each with its bytes that are none, and with its signs beyond ASCII."""
    return [(line, len(_STRAY.findall(line)), len(_UTF8_SIGN.findall(line))) for line in text.splitlines(keepends=True)]


def _read_mixed(lines: Sequence[tuple[str, int, int]], codec: str) -> str:
    """The lines with their bytes that are not UTF-8 in a codec; those with more of them than signs, as a whole."""
    return "".join(
        line
        if not strays
        else line.encode("utf-8", "surrogateescape").decode(codec)
        if strays > signs
        else _read_strays(line, codec)
        for line, strays, signs in lines
    )


def _read_strays(line: str, codec: str) -> str:
    return _STRAY.sub(lambda stray: bytes([ord(stray[0]) - 0xDC00]).decode(codec), line)


_STRAY = re.compile("[\udc80-\udcff]")
_UTF8_SIGN = re.compile("[\u0080-\ud7ff\ue000-\U0010ffff]")
_C1 = re.compile("[\x80-\x9f]")
