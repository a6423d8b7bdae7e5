"""What Dagster keeps of former runs, cleared of everything that may stem from a document.

Previews, messages and logs show beginnings of texts, paths and excerpts. What is to be forgotten is not looked for in
them: all text goes, so that nothing has to be recognised, whatever it was cut or escaped to. Numbers, times and what
passed or failed stay, and with them the plots and the list of runs.
"""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import sqlalchemy as sa

from etl.contract import SOURCES
from etl.errors import SetupFault
from warehouse.home import Home
from warehouse.lake import Lake

REMOVED = "removed when something was forgotten"
"""Stands where a text was."""

BATCH = 500
"""Rows that are rewritten in one transaction: others wait for a moment only."""

LOCK_SECONDS = 60
"""How long to wait for others that use a SQLite file: readers need a part of a second."""

_BODIES = {
    "event_logs": "event",
    "asset_keys": "last_materialization",
    "asset_check_executions": "evaluation_event",
    "runs": "run_body",
    "job_ticks": "tick_body",
}
"""Dagster's tables that hold texts, each with its column of JSON."""

_NUMBERS = {
    "IntMetadataEntryData",
    "FloatMetadataEntryData",
    "BoolMetadataEntryData",
    "TimestampMetadataEntryData",
    "NullMetadataEntryData",
}
_TEXTS = {"message", "user_message", "description", "skip_reason"}
_ERRORS = {"error", "error_info"}
_PLAIN_EVENTS = {
    "PIPELINE_ENQUEUED", "PIPELINE_DEQUEUED", "PIPELINE_STARTING", "PIPELINE_START", "PIPELINE_SUCCESS", "STEP_START",
    "STEP_SUCCESS", "STEP_SKIPPED", "ASSET_MATERIALIZATION_PLANNED", "ASSET_CHECK_EVALUATION_PLANNED",
    "RESOURCE_INIT_STARTED", "RESOURCE_INIT_SUCCESS", "LOGS_CAPTURED",
}  # fmt: skip
"""Events whose message is Dagster's own."""

Connect = Callable[[], contextlib.AbstractContextManager[sa.Connection]]


def clear_history(instance: dg.DagsterInstance, home: Home, run_id: str) -> None:
    """Remove all texts from what Dagster keeps of other runs, and from the alerts.

    To be called before the publish: until then a killed run is repeated, and this with it.

    Args:
        instance: the home's.
        home: whose lake holds the rows that are to be published: what sources stand there may still be named.
        run_id: of the run that forgets, whose own events say nothing of it.

    Raises:
        SetupFault: Dagster's files are in use or damaged.
    """
    named = _named(home)
    try:
        for connect, file in _databases(instance):
            _clear(connect, run_id, named)
            if file is not None:
                # Whether or not anything had to be cleared: an earlier try may have come as far as here.
                _shrink(file)
    except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise SetupFault(
            f"Cannot clear Dagster's records of what was forgotten: {reason}. Stop `copydesk ui` and `copydesk "
            "daemon`; the next run repeats it"
        ) from error
    # Of runs that were killed, too, whatever Dagster takes them for.
    for other in set(instance.get_run_ids()) - {run_id}:
        instance.compute_log_manager.delete_logs(prefix=[other])
    for path in home.dagster.rglob("*.damaged-*"):
        # What a repair has set aside.
        if path.is_file():
            path.unlink()
    _clear_alerts(home)


def _named(home: Home) -> set[str]:
    """Names and folders of the sources that are configured, or stand in the lake as it is now."""
    named = {value for source in home.settings.sources for value in (source.name, str(source.root))}
    state = Lake(home).state(SOURCES)
    for name in state.files if state else ():
        rows = pq.ParquetFile(home.lake / SOURCES.name / name).read(["source", "root"])
        named.update(rows.column("source").to_pylist(), rows.column("root").to_pylist())
    return named


def _databases(instance: dg.DagsterInstance) -> Iterator[tuple[Connect, Path | None]]:
    """How to connect to each of the instance's databases, and its file if it is one of SQLite."""
    seen = set()
    storages: tuple[Any, ...] = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
    for storage in storages:
        connect = getattr(storage, "connect", None) or storage.index_connection
        with connect() as connection:
            url, is_file = connection.engine.url, connection.dialect.name == "sqlite"
        if not is_file:
            yield connect, None
            continue
        files = [Path(url.database)]
        if storage is instance.event_log_storage:
            # One for each run beside the index of all.
            files = sorted(files[0].parent.glob("*.db"))
        for file in files:
            if file not in seen:
                seen.add(file)
                yield _connector(file), file


def _connector(file: Path) -> Connect:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(file)),
        poolclass=sa.pool.NullPool,
        connect_args={"timeout": LOCK_SECONDS},
    )
    return engine.begin


def _clear(connect: Connect, run_id: str, named: set[str]) -> None:
    """Clear the tables of one database."""
    with connect() as connection:
        tables = set(sa.inspect(connection).get_table_names())
    for table in _BODIES:
        if table in tables:
            _clear_table(connect, table, run_id, named)


def _clear_table(connect: Connect, table: str, run_id: str, named: set[str]) -> None:
    rows = sa.table(table, sa.column("id"), sa.column(_BODIES[table]))
    key, body = rows.c.id, rows.c[_BODIES[table]]
    query = sa.select(key, body).where(key > sa.bindparam("last"), body.is_not(None)).order_by(key).limit(BATCH)
    update = sa.update(rows).where(key == sa.bindparam("row")).values({body.name: sa.bindparam("text")})
    last = -1
    while True:
        with connect() as connection:
            batch = connection.execute(query, {"last": last}).all()
            cleared = [{"row": row, "text": cleared_text(text, run_id, named)} for row, text in batch]
            changed = [new for new, (_, text) in zip(cleared, batch, strict=True) if new["text"] != text]
            if changed:
                connection.execute(update, changed)
        if len(batch) < BATCH:
            return
        last = batch[-1][0]


def cleared_text(text: str, run_id: str, named: set[str]) -> str:
    """An event, a run or a tick as Dagster stores it, without its texts.

    Args:
        text: JSON; what is none comes back as an empty object.
        run_id: of the run whose own records stay as they are.
        named: names and folders of sources that may still be named.
    """
    try:
        content = json.loads(text)
    except ValueError:
        return "{}"
    if not isinstance(content, dict) or content.get("run_id") == run_id:
        return text
    event = content.get("dagster_event") or {}
    cleared = _cleared(content, named, event.get("event_type_value") in _PLAIN_EVENTS)
    return text if cleared == content else json.dumps(cleared)


def _cleared(value: Any, named: set[str], is_plain: bool) -> Any:
    if isinstance(value, list):
        return [_cleared(entry, named, is_plain) for entry in value]
    if not isinstance(value, dict):
        return value
    kind = str(value.get("__class__"))
    if kind.endswith("MetadataEntryData") and kind not in _NUMBERS:
        return {"__class__": "TextMetadataEntryData", "text": REMOVED}
    cleared: dict[str, Any] = {}
    for name, entry in value.items():
        if name in _ERRORS:
            cleared[name] = None
        elif name in _TEXTS and isinstance(entry, str) and entry:
            cleared[name] = entry if is_plain else REMOVED
        elif name == "config" and isinstance(entry, dict) and isinstance(entry.get("sources"), list):
            # A run that was given a file as an argument has it in its configuration.
            sources = [source if source in named else REMOVED for source in entry["sources"]]
            cleared[name] = {**entry, "sources": sources}
            if entry.get("name") not in named:
                cleared[name]["name"] = None
        else:
            cleared[name] = _cleared(entry, named, is_plain)
    return cleared


def _shrink(file: Path) -> None:
    """Write a SQLite file anew, so that what was removed stands neither in its free pages nor in its log.

    Raises:
        sqlite3.Error: another process keeps it in use.
    """
    with contextlib.closing(sqlite3.connect(file, timeout=LOCK_SECONDS, isolation_level=None)) as connection:
        connection.execute("VACUUM")
        (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if is_busy:
            raise sqlite3.OperationalError(f"{file} is in use")


def _clear_alerts(home: Home) -> None:
    """Alerts stay, as a person may have to see to what they tell; what was found goes."""
    for path in home.alerts.glob("[!.]*.json"):
        with contextlib.suppress(ValueError):
            alert = json.loads(path.read_text("utf-8"))
            # Of a source that has fallen silent no more is told than its name and when.
            if not isinstance(alert, dict) or alert.get("event") == "news_stopped":
                continue
            cleared = {**alert, "message": REMOVED}
            if alert.get("event") == "run_failed":
                cleared["kind"] = REMOVED
            temporary = path.with_name(f".{path.name}.new")
            temporary.write_text(f"{json.dumps(cleared, ensure_ascii=False)}\n", "utf-8")
            temporary.replace(path)
