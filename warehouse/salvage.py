"""What of a damaged home's rows is still there: a sound state of every table, and what has to be read again.

Nothing here writes to the home. Writing that state and making good what fell out belongs to `warehouse.repair`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from etl.contract import (
    DOCUMENT_VERSIONS,
    DOCUMENTS,
    FILES,
    PARAGRAPHS,
    REJECTS,
    RUNS,
    SOURCES,
    TABLES,
    Table,
)
from etl.errors import SetupFault
from warehouse.home import Home
from warehouse.inspection import file_fault
from warehouse.manifest import Manifest, is_same_place, month_of
from warehouse.origins import Origin
from warehouse.plan import Plan, make_mending
from warehouse.publish import moved_root
from warehouse.scan import file_of_path, literal, scan

UNKNOWN = "unknown"
"""What stands for a value of the ledger that nothing tells any more, where NULL is not allowed."""


@dataclass(frozen=True)
class Rows:
    """Rows of a table that take the place of those that are there.

    Attributes:
        table: which.
        query: gives them, on the connection of the salvage.
        months: the months that they replace, if the table is kept by month.
    """

    table: Table
    query: str
    months: tuple[str, ...] = ()


@dataclass
class Salvage:
    """A sound state of the tables and how to go on from it.

    Attributes:
        origin: the published state that it is made from.
        files: the files of each table that are whole and stay.
        rows: what is written beside them.
        plan: what is read again from the sources and made again from the stored texts.
        connection, spill: what the rows are asked on, and the folder that it may spill to.
        notes: what is made from what, as sentences.
        losses: what is lost for good, as sentences.
        lost_records: (source, path) of each file whose records are lost.
    """

    origin: Origin
    files: dict[str, tuple[str, ...]]
    rows: list[Rows]
    plan: Plan
    connection: duckdb.DuckDBPyConnection
    spill: tempfile.TemporaryDirectory[str]
    notes: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    lost_records: list[tuple[str, str]] = field(default_factory=list)
    needs_registries: bool = False

    def close(self) -> None:
        """Let go of what the rows are asked on."""
        self.connection.close()
        self.spill.cleanup()

    @property
    def is_complete(self) -> bool:
        """Whether the state can be published as it is, without a load.

        Whatever is written is written in the name of a run, or nobody could tell it from what a killed one left; where
        the sources of a moved home are is no content.
        """
        is_written = any(rows.table is not SOURCES for rows in self.rows)
        return self.plan.is_empty and not is_written and not self.needs_registries


def salvage(home: Home, origin: Origin, older: Iterable[Manifest]) -> Salvage:
    """Work out a sound state from a published one.

    Args:
        home: whose.
        origin: the state that it should have been.
        older: other versions, whose files may still hold what this one's have lost; the newest first.

    Raises:
        SetupFault: something is lost that only a person can tell.
    """
    return _Salvager(home, origin, list(older)).salvage()


class _Salvager:
    """One salvage: a DuckDB database in memory over the files that are whole."""

    def __init__(self, home: Home, origin: Origin, older: list[Manifest]) -> None:
        self._home = home
        self._origin = origin
        self._older = older
        self._whole: dict[Path, bool] = {}
        self._rows: dict[str, Rows] = {}
        self._notes: list[str] = []
        self._losses: list[str] = []
        self._lost_records: list[tuple[str, str]] = []
        # Spilled rows go beside no one's files: looking changes nothing in the home.
        self._spill = tempfile.TemporaryDirectory(prefix="copydesk-")
        self._connection = duckdb.connect(config={"memory_limit": "1GB", "temp_directory": self._spill.name})
        self._kept: dict[str, tuple[str, ...]] = {}
        self._lost: dict[str, tuple[str, ...]] = {}

    def salvage(self) -> Salvage:
        """Table by table, each from those that were settled before it."""
        for table in TABLES.values():
            self._keep(table)
        self._mend_sources()
        self._mend_runs()
        self._mend_document_versions()
        is_ledger_lost = bool(self._lost[FILES.name])
        self._recover(DOCUMENTS, is_ledger_lost)
        self._recover(REJECTS, is_ledger_lost)
        if is_ledger_lost:
            self._mend_files()
        plan = self._plan(is_ledger_lost)
        return Salvage(
            self._origin,
            self._kept,
            list(self._rows.values()),
            plan,
            self._connection,
            self._spill,
            self._notes,
            self._losses,
            self._lost_records,
            any(self._lost[name] for name in ("agencies", "places", "columns")),
        )

    def _keep(self, table: Table) -> None:
        state = self._origin.manifest.tables.get(table.name)
        named = state.files if state else ()
        kept = tuple(file for file in named if self._is_whole(table, file))
        self._lost[table.name] = tuple(file for file in named if file not in kept)
        if table is PARAGRAPHS:
            # Paragraphs are made again with their documents, so that none is left without one.
            gone = _months(self._lost[DOCUMENTS.name]) | _months(self._lost[PARAGRAPHS.name])
            kept = tuple(file for file in kept if not _months([file]) & gone)
        self._kept[table.name] = kept
        self._view(table.name, scan(table, self._locations(table, kept)))

    def _mend_sources(self) -> None:
        """The sources, from a manifest or the settings if their table is lost; at this place if the home has moved."""
        rows = self._select(SOURCES.name)
        used = {row[0] for row in self._sql(" UNION ".join(f"SELECT source FROM {t.name}" for t in (DOCUMENTS, FILES)))}
        if not rows:
            rows = self._known_sources(used)
        former = Path(self._origin.manifest.lake).parent
        if not is_same_place(self._origin.manifest.lake, self._home.lake):
            for row in rows:
                row["root"] = moved_root(self._home, former, row["root"])
        unknown = sorted(used - {row["source"] for row in rows})
        if unknown:
            raise SetupFault(
                f"The table of the sources is lost, and nothing tells the folder of {', '.join(unknown)}: name it in "
                f'{self._home.settings_file} ([[source]] name = "{unknown[0]}", root = "..."), then repair again'
            )
        if rows != self._select(SOURCES.name):
            if self._lost[SOURCES.name]:
                self._notes.append(f"sources is made again: {', '.join(row['source'] for row in rows)}")
            self._replace(SOURCES, rows)

    def _known_sources(self, used: set[str]) -> list[dict[str, Any]]:
        """The sources as the newest manifest that names them has them; those that are used as the settings do."""
        known = next((m.sources for m in (self._origin.manifest, *self._older) if m.sources), ())
        found = {source.source: (source.root, source.patterns) for source in known}
        for source in self._home.settings.sources:
            if source.name in used:
                found.setdefault(source.name, (str(source.root), source.patterns))
        return [
            {"source": name, "root": root, "patterns": list(patterns)}
            for name, (root, patterns) in sorted(found.items())
        ]

    def _mend_runs(self) -> None:
        if not self._lost[RUNS.name]:
            return
        rows = {row["run_id"]: row for manifest in reversed(self._older) for row in self._old_rows(manifest, RUNS)}
        for manifest in (self._origin.manifest, *self._older):
            if manifest.run_id not in rows:
                rows[manifest.run_id] = manifest_run(manifest)
        ordered = sorted(rows.values(), key=lambda row: (row["started"], row["run_id"]))
        self._replace(RUNS, ordered)
        self._notes.append(f"runs is made again from the versions that are kept: {len(ordered)} rows")
        state = self._origin.manifest.tables[RUNS.name]
        if missing := state.row_count - len(ordered):
            self._losses.append(f"{missing} rows of runs: the history of runs that no kept version tells of")

    def _mend_document_versions(self) -> None:
        lost = self._lost[DOCUMENT_VERSIONS.name]
        if not lost:
            return
        name = DOCUMENT_VERSIONS.name
        self._connection.execute(f"CREATE TEMP TABLE found_{name} AS FROM {name} LIMIT 0")
        for manifest in self._older:
            self._connection.execute(
                f"INSERT INTO found_{name} FROM ({self._old(manifest, DOCUMENT_VERSIONS, self._kept[name])}) "
                f"ANTI JOIN {name} USING (document_id, version) ANTI JOIN found_{name} USING (document_id, version)"
            )
        found = self._add(DOCUMENT_VERSIONS)
        if found:
            self._notes.append(f"{found} rows of {name} are taken from former versions")
        state = self._origin.manifest.tables[name]
        held = self._count(name)
        if state.row_count > held:
            self._losses.append(f"{state.row_count - held} rows of {name}: former texts, which nothing else holds")

    def _recover(self, table: Table, is_ledger_lost: bool) -> None:
        """Take the current rows that a former version still holds: those of files whose content is the same since."""
        self._connection.execute(f"CREATE TEMP TABLE found_{table.name} AS FROM {table.name} LIMIT 0")
        if not self._lost[table.name]:
            return
        for manifest in self._older:
            same = (
                "SELECT source, path AS file FROM old_files"
                if is_ledger_lost
                else "SELECT o.source, o.path AS file FROM old_files o JOIN files f USING (source, path) "
                "WHERE o.sha256 = f.sha256 AND o.record_count = f.record_count AND f.record_count > 0"
            )
            key = ", ".join(table.key)
            superseded = "ANTI JOIN document_versions USING (document_id, version)" if table is DOCUMENTS else ""
            self._connection.execute(
                f"INSERT INTO found_{table.name} WITH old_files AS ({self._old(manifest, FILES)}) "
                f"SELECT * EXCLUDE (file) FROM (SELECT *, {file_of_path()} AS file "
                f"FROM ({self._old(manifest, table, self._kept[table.name])})) SEMI JOIN ({same}) USING (source, file) "
                f"ANTI JOIN {table.name} USING ({key}) ANTI JOIN found_{table.name} USING ({key}) {superseded}"
            )
        found = self._add(table)
        if found:
            self._notes.append(f"{found} rows of {table.name} are taken from former versions")

    def _mend_files(self) -> None:
        """The ledger of files, from a former version's where that still holds, else from the records themselves."""
        former: dict[tuple[str, str], dict[str, Any]] = {}
        for manifest in reversed(self._older):
            former.update({(row["source"], row["path"]): row for row in self._old_rows(manifest, FILES)})
        held = {(row["source"], row["path"]): row for row in self._dicts(_HELD)}
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        for key, row in former.items():
            now = held.get(key)
            is_same = now is not None and row["record_count"] == now["record_count"]
            if (is_same and now and row["sha256"] == now["sha256"]) or (now is None and not row["record_count"]):
                rows[key] = row
        roots = {row["source"]: Path(row["root"]) for row in self._select(SOURCES.name)}
        for key, now in held.items():
            if key not in rows:
                rows[key] = self._file_row(now, roots)
        for departed in self._dicts(_DEPARTED):
            key = departed["source"], departed["path"]
            if key not in rows:
                rows[key] = self._departed_row(departed, rows)
        self._replace(FILES, [rows[key] for key in sorted(rows)])
        self._notes.append(f"files is made again from documents, rejects and sources: {len(rows):,} rows")

    def _file_row(self, now: dict[str, Any], roots: dict[str, Path]) -> dict[str, Any]:
        location = roots[now["source"]] / now["path"]
        try:
            byte_count = location.stat().st_size
        except OSError:
            byte_count = self._byte_count(now)
        return {
            **{name: now[name] for name in ("source", "path", "sha256", "status", "record_count", "first_seen")},
            "byte_count": byte_count,
            "mtime": None,
            "moved_to": None,
            "run_id": now["run_id"],
        }

    def _departed_row(self, departed: dict[str, Any], rows: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
        moved_to = departed["moved_to"]
        target = rows.get((departed["source"], moved_to)) if moved_to else None
        is_same = target is not None and target["sha256"] == departed["sha256"]
        return {
            **{name: departed[name] for name in ("source", "path", "sha256", "first_seen", "run_id", "moved_to")},
            "byte_count": target["byte_count"] if is_same and target else self._byte_count(departed),
            "mtime": None,
            "status": "moved" if moved_to else "missing",
            "record_count": 0,
        }

    def _byte_count(self, row: dict[str, Any]) -> int:
        """The size of a file that is gone, worked out from its text and proved by its digest; 0 if that fails."""
        found = self._sql(
            "SELECT text, encoding FROM documents WHERE (source, path) = ($1, $2) AND content_sha256 = $3 UNION ALL "
            "SELECT text, encoding FROM document_versions WHERE (source, path) = ($1, $2) AND content_sha256 = $3",
            [row["source"], row["path"], row["sha256"]],
        )
        for text, encoding in found[:1]:
            for codec in (encoding, "utf-8", "utf-8-sig"):
                for line_end in ("\n", "\r\n"):
                    try:
                        raw = text.replace("\n", line_end).encode(codec)
                    except (LookupError, UnicodeEncodeError):
                        continue
                    if hashlib.sha256(raw).hexdigest() == row["sha256"]:
                        return len(raw)
        if row["sha256"] == _EMPTY:
            return 0
        self._losses.append(f"the size of {row['source']}: {row['path']}, which is no longer there; 0 is written")
        return 0

    def _plan(self, is_ledger_lost: bool) -> Plan:
        again = {(row["source"], row["path"]) for row in self._dicts(_UNBALANCED)}
        months = _months(self._lost[DOCUMENTS.name]) | _months(self._lost[PARAGRAPHS.name])
        if DOCUMENTS.name in self._rows:
            months |= set(self._rows[DOCUMENTS.name].months)
        held = {month for (month,) in self._sql(f"SELECT DISTINCT month FROM {DOCUMENTS.name}")}
        plan = make_mending(
            self._home,
            self._origin.manifest,
            self._arrow(SOURCES),
            self._arrow(FILES),
            self._arrow(REJECTS),
            again,
            months & held,
            is_listing=is_ledger_lost or not self._origin.is_newest,
        )
        found = {(source, file.path) for source, files in plan.read.items() for file in files}
        lost = sorted(again - found)
        if lost:
            self._drop(lost)
        if plan.read:
            self._notes.append(f"{plan.files_to_read:,} files are read again from their sources")
        if plan.rebuild:
            self._notes.append(f"{len(plan.rebuild)} months are parsed again from their stored texts")
        return plan

    def _drop(self, lost: list[tuple[str, str]]) -> None:
        """Take files out of the ledger whose records are neither here nor in the sources."""
        self._lost_records = lost
        self._connection.execute("CREATE TEMP TABLE lost (source VARCHAR, path VARCHAR)")
        self._connection.executemany("INSERT INTO lost VALUES ($1, $2)", lost)
        rows = self._dicts(
            f"SELECT f.* REPLACE (coalesce(h.record_count, 0) AS record_count) FROM files f "
            f"LEFT JOIN ({_HELD}) h USING (source, path) "
            f"WHERE (f.source, f.path) NOT IN (FROM lost) OR h.record_count > 0 ORDER BY f.source, f.path"
        )
        self._replace(FILES, rows)

    def _add(self, table: Table) -> int:
        """Put the rows that were found to those that are there; gives how many were found."""
        found = self._count(f"found_{table.name}")
        if found:
            kept = scan(table, self._locations(table, self._kept[table.name]))
            names = ", ".join(column.name for column in table.stored)
            months: tuple[str, ...] = ()
            where = ""
            order = ", ".join(table.order)
            if table.is_by_month:
                months = tuple(
                    month for (month,) in self._sql(f"SELECT DISTINCT month FROM found_{table.name} ORDER BY 1")
                )
                where = f"WHERE month IN ({', '.join(map(literal, months))})"
                order = f"month, {order}"
            added = f"SELECT {names} FROM found_{table.name}"
            query = f"SELECT {names} FROM ({kept}) {where} UNION ALL {added} ORDER BY {order}"
            self._rows[table.name] = Rows(table, query, months)
            self._view(table.name, f"SELECT {names} FROM ({kept}) UNION ALL {added}")
        return found

    def _replace(self, table: Table, rows: list[dict[str, Any]]) -> None:
        """Have a small table consist of other rows."""
        content = pa.Table.from_pylist(rows, schema=table.schema)
        self._connection.register("content", content)
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE new_{table.name} AS FROM content")
        self._connection.unregister("content")
        self._rows[table.name] = Rows(table, f"FROM new_{table.name} ORDER BY {', '.join(table.order)}")
        self._view(table.name, f"FROM new_{table.name}")

    def _view(self, name: str, query: str) -> None:
        self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {query}")

    def _old(self, manifest: Manifest, table: Table, kept: Collection[str] = ()) -> str:
        """A SELECT of the rows of a former version that are whole, but for those of files that are kept."""
        state = manifest.tables.get(table.name)
        named = [file for file in (state.files if state else ()) if file not in kept]
        files = [file for file in named if self._is_whole(table, file)]
        return scan(table, self._locations(table, files))

    def _old_rows(self, manifest: Manifest, table: Table) -> list[dict[str, Any]]:
        return self._dicts(self._old(manifest, table))

    def _is_whole(self, table: Table, file: str) -> bool:
        path = self._home.lake / table.name / file
        if path not in self._whole:
            self._whole[path] = file_fault(path, table, is_full=True) is None
        return self._whole[path]

    def _locations(self, table: Table, files: Iterable[str]) -> list[Path]:
        return [self._home.lake / table.name / file for file in files]

    def _select(self, name: str) -> list[dict[str, Any]]:
        return self._dicts(f"FROM {name}")

    def _arrow(self, table: Table) -> pa.Table:
        return self._connection.sql(f"FROM {table.name}").to_arrow_table().cast(table.schema)

    def _dicts(self, query: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._connection.sql(query).to_arrow_table().to_pylist()
        return rows

    def _sql(self, query: str, parameters: list[object] | None = None) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, parameters).fetchall()

    def _count(self, name: str) -> int:
        return int(self._sql(f"SELECT count(*) FROM {name}")[0][0])


_EMPTY = hashlib.sha256(b"").hexdigest()

_RECORDS = """
    SELECT source, path, content_sha256, ingested_at AS first_seen, run_id, true AS is_loaded FROM documents
    UNION ALL
    SELECT source, path, content_sha256, first_seen, run_id, false FROM rejects
"""

_HELD = f"""
    SELECT source, {file_of_path()} AS path, count(*)::INTEGER AS record_count, min(first_seen) AS first_seen,
           max(run_id) AS run_id,
           CASE WHEN count(*) = 1 AND NOT bool_or(contains(path, '!/')) THEN min(content_sha256) END AS sha256,
           CASE WHEN bool_or(is_loaded) THEN 'loaded' ELSE 'rejected' END AS status
    FROM ({_RECORDS}) GROUP BY 1, 2
"""
"""The files that the documents and rejects come from. The digest of a text is that of its file; of a file of many
records there is none, so that the next run reads it again."""

_UNBALANCED = f"""
    SELECT f.source, f.path FROM files f LEFT JOIN ({_HELD}) h USING (source, path)
    WHERE f.record_count != coalesce(h.record_count, 0)
"""
"""The files whose records are not all there."""

_DEPARTED = f"""
    WITH contents AS (
        SELECT DISTINCT source, path, content_sha256 FROM ({_RECORDS})
        UNION SELECT source, path, content_sha256 FROM document_versions
    )
    SELECT v.source, v.path, v.content_sha256 AS sha256, v.ingested_at AS first_seen, v.run_id, v.reason,
           CASE WHEN v.reason = 'moved' THEN (
               SELECT CASE WHEN count(*) = 1 THEN min(c.path) END FROM contents c
               WHERE c.source = v.source AND c.content_sha256 = v.content_sha256 AND c.path != v.path
           ) END AS moved_to
    FROM document_versions v
    WHERE v.reason IN ('moved', 'withdrawn')
    QUALIFY row_number() OVER (PARTITION BY v.source, v.path ORDER BY v.version DESC) = 1
"""
"""The files that have left, as the former versions of their documents tell; it is used where none is held any more."""


def manifest_run(manifest: Manifest) -> dict[str, Any]:
    """The row of `runs` for the run of a version, as far as its manifest tells."""
    summary = manifest.summary
    ended = dt.datetime.fromisoformat(manifest.published_at)
    return {
        "run_id": manifest.run_id,
        "started": ended - dt.timedelta(seconds=summary.seconds),
        "ended": ended,
        "code_version": UNKNOWN,
        "files_read": summary.files_read,
        "documents_written": summary.documents_written,
        "rejects": summary.rejects,
        "months": list(summary.months),
        "seconds": summary.seconds,
    }


def _months(files: Iterable[str]) -> set[str]:
    """The months of files of a table that is kept by month."""
    return {month_of(file) for file in files}
