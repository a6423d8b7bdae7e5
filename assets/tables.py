"""The assets of the lake: one pass over what is new fills all its tables, so it is one multi-asset, never subset."""

from collections.abc import Callable, Iterator

import dagster as dg
from pydantic import Field

from assets.metadata import GROUP, OWNER, row_metadata, table_spec
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
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.load import Loaded, load
from warehouse.plan import make_plan
from warehouse.publish import write_registries

INBOX = "inbox"
LOAD = "read_and_merge"
LOADED = (SOURCES, FILES, REJECTS, DOCUMENTS, DOCUMENT_VERSIONS, PARAGRAPHS)
REGISTRIES = (AGENCIES, PLACES, COLUMNS, RUNS)


class LoadConfig(dg.Config):
    """What one run is to load.

    Attributes:
        sources: folders, files or glob patterns; empty for the sources of copydesk.toml.
        name: name of the source, instead of its folder's.
    """

    sources: list[str] = Field(default_factory=list)
    name: str | None = None


def inbox_spec(home: Home) -> dg.AssetSpec:
    """The raw files outside: what the sources of copydesk.toml hold."""
    return dg.AssetSpec(
        INBOX,
        description="Raw text files in the folders that copydesk.toml names as sources. Copydesk never touches them.",
        owners=[OWNER],
        group_name=GROUP,
        kinds={"file"},
        metadata={"settings": dg.MetadataValue.path(str(home.settings_file))},
    )


def loaded_assets(home: Home, progress: Callable[[int, int], None] | None) -> dg.AssetsDefinition:
    """The tables that one pass over new and changed files fills."""

    @dg.multi_asset(
        name=LOAD,
        specs=[table_spec(home, table, [INBOX]) for table in LOADED],
        pool=POOL,
        description="Reads what is new or changed, parses it, and merges it into the lake.",
    )
    def _load(context: dg.AssetExecutionContext, config: LoadConfig, writer: Writer) -> Iterator[dg.MaterializeResult]:
        with faults_as_failures(home):
            plan = make_plan(home, config.sources, config.name)
            if plan.is_empty:
                context.log.info(f"Nothing new: {plan.files_seen} files seen, all of them known")
                return
            context.log.info(f"{plan.files_seen} files seen, {plan.files_to_read} new or changed")
            loaded = load(home, plan, context.run.run_id, progress)
            context.log.info(
                f"{loaded.documents_written} documents in {len(loaded.months)} months, {loaded.rejects} rejects"
            )
            lake = Lake(home)
            for table in LOADED:
                yield dg.MaterializeResult(asset_key=table.name, metadata=row_metadata(lake.state(table)))

    return _load


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
            lake = Lake(home)
            for table in REGISTRIES:
                yield dg.MaterializeResult(asset_key=table.name, metadata=row_metadata(lake.state(table)))

    return _registries
