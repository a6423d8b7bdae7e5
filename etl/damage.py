"""What libraries raise for damaged archives and files of records. Not for plain texts, which need none of them."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib

import pyarrow as pa

DAMAGE = (
    OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException, zipfile.BadZipFile, tarfile.TarError,
    NotImplementedError, RuntimeError, ValueError, OverflowError, LookupError, AttributeError, TypeError,
)  # fmt: skip
"""What libraries raise for damaged input."""
