"""Queries that try to do harm, and those that must work all the same."""

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import dispatch, run, write
from warehouse.connection import connect
from warehouse.home import Home
from warehouse.limits import Limits
from warehouse.safe import UnsafeQuery, ask
from warehouse.scan import scanned


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Two versions: a text was changed, and former rows of the same month lie in the lake beside the current ones."""
    folder = tmp_path_factory.mktemp("safe")
    home, source = Home(folder / "déjà vu [1] it's"), folder / "wire"
    home.create()
    write(source, "a.txt", dispatch(body="Un mot que personne ne lit plus."))
    run(home, source)
    write(source, "a.txt", dispatch(), age=60)
    run(home, source)
    write(home.staging / "run", "0.parquet", b"")
    yield home


def answered(home: Home, query: str, limits: Limits | None = None) -> list[tuple[object, ...]]:
    with ask(home, query, limits or Limits()) as answer:
        return list(answer.rows())


@pytest.mark.parametrize(
    "query",
    [
        "SELECT located FROM documents",
        "FROM documents SELECT located;",
        "WITH d AS (FROM documents) SELECT located FROM d",
        "SELECT 'Bakou' -- a comment",
        "SELECT 'Bakou'; -- a comment; and another",
        ";SELECT 'Bakou' /* ; */ ;;",
        "VALUES ('Bakou')",
        "SELECT located FROM query('SELECT located FROM documents')",
        "SELECT located FROM query_table('documents')",
        "SELECT regexp_extract(text, 'Bakou') FROM documents WHERE body IS NOT NULL",
    ],
)
def test_answers(loaded: Home, query: str) -> None:
    assert answered(loaded, query) == [("Bakou",)]


def test_answers_about_the_tables(loaded: Home) -> None:
    for query in ("DESCRIBE documents", "SUMMARIZE documents", "SHOW TABLES", "PRAGMA_TABLE_INFO('documents')"):
        assert len(answered(loaded, query if " " in query else f"FROM {query}")) > 5
    assert answered(loaded, "PIVOT documents ON language IN ('fr', 'en') USING count(*) GROUP BY located") == [
        ("Bakou", 1, 0)
    ]


def test_the_current_rows_can_be_read_and_no_others(loaded: Home) -> None:
    assert answered(loaded, "SELECT count(*) FROM documents, document_versions") == [(1,)]
    listed = [path for (query,) in answered(loaded, "SELECT sql FROM duckdb_views()") for path in scanned(str(query))]
    unlisted = [str(path) for path in loaded.lake.rglob("*.parquet") if str(path) not in listed]
    assert len(unlisted) > 3
    for path in [*unlisted, str(loaded.lake / "**"), str(loaded.lake / "documents" / "**" / "*.parquet")]:
        for function in ("glob", "read_blob", "read_parquet", "parquet_metadata"):
            with pytest.raises(UnsafeQuery, match="Cannot access"):
                answered(loaded, f"FROM {function}($${path.replace('[', '[[]')}$$)")


def attacks(home: Home, target: str) -> list[str]:
    lake = next(home.lake.rglob("documents/month=*/*.parquet"))
    former = next(path for path in home.versions.glob("*/*.duckdb") if path.resolve() != home.link.resolve())
    log = next(home.lake.rglob("_delta_log/*.json"))
    return [
        "",
        "-- nothing",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP VIEW documents",
        "/* a */ DROP VIEW documents",
        "CREATE TABLE x AS SELECT 1",
        "CREATE TEMP MACRO located() AS 1",
        "INSERT INTO snapshot SELECT * FROM snapshot",
        "DELETE FROM snapshot",
        "WITH x AS (DELETE FROM snapshot RETURNING *) FROM x",
        f"COPY documents TO '{target}'",
        f"COPY (SELECT 1) TO '{str(lake).replace(chr(39), chr(39) * 2)}'",
        f"SELECT * FROM query('COPY (SELECT 1) TO ''{target}''')",
        f"ATTACH '{target}' AS other",
        f"EXPORT DATABASE '{target}'",
        f"IMPORT DATABASE '{target}'",
        "SET enable_external_access = true",
        "SET VARIABLE x = 1",
        "RESET lock_configuration",
        "SET allowed_directories = ['/']",
        "FROM enable_logging()",
        "FROM enable_profiling()",
        "INSTALL httpfs",
        "LOAD httpfs",
        f"LOAD '{target}'",
        "PRAGMA database_list",
        "EXPLAIN ANALYZE SELECT 1",
        "CALL pragma_version()",
        "PREPARE x AS SELECT 1",
        "EXECUTE x",
        "USE memory",
        "BEGIN",
        "CHECKPOINT",
        "PIVOT documents ON language USING count(*)",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM query('FROM read_text(''/etc/passwd'')')",
        "FROM json_execute_serialized_sql(json_serialize_sql('FROM read_text(''/etc/passwd'')'))",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT * FROM parquet_metadata('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_csv('/dev/stdin')",
        "SELECT * FROM read_text('/proc/self/environ')",
        f"SELECT * FROM read_text($${home.settings_file}$$)",
        f"SELECT * FROM read_text($${home.lake}/../copydesk.toml$$)",
        f"SELECT * FROM read_json($${log}$$)",
        f"SELECT * FROM read_duckdb($${former}$$, table_name = 'snapshot')",
        "SELECT * FROM read_csv('https://example.org/x.csv')",
        "SELECT * FROM read_parquet('s3://example/x.parquet')",
        "SELECT getenv('HOME')",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM duckdb_extensions()",
        "FROM home",
        "FROM answer",
        "SELECT error('no')",
        "SELECT nonsense FROM documents",
        "not sql at all",
    ]


def test_refuses_whatever_is_not_a_reading_of_the_tables(loaded: Home, tmp_path: Path) -> None:
    target = tmp_path / "target"
    before = {path: path.stat().st_mtime_ns for path in loaded.folder.rglob("*")}
    for query in attacks(loaded, str(target)):
        with pytest.raises(UnsafeQuery):
            answered(loaded, query)
    assert not target.exists()
    assert {path: path.stat().st_mtime_ns for path in loaded.folder.rglob("*")} == before


@pytest.mark.parametrize(
    "query",
    [
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
        "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b",
        "FROM range(1000000000000)",
    ],
)
def test_a_query_that_never_ends_is_ended(loaded: Home, query: str) -> None:
    with pytest.raises(UnsafeQuery, match=r"^Stopped after 0.2 s: .* --timeout SECONDS$"):
        answered(loaded, query, Limits(seconds=0.2))


def test_what_reads_the_answer_may_take_its_time(loaded: Home) -> None:
    with ask(loaded, "FROM range(100000)", Limits(seconds=0.4)) as answer:
        rows = answer.rows()
        next(rows)
        with answer.resting():
            threading.Event().wait(0.5)
        assert sum(1 for _ in rows) == 99_999


@pytest.mark.parametrize(
    ("query", "option"),
    [
        ("SELECT list(range) FROM range(1000000000)", "--memory SIZE"),
        ("SELECT count(*) FROM (SELECT range, repeat('x', 99) s FROM range(2000000) ORDER BY s, 1)", "--disk SIZE"),
    ],
)
def test_a_query_that_asks_for_too_much_is_ended(loaded: Home, query: str, option: str) -> None:
    with pytest.raises(UnsafeQuery, match=rf"^It takes more than .*{option}$"):
        answered(loaded, query, Limits(memory=100_000_000, disk=1_000_000))
    assert not list(Path(tempfile.gettempdir()).glob("copydesk-sql-*/duckdb_temp*"))


def test_a_query_that_does_not_hear_is_told_of(loaded: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    told = threading.Event()
    monkeypatch.setattr("warehouse.limits.STUCK_SECONDS", 0.1)
    # One call of a function: nothing looks at the clock meanwhile.
    deaf = "SELECT levenshtein(repeat('a', 20000), repeat('b', 20000))"
    with (
        pytest.raises(UnsafeQuery, match="Stopped"),
        ask(loaded, deaf, Limits(seconds=0.1), on_stuck=lambda is_wish: None if is_wish else told.set()) as answer,
    ):
        list(answer.rows())
    assert told.is_set()


def test_batches_hold_the_same_as_rows(loaded: Home) -> None:
    query = "SELECT range AS a, 'x' AS a, range::VARCHAR AS b FROM range(3000); -- all"
    with ask(loaded, query) as answer:
        schema, batches = answer.batches()
        rows = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
        assert schema.names == answer.names == ["a", "a_1", "b"]
    assert rows == answered(loaded, query)


def test_a_trusted_connection_stays_trusted(loaded: Home, tmp_path: Path) -> None:
    target = tmp_path / "out.parquet"
    with connect(loaded.folder) as connection:
        connection.execute(f"COPY (FROM documents) TO '{target}'")
    assert target.exists()
