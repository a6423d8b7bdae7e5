"""Every check passes on a sound candidate and fails on one that is broken in the lake."""

import datetime as dt
import uuid
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.contract import DOCUMENTS, FILES, PARAGRAPHS, Table
from tests.support import candidate, dispatch, failing, run, write
from warehouse.checks import BLOCKING, CHECKS, run_checks
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.publish import build_candidate


def put(rows: pa.Table, name: str, value: object) -> pa.Table:
    """The rows with one column set to one value."""
    at = rows.schema.get_field_index(name)
    return rows.set_column(at, rows.schema.field(at), pa.array([value] * rows.num_rows, rows.schema.field(at).type))


def in_month(rows: pa.Table, month: str) -> pa.Table:
    """The rows with a date that is known to the month."""
    return put(put(rows, "content_created", None), "content_created_edtf", month)


def twice(rows: pa.Table) -> pa.Table:
    return pa.concat_tables([rows, rows])


BREAKS: list[tuple[str, Table, Callable[[pa.Table], pa.Table]]] = [
    ("balance", FILES, lambda rows: put(rows, "record_count", 2)),
    ("balance", FILES, lambda rows: rows.slice(1)),
    ("balance", DOCUMENTS, lambda rows: rows.slice(1)),
    ("keys_unique", DOCUMENTS, twice),
    ("keys_unique", FILES, twice),
    ("references_hold", FILES, lambda rows: put(rows, "source", "nowhere")),
    ("references_hold", DOCUMENTS, lambda rows: put(rows, "agency_id", "nobody")),
    ("references_hold", DOCUMENTS, lambda rows: put(rows, "place_id", 1)),
    ("references_hold", DOCUMENTS, lambda rows: put(rows, "quality_flags", ["odd"])),
    ("references_hold", DOCUMENTS, lambda rows: put(rows, "date_conflict", "odd")),
    ("references_hold", DOCUMENTS, lambda rows: put(rows, "agency_role", "odd")),
    ("references_hold", FILES, lambda rows: put(rows, "status", "odd")),
    ("references_hold", DOCUMENTS, lambda rows: put(rows, "content_created_edtf", "2021-02-01")),
    ("references_hold", PARAGRAPHS, lambda rows: put(rows, "document_id", "nothing")),
    ("no_future_dates", DOCUMENTS, lambda rows: put(rows, "content_created", dt.date(2999, 1, 1))),
    ("no_future_dates", DOCUMENTS, lambda rows: put(rows, "ingested_at", dt.datetime(2021, 2, 25))),
    ("no_future_dates", DOCUMENTS, lambda rows: in_month(rows, "2999-01")),
    ("offsets_hold", DOCUMENTS, lambda rows: put(rows, "located", "Paris")),
    ("offsets_hold", DOCUMENTS, lambda rows: put(rows, "agency_start", 0)),
    ("offsets_hold", DOCUMENTS, lambda rows: put(rows, "body_end", 1_000_000)),
    ("offsets_hold", PARAGRAPHS, lambda rows: put(rows, "char_end", 1_000_000)),
    ("offsets_hold", PARAGRAPHS, lambda rows: rows.slice(0, 0)),
    ("offsets_hold", PARAGRAPHS, lambda rows: put(rows, "word_count", 0)),
]


@pytest.mark.parametrize(("check", "table", "damage"), BREAKS)
def test_fails(home: Home, source: Path, check: str, table: Table, damage: Callable[[pa.Table], pa.Table]) -> None:
    write(source, "a.txt", dispatch())
    write(source, "b.txt", dispatch(28))
    _, loaded = candidate(home, source)
    assert failing(home, loaded.run_id) == {}
    lake = Lake(home)
    state = lake.state(table)
    assert state is not None
    parts = [pq.ParquetFile(home.lake / table.name / name).read() for name in state.files]
    rows = pa.concat_tables(parts)
    if table.is_by_month:
        at = table.schema.get_field_index("month")
        rows = rows.add_column(at, table.schema.field("month"), pa.array(["2021-02"] * rows.num_rows))
    actions = lake.write(table, damage(rows).to_batches(), str(uuid.uuid4()))
    lake.commit(table, actions, ["2021-02"] if table.is_by_month else ())
    build_candidate(home, loaded)
    failed = failing(home, loaded.run_id)
    assert check in failed
    assert failed[check].found > 0
    assert failed[check].message


def test_rows_not_collapsed(home: Home, source: Path) -> None:
    for number in range(30):
        write(source, f"{number}.txt", dispatch(body=f"Texte {number}."))
    run(home, source)
    for number in range(20):
        write(source, f"{number}.txt", b"", age=60)
    _, loaded = candidate(home, source)
    assert "rows_not_collapsed" in failing(home, loaded.run_id)
    assert all(check.passed for check in run_checks(home, loaded.run_id, accept_shrink=True) if check.is_blocking)


def test_every_check_is_named_and_run(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    _, loaded = candidate(home, source)
    assert [check.name for check in run_checks(home, loaded.run_id)] == list(CHECKS)
    # The warnings are provoked in test_trends.
    assert {check for check, _, _ in BREAKS} | {"rows_not_collapsed"} == set(BLOCKING)
