"""How long Dagster's runs are kept: until `copydesk prune --runs-older-than` removes them.

Ticks of sensors and schedules have a rule of their own in dagster.yaml.
"""

import contextlib
import datetime as dt
from collections.abc import Collection
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

from assets.instance import dagster_home
from assets.launch import home_instance
from assets.months import MONTHS
from warehouse.home import Home
from warehouse.manifest import retained

FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def prune_runs(
    home: Home, older_than: dt.timedelta, is_dry_run: bool = False, leaving: Collection[str] = ()
) -> tuple[int, int]:
    """Delete finished runs, with their events and logs. The caller holds the writer's lock.

    Kept are the runs whose versions are retained, and those that last materialized an asset or a month: the web UI
    shows what these have reported.

    Args:
        home: an existing home.
        older_than: only runs created longer ago than that are deleted.
        is_dry_run: delete nothing.
        leaving: names of retained versions that are about to go: they keep no run.

    Returns:
        How many runs are deleted, or would be; and how many as old are kept.

    Raises:
        SetupFault: dagster.yaml is wrong, or the database that it names cannot be used.
    """
    with dagster_home(home) as folder, home_instance(home, folder) as instance:
        before = dt.datetime.now(dt.UTC) - older_than
        old = instance.get_run_ids(dg.RunsFilter(statuses=FINISHED, created_before=before))
        versions = {manifest.run_id for manifest in retained(home) if manifest.name not in leaving}
        needed = versions | _last_materializations(instance)
        due = [run_id for run_id in old if run_id not in needed]
        if not is_dry_run:
            for run_id in due:
                _delete(instance, run_id)
        return len(due), len(old) - len(due)


def _last_materializations(instance: dg.DagsterInstance) -> set[str]:
    """The runs that last materialized an asset, or a month of it."""
    runs = set()
    for key in instance.get_asset_keys():
        if event := instance.get_latest_materialization_event(key):
            runs.add(event.run_id)
    months = dg.AssetKey(MONTHS)
    latest = instance.event_log_storage.get_latest_storage_id_by_partition(
        months, dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    if latest:
        wanted = dg.AssetRecordsFilter(asset_key=months, storage_ids=list(latest.values()))
        found = instance.fetch_materializations(wanted, limit=len(latest))
        runs |= {record.run_id for record in found.records}
    return runs


def _delete(instance: dg.DagsterInstance, run_id: str) -> None:
    instance.delete_run(run_id)
    with contextlib.suppress(NotImplementedError):
        instance.compute_log_manager.delete_logs(prefix=[run_id])
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        # Each run has a database of its own, of which Dagster deletes the rows and leaves the file.
        for suffix in ("", "-wal", "-shm"):
            Path(f"{storage.path_for_shard(run_id)}{suffix}").unlink(missing_ok=True)
