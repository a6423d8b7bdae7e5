"""The codecs that bytes may be in: which are tried, what they were made for, and which a source may name.

What belongs elsewhere: telling them apart (`etl.encodings`).
"""

from __future__ import annotations

import codecs
import re

COMMON, _SELDOM, RARE, _ODD = 0.0, 3.0, 5.0, 8.0

CODECS: tuple[tuple[str, float], ...] = (
    *((f"windows-125{number}", COMMON) for number in (2, 1, 0, 4, 3, 5, 6, 7, 8)),
    *((f"iso-8859-{number}", COMMON) for number in (1, 15, 2, 5, 7, 9)),
    *((f"iso-8859-{number}", 1.0) for number in (6, 8, 11, 13)),
    *((f"iso-8859-{number}", _SELDOM) for number in (3, 4, 10, 14, 16)),
    ("koi8-r", COMMON),
    ("koi8-u", COMMON),
    ("cp874", COMMON),
    *((name, RARE) for name in ("cp866", "cp437", "cp850", "cp852", "mac-roman")),
    ("mac-cyrillic", 1.0),
    *((name, _ODD) for name in ("mac-latin2", "mac-greek", "mac-turkish", "mac-iceland")),
    *((f"cp{number}", _ODD) for number in (720, 737, 775, 855, 857, 858, 860, 861, 862, 863, 865, 869, 1125)),
    *((name, _ODD) for name in ("kz1048", "ptcp154", "koi8-t")),
)
"""Codecs of one byte a sign with what speaks against them beforehand (natural logarithm); of those that read the same
text, the first one is named."""

WIDE_CODECS: tuple[tuple[str, float], ...] = (
    ("gb18030", COMMON),
    ("big5", COMMON),
    ("cp950", 1.0),
    ("big5hkscs", 2.0),
    ("shift_jis", COMMON),
    ("cp932", 1.0),
    ("euc-jp", COMMON),
    ("euc-kr", COMMON),
    ("cp949", 1.0),
    ("johab", _ODD),
)
"""Codecs of several bytes a sign, likewise. The narrower ones stand first: the wider only count where those fail."""

WIDER = {"cp950": "big5", "big5hkscs": "cp950", "cp932": "shift_jis", "cp949": "euc-kr"}
"""Those that are tried only where the narrower one fails."""

_WESTERN = "af ast br ca cy da de en es eu fi fo fr fy ga gd gl id is it lb ms nb nl pt rm sq sv"
_CENTRAL = "cs hr hsb hu pl ro sk sl sq sr"
_SLAVONIC = "be bg mk ru sr uk"
HOMES = (
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

_OWN_NAMES = {codecs.lookup(name).name: name for name, _ in reversed((*CODECS, *WIDE_CODECS))}

_NAMEABLE = frozenset(_OWN_NAMES) | {
    *("ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
    *("gb2312", "gbk", "hz", "iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3"),
    *("iso2022_jp_ext", "iso2022_kr", "shift_jis_2004", "shift_jisx0213", "euc_jis_2004", "euc_jisx0213"),
    *(f"cp{number}" for number in ("037", 273, 424, 500, 856, 864, 875, 1006, 1026, 1140)),
    *("hp-roman8", "mac-croatian", "mac-romanian", "tis-620"),
}


_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_. :-]*")


def named(encoding: str) -> str | None:
    """Python's name of a codec of text that a source may name as its encoding; None for all else.

    Codecs that turn bytes into bytes (hex, zlib), that are not of texts (idna, punycode, unicode_escape), or whose
    ASCII is not what it says (utf-7, rot13) are none.
    """
    if not _NAME.fullmatch(encoding):
        return None
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        return None
    return _OWN_NAMES.get(name, name) if name in _NAMEABLE else None
