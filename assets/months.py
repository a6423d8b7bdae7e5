"""Documents by month: one partition for each month that holds documents, with its row count, logged by the runs.

The months are not materialized one by one: a run rewrites those that it touches and says so here.
"""

from typing import cast

import dagster as dg

from assets.metadata import GROUP, OWNER, column_schema
from etl.contract import DOCUMENTS
from warehouse.connection import query_table
from warehouse.home import Home
from warehouse.manifest import Manifest

MONTHS = "documents_by_month"
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
    """Log the row count of each month that the run has rewritten, or that Dagster does not know yet."""
    name = PARTITIONS.name
    assert name is not None
    known = set(context.instance.get_dynamic_partitions(name))
    rows = query_table(home, "SELECT month, count(*)::INTEGER FROM documents GROUP BY month")[1]
    counts = {str(month): cast(int, count) for month, count in rows}
    # A month whose last document has got another date is no month any more.
    for gone in known - set(counts):
        context.instance.delete_dynamic_partition(name, gone)
    context.instance.add_dynamic_partitions(name, sorted(set(counts) - known))
    for month in sorted(set(counts) & (set(published.summary.months) | (set(counts) - known))):
        context.log_event(
            dg.AssetMaterialization(MONTHS, partition=month, metadata={"dagster/partition_row_count": counts[month]})
        )
