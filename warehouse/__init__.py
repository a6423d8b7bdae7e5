"""Storage and SQL: the home folder, the Delta tables of the lake, publishing, and read-only queries.

Here belongs whatever knows of files of ours and of former runs. How a text is read belongs to `etl`; when runs
happen belongs to `assets`. For Python users: `from warehouse import connect`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warehouse.connection import connect

__all__ = ["connect"]


def __getattr__(name: str) -> object:
    # On first use, so that a run with nothing to do need not load DuckDB.
    if name == "connect":
        from warehouse.connection import connect

        return connect
    raise AttributeError(f"module 'warehouse' has no attribute {name!r}")
