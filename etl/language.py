"""In which language a text is written."""

from __future__ import annotations

import re

import pycld2

SAMPLE = 1000
"""Code points that are looked at first: more takes longer and seldom decides otherwise."""

# CLD2's answers for scripts without a language of their own begin with xx; un is unknown.
_LANGUAGE = re.compile(r"(?!xx|un$)[a-z]{2,3}(-[A-Z][a-z]{3})?")

# CLD2 gives some languages codes that BCP 47 has retired or spells otherwise.
_BCP47 = {"iw": "he", "in": "id", "jw": "jv", "zh": "zh-Hans", "zh-Hant": "zh-Hant", "no": "nb", "tl": "fil"}


def detect_language(text: str) -> tuple[str | None, float | None]:
    """The language of a text as BCP 47 code with confidence 0 to 1, or (None, None) where it is not sure.

    The first thousand characters decide; if they are not sure, the whole text does.
    """
    language, confidence = _detect(text[:SAMPLE])
    if language is None and len(text) > SAMPLE:
        language, confidence = _detect(text)
    return language, confidence


def _detect(sample: str) -> tuple[str | None, float | None]:
    try:
        is_reliable, _, ranking = pycld2.detect(sample, bestEffort=False)
    except pycld2.error:
        # Code points that no UTF-8 interchange allows (noncharacters); the rest of the text may do.
        cleaned = "".join(sign for sign in sample if sign.isprintable() or sign == "\n")
        try:
            is_reliable, _, ranking = pycld2.detect(cleaned, bestEffort=False)
        except pycld2.error:
            return None, None
    _, code, percent, _ = ranking[0]
    if not is_reliable or not _LANGUAGE.fullmatch(code):
        return None, None
    return _BCP47.get(code, code), round(percent / 100, 2)
