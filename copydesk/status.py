"""`copydesk status`: what is loaded, the last runs, what waits in the sources, and what it takes on disk."""

from __future__ import annotations

import json
from typing import Any

from copydesk.render import as_table, echo, in_bytes, visible
from copydesk.services import running_daemon
from etl.errors import SetupFault
from etl.own_reference import load_own
from warehouse.connection import connect, query_table
from warehouse.disk import DiskUse, disk_use
from warehouse.home import Home
from warehouse.manifest import Manifest, current, retained
from warehouse.own_reference import Finding, findings, strangers
from warehouse.plan import make_plan

_LOADED = """
    SELECT s.source, s.root,
           (SELECT count(*) FROM files f WHERE f.source = s.source) AS files,
           (SELECT count(*) FROM documents d WHERE d.source = s.source) AS documents,
           (SELECT count(*) FROM rejects r WHERE r.source = s.source) AS rejects
    FROM sources s ORDER BY s.source
"""

_RUNS = """
    SELECT run_id, strftime(started, '%Y-%m-%d %H:%M:%S') AS started_utc, files_read, documents_written, rejects,
           len(months) AS months, seconds
    -- In the order in which they were written, the last first: the clock may have been set back between them.
    FROM (SELECT *, row_number() OVER () AS position FROM runs) ORDER BY position DESC LIMIT 5
"""


def status_command(home_folder: str | None, is_json: bool) -> int:
    """Show the status; see `copydesk status --help`. Returns the exit status."""
    from copydesk.cli import DONE

    home = Home.find(home_folder)
    home.require()
    published = current(home)
    loaded = query_table(home, _LOADED) if published else ([], [])
    runs = query_table(home, _RUNS) if published else ([], [])
    waiting = _waiting(home)
    reference = _reference(home, published)
    daemon = running_daemon(home)
    alerts = sorted(path.name for path in home.alerts.glob("[!.]*.json"))
    disk = disk_use(home)
    if is_json:
        echo(
            json.dumps(
                {
                    "home": str(home),
                    "version": published.name if published else None,
                    "documents_total": published.summary.documents_total if published else 0,
                    "sources": _objects(*loaded),
                    "runs": _objects(*runs),
                    "waiting": waiting,
                    "reference": reference,
                    "daemon": daemon,
                    "alerts": alerts,
                    "disk_bytes": disk.to_json(),
                }
            )
        )
        return DONE
    echo(f"Home       {home}")
    echo(f"Published  {_describe(home, published)}\n")
    if published:
        echo(f"{as_table(*loaded)}\n")
        echo(f"{as_table(*runs)}\n")
    echo(f"Waiting    {_describe_waiting(home, waiting)}")
    echo(_describe_reference(home, reference))
    echo(f"Daemon     {daemon or 'does not run: nothing is loaded by itself (`copydesk ui`, `copydesk daemon`)'}")
    if alerts:
        count = f"{len(alerts)} alert{'' if len(alerts) == 1 else 's'}"
        echo(f"Alerts     {count} in {home.alerts}, the newest {alerts[-1]}")
    echo(_describe_disk(disk))
    return DONE


def _describe_disk(disk: DiskUse) -> str:
    lines = [
        f"Disk       lake {in_bytes(disk.lake)}, versions {in_bytes(disk.versions)} (former ones "
        f"{in_bytes(disk.former_versions)}), dagster {in_bytes(disk.dagster)}"
    ]
    rows = [
        (name, in_bytes(use.current), in_bytes(use.former), in_bytes(use.log))
        for name, use in disk.tables.items()
        if use.current or use.former or use.log
    ]
    if rows:
        lines.append(as_table(("table", "current", "only former versions", "log"), rows))
    left = disk.staging + sum(use.left for use in disk.tables.values())
    if left:
        lines.append(f"Left       {in_bytes(left)} by a run in progress or a killed one; the next run clears it away")
    return "\n".join(lines)


def _describe(home: Home, published: Manifest | None) -> str:
    if published is None:
        return "nothing yet: `copydesk run SOURCE`"
    return (
        f"{published.summary.documents_total:,} documents, version {published.name} of "
        f"{published.published_at[:19].replace('T', ' ')} UTC; {len(retained(home))} kept"
    )


def _waiting(home: Home) -> dict[str, Any]:
    """What a run without arguments would do."""
    try:
        plan = make_plan(home)
    except SetupFault as fault:
        return {"fault": str(fault)}
    return {
        "files_seen": plan.files_seen,
        "files_to_read": plan.files_to_read,
        "files_missing": len(plan.missing),
        "reparse": plan.is_reparse,
        "forget": plan.is_forgetting,
    }


def _describe_waiting(home: Home, waiting: dict[str, Any]) -> str:
    if fault := waiting.get("fault"):
        return str(fault)
    if not home.settings.sources:
        return f"no sources in {home.settings_file}"
    names = ", ".join(source.name for source in home.settings.sources)
    text = f"in {names}: {waiting['files_to_read']:,} new or changed of {waiting['files_seen']:,} files"
    if waiting["files_missing"]:
        text += f", {waiting['files_missing']:,} missing"
    if waiting["reparse"]:
        text += "; stored texts will be parsed again, as parser or reference data have changed"
    if waiting["forget"]:
        text += f"; what {home.forgotten} names will be erased"
    return text


def _reference(home: Home, published: Manifest | None) -> dict[str, Any]:
    """What texts are read with, and what became of the user's own part of it."""
    try:
        reference = load_own(home.reference)
    except SetupFault as fault:
        return {"fault": str(fault)}
    is_published = published is not None and published.reference_version == reference.version
    found = strangers(home.reference)
    if is_published and reference.own is not None:
        # What is published with other entries says nothing about these.
        with connect(home.folder) as connection:
            found += findings(connection, reference)
    return {
        "version": reference.version,
        "published_version": published.reference_version if published else None,
        "own": reference.own.counts if reference.own is not None else {},
        "findings": [{"file": entry.file, "line": entry.line, "message": entry.message} for entry in found],
    }


def _describe_reference(home: Home, reference: dict[str, Any]) -> str:
    if fault := reference.get("fault"):
        return f"Reference  {visible(fault)}"
    own = ", ".join(f"{count:,} in {name}" for name, count in reference["own"].items())
    text = f"Reference  version {reference['version']}, of your own: {own or 'nothing'} ({home.reference})"
    if reference["published_version"] not in (None, reference["version"]):
        text += f"; published was read with {reference['published_version']}"
    found = [Finding(**entry) for entry in reference["findings"]]
    return "\n".join([text, *(f"           {visible(str(entry))}" for entry in found)])


def _objects(names: list[str], rows: list[tuple[object, ...]]) -> list[dict[str, object]]:
    return [dict(zip(names, row, strict=True)) for row in rows]
