"""The assets of the lake: one pass over what is new fills all its tables, so it is one multi-asset, never subset."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
from pydantic import Field

from assets.history import clear_history
from assets.inbox import INBOX, arrival, nothing_new
from assets.metadata import run_metadata, table_spec
from assets.months import report_months
from assets.writer import POOL, Writer, faults_as_failures
from etl.contract import (
    AGENCIES,
    COLUMNS,
    DOCUMENT_VERSIONS,
    DOCUMENTS,
    FILES,
    PARAGRAPHS,
    PLACES,
    REJECTS,
    RUNS,
    SOURCES,
)
from etl.errors import SetupFault
from warehouse.home import Home
from warehouse.load import Loaded, Progress, Unchanged, load
from warehouse.manifest import Manifest
from warehouse.plan import Plan, make_forget, make_plan, make_rebuild, make_retry
from warehouse.pool import Pool
from warehouse.publish import clear_leftovers, write_registries

LOAD = "read_and_merge"
WAREHOUSE = "warehouse"
LOADED = (SOURCES, FILES, REJECTS, DOCUMENTS, DOCUMENT_VERSIONS, PARAGRAPHS)
REGISTRIES = (AGENCIES, PLACES, COLUMNS, RUNS)


class LoadConfig(dg.Config):
    """What one run is to load."""

    sources: list[str] = Field(
        default_factory=list,
        description="Folders, files or glob patterns; empty for the sources of copydesk.toml.",
    )
    name: str | None = Field(default=None, description="Name of the source, instead of its folder's.")
    settled_only: bool = Field(
        default=False,
        description="Leave files for later that are younger than two seconds or still growing.",
    )
    accept_shrink: bool = Field(
        default=False,
        description="Take a source that is suddenly empty for one that was emptied: its files are missing then.",
    )
    rebuild: list[str] | None = Field(
        default=None,
        description="Instead of looking at the sources: the months (2021-02, or undated) whose documents are parsed "
        "again from their stored texts; an empty list for all months.",
    )
    retry: list[str] | None = Field(
        default=None,
        description="Instead of looking at the sources: the reasons (unreadable, unparsable ...) of the rejects whose "
        "files are read again, changed or not; an empty list for all reasons.",
    )

    forget: bool = Field(
        default=False,
        description="Instead of looking at the sources: erase what forgotten.txt in the home names. Every other run "
        "does so, too.",
    )

    def plan(self, home: Home) -> Plan:
        """What there is to do."""
        if self.forget:
            return make_forget(home)
        if self.rebuild is not None:
            if self.retry is not None:
                raise SetupFault("Either `rebuild` or `retry`, not both in one run: launch one after the other")
            return make_rebuild(home, self.rebuild)
        if self.retry is not None:
            return make_retry(home, self.retry)
        return make_plan(home, self.sources, self.name, self.settled_only, accept_shrink=self.accept_shrink)


@dataclass(frozen=True)
class Handover:
    """What the command hands on to the one run that it launches in its own process.

    Attributes:
        plan: what there is to do, found out shortly before; else the run finds out.
        pool: workers that have been started already.
        progress: told of how far it is.
    """

    plan: Plan | None = None
    pool: Pool | None = None
    progress: Progress | None = None


def loaded_assets(home: Home, handover: Handover) -> dg.AssetsDefinition:
    """The tables that one pass over new and changed files fills."""

    @dg.multi_asset(
        name=LOAD,
        specs=[table_spec(home, table, [INBOX]) for table in LOADED],
        pool=POOL,
        description="Reads what is new or changed, parses it, and merges it into the lake.",
    )
    def _load(context: dg.AssetExecutionContext, config: LoadConfig, writer: Writer) -> Iterator[dg.MaterializeResult]:
        with faults_as_failures(home):
            _require_publish(context)
            plan = handover.plan or config.plan(home)
            if plan.is_empty:
                _end_without_news(context, home, plan)
                return
            if plan.is_forgetting:
                context.log.info("Something is to be forgotten: it is erased here, and in the records of former runs")
            if plan.rebuild:
                context.log.info(f"{len(plan.rebuild)} months are parsed again from their stored texts")
            elif plan.is_retry:
                context.log.info(f"{plan.files_to_read} files of rejects are read again")
            else:
                context.log.info(f"{plan.files_seen} files seen, {plan.files_to_read} new or changed")
            news = arrival(plan)
            try:
                loaded = load(home, plan, context.run.run_id, handover.progress, handover.pool)
            except Unchanged:
                _end_without_news(context, home, plan)
                return
            if plan.is_forgetting:
                clear_history(context.instance, home, context.run.run_id)
            context.log.info(
                f"{loaded.documents_written} documents in {len(loaded.months)} months, {loaded.rejects} rejects"
            )
            if loaded.not_reparsed:
                reasons = ", ".join(f"{reason} {count}" for reason, count in loaded.not_reparsed.items())
                context.log.warning(f"Stored texts that could not be parsed again keep their former reading: {reasons}")
            if news:
                context.log_event(news)
            metadata = run_metadata(home, LOADED, context.run.run_id)
            for table in LOADED:
                yield dg.MaterializeResult(asset_key=table.name, metadata=metadata[table.name])

    return _load


def _end_without_news(context: dg.AssetExecutionContext, home: Home, plan: Plan) -> None:
    """Publish nothing and say so. Nothing is handed on, so that what follows is skipped."""
    clear_leftovers(home)
    observation = nothing_new(plan)
    context.log.info(observation.description)
    context.log_event(observation)
    if plan.published is not None:
        _repeat_checks(context, plan.published)
        report_months(context, home, plan.published)


def _repeat_checks(context: dg.AssetExecutionContext, published: Manifest) -> None:
    """Say again what the checks found of the version that stays: Dagster would show all of them as skipped."""
    for entry in context.instance.all_logs(published.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        event = entry.dagster_event
        if event is None or event.event_type is not dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            continue
        found = event.asset_check_evaluation_data
        context.log_event(
            dg.AssetCheckEvaluation(
                asset_key=found.asset_key,
                check_name=found.check_name,
                passed=found.passed,
                metadata=found.metadata,
                severity=found.severity,
                description=found.description,
            )
        )


def _require_publish(context: dg.AssetExecutionContext) -> None:
    """Refuse a run of these tables alone: nobody would see what it wrote, and the next run would take it back.

    Raises:
        SetupFault: the run's selection leaves out the warehouse.
    """
    selection = context.run.asset_selection
    if selection and dg.AssetKey(WAREHOUSE) not in selection:
        raise SetupFault(
            f"The tables are published together: launch the job `load`, or select {WAREHOUSE} and all that is before it"
        )


def registry_assets(home: Home) -> dg.AssetsDefinition:
    """The tables that follow from the loaded ones, and the run's own row."""

    @dg.multi_asset(
        name="registries",
        specs=[table_spec(home, table, [DOCUMENTS.name]) for table in REGISTRIES],
        pool=POOL,
        description="Writes the registries that the documents refer to, and the run itself.",
    )
    def _registries(context: dg.AssetExecutionContext, writer: Writer) -> Iterator[dg.MaterializeResult]:
        with faults_as_failures(home):
            write_registries(home, Loaded.read(home, context.run.run_id))
            metadata = run_metadata(home, REGISTRIES, context.run.run_id)
            for table in REGISTRIES:
                yield dg.MaterializeResult(asset_key=table.name, metadata=metadata[table.name])

    return _registries
