"""What stands around an article on its page and is no part of it: menus, buttons, counters, forms, other headlines.

It is cut at the two ends, never from the middle, and never with a sentence of the article. What single lines are is
data, in reference/furniture.tsv; the headline, the byline and the like belong to `etl.front_matter`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from etl.paragraphs import head_lines
from etl.reference import Reference
from etl.reference.furniture import LONGEST_LINE, LONGEST_SENTENCES
from etl.time_stamp import read_stamp
from etl.words import SENTENCE_END

_MOST_LINES_BELOW = 200
_MOST_LINES_ABOVE = 80
"""Lines that are looked at: a page that has more around its article is not cut all the way."""

_MENU = 3
"""Sections that make a menu: one or two may be the article's own, and its headline."""

_FEWEST_TIMED, _FEWEST_DATED = 3, 2
"""Lines that begin with a time of the day, or are a day and a time, and make a list of news if they go back: a
programme and a chronology go on."""

_LONGEST_HEADLINE = 120
"""Code points of the longest line that counts as a headline, without the end of a sentence."""

_FEWEST_ABOVE = 2
"""Headlines of a list after which a question is one more of them."""

_GOES_ON = re.compile(r"[:：;；؛][\"”“»«’')\]]*$")
_QUESTION = re.compile(r"[?؟？⁇⁈]$")
_TIMED = re.compile(
    r"(?:(?P<day>\d{1,2})[./](?P<month>\d{1,2})[./](?P<year>\d{4}),?\s+)?[\[(]?(?P<hour>[0-2]?\d):(?P<minute>[0-5]\d)(?![\d:])"
)


@dataclass(frozen=True)
class _Line:
    """A line that may be furniture.

    Attributes:
        start: where it begins, behind white space.
        kind: of `etl.reference.furniture.KINDS`; `stamp` for a day and a time; `plain` for any other short line
            without an end as sentences have it; `question` for one that ends as a question, which headlines may be.
        time: what it begins with: year, month, day, hour, minute, of which the first three may be 0; None if it
            begins with no time.
    """

    start: int
    kind: str
    time: tuple[int, ...] | None


@lru_cache(4_096)
def kind_of_line(line: str, reference: Reference) -> str | None:
    """What a line is, of `etl.reference.furniture.KINDS`, or `stamp` for a day and a time; None for all others."""
    if len(line) > LONGEST_SENTENCES:
        return None
    if (
        len(line) <= LONGEST_LINE
        and not SENTENCE_END.search(line[-8:])
        and read_stamp(line, 0, len(line), reference.calendar)
    ):
        return "stamp"
    return reference.furniture.kind(line)


def end_of_article(text: str, start: int, end: int, reference: Reference) -> int:
    """Where an article ends before what stands below it on its page.

    Looked at are the last lines that are no sentences. From a heading on ("Read also", "Leave a comment") all of them
    go; so do those from where a list of news goes back in time; else what is furniture by itself.

    Args:
        text: the whole text.
        start, end: from the body's beginning to the end of the page, without white space at both ends.
        reference: knows the lines.
    """
    lines = _behind_questions(list(_last_lines(text, start, end, reference))[::-1])
    if not lines:
        return end
    # What an article of nothing but short lines consists of is not known.
    has_sentence = lines[0].start > start
    cut = _opening(lines) if has_sentence else len(lines)
    first = _first_of_run(lines, cut, _is_introduced(text, start, lines))
    if first == len(lines):
        return end
    at = lines[first].start
    while at > start and text[at - 1].isspace():
        at -= 1
    return at


def _last_lines(text: str, start: int, end: int, reference: Reference) -> Iterator[_Line]:
    """The lines from the last one up to the last that ends as a sentence, questions aside, or introduces others."""
    for _ in range(_MOST_LINES_BELOW):
        if end <= start:
            return
        first = max(text.rfind("\n", start, end) + 1, start)
        if end - first > LONGEST_SENTENCES:
            return
        line = text[first:end].strip()
        if line:
            kind = kind_of_line(line, reference)
            if kind is None:
                kind = _kind_of_other(line)
                if kind is None:
                    return
            timed = _TIMED.match(line)
            time = (
                tuple(int(part or 0) for part in timed.group("year", "month", "day", "hour", "minute"))
                if timed
                else None
            )
            yield _Line(text.index(line[0], first), kind, time)
        end = first - 1


def _kind_of_other(line: str) -> str | None:
    """`plain` or `question` of a line that is not known; None if it is the article's."""
    if len(line) > _LONGEST_HEADLINE or _GOES_ON.search(line[-8:]):
        return None
    if _QUESTION.search(line):
        return "question"
    return None if SENTENCE_END.search(line[-8:]) else "plain"


def _behind_questions(lines: list[_Line]) -> list[_Line]:
    """The lines behind the last question that the article asks; those that are headlines become `plain`."""
    kept: list[_Line] = []
    for at, line in enumerate(lines):
        if line.kind != "question":
            kept.append(line)
        elif _is_headline(line, kept, lines[at + 1 :]):
            kept.append(replace(line, kind="plain"))
        else:
            kept = []
    return kept


def _is_headline(question: _Line, above: list[_Line], below: list[_Line]) -> bool:
    """Whether a question is a headline of a list: nothing else is sure not to be an article's last sentence."""
    if question.time is not None or (above and above[-1].kind == "stamp"):
        return True
    if not below:
        return False
    headlines = 0
    while headlines < len(above) and above[-1 - headlines].kind == "plain":
        headlines += 1
    if headlines == len(above) or above[-1 - headlines].kind != "heading":
        return False
    return headlines >= _FEWEST_ABOVE or (headlines == 0 and below[0].kind == "plain")


def _opening(lines: list[_Line]) -> int:
    """From which line on everything is furniture; their number if nothing says so."""
    heading = next((at for at, line in enumerate(lines) if line.kind == "heading"), len(lines))
    dated = _going_back(lines, "stamp", _FEWEST_DATED)
    if 0 < dated < len(lines) and lines[-1].kind == "stamp" and lines[dated - 1].kind == "plain":
        # The headlines stand above their times.
        dated -= 1
    return min(heading, dated, _going_back(lines, "plain", _FEWEST_TIMED))


def _going_back(lines: list[_Line], kind: str, fewest: int) -> int:
    """The first of the lines of a kind that begin with a time, if they go back; else the number of all lines."""
    timed = [(at, line.time) for at, line in enumerate(lines) if line.kind == kind and line.time is not None]
    times = [time for _, time in timed]
    goes_back = len(times) >= fewest and times == sorted(times, reverse=True) and times[0] > times[-1]
    return timed[0][0] if goes_back else len(lines)


def _first_of_run(lines: list[_Line], cut: int, is_introduced: bool) -> int:
    """The first line of what is furniture by itself, right above a line from which on everything is."""
    first = cut
    while first and lines[first - 1].kind != "plain":
        first -= 1
    # A list of companies or numbers may end an article: buttons need company that is surer.
    is_sure = cut < len(lines) or any(line.kind in ("furniture", "stamp") for line in lines[first:cut])
    if (is_introduced and first == 0) or not is_sure:
        while first < cut and lines[first].kind in ("button", "menu"):
            first += 1
    return first


def _is_introduced(text: str, start: int, lines: list[_Line]) -> bool:
    """Whether what stands before the lines says that a list follows."""
    before = text[start : lines[0].start].rstrip()
    return before.endswith((":", "："))


def end_of_page_head(text: str, start: int, reference: Reference) -> int:
    """Where the menus, buttons and notes end that a page begins with; `start` if it begins with none.

    The section that stands last in a menu is the article's own, and is left.

    Args:
        text: the whole text.
        start: where its header ends.
        reference: knows the lines.
    """
    kinds: list[tuple[str, int]] = []
    for line_start, line_end in head_lines(text, start, _MOST_LINES_ABOVE):
        kind = kind_of_line(text[line_start:line_end], reference)
        if kind not in ("furniture", "heading", "button", "menu"):
            break
        kinds.append((kind, line_end))
    if kinds and kinds[-1][0] == "menu":
        kinds.pop()
    is_menu = sum(kind in ("menu", "button") for kind, _ in kinds) >= _MENU
    while kinds and not is_menu and kinds[-1][0] in ("menu", "button"):
        kinds.pop()
    return kinds[-1][1] if kinds else start
