"""The keys under which names are looked up: `normalise` for the name as it stands, `fold` for what it is spelt like.

Which names there are belongs to the files and the modules that hold them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

CACHED_NAMES = 1 << 14
"""Names of which what was looked up is remembered: an archive has the same places and agencies again and again."""

# Latin letters that are no others with a mark, and what stands for them on other keyboards.
_LATIN = {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "æ": "ae", "œ": "oe", "ı": "i", "ə": "e", "ħ": "h", "þ": "th"}

# One letter in Arabic and in Persian, or with and without its hamza.
_ARABIC = {"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ہ": "ه"}

_QUOTES = dict.fromkeys("'’‘ʼʻ`´ʿʾʹ׳״“”\"\u200e\u200f")

_LETTERS = str.maketrans({**_LATIN, **_ARABIC, **_QUOTES, "臺": "台"})

_BLANK = re.compile(r"[-‐‑–/().,;·・•\u200c\s]+")

_SAINT = re.compile(r"\b(?:saint|sankt|sint)\b")

_MARKS = re.compile("[\u0300-\u036f]+")


@lru_cache(CACHED_NAMES)
def normalise(name: str) -> str:
    """The key under which names are looked up: NFC, case folded, single spaces, no full stop at the end."""
    # The Turkish capital İ folds to an i and a dot above: IZMIR and İzmir are to be one.
    folded = unicodedata.normalize("NFC", name).casefold().replace("i\u0307", "i")
    return " ".join(folded.split()).rstrip(".")


@lru_cache(CACHED_NAMES)
def fold(name: str) -> str:
    """A looser key, for names that `normalise` does not find.

    Accents are dropped ("ΘΕΣΣΑΛΟΝΙΚΗ", "Lodz"), hyphens, brackets and full stops are blanks ("Port au Prince"),
    "Saint" is "St". Other letters may then be alike: what is found under the name as it stands comes first.
    """
    return _SAINT.sub("st", _BLANK.sub(" ", fold_letters(name)).strip())


@lru_cache(CACHED_NAMES)
def fold_letters(words: str) -> str:
    """Words as `normalise` has them, without accents; letters that are one in some spelling are alike."""
    key = normalise(words)
    if not key.isascii():
        key = unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", key)))
        # In Armenian capitals, one letter is two.
        return key.translate(_LETTERS).replace("եւ", "եվ")
    return key.translate(_LETTERS)
