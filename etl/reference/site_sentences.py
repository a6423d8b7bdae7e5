"""Sentences of a site, which stand around its articles: told by the words that they are made of.

Which words those are is data, in site_sentences.tsv. What lines are that are no sentences belongs to
`etl.reference.furniture`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from etl.reference.names import CACHED_NAMES, fold_letters
from etl.words import LETTERS

ANY_LANGUAGE = "mul"
"""The language of words that stand in sentences of any: ISO 639-2 for several languages."""

_MOST_NAMES = 5
_LONGEST_NAME = 6
"""Words of a sentence that may be names, and signs of one in a script without blanks."""

_FEWEST_KNOWN = 2

_CAPITALISES_NOUNS = frozenset({"de", "lb"})

# What stands between two words of a row, or within one.
_PARTING = "|/'’‘ʼʻ`´‐‑-\u200c"

_FIRST_UNSPACED = "\u0e00"
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff]")

# Arabic vowels are mostly not written, nor are words drawn out.
_VOWELS = re.compile(r"[\u0640\u064b-\u0652]")

_OWNED = re.compile(
    r"(?:[\d\s.,-]*|copyright\s*|저작권자\s*|\w{2,8}\s*:\s*)[©℗ⓒ](?!\s*(?-i:[a-z]+ [a-z]))"
    r"|[\d\s.,-]*\(c\)\s*(?:\d{4}|copyright)|copyright\s*(?:\(c\)|\(?\d{4})",
    re.IGNORECASE,
)

# Addresses, names of accounts, and what stands in quotation marks, which is a name or what a button says.
_NAMED = re.compile(
    r"[!-?A-~]+@[!-~]+|https?://[!-~]+|[@#][\w.]+|(?<![A-Za-z\d.])(?:[A-Za-z\d-]+\.)+[a-z]{2,6}\b(?:/[!-~]*)?"
    r"|[“„«「『《〈\"][^“”„«»「」『』《》〈〉\"]{1,30}[”“»」』》〉\"]"
)

# What is looked at first: it has no sign that an address or a quotation has, and is longer than what goes as such.
_PLAIN = re.compile(r"[^@#/.(©℗ⓒ\"“”„«»「」『』《》〈〉]{32,80}")

_PARTS = re.compile(r"[.!?。！？؟]\s|[;:：；\ufffc]")

ROLES = ("formula", "topic", "address", "holder", "word")
"""What words say in a sentence that has no others: that it is a site's ("rights reserved", "necessarily reflect"); what
sites speak of ("cookies", "comment"), and that they speak to somebody ("you", "our", "click"), which makes it a site's
if it has both; that a name may stand next to them which no capital shows ("agency"); nothing by themselves."""


@dataclass(frozen=True)
class SiteRow:
    """A row of site_sentences.tsv.

    Attributes:
        language: ISO 639-1, or ANY_LANGUAGE.
        role: of ROLES.
        words: parted by `|`; a `*` at either end stands for any letters. A formula is some words in a row, with `/`
            between those that may stand in one place. Case and accents do not count.
    """

    language: str
    role: str
    words: str


class _Words:
    """A set of words, some of which are only known by how they begin or end.

    Attributes:
        whole: those that are known as they stand.
        beginnings, endings: of the others.
        longest: signs of the longest of those.
        signs: what those of scripts without blanks consist of.
    """

    def __init__(self, words: set[str]) -> None:
        partly = {word for word in words if "*" in word}
        self.whole = words - partly
        self.endings = tuple({word.lstrip("*") for word in partly if word.startswith("*")})
        self.beginnings = {word.rstrip("*") for word in partly if not word.startswith("*")}
        self._lengths = sorted({len(word) for word in self.beginnings})
        self.longest = max(map(len, self.whole), default=0)
        self.signs = frozenset(
            "".join(word for word in self.whole if word >= _FIRST_UNSPACED and _UNSPACED.search(word))
        )

    def __contains__(self, word: str) -> bool:
        return (
            word in self.whole
            or any(word[:length] in self.beginnings for length in self._lengths)
            or word.endswith(self.endings)
        )

    def stands_in(self, text: str) -> bool:
        """Whether one of the words stands anywhere in a text of a script without blanks."""
        return any(word in text for word in self.whole)


class _Index:
    """Which of several sets have a word, without asking each of them."""

    def __init__(self, sets: Iterable[_Words]) -> None:
        self._whole: dict[str, int] = defaultdict(int)
        self._beginnings: dict[str, int] = defaultdict(int)
        self._endings: dict[str, int] = defaultdict(int)
        for at, words in enumerate(sets):
            for found, by in (
                (words.whole, self._whole),
                (words.beginnings, self._beginnings),
                (words.endings, self._endings),
            ):
                for word in found:
                    by[word] |= 1 << at
        self._lengths = sorted({len(word) for word in self._beginnings})
        self._any_ending = tuple(self._endings)

    def sets_with(self, word: str) -> int:
        """The sets that have a word, as bits."""
        sets = self._whole.get(word, 0)
        for length in self._lengths:
            sets |= self._beginnings.get(word[:length], 0)
        if word.endswith(self._any_ending):
            for ending, those in self._endings.items():
                if word.endswith(ending):
                    sets |= those
        return sets


class _Language:
    """The words of a language by their roles.

    Args:
        code: ISO 639-1, or ANY_LANGUAGE.
        rows: its own.
        any_rows: those of any language.
        common: what these last come to.
    """

    def __init__(self, code: str, rows: list[SiteRow], any_rows: list[SiteRow], common: Mapping[str, set[str]]) -> None:
        self.marks_names = code not in _CAPITALISES_NOUNS
        self._rows = rows if code == ANY_LANGUAGE else rows + any_rows
        words = _by_role(rows)
        self.topics, self.addresses, self.holders = (
            _Words(words[role] | common[role]) for role in ("topic", "address", "holder")
        )
        self.own = _Words(set().union(*words.values()))
        self._common = common

    @cached_property
    def known(self) -> _Words:
        """All of its words, those of any language included."""
        return _Words(self.own.whole.union(*self._common.values()))

    @cached_property
    def formulas(self) -> _Formulas:
        """Its formulas. Few languages are ever asked."""
        return _Formulas(words for row in self._rows if row.role == "formula" for words in row.words.split("|"))


class _Formulas:
    """Words that stand in a row: "total/partial reproduction prohibited*"."""

    def __init__(self, formulas: Iterable[str]) -> None:
        self._by_first_word: dict[str, list[list[_Words]]] = defaultdict(list)
        self._others: list[list[_Words]] = []
        self._unspaced: list[str] = []
        alternatives = lru_cache(None)(lambda part: _Words(set(fold_letters(_parted(part)).split())))
        for formula in formulas:
            if _UNSPACED.search(formula):
                self._unspaced.append(fold_letters(formula))
                continue
            parts = [alternatives(part) for part in formula.split()]
            for word in parts[0].whole:
                self._by_first_word[word].append(parts)
            if parts[0].beginnings or parts[0].endings:
                self._others.append(parts)

    def stand_in(self, words: list[str]) -> bool:
        """Whether one of them stands in a line of folded words."""
        return any(
            len(parts) <= len(words) - at and all(words[at + further] in part for further, part in enumerate(parts))
            for at, word in enumerate(words)
            for parts in (*self._by_first_word.get(word, ()), *self._others)
        ) or any(formula in word for formula in self._unspaced for word in words if _UNSPACED.search(word))


def _by_role(rows: Iterable[SiteRow]) -> dict[str, set[str]]:
    """The words that rows have for each role, folded: a row at once, as one by one takes a tenth of a second."""
    words: dict[str, set[str]] = {role: set() for role in ROLES}
    for row in rows:
        found = fold_letters(_parted(row.words)).split()
        # What a formula leaves open has to be known otherwise.
        words[row.role].update(found if row.role != "formula" else (word for word in found if "*" not in word))
    return words


def _parted(words: str) -> str:
    """Words of a row with blanks wherever they are parted, as those of a line are."""
    for sign in _PARTING:
        words = words.replace(sign, " ")
    return _VOWELS.sub("", words)


class SiteSentences:
    """The sentences of sites."""

    def __init__(self, rows: Iterable[SiteRow]) -> None:
        by_language: dict[str, list[SiteRow]] = defaultdict(list)
        for row in rows:
            by_language[row.language].append(row)
        common = _by_role(by_language[ANY_LANGUAGE])
        self._languages = [_Language(code, own, by_language[ANY_LANGUAGE], common) for code, own in by_language.items()]
        self._holders = frozenset(word for language in self._languages for word in language.holders.whole)
        self._all = (1 << len(self._languages)) - 1
        self._common = _Words(set().union(*common.values()))
        self._index = _Index(language.own for language in self._languages)
        self._own_in = lru_cache(CACHED_NAMES)(self._languages_of)
        self._known_in = lru_cache(CACHED_NAMES)(lambda key: self._all if key in self._common else self._own_in(key))

    def _languages_of(self, key: str) -> int:
        """The languages that may have a word of their own in their sentences, as bits."""
        if _UNSPACED.search(key):
            signs = frozenset(key)
            return sum(
                1 << at
                for at, language in enumerate(self._languages)
                if len(signs - language.own.signs) <= _LONGEST_NAME
            )
        return self._index.sets_with(key)

    def has(self, line: str) -> bool:
        """Whether a line is one or several sentences of a site: each word is one of theirs, or part of a name.

        All of its words have to be of one language. A line that begins with a copyright sign needs nothing else.

        Args:
            line: of a few hundred code points at most.
        """
        if not self._may_have(line):
            return False
        words = _words(_NAMED.sub(" ", line))
        keys = list(map(fold_letters, words))
        is_owned = _OWNED.match(line) is not None
        # What begins with a small letter goes on from the line above.
        if not words or (_has_case(words[0]) and not is_owned):
            return False
        may_have_names = not all(map(str.isupper, words))
        possible = self._languages_with(words, keys, may_have_names)
        if possible and not is_owned:
            possible &= self._languages_with_some(keys)
        return possible != 0 and any(
            possible >> at & 1
            and self._is_made_of(at, words, keys, is_owned, may_have_names)
            and (is_owned or _speaks(language, keys, line))
            for at, language in enumerate(self._languages)
        )

    def _may_have(self, line: str) -> bool:
        """Whether some language has the first words of a line. Most lines are an article's, and end here."""
        plain = _PLAIN.search(line)
        words = _words(plain[0]) if plain else []
        is_shouted = line.isupper() and all(map(str.isupper, words))
        possible = self._all
        # Those at its ends may be cut off, and names stand up to two words from what shows them.
        for at in range(2, len(words) - 3):
            word = words[at]
            if _has_capital(word) and not is_shouted:
                continue
            known_in = possible & self._known_in(fold_letters(word))
            if known_in:
                possible = known_in
            elif is_shouted or _has_case(word) or not self._may_be_name(word, list(map(fold_letters, words)), at):
                return False
        return True

    def _languages_with(self, words: list[str], keys: list[str], may_have_names: bool) -> int:
        """The languages, as bits, that may have the words of a line, names aside."""
        possible = self._all
        among = 0
        for at, word in enumerate(words):
            known_in = self._known_in(keys[at])
            among |= known_in
            if not may_have_names or not self._may_be_name(word, keys, at):
                possible &= known_in
            elif at % (_MOST_NAMES + 1) == _MOST_NAMES:
                # Not all of so many words are names.
                possible &= among
                among = 0
            if not possible:
                break
        return possible

    def _languages_with_some(self, keys: list[str]) -> int:
        """The languages, as bits, that have the fewest words of a line that have to be known, one of them their own."""
        one = two = own = 0
        for key in keys:
            known_in = self._known_in(key)
            # A run without blanks is several words.
            two |= known_in if _UNSPACED.search(key) else one & known_in
            one |= known_in
            own |= self._own_in(key)
        return two & own

    def _is_made_of(self, number: int, words: list[str], keys: list[str], is_owned: bool, may_have_names: bool) -> bool:
        """Whether words are those of a language's sites, and names; more names than others only behind ©."""
        language = self._languages[number]
        names = known = 0
        for at, (word, key) in enumerate(zip(words, keys, strict=True)):
            if _UNSPACED.search(key):
                if key not in language.known and not _is_run_of(language, key):
                    return False
                known += _FEWEST_KNOWN
            elif self._known_in(key) >> number & 1:
                known += 1
            elif may_have_names and names < _MOST_NAMES and _is_name(language, word, keys, at):
                names += 1
            else:
                return False
        return is_owned or known >= max(_FEWEST_KNOWN, names + 1)

    def _may_be_name(self, word: str, keys: list[str], at: int) -> bool:
        return _has_capital(word) or (not _has_case(word) and any(near in self._holders for near in _near(keys, at)))


def _words(text: str) -> list[str]:
    return LETTERS.findall(_VOWELS.sub("", text).replace("\u200c", " "))


def _speaks(language: _Language, keys: list[str], line: str) -> bool:
    """Whether the words of a line say that a site speaks, if they are all known."""
    if _has_one(language.topics, keys) and _has_one(language.addresses, keys):
        return True
    # A formula ends with its sentence, and where a name is.
    parts = _PARTS.split(_NAMED.sub("\ufffc", line))
    return any(language.formulas.stand_in(list(map(fold_letters, _words(part)))) for part in parts)


def _has_one(role: _Words, words: list[str]) -> bool:
    return any(word in role or (_UNSPACED.search(word) and role.stands_in(word)) for word in words)


def _is_name(language: _Language, word: str, keys: list[str], at: int) -> bool:
    """Whether a word may be part of a name: by its capital, else by what stands near it."""
    if _has_capital(word) and language.marks_names:
        return True
    return not _has_case(word) and any(key in language.holders for key in _near(keys, at))


def _has_capital(word: str) -> bool:
    return word[0] != word[0].lower()


def _has_case(word: str) -> bool:
    """Whether small letters say that a word is no name. Georgian capitals are for headlines."""
    return word[0].islower() and not "\u10d0" <= word[0] <= "\u10ff"


def _near(words: list[str], at: int) -> list[str]:
    """The words next to one, and those next to them."""
    return words[max(at - 2, 0) : at] + words[at + 1 : at + 3]


def _is_run_of(language: _Language, run: str) -> bool:
    """Whether words of a language make up a text without blanks, but for one name next to a holder."""
    reached: set[tuple[int, bool]] = {(0, False)}
    for at in range(len(run)):
        if at > max(reached)[0]:
            return False
        for has_name in (False, True):
            if (at, has_name) not in reached:
                continue
            reached |= {(end, has_name) for end in _ends(language.known, run, at)}
            if not has_name:
                reached |= {(end, True) for end in _behind_name(language, run, at)}
    return (len(run), False) in reached or (len(run), True) in reached


def _ends(words: _Words, run: str, at: int) -> Iterator[int]:
    for end in range(at + 1, min(at + words.longest, len(run)) + 1):
        if run[at:end] in words.whole:
            yield end


def _behind_name(language: _Language, run: str, at: int) -> Iterator[int]:
    """Where a name and the holder before or behind it may end."""
    for start in range(at, min(at + _LONGEST_NAME, len(run)) + 1):
        for end in _ends(language.holders, run, start):
            if start > at:
                yield end
            else:
                yield from range(end + 1, min(end + _LONGEST_NAME, len(run)) + 1)
