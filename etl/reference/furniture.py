"""What single lines of a page are that stand around articles: read off the rows of furniture.tsv.

Those that are sentences belong to `etl.reference.site_sentences`; what follows from a run of such lines for the
article between them, to `etl.furniture`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Generic, TypeVar

from etl.reference.site_sentences import SiteSentences
from etl.words import SENTENCE_END

_Entry = TypeVar("_Entry")

KINDS = ("furniture", "heading", "button", "menu")
"""What a line can be: furniture by itself; a heading over other furniture; a button, or a section of a menu, which is
one only in company."""

FORMS = ("phrase", "pair", "label", "start", "part", "root", "pattern")
"""How words make a line: they are all of it; are one of some and one of some others; stand before a colon; begin it;
stand in it; are the first of a trail ("Home > News"). A pattern is a regular expression of the whole line."""

LONGEST_LINE, LONGEST_SENTENCES = 160, 400
"""Code points of the longest line that can be furniture, and of the longest one of sentences that a site has."""

_NUMBER = re.compile(r"\d(?:[\d\s.,'’]*\d)?")
_TOKEN = re.compile(r"#|[^\W_]+")
_COLON = re.compile(r"\s*[:：]")
_TRAIL = re.compile(r"\s*(?:[>/|»›→·:：]|-\s)")
_LETTER = re.compile(r"[^\W\d_]")
_SPEECH = re.compile(r"\W*[\"'“”„«»‹›‘’‚「『《〈＂]|[-\u2010-\u2015]\s*[^\W_]")
"""What a sentence begins with that somebody in an article says."""

_DATED = re.compile(r"\d{1,2}[./]\d{1,2}[./]\d{4},?\s*[\[(]?\d{1,2}:\d{2}.*[?؟？!！]$")
"""What ends as sentences do and is none: a headline with its day and time."""
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u9fff]")
_MOST_TOKENS = 24
_LONGEST_PHRASE = 6


@dataclass(frozen=True)
class FurnitureRow:
    """A row of furniture.tsv.

    Attributes:
        kind: of KINDS.
        form: of FORMS.
        words: what is written; numbers stand as `#`. Those of the form `pair` are one text, in which ` + ` stands
            between the parts.
    """

    kind: str
    form: str
    words: tuple[str, ...]


def line_key(line: str) -> str:
    """What a line is looked up by: its letters in lower case, each number as `#`, single spaces."""
    # The Turkish capital İ folds to an i and a dot above.
    return " ".join(_TOKEN.findall(_NUMBER.sub(" # ", line.casefold().replace("i\u0307", "i"))))


class _ByFirstWord(Generic[_Entry]):
    """Entries by the first word of what they begin with, but for those of scripts without blanks."""

    def __init__(self) -> None:
        self._entries: dict[str, list[_Entry]] = {}
        self.unspaced: list[_Entry] = []
        """Those of scripts without blanks."""

    def add(self, key: str, entry: _Entry) -> None:
        """Keep an entry under the first word of a key."""
        if not _UNSPACED.search(key):
            self._entries.setdefault(_first_word(key), []).append(entry)
        else:
            self.unspaced.append(entry)

    def find(self, word: str) -> Sequence[_Entry]:
        """The entries that begin with a word."""
        return self._entries.get(word, ())

    def words(self, tokens: Iterable[str]) -> set[str]:
        """Those of some words that entries begin with."""
        return self._entries.keys() & tokens


def _first_word(key: str) -> str:
    return key.partition(" ")[0]


def _is_sentence(line: str) -> bool:
    """Whether a line ends as sentences do, whatever it begins with: figures, brackets, quotation marks."""
    ends = SENTENCE_END.search(line[-8:]) is not None and _LETTER.search(line) is not None
    return ends and not _DATED.match(line)


class Furniture:
    """The lines that are known.

    Args:
        rows: of furniture.tsv.
        sentences: of sites.
    """

    def __init__(self, rows: Iterable[FurnitureRow], sentences: SiteSentences) -> None:
        self._site = sentences
        self._phrases: dict[str, str] = {}
        self._labels: dict[str, str] = {}
        self._roots: set[str] = set()
        self._starts: _ByFirstWord[tuple[str, str]] = _ByFirstWord()
        self._parts: _ByFirstWord[tuple[str, str]] = _ByFirstWord()
        patterns: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            if row.form == "pattern":
                patterns[row.kind] += row.words
            else:
                for words in row.words:
                    self._add(row, words, line_key(words))
        self._patterns = [
            (re.compile(f"(?:{'|'.join(words)})", re.IGNORECASE), kind) for kind, words in patterns.items()
        ]
        self._phrase_heads = frozenset(_first_word(key) for key in self._phrases)

    def _add(self, row: FurnitureRow, words: str, key: str) -> None:
        if row.form == "pair":
            firsts, _, seconds = words.partition(" + ")
            for first, second in product(firsts.split("|"), seconds.split("|")):
                self._phrases.setdefault(line_key(f"{first}{'' if _UNSPACED.search(first) else ' '}{second}"), row.kind)
        elif row.form == "phrase":
            # The file is in the order of what says most: a heading may be the name of a section, too.
            self._phrases.setdefault(key, row.kind)
        elif row.form == "label":
            self._labels.setdefault(key, row.kind)
        elif row.form == "root":
            self._roots.add(key)
        elif row.form == "start":
            self._starts.add(key, (key, row.kind))
        else:
            self._parts.add(key, (key, row.kind))

    def kind(self, line: str) -> str | None:
        """What a line is by itself, of KINDS; None if it is none of what is known.

        Args:
            line: without white space at its ends, of LONGEST_SENTENCES code points at most.
        """
        # Of what ends as a sentence, only what no article says is known: by the whole of it, or by all of its words. In
        # quotation marks it is what somebody says of a page.
        is_sentence = _is_sentence(line)
        if is_sentence and _SPEECH.match(line):
            return None
        if len(line) > LONGEST_LINE:
            return "furniture" if self._site.has(line) else None
        key = line_key(line)
        if not key:
            # Signs alone: a rule, a row of stars.
            return self._pattern(line) or "button"
        if found := self._phrases.get(key):
            return found
        if self._site.has(line):
            return "furniture"
        if is_sentence:
            return None
        first = _first_word(key)
        found = self._within_unspaced(key) if _UNSPACED.search(key) else self._within(key, first)
        return found or self._pattern(line) or self._label(line) or self._trail(line) or self._row(key, first)

    def _pattern(self, line: str) -> str | None:
        return next((kind for pattern, kind in self._patterns if pattern.fullmatch(line)), None)

    def _label(self, line: str) -> str | None:
        colon = _COLON.search(line)
        return self._labels.get(line_key(line[: colon.start()])) if colon else None

    def _within(self, key: str, first: str) -> str | None:
        for start, kind in self._starts.find(first):
            if key == start or key.startswith(f"{start} "):
                return kind
        for word in self._parts.words(key.split()):
            for part, kind in self._parts.find(word):
                if f" {part} " in f" {key} ":
                    return kind
        return None

    def _within_unspaced(self, key: str) -> str | None:
        for start, kind in self._starts.unspaced:
            if key.startswith(start):
                return kind
        return next((kind for part, kind in self._parts.unspaced if part in key), None)

    def _trail(self, line: str) -> str | None:
        sign = _TRAIL.search(line)
        return "furniture" if sign and line_key(line[: sign.start()]) in self._roots else None

    def _row(self, key: str, first: str) -> str | None:
        """What several phrases in one line are: "Share Facebook Twitter"."""
        if first not in self._phrase_heads:
            return None
        tokens = key.split()
        if not 1 < len(tokens) <= _MOST_TOKENS:
            return None
        kinds = []
        at = 0
        while at < len(tokens):
            for length in range(min(_LONGEST_PHRASE, len(tokens) - at), 0, -1):
                if kind := self._phrases.get(" ".join(tokens[at : at + length])):
                    kinds.append(kind)
                    at += length
                    break
            else:
                return None
        return "furniture" if {"furniture", "heading"} & set(kinds) else kinds[0]
