"""In which encoding bytes are that are not UTF-8, by which reading of them is the most likely text.

Every codec that decodes the bytes strictly gives a text; each text is as likely as its letters are to follow one another
in some language (`letter_pairs.parquet`, 50 languages). The likeliest is taken where every other *text* is far less
likely: two codecs that read the same are no doubt. A language is thus the prior for its codecs, and the ASCII letters of
a text tell as much about it as the others. What belongs elsewhere: the order in which encodings are tried, and repairs
(`etl.decode`).
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

_PAIRS = Path(__file__).parent / "reference" / "letter_pairs.parquet"

MARGIN = 6.0
"""How much likelier (natural logarithm) a text has to be than the next other one."""

IMPLAUSIBLE = -9.0
"""Mean logarithm of the likelihood of its non-ASCII pairs, below which a text is none."""

_SWITCH = 12.0
"""What it costs a text that its non-ASCII letters are of another language than its ASCII ones: a quotation, a name."""

_PRIOR_PAIRS = 2.0
"""How many pairs of a sign it takes to know what may follow it."""

_COMMON, _RARE, _ODD = 0.0, 3.0, 5.0

CODECS: tuple[tuple[str, float], ...] = (
    *((f"windows-125{number}", _COMMON) for number in (2, 1, 0, 4, 3, 5, 6, 7, 8)),
    *((f"iso-8859-{number}", _COMMON) for number in (1, 15, 2, 5, 7, 9)),
    *((f"iso-8859-{number}", 1.0) for number in (3, 4, 6, 8, 10, 11, 13, 14, 16)),
    ("koi8-r", _COMMON),
    ("koi8-u", _COMMON),
    ("cp874", _COMMON),
    *((name, _RARE) for name in ("cp866", "cp437", "cp850", "cp852", "mac-cyrillic", "mac-roman")),
    *((name, _ODD) for name in ("mac-latin2", "mac-greek", "mac-turkish", "mac-iceland")),
    *((f"cp{number}", _ODD) for number in (720, 737, 775, 855, 857, 858, 860, 861, 862, 863, 865, 869, 1125)),
    *((name, _ODD) for name in ("kz1048", "ptcp154", "koi8-t")),
)
"""Codecs of one byte a sign with what speaks against them beforehand (natural logarithm); of those that read the same
text, the first one is named."""

WIDE_CODECS: tuple[tuple[str, float], ...] = (
    ("gb18030", _COMMON),
    ("big5", _COMMON),
    ("cp950", 1.0),
    ("big5hkscs", 2.0),
    ("shift_jis", _COMMON),
    ("cp932", 1.0),
    ("euc-jp", _COMMON),
    ("euc-kr", _COMMON),
    ("cp949", 1.0),
    ("johab", _ODD),
)
"""Codecs of several bytes a sign, likewise. The narrower ones stand first: the wider only count where those fail."""

_WIDER = {"cp950": "big5", "big5hkscs": "cp950", "cp932": "shift_jis", "cp949": "euc-kr"}


@dataclass(frozen=True)
class Candidate:
    """A reading of bytes.

    Attributes:
        encoding: our name of the codec, which Python knows.
        text: what it reads.
        likelihood: natural logarithm, what speaks against the codec included; comparable between readings of the
            same bytes only.
        is_plausible: whether its letters are those of a language, in its order, at all.
        is_cut: the last sign of several bytes is not whole, and is left out.
    """

    encoding: str
    text: str
    likelihood: float
    is_plausible: bool
    is_cut: bool = False


class _Letters:
    """Which sign follows which, in each language."""

    def __init__(self) -> None:
        table = pq.read_table(_PAIRS)
        languages = table.column("language").to_pylist()
        pairs = table.column("pair").to_pylist()
        self.languages = sorted(set(languages))
        order = {name: number for number, name in enumerate(self.languages)}
        column = np.array([order[name] for name in languages])
        points = np.frombuffer("".join(pairs).encode("utf-32-le"), np.uint32).reshape(-1, 2).astype(np.int64)
        weight = table.column("weight").to_numpy().astype(np.float32) / 100
        self.keys, row = np.unique(points[:, 0] << 21 | points[:, 1], return_inverse=True)
        self.pair = np.zeros((len(self.keys), len(order)), np.float32)
        self.pair[row, column] = weight
        self.signs, at = np.unique(points, return_inverse=True)
        at = at.reshape(-1, 2)
        self.first = np.zeros((len(self.signs) + 1, len(order)), np.float32)
        self.second = np.zeros_like(self.first)
        np.add.at(self.first, (at[:, 0], column), weight)
        np.add.at(self.second, (at[:, 1], column), weight)
        self.total = self.second.sum(axis=0)
        self.floors = np.array([_floor(chr(point), True) for point in self.signs] + [0.0], np.float32)

    def likelihoods(self, first: Any, second: Any) -> Any:
        """Natural logarithms of how likely each second sign is to follow the first, in each language.

        Args:
            first, second: code points, folded.
        """
        kinds = _kinds()[np.minimum(first, 0xFFFF)] * _KINDS + _kinds()[np.minimum(second, 0xFFFF)]
        first = np.where((second >= _WIDE) | (first >= _WIDE), 0, first)
        pair = _rows(self.pair, self.keys, first << 21 | second)
        before = _rows(self.first, self.signs, first)
        at = np.searchsorted(self.signs, second)
        at = np.where((at < len(self.signs)) & (self.signs[np.minimum(at, len(self.signs) - 1)] == second), at, -1)
        floors = self.floors[at]
        for index in np.flatnonzero(at == -1):
            floors[index] = _floor(chr(second[index]), False)
        alone = (self.second[at] + floors[:, None]) / self.total
        odd, wide = _odd_pairs()
        alone *= np.where(odd[kinds], _ODD_PAIR, 1.0)[:, None]
        return np.log((pair + _PRIOR_PAIRS * alone) / (before + _PRIOR_PAIRS)) - _WIDE_IN_WORD * wide[kinds][:, None]


_WIDE = 0x2E80
"""From here on signs are Han, kana, Hangul: too many of them for pairs, so that each counts by itself."""


def _rows(table: Any, keys: Any, wanted: Any) -> Any:
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found = table[at]
    found[keys[at] != wanted] = 0
    return found


_ODD_PAIR = 0.05
"""How much rarer than otherwise a letter is behind one of another script, or a capital behind a small one, where the
language is not known to do that."""

_WIDE_IN_WORD = 4.0
"""What speaks (natural logarithm) against a letter side by side with a Han or other wide sign."""

_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "HEBREW", "ARABIC", "THAI")
_KINDS = 2 * len(_SCRIPTS) + 2


@cache
def _kinds() -> Any:
    """What each code point is: 0 for no letter of these scripts, else by script, capitals apart; the last for wide ones."""
    kinds = np.zeros(0x10000, np.int64)
    for point in range(0x41, 0xE80):
        sign = chr(point)
        script = unicodedata.name(sign, "").partition(" ")[0]
        if sign.isalpha() and script in _SCRIPTS:
            kinds[point] = 2 * _SCRIPTS.index(script) + 1 + sign.isupper()
    for point in range(_WIDE, 0x10000):
        if chr(point).isalpha():
            kinds[point] = _KINDS - 1
    return kinds


@cache
def _odd_pairs() -> tuple[Any, Any]:
    """Which pairs of kinds do not stand side by side in a word; and which of letters and wide signs do not."""
    odd = np.zeros((_KINDS, _KINDS), bool)
    wide = np.zeros((_KINDS, _KINDS), bool)
    for first in range(1, _KINDS - 1):
        wide[first, -1] = wide[-1, first] = True
        for second in range(1, _KINDS - 1):
            odd[first, second] = (first - 1) // 2 != (second - 1) // 2 or (first % 2 == 1 and second == first + 1)
    return odd.ravel(), wide.ravel()


_FLOORS = {"L": 0.05, "M": 0.02, "N": 0.02, "P": 0.02, "S": 0.01, "Z": 0.02, "C": 1e-6}


def _floor(sign: str, is_known: bool) -> float:
    """How often a sign stands in any text although its language does not know it, in the tables' measure."""
    category = unicodedata.category(sign)
    if category == "So":
        return 0.003
    return _FLOORS[category[0]] * (1.0 if is_known else 0.2)


@cache
def _letters() -> _Letters:
    return _Letters()


@cache
def _tables() -> tuple[tuple[tuple[str, float], ...], Any]:
    """The codecs of one byte a sign, and their signs as code points: -1 where they have none, or a control."""
    rows = []
    for name, _ in CODECS:
        row = []
        for byte in range(256):
            try:
                sign = bytes([byte]).decode(name)
            except UnicodeDecodeError:
                row.append(-1)
                continue
            row.append(-1 if 0x80 <= ord(sign) < 0xA0 else ord(sign))
        rows.append(row)
    return CODECS, np.array(rows, np.int64)


_FOLDED_BYTES = bytes(0x30 if byte in b"0123456789" else 0x20 if byte < 0x20 or byte == 0x7F else byte for byte in range(256))


def _fold(points: Any) -> Any:
    """Digits, white space and controls as one sign each, as the tables have them."""
    points = np.where((points >= 0x30) & (points <= 0x39), 0x30, points)
    return np.where((points < 0x20) | (points == 0x7F), 0x20, points)


def candidates(raw: bytes) -> list[Candidate]:
    """The readings of bytes that are not UTF-8, the likeliest first, each text once."""
    if is_utf8(raw):
        return ranked(_mixed(raw))
    return ranked([*_narrow(raw), *_wide(raw), *_utf16_without_nul(raw), *_mixed(raw)])


def ranked(readings: Iterable[Candidate]) -> list[Candidate]:
    """The likeliest first, each text once."""
    best: dict[str, Candidate] = {}
    for candidate in sorted(readings, key=lambda candidate: -candidate.likelihood):
        best.setdefault(unicodedata.normalize("NFC", candidate.text), candidate)
    return list(best.values())


def is_sure(found: Sequence[Candidate]) -> bool:
    """Whether the first reading is text, and no other one may be meant."""
    if not found or not found[0].is_plausible:
        return False
    return len(found) == 1 or found[0].likelihood - found[1].likelihood >= MARGIN


_MOST = 8
"""Readings that are worth a text."""


def _narrow(raw: bytes) -> list[Candidate]:
    letters = _letters()
    names, tables = _tables()
    octets = np.frombuffer((b" " + raw + b" ").translate(_FOLDED_BYTES), np.uint8).astype(np.int64)
    used = np.unique(octets)
    counts = np.bincount(octets[:-1] << 8 | octets[1:], minlength=65536)
    pairs = np.flatnonzero(counts)
    counts = _damped(counts[pairs])
    first, second = pairs >> 8, pairs & 0xFF
    is_ascii = (first < 0x80) & (second < 0x80)
    plain = counts[is_ascii] @ letters.likelihoods(first[is_ascii], second[is_ascii])
    first, second, counts = first[~is_ascii], second[~is_ascii], counts[~is_ascii]
    fitting = np.flatnonzero((tables[:, used] >= 0).all(axis=1))
    scored = []
    for index in fitting:
        high = counts @ letters.likelihoods(tables[index][first], tables[index][second])
        score = _joined(plain, high - _strange(names[index][0])) - names[index][1]
        scored.append((score, index, high.max() / counts.sum()))
    scored.sort(key=lambda entry: -entry[0])
    return [
        Candidate(names[index][0], raw.decode(names[index][0]), float(score), mean > IMPLAUSIBLE)
        for score, index, mean in scored[:_MOST]
    ]


@cache
def _strange(codec: str) -> Any:
    """What speaks against a codec in each language."""
    homes = next((languages for names, languages in _HOMES if codec in names.split()), None)
    return np.array([0.0 if homes is None or name in homes.split() else _STRANGE for name in _letters().languages])


_STRANGE = 4.0
"""What speaks against a language's text being in a codec that was not made for it."""

_WESTERN = "af ast br ca cy da de en es eu fi fo fr fy ga gd gl id is it lb ms nb nl pt rm sq sv"
_CENTRAL = "cs hr hsb hu pl ro sk sl sq sr"
_SLAVONIC = "be bg mk ru sr uk"
_HOMES = (
    ("windows-1252 iso-8859-1 iso-8859-15 mac-roman cp437 cp850 cp858", _WESTERN),
    ("windows-1250 iso-8859-2 cp852 mac-latin2", _CENTRAL),
    ("iso-8859-16", "fr ga hr hu it pl ro sl sq sr"),
    ("windows-1251 iso-8859-5 cp866 cp855 mac-cyrillic", _SLAVONIC),
    ("koi8-r", "bg ru"),
    ("koi8-u cp1125", "be ru uk"),
    ("windows-1253 iso-8859-7 cp737 cp869 mac-greek", "el"),
    ("windows-1254 iso-8859-9 cp857 mac-turkish", "tr"),
    ("windows-1255 iso-8859-8 cp862", "he"),
    ("windows-1256 iso-8859-6 cp720", "ar fa"),
    ("windows-1257 iso-8859-13 cp775", "et lt lv"),
    ("windows-1258", "vi"),
    ("iso-8859-3", "eo mt"),
    ("iso-8859-4", "da et fi fo lt lv nb se sl sv"),
    ("iso-8859-10", "da et fi fo is lt nb se sv"),
    ("iso-8859-11 cp874", "th"),
    ("iso-8859-14", "br cy ga gd"),
    ("cp860", "pt"),
    ("cp863", "fr"),
    ("cp865", "da nb"),
    ("cp861 mac-iceland", "is"),
    ("kz1048 ptcp154", "kk"),
    ("koi8-t", "tg"),
    ("gb18030", "zh-Hans zh-Hant"),
    ("big5 cp950 big5hkscs", "zh-Hant"),
    ("shift_jis cp932 euc-jp", "ja"),
    ("euc-kr cp949 johab", "ko"),
)
"""The languages that codecs were made for."""


def _damped(counts: Any) -> Any:
    """What so many of a pair count for: a name that a text repeats is not said by it anew each time."""
    return 1 + np.log(counts.astype(np.float32))


def _joined(plain: Any, high: Any) -> float:
    """The likelihood of a text, whose ASCII letters and whose others are of one language or of two."""
    return float(max((plain + high).max(), plain.max() + high.max() - _SWITCH))


def _wide(raw: bytes) -> list[Candidate]:
    letters = _letters()
    found = []
    decoded = set()
    for name, against in WIDE_CODECS:
        if _WIDER.get(name) in decoded:
            decoded.add(name)
            continue
        try:
            text = codecs.getincrementaldecoder(name)("strict").decode(raw)
        except UnicodeDecodeError:
            continue
        decoded.add(name)
        try:
            is_cut = False
            text = raw.decode(name)
        except UnicodeDecodeError:
            is_cut = True
        score, is_plausible = likelihood(text, name)
        found.append(Candidate(name, text, score - against - is_cut * CUT, is_plausible, is_cut))
    return found


CUT = 4.0
"""What speaks against a text whose last sign is not whole."""

_LEFT_OUT = -14.0
"""The likelihood of a byte that means nothing: it is never left out, but no reading is taken that is as unlikely."""

_MIXED = 2.0
"""What speaks against a text that is in two encodings."""


def _mixed(raw: bytes) -> Iterator[Candidate]:
    """UTF-8 in which some bytes are of another codec: a quotation, a line, a name of another origin.

    A line with more bytes that are not UTF-8 than signs that are is read as the other codec throughout.
    """
    text = raw.decode("utf-8", "surrogateescape")
    lines = [(line, len(_STRAY.findall(line)), len(_UTF8_SIGN.findall(line))) for line in text.splitlines(keepends=True)]
    if not any(signs for _, _, signs in lines):
        return
    count = sum(strays for _, strays, _ in lines)
    octets = [line.encode("utf-8", "surrogateescape") if strays > signs else None for line, strays, signs in lines]
    for name, against in (*CODECS, *WIDE_CODECS):
        try:
            parts = [
                line if not strays else whole.decode(name) if whole else _read_strays(line, name)
                for (line, strays, _), whole in zip(lines, octets, strict=True)
            ]
        except UnicodeDecodeError:
            continue
        joined = "".join(parts)
        if _C1.search(joined):
            continue
        score, is_plausible = likelihood(joined, name)
        is_plausible = is_plausible and (count >= _ENOUGH_STRAYS or _is_punctuation(raw, name))
        yield Candidate(f"utf-8+{name}", joined, score - against - _MIXED, is_plausible)
    without = _STRAY.sub("", text)
    yield Candidate("utf-8", without, likelihood(without)[0] + _LEFT_OUT * count, False)


def is_utf8(raw: bytes) -> bool:
    """Whether bytes are UTF-8 but for few of them: nothing else has so many of its signs by chance."""
    text = raw.decode("utf-8", "surrogateescape")
    signs = len(_UTF8_SIGN.findall(text))
    return signs >= _MANY_SIGNS and signs >= _MANY_SIGNS * len(_STRAY.findall(text))


_MANY_SIGNS = 5

_ENOUGH_STRAYS = 3
"""Any byte may look like a letter, one that a faulty line made, too; three of them seldom do."""


def _is_punctuation(raw: bytes, codec: str) -> bool:
    """Whether the bytes that are not UTF-8 are Windows' quotation marks and dashes, each where it belongs."""
    rest = _WINDOWS_PUNCTUATION.sub(b"", raw)
    try:
        rest.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return codec.startswith("windows-125")


_WINDOWS_PUNCTUATION = re.compile(
    rb"(?<=[A-Za-z])\x92(?=[A-Za-z])|(?<=[a-z]s)\x92(?= )|(?<= )[\x96\x97](?= )|(?<=[0-9])\x96(?=[0-9])"
    rb"|(?<![^ (])\x93(?=[A-Za-z][^\x93\x94\n]+\x94)|(?<=[A-Za-z0-9.,!?])\x94(?![A-Za-z0-9])"
)


def _read_strays(line: str, codec: str) -> str:
    return _STRAY.sub(lambda stray: bytes([ord(stray[0]) - 0xDC00]).decode(codec), line)


_STRAY = re.compile("[\udc80-\udcff]")
_UTF8_SIGN = re.compile("[\u0080-\ud7ff\ue000-\U0010ffff]")
_C1 = re.compile("[\x80-\x9f]")


def cut_utf8(raw: bytes) -> tuple[str, int] | None:
    """UTF-8 that was cut inside a sign at its end or its beginning: the rest, and how many signs beyond ASCII it has.

    None if that is not all that is wrong with it, or if nothing else in it speaks for UTF-8.
    """
    begin = len(raw) - len(raw[:3].lstrip(_CONTINUATION)) - len(raw[3:])
    try:
        decoder = codecs.getincrementaldecoder("utf-8")("strict")
        text = decoder.decode(raw[begin:])
    except UnicodeDecodeError:
        return None
    signs = len(_UTF8_SIGN.findall(text))
    pending = len(decoder.getstate()[0])
    return (text, signs) if signs or pending > 1 else None


_CONTINUATION = bytes(range(0x80, 0xC0))


def _utf16_without_nul(raw: bytes) -> Iterator[Candidate]:
    """Chinese, Japanese or Korean in UTF-16, with neither byte order mark nor a single NUL."""
    if len(raw) % 2:
        return
    for name in ("utf-16-le", "utf-16-be"):
        try:
            text = raw.decode(name)
        except UnicodeDecodeError:
            continue
        if sum(map(_is_odd, text)) == 0:
            score, is_plausible = likelihood(text)
            yield Candidate(name, text, score - _RARE, is_plausible)


def utf16_or_32(raw: bytes) -> Candidate | None:
    """UTF-16 or UTF-32 without a byte order mark, told by where its NULs stand; None if it is neither.

    ASCII spaces, figures and line ends are in texts of every script; in the wrong byte order none of them is one.
    """
    best: tuple[float, Candidate] | None = None
    for name, width in (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2)):
        whole = len(raw) // width * width
        try:
            text = raw[:whole].decode(name)
        except UnicodeDecodeError:
            continue
        controls = len(_CONTROLS.findall(text))
        if not text or controls > _MOST_CONTROLS * len(text) or sum(map(_is_odd, text)) > controls:
            continue
        usual = len(_USUAL.findall(text)) / len(text)
        if usual < _MANY_USUAL and not _is_of_one_alphabet(text):
            score, is_plausible = likelihood(text)
            if not is_plausible or score < likelihood(raw.decode("latin-1"))[0]:
                continue
        if best is None or usual > best[0]:
            best = usual, Candidate(name, text, 0.0, True, whole < len(raw))
    return best[1] if best else None


_CONTROLS = re.compile("[\x01-\x08\x0b-\x1f\x7f]")
_MOST_CONTROLS = 0.2
"""The share of controls that the wire's own may be."""

_MANY_USUAL = 0.1
"""The share of signs of ASCII from which on a text of whatever script is in the right byte order. Others, of
which one may have fewer, are of one alphabet, or likely as Chinese."""

_USUAL = re.compile("[ -~\n\r\t]")


def _is_of_one_alphabet(text: str) -> bool:
    """Whether most signs are of one small block; those of Han and Hangul fill many."""
    blocks = Counter(ord(sign) >> 7 for sign in text)
    return blocks.most_common(1)[0][1] > _MOSTLY * len(text)


_MOSTLY = 0.6


def _is_odd(sign: str) -> bool:
    return unicodedata.category(sign) in {"Cn", "Co", "Cc"} and sign not in "\n\r\t"


def seven_bit(raw: bytes) -> Candidate | None:
    """ISO-2022-JP, ISO-2022-KR or HZ, which switch signs of two bytes on and off within ASCII; None if it is neither."""
    names = [name for mark, name in _SWITCHES if re.search(mark, raw)]
    for name in names:
        decoder = codecs.getincrementaldecoder(name)("strict")
        try:
            text = decoder.decode(raw)
        except UnicodeDecodeError:
            continue
        found = Candidate(name, text, *likelihood(text))
        if found.is_plausible and not text.isascii():
            return found
    return None


_SWITCHES = (
    (rb"\x1b\$[@B]", "iso2022_jp"),
    (rb"\x1b[$(]", "iso2022_jp_ext"),
    (rb"\x1b[$(.N]", "iso2022_jp_2"),
    (rb"\x1b\$\)C", "iso2022_kr"),
    (rb"~\{[!-w][!-~]", "hz"),
)


def named(encoding: str) -> str | None:
    """Python's name of a codec of text that a source may name as its encoding; None for all else.

    Codecs that turn bytes into bytes (hex, zlib), that are not of texts (idna, punycode, unicode_escape), or whose
    ASCII is not what it says (utf-7, rot13) are none.
    """
    try:
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        return None
    return _OWN_NAMES.get(name, name) if name in _NAMEABLE else None


_OWN_NAMES = {codecs.lookup(name).name: name for name, _ in reversed((*CODECS, *WIDE_CODECS))}

_NAMEABLE = frozenset(_OWN_NAMES) | {
    *("ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
    *("gb2312", "gbk", "hz", "iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3"),
    *("iso2022_jp_ext", "iso2022_kr", "shift_jis_2004", "shift_jisx0213", "euc_jis_2004", "euc_jisx0213"),
    *(f"cp{number}" for number in ("037", 273, 424, 500, 856, 864, 875, 1006, 1026, 1140)),
    *("hp-roman8", "mac-croatian", "mac-romanian", "tis-620"),
}


def likelihood(text: str, codec: str = "") -> tuple[float, bool]:
    """Natural logarithm of the likelihood of a text in its likeliest language, and whether it is plausible at all.

    Args:
        text: not empty.
        codec: the one that it was read with, if some languages are not written in it.
    """
    letters = _letters()
    points = np.frombuffer(f" {text} ".encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
    points = _fold(points)
    pairs, counts = np.unique(points[:-1] << 21 | points[1:], return_counts=True)
    first, second, counts = pairs >> 21, pairs & 0x1FFFFF, _damped(counts)
    is_ascii = (first < 0x80) & (second < 0x80)
    each = letters.likelihoods(first, second)
    plain, high = counts[is_ascii] @ each[is_ascii], counts[~is_ascii] @ each[~is_ascii]
    mean = high.max() / max(counts[~is_ascii].sum(), 1)
    return _joined(plain, high - _strange(codec)), bool(mean > IMPLAUSIBLE)
