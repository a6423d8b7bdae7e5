"""Puts the definitions together for one home: assets, checks, jobs, schedule, sensors, resources and executor."""

import dagster as dg

from assets.automation import alert_sensor, daily_schedule, inbox_sensor
from assets.inbox import INBOX, inbox_spec, news_checks
from assets.months import MONTHS, months_spec
from assets.publishing import candidate_asset, warehouse_asset
from assets.tables import LOAD, Handover, loaded_assets, registry_assets
from assets.writer import WRITER_TAG, Writer
from etl.contract import UNDATED
from warehouse.home import Home
from warehouse.manifest import newest_readable

JOB = "load"
REBUILD = "rebuild"


def build_definitions(
    home: Home,
    wait_seconds: float = 43_200,
    handover: Handover = Handover(),  # noqa: B008 (it is frozen)
) -> dg.Definitions:
    """All definitions for a home.

    Args:
        home: where everything lies; it need not exist yet.
        wait_seconds: how long a run waits for another writer.
        handover: for the one run in this process.
    """
    assets: list[dg.AssetsDefinition | dg.AssetSpec] = [
        inbox_spec(home),
        months_spec(home),
        loaded_assets(home, handover),
        registry_assets(home),
        candidate_asset(home),
        warehouse_asset(home),
    ]
    written = dg.AssetSelection.all() - dg.AssetSelection.assets(INBOX, MONTHS)
    load = dg.define_asset_job(
        JOB,
        selection=written,
        description="Loads what is new or changed in the sources, checks the result and publishes it.",
        tags=WRITER_TAG,
    )
    rebuild = dg.define_asset_job(
        REBUILD,
        selection=written,
        description="Parses the documents of some months, or of all, again from their stored texts, checks the result "
        "and publishes it. The sources need not be there.",
        config={"ops": {LOAD: {"config": {"rebuild": _example_months(home)}}}},
        tags=WRITER_TAG,
    )
    checks = news_checks(home)
    return dg.Definitions(
        assets=assets,
        asset_checks=[checks] if checks else [],
        jobs=[load, rebuild],
        schedules=[daily_schedule(home, load)],
        sensors=[inbox_sensor(home, load), alert_sensor(home)],
        resources={"writer": Writer(home=str(home), wait_seconds=wait_seconds)},
        # The steps are few and hand on through the lake; a process for each would take longer than they do.
        executor=dg.in_process_executor,
    )


def _example_months(home: Home) -> list[str]:
    """What the launchpad shows for `rebuild`: the newest month, to be replaced by those that are meant.

    Never an empty list, which means all months: that has to be meant.
    """
    published = newest_readable(home)
    months = [month for month in published.months if month != UNDATED] if published else []
    return months[-1:] or ["2021-02"]
