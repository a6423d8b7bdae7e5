"""How a record is addressed by its path: which file of the source it lies in, and where in there.

`2021/feb.zip!/azertac/1.txt` is the member `azertac/1.txt` of the archive `2021/feb.zip`; archives may hold archives.
Names as the operating system has them belong to `etl.sources`, reading what is addressed to `etl.containers`.
"""

from __future__ import annotations

import re

COMPRESSIONS = ("gz", "bz2", "xz", "zst")
"""Endings of compressed files."""

ARCHIVES = r"\.(?:zip|tar|tgz|tbz2?|txz|tzst|tar\.(?:gz|bz2|xz|zst))"
"""Endings of archives, as a regular expression; upper or lower case."""

RECORD_FILES = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")
"""Endings of files of many records."""

_MEMBER = re.compile(rf"(?ais)(.*?{ARCHIVES})!/")

_ARCHIVE = re.compile(rf"(?ai){ARCHIVES}\Z")

FILE_OF = rf"(?is)^(.*?{ARCHIVES})!/.*$"
"""The expression that `file_of` goes by, for DuckDB."""


def file_of(path: str) -> str:
    """The path of the file that a record lies in: up to the outermost archive, or the path itself."""
    found = _MEMBER.match(path) if "!/" in path else None
    return found[1] if found else path


def is_archive(path: str) -> bool:
    """Whether a file is an archive, by its name."""
    return _ARCHIVE.search(path) is not None


def without_compression(path: str) -> str:
    """A path without the ending that says that the file is compressed."""
    name, _, ending = path.rpartition(".")
    return name if ending.lower() in COMPRESSIONS else path


def is_record_file(path: str) -> bool:
    """Whether a file, or what a compressed file expands to, holds many records, by its name."""
    return without_compression(path).lower().endswith(RECORD_FILES)


def is_container(path: str) -> bool:
    """Whether a file has to be opened for its records, by its name: it is an archive, or compressed, or has many."""
    return is_archive(path) or is_record_file(path) or without_compression(path) != path


def member_path(archive: str, name: str) -> str:
    """The path of a member of an archive."""
    return f"{archive}!/{name}"


def marks_member(name: str) -> bool:
    """Whether a file's own name could be taken for the address of a member: `x.zip!/y`, with a folder `x.zip!`."""
    return "!/" in name and _MEMBER.match(name) is not None
