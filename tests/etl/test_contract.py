import duckdb
import pyarrow as pa
import pytest

from etl.contract import (
    DOCUMENTS,
    PARSED_TABLES,
    PUBLISHED_TABLES,
    QUALITY_FLAGS,
    REJECT_REASONS,
    SQL_TYPES,
    TABLES,
    Table,
    columns_table,
    is_name,
)

tables = pytest.mark.parametrize("table", PUBLISHED_TABLES.values(), ids=PUBLISHED_TABLES)


@tables
def test_every_name_can_be_selected_unquoted(table: Table) -> None:
    columns = ", ".join(f"CAST(NULL AS {column.sql_type}) AS {column.name}" for column in table.columns)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE {table.name} AS SELECT {columns}")
        names = ", ".join(column.name for column in table.columns)
        assert connection.execute(f"SELECT {names} FROM {table.name}").fetchall() == [(None,) * len(table.columns)]


@tables
def test_names_keep_the_grammar(table: Table) -> None:
    assert is_name(table.name)
    for column in table.columns:
        assert is_name(column.name)
        if column.name.endswith("_count"):
            assert pa.types.is_integer(column.type)
        if column.name.startswith(("is_", "has_")):
            assert pa.types.is_boolean(column.type)
        if column.name.endswith(("_id", "_code", "_edtf")):
            assert column.type in {pa.string(), pa.int64()}
        if column.name.endswith(("_start", "_end")):
            assert column.type == pa.int32()


@tables
def test_keys_and_order_name_columns_that_are_never_null(table: Table) -> None:
    for name in (*table.key, *table.order):
        assert not table.column(name).is_nullable


@tables
def test_every_column_says_what_it_means(table: Table) -> None:
    for column in table.columns:
        assert column.meaning.endswith(".")
        assert column.type in SQL_TYPES


def test_offsets_come_in_pairs() -> None:
    names = set(DOCUMENTS.schema.names)
    starts = {name.removesuffix("_start") for name in names if name.endswith("_start")}
    ends = {name.removesuffix("_end") for name in names if name.endswith("_end")}
    assert starts == ends == {"dateline", "located", "agency", "body"}


def test_only_tables_kept_by_month_have_a_month() -> None:
    for table in TABLES.values():
        assert table.is_by_month == ("month" in table.schema.names)


def test_parsed_rows_lack_exactly_what_loading_adds() -> None:
    for table in PARSED_TABLES:
        missing = set(table.schema.names) - set(table.parsed_schema.names)
        assert missing == {column.name for column in table.columns if column.is_set_on_load}


def test_the_columns_table_lists_the_contract() -> None:
    rows = columns_table().to_pylist()
    assert len(rows) == sum(len(table.columns) for table in PUBLISHED_TABLES.values())
    assert {"table_name": "documents", "column_name": "version"}.items() <= next(
        row for row in rows if row["column_name"] == "version" and row["table_name"] == "documents"
    ).items()


def test_closed_lists_are_names_with_a_meaning() -> None:
    for name, meaning in QUALITY_FLAGS.items():
        assert is_name(name)
        assert meaning.endswith(".")
    for name, reason in REJECT_REASONS.items():
        assert is_name(name)
        assert reason.stage in {"read", "decode", "parse"}
        assert reason.advice.endswith(".")
