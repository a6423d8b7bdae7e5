"""Queries that come from anywhere: one SELECT that reads the published tables and nothing else, and ends.

Python users, who are trusted with their own files, have `warehouse.connection.connect` instead.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import duckdb

from warehouse.connection import connect
from warehouse.home import Home
from warehouse.limits import Limits, Overtime, Watch
from warehouse.scan import literal, literal_glob, scanned

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 256
"""Rows that are taken at once: texts may be long."""

BATCH_ROWS = 1_024
"""The same where they stay in Arrow."""

USUAL = Limits()

_INTERRUPTED = re.compile("INTERRUPT Error|Query interrupted")
"""How DuckDB's error begins where Ctrl-C has ended a query."""


class UnsafeQuery(Exception):
    """A query that is refused, or ended because it takes too much; the message says why."""


class Answer:
    """What a query gives, not yet computed. Once, and either as rows or as batches.

    Attributes:
        names: of its columns, no two of them alike.
        resting: what takes the rows may take its time within.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, query: str, watch: Watch, limits: Limits) -> None:
        self._connection = connection
        self._watch = watch
        self._limits = limits
        self.resting = watch.resting
        with self._working():
            self._query = only_select(query)
            self._relation = connection.sql(self._query)
            self.names = _unlike(self._relation.columns)
            self._types = [kind.id for kind in self._relation.types]

    def rows(self) -> Iterator[tuple[object, ...]]:
        """The rows, as DuckDB makes them; an infinite date or time as text: Python has none.

        Raises:
            UnsafeQuery: DuckDB refuses the query, or it takes more than it may.
        """
        with self._working():
            self._connection.execute(self._with_infinities())
        while True:
            with self._working():
                rows = self._connection.fetchmany(ROWS)
            if not rows:
                return
            yield from rows

    def batches(self) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The schema, and the rows in batches. Raises UnsafeQuery as `rows` does, here and while they are taken."""
        import pyarrow as pa

        with self._working():
            reader = self._relation.to_arrow_reader(BATCH_ROWS)
        schema = pa.schema([field.with_name(name) for field, name in zip(reader.schema, self.names, strict=True)])
        return schema, self._batches(reader, schema)

    def _batches(self, reader: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        while True:
            with self._working():
                batch = next(reader, None)
            if batch is None:
                return
            yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)

    def _with_infinities(self) -> str:
        """The query, with infinite dates and times as text: Python is given its last day instead."""
        if not any(map(_may_be_infinite, self._types)):
            return self._query
        columns = []
        for number, kind in enumerate(self._types, 1):
            column = f"#{number}"
            if _may_be_infinite(kind):
                either = f"UNION(v {kind}, t VARCHAR)"
                column = (
                    f"CASE WHEN isinf({column}) THEN union_value(t := {column}::VARCHAR)::{either} "
                    f"ELSE union_value(v := {column})::{either} END"
                )
            columns.append(column)
        # On lines of its own: it may end with a comment.
        return only_select(f"SELECT {', '.join(columns)} FROM (\n{self._query}\n)")

    @contextmanager
    def _working(self) -> Iterator[None]:
        try:
            with self._watch.working():
                yield
        except Overtime:
            raise UnsafeQuery(overtime(self._limits)) from None
        except MemoryError:
            raise UnsafeQuery(_too_large(self._limits)) from None
        except duckdb.Error as error:
            if _is_damage(error):
                raise
            raise self._refusal(str(error)) from None
        except (OSError, RuntimeError, ValueError) as error:
            # What DuckDB says, handed on by Arrow and by Python.
            raise self._refusal(str(error)) from None

    def _refusal(self, said: str) -> BaseException:
        if _INTERRUPTED.match(said):
            return KeyboardInterrupt()
        if "Out of Memory Error" in said:
            return UnsafeQuery(_too_much_disk(self._limits) if "temp_directory" in said else _too_large(self._limits))
        return UnsafeQuery(said.strip())


@contextmanager
def ask(
    home: Home,
    query: str,
    limits: Limits = USUAL,
    as_of: str | None = None,
    is_asked_to_end: Callable[[], bool] = lambda: False,
    on_stuck: Callable[[bool], None] = lambda _: None,
) -> Iterator[Answer]:
    """Ask the published version, or a retained former one, one SELECT (also DESCRIBE, SUMMARIZE, SHOW, FROM, VALUES).

    Args:
        home: whose.
        query: untrusted.
        limits: what it may take.
        as_of: see `connect`.
        is_asked_to_end, on_stuck: see `Watch`.

    Raises:
        UnsafeQuery: it is not exactly one, or DuckDB refuses it, or it takes more than it may.
        SetupFault: nothing has been published there, or no such version is retained.
    """
    with ExitStack() as stack:
        # Not beside the database, where DuckDB would put it: the home may be someone else's.
        folder = tempfile.mkdtemp(prefix="copydesk-sql-")
        clear = partial(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(clear)
        connection = stack.enter_context(connect(home.folder, as_of))
        _lock(connection, limits, folder)

        def give_up(is_asked: bool) -> None:
            clear()
            on_stuck(is_asked)

        watch = stack.enter_context(Watch(limits.seconds, connection.interrupt, is_asked_to_end, give_up))
        yield Answer(connection, query, watch, limits)


def _lock(connection: duckdb.DuckDBPyConnection, limits: Limits, folder: str) -> None:
    """Let a connection read the files that its views name, take what it may take, and change none of that."""
    views = connection.execute("SELECT sql FROM duckdb_views() WHERE NOT internal").fetchall()
    # Not the lake's folder: it holds what other versions show, too, and what a run is about to write.
    files = {path for (query,) in views for path in scanned(query)}
    paths = sorted({spelling for path in files for spelling in (path, literal_glob(path))})
    for setting, value in {
        "memory_limit": literal(f"{limits.memory}B"),
        "temp_directory": literal(folder),
        "max_temp_directory_size": literal(f"{limits.disk}B"),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        # Else a table may be whatever Python has a variable for.
        "python_enable_replacements": "false",
        "allowed_paths": f"[{', '.join(map(literal, paths))}]",
        "enable_external_access": "false",
        "lock_configuration": "true",
    }.items():
        connection.execute(f"SET {setting} = {value}")


def only_select(query: str) -> str:
    """The one SELECT that a query is, without what may stand behind it.

    Raises:
        UnsafeQuery: it is none.
    """
    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error as error:
        raise UnsafeQuery(str(error).strip()) from None
    if len(statements) != 1:
        raise UnsafeQuery(f"One statement at a time, not {len(statements)}")
    text = statements[0].query
    if statements[0].type != duckdb.StatementType.SELECT:
        kind = str(statements[0].type).rpartition(".")[2]
        if kind == "MULTI":
            raise UnsafeQuery("A PIVOT has to say which values become columns: ON language IN ('en', 'fr')")
        raise UnsafeQuery(f"Only SELECT and the like can be run here, not {kind}")
    end = None
    for start, token in reversed(duckdb.tokenize(text)):
        if token == duckdb.token_type.comment:
            continue
        if text.encode()[start : start + 1] != b";":
            break
        end = start
    return text.encode()[:end].decode()


def _may_be_infinite(kind: str) -> bool:
    return kind == "date" or kind.startswith("timestamp")


def _unlike(names: list[str]) -> list[str]:
    """Names of columns, the second of two that are alike with a number, as DuckDB gives it where it needs one."""
    found: list[str] = []
    for name in names:
        number, unlike = 0, name
        while unlike in found:
            number += 1
            unlike = f"{name}_{number}"
        found.append(unlike)
    return found


def overtime(limits: Limits) -> str:
    """What is said of a query that took too long."""
    return (
        f"Stopped after {limits.seconds:g} s: ask for less (one month, fewer columns), or give it more with "
        "--timeout SECONDS"
    )


def _too_large(limits: Limits) -> str:
    return (
        f"It takes more than the {_size(limits.memory)} of memory that it may: ask for less (one month, fewer "
        "columns), or give it more with --memory SIZE"
    )


def _too_much_disk(limits: Limits) -> str:
    return (
        f"It takes more than {_size(limits.memory)} of memory and {_size(limits.disk)} of temporary disk "
        f"({tempfile.gettempdir()}): ask for less (one month, fewer columns), or give it more with --memory SIZE and "
        "--disk SIZE"
    )


def _size(count: int) -> str:
    return f"{count / 1e9:g} GB" if count >= 1e9 else f"{count / 1e6:g} MB"


def _is_damage(error: duckdb.Error) -> bool:
    """Whether it is not the query that is wrong, but the files below the views."""
    is_of_file = ".parquet" in str(error) and not isinstance(error, duckdb.PermissionException | duckdb.BinderException)
    return is_of_file or type(error) is duckdb.Error or isinstance(error, duckdb.IOException)
