"""Runs whose process is gone: a power cut or a killed process leaves them "started", and the queue waits for them."""

import datetime as dt
import time
from collections.abc import Iterable

import dagster as dg

from etl.errors import SetupFault
from warehouse.home import Home
from warehouse.lock import WriterLock

GRACE_SECONDS = 30
"""A run takes some seconds from its start until it takes the lock."""

GONE = (
    "The process of this run is gone. What is published is whole: the version before the run, or the one that it made."
)


def end_dead_runs(instance: dg.DagsterInstance, home: Home) -> None:
    """Report runs as failed that are started, but that nobody carries out: Dagster then tries them again.

    Every run that takes longer than a moment holds the writer's lock or waits for it. While the lock stays free, none
    is alive.
    """
    records = instance.get_run_records(
        # All of them: "Materialize" in the web UI launches runs that no job of ours has tagged.
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
    )
    latest = dt.datetime.now(dt.UTC).timestamp() - GRACE_SECONDS
    # One that starts in the future was started by a clock that was wrong.
    old = [
        record.dagster_run
        for record in records
        if record.start_time and not latest <= record.start_time <= latest + 2 * GRACE_SECONDS
    ]
    if old and _is_free(home):
        report_gone(instance, old)


def report_gone(instance: dg.DagsterInstance, runs: Iterable[dg.DagsterRun]) -> None:
    """Report runs as failed because their process is gone."""
    for run in runs:
        instance.report_run_failed(run, GONE)


def _is_free(home: Home) -> bool:
    """Whether nobody holds the writer's lock, nor waits for it: who waits takes it within a tenth of a second."""
    for pause in (1, 0):
        try:
            with WriterLock(home, "Copydesk's sensor"):
                pass
        except SetupFault:
            return False
        time.sleep(pause)
    return True
