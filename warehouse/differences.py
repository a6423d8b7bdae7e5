"""What differs between two texts: by lines, and within a line by words. How it is shown belongs to `copydesk`.

The work is bounded, as a text may have 64 MB in one line: what is too long to be compared is cut around its first
difference, or shown as removed and added in whole lines, and the result says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

CONTEXT = 1
"""Unchanged lines shown before and after changed ones: a line is a paragraph, mostly."""

MAXIMUM_LINES = 2_000
"""Lines of a text, without those that begin or end both, up to which lines are compared with each other."""

MAXIMUM_LINE = 3_000
"""Characters of a line that are compared and shown: twenty times those of a long sentence."""

MAXIMUM_WORK = 20_000_000
"""Pairs of words looked at in one comparison: some seconds at the very worst."""

MAXIMUM_SHOWN = 400
"""Lines that a comparison has at most: more than anybody reads."""

ALIKE = 0.4
"""Share of words from which two lines are taken for one that was edited."""

_BEFORE = 300
"""Characters kept before the first difference of lines that are cut."""

# Words, each sign of the scripts without spaces, runs of spaces, and every other sign.
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W_]+|\s+|.", re.DOTALL)


@dataclass(frozen=True)
class Part:
    """A piece of a line, and whether it is what differs."""

    text: str
    is_changed: bool = False


@dataclass(frozen=True)
class Line:
    """One line of a comparison.

    Attributes:
        sign: `-` for removed, `+` for added, a space for unchanged, `@` for where the following lines stand.
        parts: its text.
    """

    sign: str
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The whole line."""
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True)
class TextDifference:
    """How one text differs from another.

    Attributes:
        lines: as in a unified diff, blank lines left out.
        notes: what was not compared or is not shown, as sentences; also if nothing differs.
    """

    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()


def compare_texts(old: str, new: str) -> TextDifference:
    """Compare two texts by their lines that are not blank, and edited lines by their words."""
    if old == new:
        return TextDifference((), ("The text is the same.",))
    before, after = _lines(old), _lines(new)
    if before == after:
        return TextDifference((), ("Only white space between the lines differs.",))
    notes: list[str] = []
    lines = list(_compare_lines(before, after, notes))
    if len(lines) > MAXIMUM_SHOWN:
        notes.append(f"{len(lines) - MAXIMUM_SHOWN:,} more lines of the comparison are not shown.")
    return TextDifference(tuple(lines[:MAXIMUM_SHOWN]), tuple(notes))


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.split("\n") if line.strip()]


def _compare_lines(old: list[str], new: list[str], notes: list[str]) -> Iterator[Line]:
    start, end = _common(old, new)
    # A little of what is common stays, to be shown around the first and the last change.
    start, end = max(start - CONTEXT, 0), max(end - CONTEXT, 0)
    old_middle, new_middle = old[start : len(old) - end], new[start : len(new) - end]
    budget = _Budget(MAXIMUM_WORK)
    if max(len(old_middle), len(new_middle)) > MAXIMUM_LINES:
        notes.append(
            f"Too much differs to be compared: {len(old_middle):,} and {len(new_middle):,} lines, up to "
            f"{MAXIMUM_LINES:,} are. This is where it begins."
        )
        old_middle, new_middle = old_middle[: 2 * CONTEXT + 1], new_middle[: 2 * CONTEXT + 1]
    matcher = SequenceMatcher(None, old_middle, new_middle)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        first, last = group[0], group[-1]
        place = (
            f"{_range('-', start + first[1], last[2] - first[1])} {_range('+', start + first[3], last[4] - first[3])}"
        )
        yield Line("@", (Part(f"@ {place} @@"),))
        for kind, old_from, old_to, new_from, new_to in group:
            if kind == "equal":
                yield from (Line(" ", (Part(_cut(line)),)) for line in old_middle[old_from:old_to])
            else:
                yield from _changed(old_middle[old_from:old_to], new_middle[new_from:new_to], budget)
    notes.extend(budget.notes())


def _range(sign: str, start: int, count: int) -> str:
    return f"{sign}{start + 1 if count else start},{count}"


def _changed(old: list[str], new: list[str], budget: _Budget) -> Iterator[Line]:
    """Lines that were replaced: those of the same place are compared by words."""
    pairs = [_compare_words(*_window(*pair, budget), budget) for pair in zip(old, new, strict=False)]
    yield from (Line("-", removed) for removed, _ in pairs)
    yield from (Line("-", (Part(_cut(line)),)) for line in old[len(pairs) :])
    yield from (Line("+", added) for _, added in pairs)
    yield from (Line("+", (Part(_cut(line)),)) for line in new[len(pairs) :])


def _window(old: str, new: str, budget: _Budget) -> tuple[str, str]:
    """Two lines, cut around their first difference if one is very long."""
    if max(len(old), len(new)) <= MAXIMUM_LINE:
        return old, new
    budget.has_cut = True
    start = max(_common_start(old, new) - _BEFORE, 0)
    return _cut(old, start), _cut(new, start)


def _cut(line: str, start: int = 0) -> str:
    end = start + MAXIMUM_LINE
    return f"{'…' if start else ''}{line[start:end]}{'…' if end < len(line) else ''}"


def _compare_words(old: str, new: str, budget: _Budget) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Two lines with the words marked that differ; without marks if they have little in common."""
    whole = (Part(old),), (Part(new),)
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    start, end = _common(before, after)
    old_middle, new_middle = before[start : len(before) - end], after[start : len(after) - end]
    if not budget.takes(len(old_middle) * len(new_middle)):
        return whole
    found = SequenceMatcher(None, old_middle, new_middle).get_matching_blocks()
    blocks = [
        (0, 0, start),
        *((start + block.a, start + block.b, block.size) for block in found),
        (len(before) - end, len(after) - end, end),
        (len(before), len(after), 0),
    ]
    alike = ["".join(before[at : at + size]).strip() for at, _, size in blocks]
    if sum(map(len, alike)) < ALIKE * max(len(old), len(new)):
        return whole
    # White space between two words that differ is no reason to end a mark; the last block stands for the end.
    kept = [block for block, text in zip(blocks, alike, strict=True) if text] + blocks[-1:]
    return (
        _marked(before, [(at, at + size) for at, _, size in kept]),
        _marked(after, [(at, at + size) for _, at, size in kept]),
    )


def _marked(tokens: Sequence[str], equal: list[tuple[int, int]]) -> tuple[Part, ...]:
    parts = []
    at = 0
    for start, end in equal:
        if start > at:
            parts.append(Part("".join(tokens[at:start]), is_changed=True))
        if end > start:
            parts.append(Part("".join(tokens[start:end])))
        at = end
    return tuple(parts)


def _common(old: list[str], new: list[str]) -> tuple[int, int]:
    """How many lines or words begin both, and how many of the others end both."""
    most = min(len(old), len(new))
    start = next((at for at in range(most) if old[at] != new[at]), most)
    most -= start
    end = next((at for at in range(most) if old[-1 - at] != new[-1 - at]), most)
    return start, end


def _common_start(old: str, new: str) -> int:
    """How many characters begin both: by halving, as a line may have millions."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


@dataclass
class _Budget:
    """What a comparison may still cost, and what it has had to leave out."""

    left: int
    has_cut: bool = False
    has_refused: bool = False

    def takes(self, work: int) -> bool:
        """Whether so much work can be done; then it is taken off."""
        if work > self.left:
            self.has_refused = True
            return False
        self.left -= work
        return True

    def notes(self) -> Iterator[str]:
        if self.has_cut:
            yield f"Lines of more than {MAXIMUM_LINE:,} characters are shown from about their first difference on."
        if self.has_refused:
            yield "Some lines are too long to be compared by words: they are shown whole."
