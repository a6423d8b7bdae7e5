"""One unit of work: read some files (or stored texts), transform them, write the rows as staging Parquet.

It runs in a worker (`etl.worker`), which imports nothing but `etl`. What becomes of a unit that a worker fails at
belongs to `warehouse.pool`; what is merged with the former state afterwards, and how, to `warehouse.load`.
"""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.contract import FILES, RECORDS_SCHEMA, REJECTS
from etl.errors import RecordFault, SetupFault
from etl.forgotten import Digests, open_digests
from etl.own_reference import load_own
from etl.reference import Reference, load_reference
from etl.sources import ListedFile, readable
from etl.transform import OnRecord, reject_row, transform

BATCH_BYTES = 8 * 1024 * 1024
"""Raw bytes after which a batch of records is transformed and written: this bounds a worker's memory."""

MAXIMUM_BATCH = 2_000
"""Records after which it is, if they are short."""

MAXIMUM_BYTES = 64 * 1024 * 1024
"""Size of the largest file that is taken for one text: a book has one or two million bytes."""

ROW_GROUP = 250
"""Rows of a staged row group, whose months are known from its statistics: it is read whole or not at all."""

READ_BUFFER = 1024 * 1024
"""Bytes that are read of a column of stored documents at a time."""

MTIME_DISTRUST_NS = 2_000_000_000
"""A file changed so shortly before it was read may change again within the same tick of the file system's clock
(2 seconds on FAT): its mtime is not relied on, and the next run compares its digest."""


CLOCK_TICK_NS = 20_000_000
"""Longer than a tick of the clock that stamps changes: two changes within one leave the same stamp."""

READINGS = 3
"""How often a file is read that changes meanwhile. What is read last is taken, and the next run looks at it again."""

_SYSTEMIC = {
    errno.EMFILE, errno.ENFILE, errno.ENOMEM,
    errno.ENODEV, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH,
}  # fmt: skip
"""Errors that every further file would meet, too."""


@dataclass(frozen=True)
class FileChunk:
    """Files of one source to be read.

    Attributes:
        source: its name.
        files: what to read.
        seen_on: today: later dates lie in the future.
        forgotten: file of the digests of what was forgotten; None if nothing was.
        reference: folder of the user's own reference, as the run began with it; None if there is none.
    """

    source: str
    files: tuple[ListedFile, ...]
    seen_on: dt.date
    forgotten: str | None = None
    reference: str | None = None

    @property
    def size(self) -> int:
        """How many records it has."""
        return len(self.files)

    def part(self, start: int, stop: int) -> FileChunk:
        """Its records from one index up to another, as a chunk of their own."""
        return replace(self, files=self.files[start:stop])


@dataclass(frozen=True)
class StoredChunk:
    """Stored documents to be re-parsed: rows of one row group of one Parquet file of the lake.

    Attributes:
        kind: reparsed (current documents) or reparsed_former (former versions): begins the names of the staged files.
        location: the file.
        row_group: which of its row groups.
        size: how many of its rows.
        parser_version: of now: rows that were parsed with it, and with the same reference data, are left out; None
            for no row.
        start: the first of them.
        reference: folder of the user's own reference, as the run began with it; None if there is none.
    """

    kind: str
    location: str
    row_group: int
    size: int
    parser_version: str | None
    start: int = 0
    reference: str | None = None

    def part(self, start: int, stop: int) -> StoredChunk:
        """Its records from one index up to another, as a chunk of their own."""
        return replace(self, start=self.start + start, size=stop - start)


Chunk = FileChunk | StoredChunk


def stage(chunk: Chunk, folder: Path, number: int, on_record: OnRecord = lambda _: None) -> None:
    """Read and transform a chunk and write its rows to `folder/<table>-<number>-<n>.parquet`.

    The rows of stored documents go to `folder/<kind>_<table>-...` instead.

    Args:
        chunk: what to read.
        folder: where the rows go.
        number: of the chunk; no two chunks of a run have the same.
        on_record: told of each record that is read or parsed, by its index in the chunk; None in between.

    Raises:
        MemoryError: there is too little of it.
    """
    writer = _Writer(folder, number, chunk, on_record)
    if isinstance(chunk, StoredChunk):
        for indexes, rows in _stored_rows(chunk, writer.reference):
            writer.add(rows, indexes)
        return
    batch: list[dict[str, Any]] = []
    indexes = []
    size = 0
    forgotten = _forgotten(chunk)
    for index, file in enumerate(chunk.files):
        on_record(index)
        record = _read(chunk.source, file, chunk.seen_on, writer, forgotten)
        on_record(None)
        if record is None:
            continue
        batch.append(record)
        indexes.append(index)
        size += len(record["raw"])
        if size >= BATCH_BYTES or len(batch) >= MAXIMUM_BATCH:
            writer.add(batch, indexes)
            batch, indexes, size = [], [], 0
    writer.add(batch, indexes)
    writer.add_files()


def stage_rejects(chunk: Chunk, folder: Path, number: int, reason: str, detail: str, is_read: bool = True) -> None:
    """Write a chunk's records as rejects, without parsing them: they are what workers died of.

    Args:
        chunk: of one record, usually.
        folder: where the rows go.
        number: of the chunk.
        reason, detail: as of a `RecordFault`.
        is_read: whether they are read for their digests and excerpts; else nothing is opened, and of stored documents
            nothing is written.
    """
    fault = RecordFault(reason, detail)
    writer = _Writer(folder, number, chunk)
    if isinstance(chunk, FileChunk):
        forgotten = _forgotten(chunk)
        for file in chunk.files:
            if not is_read:
                writer.refuse(_empty_record(chunk.source, file, chunk.seen_on), fault, _unread(chunk.source, file))
            elif record := _read(chunk.source, file, chunk.seen_on, writer, forgotten):
                writer.reject(record, fault)
        writer.add_files()
    elif is_read:
        for _, rows in _stored_rows(chunk, writer.reference):
            for record in rows:
                writer.reject(record, fault)
        writer.add_rejects()


def remove_staged(folder: Path, number: int) -> None:
    """Remove what was staged of a chunk, whole or in part."""
    for path in folder.glob(f"*-{number:06}-*.parquet"):
        path.unlink()


def _empty_record(source: str, file: ListedFile, seen_on: dt.date) -> dict[str, Any]:
    record: dict[str, Any] = dict.fromkeys(RECORDS_SCHEMA.names)
    record.update(source=source, path=file.path, record_key="0", seen_on=seen_on)
    return record


def _forgotten(chunk: FileChunk) -> Digests:
    return open_digests(chunk.forgotten) if chunk.forgotten else Digests(b"")


def _read(
    source: str, file: ListedFile, seen_on: dt.date, writer: _Writer, forgotten: Digests
) -> dict[str, Any] | None:
    """One file as a record; None where it cannot or must not be read, which the writer is told."""
    record = _empty_record(source, file, seen_on)
    try:
        if file.is_outside:
            raise RecordFault("outside_source")
        if file.byte_count > MAXIMUM_BYTES:
            raise RecordFault("too_large", f"{file.byte_count:,} bytes, {MAXIMUM_BYTES:,} are allowed")
        raw, mtime_ns = _read_bytes(file.location)
    except RecordFault as fault:
        writer.refuse(record, fault, _unread(source, file))
        return None
    except OSError as error:
        _require_source(source, file, error)
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            writer.refuse(record, RecordFault("unreadable", error.strerror or str(error)), _unread(source, file))
        # One that has vanished since it was listed is nobody's fault: the next listing says what became of it.
        return None
    sha256 = hashlib.sha256(raw)
    record["content_sha256"] = sha256.hexdigest()
    entry = {
        "source": source,
        "path": file.path,
        "byte_count": len(raw),
        "mtime": None if mtime_ns is None or time.time_ns() - mtime_ns < MTIME_DISTRUST_NS else mtime_ns // 1000,
        "sha256": record["content_sha256"],
        "status": "loaded",
        "record_count": 1,
    }
    if sha256.digest() in forgotten:
        # Before anything else is done with it: no text of it, and no excerpt, is written anywhere.
        writer.refuse(record, RecordFault("forgotten"), {**entry, "status": "rejected"})
        return None
    writer.files.append(entry)
    record["raw"] = raw
    return record


def _unread(source: str, file: ListedFile) -> dict[str, Any]:
    """The row of `files` for a file that could not be read at all."""
    return {
        "source": source,
        "path": file.path,
        "byte_count": file.byte_count,
        "mtime": file.mtime_ns // 1000,
        "sha256": None,
        "status": "rejected",
        "record_count": 1,
    }


def _read_bytes(location: str) -> tuple[bytes, int | None]:
    """A file's bytes, and when it was last modified; None if that cannot be relied on.

    It cannot if the file changed while it was read, however often, or so shortly before that it may have.
    """
    descriptor = os.open(location, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb", buffering=0) as handle:
        before = os.fstat(descriptor)
        for _ in range(READINGS):
            handle.seek(0)
            raw = handle.readall()
            after = os.fstat(descriptor)
            if _state(before) == _state(after):
                is_settled = abs(time.time_ns() - after.st_ctime_ns) > CLOCK_TICK_NS
                return raw, after.st_mtime_ns if is_settled else None
            before = after
    return raw, None


def _state(status: os.stat_result) -> tuple[int, int, int]:
    # The time of the last change, too: who copies a file may set its mtime back when all of it is there.
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _require_source(source: str, file: ListedFile, error: OSError) -> None:
    """Tell a file that cannot be read from a source that is gone, which must not turn all its files into rejects.

    Raises:
        SetupFault: the source's folder is not there any more, or is empty, or the system can open no more files.
    """
    mend = "The published warehouse is as it was; run again when"
    if error.errno in _SYSTEMIC:
        raise SetupFault(f"Cannot read {readable(file.location)}: {error.strerror}. {mend} that is mended")
    root = Path(file.root or "/")
    try:
        with os.scandir(root) as entries:
            is_there = next(entries, None) is not None
    except OSError:
        is_there = False
    if not is_there:
        raise SetupFault(
            f"The source {source} has vanished while it was read: {readable(str(root))} is gone or empty. Is a disk "
            f"unplugged? {mend} it is back"
        )


_TOLD_BY = ["document_id", "source", "path", "parser_version", "reference_version"]
"""Columns that tell whether a stored document has to be parsed again."""


def _stored_rows(chunk: StoredChunk, reference: Reference) -> Iterator[tuple[list[int], list[dict[str, Any]]]]:
    """The stored documents of a chunk as records, batch by batch, each batch with the records' indexes."""
    names = [
        "source", "path", "record_key", "text", "encoding", "quality_flags", "content_sha256", "ingested_at",
        "url", "given",
    ]  # fmt: skip
    # Streamed: a row group of long texts is larger than a worker's memory.
    stored = pq.ParquetFile(chunk.location, buffer_size=READ_BUFFER, pre_buffer=False)
    wanted = _outdated(stored, chunk, reference)
    if not wanted:
        # Where a correction is for one document, no text of all the others is read.
        return
    group = stored.metadata.row_group(chunk.row_group)
    most = BATCH_BYTES * group.num_rows // max(group.total_byte_size, 1)
    batches = stored.iter_batches(min(max(most, 1), MAXIMUM_BATCH), [chunk.row_group], names, use_threads=False)
    first = -chunk.start
    for batch in batches:
        indexes = [index for index in range(first, first + batch.num_rows) if index in wanted]
        records = [
            {**row, "raw": None, "seen_on": row.pop("ingested_at").date()}
            for row in batch.take([index - first for index in indexes]).to_pylist()
        ]
        yield indexes, records
        first += batch.num_rows


def _outdated(stored: pq.ParquetFile, chunk: StoredChunk, reference: Reference) -> frozenset[int]:
    """The rows of a chunk that were parsed otherwise than they would be now, by their indexes in it."""
    everything = range(chunk.size)
    if chunk.parser_version is None:
        return frozenset(everything)
    rows = stored.read_row_group(chunk.row_group, _TOLD_BY, use_threads=False).slice(chunk.start, chunk.size)
    columns = zip(*(rows.column(name).to_pylist() for name in _TOLD_BY), strict=True)
    return frozenset(
        index
        for index, (document_id, source, path, parser_version, reference_version) in enumerate(columns)
        if parser_version != chunk.parser_version
        or reference_version != reference.version_of(document_id, source, path)
    )


class _Writer:
    """Collects what a chunk comes to and writes it, one Parquet file per table and batch."""

    def __init__(self, folder: Path, number: int, chunk: Chunk, on_record: OnRecord = lambda _: None) -> None:
        self._number = number
        self._folder = folder
        self._prefix = f"{chunk.kind}_" if isinstance(chunk, StoredChunk) else ""
        self._on_record = on_record
        self.reference = load_own(Path(chunk.reference)) if chunk.reference else load_reference()
        self._written = 0
        self._refused: list[dict[str, Any]] = []
        self.files: list[dict[str, Any]] = []

    def add(self, records: list[dict[str, Any]], indexes: list[int]) -> None:
        """Transform records, whose indexes in the chunk are given beside them, and write their rows."""
        if not records:
            return
        batch = pa.RecordBatch.from_pylist(records, schema=RECORDS_SCHEMA)
        tables = transform(batch, self.reference, lambda at: self._on_record(None if at is None else indexes[at]))
        rejected = {row["path"] for row in tables[REJECTS.name].select(["path"]).to_pylist()}
        for entry in self.files:
            if entry["path"] in rejected:
                entry["status"] = "rejected"
        for name, rows in tables.items():
            self._write(name, pa.Table.from_batches([rows]))

    def reject(self, record: dict[str, Any], fault: RecordFault) -> None:
        """Note a record that was read, and cannot be loaded."""
        self._refused.append(reject_row(record, fault))
        if self.files:
            self.files[-1]["status"] = "rejected"

    def refuse(self, record: dict[str, Any], fault: RecordFault, entry: dict[str, Any]) -> None:
        """Note a file that is not transformed, with its row of `files`."""
        self._refused.append(reject_row(record, fault))
        self.files.append(entry)

    def add_rejects(self) -> None:
        self._write(REJECTS.name, pa.Table.from_pylist(self._refused, schema=REJECTS.parsed_schema))

    def add_files(self) -> None:
        self.add_rejects()
        self._write(FILES.name, pa.Table.from_pylist(self.files, schema=FILES.parsed_schema))

    def _write(self, name: str, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        self._written += 1
        target = self._folder / f"{self._prefix}{name}-{self._number:06}-{self._written:04}.parquet"
        by_month = "month" in rows.schema.names
        if by_month:
            # So that who merges a few months reads little else.
            rows = rows.take(pc.sort_indices(rows, [("month", "ascending")]))
        # It is read once and thrown away: writing it fast is worth more than writing little.
        pq.write_table(
            rows,
            target,
            row_group_size=ROW_GROUP if by_month else None,
            compression="lz4",
            use_dictionary=False,
            write_statistics=["month"] if by_month else False,
        )
