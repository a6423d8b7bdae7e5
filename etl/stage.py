"""One unit of work: read some files (or stored texts), transform them, write the rows as staging Parquet.

It runs in a worker (`etl.worker`), which imports nothing but `etl`. What becomes of a unit that a worker fails at
belongs to `warehouse.pool`; what is merged with the former state afterwards, and how, to `warehouse.load`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.addresses import file_of, is_container
from etl.contract import DOCUMENTS, FILES, RECORDS_SCHEMA, REJECTS
from etl.errors import RecordFault, SetupFault
from etl.forgotten import Digests, open_digests
from etl.intake import Intake
from etl.outside import Outside
from etl.own_reference import load_own
from etl.records import Record, Share, digest
from etl.reference import Reference, load_reference
from etl.sources import ListedFile, open_file, readable
from etl.transform import OnRecord, reject_row, transform

DIGEST_BYTES = 1024 * 1024

BATCH_BYTES = 8 * 1024 * 1024
"""Raw bytes after which a batch of records is transformed and written: this bounds a worker's memory."""

MAXIMUM_BATCH = 2_000
"""Records after which it is, if they are short."""

WITHIN = 1 << 40
"""A position in a chunk is that of the file times this, and the index of the record in there."""

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
    errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT,
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
        intake: how the source is taken in.
        share: which records of its files; all but where a large file is shared out, or a worker has died of it.
    """

    source: str
    files: tuple[ListedFile, ...]
    seen_on: dt.date
    forgotten: str | None = None
    reference: str | None = None
    intake: Intake = field(default_factory=Intake)
    share: Share = field(default_factory=Share)

    @property
    def size(self) -> int:
        """How many files it is counted for: a share of one counts where what is to be said of the file is said."""
        return len(self.files) if self.share.is_last else 0

    @property
    def is_one(self) -> bool:
        """Whether it is about one record at most."""
        share = self.share
        if len(self.files) != 1:
            return False
        return not is_container(self.files[0].path) or (share.stop is not None and share.stop - share.start <= 1)

    def around(self, position: int) -> tuple[FileChunk | None, FileChunk, FileChunk | None]:
        """What comes before a position, the file or record there, and what comes after it, as chunks of their own."""
        at, index = divmod(position, WITHIN)
        if len(self.files) > 1:
            return self._files(0, at), replace(self, files=self.files[at : at + 1]), self._files(at + 1, None)
        start, stop = self.share.start, self.share.stop
        before = self._records(start, index) if index > start else None
        after = self._records(index + 1, stop) if stop is None or index + 1 < stop else None
        return before, self._records(index, index + 1), after

    def halves(self) -> list[FileChunk]:
        """Two chunks, or none where it cannot be told how many records there are."""
        middle = len(self.files) // 2
        return [replace(self, files=self.files[:middle]), replace(self, files=self.files[middle:])] if middle else []

    def _files(self, start: int, stop: int | None) -> FileChunk | None:
        files = self.files[start:stop]
        return replace(self, files=files) if files else None

    def _records(self, start: int, stop: int | None) -> FileChunk:
        return replace(self, share=replace(self.share, start=start, stop=stop))


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

    @property
    def is_one(self) -> bool:
        """Whether it is about one record at most."""
        return self.size <= 1

    def around(self, position: int) -> tuple[StoredChunk | None, StoredChunk, StoredChunk | None]:
        """What comes before a position, the record there, and what comes after it, as chunks of their own."""
        return (
            self._part(0, position) if position else None,
            self._part(position, position + 1),
            self._part(position + 1, self.size) if position + 1 < self.size else None,
        )

    def halves(self) -> list[StoredChunk]:
        """Two chunks; none where there is but one record."""
        middle = self.size // 2
        return [self._part(0, middle), self._part(middle, self.size)] if middle else []

    def _part(self, start: int, stop: int) -> StoredChunk:
        return replace(self, start=self.start + start, size=stop - start)


Chunk = FileChunk | StoredChunk


def is_shared(chunk: Chunk) -> bool:
    """Whether a chunk is a share of a file that is large enough for several workers."""
    return isinstance(chunk, FileChunk) and chunk.share.of > 1


OnProgress = Callable[[int], None]
"""Told of so many records more that are done with: of none, too, whenever a piece of a large file has been read."""


def stage(
    chunk: Chunk,
    folder: Path,
    number: int,
    on_record: OnRecord = lambda _: None,
    on_progress: OnProgress = lambda _: None,
) -> None:
    """Read and transform a chunk and write its rows to `folder/<table>-<number>-<n>.parquet`.

    The rows of stored documents go to `folder/<kind>_<table>-...` instead.

    Args:
        chunk: what to read.
        folder: where the rows go.
        number: of the chunk; no two chunks of a run have the same.
        on_record: told of each record that is read or parsed, by its position in the chunk; None in between.
        on_progress: told that it goes on.

    Raises:
        MemoryError: there is too little of it.
    """
    writer = _Writer(folder, number, chunk, on_record, on_progress)
    if isinstance(chunk, StoredChunk):
        for indexes, rows in _stored_rows(chunk, writer.reference):
            writer.add(rows, indexes)
        return
    batch: list[dict[str, Any]] = []
    positions = []
    size = 0
    for position, record in _records(chunk, writer, on_record):
        batch.append(record)
        positions.append(position)
        size += len(record["raw"])
        if size >= BATCH_BYTES or len(batch) >= MAXIMUM_BATCH:
            writer.add(batch, positions)
            batch, positions, size = [], [], 0
    writer.add(batch, positions)
    writer.add_files()


def _records(chunk: FileChunk, writer: _Writer, on_record: OnRecord) -> Iterator[tuple[int, dict[str, Any]]]:
    """The records of a chunk of files with their positions, but for those that the writer is told to refuse."""
    forgotten = _forgotten(chunk)
    for at, file in enumerate(chunk.files):
        if is_container(file.path):
            yield from _contents(chunk, at, writer, forgotten, on_record)
            continue
        on_record(at * WITHIN)
        record = _read(chunk, file, writer, forgotten)
        on_record(None)
        if record is not None:
            yield at * WITHIN, record


def stage_rejects(
    chunk: Chunk,
    folder: Path,
    number: int,
    reason: str,
    detail: str,
    is_read: bool = True,
    on_progress: OnProgress = lambda _: None,
) -> None:
    """Write a chunk's records as rejects, without parsing them: they are what workers died of.

    Args:
        chunk: of one record, usually.
        folder: where the rows go.
        number: of the chunk.
        reason, detail: as of a `RecordFault`.
        is_read: whether they are read for their digests and excerpts; else nothing is opened, and of stored documents
            nothing is written.
        on_progress: told that it goes on.
    """
    fault = RecordFault(reason, detail)
    writer = _Writer(folder, number, chunk, on_progress=on_progress)
    if isinstance(chunk, FileChunk):
        if is_read:
            for _, record in _records(chunk, writer, lambda _: None):
                writer.refuse(record, fault)
        else:
            for file in chunk.files:
                writer.begin(_entry_unread(chunk, file, writer))
                key = chunk.share.key_of_rest(file.path, chunk.share.start)
                writer.refuse(_empty_record(chunk, file.path, key), fault)
        writer.add_files()
    elif is_read:
        for _, rows in _stored_rows(chunk, writer.reference):
            for record in rows:
                writer.refuse(record, fault)
        writer.add_rejects()


def remove_staged(folder: Path, number: int) -> None:
    """Remove what was staged of a chunk, whole or in part."""
    for path in folder.glob(f"*-{number:06}-*.parquet"):
        path.unlink()


def _empty_record(chunk: FileChunk, path: str, key: str = "0") -> dict[str, Any]:
    record: dict[str, Any] = dict.fromkeys(RECORDS_SCHEMA.names)
    record.update(source=chunk.source, path=path, record_key=key, seen_on=chunk.seen_on)
    return record


def _forgotten(chunk: FileChunk) -> Digests:
    return open_digests(chunk.forgotten) if chunk.forgotten else Digests(b"")


def _entry(source: str, file: ListedFile) -> dict[str, Any]:
    """The row of `files` for a file that is not read yet; for one that cannot be, it stays so."""
    return {
        "source": source,
        "path": file.path,
        "byte_count": file.byte_count,
        "mtime": file.mtime_ns // 1000,
        "sha256": None,
        "status": "rejected",
        "record_count": 0,
    }


def _read(chunk: FileChunk, file: ListedFile, writer: _Writer, forgotten: Digests) -> dict[str, Any] | None:
    """A file that is one text, as a record; None where it cannot or must not be read, which the writer is told."""
    record = _empty_record(chunk, file.path)
    entry = _entry(chunk.source, file)
    try:
        if file.is_outside:
            raise RecordFault("outside_source")
        chunk.intake.limits.check_record(file.byte_count)
        raw, mtime_ns = _read_bytes(file)
    except RecordFault as fault:
        writer.begin(entry)
        writer.refuse(record, fault)
        return None
    except OSError as error:
        _refuse_unreadable(chunk.source, file, error, entry, record, writer)
        return None
    entry.update(byte_count=len(raw), mtime=_reliable(mtime_ns), sha256=digest(raw))
    writer.begin(entry)
    return _taken(record, Record(0, file.path, "0", raw, entry["sha256"]), chunk, writer, forgotten)


def _contents(
    chunk: FileChunk, at: int, writer: _Writer, forgotten: Digests, on_record: OnRecord
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The records of a file that may hold any number of them, as far as they are in the chunk's share."""
    # Most sources have none of it.
    from etl.containers import read_records

    file, share = chunk.files[at], chunk.share
    index = share.start
    entry = _entry(chunk.source, file)
    try:
        if file.is_outside:
            raise RecordFault("outside_source")
        with open_file(file) as stream:
            before = os.fstat(stream.fileno())
            # Each share of a file says what it saw: where they do not agree, it has changed under them.
            entry.update(byte_count=before.st_size, mtime=before.st_mtime_ns // 1000)
            if share.is_last:
                entry["sha256"] = _file_digest(stream, writer.on_progress)
            writer.begin(entry)

            def on_index(index: int) -> None:
                on_record(at * WITHIN + index)

            def on_read() -> None:
                writer.on_progress(0)

            spool = writer.folder.as_posix()
            for found in read_records(stream, file.path, before.st_size, chunk.intake, share, spool, on_index, on_read):
                on_record(None)
                index = found.index + 1
                if found.is_rest and not share.is_last:
                    continue
                record = _empty_record(chunk, found.path, found.key)
                if taken := _taken(record, found, chunk, writer, forgotten):
                    yield at * WITHIN + found.index, taken
            after = os.fstat(stream.fileno())
            is_settled = abs(time.time_ns() - after.st_ctime_ns) > CLOCK_TICK_NS
            has_changed = _state(before) != _state(after) or not is_settled
            entry["mtime"] = None if has_changed else _reliable(after.st_mtime_ns)
    except RecordFault as fault:
        if share.is_last:
            writer.begin(entry)
            writer.refuse(_empty_record(chunk, file.path), fault)
    except OSError as error:
        record = _empty_record(chunk, file.path, share.key_of_rest(file.path, index))
        _refuse_unreadable(chunk.source, file, error, entry, record, writer)


def _file_digest(stream: IO[bytes], on_progress: OnProgress) -> str:
    found = hashlib.sha256()
    while block := stream.read(DIGEST_BYTES):
        found.update(block)
        on_progress(0)
    return found.hexdigest()


def _taken(
    record: dict[str, Any], found: Record, chunk: FileChunk, writer: _Writer, forgotten: Digests
) -> dict[str, Any] | None:
    """A record as `etl.transform` takes it; None where it is a reject already, which the writer is told."""
    record["content_sha256"] = found.content_sha256
    if found.content_sha256 and bytes.fromhex(found.content_sha256) in forgotten:
        # Before anything else is done with it: no text of it, and no excerpt, is written anywhere.
        writer.refuse(record, RecordFault("forgotten"))
        return None
    record["raw"] = found.raw
    if found.fault is not None:
        writer.refuse(record, found.fault)
        return None
    record.update(
        url=found.url,
        given=found.given,
        encoding=found.encoding or chunk.intake.encoding,
        source_encoding=found.source_encoding,
        quality_flags=list(found.quality_flags),
    )
    return record


def _refuse_unreadable(
    source: str, file: ListedFile, error: OSError, entry: dict[str, Any], record: dict[str, Any], writer: _Writer
) -> None:
    _require_source(source, file, error)
    # One that has vanished since it was listed is nobody's fault: the next listing says what became of it.
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        if not writer.has_begun(entry):
            writer.begin(entry)
        writer.refuse(record, RecordFault("unreadable", error.strerror or str(error)))


def _reliable(mtime_ns: int | None) -> int | None:
    """When a file was last modified, in microseconds; None where that does not tell whether it was changed since."""
    return None if mtime_ns is None or time.time_ns() - mtime_ns < MTIME_DISTRUST_NS else mtime_ns // 1000


def _entry_unread(chunk: FileChunk, file: ListedFile, writer: _Writer) -> dict[str, Any]:
    """The row of `files` for a file whose records cannot be read: with its digest, that it is not tried every time."""
    entry = _entry(chunk.source, file)
    if chunk.share.is_last and not file.is_outside:
        with contextlib.suppress(OSError, RecordFault), open_file(file) as stream:
            entry["sha256"] = _file_digest(stream, writer.on_progress)
    return entry


def _read_bytes(file: ListedFile) -> tuple[bytes, int | None]:
    """A file's bytes, and when it was last modified; None if that cannot be relied on.

    It cannot if the file changed while it was read, however often, or so shortly before that it may have.
    """
    with open_file(file) as handle:
        before = os.fstat(handle.fileno())
        for _ in range(READINGS):
            handle.seek(0)
            raw = handle.readall()
            after = os.fstat(handle.fileno())
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

    def __init__(
        self,
        folder: Path,
        number: int,
        chunk: Chunk,
        on_record: OnRecord = lambda _: None,
        on_progress: OnProgress = lambda _: None,
    ) -> None:
        self._number = number
        self.folder = folder
        self.on_progress = on_progress
        self._prefix = f"{chunk.kind}_" if isinstance(chunk, StoredChunk) else ""
        self._on_record = on_record
        self.reference = load_own(Path(chunk.reference)) if chunk.reference else load_reference()
        self._outside = Outside(chunk.intake if isinstance(chunk, FileChunk) else Intake())
        self._written = 0
        self._refused: list[dict[str, Any]] = []
        self._files: dict[str, dict[str, Any]] = {}

    def begin(self, entry: dict[str, Any]) -> None:
        """Note a file with its row of `files`, which its records then count up."""
        self._files[entry["path"]] = entry

    def has_begun(self, entry: dict[str, Any]) -> bool:
        """Whether a file is noted."""
        return entry["path"] in self._files

    def add(self, records: list[dict[str, Any]], positions: list[int]) -> None:
        """Transform records, whose positions in the chunk are given beside them, and write their rows."""
        if not records:
            return
        given = self._outside.all_given([r["path"] for r in records], [r["given"] for r in records])
        records = [record | {"given": value} for record, value in zip(records, given, strict=True)]
        batch = pa.RecordBatch.from_pylist(records, schema=RECORDS_SCHEMA)
        tables = transform(batch, self.reference, lambda at: self._on_record(None if at is None else positions[at]))
        if self._files:
            for record in records:
                self._files[file_of(record["path"])]["record_count"] += 1
            for path in tables[DOCUMENTS.name].column("path").to_pylist():
                self._files[file_of(path)]["status"] = "loaded"
        for name, rows in tables.items():
            self._write(name, pa.Table.from_batches([rows]))
        self.on_progress(len(records))

    def refuse(self, record: dict[str, Any], fault: RecordFault) -> None:
        """Note a record that is not transformed."""
        self._refused.append(reject_row(record, fault))
        if self._files:
            self._files[file_of(record["path"])]["record_count"] += 1
        self.on_progress(1)
        if len(self._refused) >= MAXIMUM_BATCH:
            self.add_rejects()

    def add_rejects(self) -> None:
        """Write the records that were refused."""
        self._write(REJECTS.name, pa.Table.from_pylist(self._refused, schema=REJECTS.parsed_schema))
        self._refused = []

    def add_files(self) -> None:
        """Write what is left to be written, and the rows of `files`."""
        self.add_rejects()
        self._write(FILES.name, pa.Table.from_pylist(list(self._files.values()), schema=FILES.parsed_schema))

    def _write(self, name: str, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        self._written += 1
        target = self.folder / f"{self._prefix}{name}-{self._number:06}-{self._written:04}.parquet"
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
