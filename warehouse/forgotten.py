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

EXPLANATION = """\
# What was forgotten (`copydesk forget`): the SHA-256 of the bytes of each record, one per line, and nothing else
# about it. What has such bytes is never loaded, whatever its name, and every run erases what of it is still there.
# To take something back: delete its line, then `copydesk retry --reason forgotten`.
# Keep this file when you restore an older backup: without it, what the backup holds comes back.
"""

_LINE = re.compile(rb"[ \t]*([0-9A-Fa-f]{64})?[ \t]*(#.*)?")
_LINE_BYTES = 65
"""Of a line as it is written here: 64 digits and a line end."""


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
        SetupFault: it cannot be read, or a line of it is no digest.
    """
    try:
        text = home.forgotten.read_bytes()
    except FileNotFoundError:
        return Forgotten()
    except OSError as error:
        raise SetupFault(f"Cannot read {home.forgotten}: {error.strerror}") from None
    digests = pc.unique(_fixed(_parse(home, text)))
    return Forgotten(_bytes(digests.take(pc.sort_indices(digests))), is_there=True)


def remember(home: Home, digests: pa.ChunkedArray) -> None:
    """Add digests, in hex, to the home's list, so that no crash and no power cut can lose them.

    What stands in it, comments and order included, stays.

    Raises:
        SetupFault: it cannot be written.
    """
    temporary = home.forgotten.with_name(f".{home.forgotten.name}.new")
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
            raise SetupFault(
                f"{home.forgotten}, line {number}: a line is a SHA-256 (64 hex digits) or begins with #. Mend it, "
                "or take the file from a backup; nothing is loaded before"
            )
        found.append(bytes.fromhex((parts[1] or b"").decode("ascii")))
    return b"".join(found)


def _fixed(content: bytes) -> pa.Array:
    count = len(content) // DIGEST_BYTES
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(DIGEST_BYTES), count, [None, pa.py_buffer(content)])


def _bytes(digests: pa.Array) -> bytes:
    _, values = digests.buffers()
    return bytes(values)[digests.offset * DIGEST_BYTES : (digests.offset + len(digests)) * DIGEST_BYTES]
