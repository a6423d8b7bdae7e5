"""What a file holds: archives are opened, compressed files expanded, one record after the other.

Nothing is ever written below a name that stands in an archive: names are text, to be shown and stored. What a file of
many records holds, line by line, is read in `etl.record_files`.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import re
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import IO, Any, cast

import pyarrow as pa

from etl.addresses import COMPRESSIONS, is_container, is_record_file, member_path
from etl.damage import DAMAGE, Damage, fault_of
from etl.errors import RecordFault
from etl.intake import Intake, Limits
from etl.record_files import read_record_file
from etl.records import WHOLE, Counter, OnIndex, Record, Share, digest
from etl.sources import readable

BUFFER_BYTES = 1 << 16
"""Bytes that are expanded, and read, at once."""

IN_MEMORY = 16 * 1024 * 1024
"""Bytes up to which an archive inside another is held in memory; a larger one goes to a temporary file."""

_OPEN: dict[str, Callable[[Any], Any]] = {
    "gz": lambda stream: gzip.GzipFile(fileobj=stream, mode="rb"),
    "bz2": lambda stream: contextlib.nullcontext(_Streams(stream, bz2.BZ2Decompressor)),
    "xz": lambda stream: contextlib.nullcontext(_Streams(stream, partial(lzma.LZMADecompressor, memlimit=XZ_BYTES))),
    "zst": lambda stream: pa.input_stream(pa.PythonFile(_Raw(stream), mode="r"), compression="zstd"),
}
_TAR_COMPRESSIONS = {"tgz": "gz", "tbz": "bz2", "tbz2": "bz2", "txz": "xz", "tzst": "zst"}

# Names that Windows takes for devices, whatever folder they are in.
_DEVICE = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)[ .]*(?:[.:].*)?")
# What such names, and those that lead elsewhere, have in them; most names have none of it.
_SUSPECT = re.compile(r"(?i)[\\:\x00-\x1f\x7f-\x9f]|^/|(?:^|/)(?:\.\.|con|prn|aux|nul|com|lpt)")
_HERE = re.compile(r"\A(?:\./)+")
_DRIVE = re.compile(r"[A-Za-z]:|[\\/]")

XZ_BYTES = 256 * 1024 * 1024
"""Memory that xz may take to expand: its strongest setting needs 65 MiB, a header can ask for gigabytes."""

HEADER_BYTES = 16 * 1024
"""Size of the largest extended header of a tar: the name of a member, and what systems note of it."""

PIECE_BYTES = 32
"""Compressed bytes that are expanded at once where the library cannot be told how much may come out: a block of bzip2,
which may become 46 MB."""

_ZEROS = b"\0" * tarfile.BLOCKSIZE
_ENCRYPTED = 1 | 1 << 6
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_METHOD_NAMES = {1: "shrink", 6: "implode", 9: "deflate64", 93: "zstd", 95: "xz", 98: "PPMd"}
_MEMBER_MARK, _WIDE_END_MARK = b"PK\x03\x04", b"PK\x06\x06"
_HEADER = struct.Struct("<26sHH")
_FORMAT, _REGULAR, _FOLDER = 0o170000, 0o100000, 0o040000


def read_records(
    stream: IO[bytes],
    path: str,
    byte_count: int,
    intake: Intake,
    share: Share = WHOLE,
    spool: str | None = None,
    on_index: OnIndex = lambda _: None,
    on_read: Callable[[], None] = lambda: None,
) -> Iterator[Record]:
    """The records of a file, in their order there.

    What is wrong with one record costs that record. What is wrong with the file ends it, with a record that stands for
    all that would have come.

    Args:
        stream: the file, opened; seekable.
        path: of the file, below its root.
        byte_count: its size.
        intake: how its source is taken in.
        share: which records are to be read; the others are passed over as cheaply as can be.
        spool: folder for temporary files; the system's by default.
        on_index: told of each record before it is read.
        on_read: told of each piece of the file that is read, also where there is no record in it for a long time.

    Raises:
        OSError: the file itself cannot be read.
    """
    return _Reader(byte_count, intake, share, spool, on_index).file(_Raw(stream, on_read), path)


class _UnreadableFile(Exception):
    """The file that lies on disk cannot be read, whatever is in it.

    Attributes:
        error: what the system said.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class _Raw(io.RawIOBase):
    """A file whose own errors are told from those of what is in it."""

    def __init__(self, stream: IO[bytes], on_read: Callable[[], None] = lambda: None) -> None:
        self._stream = stream
        self._on_read = on_read

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._on_read()
        try:
            return int(cast("io.RawIOBase", self._stream).readinto(buffer) or 0)
        except OSError as error:
            raise _UnreadableFile(error) from error

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


class _Expanding(io.RawIOBase):
    """What comes out of a decompressor, counted."""

    def __init__(self, stream: Any, budget: _Budget) -> None:
        self._stream = stream
        self._read = stream.read if isinstance(stream, pa.NativeFile) else stream.read1
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # No more than comes out at once: what comes before some damage would be lost with it.
        block = self._read(min(len(buffer), BUFFER_BYTES))
        self._budget.spend(len(block))
        buffer[: len(block)] = block
        return len(block)


class _Streams:
    """Expands bzip2 or xz: streams that follow one another, with nothing but zeros between and behind them.

    The library's own classes take whatever is no stream for the end. And of memory for xz they have no limit.
    """

    def __init__(self, stream: IO[bytes], new: Callable[[], lzma.LZMADecompressor | bz2.BZ2Decompressor]) -> None:
        self._stream = stream
        self._new = new
        self._decompressor = new()

    def read1(self, size: int) -> bytes:
        """Some of what comes out, up to so many bytes; none at the end."""
        while True:
            data = b""
            if self._decompressor.eof:
                data = self._decompressor.unused_data.lstrip(b"\0")
                while not data:
                    if not (data := self._stream.read(BUFFER_BYTES)):
                        return b""
                    data = data.lstrip(b"\0")
                self._decompressor = self._new()
            elif self._decompressor.needs_input and not (data := self._stream.read(BUFFER_BYTES)):
                raise Damage("It ends before its end mark")
            if block := self._decompressor.decompress(data, size):
                return block


class _Budget:
    """What has come out of a file, and what may."""

    def __init__(self, byte_count: int, limits: Limits) -> None:
        by_ratio = max(byte_count * limits.expansion_ratio, limits.free_bytes)
        self._most = min(by_ratio, limits.expanded_bytes)
        self._reason = "" if self._most < by_ratio else f", {limits.expansion_ratio} times its size"
        self._most_members = limits.members
        self.spent = 0
        self._members = 0

    def spend(self, count: int) -> None:
        """Count bytes that have come out.

        Raises:
            RecordFault: they are too many.
        """
        self.spent += count
        if self.spent > self._most:
            raise RecordFault("over_limit", f"It expands to more than {self._most:,} bytes{self._reason}")

    def count_member(self) -> None:
        """Count a member.

        Raises:
            RecordFault: it is one too many.
        """
        self._members += 1
        if self._members > self._most_members:
            raise RecordFault("over_limit", f"It has more than {self._most_members:,} members")


class _Reader:
    """Reads one file, from the outside in."""

    def __init__(self, byte_count: int, intake: Intake, share: Share, spool: str | None, on_index: OnIndex) -> None:
        self._byte_count = byte_count
        self._intake = intake
        self._limits = intake.limits
        self._share = share
        self._spool = spool
        self._on_index = on_index
        self._budget = _Budget(byte_count, intake.limits)
        self._counter = Counter()
        # Hashes of their paths, and how often those stand there that do so more than once.
        self._paths: set[int] = set()
        self._again: dict[str, int] = {}

    def file(self, stream: io.RawIOBase, path: str, depth: int = 0) -> Iterator[Record]:
        """The records of the file itself, or of a member that may hold more than one."""
        before = self._counter.value
        try:
            if not self._byte_count:
                raise RecordFault("empty")
            if depth > self._limits.nesting:
                raise RecordFault("over_limit", f"It lies {depth} archives deep, {self._limits.nesting} are allowed")
            with ExitStack() as stack:
                yield from self._contents(stream, path, depth, stack)
            if self._counter.value == before:
                raise RecordFault("no_records", "Nothing in it is a text of its source")
        except RecordFault as fault:
            yield from self._rest(path, fault, depth, before)
        except _UnreadableFile as error:
            if depth:
                raise
            raise error.error from None
        except MemoryError:
            if not depth:
                raise
            # A worker that dies of it cannot tell which member it was.
            yield from self._rest(path, _NO_ROOM, depth, before)
        except DAMAGE as error:
            yield from self._rest(path, fault_of(error), depth, before)

    def _rest(self, path: str, fault: RecordFault, depth: int, before: int) -> Iterator[Record]:
        """What stands for all that would have come."""
        index = self._counter.take()
        if fault.reason in ("damaged", "over_limit"):
            loaded = "What could be read of it is loaded" if index > before else "Nothing of it is loaded"
            fault = RecordFault(fault.reason, f"{fault.detail}. {loaded}" if fault.detail else loaded)
        key = "0" if index == before else WHOLE.key_of_rest(path, index - before)
        if not depth or self._share.holds(index):
            yield Record(index, path, key, fault=fault, is_rest=not depth)

    def _contents(self, stream: io.RawIOBase, path: str, depth: int, stack: ExitStack) -> Iterator[Record]:
        compression, name = _inner_name(path)
        if name.endswith(".zip"):
            yield from self._zip(self._seekable(stream, compression, stack), path, depth)
        elif name.endswith(".tar"):
            yield from self._tar(self._expanded(stream, compression, stack), path, depth)
        elif is_record_file(name):
            # Twice over, where it has to be seen which of the ids are unique.
            open_again = self._seekable if name.endswith(".parquet") else self._buffered
            spent = self._budget.spent

            def opened() -> IO[bytes]:
                self._budget.spent = spent
                return open_again(stream, compression, stack)

            yield from read_record_file(opened, name, path, self._intake, self._counter, self._share, self._on_index)
        else:
            yield from self._text(path, "0", None, lambda: self._buffered(stream, compression, stack))

    def _text(
        self, path: str, key: str, fault: RecordFault | None, opened: Callable[[], IO[bytes] | None]
    ) -> Iterator[Record]:
        """A record that is a text, or what is wrong with it."""
        index = self._counter.take()
        if not self._share.holds(index):
            return
        self._on_index(index)
        raw = None
        if fault is None:
            try:
                with cast("IO[bytes]", opened()) as stream:
                    raw = stream.read(self._limits.record_bytes + 1)
            except DAMAGE as error:
                fault = fault_of(error)
            else:
                if len(raw) > self._limits.record_bytes:
                    fault = RecordFault("too_large", f"More than {self._limits.record_bytes:,} bytes")
        if fault is not None:
            yield Record(index, path, key, fault=fault)
        else:
            assert raw is not None, "it was read"
            yield Record(index, path, key, raw, digest(raw))

    def _expanded(self, stream: io.RawIOBase, compression: str | None, stack: ExitStack) -> io.RawIOBase:
        """What comes out of a file's compression, from its beginning; to close it does not close the file."""
        stream.seek(0)
        if compression is None:
            return _Raw(cast("IO[bytes]", stream))
        return _Expanding(stack.enter_context(_OPEN[compression](stream)), self._budget)

    def _buffered(self, stream: io.RawIOBase, compression: str | None, stack: ExitStack) -> IO[bytes]:
        return cast("IO[bytes]", io.BufferedReader(self._expanded(stream, compression, stack), BUFFER_BYTES))

    def _seekable(self, stream: io.RawIOBase, compression: str | None, stack: ExitStack) -> IO[bytes]:
        """The same, as a file in which one can go back."""
        opened = self._buffered(stream, compression, stack)
        return opened if compression is None else self._spooled(opened, stack)

    def _spooled(self, stream: IO[bytes], stack: ExitStack) -> IO[bytes]:
        held = stack.enter_context(tempfile.SpooledTemporaryFile(IN_MEMORY, dir=self._spool))  # noqa: SIM115
        while block := stream.read(BUFFER_BYTES):
            try:
                held.write(block)
            except OSError as error:
                # No room for it: that is no fault of what is in it.
                raise _UnreadableFile(error) from error
        held.seek(0)
        return cast("IO[bytes]", held)

    def _zip(self, stream: IO[bytes], path: str, depth: int) -> Iterator[Record]:
        with zipfile.ZipFile(stream) as archive:
            for info in archive.infolist():
                if self._share.is_before(self._counter.value):
                    return
                self._budget.count_member()
                name = _zip_name(info)
                fault = None
                if info.flag_bits & _ENCRYPTED:
                    fault = RecordFault("encrypted")
                elif (info.external_attr >> 16) & _FORMAT not in (0, _REGULAR, _FOLDER):
                    fault = _LINK
                elif info.compress_type not in _METHODS:
                    method = f"{info.compress_type}, {_METHOD_NAMES.get(info.compress_type, 'without a name')}"
                    fault = RecordFault("unsupported", f"It is compressed by zip's method {method}")
                if not self._intake.is_text(name) and self._intake.is_text(_name_at(stream, info)):
                    fault = _RENAMED
                if fault is None and info.is_dir():
                    continue
                yield from self._member(path, name, fault, depth, _zip_opener(archive, info), info.file_size)
            if missing := _missing(stream, archive):
                raise Damage(missing)

    def _tar(self, stream: io.RawIOBase, path: str, depth: int) -> Iterator[Record]:
        blocks = _TarBlocks(stream)
        with _Tar(fileobj=cast("IO[bytes]", blocks), tarinfo=_TarInfo) as archive:
            while not self._share.is_before(self._counter.value):
                if (info := _next_member(archive, blocks)) is None:
                    return
                self._budget.count_member()
                if not info.isdir():
                    fault = None if info.isreg() else _LINK
                    # Holes stand nowhere; what else there is has been counted as it came out.
                    claim = info.size if info.issparse() else 0
                    yield from self._member(path, info.name, fault, depth, _tar_opener(archive, info), claim)
                blocks.seek(cast("Any", archive).offset)

    def _member(
        self, archive: str, name: str, fault: RecordFault | None, depth: int, opened: Callable[[], Any], claim: int
    ) -> Iterator[Record]:
        """The records of one member, or what is wrong with it.

        Args:
            archive: the path of the archive.
            name: of the member, as it stands there.
            fault: what is wrong with it, as far as its header says so.
            depth: of the archive, in others.
            opened: opens it.
            claim: bytes that its header says will come out of it, beside those that are counted as they do.
        """
        if len(name) <= self._limits.path_length:
            name = _HERE.sub("", name)
        if unsafe := _unsafe(name, self._limits.path_length):
            fault = RecordFault("unsafe_member", unsafe)
        if fault not in (_LINK, _RENAMED) and not unsafe and not self._intake.is_text(name):
            return
        if fault is None:
            if claim > self._limits.record_bytes and not is_container(name):
                most = self._limits.record_bytes
                fault = RecordFault("too_large", f"Its archive says that it has {claim:,} bytes, {most:,} are allowed")
            else:
                # As it says, and no more than that comes out: so every share of the file comes to the same.
                self._budget.spend(claim)
        path, key = self._placed(member_path(archive, readable(name)))
        if fault is None and is_container(name):
            while key != "0":
                # Its records would have the addresses of those in the first one.
                path, key = self._placed(member_path(archive, f"#{key}/{readable(name)}"))
            with ExitStack() as stack:
                try:
                    held = self._spooled(stack.enter_context(opened()), stack)
                except MemoryError:
                    fault = _NO_ROOM
                except DAMAGE as error:
                    fault = fault_of(error)
                else:
                    yield from self.file(_Raw(held), path, depth + 1)
                    return
        yield from self._text(path, key, fault, opened)

    def _placed(self, path: str) -> tuple[str, str]:
        """A member's path, and its key: 0, or how many members of the same path come before it."""
        mark = hash(path)
        if mark not in self._paths:
            self._paths.add(mark)
            return path, "0"
        self._again[path] = self._again.get(path, 0) + 1
        return path, str(self._again[path])


_LINK = RecordFault("unsafe_member", "It is a link or a device")
_RENAMED = RecordFault("damaged", "The directory of its archive has another name for it than stands before its bytes")
_NO_ROOM = RecordFault("too_large", "To open it takes more memory than load.worker_memory allows")


def _opener(open_member: Callable[[Any], Any], info: Any) -> Callable[[], Any]:
    return lambda: open_member(info)


def _zip_opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], Any]:
    if info.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        return lambda: io.BufferedReader(_InPieces(archive.open(info)), BUFFER_BYTES)
    return _opener(archive.open, info)


class _InPieces(io.RawIOBase):
    """A member of a zip whose compressed bytes are handed to the decompressor in small pieces.

    The library expands all that it has read of it at once, however much that becomes, unless it is deflated.
    """

    def __init__(self, member: Any) -> None:
        self._member = member
        self._member.MIN_READ_SIZE = PIECE_BYTES

    def close(self) -> None:
        self._member.close()
        super().close()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._member.read1(min(len(buffer), PIECE_BYTES))
        buffer[: len(block)] = block
        return len(block)


def _tar_opener(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], Any]:
    # What the library gives takes longer to be made than to be read from; sparse files need it.
    return _opener(archive.extractfile, info) if info.issparse() else _opener(partial(_TarMember, archive), info)


class _TarBlocks:
    """The bytes of a tar, from its beginning to its end: what the library reads from.

    Its own class for that goes on reading at the end of a file, for as many bytes as a member says it has.
    """

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = io.BufferedReader(stream, BUFFER_BYTES)
        self._at = 0
        self._block = b""

    def tell(self) -> int:
        return self._at

    def read(self, size: int) -> bytes:
        # Behind zeros, the first that is asked for is a header: a block.
        block, self._block = self._block or self._stream.read(size), b""
        self._at += len(block)
        return block

    def pass_zeros(self) -> bool:
        """Pass over blocks of zeros, and say whether anything else stands behind them, if only a part of one."""
        while (block := self.read(tarfile.BLOCKSIZE)) == _ZEROS:
            pass
        self._block = block
        self._at -= len(block)
        return bool(block)

    def seek(self, offset: int) -> None:
        """Pass over what comes before an offset.

        Raises:
            Damage: the file does not go that far, or has been read beyond it.
        """
        if offset < self._at:
            raise Damage("A member says that it ends before it begins")
        while left := offset - self._at:
            if not self.read(min(left, BUFFER_BYTES)):
                raise Damage("It ends within a member, or the member says that it is longer than it is")


class _Tar(tarfile.TarFile):
    """A tar whose members are read one by one: the library keeps them all, and takes a damaged header for the end."""

    def next(self) -> None:
        """Nothing: it is asked for the first one when a tar is opened."""


def _next_member(archive: tarfile.TarFile, blocks: _TarBlocks) -> tarfile.TarInfo | None:
    """The header of the next member; None behind the last one.

    The end mark, blocks of zeros, is not taken for the end: another tar may follow. And what is compressed has to be
    read to its end for its checksum.

    Raises:
        Damage: there may be more of them, but the file ends.
        tarfile.TarError: what stands there is no header.
    """
    try:
        try:
            info = _TarInfo.fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            if not blocks.pass_zeros():
                return None
            info = _TarInfo.fromtarfile(archive)
    except tarfile.EmptyHeaderError:  # type: ignore[attr-defined]
        raise Damage("It ends without its end mark") from None
    if info.size < 0:
        raise Damage("A member says that it has less than no bytes")
    return info


class _TarInfo(tarfile.TarInfo):
    """A member's header. The library reads extended ones whole, and takes quadratic time for some."""

    def _check(self) -> None:
        if not 0 <= self.size <= HEADER_BYTES:
            raise Damage(f"A header of {self.size:,} bytes; {HEADER_BYTES:,} are allowed")

    def _proc_pax(self, archive: tarfile.TarFile) -> Any:
        self._check()
        return cast("Any", super())._proc_pax(archive)

    def _proc_gnulong(self, archive: tarfile.TarFile) -> Any:
        self._check()
        return cast("Any", super())._proc_gnulong(archive)


class _TarMember(io.RawIOBase):
    """The bytes of a member of a tar that is read from its beginning to its end."""

    def __init__(self, archive: Any, info: tarfile.TarInfo) -> None:
        self._stream = archive.fileobj
        self._stream.seek(info.offset_data)
        self._left = info.size

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes; all that are left, if none are named."""
        count = self._left if size < 0 else min(size, self._left)
        block: bytes = self._stream.read(count)
        if len(block) < count:
            raise Damage("It ends within a member")
        self._left -= count
        return block


def _inner_name(path: str) -> tuple[str | None, str]:
    """The compression of a file, and its name in lower case without the ending that says so."""
    name, _, ending = path.lower().rpartition(".")
    if ending in _TAR_COMPRESSIONS:
        return _TAR_COMPRESSIONS[ending], f"{name}.tar"
    return (ending, name) if ending in COMPRESSIONS else (None, path.lower())


def _zip_name(info: zipfile.ZipInfo) -> str:
    """A member's name: many programs write UTF-8 without saying so."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _name_at(stream: IO[bytes], info: zipfile.ZipInfo) -> str:
    """The name that stands before a member's bytes; empty if nothing of the kind is there."""
    stream.seek(max(info.header_offset, 0))
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size or not header.startswith(_MEMBER_MARK):
        return ""
    return stream.read(_HEADER.unpack(header)[-2]).decode("utf-8", "replace")


def _missing(stream: IO[bytes], archive: zipfile.ZipFile) -> str | None:
    """Why there may be members in a zip that its directory does not name; None if there are none.

    The library reads a directory for as many bytes as it says it has, and does not compare its members with their
    number.
    """
    end = cast("Any", zipfile)._EndRecData(stream)
    is_wide, count, have = end[0] == _WIDE_END_MARK, end[4], len(archive.filelist)
    # Two bytes hold it in a short one, which many programs count through.
    if count != (have if is_wide else have % 0x10000) and (is_wide or count != 0xFFFF or have < count):
        return f"Its directory says that it has {count:,} members, and has {have:,}"
    stream.seek(0)
    if stream.read(4) == _MEMBER_MARK and min((info.header_offset for info in archive.filelist), default=1) > 0:
        return "Before the members in its directory there are others, such as those of another archive"
    return None


def _unsafe(name: str, longest: int) -> str | None:
    """What is wrong with a member's name; None if nothing is."""
    if len(name) > longest:
        return f"Its name has {len(name):,} characters, {longest:,} are allowed"
    if name and not _SUSPECT.search(name):
        return None
    parts = re.split(r"[\\/]", name)
    if ".." in parts or _DRIVE.match(name):
        return "Its name leads out of the archive"
    if any(_DEVICE.fullmatch(part) for part in parts):
        return "Its name is that of a device"
    if not name or any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in name):
        return "Its name holds control characters" if name else "It has no name"
    return None
