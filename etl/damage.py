"""What libraries raise for damaged archives and files of records, and how it is said to the user.

Not for plain texts, which need none of it.
"""

from __future__ import annotations

import errno
import lzma
import tarfile
import zipfile
import zlib

import pyarrow as pa

from etl.errors import RecordFault


class Damage(Exception):
    """Damage that was found by ourselves: what it is, in words for the user."""


DAMAGE = (
    Damage, OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException, zipfile.BadZipFile, tarfile.TarError,
    NotImplementedError, RuntimeError, ValueError, OverflowError, LookupError, AttributeError, TypeError,
)  # fmt: skip
"""What libraries raise for damaged input."""

_NOT_EXPANDED = "Its compressed bytes do not expand"
_OTHER = "It does not begin as its name says, or something else stands behind it"
_SHORT = "It ends too early"
_CHECKSUM = "Its checksum is wrong: what comes out is not what was packed"
_DIRECTORY = "Its directory is damaged"
_PLACE = "It is not where the directory of its archive says"
_NUMBER = "A number in a header is none"

# Beginnings of what libraries say, and the same in words for the user.
_DAMAGED = {
    # gzip, bzip2, xz, zstd
    "Error -": _NOT_EXPANDED,
    "Invalid data stream": _NOT_EXPANDED,
    "Corrupt input data": _NOT_EXPANDED,
    "Unknown compression method": _NOT_EXPANDED,
    "ZSTD decompress failed: Unknown frame": _OTHER,
    "ZSTD decompress failed: Restored data": _CHECKSUM,
    "ZSTD": _NOT_EXPANDED,
    "Not a gzipped file": _OTHER,
    "Input format not supported": _OTHER,
    "CRC check failed": _CHECKSUM,
    "Incorrect length of data": _CHECKSUM,
    "Compressed file ended": _SHORT,
    "Truncated compressed stream": _SHORT,
    # zip
    "File is not a zip file": "It has no directory at its end, as a zip has",
    "Bad magic number for central": _DIRECTORY,
    "Truncated central directory": _DIRECTORY,
    "Corrupt ": _DIRECTORY,
    "Bad offset": _DIRECTORY,
    "Bad magic number for file": _PLACE,
    "Truncated file header": _PLACE,
    "Negative seek": _PLACE,
    "File name in directory": "The directory of its archive has another name for it than stands before its bytes",
    "Overlapped entries": "Its bytes are another member's as well",
    "Bad CRC-32": _CHECKSUM,
    # tar
    "Bad checksum": "The checksum of a header is wrong",
    "Invalid header": "What stands in the place of a header is none",
    "Truncated header": "It ends within a header",
    "Empty header": "It ends behind a header that belongs to another",
    "End of file header": "It ends behind a header that belongs to another",
    "Unexpected end of data": "It ends within a member",
    "Maximum recursion depth": "Too many headers belong to one another",
    "Invalid literal for int": _NUMBER,
    "Exceeds the limit": _NUMBER,
    "Not enough values to unpack": "The list of its holes is damaged",
    # Parquet
    "Parquet magic bytes": "It does not begin and end as Parquet does",
}
_UNSUPPORTED = {
    "Memory usage limit exceeded": "To expand it takes too much memory",
    "ZSTD decompress failed: Frame requires too much memory": "To expand it takes too much memory",
    "Invalid or unsupported options": "It is compressed in a way that is not known here",
    "Unsupported integrity check": "Its kind of checksum is not known here",
    "Zipfiles that span": "It is one part of an archive in several",
    "Zip file version": "It is of a version of zip that is not known here",
    "Compressed patched data": "It is a patch, which is no text by itself",
}


def fault_of(error: BaseException) -> RecordFault:
    """The fault of a record that comes of something in `DAMAGE`; what the library said stands nowhere in it."""
    said = str(error).strip()
    if isinstance(error, Damage):
        return RecordFault("damaged", said)
    if isinstance(error, UnicodeError):
        encoding = getattr(error, "encoding", "what it says")
        return RecordFault("damaged", f"Bytes in it are not {encoding}")
    said = said[:1].upper() + said[1:]
    if words := _words(_UNSUPPORTED, said):
        return RecordFault("unsupported", words)
    if isinstance(error, NotImplementedError):
        return RecordFault("unsupported")
    if isinstance(error, EOFError) and not said:
        return RecordFault("damaged", _SHORT)
    if isinstance(error, OSError) and error.errno == errno.EINVAL:
        # A place before the beginning of the file.
        return RecordFault("damaged", _PLACE)
    return RecordFault("damaged", _words(_DAMAGED, said) or "")


def _words(table: dict[str, str], said: str) -> str | None:
    return next((words for begin, words in table.items() if said.startswith(begin)), None)
