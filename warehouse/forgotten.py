"""The list of what was forgotten: `forgotten.txt` in the home, one SHA-256 of raw record bytes per line.

It is all that is remembered of what was erased, and names nothing. Choosing what goes into it belongs to
`warehouse.forget`, erasing what it names to `warehouse.merge`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from etl.errors import SetupFault
from etl.forgotten import DIGEST_BYTES
from warehouse.home import Home
from warehouse.manifest import Manifest

EXPLANATION = """\
# What was forgotten (`copydesk forget`): the SHA-256 of the bytes of each record, one per line, and nothing else
# about it. What has such bytes is never loaded, whatever its name, and every run erases what of it is still there.
# To take something back: delete its line, then `copydesk retry --reason forgotten`.
# Keep this file when you restore an older backup: without it, what the backup holds comes back.
"""

_LINE = re.compile(rb"[ \t]*([0-9A-Fa-f]{64})?[ \t]*(#.*)?")
_BEFORE = "nothing is loaded before"
_LINE_BYTES = 65
"""Of a line as it is written here: 64 digits and a line end."""


class ListFault(SetupFault):
    """The list is not as it was written, so that nobody can tell what may be loaded.

    Attributes:
        where: the file, and the line if it is one.
        what: was found there.
        advice: what to do.
    """

    def __init__(self, home: Home, what: str, advice: str, line: int | None = None) -> None:
        self.where = home.forgotten.name if line is None else f"{home.forgotten.name}, line {line}"
        self.what = what
        self.advice = advice
        super().__init__(f"{home.folder}/{self.where}: {what}. {advice[0].upper()}{advice[1:]}")


@dataclass(frozen=True)
class Forgotten:
    """What a home has forgotten.

    Attributes:
        content: the digests, 32 bytes each, sorted and without repetitions.
        is_there: whether there is a list at all; an empty one is there.
    """

    content: bytes = b""
    is_there: bool = False

    @cached_property
    def digest(self) -> str:
        """Of the whole list, whatever its order and comments; empty for an empty list."""
        return hashlib.sha256(self.content).hexdigest() if self.content else ""

    def __len__(self) -> int:
        return len(self.content) // DIGEST_BYTES

    def as_arrow(self) -> pa.Array:
        """The digests as fixed-size binary values."""
        return _fixed(self.content)

    def names(self, digests: pa.ChunkedArray) -> pa.ChunkedArray:
        """Which of these digests, in hex, it names: a boolean for each, false for NULL."""
        kind = pa.binary(2 * DIGEST_BYTES)
        listed = pa.FixedSizeBinaryArray.from_buffers(
            kind, len(self), [None, pa.py_buffer(self.content.hex().encode("ascii"))]
        )
        return pc.is_in(digests.cast(pa.binary()).cast(kind), value_set=listed)


def read_forgotten(home: Home) -> Forgotten:
    """The home's list; empty if there is none.

    Raises:
        ListFault: it cannot be read, or a line of it is no digest.
    """
    try:
        text = home.forgotten.read_bytes()
    except FileNotFoundError:
        return Forgotten()
    except OSError as error:
        raise ListFault(home, f"it cannot be read ({error.strerror})", f"make it readable; {_BEFORE}") from None
    digests = pc.unique(_fixed(_parse(home, text)))
    return Forgotten(_bytes(digests.take(pc.sort_indices(digests))), is_there=True)


def require_forgotten(home: Home, published: Manifest | None) -> Forgotten:
    """The home's list, which has to be there if the published version was made with one that named something.

    Raises:
        ListFault: it is gone, cannot be read, or is damaged.
    """
    forgotten = read_forgotten(home)
    if published is not None and published.forgotten and not forgotten.is_there:
        advice = "take the file from a backup, or, if all of that may be loaded again, make an empty one"
        raise ListFault(home, "it is gone, but something was forgotten here", advice)
    return forgotten


def remember(home: Home, digests: pa.ChunkedArray) -> None:
    """Add digests, in hex, to the home's list, so that no crash and no power cut can lose them.

    What stands in it, comments and order included, stays.

    Raises:
        SetupFault: it cannot be written.
    """
    temporary = home.next_forgotten
    try:
        former = home.forgotten.read_bytes() if home.forgotten.exists() else EXPLANATION.encode()
        with temporary.open("wb") as handle:
            handle.write(former if former.endswith(b"\n") or not former else former + b"\n")
            for chunk in digests.chunks:
                handle.writelines(f"{digest}\n".encode("ascii") for digest in chunk.to_pylist())
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(home.forgotten)
        folder = os.open(home.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SetupFault(f"Cannot write {home.forgotten}: {error.strerror}. Nothing was erased") from None


def _parse(home: Home, text: bytes) -> bytes:
    plain = text
    while plain.startswith(b"#"):
        plain = plain.partition(b"\n")[2]
    count = len(plain) // _LINE_BYTES
    # As it is written here, comments first, a million lines are taken at once.
    if len(plain) == count * _LINE_BYTES and plain[_LINE_BYTES - 1 :: _LINE_BYTES] == b"\n" * count:
        with contextlib.suppress(ValueError):
            digests = bytes.fromhex(plain.decode("ascii"))
            if len(digests) == count * DIGEST_BYTES:
                return digests
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        parts = _LINE.fullmatch(line)
        if parts is None:
            advice = f"mend it, or take the file from a backup; {_BEFORE}"
            raise ListFault(home, "a line is a SHA-256 (64 hex digits) or begins with #", advice, number)
        found.append(bytes.fromhex((parts[1] or b"").decode("ascii")))
    return b"".join(found)


def _fixed(content: bytes) -> pa.Array:
    count = len(content) // DIGEST_BYTES
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(DIGEST_BYTES), count, [None, pa.py_buffer(content)])


def _bytes(digests: pa.Array) -> bytes:
    _, values = digests.buffers()
    return bytes(values)[digests.offset * DIGEST_BYTES : (digests.offset + len(digests)) * DIGEST_BYTES]
