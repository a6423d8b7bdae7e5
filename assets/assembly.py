"""Puts the definitions together for one home: assets, checks, job, resources and executor."""

from collections.abc import Callable

import dagster as dg

from assets.publishing import candidate_asset, warehouse_asset
from assets.tables import inbox_spec, loaded_assets, registry_assets
from assets.writer import WRITER_TAG, Writer
from warehouse.home import Home

JOB = "load"


def build_definitions(
    home: Home, progress: Callable[[int, int], None] | None = None, wait_seconds: float = 3600
) -> dg.Definitions:
    """All definitions for a home.

    Args:
        home: where everything lies; it need not exist yet.
        progress: told of how many of how many records are done, by runs in this process.
        wait_seconds: how long a run waits for another writer.
    """
    assets: list[dg.AssetsDefinition | dg.AssetSpec] = [
        inbox_spec(home),
        loaded_assets(home, progress),
        registry_assets(home),
        candidate_asset(home),
        warehouse_asset(home),
    ]
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.all() - dg.AssetSelection.assets("inbox"),
        description="Loads what is new or changed in the sources, checks the result and publishes it.",
        # The steps hand on through the lake, under one lock: a run can only be tried again as a whole.
        tags={**WRITER_TAG, "dagster/retry_strategy": "ALL_STEPS"},
    )
    return dg.Definitions(
        assets=assets,
        jobs=[job],
        resources={"writer": Writer(home=str(home), wait_seconds=wait_seconds)},
        # The steps are few and hand on through the lake; a process for each would take longer than they do.
        executor=dg.in_process_executor,
    )
