"""UTF-8 that somebody read in another encoding before it came here: found, and put right.

Clean text must never be altered, so that little is suspected, less is believed, and only what is suspected is touched.
What belongs elsewhere: bytes (`etl.decode`).
"""

from __future__ import annotations

import re
from collections import Counter

# What UTF-8 looks like when it was read as Windows-1252 or Windows-1251: signs that hardly any language puts side
# by side. A cheap test, so that the repair runs only where there may be something to repair; the sign that a pattern
# begins with is much quicker to find than the pattern. After a capital letter an Ã or Â may be one (AMANHÃ”), so
# that does not count by itself.
_CAPITAL = "(?<![A-ZÀ-ÖØ-ÞĂĐŁŐƏƠƯẠ-Ỹ])"
_AS_1252 = "[\u0080-\u00bf‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œžŸŽ€]"
_AS_1251 = "[ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—™љ›њќћџ\u00a0ЎўЈ¤Ґ¦§Ё©Є«¬\u00ad®Ї°±Ііґµ¶·ё№є»јЅѕї]"
_SUSPICIONS = tuple(
    (sign, re.compile(pattern))
    for sign, pattern in (
        ("Ã", f"{_CAPITAL}Ã{_AS_1252}"),
        ("â", "â€"),
        ("Â", f"{_CAPITAL}Â[\u00a0-\u00bf]"),
        ("Ä", f"{_CAPITAL}Ä[\u0080-\u00bf‡™ŸžŒ°±Ÿ]"),
        ("Å", f"{_CAPITAL}Å[\u0080-\u00bf¡¢ŸžœŒ™“”„‚Š›¾½¼]"),
        ("É", f"{_CAPITAL}É™"),
        ("Ð", f"{_CAPITAL}Ð{_AS_1252}[ÐÑ ]"),
        ("Ñ", f"{_CAPITAL}Ñ{_AS_1252}[ÐÑ]"),
        ("Ø", f"Ø{_AS_1252}[ØÙ]"),
        ("Ù", f"Ù{_AS_1252}[ØÙ]"),
        ("в", "вЂ"),
        ("Г", "Г[‚©Ё§]"),
        ("Р", f"Р{_AS_1251}[РС]"),
        ("С", f"С{_AS_1251}[РС]"),
    )
)

# Windows-1251 misreadings whose last byte was then straightened to an ASCII sign, beyond what can be decoded.
_STRAIGHTENED = {'вЂ"': "–", "вЂ'": "‘"}

_PROOF = re.compile(
    f"[a-zà-ÿ][ÃÄÅÂÉ]{_AS_1252}|[ÃÄÅÉ]{_AS_1252}[a-z]|â€|вЂ|(?:[ÐÑØÙ]{_AS_1252}){{3}}|(?:[РСГ]{_AS_1251}){{3}}|Г[‚©Ё§][a-zа-я]"
)
"""Mojibake that nothing else can be: within a word, of three letters, or of a dash. The rest of what is suspected is
believed where this is, too."""

_ABOUT = re.compile(
    "mojibake|unicode|utf-?8|latin-?1|windows-125|charset|encod(?:ing|age)|codific|zeichensatz|kodier|кодиров|кодуван|"
    "кракозябр|文字化け|乱码|亂碼|kodowani|kódování|karakter ?kod",
    re.IGNORECASE,
)
"""A text that speaks of encodings may show what they do."""


def repair(text: str) -> str:
    """The text with its mojibake put right; itself where there is none."""
    if not _is_suspicious(text) or not _PROOF.search(text) or _ABOUT.search(text):
        return text
    repaired = "".join(map(_repair_line, text.splitlines(keepends=True)))
    return text if _shows_both(text, repaired) else repaired


def _shows_both(text: str, repaired: str) -> bool:
    """Whether a text has the same word right and misread: then it is about that."""
    words, after = Counter(_WORD.findall(text)), Counter(_WORD.findall(repaired))
    return any(word in words and count > words[word] for word, count in after.items())


_WORD = re.compile(r"[^\W\d_]{3,}")


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
