"""How likely a text is: by how often its signs follow one another in some language (`letter_pairs.parquet`).

Only texts of the same bytes can be compared. Where the counts come from: `etl.reference.bake`. What belongs elsewhere:
which texts there are to compare (`etl.encodings`), and which language a document is written in (`etl.language`).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

_PAIRS = Path(__file__).parent / "reference" / "letter_pairs.parquet"

_IMPLAUSIBLE, _IMPLAUSIBLE_WIDE = -6.0, -9.5
"""Mean logarithm of the likelihood of the signs in words beyond ASCII, below which they are no words: of alphabets,
whose words have more than -5.3, and of Han and other wide signs, which have more than -8.5. Random bytes have -10."""

_OTHER_LANGUAGE = 6.0
"""What speaks (natural logarithm) against a word that is not of the text's language: a name, a quotation."""

_PRIOR_PAIRS = 2.0
"""How many pairs of a sign it takes to know what may follow it."""

_MOST_WORDS, _MOST_PLAIN = 1_500, 200_000
"""Different words beyond ASCII, and signs of the others, that are looked at: what is more tells no more."""


class Letters:
    """Which sign follows which, in each language."""

    def __init__(self) -> None:
        table = pq.read_table(_PAIRS)
        languages = table.column("language").to_pylist()
        pairs = table.column("pair").to_pylist()
        self.languages = sorted(set(languages))
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
        floors = np.array([_floor(chr(point), True) for point in self.signs] + [0.0], np.float32)
        self.floors = floors[:, None] * np.ones(len(order), np.float32)
        scripts = np.append((_kinds()[np.minimum(self.signs, 0xFFFF)] + 1) // 2, 0)
        for script in range(1, len(_SCRIPTS) + 2):
            is_of_it = scripts == script
            is_foreign = self.second[is_of_it].sum(axis=0) < _FOREIGN_SHARE * self.total
            self.floors[np.ix_(is_of_it, is_foreign)] *= _FOREIGN

    def likelihoods(self, first: Any, second: Any) -> Any:
        """Natural logarithms of how likely each second sign is to follow the first, in each language.

        Args:
            first, second: code points, folded.
        """
        kinds = _kinds()[np.minimum(first, 0xFFFF)] * _KINDS + _kinds()[np.minimum(second, 0xFFFF)]
        first = np.where((second >= _WIDE) | (first >= _WIDE), 0, first)
        pair = _rows(self.pair, self.keys, first << 21 | second)
        before = _rows(self.first, self.signs, first)
        at = np.searchsorted(self.signs, second)
        at = np.where((at < len(self.signs)) & (self.signs[np.minimum(at, len(self.signs) - 1)] == second), at, -1)
        floors = self.floors[at]
        for index in np.flatnonzero(at == -1):
            floors[index] = _floor(chr(second[index]), False)
        alone = (self.second[at] + floors) / self.total
        odd, wide = _odd_pairs()
        is_figure = (first == _ZERO) & (second > 0x7F) | (second == _ZERO) & (first > 0x7F)
        letters_by_figures = is_figure & (kinds > 0)
        alone *= np.where(odd[kinds] | letters_by_figures, _ODD_PAIR, 1.0)[:, None]
        return np.log((pair + _PRIOR_PAIRS * alone) / (before + _PRIOR_PAIRS)) - _WIDE_IN_WORD * wide[kinds][:, None]


_WIDE = 0x2E80
"""From here on signs are Han, kana, Hangul: too many of them for pairs, so that each counts by itself."""


def _rows(table: Any, keys: Any, wanted: Any) -> Any:
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found = table[at]
    found[keys[at] != wanted] = 0
    return found


_FOREIGN_SHARE, _FOREIGN = 0.01, 0.05
"""A language with less than so much of a script does not use it; a letter of it is so much rarer than another one that
the language is not known to have."""

_ODD_PAIR = 0.05
"""How much rarer than otherwise a letter is behind one of another script, or a capital behind a small one, where the
language is not known to do that."""

_ZERO = ord("0")
"""All figures are folded to it."""

_WIDE_IN_WORD = 4.0
"""What speaks (natural logarithm) against a letter side by side with a Han or other wide sign."""

_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "HEBREW", "ARABIC", "THAI")
_KINDS = 2 * len(_SCRIPTS) + 2


@cache
def _kinds() -> Any:
    """What each code point is: 0 for no letter of these scripts, else by script, capitals apart; the last if wide."""
    kinds = np.zeros(0x10000, np.int64)
    for point in range(0x41, 0xE80):
        sign = chr(point)
        script = unicodedata.name(sign, "").partition(" ")[0]
        if sign.isalpha() and script in _SCRIPTS:
            kinds[point] = 2 * _SCRIPTS.index(script) + 1 + sign.isupper()
    for point in range(_WIDE, 0x10000):
        if chr(point).isalpha():
            kinds[point] = _KINDS - 1
    return kinds


@cache
def _odd_pairs() -> tuple[Any, Any]:
    """Which pairs of kinds do not stand side by side in a word; and which of letters and wide signs do not."""
    odd = np.zeros((_KINDS, _KINDS), bool)
    wide = np.zeros((_KINDS, _KINDS), bool)
    for first in range(1, _KINDS - 1):
        wide[first, -1] = wide[-1, first] = True
        for second in range(1, _KINDS - 1):
            odd[first, second] = (first - 1) // 2 != (second - 1) // 2 or (first % 2 == 1 and second == first + 1)
    return odd.ravel(), wide.ravel()


_FLOORS = {"L": 0.05, "M": 0.02, "N": 0.02, "P": 0.02, "S": 0.01, "Z": 0.02, "C": 1e-6}


_USUAL_SIGNS, _USUAL_FLOOR = frozenset("“”„‘’«»–—…€£§°½²•"), 0.2
"""Signs that every language may use."""


def _floor(sign: str, is_known: bool) -> float:
    """How often a sign stands in any text although its language does not know it, in the tables' measure."""
    if sign in _USUAL_SIGNS:
        return _USUAL_FLOOR
    category = unicodedata.category(sign)
    if category == "So":
        return 0.003
    return _FLOORS[category[0]] * (1.0 if is_known else 0.2)


@cache
def letters() -> Letters:
    """The counts, read on first use."""
    return Letters()


def fold(points: Any) -> Any:
    """Digits, white space and controls as one sign each, as the tables have them."""
    points = np.where((points >= 0x30) & (points <= 0x39), 0x30, points)
    return np.where((points < 0x20) | (points == 0x7F), 0x20, points)


def likelihood(text: str, against: Any = 0.0) -> tuple[float, bool]:
    """How likely a text is in its likeliest language, and whether its words beyond ASCII are words at all.

    Args:
        text: not empty.
        against: what speaks against each language beforehand, in the order of `letters().languages`.

    Returns:
        The natural logarithm.
    """
    words = Counter(_WORD.findall(text))
    plain = Counter(word for word in words.elements() if word.isascii())
    high = Counter({word: count for word, count in words.items() if not word.isascii()}).most_common(_MOST_WORDS)
    whole, _, _ = _pairs(" ".join(plain.elements())[:_MOST_PLAIN])
    pairs, counts = np.unique(whole, return_counts=True)
    base = damped(counts) @ letters().likelihoods(pairs >> 21, pairs & 0x1FFFFF) - against
    if not high:
        return float(base.max()), True
    pairs, starts, sizes = _pairs(*(word for word, _ in high))
    repeated = damped(np.array([count for _, count in high]))
    distinct, at = np.unique(pairs, return_inverse=True)
    each = letters().likelihoods(distinct >> 21, distinct & 0x1FFFFF)[at]
    by_word = np.add.reduceat(each, starts, axis=0)
    read = np.maximum(by_word, by_word.max(axis=1, keepdims=True) - _OTHER_LANGUAGE)
    scores = base + repeated @ read
    best = int(scores.argmax())
    mean = (repeated @ read[:, best]) / (repeated @ sizes)
    wide = float(((pairs & 0x1FFFFF) >= _WIDE).mean())
    return float(scores[best]), bool(mean > _IMPLAUSIBLE + wide * (_IMPLAUSIBLE_WIDE - _IMPLAUSIBLE))


_WORD = re.compile("[^ \\t\\r\\n]{1,64}")
"""A no-break space may be a letter in another codec. Without spaces, as in Chinese, a piece is as good as a word."""


def _pairs(*words: str) -> tuple[Any, Any, Any]:
    """The pairs of signs in words with a space around each; where each word's begin; how many they are."""
    points = np.frombuffer("".join(f" {word} " for word in words).encode("utf-32-le", "surrogatepass"), np.uint32)
    points = fold(points.astype(np.int64))
    sizes = np.array([len(word) + 2 for word in words])
    ends = np.cumsum(sizes)
    keep = np.ones(len(points), bool)
    keep[ends - 1] = False
    pairs = points << 21 | np.append(points[1:], 0)
    return pairs[keep], ends - sizes - np.arange(len(words)), sizes - 1


def damped(counts: Any) -> Any:
    """What so many of the same count for: a name that a text repeats is not said by it anew each time."""
    return 1 + np.log(counts.astype(np.float32))
