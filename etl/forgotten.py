"""Telling whether a record's bytes are among those that were forgotten, from a file of sorted digests.

What is to be forgotten, and the list that people see, belong to `warehouse.forgotten`.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import overload

DIGEST_BYTES = 32
"""Of a SHA-256."""


class Digests(Sequence[bytes]):
    """SHA-256 digests, sorted and without repetitions, looked up in their file: a million of them cost no memory.

    Args:
        content: the digests, one after the other.
    """

    def __init__(self, content: bytes | mmap.mmap) -> None:
        self._content = content

    def __len__(self) -> int:
        return len(self._content) // DIGEST_BYTES

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        return self._content[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES]

    def __contains__(self, digest: object) -> bool:
        if not isinstance(digest, bytes):
            return False
        at = bisect_left(self, digest)
        return at < len(self) and self[at] == digest


# Once for each worker and run: the file's name has the run's id in it.
@lru_cache(maxsize=1)
def open_digests(location: str) -> Digests:
    """The digests of a file; empty for an empty one."""
    with Path(location).open("rb") as handle:
        if not Path(location).stat().st_size:
            return Digests(b"")
        return Digests(mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ))
