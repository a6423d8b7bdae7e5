"""What is said of records outside their files: in their paths, and in a sidecar. As the column `given` has it.

What it means is in `etl.given`; what a file of many records says itself is read in `etl.record_files`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from etl.addresses import file_of
from etl.errors import SetupFault
from etl.intake import GIVEN, Intake
from etl.records import PATH, SIDECAR, digest, given_json
from etl.reference.csv_file import CsvFile, content_of


class Outside:
    """What is said of the records of one source.

    Args:
        intake: of the source.

    Raises:
        SetupFault: the sidecar cannot be read.
    """

    def __init__(self, intake: Intake) -> None:
        self._pattern = intake.path
        self._sidecar = _kept_sidecar(intake.sidecar, intake.sidecar_sha256) if intake.sidecar else {}

    def given(self, path: str, own: str | None) -> str | None:
        """The column `given` of a record: what it says itself comes first, then the sidecar, then the path.

        Args:
            path: of the record.
            own: the column, as its file gives it.
        """
        return self.all_given([path], [own])[0]

    def all_given(self, paths: Sequence[str], own: Sequence[str | None]) -> list[str | None]:
        """`given` of many records at once: an expression takes longer to prepare than to look for in a path."""
        given = list(own)
        if self._sidecar:
            for at, path in enumerate(paths):
                if said := self._sidecar.get(path) or self._sidecar.get(file_of(path)):
                    given[at] = given_json(said, SIDECAR, given[at])
        if self._pattern:
            for at, found in enumerate(_search(paths, self._pattern).to_pylist()):
                if found:
                    given[at] = given_json(found, PATH, given[at])
        return given


def groups_of(expression: str) -> list[str]:
    """The names of the groups of a regular expression over paths, in order.

    It is one of RE2, in Arrow: its time grows as a path's length does and no faster, whatever expression and path are.

    Raises:
        ValueError: it is none; the message says why.
    """
    try:
        return [field.name for field in _search([""], expression).type]
    except (pa.ArrowInvalid, UnicodeEncodeError) as error:
        raise ValueError(str(error).removeprefix("Invalid regular expression: ")) from None


def _search(paths: Sequence[str], expression: str) -> pa.StructArray:
    """What stands in the groups where an expression is first found in each path; null where it is not."""
    return pc.extract_regex(pa.array(paths, pa.string()), expression)


def _kept_sidecar(path: str, sha256: str | None) -> Mapping[str, Mapping[str, str]]:
    """What a sidecar says, read once by a process as long as it stays the same."""
    try:
        found = Path(path).stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    return _read_once(path, sha256, found.st_mtime_ns, found.st_size, found.st_ino)


# A worker takes up chunk after chunk of a source, and reading 200,000 lines takes a second or two. Held are no more
# than those of two sources: they count against the worker's memory.
@lru_cache(maxsize=2)
def _read_once(path: str, *_state: object) -> Mapping[str, Mapping[str, str]]:
    return read_sidecar(path)


def sidecar_digest(path: str) -> str:
    """The SHA-256 of a sidecar, in hex.

    Raises:
        SetupFault: it cannot be read.
    """
    return digest(_content(path))


def read_sidecar(path: str) -> dict[str, dict[str, str]]:
    """What a sidecar says, by path.

    Raises:
        SetupFault: it cannot be read, is no CSV with a column `path`, or names a path twice.
    """
    file = CsvFile(path, Path(path).name, _content(path), ["path"], GIVEN, is_open=True)
    said: dict[str, dict[str, str]] = {}
    for origin, row in file.rows():
        name = row.pop("path")
        if not name:
            raise file.fault(origin.line, "path is empty")
        if name in said:
            raise file.fault(origin.line, f"{name} stands there twice")
        said[name] = {column: value for column, value in row.items() if value}
    return said


def _content(path: str) -> bytes:
    try:
        return content_of(Path(path))
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: str, error: OSError) -> SetupFault:
    return SetupFault(f"Cannot read the sidecar {path}: {error.strerror}. It is named as `sidecar` in copydesk.toml")
