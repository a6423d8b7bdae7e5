"""Running the load job in this process, on the home's own instance, so that the run shows in the web UI."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from assets.assembly import JOB, build_definitions
from assets.instance import dagster_home
from assets.publishing import CANDIDATE
from assets.recovery import report_gone
from assets.tables import LOAD, Handover
from etl.errors import SetupFault
from warehouse.faults import fault_of, storage_fault, storage_faults
from warehouse.home import Home

COMMAND_TAG = {"copydesk/launched_by": "command", "dagster/max_retries": "0", "dagster/max_runtime": "0"}
"""Marks runs of the command: each holds the writer's lock from before it starts until after it has ended. The daemon
neither tries them again nor ends them: they are the terminal's."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        run_id: Dagster's.
        refused: what each blocking check found that failed; empty if the candidate was published.
        warnings: what the others found.
    """

    run_id: str
    refused: tuple[str, ...]
    warnings: tuple[str, ...]


def run_load(
    home: Home,
    what: dict[str, Any],
    accept_shrink: bool = False,
    handover: Handover = Handover(),  # noqa: B008 (it is frozen)
) -> Outcome:
    """Run the job once. The caller holds the writer's lock.

    Args:
        home: an existing home.
        what: fields of `assets.tables.LoadConfig`.
        accept_shrink: publish even if most documents are gone.
        handover: what the caller has ready for it.

    Raises:
        SetupFault: the run met one.
        RuntimeError: the run failed for a reason that is ours; its log is in the web UI.
    """
    job = build_definitions(home, wait_seconds=0, handover=handover).resolve_job_def(JOB)
    config = {
        "ops": {
            LOAD: {"config": {**what, "accept_shrink": accept_shrink}},
            CANDIDATE: {"config": {"accept_shrink": accept_shrink}},
        },
        # The command speaks for itself; Dagster's events are in the web UI.
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    with (
        storage_faults(home),
        dagster_home(home) as folder,
        home_instance(home, folder) as instance,
        _silence(),
    ):
        result = job.execute_in_process(
            run_config=config,
            instance=instance,
            raise_on_error=False,
            tags=COMMAND_TAG,
        )
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    refused = tuple(_describe(check) for check in failed if check.severity is dg.AssetCheckSeverity.ERROR)
    if result.success or refused:
        warnings = tuple(_describe(check) for check in failed if check.severity is dg.AssetCheckSeverity.WARN)
        return Outcome(result.run_id, refused, warnings)
    raise _error(home, result)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Dagster off standard output and error, which it complains on when its own records fail; we say why it did.

    Output of steps is captured all the same, for the web UI. Here both come back even where that capture fails.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    kept = {number: os.dup(number) for number in (1, 2)}
    try:
        _flush()
        for number in kept:
            os.dup2(nowhere, number)
        yield
    finally:
        # Where the capture failed, the numbers are its own still, and what it could not take waits to be written.
        for number in kept:
            os.dup2(nowhere, number)
        _flush()
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, SetupFault):
            stream.flush()


@contextmanager
def home_instance(home: Home, folder: Path) -> Iterator[dg.DagsterInstance]:
    """The home's instance, with no dead run of the command in it. The caller holds the writer's lock.

    Raises:
        SetupFault: dagster.yaml is wrong, or the database that it names cannot be used.
    """
    with ExitStack() as stack:
        try:
            instance = stack.enter_context(dg.DagsterInstance.from_config(str(folder)))
            _end_dead_runs(instance)
        except Exception as error:
            if fault := fault_of(home, error):
                raise fault from error
            reason = " ".join(str(error).split())[:300]
            raise SetupFault(f"Dagster cannot work with {home.dagster / 'dagster.yaml'}: {reason}") from error
        yield instance


def _describe(check: dg.AssetCheckEvaluation) -> str:
    # Not its description, which is escaped for the web UI.
    return f"{check.check_name}: {check.metadata['message'].value}"


def _end_dead_runs(instance: dg.DagsterInstance) -> None:
    """Report runs of the command that were killed: as we hold the lock, none of them is alive.

    They would stay "started" for good otherwise, and keep the queue's one place for a writer.
    """
    unfinished = dg.RunsFilter(
        tags=COMMAND_TAG,
        statuses=[dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED],
    )
    report_gone(instance, instance.get_runs(unfinished))


def _error(home: Home, result: dg.ExecuteInProcessResult) -> BaseException:
    """What made a run fail."""
    for event in result.filter_events(lambda event: event.is_failure):
        data = event.event_specific_data
        failure = getattr(data, "user_failure_data", None)
        if failure is not None:
            return SetupFault(failure.description)
        error = getattr(data, "error", None)
        if error is not None:
            root = error.cause or error
            if "Interrupted" in f"{error.cls_name} {root.cls_name}":
                return KeyboardInterrupt()
            message = root.message.strip().removeprefix(f"{root.cls_name}: ")
            fault = storage_fault(home, {root.cls_name or ""}, message.partition("\n")[0])
            return fault or RuntimeError(f"{root.cls_name}: {message}")
    return RuntimeError("the run failed without saying why")
