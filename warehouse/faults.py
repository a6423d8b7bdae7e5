"""What storage throws at us, as faults that people can read: a full disk, a damaged or unwritable home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from etl.errors import SetupFault
from warehouse.home import Home


@contextmanager
def storage_faults(home: Home) -> Iterator[None]:
    """Turn errors of the file system, of DuckDB, Delta Lake and Arrow on our own files into a set-up fault."""
    import duckdb
    import pyarrow as pa
    from deltalake.exceptions import DeltaError

    try:
        yield
    except SetupFault:
        raise
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        where = getattr(error, "filename", None) or home
        what = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise SetupFault(f"Cannot read or write {where}: {what}. The published warehouse is as it was") from error
    except (DeltaError, pa.ArrowInvalid, duckdb.InvalidInputException, duckdb.SerializationException) as error:
        raise SetupFault(
            f"The home {home} is damaged: {str(error).splitlines()[0]}. The published warehouse is as it was"
        ) from error
