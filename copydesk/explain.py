"""`copydesk explain`: a text with what was recognised in it, where, by which rule, and what lost."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len

from copydesk.render import as_table, echo, visible
from etl.addresses import file_of, is_container
from etl.containers import read_records
from etl.corrections import Corrected
from etl.decode import decode
from etl.errors import RecordFault, SetupFault
from etl.evidence import Evidence
from etl.given import read_given
from etl.identity import document_id
from etl.intake import Intake
from etl.outside import Outside
from etl.own_reference import load_own, own_origins
from etl.reading import Reading, read_document
from etl.records import Record
from etl.reference import Reference
from etl.reference.csv_file import Origin
from etl.sources import readable
from etl.transform import corrected_values, document_values
from warehouse.connection import connect
from warehouse.faults import storage_faults
from warehouse.home import Home
from warehouse.manifest import newest_readable, now

_DOCUMENT_ID = re.compile(r"[0-9a-f]{32}")

_SHOWN = (
    "header", "date_published_edtf", "section", "headline", "byline", "version_label", "dateline", "located",
    "located_region", "place_name", "country_code", "content_created", "content_created_edtf", "date_conflict",
    "weekday_ok", "agency_id", "agency_literal", "agency_role", "language", "trailer", "word_count",
    "paragraph_count",
)  # fmt: skip

_LONGEST_LINE = 100


def explain_command(what: str, record_key: str | None, home_folder: str | None) -> int:
    """Explain a file, a record of one, or a document; see `copydesk explain --help`. Returns the exit status."""
    from copydesk.cli import DONE

    path = Path(what)
    home = Home.find(home_folder)
    reference = load_own(home.reference)
    try:
        if _DOCUMENT_ID.fullmatch(what.lower()) and not path.exists():
            explained = _stored(what.lower(), home, reference)
        else:
            explained = _file(what, record_key, home, reference)
    except RecordFault as fault:
        echo(f"{visible(what)}\n\nreject     {fault.reason} (at {fault.stage})\n           {fault.message}")
        return DONE
    echo("\n".join(_lines(explained)))
    return DONE


@dataclass(frozen=True)
class _Explained:
    """A text that was read.

    Attributes:
        title: what it is.
        reading: what was read.
        corrected: what the user's corrections make of it.
        origins: where the user's own reference says what was read, by column.
    """

    title: str
    reading: Reading
    corrected: Corrected
    origins: dict[str, Origin]


def _file(what: str, record_key: str | None, home: Home, reference: Reference) -> _Explained:
    # A folder may have the name of an archive. Parted as it is written: a path loses `./` and `//`.
    file = what if Path(what).exists() else file_of(what)
    path, within = Path(file), what[len(file) :]
    if path.exists() and not path.is_file():
        raise SetupFault(f"{path} is no file: name one file, or a document id")
    place = _place(path, home)
    source = next((s for s in home.settings.sources if place is not None and s.name == place[0]), None)
    intake = source.intake if source is not None else Intake(limits=home.settings.limits)
    try:
        record = _record(path, within, record_key, intake)
    except OSError as error:
        raise SetupFault(f"Cannot read {path}: {error.strerror}. A document id has 32 hex digits") from None
    if record.fault is not None:
        raise record.fault
    assert record.raw is not None, "a record without a fault has its bytes"
    decoded = decode(record.raw, record.encoding or intake.encoding)
    flags = f", {', '.join(decoded.quality_flags)}" if decoded.quality_flags else ""
    name, address = place or ("", readable(path.as_posix()))
    address += record.path.removeprefix(readable(path.name))
    given = Outside(intake).given(address, record.given)
    shown = "" if record.key == "0" else f", record {record.key}"
    title = f"{what}{shown} ({record.source_encoding or decoded.encoding}{flags})"
    reading = read_document(decoded.text, now().date(), reference, read_given(given))
    corrected = Corrected(document_values(reading))
    if reference.own is not None and reference.own.corrections and place:
        identity = document_id(name, address, record.key)
        corrected = corrected_values(reading, identity, name, address, now().date(), reference)
    return _Explained(title, reading, corrected, own_origins(reading, reference))


def _record(path: Path, within: str, record_key: str | None, intake: Intake) -> Record:
    """The record of a file that is meant.

    Raises:
        SetupFault: it has none of that name or key, or several, and none is named.
        RecordFault: it is too large.
        OSError: it cannot be read.
    """
    if not is_container(path.name):
        intake.limits.check_record(path.stat().st_size)
        raw = path.read_bytes()
        return Record(0, readable(path.name), "0", raw)
    wanted = readable(path.name) + within
    found: list[Record] = []
    with path.open("rb") as stream:
        for record in read_records(stream, readable(path.name), path.stat().st_size, intake):
            if record.is_rest and not found:
                raise record.fault or RecordFault("damaged")
            # The name of an archive stands for all that is in it.
            if (record.path == wanted or not within) and record_key in (None, record.key):
                found.append(record)
            if len(found) > 1:
                break
    if not found:
        key = f" with the key {record_key}" if record_key is not None else ""
        raise SetupFault(f"{path} holds no record{key} under that name: `copydesk sql` lists the paths and keys")
    if len(found) > 1:
        other = found[1]
        example = f"{path}{other.path.removeprefix(readable(path.name))}"
        key = "" if other.key == "0" else f" --record {other.key}"
        raise SetupFault(f"{path}{within} holds several records: name one, such as `copydesk explain {example}{key}`")
    return found[0]


def _place(path: Path, home: Home) -> tuple[str, str] | None:
    """The source that a file lies in, and its path there; None if it lies in none that is known."""
    published = newest_readable(home)
    roots = {source.source: source.root for source in published.sources} if published else {}
    roots |= {source.name: str(source.root) for source in home.settings.sources}
    # A link to a file is a file of the source that it lies in, by its own name; to a folder it is not.
    for location in (Path(os.path.realpath(path.parent), path.name), Path(os.path.realpath(path))):
        for name, root in roots.items():
            real = os.path.realpath(root)
            if location.is_relative_to(real):
                return name, readable(location.relative_to(real).as_posix())
    return None


def _stored(identity: str, home: Home, reference: Reference) -> _Explained:
    with storage_faults(home), connect(home.folder) as connection:
        row = connection.execute(
            "SELECT source, path, version, text, ingested_at, given FROM documents WHERE document_id = $1",
            [identity],
        ).fetchone()
    if row is None:
        raise SetupFault(f"No document {identity}: `copydesk sql 'select document_id from documents'` lists them")
    source, path, version, text, ingested_at, given = row
    title = f"{source}: {path} (document {identity}, version {version})"
    reading = read_document(text, ingested_at.date(), reference, read_given(given))
    corrected = corrected_values(reading, identity, source, path, ingested_at.date(), reference)
    return _Explained(title, reading, corrected, own_origins(reading, reference))


def _lines(explained: _Explained) -> Iterator[str]:
    reading, corrected = explained.reading, explained.corrected
    yield visible(explained.title)
    yield ""
    yield from _marked_text(reading)
    values = corrected.values
    rules = {entry.field: entry for entry in reading.evidence if entry.has_won}
    rows = []
    for name in _SHOWN:
        value = values[name]
        if value is None:
            continue
        start, end = _span(name, reading, values)
        rows.append((name, value, "" if start is None else f"{start}–{end}", _rule(name, explained, rules)))
    yield ""
    yield as_table(("field", "value", "place", "rule"), rows)
    lost = [entry for entry in (*reading.evidence, *corrected.evidence) if not entry.has_won]
    lost += [
        Evidence(name, read, "as read", None, None, False, f"{entry.origin}: {entry.reason}")
        for name, (entry, read) in corrected.applied.items()
        if read
    ]
    yield ""
    if not lost:
        yield "Nothing else was considered."
        return
    yield "Considered and not taken"
    yield as_table(
        ("field", "value", "place", "rule", "why not"),
        [(e.field, e.value, "" if e.start is None else f"{e.start}–{e.end}", e.rule, e.reason) for e in lost],
    )


def _marked_text(reading: Reading) -> Iterator[str]:
    """The lines up to the body's first, each with marks below what was recognised in it."""
    spans = list(_spans(reading))
    text = reading.text
    at = 0
    while at <= reading.body_start and at < len(text):
        stop = text.find("\n", at)
        stop = len(text) if stop < 0 else stop
        shown = visible(text[at : min(stop, at + _LONGEST_LINE)])
        yield f"  {shown}{'…' if stop - at > _LONGEST_LINE else ''}"
        for name, start, end in spans:
            if at <= start < min(stop, at + _LONGEST_LINE):
                before, under = visible(text[at:start]), visible(text[start : min(end, stop)])
                yield f"  {' ' * cell_len(before)}{'^' * max(cell_len(under), 1)} {name}"
        at = stop + 1
    if at < len(text):
        yield f"  … body to character {reading.body_end} of {len(text)}"


def _spans(reading: Reading) -> Iterator[tuple[str, int, int]]:
    if reading.header:
        yield "header", reading.header.start, reading.header.end
    if reading.dateline:
        found = reading.dateline
        yield f"dateline ({found.form}, {found.confidence:.2f})", found.span.start, found.span.end
        if found.place:
            yield "located", found.place.start, found.place.end
        if found.date:
            yield "date", found.date.start, found.date.end
    if reading.credit:
        yield "agency_literal", reading.credit.span.start, reading.credit.span.end
    yield "body", reading.body_start, min(reading.body_start + 1, reading.body_end)


def _span(name: str, reading: Reading, values: dict[str, object]) -> tuple[object, object]:
    if name == "header" and reading.header:
        return reading.header.start, reading.header.end
    if name == "trailer" and reading.trailer:
        return reading.trailer.span.start, reading.trailer.span.end
    prefix = "agency" if name == "agency_literal" else name
    return values.get(f"{prefix}_start"), values.get(f"{prefix}_end")


def _rule(name: str, explained: _Explained, rules: dict[str, Evidence]) -> str:
    if correction := explained.corrected.changed.get(name):
        return f"your own {correction.origin}: {correction.reason}"
    rule = _rule_of_ours(name, explained.corrected.values, rules)
    origin = explained.origins.get(name)
    if origin is None:
        return rule
    return f"your own {origin}" if name in ("place_name", "country_code") else f"{rule}; your own {origin}"


def _rule_of_ours(name: str, values: dict[str, object], rules: dict[str, Evidence]) -> str:
    fixed = {
        "content_created": values["date_method"],
        "content_created_edtf": values["date_method"],
        "country_code": "gazetteer",
        "place_name": f"gazetteer, margin {values['place_margin']}",
        "agency_role": None,
    }
    if name in fixed:
        return str(fixed[name] or "")
    entry = rules.get(name)
    if entry is None and name == "language":
        return f"detected, {values['language_confidence']}"
    return f"{entry.rule}, {entry.reason}" if entry is not None else ""
