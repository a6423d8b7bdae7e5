"""The candidate, the checks that stand before it, and the published warehouse."""

import dagster as dg

from assets.metadata import GROUP, OWNER, column_schema
from assets.tables import LOADED, REGISTRIES
from assets.writer import POOL, Writer, faults_as_failures
from etl.contract import DOCUMENTS
from warehouse.checks import CHECKS, run_checks
from warehouse.home import Home
from warehouse.load import Loaded
from warehouse.publish import build_candidate, publish

CANDIDATE = "warehouse_candidate"
WAREHOUSE = "warehouse"
MAIN_VIEW = "\n\nRow count and columns are those of its main view, documents."


class CheckConfig(dg.Config):
    """What the checks are to let pass.

    Attributes:
        accept_shrink: publish even if most documents are gone.
    """

    accept_shrink: bool = False


def candidate_asset(home: Home) -> dg.AssetsDefinition:
    """The next version of the warehouse, built beside the published ones, with its blocking checks."""

    @dg.asset(
        name=CANDIDATE,
        deps=[table.name for table in (*LOADED, *REGISTRIES)],
        description="The next version of the warehouse, not published before its checks have passed." + MAIN_VIEW,
        metadata={"dagster/column_schema": column_schema(DOCUMENTS)},
        owners=[OWNER],
        group_name=GROUP,
        kinds={"duckdb"},
        pool=POOL,
        check_specs=[
            dg.AssetCheckSpec(name, asset=CANDIDATE, description=meaning, blocking=True)
            for name, meaning in CHECKS.items()
        ],
    )
    def _candidate(context: dg.AssetExecutionContext, config: CheckConfig, writer: Writer) -> dg.MaterializeResult:
        with faults_as_failures(home):
            manifest = build_candidate(home, Loaded.read(home, context.run.run_id))
            checks = run_checks(home, manifest.name, config.accept_shrink)
        return dg.MaterializeResult(
            metadata={"dagster/row_count": manifest.summary.documents_total},
            check_results=[
                dg.AssetCheckResult(
                    passed=check.passed,
                    check_name=check.name,
                    description=check.message,
                    metadata={"found": check.found},
                )
                for check in checks
            ],
        )

    return _candidate


def warehouse_asset(home: Home) -> dg.AssetsDefinition:
    """The published warehouse."""

    @dg.asset(
        name=WAREHOUSE,
        deps=[CANDIDATE],
        description="The warehouse that SQL is asked of: a DuckDB file with views on exactly one snapshot of the lake."
        + MAIN_VIEW,
        owners=[OWNER],
        group_name=GROUP,
        kinds={"duckdb"},
        pool=POOL,
        metadata={"dagster/uri": home.link.as_uri(), "dagster/column_schema": column_schema(DOCUMENTS)},
    )
    def _warehouse(context: dg.AssetExecutionContext, writer: Writer) -> dg.MaterializeResult:
        with faults_as_failures(home):
            manifest = publish(home, context.run.run_id)
        summary = manifest.summary
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": summary.documents_total,
                "documents_written": summary.documents_written,
                "files_read": summary.files_read,
                "rejects_written": summary.rejects,
                "months_rewritten": len(summary.months),
                "seconds": summary.seconds,
                "path": dg.MetadataValue.path(str(home.link)),
            }
        )

    return _warehouse
