"""The load: from a plan to new rows in the lake, up to but not including the publish.

Restores the lake to the published version, stages what is new, merges it with the former state and commits the
tables. How a text is read belongs to `etl`; the merging SQL is in `warehouse.merge`; making the result visible
belongs to `warehouse.publish`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake.transaction import AddAction

from etl.addresses import is_container
from etl.contract import (
    DOCUMENT_VERSIONS,
    DOCUMENTS,
    FILES,
    PARAGRAPHS,
    PARSED_TABLES,
    PARSER_VERSION,
    REJECTS,
    SOURCES,
    TABLES,
    Column,
    Table,
)
from etl.errors import SetupFault
from etl.own_reference import keep_own, load_own
from etl.records import Share
from etl.reference import Reference
from etl.sources import ListedFile
from etl.stage import Chunk, FileChunk, StoredChunk
from warehouse import merge
from warehouse.home import Home
from warehouse.lake import ROW_GROUP, Lake
from warehouse.manifest import locations, now
from warehouse.plan import Plan
from warehouse.points import reach
from warehouse.pool import Pool
from warehouse.scan import file_of_path, literal, literal_glob, scan

CHUNK_FILES = 2_000
"""Files of a chunk at most: about a second of work. Smaller ones make more files to be merged than there need be."""

CHUNKS_PER_WORKER = 8
"""Chunks that a smaller load is cut into: no worker is late, and progress is smooth."""

SMALLEST_CHUNK = 250

SHARED_BYTES = 4 * 1024 * 1024
"""Size from which a file of many records is shared out among the workers: each passes over what the others read."""

RECORD_BYTES = 1_000
"""What a record in a smaller one is taken to need: it is about that if it is compressed."""

GROUP_ROWS = 25_000
"""Documents that are merged at once, of some months or of a part of one: bounds the memory that sorting takes."""

EARLIEST = dt.datetime(2026, 1, 1)
"""Before this was written: a computer without a battery for its clock starts in 1970."""

CLOCK_TOLERANCE = dt.timedelta(days=1)
"""How far behind the last publish the clock may be: wrong time zones are mended, and drifting clocks put right."""

MERGE_MEMORY = "500MB"
"""What DuckDB may take for a merge before it spills to the staging folder."""

WRITERS = 2
"""Groups that are written at once: compressing takes longer than reading, and runs on one processor."""

Progress = Callable[[int, int, int], None]
"""Told how many of how many files are done (of documents that are parsed anew: rows), and how many records so far."""


class Unchanged(Exception):
    """Rejects were read again, and all came out as before: the lake is as it was, but for what is staged."""


@dataclass(frozen=True)
class Loaded:
    """What a load has put into the lake.

    Attributes:
        run_id: Dagster's id of the run.
        started: when it began, UTC.
        files_seen, files_read: files listed; files parsed because they were new or changed.
        documents_written: documents written, re-parsed ones included.
        rejects: rejects written.
        rejects_by_reason: the same by reason.
        months: months rewritten, sorted.
        not_reparsed: stored documents that could not be parsed again, by reason: they keep their former reading.
        reference_version: of the reference data that texts were read with.
        forgotten: digest of the list of what was forgotten that was applied.
        documents_forgotten: current documents that were erased by it.
        intakes: as of `Plan`.
    """

    run_id: str
    started: dt.datetime
    files_seen: int
    files_read: int
    documents_written: int
    rejects: int
    rejects_by_reason: dict[str, int]
    months: tuple[str, ...]
    not_reparsed: dict[str, int]
    reference_version: str
    forgotten: str = ""
    documents_forgotten: int = 0
    intakes: dict[str, str] = field(default_factory=dict)

    def write(self, home: Home) -> None:
        """Leave it in the staging folder for the steps that follow."""
        content = {**asdict(self), "started": self.started.isoformat()}
        (home.staging / self.run_id / "loaded.json").write_text(json.dumps(content), "utf-8")

    @classmethod
    def read(cls, home: Home, run_id: str) -> Loaded:
        """What the load of a run has left.

        Raises:
            SetupFault: there is none: a step was launched without those before it.
        """
        try:
            content = json.loads((home.staging / run_id / "loaded.json").read_text("utf-8"))
        except FileNotFoundError:
            raise SetupFault("Nothing was loaded in this run: launch the whole job `load`") from None
        content.update(started=dt.datetime.fromisoformat(content["started"]), months=tuple(content["months"]))
        return cls(**content)


def run_reference(home: Home, run_id: str) -> Reference:
    """What a run that is not published yet has read texts with: the user's files as it began with them."""
    return load_own(home.staging / run_id / _REFERENCE)


_REFERENCE = "reference"


def load(home: Home, plan: Plan, run_id: str, progress: Progress | None = None, pool: Pool | None = None) -> Loaded:
    """Carry a plan out. The caller holds the writer's lock.

    Args:
        home: an existing home.
        plan: made under the same lock. Of the files to read nothing is left in it afterwards.
        run_id: Dagster's id of the run.
        progress: told of how far it is, again and again.
        pool: workers that have been started already; all are ended as soon as everything is read.

    Raises:
        SetupFault: the home is damaged, workers cannot do their work, or the clock is wrong.
        Unchanged: the plan is to read rejects again and nothing else, and that mends none.
    """
    started = now()
    _require_clock(plan, started)
    lake = Lake(home)
    lake.restore(plan.published)
    folder = home.staging / run_id
    folder.mkdir()
    files_read = plan.files_to_read
    with pool or Pool(home.settings) as workers:
        _stage(home, plan, folder, started.date(), workers, progress)
    # Millions of them would take as much memory as merging does.
    plan.read.clear()
    reach("staged")
    with _Merge(home, plan, folder, run_id, started) as merging:
        loaded = merging.commit(lake, files_read)
    loaded.write(home)
    reach("loaded")
    return loaded


def _require_clock(plan: Plan, started: dt.datetime) -> None:
    """Refuse to read with a clock that is far behind: dates later than today are taken for errors.

    Raises:
        SetupFault: it is.
    """
    if started < EARLIEST:
        raise SetupFault(f"The clock says {started:%Y-%m-%d}, which is long past: set it and run again")
    if plan.published is None:
        return
    published = dt.datetime.fromisoformat(plan.published.published_at)
    if started < published - CLOCK_TOLERANCE:
        raise SetupFault(
            f"The clock says {started:%Y-%m-%d %H:%M} UTC, but the published version is of {published:%Y-%m-%d %H:%M}: "
            "set the clock. If it is right now and was wrong then, `copydesk publish` makes a version of today"
        )


def _stage(home: Home, plan: Plan, folder: Path, today: dt.date, pool: Pool, progress: Progress | None) -> None:
    forgotten = None
    if plan.forgotten:
        # A copy, as workers look it up: the list itself is for people, and may be edited meanwhile.
        (folder / "forgotten").write_bytes(plan.forgotten.content)
        forgotten = str(folder / "forgotten")
    own = keep_own(plan.reference, folder / _REFERENCE)
    chunks: list[Chunk] = [*_file_chunks(plan, today, forgotten, own, pool.size), *_stored_chunks(home, plan, own)]
    total = sum(chunk.size for chunk in chunks)
    done = 0

    def on_staged(count: int, records: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total, records)

    pool.stage(chunks, folder, on_staged)


def _file_chunks(
    plan: Plan, today: dt.date, forgotten: str | None, own: str | None, workers: int
) -> Iterator[FileChunk]:
    most = min(max(plan.files_to_read // (CHUNKS_PER_WORKER * workers), SMALLEST_CHUNK), CHUNK_FILES)
    for name, files in plan.read.items():
        whole = partial(FileChunk, name, seen_on=today, forgotten=forgotten, reference=own, intake=plan.intake[name])
        taken: list[ListedFile] = []
        weight = 0
        for file in files:
            is_one = not is_container(file.path)
            if not is_one and file.byte_count >= SHARED_BYTES:
                for number in range(workers):
                    yield whole((file,), share=Share(number, workers))
                continue
            taken.append(file)
            weight += 1 if is_one else 1 + file.byte_count // RECORD_BYTES
            if weight >= most:
                yield whole(tuple(taken))
                taken, weight = [], 0
        if taken:
            yield whole(tuple(taken))


def _stored_chunks(home: Home, plan: Plan, own: str | None) -> Iterator[StoredChunk]:
    for kind, table in (("reparsed", DOCUMENTS), ("reparsed_former", DOCUMENT_VERSIONS)):
        for location in locations(home, plan.published, table):
            is_rebuilt = location.parent.name.removeprefix("month=") in plan.rebuild
            if not (is_rebuilt or plan.is_reparse):
                continue
            metadata = pq.ParquetFile(location).metadata
            for group in range(metadata.num_row_groups):
                yield StoredChunk(
                    kind,
                    str(location),
                    group,
                    metadata.row_group(group).num_rows,
                    None if is_rebuilt else PARSER_VERSION,
                    reference=own,
                )


class _Merge:
    """One merge: a DuckDB database in memory over the former and the staged rows."""

    def __init__(self, home: Home, plan: Plan, folder: Path, run_id: str, started: dt.datetime) -> None:
        self._plan = plan
        self._run_id = run_id
        self._started = started
        self._connection = duckdb.connect(
            config={"memory_limit": MERGE_MEMORY, "temp_directory": str(folder / "spill")}
        )
        # Every group of months looks into all staged files.
        self._connection.execute("SET parquet_metadata_cache = true")
        self._set_variables(self._connection)
        for table in TABLES.values():
            self._view(f"former_{table.name}", table, locations(home, plan.published, table))
        for table in (*PARSED_TABLES, FILES):
            columns = [table.column(name) for name in table.parsed_schema.names]
            for kind in ("read", "reparsed", "reparsed_former"):
                stem = table.name if kind == "read" else f"{kind}_{table.name}"
                self._view(f"{kind}_{table.name}", table, sorted(folder.glob(f"{stem}-*.parquet")), columns)

    def __enter__(self) -> _Merge:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def commit(self, lake: Lake, files_read: int) -> Loaded:
        """Work out what changes and write it, table by table; a table that stays as it is gets no commit."""
        self._tables_of_the_plan()
        for statement in duckdb.extract_statements(merge.PREPARE):
            self._connection.execute(statement.query)
        if self._plan.is_retry_only and not self._rows(f"{merge.HAS_CHANGED} LIMIT 1"):
            raise Unchanged
        # The union of the former and the new months: it includes those that are left empty.
        months = self._rows("SELECT month, weight FROM months ORDER BY month")
        former = [month for (month,) in self._rows(merge.VERSION_MONTHS)]
        self._replace_months(lake, months)
        if former:
            rows = _reader(self._connection, merge.document_versions(_list(former)))
            lake.commit(DOCUMENT_VERSIONS, lake.write(DOCUMENT_VERSIONS, rows, self._run_id), former)
        if self._rows(f"{merge.HAS_REJECTS} LIMIT 1"):
            self._replace(lake, REJECTS, merge.REJECTS_QUERY)
        self._replace(lake, FILES, merge.FILES_QUERY)
        if self._plan.is_new_source or self._rows("SELECT 1 FROM dropped_files LIMIT 1"):
            self._replace(lake, SOURCES, merge.SOURCES_QUERY)
        return self._loaded([month for month, _ in months], files_read)

    def _loaded(self, months: list[str], files_read: int) -> Loaded:
        rejects: dict[str, int] = dict(
            self._rows("SELECT reason, count(*) FROM read_rejects GROUP BY ALL ORDER BY ALL")
        )
        return Loaded(
            self._run_id,
            self._started,
            self._plan.files_seen,
            files_read,
            self._rows("SELECT count(*) FROM arriving")[0][0],
            sum(rejects.values()),
            rejects,
            tuple(months),
            dict(
                self._rows(
                    "SELECT reason, count(*) FROM (FROM reparsed_rejects UNION ALL FROM reparsed_former_rejects) "
                    "GROUP BY ALL ORDER BY ALL"
                )
            ),
            self._plan.reference.version,
            self._plan.forgotten.digest,
            self._rows("SELECT count(*) FROM leaving WHERE is_forgotten")[0][0],
            self._plan.intakes,
        )

    def _tables_of_the_plan(self) -> None:
        plan = self._plan
        self._table("named_sources", "source VARCHAR, root VARCHAR, patterns VARCHAR[]", [
            (source.name, str(source.root), list(source.patterns)) for source in plan.sources
        ])  # fmt: skip
        self._table("withdrawn", "source VARCHAR, path VARCHAR", plan.withdrawn)
        self._table("missing", "source VARCHAR, path VARCHAR", plan.missing)
        self._table("returned", "source VARCHAR, path VARCHAR", plan.returned)
        self._table("touched_mtimes", "source VARCHAR, path VARCHAR, mtime_us BIGINT", plan.touched)
        self._table_of_the_forgotten()
        self._connection.execute("ALTER TABLE touched_mtimes ADD COLUMN mtime TIMESTAMP")
        self._connection.execute("UPDATE touched_mtimes SET mtime = make_timestamp(mtime_us)")
        # A missing file whose digest appears once, newly, in the same listing has moved there.
        self._connection.execute("""
            CREATE TABLE gone AS
            WITH appeared AS (
                SELECT n.source, n.sha256, min(n.path) AS path
                FROM read_files n
                ANTI JOIN (FROM former_files WHERE status IN ('loaded', 'rejected')) f USING (source, path)
                WHERE n.sha256 IS NOT NULL
                GROUP BY ALL HAVING count(*) = 1
            )
            SELECT x.source, x.path, 'moved' AS reason, a.path AS moved_to
            FROM missing x JOIN former_files f USING (source, path) JOIN appeared a USING (source, sha256)
            UNION ALL
            SELECT w.source, w.path, 'withdrawn', NULL
            FROM withdrawn w
            WHERE (w.source, w.path) NOT IN (
                SELECT (x.source, x.path)
                FROM missing x JOIN former_files f USING (source, path) JOIN appeared a USING (source, sha256)
            )
        """)

    def _table_of_the_forgotten(self) -> None:
        batch = pa.table({"digest": self._plan.forgotten.as_arrow()})
        self._connection.register("batch", batch)
        self._connection.execute("CREATE TABLE forgotten AS SELECT lower(hex(digest)) AS content_sha256 FROM batch")
        self._connection.unregister("batch")
        # Where this list was applied before, no former row has such a content: there is no need to look.
        limit = "" if self._plan.is_forgetting else " LIMIT 0"
        self._connection.execute(f"CREATE TABLE to_forget AS FROM forgotten{limit}")

    def _table(self, name: str, columns: str, rows: Iterable[tuple[object, ...]]) -> None:
        self._connection.execute(f"CREATE TABLE {name} ({columns})")
        values = list(rows)
        if values:
            names = [column.split()[0] for column in columns.split(", ")]
            types = [_ARROW_TYPES[column.split(" ", 1)[1]] for column in columns.split(", ")]
            arrays = [
                pa.array(list(column), kind) for column, kind in zip(zip(*values, strict=True), types, strict=True)
            ]
            batch = pa.table(dict(zip(names, arrays, strict=True)))
            self._connection.register("batch", batch)
            self._connection.execute(f"INSERT INTO {name} SELECT * FROM batch")
            self._connection.unregister("batch")

    def _view(self, name: str, table: Table, files: list[Path], columns: list[Column] | None = None) -> None:
        rows = _scan_staged(table, files, columns)
        if table in (DOCUMENTS, REJECTS):
            rows = f"SELECT *, {file_of_path()} AS file FROM ({rows})"
        elif table is FILES and columns is not None:
            rows = _SHARED_FILES.format(rows=rows)
        self._connection.execute(f"CREATE VIEW {name} AS {rows}")

    def _replace_months(self, lake: Lake, months: list[tuple[str, int]]) -> None:
        """Write the new months of documents and paragraphs, several groups at once, then commit each table."""
        tables = ((DOCUMENTS, merge.documents), (PARAGRAPHS, merge.paragraphs))
        groups = list(_groups(months))
        if not groups:
            return

        def write(table: Table, queries: list[str]) -> list[AddAction]:
            with self._connection.cursor() as cursor:
                self._set_variables(cursor)
                # One after another: the rows of each part come after those of the one before it.
                batches = chain.from_iterable(_reader(cursor, query) for query in queries)
                return lake.write(table, batches, self._run_id)

        weights = dict(months)
        with ThreadPoolExecutor(WRITERS) as threads:
            written: dict[str, list[Future[list[AddAction]]]] = {table.name: [] for table, _ in tables}
            for table, query in tables:
                for group in groups:
                    parts = self._parts(table, group[0]) if weights[group[0]] > GROUP_ROWS else ["true"]
                    queries = [query(_list(group), part) for part in parts]
                    written[table.name].append(threads.submit(write, table, queries))
        for table, _ in tables:
            actions = [action for group in written[table.name] for action in group.result()]
            lake.commit(table, actions, [month for month, _ in months])

    def _parts(self, table: Table, month: str) -> list[str]:
        """Conditions that cut a month into parts of at most GROUP_ROWS documents, in the order of the table's rows."""
        if table is DOCUMENTS:
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS bounds (month VARCHAR, number BIGINT, bound STRUCT("
                "source VARCHAR, path VARCHAR, record_key VARCHAR))"
            )
            self._connection.execute(merge.BOUNDS, {"month": month, "rows": GROUP_ROWS})
        ((count,),) = self._rows(f"SELECT count(*) FROM bounds WHERE month = {literal(month)}")
        if table is DOCUMENTS:
            bounds = [
                f"(SELECT bound FROM bounds WHERE month = {literal(month)} AND number = {number})"
                for number in range(1, count + 1)
            ]
            key = "{'source': source, 'path': path, 'record_key': record_key}"
        else:
            # Ids are evenly spread: digits of a digest.
            bounds = [literal(f"{number * 16**8 // (count + 1):08x}") for number in range(1, count + 1)]
            key = "document_id"
        above = ["true", *(f"{key} > {bound}" for bound in bounds)]
        below = [*(f"{key} <= {bound}" for bound in bounds), "true"]
        return [f"{low} AND {high}" for low, high in zip(above, below, strict=True)]

    def _set_variables(self, connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("SET VARIABLE now = $1", [self._started])
        connection.execute("SET VARIABLE run_id = $1", [self._run_id])

    def _replace(self, lake: Lake, table: Table, query: str) -> None:
        lake.replace(table, _reader(self._connection, query), self._run_id)

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query).fetchall()


def _reader(connection: duckdb.DuckDBPyConnection, query: str) -> pa.RecordBatchReader:
    return connection.sql(query).to_arrow_reader(ROW_GROUP)


# Where shares of a file have seen different states of it, its content is not known, and the next run reads it again.
_SHARED_FILES = """
    SELECT source, path, max(byte_count) AS byte_count,
           CASE WHEN count(DISTINCT mtime) + count(*) - count(mtime) = 1 THEN max(mtime) END AS mtime,
           CASE WHEN count(DISTINCT byte_count) = 1 THEN max(sha256) END AS sha256,
           CASE WHEN bool_or(status = 'loaded') THEN 'loaded' ELSE 'rejected' END AS status,
           sum(record_count)::INTEGER AS record_count
    FROM ({rows}) GROUP BY source, path
"""

_ARROW_TYPES = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "VARCHAR[]": pa.list_(pa.string())}


def _scan_staged(table: Table, files: list[Path], columns: list[Column] | None) -> str:
    if columns is None:
        return scan(table, files)
    names = ", ".join(column.name for column in columns)
    listed = ", ".join(literal(literal_glob(file)) for file in files)
    # Staged files hold their month as a column, not in their folder's name.
    return f"SELECT {names} FROM read_parquet([{listed}])" if files else scan(table, [], columns)


def _groups(months: list[tuple[Any, ...]]) -> Iterator[list[str]]:
    """Consecutive months of together at most GROUP_ROWS documents, or one larger month."""
    group: list[str] = []
    size = 0
    for month, weight in months:
        if group and size + weight > GROUP_ROWS:
            yield group
            group, size = [], 0
        group.append(month)
        size += weight
    if group:
        yield group


def _list(months: Iterable[str]) -> str:
    return ", ".join(map(literal, months))
