"""How the files of a source are taken in: what its owner says in copydesk.toml, and the limits that hold for all.

Only what is said: reading archives belongs to `etl.containers`, records of a file to `etl.record_files`. Where it is
said, and that it is sensible, is checked in `warehouse.home`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from etl.addresses import is_container
from etl.errors import RecordFault
from etl.sources import DEFAULT_PATTERNS, member_matcher, member_patterns

FIELDS = ("text", "id", "date", "title", "url", "language", "byline")
"""What a mapping of record files names."""

GIVEN = ("date", "title", "url", "language", "byline", "source")
"""What a path or a sidecar can say of a record."""

MAXIMUM_BYTES = 64 * 1024 * 1024
"""Size of the largest text: a book has one or two million bytes."""


@dataclass(frozen=True)
class Limits:
    """What one file of a source may expand to. Beyond it, the rest of it is a reject.

    Attributes:
        record_bytes: bytes of one record.
        expanded_bytes: bytes of all that comes out of one file.
        expansion_ratio: how many times its size, once that is more than `free_bytes`.
        free_bytes: what any file may expand to, however small.
        nesting: archives and compressions within one another.
        members: members of one file.
        path_length: code points of the name of a member.
    """

    record_bytes: int = MAXIMUM_BYTES
    expanded_bytes: int = 1 << 40
    expansion_ratio: int = 200
    free_bytes: int = 256 * 1024 * 1024
    nesting: int = 4
    members: int = 5_000_000
    path_length: int = 1_024

    def check_record(self, byte_count: int) -> None:
        """Check the size of a file that is one record.

        Raises:
            RecordFault: it is too large.
        """
        if byte_count > self.record_bytes:
            raise RecordFault("too_large", f"{byte_count:,} bytes, {self.record_bytes:,} are allowed")


@dataclass(frozen=True)
class Intake:
    """How the files of one source are taken in.

    Attributes:
        patterns: of the source: the last part of each says which members of archives are texts.
        encoding: that of its texts, Python's name of the codec; None to find out.
        fields: for record files, the name of the column that holds each of `FIELDS`; those not named are looked for
            under their own names.
        path: a regular expression, as of `etl.outside.groups_of`, with groups out of `GIVEN`, that is searched for in
            each path; None for none.
        sidecar: absolute path of a CSV file with the columns `path` and some of `GIVEN`; None for none.
        sidecar_sha256: digest of what was in it when the run began.
        limits: what holds for each file.
    """

    patterns: tuple[str, ...] = DEFAULT_PATTERNS
    encoding: str | None = None
    fields: tuple[tuple[str, str], ...] = ()
    path: str | None = None
    sidecar: str | None = None
    sidecar_sha256: str | None = None
    limits: Limits = field(default_factory=Limits)

    @cached_property
    def column_of(self) -> dict[str, str]:
        """The column of each of `FIELDS`."""
        return {name: name for name in FIELDS} | dict(self.fields)

    def is_text(self, name: str) -> bool:
        """Whether a member of an archive is to be read, by its name."""
        return _matcher(self.patterns)(name)

    @property
    def digest(self) -> str:
        """What tells whether files have to be read again: empty where nothing is said.

        Behind a slash stands what tells it of those only that hold other files or many records.
        """
        said = {name: value for name, value in asdict(self).items() if name not in ("patterns", "limits", "sidecar")}
        within = {"patterns": member_patterns(self.patterns), "limits": asdict(self.limits)}
        is_usual = within == {"patterns": member_patterns(DEFAULT_PATTERNS), "limits": asdict(Limits())}
        of_all = _digest(said) if any(said.values()) else ""
        return of_all if is_usual else f"{of_all}/{_digest(within)}"


def is_read_otherwise(path: str, now: str, then: str) -> bool:
    """Whether a file is read in another way now, by its path and the digests of how its source is taken in."""
    (of_all, _, within), (of_all_then, _, within_then) = now.partition("/"), then.partition("/")
    return of_all != of_all_then or (within != within_then and is_container(path))


def _digest(said: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=8).hexdigest()


# Not in an Intake itself, which has to get to other processes.
_matcher: Callable[[tuple[str, ...]], Callable[[str], bool]] = lru_cache(member_matcher)
