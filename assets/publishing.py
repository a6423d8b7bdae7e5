"""The candidate, the checks that stand before it, and the published warehouse."""

import logging

import dagster as dg
import duckdb
from pydantic import Field

from assets.markdown import escape
from assets.metadata import GROUP, OWNER, code_references, column_schema, document_metadata
from assets.months import report_months
from assets.tables import LOADED, REGISTRIES, WAREHOUSE
from assets.writer import POOL, Writer, faults_as_failures
from etl.contract import DOCUMENTS
from warehouse.checks import BLOCKING, CHECKS, Check, run_checks
from warehouse.home import Home
from warehouse.load import Loaded
from warehouse.manifest import DATABASE
from warehouse.publish import build_candidate, candidate_folder, publish

CANDIDATE = "warehouse_candidate"


def _is_of_a_step_that_ran(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Blocking asset check")


# Where nothing is new the candidate is skipped, and so is what follows: that its checks gave no result is no news.
logging.getLogger("dagster._core.execution.plan.active").addFilter(_is_of_a_step_that_ran)

MAIN_VIEW = "\n\nRow count and columns are those of its main view, documents."


class CheckConfig(dg.Config):
    """What the checks are to let pass."""

    accept_shrink: bool = Field(default=False, description="Publish even if most documents are gone.")


def candidate_asset(home: Home) -> dg.AssetsDefinition:
    """The next version of the warehouse, built beside the published ones, with its blocking checks."""

    @dg.asset(
        name=CANDIDATE,
        deps=[table.name for table in (*LOADED, *REGISTRIES)],
        description="The next version of the warehouse, not published before its checks have passed." + MAIN_VIEW,
        metadata={
            "dagster/column_schema": column_schema(DOCUMENTS),
            "dagster/code_references": code_references(build_candidate),
        },
        owners=[OWNER],
        group_name=GROUP,
        kinds={"duckdb"},
        pool=POOL,
        check_specs=[
            dg.AssetCheckSpec(name, asset=CANDIDATE, description=meaning, blocking=name in BLOCKING)
            for name, meaning in CHECKS.items()
        ],
    )
    def _candidate(context: dg.AssetExecutionContext, config: CheckConfig, writer: Writer) -> dg.MaterializeResult:
        with faults_as_failures(home):
            manifest = build_candidate(home, Loaded.read(home, context.run.run_id))
            checks = run_checks(home, manifest.name, config.accept_shrink)
        database = candidate_folder(home, manifest.name) / DATABASE
        for check in checks:
            if not check.passed:
                log = context.log.error if check.is_blocking else context.log.warning
                log(f"{check.name}: {check.message}")
        is_refused = not all(check.passed for check in checks if check.is_blocking)
        if is_refused:
            context.log.error(f"Not published. Until the next run the candidate can be looked at: duckdb {database}")
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": manifest.summary.documents_total,
                # One that is published has another path.
                **({"path": dg.MetadataValue.path(str(database))} if is_refused else {}),
            },
            check_results=[_result(check) for check in checks],
        )

    return _candidate


def _result(check: Check) -> dg.AssetCheckResult:
    value = {} if check.value is None else {"value": check.value}
    return dg.AssetCheckResult(
        passed=check.passed,
        check_name=check.name,
        severity=dg.AssetCheckSeverity.ERROR if check.is_blocking else dg.AssetCheckSeverity.WARN,
        # It names files and agencies as the documents have them.
        description=escape(check.message),
        metadata={"message": check.message, "found": check.found, **value},
    )


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
        metadata={
            "dagster/uri": home.link.as_uri(),
            "dagster/column_schema": column_schema(DOCUMENTS),
            "dagster/code_references": code_references(publish),
        },
    )
    def _warehouse(context: dg.AssetExecutionContext, writer: Writer) -> dg.MaterializeResult:
        with faults_as_failures(home):
            manifest = publish(home, context.run.run_id)
            report_months(context, home, manifest)
            with duckdb.connect(str(home.link), read_only=True) as connection:
                charts = document_metadata(connection)
        summary = manifest.summary
        return dg.MaterializeResult(
            metadata={
                **charts,
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
