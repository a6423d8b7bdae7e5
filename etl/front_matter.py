"""What stands before an article and belongs to it: section, headline, byline, version note.

The kinds of lines are data, in reference/front_matter.tsv; what is no part of the article, in `etl.furniture`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from etl import furniture
from etl.paragraphs import count_words, head_lines, kinds_of_signs
from etl.reference import Reference, normalise
from etl.words import SENTENCE_END

MAXIMUM_LINES = 8
"""Non-empty lines that are looked at: no page puts more between its header and its dateline."""

_LONGEST_KIND = 160
"""Code points of the longest line that can be a version note or a byline."""

_PROSE_WORDS = 8

# "By Jane Doe, Associated Press Writer CHICAGO (AP) --"
_WRITER = re.compile(r"By [^\n:.]{3,80} (?:Writer|Correspondent|Reporter|Editor),? (?=[A-Z]{3})")
_NOTE = re.compile(r"(?P<note>\([^()\n]{3,158}\)|\[[^\[\]\n]{3,40}\])\s*(?=\S)")

_SECTION_WORDS = 3
"""The name of a section has at most so many words, a headline more."""


@dataclass(frozen=True)
class FrontMatter:
    """The values found before a dateline: the columns of `documents` of the same names, and whether furniture was."""

    section: str | None = None
    headline: str | None = None
    byline: str | None = None
    version_label: str | None = None
    has_furniture: bool = False


def read_front_matter(text: str, start: int, end: int, reference: Reference) -> FrontMatter:
    """Sort the lines of `text[start:end]`, which stand between header and dateline."""
    found: dict[str, str] = {}
    plain: list[str] = []
    repeated = None
    for line_start, line_end in head_lines(text[:end], start, MAXIMUM_LINES):
        at = behind_note(text, line_start, line_end, reference)
        if at > line_start:
            found.setdefault("version_label", text[line_start:at].rstrip())
        line = text[at:line_end]
        kind = kind_of_line(line, reference)
        if kind is None:
            former = next((other for other in plain if normalise(other) == normalise(line)), None)
            if former is None:
                plain.append(line)
            else:
                repeated = former
        else:
            found.setdefault(kind, line)
    section, headline = _section_and_headline(plain, repeated)
    return FrontMatter(section, headline, found.get("byline"), found.get("version_label"), "furniture" in found)


def _section_and_headline(lines: list[str], repeated: str | None) -> tuple[str | None, str | None]:
    """A headline that is given twice is sure; else it is the line after a section, else the first one."""
    for at, line in enumerate(lines):
        is_headline = line == repeated if repeated else len(line.split()) > _SECTION_WORDS
        if is_headline:
            before = lines[at - 1] if at else ""
            follows_section = 0 < len(before.split()) <= _SECTION_WORDS
            if follows_section or repeated or not _has_section(lines):
                return (before if follows_section else None), line
    if lines and len(lines[0].split()) > _SECTION_WORDS:
        return None, lines[0]
    return (lines[0] if lines else None), None


def _has_section(lines: list[str]) -> bool:
    return any(len(line.split()) <= _SECTION_WORDS for line in lines[:-1])


def open_body(text: str, start: int, reference: Reference) -> tuple[int, FrontMatter]:
    """Where a text without a dateline begins, and what stands before: lines above the first full sentence.

    Where no full sentence is among the first lines, only furniture and notes at the very beginning are taken off.
    """
    furniture_end = start
    is_leading = True
    for line_start, line_end in head_lines(text, start, MAXIMUM_LINES):
        line = text[line_start:line_end]
        if is_prose(line, reference):
            return line_start, read_front_matter(text, start, line_start, reference)
        is_leading = is_leading and kind_of_line(line, reference) in {"furniture", "version_label"}
        if is_leading:
            furniture_end = line_end
    return furniture_end, read_front_matter(text, start, furniture_end, reference)


def behind_note(text: str, start: int, end: int, reference: Reference) -> int:
    """Where a line goes on behind a version note in brackets or an author: "(Corrects the year) HAVANA (Reuters) -"."""
    note = _NOTE.match(text, start, end)
    if note and kind_of_line(note["note"], reference) == "version_label":
        return note.end()
    writer = _WRITER.match(text, start, end)
    return writer.end() if writer else start


def is_prose(line: str, reference: Reference) -> bool:
    """Whether a line is a full sentence of some length, and no headline. A dateline that comes after it is quoted."""
    return (
        SENTENCE_END.search(line[-8:]) is not None and _has_words(line[:1000]) and kind_of_line(line, reference) is None
    )


def _has_words(line: str) -> bool:
    return len(line.split()) > _PROSE_WORDS or (not line.isascii() and count_words(kinds_of_signs(line)) > _PROSE_WORDS)


def kind_of_line(line: str, reference: Reference) -> str | None:
    """furniture, version_label or byline; None for a line of any other kind."""
    if len(line) > _LONGEST_KIND:
        return None
    for entry in reference.line_kinds:
        if entry.pattern.fullmatch(line):
            return entry.kind
    # The name of a section may be the article's own.
    return None if furniture.kind_of_line(line, reference) in (None, "menu") else "furniture"
