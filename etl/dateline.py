"""The dateline: finding it, and its place, date and agency as they are written.

The grammar is data: each row of reference/dateline_forms.tsv is a form, a pattern over the tokens that `etl.tokens`
makes of a line; one matcher reads them all. What the parts mean is decided elsewhere: `etl.places`, `etl.dates`,
`etl.agencies`.

Pattern language: items parted by blanks. `place`, `date`, `agency` and `cable` are what they say, `name` is an
author's, `day` is one without a month, `when` either; `credit` is whatever stands between brackets or slashes; any sign
is itself, `+` a hyphen between a place and an agency, `end` is the end of the line, `|` parts alternatives, and `?`
behind an item makes it optional.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from etl import agencies, places
from etl.evidence import Evidence
from etl.front_matter import MAXIMUM_LINES, behind_note, is_prose, kind_of_line
from etl.paragraphs import head_lines
from etl.reference import CACHED_NAMES, Reference, normalise
from etl.reference.loader import FormRow
from etl.tokens import AGENCY, CABLE, DATE, DAY, END, QUOTES, WORDS, Line, Token
from etl.words import BLANK, DASH, GAP, WORD
from etl.written_dates import WrittenDate

MAXIMUM_LENGTH = 160
"""Code points of a line that are looked at: the longest datelines are about half of this."""

MINIMUM_CONFIDENCE = 0.6

# The agency that an item before was signed with, and the beginning of a place.
_SIGN_OFF = re.compile(rf"[/-]?(?P<agency>{AGENCY})/?(?={WORDS})")
_SHORTEST_GLUED = 4

# Kinds of tokens that a form may end with, and that are no part of the dateline.
_BEHIND = ",.:-=" + END

# What may stand between a dateline and the body.
_AFTER = re.compile(rf"/?{GAP}(?:{DASH}{{1,3}}|[=:.])?(?:{GAP}(?:{DASH}{{1,3}}|=))?\s*")
_DASH_AHEAD = re.compile(rf"{GAP}(?:\.{GAP})?(?:{DASH}|[=:：])")

_PHOTO = re.compile(r"\b(?:photos?|fotos?|images?|video|vidéo|getty|archives?|pool|handout|фото|fot)\b", re.IGNORECASE)

# Lower-case words inside names of places are short: "Rio de Janeiro", "Frankfurt am Main", "Mont sur Rolle".
_LONGEST_PARTICLE = 4
_MOST_WORDS = 7
_MOST_CASELESS_WORDS = 3
_MOST_AGENCY_WORDS = 3

# What stands behind a place although no list of regions has it: an abbreviation, or a word for a region.
_REGION = re.compile(
    r"^[A-Z]{2,3}$|\b(?:pref|prov|dist|dept|province|prefecture|district|county|oblast|region|région|provincia)\b",
    re.IGNORECASE,
)

_BODY_SAMPLE = 60
"""Code points of the body that tell whether all of it is in capitals."""

# "（记者王某 李某）", "홍길동 기자 =": who wrote it, between a dateline and the body.
_REPORTED = re.compile(
    rf"{GAP}[(（]{GAP}(?P<name>(?:记者|記者|通讯员)[^()（）\n]{{1,40}})[)）]"
    rf"|{GAP}(?P<name2>[\uac00-\ud7af○]{{2,5}}(?:{BLANK}[\uac00-\ud7af○]{{2,5}}){{0,3}}){GAP}(?==)"
)

# As monitoring services write where nobody knows.
_NO_PLACE = re.compile(r"NO (?:CITY|PLACE)(?: GIVEN)?")

_DOMAIN = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z]{2,3}){1,2}")

# What a byline begins with that runs into the place.
_BY = frozenset({"by", "par", "por", "von", "door", "av", "af", "di", "od"})
# What stands before an agency's name and is no part of it: a correspondent's calling, or "news agency".
_CALLINGS = frozenset(
    {"корр", "кор", "кар", "corr", "corresp", "special to", "from", "per", "via", "иа", "ниат", "амит"}
)
_MOST_NAMES, _LONGEST_NAME_WITHOUT_CASE = 4, 20
_REPORTER = re.compile("[记記]者")
_LONGEST_EAST_ASIAN_PLACE = 4

_LONGEST_PREPOSITION = 2

_NAME = f"[{WORDS}{AGENCY}]"
_BRACKETED = rf"(?:\({_NAME}(?:/{_NAME})?\))?(?:\[{_NAME}\])?"
_SLOTS = {
    "place": rf"(?P<place>{_NAME}(?:[/-]{_NAME})?(?:,{_NAME}){{0,3}}{_BRACKETED}(?:,{_NAME})?)",
    "date": f"(?P<date>{DATE})",
    "day": f"(?P<date>{DAY})",
    "when": f"(?P<date>[{DATE}{DAY}])",
    "agency": f"(?P<agency>{AGENCY}{{2,3}}|[{AGENCY}{WORDS}](?:[/=][{AGENCY}{WORDS}]){{0,2}})",
    "credit": r"(?P<agency>[^():$]{1,9}?)",
    "name": f"(?P<byline>{WORDS})",
    "cable": CABLE,
    "end": re.escape(END),
}


@dataclass(frozen=True)
class Form:
    """A compiled form of the grammar."""

    row: FormRow
    pattern: re.Pattern[str]

    @property
    def name(self) -> str:
        """Its name in the reference file."""
        return self.row.name


@dataclass(frozen=True)
class Match:
    """Where a line has the parts of a form.

    Attributes:
        form: which.
        end: the number of tokens that it takes.
        slots: the first token of each part, and the one behind its last.
    """

    form: Form
    end: int
    slots: dict[str, tuple[int, int]]


class Span(NamedTuple):
    """A literal and its place in the text (code points, end exclusive)."""

    literal: str
    start: int
    end: int


@dataclass(frozen=True)
class Dateline:
    """A recognised dateline.

    Attributes:
        span: the whole, without the dash or colon after it.
        form: name of the form that matched.
        confidence: 0 to 1.
        place, region, agency, date: its parts, None where the form has none.
        byline: what stands before it in its line, with the name of the author.
        body_start: where the text goes on after the dash.
    """

    span: Span
    form: str
    confidence: float
    place: Span | None
    region: str | None
    agency: Span | None
    date: WrittenDate | None
    byline: str | None
    body_start: int

    @property
    def parts(self) -> int:
        """How many of place, agency and date it has."""
        return sum(part is not None for part in (self.place, self.agency, self.date))


@dataclass(frozen=True)
class Found:
    """What looking for a dateline gave: the best one, if any, and what every candidate was worth."""

    dateline: Dateline | None
    evidence: tuple[Evidence, ...]


@cache
def compile_forms(reference: Reference) -> dict[str, tuple[Form, ...]]:
    """The forms in the order of the file, by the kind of token that they may begin with."""
    forms: dict[str, list[Form]] = {}
    for row in reference.forms:
        form = compile_form(row)
        for kind in _beginnings(row.pattern):
            forms.setdefault(kind, []).append(form)
    return {kind: tuple(found) for kind, found in forms.items()}


def compile_form(row: FormRow) -> Form:
    """A form with its pattern compiled.

    Raises:
        re.error: its items cannot stand together.
    """
    return Form(row, re.compile(_expand(row.pattern)))


def _expand(pattern: str) -> str:
    items = []
    for item in pattern.split():
        name = item.removesuffix("?") if len(item) > 1 else item
        choices = "|".join(_SLOTS.get(choice) or re.escape(choice) for choice in name.split("|"))
        items.append(f"(?:{choices})" + ("?" if name != item else ""))
    expanded = "".join(items)
    while expanded.count("(?P<agency>") > 1:
        # Of two agencies the one nearest to the body counts.
        expanded = expanded.replace("(?P<agency>", "(?:", 1)
    return expanded


def _beginnings(pattern: str) -> str:
    kinds = {"place": WORDS + AGENCY, "agency": AGENCY + WORDS, "date": DATE, "day": DAY, "when": DATE + DAY}
    return "".join(kinds.get(item, item) for item in pattern.split()[0].split("|"))


@lru_cache(CACHED_NAMES)
def _matches(kinds: str, reference: Reference) -> tuple[Match, ...]:
    """The forms that a line's kinds of tokens have, those first that explain most of it, and then the surest.

    Archives have the same few kinds of lines again and again.
    """
    found = ((form, form.pattern.match(kinds)) for form in compile_forms(reference).get(kinds[:1], ()))
    matches = (
        Match(form, match.end(), {slot: match.span(slot) for slot, part in match.groupdict().items() if part})
        for form, match in found
        if match is not None
    )
    return tuple(sorted(matches, key=lambda match: (len(match.slots), match.form.row.confidence), reverse=True))


def find_dateline(text: str, start: int, reference: Reference, language: str | None = None) -> Found:
    """Look for the dateline at the beginning of a text.

    Args:
        text: the whole text.
        start: where the header ends.
        reference: forms, agencies, places, names of months.
        language: of the text, for month names that mean different months in different languages.
    """
    best: Dateline | None = None
    evidence: list[Evidence] = []
    for index, (line_start, line_end) in enumerate(head_lines(text, start, MAXIMUM_LINES)):
        line_start = behind_note(text, line_start, line_end, reference)
        stop = min(line_end, line_start + MAXIMUM_LENGTH)
        line = Line(text, line_start, stop, reference, language)
        best = _best(line, index, reference, evidence)
        if signed := _behind_sign_off(line, best, reference):
            at, ids = signed
            again = _best(Line(text, at, stop, reference, language), index, reference, evidence)
            if again and again.agency and not set(ids).isdisjoint(agencies.candidates(again.agency.literal, reference)):
                best = again
        # Behind the first line that has one, and behind prose, a dateline is a quoted one, however sure its form.
        if best is not None or is_prose(text[line_start:line_end], reference):
            break
    if best is not None:
        reason = f"confidence {best.confidence:.2f}"
        evidence.append(_evidence(text, best.form, best.span.start, best.span.end, True, reason))
    return Found(best, tuple(evidence))


def _best(line: Line, index: int, reference: Reference, evidence: list[Evidence]) -> Dateline | None:
    """The dateline that explains most of a line; what else it might be, and why not, goes into the evidence."""
    text = line.text
    best: Dateline | None = None
    for match in _matches(line.kinds, reference):
        # A form that explains more of the line is nearer to it than one that is surer of less.
        if best is not None and (len(match.slots), match.form.row.confidence) <= (best.parts, best.confidence):
            break
        read, reason = _read(match, line, index, reference)
        if read is None:
            first, last = line.tokens[0], line.tokens[match.end - 1]
            evidence.append(_evidence(text, match.form.name, first.start, last.end, False, reason))
        elif best is None or (read.parts, read.confidence) > (best.parts, best.confidence):
            evidence += [] if best is None else [_lost(text, best)]
            best = read
        else:
            evidence.append(_lost(text, read))
    return best


def _behind_sign_off(line: Line, best: Dateline | None, reference: Reference) -> tuple[int, tuple[str, ...]] | None:
    """Where a line goes on behind the agency that the item before was signed with, and the agencies that it may be.

    "REUTER PARIS, March 3 (Reuter) -", "/APA/Bakı, 3 mart (APA)": a page has run two items together.
    """
    if DATE not in line.kinds or (best and (best.place is None or _is_known(best.place, best.region, reference))):
        return None
    if signed := _SIGN_OFF.match(line.kinds):
        agency = line.tokens[signed.start("agency")]
        return line.tokens[signed.end()].start, agency.agencies
    first = line.tokens[0]
    word = WORD.match(line.text, first.start, first.end)
    glued = word[0] if word else ""
    for length in range(_SHORTEST_GLUED, len(glued) - _SHORTEST_GLUED + 1):
        ids = reference.literals.get(normalise(glued[:length]))
        if ids and places.is_known(glued[length:], reference):
            return first.start + length, ids
    return None


def _lost(text: str, found: Dateline) -> Evidence:
    reason = f"confidence {found.confidence:.2f}, less than the best"
    return _evidence(text, found.form, found.span.start, found.span.end, False, reason)


def _evidence(text: str, form: str, start: int, end: int, has_won: bool, reason: str) -> Evidence:
    return Evidence("dateline", text[start:end], form, start, end, has_won, reason)


@dataclass
class _Candidate:
    """What a form's parts mean in a line, before it is known whether they make a dateline.

    Attributes:
        place, region, byline, agency, date: as in Dateline.
        place_is_known, agency_is_known: whether the reference data has them; true where the form has none.
        end: where the last part ends.
        dash_follows: whether a dash or a colon stands behind it.
        body_start: where the text goes on after the dash.
        body: what follows on the same line, where the form needs to know.
    """

    place: Span | None = None
    region: str | None = None
    byline: str | None = None
    place_is_known: bool = True
    agency: Span | None = None
    agency_is_known: bool = True
    date: WrittenDate | None = None
    end: int = 0
    dash_follows: bool = False
    body_start: int = 0
    body: str = ""


def _read(match: Match, line: Line, line_index: int, reference: Reference) -> tuple[Dateline | None, str]:
    """A match as a dateline, or why it is none."""
    text, form, slots = line.text, match.form, match.slots
    found = _Candidate()
    if "date" in slots:
        found.date = line.tokens[slots["date"][0]].date
        if found.date is None or not _is_possible(found.date):
            return None, "no such date"
    credited = None
    if "agency" in slots:
        found.agency, is_vouched_for = _agency(text, line.tokens[slice(*slots["agency"])], reference)
        known = agencies.candidates(found.agency.literal, reference)
        found.agency_is_known = is_vouched_for or bool(known)
        if not found.agency_is_known and "place" in slots and kind_of_line(found.agency.literal, reference) == "byline":
            # "(From Our Own Correspondent.)"
            credited, found.agency, found.agency_is_known = found.agency.literal, None, True
        if found.date is not None and found.date.is_either and known:
            is_american = all(reference.agencies[name].country_code == "US" for name in known)
            found.date = found.date.swapped if is_american else found.date
    if "place" in slots:
        tokens = line.tokens[slice(*slots["place"])]
        found.place, found.region, found.byline = _place(text, tokens, reference)
        found.byline = found.byline or credited
        if "byline" in slots:
            name = line.tokens[slots["byline"][0]]
            found.byline = text[name.start : name.end]
            if not _is_a_person(found.byline):
                return None, f"{found.byline!r} is no name of a person"
        found.place_is_known = _is_known(found.place, found.region, reference)
    found.end = next(token.end for token in reversed(line.tokens[: match.end]) if token.kind not in _BEHIND)
    found.dash_follows = _DASH_AHEAD.match(text, found.end, found.end + MAXIMUM_LENGTH) is not None
    found.body_start = _body_start(text, found.end)
    if form.row.needs & {"capitals", "sentence"} and "\n" not in text[found.end : found.body_start]:
        found.body = text[found.body_start :].partition("\n")[0]
    if reason := _agency_fault(form, found, reference) or _place_fault(form, found, reference):
        return None, reason

    confidence = form.row.confidence * 0.98**line_index
    confidence *= 1.0 if found.agency_is_known else 0.8
    confidence *= 1.0 if found.place_is_known else 0.9
    if confidence < MINIMUM_CONFIDENCE:
        return None, f"confidence {confidence:.2f} is too low"
    return _dateline(text, form, found, slots, line, round(confidence, 4)), ""


def _dateline(
    text: str, form: Form, found: _Candidate, slots: dict[str, tuple[int, int]], line: Line, confidence: float
) -> Dateline:
    place, byline = found.place, found.byline
    start = place.start if place and byline and slots["place"][0] == 0 else line.tokens[0].start
    body_start = found.body_start
    if reporter := _REPORTED.match(text, found.end):
        byline = byline or (reporter["name"] or reporter["name2"]).strip()
        body_start = _body_start(text, reporter.end())
    is_nowhere = place is not None and _NO_PLACE.fullmatch(place.literal) is not None
    return Dateline(
        Span(text[start : found.end], start, found.end),
        form.name,
        confidence,
        None if is_nowhere else place,
        None if is_nowhere else found.region,
        found.agency,
        found.date if found.date is not None and found.date.day is not None else None,
        byline,
        body_start,
    )


def _body_start(text: str, at: int) -> int:
    after = _AFTER.match(text, at)
    assert after is not None, "it matches the empty string, too"
    return after.end()


def _is_a_person(name: str) -> bool:
    """Whether a literal can be an author's name: some words, each with a capital, or a few signs without any."""
    words = name.split()
    if name.upper() == name.lower():
        return len(name) <= _LONGEST_NAME_WITHOUT_CASE
    return 1 < len(words) <= _MOST_NAMES and all(word[0].isupper() for word in words)


def _is_possible(date: WrittenDate) -> bool:
    return (date.day is None or 1 <= date.day <= 31) and (date.month is None or 1 <= date.month <= 12)


def _place(text: str, tokens: list[Token], reference: Reference) -> tuple[Span, str | None, str | None]:
    """The place without its region, the region or country written beside it, and a byline before it."""
    units: list[tuple[int, int]] = []
    region = None
    for at, token in enumerate(tokens):
        before = tokens[at - 1].kind if at else ""
        if token.kind not in (WORDS, AGENCY):
            continue
        if before in ("(", "["):
            region = region or text[token.start : token.end]
        elif before in ("/", "-") and region is None:
            units[-1] = (units[-1][0], token.end)
        elif before != "/":
            units.append((token.start, token.end))
    if len(units) == 1 and places.is_known(text[slice(*units[0])], reference):
        return Span(text[slice(*units[0])], *units[0]), region, None
    start, byline = _behind_byline(text, *units[0], reference)
    units[0] = (start, units[0][1])
    names = [text[first:last] for first, last in units]
    if region is None and len(units) > 1:
        rest = text[units[1][0] : units[-1][1]]
        if places.region_of(rest, reference) or places.region_of(names[1], reference) or _REGION.search(rest):
            region = rest
        elif len(units) == 2 and normalise(names[0]) in reference.countries and places.is_known(rest, reference):
            # "Азербайджан, Баку": the larger before the smaller.
            return Span(rest, *units[1]), names[0], byline
        elif names[0].isupper() == rest.isupper():
            # "Terter, Berdé": two places, as written. A region would be known, or set in other letters.
            return Span(text[start : units[-1][1]], start, units[-1][1]), None, byline
        else:
            region = rest
    return Span(names[0], *units[0]), region, byline


def _behind_byline(text: str, start: int, end: int, reference: Reference) -> tuple[int, str | None]:
    """Where the place begins in "By N N SEOUL" or "N N/BODRUM", and what stands before it."""
    words = [(found.start(), found[0]) for found in re.finditer(r"\S+", text[start:end])]
    if reporter := _REPORTER.search(text, start, end):
        # Most places have two signs, as most names have two or three.
        found = range(max(end - _LONGEST_EAST_ASIAN_PLACE, reporter.end()), end - 1)
        at = next((at for at in found if places.is_known(text[at:end], reference)), end - 2)
        return at, text[start:at]
    if len(words) > 2 and normalise(words[0][1]) in _BY:
        starts = [start + offset for offset, _ in words[2:]]
        at = next((at for at in starts if _is_set_off(text, start, at, end)), 0)
        at = at or next((at for at in starts if places.is_known(text[at:end], reference)), 0)
        if at:
            return at, text[start:at].rstrip()
    author, slash, place = text[start:end].partition("/")
    if slash and not places.is_known(author, reference) and places.is_known(place.strip(), reference):
        return end - len(place.lstrip()), author.rstrip()
    return start, None


def _is_set_off(text: str, start: int, at: int, end: int) -> bool:
    """Whether a place in capitals begins behind a name that is not."""
    return text[at:end].isupper() and len(text[at:end]) > 2 and not text[start:at].isupper() and text[at - 2].islower()


def _agency(text: str, tokens: list[Token], reference: Reference) -> tuple[Span, bool]:
    """The agency as written, and whether a redistributor, which is left out, stands before it and vouches for it.

    Correspondents are left out, too: "/Корр. ТАСС Иван Петров/", "(By Associated Press.)".
    """
    first, rest = tokens[0], tokens[1:]
    is_passed_on = (
        len(rest) > 1
        and rest[0].kind in "-,/"
        and bool(first.agencies)
        and all(reference.agencies[agency].kind == "redistributor" for agency in first.agencies)
    )
    known = [token for token in tokens if token.kind == AGENCY]
    if is_passed_on:
        tokens = rest[1:]
    elif len(known) == 1 and first is not known[0]:
        # The name of somebody comes before a comma or a dash, or behind his calling.
        before = text[first.start : known[0].start].rstrip(' .,«"“')
        sign = tokens[tokens.index(known[0]) - 1]
        is_set_off = sign.kind == "," or (sign.kind == "-" and text[sign.start - 1].isspace())
        is_signed = is_set_off or normalise(before) in _BY | _CALLINGS
        tokens = known if is_signed else tokens
    elif len(known) == 1 and rest and rest[0].kind == ",":
        # What follows is the author: "Росбалт, Иван Петров".
        tokens = known
    start, end = tokens[0].start, tokens[-1].end
    if text[end : end + 1] in QUOTES and not QUOTES.isdisjoint(text[start:end]):
        end += 1
    return Span(text[start:end], start, end), is_passed_on


def _is_known(place: Span, region: str | None, reference: Reference) -> bool:
    return (
        places.is_known(place.literal, reference)
        or places.is_unlisted(place.literal, reference)
        or _NO_PLACE.fullmatch(place.literal) is not None
        or (
            region is not None
            and places.region_of(region, reference) is not None
            and not any(word.islower() for word in place.literal.split())
        )
    )


def _agency_fault(form: Form, found: _Candidate, reference: Reference) -> str:
    """Why what stands in the agency's place is not believed to be one; empty if it is."""
    if found.agency is None:
        return ""
    literal, needs = found.agency.literal, form.row.needs
    is_capital = literal.isupper() and len(literal) > 2
    if _PHOTO.search(literal) and not (found.date is not None and literal.isupper()):
        return f"{literal!r} is a photo credit"
    if found.agency_is_known:
        return ""
    if needs & {"known", "agency"} and not (_DOMAIN.fullmatch(literal) or (is_capital and "known" not in needs)):
        return f"{literal!r} is no known agency"
    has_letters = sum(map(str.isalpha, literal)) > 1
    if not has_letters or literal[0].islower() or (len(literal.split()) > 4 and not literal.isupper()):
        return f"{literal!r} does not look like an agency"
    # "Спартак (Москва) – Зенит", "Jan Bos (Netherlands)", "Phoenix (AZ) - Flights". But "ETA" is a village, too.
    is_beside_a_day = found.date is not None and (found.dash_follows or is_capital)
    if places.region_of(literal, reference) or (places.is_known(literal, reference) and not is_beside_a_day):
        return f"{literal!r} is a place"
    is_place_known = found.place is not None and found.place_is_known
    if not found.dash_follows:
        # A dated place vouches for a short name.
        is_vouched_for = found.date is not None and is_place_known and len(literal.split()) <= _MOST_AGENCY_WORDS
        if found.place is not None and not is_vouched_for:
            return f"{literal!r} is no known agency, and no dash follows"
    if found.date is None and found.place is not None and not is_capital:
        # "SMITH, John (Jack) – Peacefully".
        return "" if places.is_city(found.place.literal, reference) else f"{literal!r} is no known agency"
    return ""


def _place_fault(form: Form, found: _Candidate, reference: Reference) -> str:
    """Why what stands in the place's stead is not believed to be one; empty if it is."""
    if found.place is None:
        return ""
    literal, needs, has_agency = found.place.literal, form.row.needs, found.agency is not None
    words = re.split(r"[\s,/]+", literal.strip())
    if len(words) > _MOST_WORDS:
        return "too long for a place"
    if _PHOTO.search(literal):
        return f"{literal!r} is a photo credit"
    is_set_off = found.dash_follows or found.region is not None or "credit" in form.row.pattern
    if len(literal) <= _LONGEST_PREPOSITION and literal.istitle() and not is_set_off:
        # "On March 3, Reuters said": some village bears any name of two letters.
        return f"{literal!r} is hardly a place"
    if not found.place_is_known and (reason := _is_no_name(literal, words, reference)):
        return reason
    if "capitals" in needs and not literal.isupper():
        return f"{literal!r} is not in capitals"
    if "capitals" in needs and found.body and found.body[:_BODY_SAMPLE].upper() == found.body[:_BODY_SAMPLE]:
        return "a headline in capitals"
    if "sentence" in needs and not (
        "," not in literal and is_prose(found.body, reference) and not found.body[0].islower()
    ):
        return "no full sentence follows"
    if "region" in needs and not (found.region and places.region_of(found.region, reference)):
        return "no region is named with it"
    if "city" in needs and not places.is_city(literal, reference):
        return f"{literal!r} is no known city"
    if not has_agency and found.region and not places.region_of(found.region, reference) and found.date is None:
        return f"{found.region!r} is no known region"
    if not has_agency and found.date is not None and found.date.has_article and not found.dash_follows:
        return "place and date of a letter"
    if found.place_is_known:
        return ""
    # What stands in a place's stead is often a label, a company or the subject of a caption.
    is_known_agency = has_agency and found.agency_is_known
    is_caseless = literal.upper() == literal.lower() and len(words) <= _MOST_CASELESS_WORDS
    if "place" in needs and not (is_caseless and is_known_agency and found.dash_follows):
        return f"{literal!r} is no known place"
    # A person in a caption has two names.
    is_one_word = is_known_agency and found.date is not None and len(words) == 1
    if "dash" in needs and not found.dash_follows and not is_one_word:
        return f"{literal!r} is no known place, and no dash follows"
    if not has_agency and not literal.isupper():
        return f"{literal!r} is no known place, and no agency is named"
    return ""


def _is_no_name(literal: str, words: list[str], reference: Reference) -> str:
    """Why a literal that no gazetteer has cannot be a place's name; empty if it can."""
    if kind_of_line(literal, reference) == "byline":
        return "a byline runs into it"
    if literal[0].islower() and literal[0].upper() != literal[0]:
        return "a place begins with a capital letter"
    if any(word.islower() and len(word) > _LONGEST_PARTICLE for word in words):
        return "a place has no such word in lower case"
    if agencies.are_known(literal, reference):
        return "an agency, not a place"
    return ""
