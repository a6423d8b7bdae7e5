"""What a source holds: listing the files below a root that match its patterns, and opening them and nothing else.

Which of them are new or changed is decided where the former state is known, in `warehouse.plan`.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from io import FileIO
from pathlib import Path

from etl.addresses import RECORD_FILES, is_archive, marks_member, without_compression
from etl.errors import RecordFault, SetupFault

DEFAULT_PATTERNS = ("**/*.txt",)
"""What a folder is walked for, upper or lower case."""

RECORD_PATTERNS = tuple(f"**/*{ending}" for ending in RECORD_FILES)
"""Files of many records each."""

_GLOB_SIGNS = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as the listing shows it. There may be millions of these: each has one string of its own.

    Attributes:
        path: below the source's root, with `/` between its parts, as `readable` makes it.
        root: the source's root.
        byte_count: its size.
        mtime_ns: when it was last modified, in nanoseconds since 1970.
        is_outside: whether it is a link that leads out of the source.
        native_path: the path as the operating system has it, where that is another.
    """

    path: str
    root: str
    byte_count: int
    mtime_ns: int
    is_outside: bool = False
    native_path: str | None = None

    @property
    def location(self) -> str:
        """Where it lies. `open_file` opens it."""
        return f"{self.root}/{self.native_path or self.path}"


def list_files(
    root: Path, patterns: Iterable[str], under: str = "", skip: Path | None = None, with_archives: bool = True
) -> Iterator[ListedFile]:
    """The files below a root that match any of the patterns, in no particular order.

    Folders that are links are not entered. Nothing but regular files is listed.

    Args:
        root: the source's folder.
        patterns: as of `matcher`.
        under: walk only this folder below the root.
        skip: a folder that is not entered: the home, if the source contains it.
        with_archives: as of `matcher`.

    Raises:
        SetupFault: a folder cannot be listed, so that its files would seem to be missing.
    """
    matches = matcher(patterns, with_archives)
    top = os.path.realpath(root)
    base = str(root).rstrip("/")
    skipped = os.path.realpath(skip) if skip is not None else ""
    folders = [str(root / under) if under else str(root)]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        # The name first: resolving every folder's path would take longer than listing it.
                        if entry.name != os.path.basename(skipped) or os.path.realpath(entry.path) != skipped:  # noqa: PTH119
                            folders.append(entry.path)
                        continue
                    path = readable(entry.path[len(base) + 1 :])
                    if matches(path) and (listed := _listed(entry, path, base, top)):
                        yield listed
        except OSError as error:
            raise SetupFault(f"Cannot list {readable(folder)}: {error.strerror}") from None


def list_file(root: Path, path: str) -> ListedFile | None:
    """One file below a root, by its path as `ListedFile` has it; None if `list_files` would not come to it."""
    base = str(root).rstrip("/")
    native_path = on_disk(path)
    location = f"{base}/{native_path}"
    try:
        status = Path(location).stat()
        is_entered = enters(root)(path)
    except (OSError, ValueError):
        return None
    if not (is_entered and stat.S_ISREG(status.st_mode)):
        return None
    is_outside = Path(location).is_symlink() and not _is_below(os.path.realpath(location), os.path.realpath(root))
    return _file(path, native_path, base, status, is_outside)


def enters(root: Path) -> Callable[[str], bool]:
    """Whether `list_files` would enter the folder of a path below a root, as a function: no folder is a link.

    Each folder is looked at once: what it tells is true for a short while only.
    """
    top = os.path.realpath(root).rstrip("/")

    @cache
    def is_entered(folder: str) -> bool:
        return not folder or os.path.realpath(f"{top}/{folder}") == f"{top}/{folder}"

    return lambda path: is_entered(on_disk(path).rpartition("/")[0])


_FOLDER = os.O_DIRECTORY | getattr(os, "O_PATH", os.O_RDONLY)
_NO_FOLDER = {errno.ENOTDIR, errno.ELOOP, errno.EMLINK}
"""What systems say of a link that must not be followed."""


def open_file(file: ListedFile) -> FileIO:
    """Open a listed file, unbuffered. Never one outside its root, whatever has become a link since.

    Raises:
        RecordFault: it lies outside now.
        OSError: it cannot be opened, or is not there any more.
    """
    try:
        return FileIO(_open_below(file.root, file.native_path or file.path))
    except OSError as error:
        if error.errno not in _NO_FOLDER:
            raise
    top, location = os.path.realpath(file.root), os.path.realpath(file.location)
    if not _is_below(location, top):
        raise RecordFault("outside_source")
    return FileIO(_open_below(top, location[len(top.rstrip("/")) + 1 :]))


def _open_below(root: str, path: str) -> int:
    """A file's descriptor, got step by step: no folder that was seen can be put in another's place meanwhile."""
    *folders, name = path.split("/")
    at = os.open(root or "/", _FOLDER)
    try:
        for folder in folders:
            above, at = at, os.open(folder, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
            os.close(above)
        # A pipe that has taken the place of a file would not open until somebody writes to it.
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    finally:
        os.close(at)


_TEMPORARY = re.compile(
    r"(?i)(?:^|/)[.][^/]|(?:^|/)[~#][^/]*\Z|\.(?:te?mp|part(?:ial)?|filepart|crdownload|download|swp)(?:\.[^./]+)?\Z"
)


def is_temporary(path: str) -> bool:
    """Whether a file's name, or that of a folder above it, is hidden, or one that programs give while they write."""
    return _TEMPORARY.search(path) is not None


def split_glob(pattern: str) -> tuple[Path, str]:
    """A glob pattern as its deepest fixed folder and the rest."""
    parts = Path(pattern).parts
    fixed = next((at for at, part in enumerate(parts) if _GLOB_SIGNS.search(part)), len(parts) - 1)
    return Path(*parts[:fixed]) if fixed else Path(), "/".join(parts[fixed:])


def is_glob(argument: str) -> bool:
    """Whether an argument holds signs of a glob pattern."""
    return _GLOB_SIGNS.search(argument) is not None


_ESCAPED = {"00": "\ufffd", "21": "!"}
_ESCAPE = "00|21|[89a-f][0-9a-f]"


def readable(name: str) -> str:
    """A file name as text that can be stored; `on_disk` takes it back, so that no two names are stored alike.

    A byte that is not UTF-8 stands as U+FFFD and its two hex digits. A U+FFFD of the name itself stands as it is, but
    as U+FFFD and 00 where what follows would make it look like such a byte. The exclamation mark of a folder `x.zip!`
    stands as U+FFFD and 21: it would make its files look like members of an archive.
    """
    if "\ufffd" in name:
        name = re.sub(f"\ufffd(?={_ESCAPE})", "\ufffd00", name)
    if marks_member(name):
        name = name.replace("!/", "\ufffd21/")
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        # Python holds such a byte as a lone surrogate, 0xDC00 and the byte.
        return re.sub("[\udc80-\udcff]", lambda byte: f"\ufffd{ord(byte[0]) - 0xDC00:02x}", name)
    return name


def on_disk(path: str) -> str:
    """The name that `readable` made a path from, as the operating system has it."""
    if "\ufffd" not in path:
        return path
    return re.sub(f"\ufffd({_ESCAPE})", lambda found: _ESCAPED.get(found[1]) or chr(0xDC00 + int(found[1], 16)), path)


def _file(path: str, native_path: str, root: str, status: os.stat_result, is_outside: bool) -> ListedFile:
    native = None if path == native_path else native_path
    return ListedFile(path, root, status.st_size, status.st_mtime_ns, is_outside, native)


def _listed(entry: os.DirEntry[str], path: str, root: str, top: str) -> ListedFile | None:
    try:
        if not entry.is_file():
            return None
        status = entry.stat()
    except (FileNotFoundError, NotADirectoryError):
        # It vanished between the listing and the look at it.
        return None
    except OSError:
        if entry.is_symlink():
            return None
        # To leave it out would say that it is missing.
        raise
    is_outside = entry.is_symlink() and not _is_below(os.path.realpath(entry.path), top)
    return _file(path, entry.path[len(root) + 1 :], root, status, is_outside)


def _is_below(location: str, top: str) -> bool:
    return location.startswith(top.rstrip("/") + "/")


def matcher(patterns: Iterable[str], with_archives: bool = True) -> Callable[[str], bool]:
    """Whether a path below a root matches any of the patterns, as a function.

    A pattern finds compressed files, too, by their names without the ending, and archives in the folders that it
    leads to, as they may hold such files.

    Args:
        patterns: glob patterns on the path: `*`, `?`, `[...]` within a name, `**/` for any folders.
        with_archives: whether archives that the patterns do not name are found.

    Raises:
        SetupFault: one of them is no glob pattern.
    """
    patterns = list(patterns)
    named = _union(patterns)
    opened = _union([_folder(pattern) + "*" for pattern in patterns if is_glob(_name(pattern))])

    def matches(path: str) -> bool:
        if named.fullmatch(path):
            return True
        if is_archive(path):
            return with_archives and opened.fullmatch(path) is not None
        shorter = without_compression(path)
        return shorter != path and named.fullmatch(shorter) is not None

    return matches


def member_matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a member of an archive is meant by the patterns, in whatever folder of it: their last parts say so.

    Raises:
        SetupFault: one of them is no glob pattern.
    """
    return matcher(member_patterns(patterns))


def member_patterns(patterns: Iterable[str]) -> list[str]:
    """The patterns of the members of archives that are meant, in order."""
    names = {_name(pattern) for pattern in patterns if is_glob(_name(pattern))}
    return [f"**/{name}" for name in sorted(names)] or list(DEFAULT_PATTERNS)


def _folder(pattern: str) -> str:
    return pattern[: len(pattern) - len(_name(pattern))]


def _name(pattern: str) -> str:
    return pattern.rpartition("/")[2]


def _union(patterns: list[str]) -> re.Pattern[str]:
    try:
        return re.compile("|".join(f"(?:{_to_regex(pattern)})" for pattern in patterns) or r"(?!)", re.IGNORECASE)
    except re.error as error:
        raise SetupFault(f"Not a glob pattern: {', '.join(patterns)} ({error})") from None


def _to_regex(pattern: str) -> str:
    out = []
    at = 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            out.append("(?:[^/]+/)*")
            at += 3
        elif pattern[at] == "*":
            out.append("[^/]*")
            at += 1
        elif pattern[at] == "?":
            out.append("[^/]")
            at += 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            inside = pattern[at + 1 : end].replace("\\", r"\\").replace("[", r"\[")
            out.append(f"[^{inside[1:]}]" if inside[0] in "!^" else f"[{inside}]")
            at = end + 1
        else:
            out.append(re.escape(pattern[at]))
            at += 1
    return "".join(out)
