"""What storage throws at us, as faults that people can read: a full disk, a damaged or unwritable home."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from etl.errors import SetupFault
from warehouse.home import Home

# By name: importing DuckDB, Delta Lake, Arrow and SQLAlchemy only to name their errors would slow every command down.
_UNUSABLE = {"OSError", "IOException", "OutOfMemoryException", "MemoryError", "FatalException", "TransactionException"}
_RECORDS = {"OperationalError", "DatabaseError"}
"""What SQLite and Postgres throw, in which Dagster keeps its records of runs."""
_DAMAGED = {"DeltaError", "ArrowInvalid", "InvalidInputException", "SerializationException"}

_FULL = re.compile(r"no space left|disk is full|quota exceeded|file too large|os error (28|122|27)\b", re.IGNORECASE)
_FORBIDDEN = re.compile(
    r"read-?only (?!mode)|permission denied|not permitted|unable to open database|os error (30|13|1)\b", re.IGNORECASE
)
_OF_THE_SYSTEM = re.compile(r"os error (?!2\b)\d+")
"""What Delta Lake says of errors of the system; that a file is not there (2) is damage."""
_LITTLE_BYTES = 1 << 20
"""Free space with which an error of input or output is one of space: not all of them say so."""


@contextmanager
def storage_faults(home: Home) -> Iterator[None]:
    """Turn errors of the file system, of DuckDB, Delta Lake, Arrow and Dagster's records into a set-up fault."""
    before = _published(home)
    try:
        yield
    except (SetupFault, BrokenPipeError):
        # Whoever read the output has gone: that is none of storage.
        raise
    except Exception as error:
        if fault := fault_of(home, error, is_published=_published(home) != before):
            raise fault from error
        raise


def fault_of(home: Home, error: BaseException, is_published: bool = False) -> SetupFault | None:
    """The fault that an error of storage is, or that it came from; None if there is none."""
    cause: BaseException | None = error
    while cause is not None:
        names = _names(cause)
        if fault := storage_fault(home, names, _what(cause), getattr(cause, "filename", None), is_published):
            return fault
        cause = cause.__cause__
    return None


def storage_fault(
    home: Home, names: set[str], what: str, where: object = None, is_published: bool = False
) -> SetupFault | None:
    """The fault that an error of storage is; None if it is no such error.

    Args:
        home: whose.
        names: of the error's class and of those above it.
        what: it says.
        where: the file, if it is known.
        is_published: whether the new version was published before it happened.
    """
    end = "The new version is published all the same" if is_published else "The published warehouse is as it was"
    is_ours = bool(names & (_UNUSABLE | _RECORDS | _DAMAGED))
    if is_ours and (_FULL.search(what) or (not names & _DAMAGED and _is_full(home))):
        return SetupFault(f"No space left for {where or home}: {what}. {end}; free some space and run again")
    if is_ours and _FORBIDDEN.search(what):
        return SetupFault(f"Cannot write {where or home}: {what}. {end}; make the home writable, or name another")
    if names & _RECORDS:
        where = home.dagster / "dagster.yaml"
        return SetupFault(f"Dagster cannot work with {where}: {what}. {end}; {home.command('check')} says more")
    if names & _UNUSABLE or (is_ours and _OF_THE_SYSTEM.search(what)):
        return SetupFault(f"Cannot read or write {where or home}: {what}. {end}; {home.command('check')} says more")
    if names & _DAMAGED:
        return SetupFault(f"{home} is damaged: {what}. {end}; {home.command('check')} says what to do")
    return None


def _names(error: BaseException) -> set[str]:
    """The names of an error's class and of those above it, without those that DuckDB shares with other databases."""
    kinds = type(error).__mro__
    if "duckdb" not in type(error).__module__:
        return {kind.__name__ for kind in kinds}
    # What it throws while it reads a damaged Parquet file has no class of its own.
    own = {kind.__name__ for kind in kinds} - _RECORDS
    return own | {"InvalidInputException"} if type(error).__name__ == "Error" else own


def _what(error: BaseException) -> str:
    # SQLAlchemy says much more than what was wrong.
    said = getattr(error, "strerror", None) or str(getattr(error, "orig", None) or error)
    return next(iter(said.strip().splitlines()), type(error).__name__).rstrip(".")


def _is_full(home: Home) -> bool:
    try:
        return shutil.disk_usage(home.folder).free < _LITTLE_BYTES
    except OSError:
        return False


def _published(home: Home) -> str | None:
    try:
        return os.readlink(home.link)  # noqa: PTH115
    except OSError:
        return None
