"""Files of many records: JSON Lines, CSV, TSV and Parquet, each with a column that holds a text.

Which column holds what is said by an `etl.intake.Intake`. Whether such a file lies in an archive, or is compressed, is
seen to in `etl.containers`.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import datetime as dt
import io
import json
import re
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import partial
from hashlib import blake2b
from itertools import chain
from typing import IO, Any, NamedTuple, cast

import numpy as np
import pyarrow.parquet as pq

from etl.damage import DAMAGE
from etl.decode import BYTE_ORDER_MARKS, decode
from etl.errors import RecordFault
from etl.intake import Intake
from etl.records import MAPPING, Counter, OnIndex, Record, Share, digest, given_json

LONGEST_ID = 1_000
"""Code points of the longest id that is taken for a record key."""

ROWS = 500
"""Rows of a Parquet file that are held at once."""

ROWS_IN_SUCCESSION = 3
"""Rows of a CSV file with the header's number of cells that are no chance: lines of a text are not so three times."""

MANY_COLUMNS = 4
"""Columns from which on their number alone tells rows from lines of a text."""

# What stands in a key that is no id.
_INDEX_KEY = re.compile(r"#.*")

Opened = Callable[[], IO[bytes]]


class Row(NamedTuple):
    """A record's bytes, its values by column, the encoding that they were in, and what was odd about that."""

    raw: bytes
    values: dict[str, Any]
    encoding: str
    flags: tuple[str, ...] = ()


def read_record_file(
    opened: Opened, name: str, path: str, intake: Intake, counter: Counter, share: Share, on_index: OnIndex
) -> Iterator[Record]:
    """The records of a file of many.

    Args:
        opened: opens it at its beginning, as often as it is called.
        name: its name, without the ending of a compression.
        path: the path of its records.
        intake: says which column holds what.
        counter: of the records of the file that it lies in.
        share: which of those are to be read.
        on_index: told of each of them before it is read.

    Raises:
        RecordFault: it cannot be read any further.
    """
    ending = name.rpartition(".")[2].lower()
    keys = _Keys(_ids(_rows(opened(), ending, intake, is_for_ids=True), intake))
    index = -1
    for index, row in enumerate(_rows(opened(), ending, intake)):
        if share.is_before(counter.value):
            return
        at = counter.take()
        if share.holds(at):
            on_index(at)
            yield _record(row, at, index, path, keys, intake)
    if index < 0:
        raise RecordFault("no_records", "There is no row in it")


def _rows(stream: IO[bytes], ending: str, intake: Intake, is_for_ids: bool = False) -> Iterator[Callable[[], Row]]:
    """Each record of an opened file as a function that parses it, as far as its id goes if no more is wanted.

    Those that nobody wants need not be parsed.
    """
    if ending in ("jsonl", "ndjson"):
        return _json_lines(stream, intake, _json_id if is_for_ids else _json_object)
    if ending == "parquet":
        return _parquet(stream, intake, is_for_ids)
    return _csv(stream, intake, "\t" if ending == "tsv" else None, _csv_id if is_for_ids else _row)


def _record(row: Callable[[], Row], at: int, index: int, path: str, keys: _Keys, intake: Intake) -> Record:
    raw = b""
    key = keys.of(index, None)
    try:
        raw, values, encoding, flags = row()
        key = keys.of(index, _id(values, intake))
        text, found = _mapped(values, intake)
        if isinstance(text, bytes):
            decoded = decode(text, intake.encoding)
            text, encoding, flags = decoded.text, decoded.encoding, decoded.quality_flags
        text, had_halves = whole(text)
        encoded = text.encode()
        if len(encoded) > intake.limits.record_bytes:
            raise RecordFault("too_large", f"Its text has more than {intake.limits.record_bytes:,} bytes")
    except RecordFault as fault:
        return Record(at, path, key, raw or None, digest(raw) if raw else None, fault=fault)
    flags += ("control_characters_removed",) if had_halves else ()
    url, given = found.get("url"), given_json(found, MAPPING)
    return Record(at, path, key, encoded, digest(raw), url, given, "utf-8", flags, source_encoding=encoding)


def _mapped(values: dict[str, Any], intake: Intake) -> tuple[str | bytes, dict[str, str]]:
    """The text of a record, and what else is given of it, by field.

    Raises:
        RecordFault: it has no text.
    """
    column = intake.column_of["text"]
    text = _value(values, column)
    if not isinstance(text, str | bytes):
        have = ", ".join(map(str, list(values)[:20])) or "none"
        what = f"is not there; it has {have}" if text is None else f"holds no text but {_KINDS.get(type(text), 'data')}"
        raise RecordFault("no_text", f"The column {column} {what}"[:500])
    if not text.strip():
        raise RecordFault("no_text", f"The column {column} is empty")
    found = {}
    for name in ("date", "title", "url", "language", "byline"):
        value = _plain(_value(values, intake.column_of[name]))
        if value:
            found[name] = value
    return text, found


_KINDS: dict[type, str] = {bool: "a truth value", int: "a number", float: "a number", list: "a list", dict: "an object"}


def _value(values: dict[str, Any], column: str) -> Any:
    """A column's value; `meta.date` is the `date` within `meta`, where no column has that very name."""
    if column in values:
        return values[column]
    inside: Any = values
    for part in column.split("."):
        inside = inside.get(part) if isinstance(inside, dict) else None
    return inside


def _plain(value: object) -> str | None:
    """A value as text on one line; None where it is none, or made of others."""
    if isinstance(value, list):
        value = "; ".join(part for part in value if isinstance(part, str))
    if isinstance(value, dt.date):
        value = value.isoformat()
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    return " ".join(whole(str(value))[0].split()) or None


def _id(values: dict[str, Any], intake: Intake) -> str | None:
    """A record's own id, if it can be a key."""
    own = _plain(_value(values, intake.column_of["id"]))
    return own if own and len(own) <= LONGEST_ID and own.isprintable() and not _INDEX_KEY.fullmatch(own) else None


_HALF = re.compile("[\ud800-\udfff]")


def whole(text: str) -> tuple[str, bool]:
    """A text without halves of surrogate pairs, which JSON can hold and nothing else; and whether it had any."""
    try:
        # Much faster than to look for them.
        text.encode()
    except UnicodeEncodeError:
        return _HALF.sub("", text), True
    return text, False


def _ids(rows: Iterable[Callable[[], Row]], intake: Intake) -> Iterator[str]:
    # What is wrong with the file, and where, shows when it is read for its records.
    with contextlib.suppress(*DAMAGE, RecordFault):
        for row in rows:
            own = None
            with contextlib.suppress(RecordFault):
                own = _id(row().values, intake)
            if own is not None:
                yield own


class _Keys:
    """Which ids of a file are unique in it. Of each it keeps eight bytes, as there may be millions."""

    def __init__(self, ids: Iterable[str]) -> None:
        marks = np.sort(np.frombuffer(array("Q", map(_mark, ids)) or array("Q"), dtype=np.uint64))
        self._all = marks
        self._twice = np.unique(marks[1:][marks[1:] == marks[:-1]])

    def of(self, index: int, own: str | None) -> str:
        """The key of a record: its own id, or else its index, marked where that is another's id."""
        if own is not None and not _holds(self._twice, own):
            return own
        key = str(index)
        return f"#{index}" if _holds(self._all, key) else key


def _mark(own: str) -> int:
    return int.from_bytes(blake2b(own.encode(), digest_size=8).digest(), "little")


def _holds(marks: np.ndarray[Any, np.dtype[np.uint64]], own: str) -> bool:
    if not len(marks):
        return False
    mark = np.uint64(_mark(own))
    at = int(np.searchsorted(marks, mark))
    return at < len(marks) and bool(marks[at] == mark)


def _json_lines(
    stream: IO[bytes], intake: Intake, parse: Callable[[bytes, str, bool, Intake], Row]
) -> Iterator[Callable[[], Row]]:
    stream, marked = _with_mark(stream)
    encoding = (marked or intake.encoding or "utf-8").removesuffix("-sig")
    lines = _lines(stream, marked, intake.limits.record_bytes)
    first, second = next(lines, b""), next(lines, b"")
    if first.startswith(b"[") and not (second and (_is_object(second) or _is_json(first))):
        raise RecordFault("no_records", "It is one JSON array, not a JSON object on each line")
    for line in chain(filter(None, (first, second)), lines):
        yield partial(parse, line, encoding, bool(marked), intake)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _is_object(line: bytes) -> bool:
    return line.startswith(b"{") and _is_json(line)


def _lines(stream: IO[bytes], encoding: str | None, most: int) -> Iterator[bytes]:
    """The lines of a file that are not blank, in UTF-8 where a byte order mark says that they are in UTF-16 or 32.

    Of one that is too long, only the beginning, which is too long as well.
    """
    if encoding is not None and encoding != "utf-8-sig":
        recoded = io.TextIOWrapper(stream, encoding, HALF, newline="\n")
        pieces: Iterator[tuple[bytes, bool]] = (
            (piece.encode("utf-8", "surrogatepass"), len(piece) > most)
            for piece in iter(lambda: recoded.readline(most + 1), "")
        )
    else:
        pieces = ((piece, len(piece) > most) for piece in iter(lambda: stream.readline(most + 1), b""))
    is_rest = False
    for number, (piece, is_long) in enumerate(pieces):
        has_end = piece.endswith(b"\n")
        if is_rest:
            is_rest = not has_end
            continue
        is_rest = is_long and not has_end
        if is_rest:
            yield piece
            continue
        line = piece.removeprefix(codecs.BOM_UTF8) if number == 0 and encoding == "utf-8-sig" else piece
        if line := line.strip():
            yield line


def _half(error: UnicodeError) -> tuple[str, int]:
    """Half a sign for what is none: UTF-8 has no bytes for it, so that the record shows as one that is not whole."""
    assert isinstance(error, UnicodeDecodeError), "it is for reading"
    return "\ud800", error.end


_WITHOUT_MARK = {
    b"\1\0\1\0": "utf-16-le",
    b"\0\1\0\1": "utf-16-be",
    b"\1\0\0\0": "utf-32-le",
    b"\0\0\0\1": "utf-32-be",
}  # fmt: skip

HALF = "copydesk.half"
codecs.register_error(HALF, _half)


def _with_mark(stream: IO[bytes]) -> tuple[IO[bytes], str | None]:
    """An opened file and what its byte order mark says, or where the NULs of its first two signs stand."""
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    begin = buffered.peek(4)[:4]
    encoding = next((name for mark, name in BYTE_ORDER_MARKS if begin.startswith(mark)), None)
    return buffered, encoding or _WITHOUT_MARK.get(bytes(map(bool, begin)))


_SWITCH = re.compile(rb"\x1b[$(.]|~\{")
"""What ISO-2022 and HZ switch with, within ASCII, to signs of two bytes."""


def _switches(raw: bytes) -> bool:
    # Hardly any text has either of these.
    return (b"\x1b" in raw or b"~{" in raw) and _SWITCH.search(raw) is not None


# Control characters may stand in its strings. A decoder takes longer to be made than to read a line.
_JSON = json.JSONDecoder(strict=False)


def _json_id(line: bytes, encoding: str, is_recoded: bool, intake: Intake) -> Row:
    """An object as far as its id goes: where that is in ASCII, it says the same in whichever encoding the line is."""
    column = intake.column_of["id"]
    if column.isascii() and not (is_recoded or intake.encoding or _switches(line)):
        with contextlib.suppress(ValueError, RecursionError):
            values = _JSON.decode(line.decode("utf-8", "surrogateescape"))
            if isinstance(values, dict) and _is_in_ascii(_value(values, column)):
                return Row(line, values, encoding)
    return _json_object(line, encoding, is_recoded, intake)


def _is_in_ascii(own: object) -> bool:
    return own is None or (isinstance(own, str | int | float) and str(own).isascii())


def _json_object(line: bytes, encoding: str, is_recoded: bool, intake: Intake) -> Row:
    if len(line) > intake.limits.record_bytes:
        raise RecordFault("too_large", f"The line has more than {intake.limits.record_bytes:,} bytes")
    flags: tuple[str, ...] = ()
    if is_recoded:
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise RecordFault("undecodable", f"Not {encoding} throughout") from None
    elif line.isascii() and not _switches(line):
        text = line.decode("ascii")
    else:
        try:
            # What its source names is looked at, and what switches within ASCII.
            text = "" if intake.encoding or _switches(line) else line.decode()
        except UnicodeDecodeError:
            text = ""
        if not text:
            if not (intake.encoding or b"\0" in line or _switches(line) or line.startswith((b"{", codecs.BOM_UTF8))):
                # In none of the encodings that may be found otherwise it would begin as an object does.
                raise RecordFault("malformed", "Not JSON: it does not begin with {")
            decoded = decode(line, intake.encoding)
            text, encoding, flags = decoded.text, decoded.encoding, decoded.quality_flags
    try:
        values = _JSON.decode(text)
    except (ValueError, RecursionError) as error:
        raise RecordFault("malformed", f"Not JSON: {str(error)[:120]}") from None
    if not isinstance(values, dict):
        raise RecordFault("malformed", "The line is JSON, but no object")
    return Row(line, values, encoding, flags)


def _csv(
    stream: IO[bytes],
    intake: Intake,
    delimiter: str | None,
    parse: Callable[[list[str], list[str], str, bool, bool, Intake], Row],
) -> Iterator[Callable[[], Row]]:
    stream, marked = _with_mark(stream)
    encoding = marked or intake.encoding or _switching(stream) or "utf-8"
    is_wide = encoding.startswith(("utf-16", "utf-32"))
    # Bytes that do not fit are taken along, so that they cost their own record and no other.
    lines = io.TextIOWrapper(stream, encoding, HALF if is_wide else "surrogateescape", newline="")
    # Behind the mark, there is none in what follows.
    encoding = encoding.removesuffix("-sig")
    most = intake.limits.record_bytes
    # One cell may hold a whole text.
    csv.field_size_limit(most)
    first = lines.readline(most)
    while first and not first.strip():
        first = lines.readline(most)
    if said := _DELIMITER_SAID.fullmatch(first):
        delimiter, first = said[1], lines.readline(most)
    rows = _CsvRows(lines, first, delimiter or max(",;\t|", key=first.count), most)
    columns: list[str] | None = None
    for found in rows:
        if columns is None:
            if isinstance(found, RecordFault):
                raise found
            columns = [cell.strip() for cell in found]
            rows.width = len(columns)
            rows.probe = _probe(columns, intake)
            if twice := [name for name in intake.column_of.values() if columns.count(name) > 1]:
                raise RecordFault("no_text", f"The column {twice[0]} stands in its header more than once")
            if intake.column_of["text"] not in columns:
                have = ", ".join(columns[:20]).encode("utf-8", "replace").decode()
                raise RecordFault("no_text", f"It has no column {intake.column_of['text']}; it has {have}"[:500])
        elif isinstance(found, RecordFault):
            yield _raising(found)
        else:
            yield partial(parse, columns, found, encoding, is_wide, bool(marked), intake)


def _probe(columns: list[str], intake: Intake) -> int | None:
    beside = [at for at, name in enumerate(columns) if name != intake.column_of["text"]]
    return next((at for at in beside if columns[at] == intake.column_of["id"]), beside[0] if beside else None)


_DELIMITER_SAID = re.compile(r"sep=(.)\s*")
"""What spreadsheet programs write before the header."""


def _switching(stream: IO[bytes]) -> str | None:
    """The encoding of a file that is in ASCII but for what it switches to, by its beginning."""
    begin = cast("io.BufferedReader", stream).peek()
    if not _switches(begin):
        return None
    from etl.unmarked import seven_bit

    found = seven_bit(begin)
    return found.encoding if found is not None else None


_BLANK = re.compile(r"\s")


class _CsvRows:
    """The rows of a CSV file that are not empty, as cells, or what is wrong with one.

    Where a quotation mark is never closed, or stands alone within a cell, nobody can tell for sure where the next row
    begins. It is looked for behind the bad row's first line, and taken to begin where several rows follow one another
    that have as many cells as the header, and ids without blanks if others have none. A line of a text is no row.

    Args:
        lines: the file, behind its first line.
        first: that line.
        delimiter: between cells.
        most: characters of the longest line.

    Attributes:
        width: how many cells a row has to have; None for any.
        probe: the column of ids, or the first one beside the text; None if there is none.
    """

    def __init__(self, lines: io.TextIOWrapper, first: str, delimiter: str, most: int) -> None:
        self.width: int | None = None
        self.probe: int | None = None
        self._lines = lines
        self._delimiter = delimiter
        self._most = most
        self._waiting = deque([first])
        # What the reader has taken for the row at hand.
        self._row: list[str] = []
        self._end = re.compile(rf'(?<!")"(?:"")*(?:{re.escape(delimiter)}|\s*\Z)')
        self._has_blanks = False
        # Characters that have been read, and how many of them again: a file can be made so that each line of it
        # seems to begin a row that goes on to its end.
        self._read = self._again = 0

    def __iter__(self) -> Iterator[list[str] | RecordFault]:
        reader = self._reader()
        is_lost = False
        # While it is: good rows that follow one another, and their lines.
        run: list[list[str]] = []
        run_lines: list[str] = []
        while True:
            self._row.clear()
            found = self._next(reader)
            if found is None:
                yield from run
                return
            if not is_lost:
                is_header = self.width is None
                yield found
                if not isinstance(found, RecordFault):
                    if self.probe is not None and not is_header:
                        self._has_blanks = self._has_blanks or _BLANK.search(found[self.probe]) is not None
                else:
                    is_lost = self._is_doubtful
                    self._put_back(self._row[1:])
                    reader = self._reader()
            elif isinstance(found, RecordFault) or not self._is_like_others(found):
                self._put_back([*run_lines, *self._row][1:])
                run.clear()
                run_lines.clear()
                reader = self._reader()
            else:
                run.append(found)
                run_lines += self._row
                if len(run) == ROWS_IN_SUCCESSION:
                    yield from run
                    is_lost = False
                    run.clear()
                    run_lines.clear()

    def _next(self, reader: Iterator[list[str]]) -> list[str] | RecordFault | None:
        """The next row, or what is wrong with it; None at the end."""
        self._is_doubtful = True
        try:
            while not (cells := next(reader)):
                self._row.clear()
        except StopIteration:
            return None
        except RecordFault as fault:
            self._is_doubtful = False
            return fault
        except csv.Error as error:
            if "field limit" not in str(error):
                return RecordFault("malformed", _complaint(error))
            self._pass_cell()
            self._is_doubtful = False
            return RecordFault("too_large", f"A cell has more than {self._most:,} characters")
        if self.width in (None, len(cells)):
            return cells
        self._is_doubtful = len(self._row) > 1
        return RecordFault("malformed", f"The row has {len(cells)} cells, its header {self.width}")

    def _is_like_others(self, cells: list[str]) -> bool:
        """Whether a row that is found again can be no lines of a text."""
        if self.probe is not None and not self._has_blanks:
            return _BLANK.search(cells[self.probe]) is None
        return len(cells) >= MANY_COLUMNS

    def _pass_cell(self) -> None:
        """Go to the end of a cell that is too large, and of the line where it ends: no line within is a row."""
        self._row.clear()
        while (line := self._lines.readline(self._most + 1)) and not self._end.search(line):
            pass

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._next_lines(), delimiter=self._delimiter, strict=True)

    def _put_back(self, lines: list[str]) -> None:
        length = sum(map(len, lines))
        if self._again + length <= self._read:
            self._again += length
            self._waiting.extendleft(reversed(lines))

    def _next_lines(self) -> Iterator[str]:
        while line := self._waiting.popleft() if self._waiting else self._lines.readline(self._most + 1):
            self._read += len(line)
            self._row.append(line)
            if len(line) > self._most:
                while line and not line.endswith(("\n", "\r")):
                    line = self._lines.readline(self._most)
                raise RecordFault("too_large", f"The line has more than {self._most:,} characters")
            yield line


def _complaint(error: csv.Error) -> str:
    said = str(error)
    if said == "unexpected end of data":
        return "A quotation mark that begins a cell is never closed"
    if said.endswith("expected after '\"'"):
        return "A quotation mark stands within a cell that is in quotation marks, and is not doubled"
    return f"Not CSV: {said}"


def _raising(fault: RecordFault) -> Callable[[], Row]:
    def row() -> Row:
        raise fault

    return row


def _csv_id(columns: list[str], cells: list[str], encoding: str, is_wide: bool, is_marked: bool, intake: Intake) -> Row:
    """A row as far as its id goes: as with lines of JSON, one in ASCII says the same in whichever encoding it is."""
    column = intake.column_of["id"]
    own = cells[columns.index(column)] if column in columns else ""
    if own.isascii() and column.isascii() and not is_wide:
        return Row(b"", {column: own}, encoding)
    return _row(columns, cells, encoding, is_wide, is_marked, intake)


def _row(columns: list[str], cells: list[str], encoding: str, is_wide: bool, is_marked: bool, intake: Intake) -> Row:
    plain = cells
    flags: tuple[str, ...] = ()
    is_whole = not any(map(_HALF.search, cells))
    if is_wide and not is_whole:
        raise RecordFault("undecodable", f"Not {encoding} throughout")
    # What its source names is looked at, too: much of it fits anything.
    if not is_wide and (not is_whole or (intake.encoding and not is_marked and not all(map(str.isascii, cells)))):
        # The whole row tells more of its encoding than its cells do.
        parts = [cell.encode(encoding, "surrogateescape") for cell in cells]
        decoded = decode(b"\n".join(parts), intake.encoding)
        try:
            plain = [part.decode(decoded.encoding) for part in parts]
        except (UnicodeError, LookupError):
            # What is cut in a cell, or mixed, is read as a whole only.
            found = f"Not {encoding}, and as {decoded.encoding} its cells are cut or mixed"
            raise RecordFault("undecodable", found) from None
        encoding, flags = decoded.encoding, decoded.quality_flags
    return Row(json.dumps(cells).encode(), dict(zip(columns, plain, strict=True)), encoding, flags)


def _parquet(stream: IO[bytes], intake: Intake, is_for_ids: bool) -> Iterator[Callable[[], Row]]:
    with pq.ParquetFile(stream, pre_buffer=False, buffer_size=1 << 20) as parquet:
        have = parquet.schema_arrow.names
        wanted = {column.partition(".")[0] for column in intake.column_of.values()} | set(intake.column_of.values())
        columns = [name for name in have if name in wanted]
        if not {intake.column_of["text"], intake.column_of["text"].partition(".")[0]} & set(columns):
            raise RecordFault(
                "no_text", f"It has no column {intake.column_of['text']}; it has {', '.join(have[:20])}"[:500]
            )
        if is_for_ids:
            own = intake.column_of["id"]
            columns = [name for name in columns if name in (own, own.partition(".")[0])]
        for batch in parquet.iter_batches(ROWS, columns=columns, use_threads=False):
            try:
                rows = batch.to_pylist()
            except (*DAMAGE, KeyError):
                # Something in it is no value of Python's. It costs itself only.
                rows = [{name: _as_python(batch.column(name)[at]) for name in columns} for at in range(len(batch))]
            for values in rows:
                yield partial(_parquet_row, values)


def _as_python(scalar: Any) -> Any:
    """A value of Arrow's: as bytes if it is a text that is not UTF-8, and named if Python has no such date."""
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return scalar.as_buffer().to_pybytes()
    except (*DAMAGE, KeyError):
        return f"{scalar.type} {getattr(scalar, 'value', '')}".strip()


def _parquet_row(values: dict[str, Any]) -> Row:
    # It has no bytes of its own.
    return Row(json.dumps(values, default=repr, ensure_ascii=True).encode(), values, "utf-8")
