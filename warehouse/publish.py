"""Publishing: a versioned DuckDB file with views on exactly one snapshot, swapped in atomically.

Three steps, each on its own so that checks can stand between them: `build` makes a candidate beside the published
versions, `warehouse.checks` judges it, `publish` makes it the current one. The views read the lake's Parquet
files by an explicit list, so that no later run can change what they show.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import shutil
import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version as installed_version
from importlib.resources import files
from pathlib import Path

import duckdb
import pyarrow as pa

from etl.contract import (
    AGENCIES,
    COLUMNS,
    CONTRACT_VERSION,
    DOCUMENT_VERSIONS,
    DOCUMENTS,
    FILES,
    PARAGRAPHS,
    PARSER_VERSION,
    PLACES,
    REJECTS,
    RUNS,
    SNAPSHOT,
    SOURCES,
    TABLES,
    UNDATED,
    Table,
    columns_table,
)
from etl.errors import SetupFault
from etl.paragraphs import LEAD_SQL
from etl.reference import Place, Reference, normalise
from warehouse.disk import byte_count
from warehouse.home import Home
from warehouse.lake import Lake, sync
from warehouse.load import Loaded, run_reference
from warehouse.manifest import (
    BUILDING,
    DATABASE,
    LEAVING,
    MANIFEST,
    KnownSource,
    Manifest,
    RunSummary,
    TableState,
    current,
    has_leftovers,
    locations,
    newest,
    next_number,
    nothing_loaded,
    now,
    read_table,
    retained,
    unfinished_version,
)
from warehouse.points import reach
from warehouse.scan import literal, scan

STORAGE_VERSION = "v1.2.0"
"""The file format that DuckDB 1.2 and later can open; the default of 2.0 shuts older clients out."""

CATALOG = "warehouse"

_BODY = "nullif(substr(text, body_start + 1, body_end - body_start), '') AS body"
_COMPUTED = {
    "documents": f"""
        SELECT *, nullif({LEAD_SQL}, '') AS lead, NULL::VARCHAR AS duplicate_of, NULL::VARCHAR AS cluster_id
        FROM (SELECT *, {_BODY} FROM ({{stored}}))
    """,
    "document_versions": f"""
        SELECT *, nullif({LEAD_SQL}, '') AS lead FROM (SELECT *, {_BODY} FROM ({{stored}}))
    """,
    "paragraphs": """
        SELECT p.*, substr(d.text, p.char_start + 1, p.char_end - p.char_start) AS text
        FROM ({stored}) p LEFT JOIN documents d USING (document_id, month)
    """,
}
"""How the views of a table's computed columns are made from its stored rows."""


def write_registries(home: Home, loaded: Loaded, published: Manifest | None = None) -> None:
    """Write what follows from the loaded rows: the registries, where they differ, and the run itself.

    Args:
        home: whose.
        loaded: by the load that went before.
        published: what that load went out from, if it is not the current version.
    """
    lake = Lake(home)
    published = published or current(home)
    reference = run_reference(home, loaded.run_id)
    for table, rows in (
        (AGENCIES, _agencies(reference)),
        (PLACES, _places(reference, _used_places(home, lake))),
        (COLUMNS, columns_table()),
    ):
        _update(home, lake, published, table, rows, loaded.run_id)
    # The clock may have been set back meanwhile.
    ended = max(now(), loaded.started)
    run = {
        "run_id": loaded.run_id,
        "started": loaded.started,
        "ended": ended,
        "code_version": installed_version("copydesk"),
        "files_read": loaded.files_read,
        "documents_written": loaded.documents_written,
        "rejects": loaded.rejects,
        "months": list(loaded.months),
        "seconds": round((ended - loaded.started).total_seconds(), 3),
    }
    runs = pa.concat_tables([read_table(home, published, RUNS), pa.Table.from_pylist([run], schema=RUNS.schema)])
    lake.replace(RUNS, runs.to_batches(), loaded.run_id)
    reach("registries written")


def build_candidate(home: Home, loaded: Loaded) -> Manifest:
    """Build the candidate of a run from the heads of the lake's tables."""
    tables = _states(Lake(home))
    summary = RunSummary(
        loaded.run_id,
        loaded.files_seen,
        loaded.files_read,
        loaded.documents_written,
        tables[DOCUMENTS.name].row_count if DOCUMENTS.name in tables else 0,
        loaded.rejects,
        loaded.months,
        round(max(0.0, (now() - loaded.started).total_seconds()), 3),
        loaded.rejects_by_reason,
        loaded.documents_forgotten,
    )
    manifest = Manifest(
        loaded.run_id,
        loaded.run_id,
        now().isoformat(),
        str(home.lake),
        CONTRACT_VERSION,
        PARSER_VERSION,
        loaded.reference_version,
        tables,
        summary,
        number=next_number(home),
        forgotten=loaded.forgotten,
        intakes=loaded.intakes,
    )
    build(home, manifest)
    return manifest


def republish(home: Home) -> Manifest:
    """Build a candidate of what is published already: after the home has moved, or views have changed.

    The caller holds the writer's lock.

    Raises:
        SetupFault: nothing has been published yet.
    """
    published = newest(home)
    if published is None:
        raise SetupFault(nothing_loaded(home))
    lake = Lake(home)
    lake.restore(published)
    _move_sources(home, lake, published)
    # The views that are made now have the comments of this contract.
    _update(home, lake, published, COLUMNS, columns_table(), str(uuid.uuid4()))
    manifest = replace(
        published,
        name=next_name(home, published.run_id),
        published_at=now().isoformat(),
        lake=str(home.lake),
        tables=_states(lake),
        number=next_number(home),
    )
    build(home, manifest)
    return manifest


def _update(home: Home, lake: Lake, published: Manifest | None, table: Table, rows: pa.Table, run_id: str) -> None:
    """Replace the rows of a table if they are others than those that are published."""
    if table.name not in (published.tables if published else {}) or not rows.equals(read_table(home, published, table)):
        lake.replace(table, rows.to_batches(), run_id)


def next_name(home: Home, run_id: str) -> str:
    """The name of the next version that is published without a new run."""
    former = [path.name.rpartition("-")[2] for path in home.versions.glob(f"{run_id}-*")]
    number = 1 + max((int(suffix) for suffix in former if suffix.isdecimal()), default=0)
    return f"{run_id}-{number}"


def _move_sources(home: Home, lake: Lake, published: Manifest) -> None:
    """Where the home has moved, the sources that lie in it have moved with it."""
    former = Path(published.lake).parent
    sources = read_table(home, published, SOURCES)
    rows = sources.to_pylist()
    for row in rows:
        row["root"] = moved_root(home, former, row["root"])
    moved = pa.Table.from_pylist(rows, schema=SOURCES.schema)
    if not moved.equals(sources):
        lake.replace(SOURCES, moved.to_batches(), str(uuid.uuid4()))


def moved_root(home: Home, former: Path, root: str) -> str:
    """Where a source's root is now that the home has moved from its former place."""
    if former != home.folder and Path(root).is_relative_to(former):
        return str(home.folder / Path(root).relative_to(former))
    return root


def candidate_folder(home: Home, name: str) -> Path:
    """Where the candidate of that name lies until it is published."""
    return home.versions / f"{name}{BUILDING}"


def build(home: Home, manifest: Manifest) -> None:
    """Make a candidate: the DuckDB file and its manifest, in a folder of its own."""
    folder = candidate_folder(home, manifest.name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    reach("before database")
    connection = duckdb.connect()
    try:
        connection.execute(
            f"ATTACH {literal(str(folder / DATABASE))} AS {CATALOG} (STORAGE_VERSION {literal(STORAGE_VERSION)})"
        )
        connection.execute(f"USE {CATALOG}")
        # Each statement by itself would be written to disk by itself.
        connection.begin()
        for table in TABLES.values():
            _create_table_view(connection, home, manifest, table)
        for name, comment, query in analysis_views():
            connection.execute(f"CREATE VIEW {name} AS {query}")
            connection.execute(f"COMMENT ON VIEW {name} IS {literal(comment)}")
        _create_snapshot(connection, home, manifest)
        connection.commit()
        connection.execute(f"CHECKPOINT {CATALOG}")
    finally:
        connection.close()
    reach("after database")
    # The sources stand in the manifest, too: nothing else would tell where a lost table's rows came from.
    sources = tuple(
        KnownSource(row["source"], row["root"], tuple(row["patterns"]))
        for row in read_table(home, manifest, SOURCES).to_pylist()
    )
    (folder / MANIFEST).write_text(replace(manifest, sources=sources).to_json(), "utf-8")
    reach("after manifest")


def publish(home: Home, name: str) -> Manifest:
    """Make a candidate the current version, then clear away what no retained version needs.

    The caller holds the writer's lock.
    """
    building = candidate_folder(home, name)
    target = home.versions / name
    reach("before publish")
    _discard_unfinished(home)
    (building / DATABASE).chmod(0o444)
    for path in (building / DATABASE, building / MANIFEST, building):
        sync(path)
    # A link cannot be replaced in place: it is made under another name and renamed over the old one. It is made first:
    # a version that it names, and the link proper does not, is known for one that was never published.
    home.next_link.symlink_to(target.relative_to(home.folder) / DATABASE)
    sync(home.folder)
    reach("link prepared")
    building.rename(target)
    sync(home.versions)
    reach("version renamed")
    home.next_link.replace(home.link)
    reach("published")
    sync(home.folder)
    # From here on the version is published, and whatever cannot be cleared away now is by the next run.
    with contextlib.suppress(OSError, SetupFault):
        clear_away(home)
    return Manifest.read(target / MANIFEST)


def clear_leftovers(home: Home) -> None:
    """Clear away what a run that was killed or refused has left, where no run follows that would.

    The caller holds the writer's lock.
    """
    if has_leftovers(home):
        Lake(home).restore(current(home))
        clear_away(home)


@dataclass(frozen=True)
class Cleared:
    """What clearing away has removed, or would remove.

    Attributes:
        versions: names of the versions that are gone.
        open_versions: names of those that were due, but that someone has open.
        byte_count: bytes of all that is gone: versions, candidates, staged rows, and files of the lake.
    """

    versions: tuple[str, ...]
    open_versions: tuple[str, ...]
    byte_count: int


def clear_away(
    home: Home, keep: int | None = None, before: dt.datetime | None = None, is_dry_run: bool = False
) -> Cleared:
    """Remove old versions, candidates and staged rows that were left, and lake files that nobody needs.

    A version that someone has open is kept until the next publish after it was closed; the current one always is. One
    that was made before something was forgotten goes, open or not. The staging folder goes last: if this is killed, it
    says that there is more to be done. The caller holds the writer's lock.

    Args:
        home: whose.
        keep: how many of the newest versions stay; by default as copydesk.toml says.
        before: only versions published earlier than that (UTC) leave.
        is_dry_run: remove nothing, only say what would go.
    """
    if not is_dry_run:
        _bring_back(home)
    keep = home.settings.keep_versions if keep is None else keep
    published = current(home, may_have_moved=True)
    kept, gone, still_open, freed = [], [], [], 0
    for at, manifest in enumerate(retained(home)):
        folder = home.versions / manifest.name
        is_current = published is not None and manifest.name == published.name
        is_young = before is not None and manifest.published_at >= before.isoformat()
        is_to_go = published is not None and manifest.forgotten != published.forgotten
        if not is_to_go and (at < keep or is_current or is_young):
            kept.append(manifest)
            continue
        size = byte_count(folder)
        if (not is_to_go and is_open(folder / DATABASE)) if is_dry_run else not _remove_version(folder, is_to_go):
            kept.append(manifest)
            still_open.append(manifest.name)
        else:
            gone.append(manifest.name)
            freed += size
    known = {*(manifest.name for manifest in kept), *gone}
    freed += byte_count(home.staging)
    for folder in [path for path in home.versions.iterdir() if path.name not in known]:
        freed += byte_count(folder)
        if not is_dry_run:
            shutil.rmtree(folder, ignore_errors=True)
            reach("leftover removed")
    if not is_dry_run:
        home.next_link.unlink(missing_ok=True)
        home.next_forgotten.unlink(missing_ok=True)
    freed += Lake(home).sweep(kept, is_dry_run)
    if not is_dry_run:
        reach("before removing staging")
        shutil.rmtree(home.staging, ignore_errors=True)
        reach("after removing staging")
    return Cleared(tuple(gone), tuple(still_open), freed)


def _discard_unfinished(home: Home) -> None:
    if name := unfinished_version(home):
        shutil.rmtree(home.versions / name, ignore_errors=True)
    home.next_link.unlink(missing_ok=True)


def _remove_version(folder: Path, is_to_go: bool) -> bool:
    """Remove a version, unless someone has it open, and even then if it has to go. Returns whether it is gone.

    It is moved first and only then looked at, so that nobody can open it in between: `warehouse.connect` sees after
    opening whether the version is still in its place.
    """
    leaving = folder.with_name(f"{folder.name}{LEAVING}")
    folder.rename(leaving)
    reach("version set aside")
    if not is_to_go and is_open(leaving / DATABASE):
        leaving.rename(folder)
        return False
    # The manifest first: what has none is no version, and is not brought back once its rows are swept away.
    (leaving / MANIFEST).unlink()
    shutil.rmtree(leaving, ignore_errors=True)
    reach("version removed")
    return True


def _bring_back(home: Home) -> None:
    """Put versions back whose removal was cut short: someone may have one of them open."""
    for leaving in home.versions.glob(f"*{LEAVING}"):
        if (leaving / MANIFEST).exists():
            leaving.rename(leaving.with_suffix(""))


def is_open(path: Path) -> bool:
    """Whether another process has a DuckDB file open: it then holds a lock on it.

    Connections of this process are not seen.
    """
    # struct flock of Linux and macOS begins differently; the fields that matter are found by asking.
    request = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    if os.uname().sysname == "Darwin":
        request = struct.pack("qqihh", 0, 0, 0, fcntl.F_WRLCK, os.SEEK_SET)
    with contextlib.suppress(OSError), path.open("rb") as handle:
        answer = fcntl.fcntl(handle, fcntl.F_GETLK, request)
        kind = (
            struct.unpack("qqihh", answer)[3] if os.uname().sysname == "Darwin" else struct.unpack_from("h", answer)[0]
        )
        return bool(kind != fcntl.F_UNLCK)
    return False


def analysis_views() -> Iterator[tuple[str, str, str]]:
    """The views for analysis in warehouse/sql: name, comment, query.

    Each file begins with a comment that says what it answers.
    """
    for path in sorted(files("warehouse").joinpath("sql").iterdir(), key=lambda entry: entry.name):
        lines = path.read_text("utf-8").splitlines()
        split = next(at for at, line in enumerate(lines) if not line.startswith("--"))
        comment = " ".join(line.removeprefix("--").strip() for line in lines[:split])
        yield path.name.removesuffix(".sql"), comment, "\n".join(lines[split:]).strip().rstrip(";")


def _create_table_view(connection: duckdb.DuckDBPyConnection, home: Home, manifest: Manifest, table: Table) -> None:
    stored = scan(table, locations(home, manifest, table))
    query = _COMPUTED.get(table.name, "{stored}").replace("{stored}", stored)
    names = ", ".join(column.name for column in table.columns)
    connection.execute(f"CREATE VIEW {table.name} AS SELECT {names} FROM ({query})")
    connection.execute(f"COMMENT ON VIEW {table.name} IS {literal(table.comment)}")
    _comment_columns(connection, table)


def _comment_columns(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    for column in table.columns:
        connection.execute(f"COMMENT ON COLUMN {table.name}.{column.name} IS {literal(column.comment)}")


def _create_snapshot(connection: duckdb.DuckDBPyConnection, home: Home, manifest: Manifest) -> None:
    """Make the table that says which version the file is. A table of its own: it holds where the lake is out of reach.

    All of it is taken from the manifest and its rows, so that a file that is built again says the same.
    """
    runs = read_table(home, manifest, RUNS, ["run_id", "code_version"]).to_pylist()
    months = [month for month in manifest.months if month != UNDATED]

    def rows_of(table: Table) -> int:
        return manifest.tables[table.name].row_count if table.name in manifest.tables else 0

    values = {
        "version": manifest.name,
        "run_id": manifest.run_id,
        "published_at": dt.datetime.fromisoformat(manifest.published_at),
        "code_version": next((run["code_version"] for run in runs if run["run_id"] == manifest.run_id), None),
        "parser_version": manifest.parser_version,
        "reference_version": manifest.reference_version,
        "contract_version": manifest.contract_version,
        "source_count": rows_of(SOURCES),
        "file_count": rows_of(FILES),
        "document_count": rows_of(DOCUMENTS),
        "document_version_count": rows_of(DOCUMENT_VERSIONS),
        "paragraph_count": rows_of(PARAGRAPHS),
        "reject_count": rows_of(REJECTS),
        "first_month": min(months, default=None),
        "last_month": max(months, default=None),
    }
    columns = ", ".join(
        f"{column.name} {column.sql_type}{'' if column.is_nullable else ' NOT NULL'}" for column in SNAPSHOT.columns
    )
    connection.execute(f"CREATE TABLE {SNAPSHOT.name} ({columns})")
    marks = ", ".join("?" for _ in SNAPSHOT.columns)
    connection.execute(
        f"INSERT INTO {SNAPSHOT.name} VALUES ({marks})", [values[column.name] for column in SNAPSHOT.columns]
    )
    connection.execute(f"COMMENT ON TABLE {SNAPSHOT.name} IS {literal(SNAPSHOT.comment)}")
    _comment_columns(connection, SNAPSHOT)


def _states(lake: Lake) -> dict[str, TableState]:
    states = {table.name: lake.state(table) for table in TABLES.values()}
    return {name: state for name, state in states.items() if state is not None}


def _used_places(home: Home, lake: Lake) -> pa.Array:
    state = lake.state(DOCUMENTS)
    documents = scan(DOCUMENTS, [home.lake / DOCUMENTS.name / name for name in state.files] if state else [])
    used = f"SELECT DISTINCT place_id FROM ({documents}) WHERE place_id IS NOT NULL"
    with duckdb.connect() as connection:
        return connection.sql(used).to_arrow_table().column("place_id")


def _places(reference: Reference, place_ids: pa.Array) -> pa.Table:
    """Places of the gazetteer and of the user's own, by their ids."""
    known = reference.gazetteer.table(place_ids)
    used = set(place_ids.to_pylist())
    own = reference.own.places if reference.own is not None else ()
    names: dict[Place, list[str]] = {}
    for entry in own:
        if entry.place is not None and entry.place.place_id < 0 and entry.place.place_id in used:
            names.setdefault(entry.place, []).append(normalise(entry.located))
    rows = [
        {
            "place_id": place.place_id,
            "name": place.name,
            "names": sorted(set(spellings)),
            "country_code": place.country_code,
            "admin1": None,
            "latitude": place.latitude,
            "longitude": place.longitude,
            "population": place.population,
        }
        for place, spellings in sorted(names.items(), key=lambda entry: entry[0].place_id)
    ]
    return pa.concat_tables([pa.Table.from_pylist(rows, schema=PLACES.schema), known])


def _agencies(reference: Reference) -> pa.Table:
    rows = [
        {
            "agency_id": agency.agency_id,
            "name": agency.name,
            "names": list(agency.names.items()),
            "country_code": agency.country_code,
            "wikidata_id": agency.wikidata_id,
            "kind": agency.kind,
        }
        for agency in sorted(reference.agencies.values(), key=lambda agency: agency.agency_id)
    ]
    return pa.Table.from_pylist(rows, schema=AGENCIES.schema)
