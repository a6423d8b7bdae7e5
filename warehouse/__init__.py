"""Storage and SQL: the home folder, the Delta tables of the lake, publishing, and read-only queries.

Here belongs whatever knows of files of ours and of former runs. How a text is read belongs to `etl`; when runs
happen belongs to `assets`.
"""

from warehouse.connection import connect

__all__ = ["connect"]
