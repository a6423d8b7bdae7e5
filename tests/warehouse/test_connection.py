import os
from pathlib import Path

import pytest

from etl.errors import SetupFault
from tests.support import dispatch, run, write
from warehouse.connection import UnsafeQuery, connect, run_query, safe_connection
from warehouse.home import Home


@pytest.fixture
def loaded(home: Home, source: Path) -> Home:
    write(source, "a.txt", dispatch())
    run(home, source)
    return home


@pytest.mark.parametrize(
    "query",
    [
        "SELECT located FROM documents",
        "FROM documents SELECT located;",
        "WITH d AS (FROM documents) SELECT located FROM d",
        "SELECT 'Bakou' -- a comment",
        "VALUES ('Bakou')",
    ],
)
def test_answers(loaded: Home, query: str) -> None:
    with safe_connection(loaded) as connection:
        assert run_query(connection, query).fetchall() == [("Bakou",)]


@pytest.mark.parametrize("query", ["DESCRIBE documents", "SUMMARIZE documents", "SHOW TABLES"])
def test_answers_about_the_tables(loaded: Home, query: str) -> None:
    with safe_connection(loaded) as connection:
        assert len(run_query(connection, query).fetchall()) > 5


def attacks(home: Home, target: str) -> list[str]:
    lake = next(home.lake.rglob("documents/month=*/*.parquet"))
    return [
        "",
        "-- nothing",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP VIEW documents",
        "CREATE TABLE x AS SELECT 1",
        f"COPY documents TO '{target}'",
        f"COPY (SELECT 1) TO '{str(lake).replace(chr(39), chr(39) * 2)}'",
        f"ATTACH '{target}' AS other",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "EXPLAIN ANALYZE SELECT 1",
        "CALL pragma_version()",
        "EXPORT DATABASE '/tmp/x'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_csv('https://example.org/x.csv')",
        "SELECT getenv('HOME')",
        "SELECT * FROM duckdb_secrets()",
        "SELECT error('no')",
        "SELECT nonsense FROM documents",
        "not sql at all",
    ]


def test_refuses_whatever_is_not_a_reading_of_the_tables(loaded: Home, tmp_path: Path) -> None:
    target = tmp_path / "target"
    before = {path: path.stat().st_mtime_ns for path in loaded.folder.rglob("*")}
    for query in attacks(loaded, str(target)):
        with safe_connection(loaded) as connection, pytest.raises(UnsafeQuery):
            run_query(connection, query)
    assert not target.exists()
    assert {path: path.stat().st_mtime_ns for path in loaded.folder.rglob("*")} == before


def test_nothing_published_is_a_fault(home: Home, tmp_path: Path) -> None:
    with pytest.raises(SetupFault, match="copydesk run"):
        connect(home.folder)
    with pytest.raises(SetupFault, match="No home"):
        connect(tmp_path / "none")
    assert not os.path.exists(tmp_path / "none")
