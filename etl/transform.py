"""A batch of records to batches of rows: the one function that runs in-process, in the pool, or on an engine.

It knows nothing of files, of former runs, or of where it runs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from etl.contract import (
    DOCUMENTS,
    PARAGRAPHS,
    PARSED_TABLES,
    PARSER_VERSION,
    REJECTS,
)
from etl.corrections import Corrected, correct
from etl.decode import decode
from etl.errors import RecordFault
from etl.given import read_given
from etl.identity import document_id
from etl.reading import Reading, read_document
from etl.reference import Reference, load_reference

EXCERPT_BYTES = 200
"""How much of a reject is kept to be looked at."""

_DECODING_FLAGS = frozenset(
    {"mojibake_repaired", "encoding_guessed", "truncated", "replacement_character", "control_characters_removed"}
)


OnRecord = Callable[[int | None], None]
"""Told which record is taken in hand, by its index; None when none is."""


def transform(
    records: pa.RecordBatch, reference: Reference | None = None, on_record: OnRecord = lambda _: None
) -> dict[str, pa.RecordBatch]:
    """Read every record of a batch.

    Args:
        records: of `etl.contract.RECORDS_SCHEMA`; each row has its raw bytes, or, to be re-parsed, its text.
        reference: the reference data; the built-in one by default.
        on_record: told of each record before it is read, by its index in the batch, and when all are.

    Returns:
        The parsed rows of `documents`, `paragraphs` and `rejects`, by table name, each of the table's
        `parsed_schema`, in the order of the records. Each record is one document or one reject.

    Raises:
        MemoryError: there is too little of it. Whether for this record alone is for those to find out who can start
            again without the others.
    """
    reference = reference or load_reference()
    rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in PARSED_TABLES}
    for index, record in enumerate(records.to_pylist()):
        on_record(index)
        try:
            document, spans = _read(record, reference)
        except RecordFault as fault:
            rows[REJECTS.name].append(reject_row(record, fault))
        except MemoryError:
            raise
        except Exception as error:
            # Whatever a text makes our code do, it costs that text only.
            unparsable = RecordFault("unparsable", f"{type(error).__name__}: {error}"[:200])
            rows[REJECTS.name].append(reject_row(record, unparsable))
        else:
            rows[DOCUMENTS.name].append(document)
            rows[PARAGRAPHS.name].extend(spans)
    on_record(None)
    return {
        table.name: pa.RecordBatch.from_pylist(rows[table.name], schema=table.parsed_schema) for table in PARSED_TABLES
    }


def reject_row(record: dict[str, Any], fault: RecordFault) -> dict[str, Any]:
    """The row of `rejects` for a record that cannot be loaded."""
    raw = record["raw"]
    return {
        "source": record["source"],
        "path": record["path"],
        "record_key": record["record_key"],
        "stage": fault.stage,
        "reason": fault.reason,
        "message": fault.message,
        "raw_excerpt": excerpt(raw) if raw else None,
        "content_sha256": record["content_sha256"],
    }


def excerpt(raw: bytes) -> str:
    r"""The first bytes as printable text: what is not UTF-8, and control characters, as \\x and two digits."""
    text = raw[:EXCERPT_BYTES].decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)


def _read(record: dict[str, Any], reference: Reference) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    if record["text"] is not None:
        text, encoding = record["text"], record["encoding"]
        flags = tuple(flag for flag in record["quality_flags"] if flag in _DECODING_FLAGS)
    else:
        decoded = decode(record["raw"], record["encoding"])
        text, encoding = decoded.text, record["source_encoding"] or decoded.encoding
        flags = tuple(dict.fromkeys((*(record["quality_flags"] or ()), *decoded.quality_flags)))
    reading = read_document(text, record["seen_on"], reference, read_given(record["given"]))
    identity = document_id(record["source"], record["path"], record["record_key"])
    corrected = corrected_values(reading, identity, record["source"], record["path"], record["seen_on"], reference)
    return (
        {
            "document_id": identity,
            **{name: record[name] for name in ("source", "path", "record_key", "content_sha256", "url")},
            "given": corrected.given(record["given"]),
            **corrected.values,
            "quality_flags": [*flags, *reading.quality_flags],
            "encoding": encoding,
            "reference_version": reference.version_of(identity, record["source"], record["path"]),
            "parser_version": PARSER_VERSION,
        },
        [
            {
                "document_id": identity,
                "month": corrected.values["month"],
                "paragraph_index": index,
                "char_start": paragraph.start,
                "char_end": paragraph.end,
                "word_count": paragraph.word_count,
            }
            for index, paragraph in enumerate(reading.paragraphs)
        ],
    )


def corrected_values(
    reading: Reading, identity: str, source: str, path: str, seen_on: dt.date, reference: Reference
) -> Corrected:
    """The columns of `documents` that come from the text, with the user's corrections of that document.

    Args:
        reading: of the text.
        identity, source, path: of the document.
        seen_on: the day on which its content was first read.
        reference: the reference data that the text was read with.
    """
    values = document_values(reading)
    entries = reference.own.corrections_of(identity, source, path) if reference.own is not None else ()
    return correct(values, entries, reading.text, seen_on, reference) if entries else Corrected(values)


def document_values(reading: Reading) -> dict[str, Any]:
    """The columns of `documents` that come from the text, by name."""
    header, front, dateline, date = reading.header, reading.front_matter, reading.dateline, reading.date
    located, credit = reading.located, reading.credit
    span = dateline.span if dateline else None
    place = dateline.place if dateline else None
    entry = located.place if located else None
    return {
        "month": date.month,
        "text": reading.text,
        "header": header.literal if header else None,
        "date_published_edtf": header.edtf if header else None,
        "headline": front.headline,
        "section": front.section,
        "byline": front.byline or (dateline.byline if dateline else None),
        "version_label": front.version_label,
        "dateline": span.literal if span else None,
        "dateline_start": span.start if span else None,
        "dateline_end": span.end if span else None,
        "dateline_form": dateline.form if dateline else None,
        "dateline_confidence": dateline.confidence if dateline else None,
        "located": place.literal if place else None,
        "located_start": place.start if place else None,
        "located_end": place.end if place else None,
        "located_region": dateline.region if dateline else None,
        "place_id": entry.place_id if entry else None,
        "place_name": entry.name if entry else None,
        "country_code": located.country_code if located else None,
        "latitude": entry.latitude if entry else None,
        "longitude": entry.longitude if entry else None,
        "place_margin": located.margin if located else None,
        "content_created": date.content_created,
        "content_created_at": date.content_created_at,
        "content_created_edtf": date.content_created_edtf,
        "date_precision": date.date_precision,
        "date_method": date.date_method,
        "date_conflict": date.date_conflict,
        "weekday_ok": date.weekday_ok,
        "agency_id": credit.agency_id if credit else None,
        "agency_literal": credit.span.literal if credit else None,
        "agency_start": credit.span.start if credit else None,
        "agency_end": credit.span.end if credit else None,
        "agency_role": credit.role if credit else None,
        "trailer": reading.trailer.span.literal if reading.trailer else None,
        "language": reading.language,
        "language_confidence": reading.language_confidence,
        "body_start": reading.body_start,
        "body_end": reading.body_end,
        "char_count": reading.body_end - reading.body_start,
        "word_count": sum(paragraph.word_count for paragraph in reading.paragraphs),
        "paragraph_count": len(reading.paragraphs),
    }
