"""The lake: one Delta table for each table of the contract, as Parquet files and a transaction log.

Files are written here, with pyarrow, so that memory is bounded by a batch; Delta Lake commits them. What is
written belongs to `warehouse.load`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, RemoveAction

from etl.contract import TABLES, Table
from etl.errors import SetupFault
from warehouse.disk import LOG
from warehouse.home import Home
from warehouse.manifest import Manifest, TableState, month_of
from warehouse.points import reach

ROW_GROUP = 10_000
"""Rows of a row group: small enough to be skipped by their statistics, large enough to compress well."""


_ENTRY = re.compile(r"(\d{20})\.(json|checkpoint\.parquet)$")


class Lake:
    """The Delta tables of one home. Every method needs the writer's lock but `state`."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def state(self, table: Table) -> TableState | None:
        """What a table consists of at its head, or None if it does not exist yet."""
        folder = self._folder(table)
        if not DeltaTable.is_deltatable(folder.as_uri()):
            return None
        delta = DeltaTable(folder.as_uri())
        actions = pa.table(delta.get_add_actions())
        return TableState(
            delta.version(),
            names_at(delta),
            sum(actions.column("num_records").to_pylist()),
            sum(actions.column("size_bytes").to_pylist()),
        )

    def sizes(self, table: Table, version: int) -> dict[str, int]:
        """The bytes of each file of a table at a version of its log, by the file's name.

        Raises:
            deltalake.exceptions.DeltaError: the log is damaged, or does not reach that far.
        """
        actions = pa.table(DeltaTable(self._folder(table).as_uri(), version=version).get_add_actions())
        return dict(zip(actions.column("path").to_pylist(), actions.column("size_bytes").to_pylist(), strict=True))

    def restore(self, manifest: Manifest | None) -> None:
        """Bring every table back to what a published version names; None only if nothing has ever been published.

        Whatever a killed or refused run left behind is gone afterwards; what had never been published is removed. The
        staging folder is there, and empty.
        """
        self._home.staging.mkdir(parents=True, exist_ok=True)
        reach("staging made")
        for leftover in self._home.staging.iterdir():
            shutil.rmtree(leftover, ignore_errors=True)
        for table in TABLES.values():
            reach(f"before restoring {table.name}")
            self._restore(table, manifest.tables.get(table.name) if manifest else None)
            reach(f"after restoring {table.name}")

    def replace(self, table: Table, batches: Iterable[pa.RecordBatch], run_id: str) -> None:
        """Replace all rows of a table that is not kept by month. As `write` and `commit`."""
        self.commit(table, self.write(table, batches, run_id))

    def write(self, table: Table, batches: Iterable[pa.RecordBatch], run_id: str) -> list[AddAction]:
        """Write rows as files, one for each month of a table that is kept by month, and commit nothing yet.

        Months may be written by several threads at once.

        Args:
            table: which.
            batches: the new rows, of the table's schema or castable to it; sorted by month first if the table is
                kept by month.
            run_id: names the files.

        Returns:
            What is to be committed.
        """
        return list(self._write(table, self._folder(table), batches, run_id))

    def commit(self, table: Table, actions: Iterable[AddAction], months: Sequence[str] = ()) -> None:
        """Put files that were written in the place of a table's rows, or of those of some months, in one commit.

        Args:
            table: which.
            actions: what `write` gave.
            months: of a table that is kept by month, those that are replaced: none of the rows is of another.
        """
        folder = self._folder(table)
        if not DeltaTable.is_deltatable(folder.as_uri()):
            _create(table, folder)
            reach(f"{table.name} created")
        reach(f"{table.name} written")
        added: list[AddAction | RemoveAction] = list(actions)
        delta = DeltaTable(folder.as_uri())
        delta.create_write_transaction(
            added,
            mode="overwrite",
            schema=Schema.from_arrow(table.schema),
            partition_by=["month"] if table.is_by_month else None,
            partition_filters=[("month", "in", list(months))] if table.is_by_month else None,
        )
        reach(f"{table.name} committed")

    def adopt(self, table: Table, files: Sequence[str], version: int) -> None:
        """Make a table consist of exactly these of its files, whatever its log says.

        Args:
            table: which.
            files: relative to its folder; all of them are there.
            version: of its log, that is gone back to if it holds just these. Else there is a new log.
        """
        folder = self._folder(table)
        wanted = tuple(sorted(files))
        # Whatever Delta Lake makes of a damaged log, the new one takes its place.
        with contextlib.suppress(Exception):
            delta = DeltaTable(folder.as_uri())
            if names_at(delta) != wanted and 0 <= version < delta.version():
                delta.restore(version)
            if names_at(delta) == wanted:
                return
        draft = self._home.staging / "logs" / table.name
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        _create(table, draft)
        DeltaTable(draft.as_uri()).create_write_transaction(
            [_added(folder, name) for name in wanted],
            mode="append",
            schema=Schema.from_arrow(table.schema),
            partition_by=["month"] if table.is_by_month else None,
        )
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder / "_delta_log", ignore_errors=True)
        (draft / "_delta_log").rename(folder / "_delta_log")
        sync(folder)

    def sweep(self, keep: Iterable[Manifest], is_dry_run: bool = False) -> int:
        """Delete every Parquet file that none of the given versions consists of, and the log that none of them needs.

        Returns how many bytes that frees.
        """
        versions = list(keep)
        byte_count = 0
        for name in dict.fromkeys((*TABLES, *(name for manifest in versions for name in manifest.tables))):
            reach(f"before sweeping {name}")
            folder = self._home.lake / name
            states = [manifest.tables[name] for manifest in versions if name in manifest.tables]
            kept = {file for state in states for file in state.files}
            for path in folder.rglob("*.parquet"):
                relative = path.relative_to(folder)
                if relative.parts[0] != LOG and relative.as_posix() not in kept:
                    byte_count += _remove(path, is_dry_run)
                    reach("file swept")
            for month in folder.glob("month=*"):
                if not is_dry_run and not any(month.iterdir()):
                    month.rmdir()
            if states:
                byte_count += self._trim_log(folder, min(states, key=lambda state: state.delta_version), is_dry_run)
        return byte_count

    def _trim_log(self, folder: Path, oldest: TableState, is_dry_run: bool) -> int:
        """Delete what the log holds from before the last checkpoint at or before the oldest version that is kept.

        Delta Lake writes a checkpoint every hundred commits; from it and the commits since, every later version can
        be read. It never deletes a commit itself, as the table's configuration forbids it to.
        """
        entries = sorted(
            (int(found[1]), path) for path in (folder / LOG).iterdir() if (found := _ENTRY.match(path.name))
        )
        checkpoints = [
            version for version, path in entries if path.suffix == ".parquet" and version <= oldest.delta_version
        ]
        before = [path for version, path in entries if version < max(checkpoints, default=0)]
        if not before or not self._is_readable(folder, oldest):
            return 0
        # The earliest first: whenever this is cut short, what is left begins with a checkpoint or is whole.
        return sum(_remove(path, is_dry_run) for path in before)

    @staticmethod
    def _is_readable(folder: Path, state: TableState) -> bool:
        """Whether a version can be read from the log as it has to be: a damaged checkpoint must not be the only one."""
        try:
            delta = DeltaTable(folder.as_uri(), version=state.delta_version)
            found = pa.table(delta.get_add_actions()).column("path").to_pylist()
        except (DeltaError, OSError):
            return False
        return tuple(sorted(found)) == state.files

    def _restore(self, table: Table, published: TableState | None) -> None:
        folder = self._folder(table)
        if published is None:
            shutil.rmtree(folder, ignore_errors=True)
            return
        delta = DeltaTable(folder.as_uri())
        if delta.version() != published.delta_version:
            delta.restore(published.delta_version)
        # An entry that was emptied opens as a table without rows.
        if names_at(delta) != published.files:
            raise SetupFault(
                f"The log of {folder} does not hold the files of the published version: "
                f"{self._home.command('check')} says what to do"
            )

    def _folder(self, table: Table) -> Path:
        return self._home.lake / table.name

    def _write(self, table: Table, folder: Path, batches: Iterable[pa.RecordBatch], run_id: str) -> Iterator[AddAction]:
        schema = table.schema
        if table.is_by_month:
            schema = schema.remove(schema.get_field_index("month"))
        writer: pq.ParquetWriter | None = None
        month, name, rows = None, "", 0
        for batch in batches:
            for part_month, part in _by_month(batch) if table.is_by_month else [(None, batch)]:
                if writer is None or part_month != month:
                    if writer is not None:
                        yield self._closed(writer, folder, name, month, rows)
                    month, rows = part_month, 0
                    name = f"{run_id}.parquet" if month is None else f"month={month}/{run_id}.parquet"
                    writer = _open(folder / name, schema)
                # Casting is the contract's enforcement: a wrong type or a NULL where none may be ends the run.
                content = pa.Table.from_batches([part]).select(schema.names).cast(schema)
                writer.write_table(content, row_group_size=ROW_GROUP)
                rows += part.num_rows
        if writer is not None:
            yield self._closed(writer, folder, name, month, rows)

    @staticmethod
    def _closed(writer: pq.ParquetWriter, folder: Path, name: str, month: str | None, rows: int) -> AddAction:
        writer.close()
        sync(folder / name)
        return _add(folder, name, month, rows)


def _remove(path: Path, is_dry_run: bool) -> int:
    """Delete a file, or only say how many bytes that would free."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return 0
    if not is_dry_run:
        path.unlink(missing_ok=True)
    return size


def sync(path: Path) -> None:
    """Have a file or a folder written to disk, so that no power cut can undo what follows from it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _create(table: Table, folder: Path) -> None:
    DeltaTable.create(
        folder.as_uri(),
        Schema.from_arrow(table.schema),
        partition_by=["month"] if table.is_by_month else None,
        # A killed run's commit may let old log entries expire that the published version still needs.
        configuration={"delta.enableExpiredLogCleanup": "false"},
    )


def _added(folder: Path, name: str) -> AddAction:
    """The log entry of a file that is there already."""
    with pq.ParquetFile(folder / name) as parquet:
        rows = parquet.metadata.num_rows
    month = month_of(name) if "/" in name else None
    return _add(folder, name, month, rows)


def _add(folder: Path, name: str, month: str | None, rows: int) -> AddAction:
    partition = {} if month is None else {"month": month}
    size = (folder / name).stat().st_size
    return AddAction(name, size, partition, int(time.time() * 1000), True, f'{{"numRecords":{rows}}}')


def names_at(delta: DeltaTable) -> tuple[str, ...]:
    """The files of a Delta table, relative to its folder, sorted."""
    return tuple(sorted(pa.table(delta.get_add_actions()).column("path").to_pylist()))


def _open(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    os.makedirs(path.parent, exist_ok=True)  # noqa: PTH103
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=3,
        write_page_index=True,
        # What `copydesk check --full` goes by; it costs next to nothing.
        write_page_checksum=True,
    )


def _by_month(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """A batch that is sorted by month as its runs of one month."""
    months = batch.column("month").to_pylist()
    start = 0
    for at in range(1, len(months) + 1):
        if at == len(months) or months[at] != months[start]:
            yield months[start], batch.slice(start, at - start)
            start = at
