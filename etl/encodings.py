"""In which encoding bytes are that are not UTF-8, by which reading of them is the most likely text.

Every codec that decodes the bytes strictly gives a text; each text is as likely as its letters are to follow one another
in some language (`letter_pairs.parquet`, 50 languages). The likeliest is taken where every other *text* is far less
likely: two codecs that read the same are no doubt. A language is thus the prior for its codecs, and the ASCII letters of
a text tell as much about it as the others. What belongs elsewhere: the order in which encodings are tried, and repairs
(`etl.decode`).
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

_PAIRS = Path(__file__).parent / "reference" / "letter_pairs.parquet"

MARGIN = 6.0
"""How much likelier (natural logarithm) a text has to be than the next other one."""

IMPLAUSIBLE = -9.0
"""Mean logarithm of the likelihood of its non-ASCII pairs, below which a text is none."""

_SWITCH = 8.0
"""What it costs a text that its non-ASCII letters are of another language than its ASCII ones: a quotation, a name."""

_PRIOR_PAIRS = 2.0
"""How many pairs of a sign it takes to know what may follow it."""

_COMMON, _RARE, _ODD = 0.0, 3.0, 5.0

CODECS: tuple[tuple[str, float], ...] = (
    *((f"windows-125{number}", _COMMON) for number in (2, 1, 0, 4, 3, 5, 6, 7, 8)),
    *((f"iso-8859-{number}", _COMMON) for number in (1, 15, 2, 5, 7, 9)),
    *((f"iso-8859-{number}", 1.0) for number in (3, 4, 6, 8, 10, 11, 13, 14, 16)),
    ("koi8-r", _COMMON),
    ("koi8-u", _COMMON),
    ("cp874", _COMMON),
    *((name, _RARE) for name in ("cp866", "cp437", "cp850", "cp852", "mac-cyrillic", "mac-roman")),
    *((name, _ODD) for name in ("mac-latin2", "mac-greek", "mac-turkish", "mac-iceland")),
    *((f"cp{number}", _ODD) for number in (720, 737, 775, 855, 857, 858, 860, 861, 862, 863, 865, 869, 1125)),
    *((name, _ODD) for name in ("kz1048", "ptcp154", "koi8-t")),
)
"""Codecs of one byte a sign with what speaks against them beforehand (natural logarithm); of those that read the same
text, the first one is named."""

WIDE_CODECS: tuple[tuple[str, float], ...] = (
    ("gb18030", _COMMON),
    ("big5", _COMMON),
    ("cp950", 1.0),
    ("big5hkscs", 2.0),
    ("shift_jis", _COMMON),
    ("cp932", 1.0),
    ("euc-jp", _COMMON),
    ("euc-kr", _COMMON),
    ("cp949", 1.0),
    ("johab", _ODD),
)
"""Codecs of several bytes a sign, likewise. The narrower ones stand first: the wider only count where those fail."""

_WIDER = {"cp950": "big5", "big5hkscs": "cp950", "cp932": "shift_jis", "cp949": "euc-kr"}


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


class _Letters:
    """Which sign follows which, in each language."""

    def __init__(self) -> None:
        table = pq.read_table(_PAIRS)
        languages = table.column("language").to_pylist()
        pairs = table.column("pair").to_pylist()
        self.languages = sorted(set(languages))
        column = np.array([self.languages.index(name) for name in self.languages])
        order = {name: number for number, name in enumerate(self.languages)}
        column = np.array([order[name] for name in languages])
        points = np.frombuffer("".join(pairs).encode("utf-32-le"), np.uint32).reshape(-1, 2).astype(np.int64)
        weight = table.column("weight").to_numpy().astype(np.float32) / 100
        self.keys, row = np.unique(points[:, 0] << 21 | points[:, 1], return_inverse=True)
        self.pair = np.zeros((len(self.keys), len(order)), np.float32)
        self.pair[row, column] = weight
        self.signs, at = np.unique(points, return_inverse=True)
        at = at.reshape(-1, 2)
        self.first = np.zeros((len(self.signs) + 1, len(order)), np.float32)
        self.second = np.zeros_like(self.first)
        np.add.at(self.first, (at[:, 0], column), weight)
        np.add.at(self.second, (at[:, 1], column), weight)
        self.total = self.second.sum(axis=0)
        self.floors = np.array([_floor(chr(point), True) for point in self.signs] + [0.0], np.float32)

    def likelihoods(self, first: Any, second: Any) -> Any:
        """Natural logarithms of how likely each second sign is to follow the first, in each language.

        Args:
            first, second: code points, folded.
        """
        first = np.where(second >= _WIDE, 0, np.where(first >= _WIDE, 0, first))
        pair = _rows(self.pair, self.keys, first << 21 | second)
        before = _rows(self.first, self.signs, first)
        at = np.searchsorted(self.signs, second)
        at = np.where((at < len(self.signs)) & (self.signs[np.minimum(at, len(self.signs) - 1)] == second), at, -1)
        floors = self.floors[at]
        for index in np.flatnonzero(at == -1):
            floors[index] = _floor(chr(second[index]), False)
        alone = (self.second[at] + floors[:, None]) / self.total
        return np.log((pair + _PRIOR_PAIRS * alone) / (before + _PRIOR_PAIRS))


_WIDE = 0x2E80
"""From here on signs are Han, kana, Hangul: too many of them for pairs, so that each counts by itself."""


def _rows(table: Any, keys: Any, wanted: Any) -> Any:
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found = table[at]
    found[keys[at] != wanted] = 0
    return found


_FLOORS = {"L": 0.05, "M": 0.02, "N": 0.02, "P": 0.02, "S": 0.01, "Z": 0.02, "C": 1e-6}


def _floor(sign: str, is_known: bool) -> float:
    """How often a sign stands in any text although its language does not know it, in the tables' measure."""
    category = unicodedata.category(sign)
    if category == "So":
        return 0.003
    return _FLOORS[category[0]] * (1.0 if is_known else 0.2)


@cache
def _letters() -> _Letters:
    return _Letters()


@cache
def _tables() -> tuple[tuple[tuple[str, float], ...], Any]:
    """The codecs of one byte a sign, and their signs as code points: -1 where they have none, or a control."""
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
    return CODECS, np.array(rows, np.int64)


def _fold(points: Any) -> Any:
    """Digits, white space and controls as one sign each, as the tables have them."""
    points = np.where((points >= 0x30) & (points <= 0x39), 0x30, points)
    return np.where((points < 0x20) | (points == 0x7F), 0x20, points)


def candidates(raw: bytes) -> list[Candidate]:
    """The readings of bytes that are not UTF-8, the likeliest first, each text once."""
    found = [*_narrow(raw), *_wide(raw)]
    found.sort(key=lambda candidate: -candidate.likelihood)
    best: dict[str, Candidate] = {}
    for candidate in found:
        best.setdefault(unicodedata.normalize("NFC", candidate.text), candidate)
    return list(best.values())


_MOST = 8
"""Readings that are worth a text."""


def _narrow(raw: bytes) -> list[Candidate]:
    letters = _letters()
    names, tables = _tables()
    octets = np.frombuffer(b" " + raw + b" ", np.uint8).astype(np.int64)
    used = np.unique(octets)
    counts = np.bincount(octets[:-1] << 8 | octets[1:], minlength=65536)
    pairs = np.flatnonzero(counts)
    counts = counts[pairs].astype(np.float32)
    first, second = pairs >> 8, pairs & 0xFF
    is_ascii = (first < 0x80) & (second < 0x80)
    plain = counts[is_ascii] @ letters.likelihoods(_fold(first[is_ascii]), _fold(second[is_ascii]))
    first, second, counts = first[~is_ascii], second[~is_ascii], counts[~is_ascii]
    fitting = np.flatnonzero((tables[:, used] >= 0).all(axis=1))
    scored = []
    seen: dict[bytes, int] = {}
    for index in fitting:
        key = tables[index][used].tobytes()
        if key in seen:
            continue
        seen[key] = index
        high = counts @ letters.likelihoods(_fold(tables[index][first]), _fold(tables[index][second]))
        scored.append((_joined(plain, high) - names[index][1], index, high.max() / counts.sum()))
    scored.sort(key=lambda entry: -entry[0])
    return [
        Candidate(names[index][0], raw.decode(names[index][0]), float(score), mean > IMPLAUSIBLE)
        for score, index, mean in scored[:_MOST]
    ]


def _joined(plain: Any, high: Any) -> float:
    """The likelihood of a text, whose ASCII letters and whose others are of one language or of two."""
    return float(max((plain + high).max(), plain.max() + high.max() - _SWITCH))


def _wide(raw: bytes) -> list[Candidate]:
    letters = _letters()
    found = []
    decoded = set()
    for name, against in WIDE_CODECS:
        if _WIDER.get(name) in decoded:
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
        score, is_plausible = likelihood(text)
        found.append(Candidate(name, text, score - against - is_cut * _CUT, is_plausible, is_cut))
    return found


_CUT = 4.0
"""What speaks against a text whose last sign is not whole."""


def likelihood(text: str) -> tuple[float, bool]:
    """Natural logarithm of the likelihood of a text in its likeliest language, and whether it is plausible at all."""
    letters = _letters()
    points = np.frombuffer(f" {text} ".encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
    points = _fold(points)
    pairs, counts = np.unique(points[:-1] << 21 | points[1:], return_counts=True)
    first, second = pairs >> 21, pairs & 0x1FFFFF
    is_ascii = (first < 0x80) & (second < 0x80)
    each = letters.likelihoods(first, second)
    plain, high = counts[is_ascii] @ each[is_ascii], counts[~is_ascii] @ each[~is_ascii]
    mean = high.max() / max(counts[~is_ascii].sum(), 1)
    return _joined(plain, high), bool(mean > IMPLAUSIBLE)
