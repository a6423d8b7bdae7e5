"""Spans inside a text: its first lines, the paragraphs of its body, its words.

The published view computes the lead from the body with `LEAD_SQL`; a test holds that it agrees with `paragraphs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_BLANK_LINE = re.compile(r"\n\s*\n")
_LINE_END = re.compile(r"\n")
_NOT_BLANK = re.compile(r"\S")

# Each sign of the scripts that are written without spaces is a word of its own: that needs no dictionary.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")

# The bytes that these signs begin with in UTF-8, to find out quickly that there are none.
_UNSPACED_LEADS = bytes(byte in range(0xE3, 0xEA) or byte == 0xEF for byte in range(256))

# Most runs begin with a letter or a digit: only the others need be looked into.
_ODD_RUN = re.compile(r"\s(?:[^\w\s]|_)\S*")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")

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


def count_words(text: str) -> int:
    """Runs between spaces that hold a letter or digit; each Han, Hiragana or Katakana sign counts as one."""
    signs = 0
    if not text.isascii() and 1 in text.encode("utf-8", "surrogatepass").translate(_UNSPACED_LEADS):
        text, signs = _UNSPACED.subn(" ", text)
    empty = [run for run in _ODD_RUN.findall(f" {text}") if not _LETTER_OR_DIGIT.search(run)]
    return signs + len(text.split()) - len(empty)


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without the white space at its two ends; an empty span at `end` if nothing else is in it."""
    piece = text[start:end]
    stripped = piece.strip()
    if not stripped:
        return end, end
    first = start + len(piece) - len(piece.lstrip())
    return first, first + len(stripped)
