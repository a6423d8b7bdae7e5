"""Archives and files of records, made in memory: what tests of reading them need."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Iterable, Mapping

import pyarrow as pa

from etl.containers import read_records
from etl.intake import Intake
from etl.records import Record

COMPRESS = {
    # Without the time, so that the same is the same.
    "gz": lambda raw: gzip.compress(raw, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda raw: pa.Codec("zstd").compress(raw, asbytes=True),
}


def zipped(members: Mapping[str, bytes] | Iterable[tuple[str | zipfile.ZipInfo, bytes]]) -> bytes:
    """A zip file."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in members.items() if isinstance(members, Mapping) else members:
            archive.writestr(name, raw)
    return held.getvalue()


def tarred(members: Mapping[str, bytes] | Iterable[tuple[str | tarfile.TarInfo, bytes]]) -> bytes:
    """A tar file."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for name, raw in members.items() if isinstance(members, Mapping) else members:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return held.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    """A member of a tar file that is a link, or a device."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def read(raw: bytes, path: str, intake: Intake | None = None) -> list[Record]:
    """All records of a file."""
    return list(read_records(io.BytesIO(raw), path, len(raw), intake or Intake()))


def texts(raw: bytes, path: str, intake: Intake | None = None) -> dict[tuple[str, str], str]:
    """The text, or the reason of the reject, of each record by path and key."""
    records = read(raw, path, intake)
    found = {
        (record.path, record.key): f"! {record.fault.reason}" if record.fault else (record.raw or b"").decode()
        for record in records
    }
    assert len(found) == len(records), "no two records have the same path and key"
    return found
