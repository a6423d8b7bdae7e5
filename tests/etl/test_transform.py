import datetime as dt
import hashlib
from typing import Any

import pyarrow as pa
import pytest

from etl.contract import DOCUMENTS, PARAGRAPHS, RECORDS_SCHEMA, REJECTS
from etl.identity import document_id
from etl.transform import excerpt, transform
from tests.support import dispatch


def record(raw: bytes | None, path: str = "a.txt", **values: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(RECORDS_SCHEMA.names),
        "source": "wire",
        "path": path,
        "record_key": "0",
        "raw": raw,
        "content_sha256": hashlib.sha256(raw or b"").hexdigest(),
        "seen_on": dt.date(2026, 11, 21),
        **values,
    }


def batch(*records: dict[str, Any]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(records), schema=RECORDS_SCHEMA)


def test_each_record_is_one_document_or_one_reject() -> None:
    tables = transform(batch(record(dispatch().encode(), "a"), record(b"", "b"), record(b"\x00\x01", "c")))
    assert {name: rows.schema for name, rows in tables.items()} == {
        table.name: table.parsed_schema for table in (DOCUMENTS, PARAGRAPHS, REJECTS)
    }
    assert tables["documents"].column("path").to_pylist() == ["a"]
    assert tables["rejects"].select(["path", "reason"]).to_pylist() == [
        {"path": "b", "reason": "empty"},
        {"path": "c", "reason": "binary"},
    ]
    assert tables["paragraphs"].num_rows == 2


def test_no_records_give_typed_empty_tables() -> None:
    assert all(rows.num_rows == 0 for rows in transform(batch()).values())


def test_whatever_goes_wrong_costs_one_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(text: str, *_: object) -> None:
        raise ValueError("no such thing")

    monkeypatch.setattr("etl.transform.read_document", fail)
    (row,) = transform(batch(record(dispatch().encode())))["rejects"].to_pylist()
    assert (row["stage"], row["reason"]) == ("parse", "unparsable")
    assert "ValueError: no such thing" in row["message"]


def test_a_stored_text_reads_as_its_bytes_did() -> None:
    raw = 'вЂ" Bakou, 27 février (AZERTAC) – Été.'.encode()
    (first,) = transform(batch(record(raw)))["documents"].to_pylist()
    stored = record(
        None,
        text=first["text"],
        encoding=first["encoding"],
        quality_flags=first["quality_flags"],
        content_sha256=first["content_sha256"],
    )
    (again,) = transform(batch(stored))["documents"].to_pylist()
    assert again == first
    assert "mojibake_repaired" in again["quality_flags"]


def test_ids_depend_on_source_path_and_key_and_keep_them_apart() -> None:
    ids = {document_id(*parts) for parts in [("a", "b", "0"), ("a", "b", "1"), ("ab", "", "0"), ("a", "b0", "")]}
    assert len(ids) == 4
    assert all(len(found) == 32 for found in ids)
    assert document_id("wire", "a.txt", "0") == document_id("wire", "a.txt", "0")


def test_excerpts_can_be_printed() -> None:
    assert excerpt(b"a\x00\xff\nb" + b"x" * 500).startswith("a\\x00\\xff\\x0ab")
    assert excerpt(b"\xff\x00" * 500).isprintable()
