"""A record as it comes out of a file, before anything is read in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from etl.addresses import is_archive, is_record_file
from etl.errors import RecordFault

MAPPING, PATH, SIDECAR = "mapping", "path", "sidecar"
"""Where a value comes from that stands outside the text: as in the column `given`."""

OnIndex = Callable[[int], None]
"""Told of each record of a file before it is read, by its index in there."""

BLOCK = 64
"""Records that follow one another and belong to the same share of a file."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file, or what stands in for it where it cannot be had.

    Attributes:
        index: in its file.
        path: as in the column `path`.
        key: as in the column `record_key`.
        raw: the bytes of its text; None where they cannot be had.
        content_sha256: digest of the record's bytes, in hex; that of `raw` where there is nothing else to it.
        url: its address, if a mapping gives it.
        given: the column `given`.
        encoding: that of `raw`, where it is known; None to find out.
        quality_flags: what is odd about it already.
        fault: why it is a reject.
        source_encoding: what its text was in before it was put into `encoding`; None where that is the same.
        is_rest: whether it stands for all that is left of its file.
    """

    index: int
    path: str
    key: str
    raw: bytes | None = None
    content_sha256: str | None = None
    url: str | None = None
    given: str | None = None
    encoding: str | None = None
    quality_flags: tuple[str, ...] = ()
    fault: RecordFault | None = None
    source_encoding: str | None = None
    is_rest: bool = False


@dataclass(frozen=True)
class Share:
    """Which records of a file one chunk is about.

    Attributes:
        number, of: it is one of so many shares, which take turns at blocks of records.
        start, stop: the indexes that it keeps to; `stop` is None for the end of the file.
    """

    number: int = 0
    of: int = 1
    start: int = 0
    stop: int | None = None

    def holds(self, index: int) -> bool:
        """Whether a record is in it."""
        return (
            index >= self.start
            and (self.stop is None or index < self.stop)
            and (self.of == 1 or index // BLOCK % self.of == self.number)
        )

    def is_before(self, index: int) -> bool:
        """Whether none of its records comes at an index or behind it: the file need not be read any further."""
        return self.stop is not None and index >= self.stop

    @property
    def is_last(self) -> bool:
        """Whether what is to be said of the file as a whole is for it to say."""
        return self.number == 0 and self.stop is None

    def key_of_rest(self, path: str, index: int) -> str:
        """The key of what stands for all records of it that would have come.

        No record's own id looks like this, and members of an archive have other paths.

        Args:
            path: of the file.
            index: of the first of them.
        """
        if not is_record_file(path) and (self.is_last or not is_archive(path)):
            return "0"
        return f"#{index}/{self.number}" if self.number else f"#{index}"


WHOLE = Share()
"""All records of a file."""


def given_json(values: Mapping[str, str], origin: str, former: str | None = None) -> str | None:
    """The column `given` with values of one origin in it, beside those that are there; those come first.

    Args:
        values: by field.
        origin: where they come from.
        former: the column as it is.
    """
    entries = {name: {"origin": origin, "value": value} for name, value in values.items() if value}
    if former:
        entries |= json.loads(former)
    return json.dumps(entries, ensure_ascii=False, sort_keys=True) if entries else None


def digest(raw: bytes) -> str:
    """The SHA-256 of some bytes, in hex."""
    return hashlib.sha256(raw).hexdigest()


class Counter:
    """The records of a file so far.

    Attributes:
        value: the index of the next one.
    """

    def __init__(self) -> None:
        self.value = 0

    def take(self) -> int:
        """The index of one more."""
        index = self.value
        self.value += 1
        return index
