"""UTF-8 that somebody read in another encoding before it came here: found, and put right.

Clean text must never be altered, so that little is suspected and only what is suspected is touched. What belongs
elsewhere: bytes (`etl.decode`).
"""

from __future__ import annotations

import re

# What UTF-8 looks like when it was read as Windows-1252 or Windows-1251: signs that hardly any language puts side
# by side. A cheap test, so that the repair runs only where there may be something to repair; the sign that a pattern
# begins with is much quicker to find than the pattern. After a capital letter an Ã or Â may be one (AMANHÃ”), so
# that does not count by itself.
_SUSPICIONS = tuple(
    (sign, re.compile(pattern))
    for sign, pattern in (
        ("Ã", "(?<![A-ZÀ-ÖØ-Þ])Ã[\u0080-\u00bf‚„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"),
        ("â", "â€"),
        ("Â", "(?<![A-ZÀ-ÖØ-Þ])Â[\u00a0-\u00bf]"),
        ("в", "вЂ"),
        ("Г", "Г[‚©Ё§]"),
        ("Р", "Р[ђ‘’“”•–—™љ›њќћџ°±Ііґµ¶·ё№є»јЅѕї‚„…†‡€‰‹][РС]"),
        ("С", "С[ђ‘’“”•–—™љ›њќћџ°±Ііґµ¶·ё№є»јЅѕї‚„…†‡€‰‹][РС]"),
    )
)

# Windows-1251 misreadings whose last byte was then straightened to an ASCII sign, beyond what can be decoded.
_STRAIGHTENED = {'вЂ"': "–", "вЂ'": "‘"}


def repair(text: str) -> str:
    """The text with its mojibake put right; itself where there is none."""
    if not _is_suspicious(text):
        return text
    return "".join(map(_repair_line, text.splitlines(keepends=True)))


def _is_suspicious(text: str) -> bool:
    return not text.isascii() and any(sign in text and pattern.search(text) for sign, pattern in _SUSPICIONS)


def _repair_line(line: str) -> str:
    """Put one line of mojibake right. Only suspicious lines are touched, so clean ones cannot be altered."""
    if not _is_suspicious(line):
        return line
    import ftfy

    # Each word apart: one line may mix misread signs with right ones, and then does not decode as a whole.
    words = re.split(r"([ \t\r\n]+)", line)
    line = "".join(ftfy.fix_encoding(word) if _is_suspicious(word) else word for word in words)
    for wrong, right in _STRAIGHTENED.items():
        line = line.replace(wrong, right)
    return line
