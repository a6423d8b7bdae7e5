"""What storage throws at us, as faults that people can read: a full disk, a damaged or unwritable home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from etl.errors import SetupFault
from warehouse.home import Home

# By name: importing DuckDB, Delta Lake and Arrow only to name their errors would slow every command down.
_UNUSABLE = {"OSError", "IOException", "OutOfMemoryException"}
_DAMAGED = {"DeltaError", "ArrowInvalid", "InvalidInputException", "SerializationException"}


@contextmanager
def storage_faults(home: Home) -> Iterator[None]:
    """Turn errors of the file system, of DuckDB, Delta Lake and Arrow on our own files into a set-up fault."""
    try:
        yield
    except SetupFault:
        raise
    except Exception as error:
        names = {kind.__name__ for kind in type(error).__mro__}
        what = getattr(error, "strerror", None) or str(error).strip().splitlines()[0]
        where = getattr(error, "filename", None) or home
        if names & _UNUSABLE:
            raise SetupFault(f"Cannot read or write {where}: {what}. The published warehouse is as it was") from error
        if names & _DAMAGED:
            raise SetupFault(f"{home} is damaged: {what}. The published warehouse is as it was") from error
        raise
