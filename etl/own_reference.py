"""The user's own reference: loaded, checked with what is to read with it, and found again in what was read.

What the files hold is in `etl.reference.own`; applying corrections is in `etl.corrections`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from etl import agencies
from etl.corrections import check
from etl.dateline import compile_form, find_dateline
from etl.errors import SetupFault
from etl.reading import Reading
from etl.reference import Reference, load_reference, normalise
from etl.reference.csv_file import Origin, content_of
from etl.reference.own import FILES, OwnAgency, OwnForm, OwnMonth, merge, read_own
from etl.tokens import AGENCY, CABLE, DATE, DAY, END, WORDS, Line
from etl.written_dates import read_date


def own_files(folder: Path) -> dict[str, bytes]:
    """The files of the user's own reference, by name; those that are not there are left out.

    Args:
        folder: a home's reference folder; it need not exist.

    Raises:
        SetupFault: one of them cannot be read.
    """
    found = {}
    for name in FILES:
        try:
            found[name] = content_of(folder / name)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise SetupFault(f"Cannot read {folder / name}: {error.strerror}") from None
    return found


def load_own(folder: Path) -> Reference:
    """Our reference data with the user's own over it.

    It is put together once for the same contents of the files, in each process.

    Args:
        folder: a home's reference folder; it need not exist.

    Raises:
        SetupFault: one of its files cannot be read, or is not as it has to be.
    """
    contents = own_files(folder)
    return _load(str(folder), tuple(contents.items())) if contents else load_reference()


def keep_own(reference: Reference, folder: Path) -> str | None:
    """Write the user's files down as they were read: whoever made them may be editing them meanwhile.

    Args:
        reference: as `load_own` gave it.
        folder: is made; `load_own` takes it.

    Returns:
        The folder, or None if nothing of the reference data is the user's.
    """
    if reference.own is None:
        return None
    folder.mkdir()
    for name, content in reference.own.contents:
        (folder / name).write_bytes(content)
    return str(folder)


@lru_cache(maxsize=2)
def _load(folder: str, contents: tuple[tuple[str, bytes], ...]) -> Reference:
    base = load_reference()
    own = read_own(folder, dict(contents), base)
    reference = merge(base, own)
    _try_months(folder, reference)
    _try_forms(folder, reference)
    for entry in own.corrections:
        try:
            check(entry, reference)
        except ValueError as error:
            raise _fault(folder, entry.origin, str(error)) from None
    return reference


def _fault(folder: str, origin: Origin, message: str) -> SetupFault:
    return SetupFault(f"{folder}/{origin}: {message}")


def _try_months(folder: str, reference: Reference) -> None:
    for entry in reference.own.months if reference.own is not None else ():
        day = f"7 {entry.name} 2020"
        found = read_date(day, 0, len(day), reference.calendar, entry.language)
        if found is None or (found.day, found.month, found.year) != (7, entry.month, 2020):
            raise _fault(
                folder,
                entry.origin,
                f"{entry.name!r} cannot be read in a date: a name is one to three words of letters",
            )


def _try_forms(folder: str, reference: Reference) -> None:
    for entry in reference.own.forms if reference.own is not None else ():
        row = entry.row
        try:
            compile_form(row)
        except re.error as error:
            raise _fault(folder, entry.origin, f"the pattern cannot be read: {error}") from None
        found = find_dateline(row.example, 0, reference)
        if found.dateline is not None and found.dateline.form == row.name:
            continue
        tried = [evidence.reason for evidence in found.evidence if evidence.rule == row.name]
        if tried:
            why = tried[0]
        elif found.dateline is not None:
            why = f"the form {found.dateline.form} reads it"
        else:
            why = "the pattern does not fit it"
        kinds = " ".join(_KINDS.get(kind, kind) for kind in Line(row.example, 0, len(row.example), reference).kinds)
        raise _fault(
            folder, entry.origin, f"the form does not read its example: {why}. The example's parts are: {kinds}"
        )


_KINDS = {WORDS: "place", DATE: "date", DAY: "day", AGENCY: "agency", CABLE: "cable", END: "end"}
"""What tokens are called in a form's pattern, as far as they can stand in one."""


def own_literals(literal: str, reference: Reference) -> list[tuple[OwnAgency, str]]:
    """The user's literals among those that an agency's literal is made of, each with its entry."""
    key = normalise(literal)
    keys = {key, *map(normalise, agencies.parts(literal, reference)), *re.split(r"[\s-]+", key)}
    return [
        (entry, own)
        for entry in (reference.own.agencies if reference.own is not None else ())
        for own in entry.literals
        if normalise(own) in keys
    ]


def own_months(written: str, reference: Reference) -> list[OwnMonth]:
    """The user's names of months that stand in a written date."""
    key = normalise(written)
    return [
        entry
        for entry in (reference.own.months if reference.own is not None else ())
        if re.search(rf"(?<!\w){re.escape(normalise(entry.name))}(?!\w)", key)
    ]


def own_form(name: str, reference: Reference) -> OwnForm | None:
    """The user's form of that name; None if it is ours."""
    return next(
        (entry for entry in (reference.own.forms if reference.own is not None else ()) if entry.row.name == name), None
    )


def own_origins(reading: Reading, reference: Reference) -> dict[str, Origin]:
    """Where the user's own reference says what was read, by column; corrections are not in it."""
    found: dict[str, Origin] = {}
    if reading.dateline is not None and (form := own_form(reading.dateline.form, reference)):
        found["dateline"] = form.origin
    if reading.located is not None and reading.located.own is not None:
        found.update(dict.fromkeys(("place_id", "place_name", "country_code"), reading.located.own.origin))
    if reading.credit is not None:
        for entry, _ in own_literals(reading.credit.span.literal, reference):
            if entry.agency_id == reading.credit.agency_id:
                found["agency_id"] = entry.origin
    for evidence in reading.date.evidence:
        if evidence.has_won and evidence.field == "content_created" and evidence.start is not None:
            for month in own_months(reading.text[evidence.start : evidence.end], reference):
                found.update(dict.fromkeys(("content_created", "content_created_edtf"), month.origin))
    return found
