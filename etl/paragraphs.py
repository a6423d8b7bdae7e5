"""Spans inside a text: its first lines, the paragraphs of its body, its words.

The published view computes the lead from the body with `LEAD_SQL`; a test holds that it agrees with `paragraphs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

_BLANK_LINE = re.compile(r"\n\s*\n")
_LINE_END = re.compile(r"\n")
_NOT_BLANK = re.compile(r"\S")

# What a sign is to words, as one byte. Each sign of the scripts that are written without spaces is a word of its own:
# that needs no dictionary.
_IN_WORD, _SPACE_BETWEEN, _WORD_BY_ITSELF, _OTHER = b"a", b" ", b"|", b"-"
_KINDS = {
    r"[^\W_]+": _IN_WORD,
    r"\s+": _SPACE_BETWEEN,
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+": _WORD_BY_ITSELF,
}
_SLICE = 0x10000
_SIGNS = 0x40000
"""Code points that have a kind of their own; Unicode has no letters behind them."""

# RE2 knows \s as ASCII only; \p{Z} adds Unicode's separators, which Python's \s holds too.
_SPACE = r"[\s\p{Z}]"
LEAD_SQL = (
    rf"CASE WHEN regexp_matches(body, '\n{_SPACE}*\n') "
    rf"THEN regexp_extract(body, '(?s)^(.*?){_SPACE}*\n{_SPACE}*\n', 1) "
    rf"ELSE regexp_extract(body, '^([^\n]*?){_SPACE}*(\n|$)', 1) END"
)
"""DuckDB expression over a column `body`: its first paragraph."""


def paragraphs(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The paragraphs of `text[start:end]` as (start, end), white space around each left out.

    Where the body has a blank line, blank lines part paragraphs and single line ends are mere line breaks; where
    it has none, each line is a paragraph.
    """
    separator = _BLANK_LINE if _BLANK_LINE.search(text, start, end) else _LINE_END
    at = start
    while at < end:
        found = separator.search(text, at, end)
        stop = found.start() if found else end
        piece = text[at:stop]
        stripped = piece.strip()
        if stripped:
            first = at + len(piece) - len(piece.lstrip())
            yield first, first + len(stripped)
        at = found.end() if found else end


def head_lines(text: str, start: int, most: int) -> Iterator[tuple[int, int]]:
    """The first non-empty lines from `start` as (start, end), white space at their ends left out."""
    # All blank lines in a row are one step.
    while most and (found := _NOT_BLANK.search(text, start)):
        first = found.start()
        start = text.find("\n", first)
        start = len(text) if start < 0 else start
        yield first, first + len(text[first:start].rstrip())
        most -= 1


def kinds_of_signs(text: str) -> bytes:
    """What each sign of a text is to `count_words`, as one byte for each code point."""
    kinds = _kinds()
    # A book in slices: all at once it would take twelve bytes for each sign.
    slices = (text[at : at + _SLICE].encode("utf-32-le", "surrogatepass") for at in range(0, len(text), _SLICE))
    return b"".join(kinds.take(np.frombuffer(part, "<u4"), mode="clip").tobytes() for part in slices)


def count_words(kinds: bytes) -> int:
    """Runs between spaces that hold a letter or digit; each Han, Hiragana or Katakana sign counts as one.

    Args:
        kinds: of the signs of a text, or of a part of it, as `kinds_of_signs` gives them.
    """
    kinds = kinds.translate(None, _OTHER)
    words = kinds.startswith(_IN_WORD) + kinds.count(_SPACE_BETWEEN + _IN_WORD)
    if by_themselves := kinds.count(_WORD_BY_ITSELF):
        words += by_themselves + kinds.count(_WORD_BY_ITSELF + _IN_WORD)
    return words


@cache
def _kinds() -> npt.NDArray[np.uint8]:
    every = "".join(map(chr, range(_SIGNS)))
    kinds = bytearray(_OTHER * _SIGNS)
    for pattern, kind in _KINDS.items():
        for run in re.finditer(pattern, every):
            kinds[slice(*run.span())] = kind * len(run[0])
    return np.frombuffer(bytes(kinds), np.uint8)


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without the white space at its two ends; an empty span at `end` if nothing else is in it."""
    piece = text[start:end]
    stripped = piece.strip()
    if not stripped:
        return end, end
    first = start + len(piece) - len(piece.lstrip())
    return first, first + len(stripped)
