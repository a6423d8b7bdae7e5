"""Which agency a literal means. Recognising the literal in the text belongs to `etl.dateline`."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from etl.reference import CACHED_NAMES, Reference, normalise

_LONG = 6
"""Letters of a name from which on one letter may be wrong: shorter ones are too near to each other, and to words."""

_SHARED = re.compile(r"\s*(?:[/=]|\s[-–]\s|,\s|\s(?:and|et|und|y|e)\s)\s*")


def parts(literal: str, reference: Reference) -> tuple[str, ...]:
    """The agencies that a literal names: several in a shared credit such as `ANP/RTL`."""
    if normalise(literal) in reference.literals:
        return (literal,)
    return tuple(part for part in _SHARED.split(literal) if part)


@lru_cache(CACHED_NAMES)
def candidates(literal: str, reference: Reference) -> tuple[str, ...]:
    """The ids of all agencies that may be meant by the first name in a literal; empty if none is known."""
    for part in parts(literal, reference):
        found = reference.literals.get(normalise(part))
        if found:
            return found
    if run := _run(literal, reference):
        return reference.literals[run[0]]
    # "(BEIJING XINHUA)", "(LONDON PRESS ASSOCIATION)": the agency with its seat.
    words = normalise(literal).split()
    for at in range(1, len(words)):
        name = " ".join(words[at:])
        if name in reference.literals and reference.gazetteer.named(" ".join(words[:at])):
            return reference.literals[name]
    return _misspelt(normalise(literal), reference)


def _run(literal: str, reference: Reference) -> list[str]:
    """The agencies of a shared credit that has nothing between them: "(ats afp)", "(TELAM-ANSA)"; else empty."""
    names = re.split(r"[\s-]+", normalise(literal))
    return names if len(names) > 1 and all(name in reference.literals for name in names) else []


def _misspelt(name: str, reference: Reference) -> tuple[str, ...]:
    """The agency whose name of some length is meant by one with a letter more, less, changed or swapped; else none."""
    # Ankara is no Antara.
    if len(name) < _LONG or not name.isalpha() or reference.gazetteer.named(name):
        return ()
    index = _without_a_letter(reference)
    near = {other for variant in (name, *_shorter(name)) for other in index.get(variant, ()) if _is_near(name, other)}
    found = {reference.literals[other] for other in near}
    return found.pop() if len(found) == 1 else ()


@cache
def _without_a_letter(reference: Reference) -> dict[str, list[str]]:
    """The long names of agencies, by themselves and by what is left of them without one letter."""
    index: dict[str, list[str]] = {}
    for name in reference.literals:
        if len(name) >= _LONG and name.isalpha():
            for variant in (name, *_shorter(name)):
                index.setdefault(variant, []).append(name)
    return index


def _shorter(name: str) -> set[str]:
    return {name[:at] + name[at + 1 :] for at in range(len(name))}


def _is_near(one: str, other: str) -> bool:
    if len(one) != len(other):
        return True  # they came together as one is the other without a letter
    differing = [at for at in range(len(one)) if one[at] != other[at]]
    first, last = differing[0], differing[-1]
    return len(differing) == 1 or (len(differing) == 2 and one[first] + one[last] == other[last] + other[first])


def are_known(literal: str, reference: Reference) -> bool:
    """Whether a literal names nothing but agencies that are known."""
    return all(normalise(part) in reference.literals for part in parts(literal, reference))


@lru_cache(CACHED_NAMES)
def is_shared(literal: str, reference: Reference) -> bool:
    """Whether a literal credits more than one."""
    if normalise(literal) in reference.literals:
        return False
    return len(parts(literal, reference)) > 1 or bool(_run(literal, reference))


@lru_cache(CACHED_NAMES)
def identify(literal: str, country_code: str | None, reference: Reference, language: str | None = None) -> str | None:
    """The agency that a literal means, or None if it is unknown or cannot be told from another.

    Args:
        literal: as written, without brackets.
        country_code: country of the dateline's place: tells agencies of the same short name apart.
        language: of the text: tells them apart, too. English does so only where the place does not, as agencies of
            all countries write it.
    """
    found = candidates(literal, reference)
    if len(found) < 2:
        return found[0] if found else None
    main = language.partition("-")[0] if language else None

    def fit(agency_id: str) -> tuple[int, bool]:
        agency = reference.agencies[agency_id]
        is_of_language = main in {name.partition("-")[0] for name in agency.names}
        return (agency.country_code == country_code) + (is_of_language and main != "en"), is_of_language

    best, other = sorted(found, key=fit, reverse=True)[:2]
    return best if fit(best) > fit(other) else None
