"""Documents by month: one partition for each month that holds documents, with its row count, logged by the runs.

The months are not materialized one by one: a run rewrites those that it touches and says so here.
"""

import json
from typing import Any, cast

import dagster as dg

from assets.metadata import GROUP, OWNER, column_schema
from etl.contract import DOCUMENTS
from warehouse.connection import query_table
from warehouse.home import Home
from warehouse.manifest import Manifest

MONTHS = "documents_by_month"
REPORTED = "months.json"
PARTITIONS = dg.DynamicPartitionsDefinition(name="month")


def months_spec(home: Home) -> dg.AssetSpec:
    """The documents, month by month."""
    return dg.AssetSpec(
        MONTHS,
        deps=[DOCUMENTS.name],
        description="How many documents each month holds, `undated` ones included.\n\nEach run reports the months "
        "that it has rewritten. To parse months again from their stored texts, launch the job `rebuild`.",
        owners=[OWNER],
        group_name=GROUP,
        kinds={"deltalake", "parquet"},
        partitions_def=PARTITIONS,
        metadata={
            "dagster/column_schema": column_schema(DOCUMENTS),
            "dagster/uri": (home.lake / DOCUMENTS.name).as_uri(),
        },
    )


def report_months(context: dg.AssetExecutionContext, home: Home, published: Manifest) -> None:
    """Log the row count of each month that the run has rewritten, or of which Dagster has another count.

    What was logged last is kept beside Dagster's own files: a run may die after its publish and before this.
    """
    name = PARTITIONS.name
    assert name is not None
    former = _reported(home)
    if former.get("version") == published.name:
        return
    known = set(context.instance.get_dynamic_partitions(name))
    rows = query_table(home, "SELECT month, count(*)::INTEGER FROM documents GROUP BY month")[1]
    counts = {str(month): cast(int, count) for month, count in rows}
    logged = {month: count for month, count in former.get("counts", {}).items() if month in known}
    rewritten = published.summary.months if published.run_id == context.run.run_id else ()
    # A month whose last document has got another date is no month any more.
    for gone in known - set(counts):
        context.instance.delete_dynamic_partition(name, gone)
    context.instance.add_dynamic_partitions(name, sorted(set(counts) - known))
    for month, count in sorted(counts.items()):
        if month in rewritten or logged.get(month) != count:
            context.log_event(
                dg.AssetMaterialization(MONTHS, partition=month, metadata={"dagster/partition_row_count": count})
            )
    temporary = home.dagster / f"{REPORTED}.new"
    temporary.write_text(json.dumps({"version": published.name, "counts": counts}), "utf-8")
    temporary.replace(home.dagster / REPORTED)


def _reported(home: Home) -> dict[str, Any]:
    """The version whose months were logged last, and their counts; nothing if that is not known."""
    try:
        content = json.loads((home.dagster / REPORTED).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
