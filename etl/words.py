"""What a blank, a dash, a word and the end of a sentence are, in any script: patterns that several readers share."""

from __future__ import annotations

import re

_BLANKS = r"[ \t\u00a0\u2000-\u200b\u202f\u205f\u3000\ufeff]"
# Pages leave entities behind.
_ENTITY = r"&(?:nbsp|#160|ensp|emsp|thinsp);"

BLANK = rf"(?:{_BLANKS}|{_ENTITY})"
GAP = rf"{_BLANKS}*(?:{_ENTITY}{_BLANKS}*)*"
"""Any number of blanks."""

DASH = r"[-\u2010-\u2015\u2212\u2500\uff0d~]"

# Signs that are no letters for Python and belong to a word all the same: accents and vowels above, below and beside.
_MARK = (
    r"\u0300-\u036f\u0591-\u05c7\u05f3\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed"
    r"\u0900-\u0963\u0966-\u0dff\u0e31\u0e34-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u17b4-\u17d3\u200c\u200d"
)
# Most letters have no mark: a run of those is one step.
_LETTERS = rf"[^\W\d_]+(?:[{_MARK}]+[^\W\d_]*)*"

LETTERS = re.compile(_LETTERS)
"""Letters alone, with the marks that belong to them."""

WORD = re.compile(rf"(?:['’]s-)?{_LETTERS}(?:(?!{_ENTITY})['’ʼ‘`´.&״\u2011-]{_LETTERS})*")
"""Letters, with an apostrophe, a hyphen or a full stop between two of them: `Port-au-Prince`, `D.C`, `INTERFAX.RU`."""

# Behind those that can be told apart here: Burmese, Khmer, Ethiopic, Armenian, Mongolian and Tibetan ones.
_STOPS = ".!?…‼⁇⁈⁉。．！？｡؟۔܀।॥\u104b\u17d4\u17d5\u1362\u1367։\u1803\u0f0d"
# What closes a quotation in one language opens it in another: „so“, »so«, ”so”.
_CLOSERS = r"\"”“»«›‹’‘'＂＇」』｣》〉】〕〗）)\]}｝"

SENTENCE_STOP = rf"[{_STOPS}](?:{_BLANKS}?[{_CLOSERS}])*"
"""What a sentence stops with: a sign, and the quotation marks and brackets that close behind it."""

SENTENCE_END = re.compile(rf"{SENTENCE_STOP}$")
"""The same at the end of a text."""
