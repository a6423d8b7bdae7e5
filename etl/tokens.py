"""The beginning of a line as tokens: days, agencies, runs of words, and signs between them.

What they amount to, a dateline or none, belongs to `etl.dateline`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from etl import places
from etl.reference import Reference, agency_head, normalise
from etl.words import BLANK, DASH, GAP, WORD
from etl.written_dates import GREGORIAN, ROMAN, WrittenDate, find_han_date, read_date

WORDS, DATE, DAY, AGENCY, WEEKDAY, NUMBER, CABLE, GLUE, END, OTHER = "PDNAWXE+$?"
"""The kinds of tokens, each one sign, so that a line is a string of kinds. Punctuation is its own kind."""

MOST_WORDS, MOST_WORDS_BEHIND = 8, 3
"""A longer run of words is prose: what comes behind it is not looked at. Behind a day or an agency, names are short."""

_LEX = re.compile(
    rf"{GAP}(?:(?P<word>{WORD.pattern})|(?P<number>\d+)|(?P<dash>{DASH}+(?:{GAP}{DASH}+)*)|(?P<sign>\S)|$)"
)

_SIGNS = {
    **{sign: sign for sign in ",.:()[]/="},
    **dict(zip("،、，፣፤၊．。۔।።။：፦៖（）［］【】／＝〔〕・∙", ",,,,,,......:::()[]()/=()/-", strict=True)),
}

QUOTES = frozenset('"«»“”„')
"""Around a name they say nothing: "/ИА «Росбалт»/"."""

# Signs that a page puts before a line.
_LEADING = re.compile(rf"(?:{BLANK}|[*•●►▶▪■◆★|>»«\"“”_~+#])+")

# "电", "專電", "讯": sent by cable. It closes Chinese and Japanese datelines.
_CABLE = re.compile(r"(?:[专專外综綜]合?|体育|综合|綜合外|综合外)?[电電讯訊](?:报道|報導)?|[発发發발]")
# "台南報導", "明報專訊": the same without a day.
_REPORTED = re.compile(r"(?:報導|报道|[專专綜综外][訊讯])$")
_KOREAN_CABLE = "발"
_FIRST_UNSPACED = "\u3040"
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")

_SHORT = 4
"""Letters of a name that may mean something else: a weekday in another language, somebody's first name."""

# Places are abbreviated with a full stop: "ST. LOUIS", "FT. MYERS", "Pto. Montt".
_ABBREVIATIONS = frozenset({"st", "ste", "sta", "sto", "ft", "mt", "pto", "gen"})
# "SPA-FRANCORCHAMPS" is no agency.
_GOES_ON = re.compile(r"['’\u2011-]?[^\W_]")
# "10 رجب 1441 هـ الموافق 5 مارس 2020 م": equal to.
_EQUAL = re.compile(rf"{GAP}(?:هـ?)?{GAP}(?:الموافق(?: لـ?)?|برابر با|مطابق){GAP}")
_ERA = re.compile(rf"{GAP}(?:هـ|م|AH|AD)(?!\w)")
_TIME_OF_DAY = re.compile(
    rf"{GAP}[,/]?{GAP}[0-2]?\d[:.h][0-5]\d(?::[0-5]\d)?(?!\d)"
    rf"(?:{GAP}(?:[ap]\.?m\.?|[A-Z]{{2,4}})(?!\w))?",
)

# Behind one of these, what a line is about to say is known: a day, an agency, or a credit in brackets.
_TELLING = frozenset({DATE, AGENCY, ")"})
_IN_BRACKETS = re.compile(r"\([^()]*\)")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")


@dataclass(slots=True)
class Token:
    """A part of a line.

    Attributes:
        kind: one sign.
        start, end: its place in the text.
        date: of a DATE or DAY, what it says.
        agencies: of an AGENCY, the ids that its literal may mean.
        weekday: of a WEEKDAY, Monday = 1.
    """

    kind: str
    start: int
    end: int
    date: WrittenDate | None = None
    agencies: tuple[str, ...] = ()
    weekday: int | None = None


class Line:
    """The tokens of a line's beginning.

    Attributes:
        text: the whole text.
        tokens: as far as a dateline may go.
        kinds: their kinds as one string.
    """

    def __init__(self, text: str, start: int, end: int, reference: Reference, language: str | None = None) -> None:
        self.text = text
        self.tokens: list[Token] = []
        self._at = start
        self._end = end
        self._reference = reference
        self._language = language
        self._words = 0
        self._is_open = self._is_told = False
        self._read()
        self.kinds = "".join([token.kind for token in self.tokens])
        if WEEKDAY in self.kinds:
            self._join_weekdays()
            self.kinds = "".join([token.kind for token in self.tokens])

    def _read(self) -> None:
        if leading := _LEADING.match(self.text, self._at, self._end):
            self._at = leading.end()
        text, stop = self.text, self._end
        while self._words <= (MOST_WORDS_BEHIND if self._is_told and not self._is_open else MOST_WORDS):
            found = _LEX.match(text, self._at, stop)
            kind = found.lastgroup if found is not None else None
            if found is None or kind is None:
                self._add(END, stop, stop)
                return
            start, end = found.start(kind), found.end()
            if kind == "word":
                if self._is_told and self._is_whole():
                    break
                self._word(text[start:end], start, end)
            elif kind == "number":
                self._number(text[start:end], start, end)
                if self.tokens[-1].kind == NUMBER and not self._is_in_a_credit():
                    return
            elif kind == "dash":
                self._add("-", start, end)
            else:
                sign = _SIGNS.get(text[start])
                if text[start] in QUOTES and self._is_in_a_credit():
                    self._at = end
                    continue
                self._add("." if sign == "/" and self._is_stop(start) else sign or OTHER, start, end)
                if sign is None and not self._is_in_a_credit():
                    return
        self._add(OTHER, self._at, self._at)

    def _is_stop(self, slash: int) -> bool:
        """Whether a slash that none came before only closes what it stands at: "REPORT.AZ/ The ministry"."""
        kinds = [token.kind for token in self.tokens]
        is_lopsided = not self.text[slash - 1].isspace() and self.text[slash + 1 : slash + 2].isspace()
        return is_lopsided and kinds[-1:] == [AGENCY] and "/" not in kinds

    def _is_in_a_credit(self) -> bool:
        """Whether brackets or slashes are open: they say how far an agency goes, and its name may hold anything."""
        return self._is_open or any(token.kind == "/" for token in self.tokens)

    def _is_whole(self) -> bool:
        """Whether a dateline has come to its end: place, day and agency are there, and a bracket or a dash."""
        if self.tokens[-1].kind not in ")-":
            return False
        # What a credit in brackets holds is neither place nor day.
        kinds = _IN_BRACKETS.sub(AGENCY, "".join([token.kind for token in self.tokens]))
        return WORDS in kinds and AGENCY in kinds and (DATE in kinds or DAY in kinds)

    def _add(
        self,
        kind: str,
        start: int,
        end: int,
        date: WrittenDate | None = None,
        agencies: tuple[str, ...] = (),
        weekday: int | None = None,
    ) -> None:
        # A full stop before another sign says nothing: "( AFP . )", "(EFE).-", "July 12. /TASS/".
        if kind in "(-)/[,:=" and self.tokens and self.tokens[-1].kind == ".":
            self.tokens.pop()
        self.tokens.append(Token(kind, start, end, date, agencies, weekday))
        self._at = end
        if kind != WORDS:
            self._words = 0
        if kind in "()":
            self._is_open = kind == "("
        if kind in _TELLING:
            self._is_told = True

    def _number(self, number: str, start: int, end: int) -> None:
        date = self._date(start)
        if date is not None:
            self._add_date(date)
        elif len(number) <= 2 and 1 <= int(number) <= 31:
            self._add(DAY, start, end, date=WrittenDate(int(number), None, None, None, start, end))
        else:
            self._add(NUMBER, start, end)

    def _add_date(self, date: WrittenDate) -> None:
        """A day, with the time that may stand behind it; of two calendars, that of Gregory."""
        if date.calendar != GREGORIAN and (equal := _EQUAL.match(self.text, date.end, self._end)):
            other = self._date(equal.end()) if equal.end() < self._end else None
            if other is not None and other.calendar == GREGORIAN:
                date = other._replace(start=date.start)
        end = date.end
        for behind in (_ERA, _TIME_OF_DAY):
            if found := behind.match(self.text, end, self._end):
                end = found.end()
        self._add(DATE if date.month or date.day is None else DAY, date.start, end, date=date)

    def _date(self, at: int) -> WrittenDate | None:
        return read_date(self.text, at, self._end, self._reference.calendar, self._language)

    def _word(self, word: str, start: int, end: int) -> None:
        reference = self._reference
        last = self.tokens[-1].kind if self.tokens else ""
        # Most words are nothing else, and this is what most of the time goes into.
        if (
            word.isalpha()
            and word < _FIRST_UNSPACED
            and normalise(word) not in reference.first_words
            and word not in ROMAN
            and last not in (DATE, ",")
            and self.text[end : end + 1] != "."
        ):
            return self._words_to(start, end)
        key = normalise(word.partition("'")[0])
        if (key in reference.calendar.triggers or word == "NO" or word in ROMAN) and (date := self._date(start)):
            return self._add_date(date)
        if key in reference.calendar.weekday_heads and (weekday := self._weekday(word, start, end)):
            return self._add(WEEKDAY, start, weekday[1], weekday=weekday[0])
        if agency := self._agency_at(word, start):
            return self._add(AGENCY, start, agency[1], agencies=agency[0])
        if "-" in word and (at := self._glue(word, start)):
            for first, stop in ((start, at), (at + 1, end)):
                ids = reference.literals.get(normalise(self.text[first:stop]))
                if ids:
                    self._add(AGENCY, first, stop, agencies=ids)
                else:
                    self._words_to(first, stop)
                if stop == at:
                    self._add(GLUE, at, at + 1)
            return None
        if last in (DATE, DAY) and word == _KOREAN_CABLE:
            return self._add(CABLE, start, end)
        if _UNSPACED.match(word):
            return self._unspaced(word, start, end)
        is_abbreviated = self.text[end : end + 1] == "." and (
            _INITIALS.fullmatch(word) or key in _ABBREVIATIONS or key in reference.regions
        )
        return self._words_to(start, end + bool(is_abbreviated))

    def _words_to(self, start: int, end: int) -> None:
        self._words += 1
        if self._words > 1:
            self.tokens[-1].end = self._at = end
        else:
            self._add(WORDS, start, end)

    def _weekday(self, word: str, start: int, end: int) -> tuple[int, int] | None:
        literals = [(word, end)]
        if following := WORD.match(self.text, end + 1, self._end):
            literals.insert(0, (self.text[start : following.end()], following.end()))
        for literal, stop in literals:
            number = self._reference.calendar.weekday(literal, self._language)
            # Short for a weekday in some language, "LA" and "PAZ" are names in most.
            is_sure = len(literal) > _SHORT or self._reference.calendar.is_weekday_of(literal, self._language)
            if number is not None and is_sure:
                return number, stop + (
                    self.text[stop : stop + 1] == "." and literal.islower() and len(literal) <= _SHORT
                )
        return None

    def _agency_at(self, word: str, start: int) -> tuple[tuple[str, ...], int] | None:
        """The longest known agency that begins with the word at a place; behind a day it may be glued to the next."""
        text, literals = self.text, self._reference.literals
        for length in self._reference.literal_lengths.get(agency_head(word), ()):
            stop = start + length
            if stop <= self._end and not text[stop - 1].isspace() and not _GOES_ON.match(text, stop):
                literal = text[start:stop]
                key = normalise(literal)
                # "Ana" is no ANA; but whole lines may be in lower case, or in capitals.
                is_name = literal.istitle() and len(literal) <= _SHORT and literal not in self._reference.exact_literals
                if key in literals and not is_name:
                    return literals[key], stop
        if self.tokens and self.tokens[-1].kind in (DATE, ",") and not word.isupper():
            for length in range(len(word) - 1, 4, -1):
                key = normalise(word[:length])
                if key in literals and (word[length].isupper() or word[length] == "."):
                    return literals[key], start + length
        return None

    def _glue(self, word: str, start: int) -> int | None:
        """The hyphen in "دمشق-سانا" and "APA-Ouagadougou", between a place and an agency; None if it is another one."""
        literals, named = self._reference.literals, self._reference.gazetteer.named
        place, _, agency = word.rpartition("-")
        if normalise(agency) in literals and named(normalise(place)):
            return start + len(place)
        agency, _, place = word.partition("-")
        # "SPA-FRANCORCHAMPS" is one name.
        if not place.isupper() and normalise(agency) in literals and named(normalise(place)):
            return start + len(agency)
        return None

    def _unspaced(self, word: str, start: int, end: int) -> None:
        """A run of Han or Kana signs: agencies at its ends, the mark of a cable behind a day, and the rest."""
        if self.tokens and self.tokens[-1].kind in (DATE, DAY) and (cable := _CABLE.match(word)):
            self._add(CABLE, start, start + cable.end())
            return
        literals = self._reference.literals
        if word[0] in "据據" and len(word) > 1:
            # "据新华社": as reported by.
            word, start = word[1:], start + 1
        head = next((n for n in range(min(len(word), 8), 1, -1) if word[:n] in literals), 0)
        if head:
            self._add(AGENCY, start, start + head, agencies=literals[word[:head]])
        rest = word[head:]
        date = find_han_date(self.text, start + head, end)
        reported = _REPORTED.search(rest) if not date else None
        tail = next((n for n in range(min(len(rest) - 1, 8), 1, -1) if rest[-n:] in literals), 0)
        if date:
            stop = date.start
        elif reported:
            stop = start + head + reported.start()
        else:
            stop = end - tail
        if stop > start + head:
            self._words_to(start + head, stop)
        if date:
            self._add_date(date)
        elif reported:
            self._add(CABLE, stop, end)
        elif tail:
            self._add(AGENCY, end - tail, end, agencies=literals[rest[-tail:]])

    def _is_in_a_name(self, at: int) -> bool:
        """Whether a weekday is a place, or the last word of one: "Dushanbe" is Monday, and "Bazar" is Sunday."""
        token = self.tokens[at]
        name = self.text[token.start : token.end]
        if at == 0:
            return places.is_city(name, self._reference)
        is_behind_words = self.tokens[at - 1].kind == WORDS
        return is_behind_words and not self._reference.calendar.is_weekday_of(name, self._language)

    def _join_weekdays(self) -> None:
        """Have a day take the weekday beside it."""
        tokens = self.tokens
        at = 0
        while at < len(tokens):
            if tokens[at].kind == WEEKDAY and not self._is_in_a_name(at):
                ahead = at + 1 + (at + 1 < len(tokens) and tokens[at + 1].kind == ",")
                behind = at - 1 - (at > 1 and tokens[at - 1].kind == ",")
                if ahead < len(tokens) and tokens[ahead].kind in (DATE, DAY):
                    self._join(at, ahead, tokens[ahead], tokens[at])
                elif behind >= 0 and tokens[behind].kind == DATE:
                    self._join(behind, at, tokens[behind], tokens[at])
                    continue
            at += 1
        self._unname_weekdays()

    def _unname_weekdays(self) -> None:
        """Have weekdays without a day be words again."""
        tokens: list[Token] = []
        for token in self.tokens:
            if token.kind == WEEKDAY:
                token = Token(WORDS, token.start, token.end)
            between = self.text[tokens[-1].end : token.start] if tokens else ""
            if token.kind == WORDS and tokens and tokens[-1].kind == WORDS and not between.strip():
                tokens[-1] = Token(WORDS, tokens[-1].start, token.end)
            else:
                tokens.append(token)
        self.tokens = tokens

    def _join(self, first: int, last: int, day: Token, weekday: Token) -> None:
        assert day.date is not None, "it is a day"
        date = day.date._replace(weekday=weekday.weekday)
        joined = Token(day.kind, self.tokens[first].start, self.tokens[last].end, date)
        self.tokens[first : last + 1] = [joined]
