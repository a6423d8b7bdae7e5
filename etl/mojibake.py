"""UTF-8 that somebody read in another encoding before it came here: found, and put right.

Clean text must never be altered, so that little is suspected, less is believed, and only what is suspected is touched.
What belongs elsewhere: bytes (`etl.decode`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

# What UTF-8 looks like when it was read in another codec: signs that hardly any language puts side by side. A cheap
# test, so that all else runs only where there may be something to repair; a sign by itself is much quicker to find than
# a pattern that begins with it. After a capital letter an Ã or Â may be one (AMANHÃ”), so that does not count.
_CAPITAL = "A-ZÀ-ÖØ-ÞĂĐŁŐƏƠƯẠ-Ỹ"
_AS_1252 = "[\u0080-\u00bf‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œžŸŽ€]"
_AS_1251 = "[ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—™љ›њќћџ\u0080-\u009f\u00a0ЎўЈ¤Ґ¦§Ё©Є«¬\u00ad®Ї°±Ііґµ¶·ё№є»јЅѕї]"
_AS_1250 = "[€‚„…†‡‰Š‹ŚŤŽŹ‘’“”•–—™š›śťžź\u0080-\u009f\u00a0ˇ˘Ł¤Ą¦§¨©Ş«¬\u00ad®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľż]"
_SUSPICIONS = tuple(
    (sign, re.compile(pattern))
    for sign, pattern in (
        ("Ã", f"Ã(?<![{_CAPITAL}]Ã){_AS_1252}"),
        ("â", "â€|â\u0080"),
        ("Â", f"Â(?<![{_CAPITAL}]Â)[\u00a0-\u00bf]"),
        ("Ä", f"Ä(?<![{_CAPITAL}]Ä){_AS_1252}|Ä{_AS_1250}[a-z]"),
        ("Å", f"Å(?<![{_CAPITAL}]Å){_AS_1252}"),
        ("É", f"É(?<![{_CAPITAL}]É)™"),
        *((sign, f"{sign}{_AS_1252}[ÐÑ]") for sign in "ÐÑ"),
        *((sign, f"{sign}{_AS_1252}[ØÙÚÛ]") for sign in "ØÙ"),
        ("Î", f"Î{_AS_1252}[ÎÏ]"),
        ("×", f"×{_AS_1252}×"),
        ("¤", f"à¤{_AS_1252}|ë‹¤"),
        ("¦", f"à¦{_AS_1252}"),
        ("¸", f"à¸{_AS_1252}"),
        ("ƒ", f"áƒ{_AS_1252}|ãƒ{_AS_1252}"),
        ("Õ", f"Õ{_AS_1252}[ÕÖ]"),
        ("»", f"á»{_AS_1252}"),
        ("º", f"áº{_AS_1252}"),
        ("¼", f"ï¼{_AS_1252}"),
        ("€", f"ã€{_AS_1252}"),
        *((sign, f"{sign}{_AS_1250}[a-ząćęłńóśźżčřšžă]") for sign in "ĂĹ"),
        ("в", "вЂ"),
        ("Г", f"Г[‚©Ё§]|Г{_AS_1251}[a-z]"),
        *((sign, f"{sign}{_AS_1251}[РС]") for sign in "РС"),
    )
)

# Windows-1251 misreadings whose last byte was then straightened to an ASCII sign, beyond what can be decoded.
_STRAIGHTENED = {'вЂ"': "–", "вЂ'": "‘"}

_PROOF = re.compile(
    f"[a-zà-ÿ0-9][ÃÄÅÂ]{_AS_1252}|[ÃÄÅ](?!™){_AS_1252}[a-z]|[a-zà-ÿ]É™[a-z]|â€|вЂ|(?:[ÐÑØÙ]{_AS_1252}){{3}}"
    f"|(?:[РСГ]{_AS_1251}){{3}}|Г[‚©Ё§][a-zа-я]"
)
"""Mojibake that nothing else can be: within a word, of three letters, or of a dash. A trade mark may stand at a word's
end, and the next one right behind it."""

# What UTF-8 looks like in Mac Roman: an accent begins with a root. Under a root mathematics has figures, brackets and
# letters (n√π, x√é), but none of these signs.
_ROOT = re.compile("√[^ 0-9(]")
# What else of Mac Roman stands in such a text (ı, ş, š, ă, ę within words, apostrophes) tells as well.
_NO_ROOT = re.compile(r"[^\W\d_]√(?:[†§•¶©´¨ªºÆæ±≤≥≠]|[¢£¥®™°][^\W\d_])|[^\W\d_](?:≈[°üæ]|ƒ[±Éôü])[^\W\d_]|‚Ä[ìîòôúù]")
_NO_ROOT_IN_WORD = re.compile(r"[^\W\d_]√[ßØøπΩµ∏∫∂∞Ä-ü](?:[^\W\d_]{3}|(?<=[^\W\d_]{4}√.)[^\W\d_])")
_FEWEST_IN_WORDS = 2
"""A sign that may stand under a root is none in so many words: `M√∂nchen, G√∂ttingen`."""

_AT_TRADE_MARK = "É™"
"""May be the end of a name; where it is a letter, others prove it."""

_PROVING_SIGNS = 3
"""Signs of which each, read back, is UTF-8, and a more likely one: so many in one line are proof as well."""

_GAIN = 4.0
"""How much likelier (natural logarithm) a line has to become by each of its signs that is read back."""

_MISREAD_IN = ("windows-1252", "windows-1251", "windows-1250", "windows-1254", "windows-1257", "mac-roman")
"""The last one only where there is no root that may be one."""

_ABOUT = re.compile(
    "mojibake|unicode|utf-?8|latin-?1|windows-125|charset|encod(?:ing|age)|codific|zeichensatz|kodier|кодиров|кодуван|"
    "кракозябр|文字化け|乱码|亂碼|kodowani|kódování|karakter ?kod",
    re.IGNORECASE,
)
"""A text that speaks of encodings may show what they do."""

_MOST_LEVELS = 3
"""How often a text may have been misread in turn."""


def repair(text: str) -> str:
    """The text with its mojibake put right; itself where there is none."""
    if text.isascii() or not (_is_suspicious(text) or _has_false_roots(text)) or _ABOUT.search(text):
        return text
    repaired = text
    for _ in range(_MOST_LEVELS):
        former, repaired = repaired, _repair_once(repaired)
        if repaired == former or not (_is_suspicious(repaired) or _has_false_roots(repaired)):
            break
    return text if _shows_both(text, repaired) else repaired


def read_punctuation(text: str) -> str:
    """The text with Windows' quotation marks and dashes that became C1 controls as what they were.

    Only where all controls of that kind stand as such signs do; else they are what they are.
    """
    read = _PUNCTUATION.sub(lambda sign: sign[0].encode("latin-1").decode("windows-1252"), text)
    return text if _C1.search(read) else read


_PUNCTUATION = re.compile(
    r"(?<=[^\W\d_])\x92(?=[^\W\d_])|(?<=s)\x92(?= )|(?<= )[\x96\x97](?= )|(?<=[0-9])\x96(?=[0-9])"
    r"|(?<![^ (\n])\x93(?=\w[^\x93\x94\n]*\x94)|(?<=[\w.,!?])\x94(?!\w)"
    r"|(?<![^ (\n])\x91(?=\w[^\x91\n]*\x92)|(?<=[\w.,!?])\x92(?!\w)"
)
_C1 = re.compile("[\x80-\x84\x86-\x9f]")


def _is_suspicious(text: str) -> bool:
    return any(sign in text and pattern.search(text) for sign, pattern in _SUSPICIONS)


def _has_false_roots(text: str) -> bool:
    """Whether the signs for roots in a text are none, but parts of letters."""
    if "√" not in text:
        return False
    return bool(_NO_ROOT.search(text)) or len(_NO_ROOT_IN_WORD.findall(text)) >= _FEWEST_IN_WORDS


def _shows_both(text: str, repaired: str) -> bool:
    """Whether a text has the same word right and misread: then it is about that."""
    words, after = Counter(_WORD.findall(text)), Counter(_WORD.findall(repaired))
    return any(word in words and count > words[word] for word, count in after.items() if not word.isascii())


_WORD = re.compile(r"[^\W\d_]{3,}")


def _repair_once(text: str) -> str:
    lines = text.split("\n")
    known: dict[str, tuple[str, int] | None] = {}
    trust: Counter[str] = Counter()
    has_false_roots = _has_false_roots(text)
    misread_in = _MISREAD_IN if has_false_roots or "√" not in text else _MISREAD_IN[:-1]
    for line in lines:
        if line not in known:
            known[line] = None if line.isascii() else _read_back(line, misread_in, trust)
    is_proved = any(back and back[1] >= _PROVING_SIGNS for back in known.values())
    if not (is_proved or has_false_roots or _PROOF.search(text)):
        return text
    backs = [known[line] for line in lines]
    return "\n".join(
        back[0] if back else _repair_words(line, has_false_roots) for line, back in zip(lines, backs, strict=True)
    )


def _read_back(line: str, misread_in: Sequence[str], trust: Counter[str]) -> tuple[str, int] | None:
    """A line that is UTF-8 as a whole once written in the codec that it was misread in, and how many signs prove it.

    None if it is not, or if that is no likelier text.

    Args:
        line: not of ASCII only.
        misread_in: the codecs that it may have been read in.
        trust: how many lines of the text were misread in a codec; where many were, one more is no question.
    """
    best: tuple[float, str, int, str] | None = None
    for codec in misread_in:
        try:
            back = line.translate(_octets(codec)).encode("latin-1").decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
        count = len(back) - len(back.encode("ascii", "ignore"))
        proving = count - line.count(_AT_TRADE_MARK)
        if trust[codec] >= _MANY_LINES:
            return back, proving
        from etl.likelihood import likelihood

        gain = likelihood(back)[0] - likelihood(line)[0] if back.strip() else 0.0
        if gain > _GAIN * min(count, _PROVING_SIGNS) and (best is None or gain > best[0]):
            best = gain, back, proving, codec
    if best is None:
        return None
    trust[best[3]] += 1
    return best[1], best[2]


_MANY_LINES = 100


@cache
def _octets(codec: str) -> dict[int, int]:
    """The byte of each sign of a codec as the code point of that number; controls stand for themselves."""
    table = {}
    for octet in range(0x80, 0x100):
        try:
            sign = bytes([octet]).decode(codec)
        except UnicodeDecodeError:
            continue
        table[ord(sign)] = octet
        # What is no sign of the codec must not be taken for the byte of its number.
        table.setdefault(octet, octet if octet < 0xA0 else _NO_OCTET)
    return table


_NO_OCTET = 0xFFFF


def _repair_words(line: str, has_false_roots: bool) -> str:
    """Put right what is suspected of a line that mixes misread signs with right ones."""

    def is_suspicious(piece: str) -> bool:
        return _is_suspicious(piece) or (has_false_roots and _ROOT.search(piece) is not None)

    if not is_suspicious(line):
        return line
    import ftfy

    words = re.split(r"([ \t\r\n]+)", line)
    line = "".join(ftfy.fix_encoding(word) if is_suspicious(word) else word for word in words)
    for wrong, right in _STRAIGHTENED.items():
        line = line.replace(wrong, right)
    return line
