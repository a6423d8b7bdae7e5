"""Which documents are drawn: strata, shares, and that nothing but seed and ids decides."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from etl.errors import SetupFault
from warehouse.sampling import OTHERS, allocate, draw_sample, pool_small, stored_values

COLUMNS = "document_id VARCHAR, source VARCHAR, path VARCHAR, text VARCHAR, body_start INTEGER, agency_id VARCHAR, language VARCHAR"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A version with 1,000 documents: 800 in French, 190 in English, 9 in Azerbaijani, 1 in no language known."""
    folder = tmp_path / "version-7"
    folder.mkdir()
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(f"CREATE TABLE documents ({COLUMNS})")
        connection.execute(
            """
            INSERT INTO documents SELECT
                md5(i::VARCHAR), 'wire', i || '.txt', 'Text ' || i, 0, if(i % 2 = 0, 'azertac', NULL),
                CASE WHEN i < 800 THEN 'fr' WHEN i < 990 THEN 'en' WHEN i < 999 THEN 'az' END
            FROM range(1000) r(i)
            """
        )
        yield connection


def drawn(archive: duckdb.DuckDBPyConnection, most: int = 50, by: tuple[str, ...] = (), seed: int = 1) -> list[str]:
    return [found.path for found in draw_sample(archive, ["language"], most, by, seed).documents]


def test_the_same_seed_draws_the_same_in_whatever_order_the_rows_stand(archive: duckdb.DuckDBPyConnection) -> None:
    first = drawn(archive, by=("language",))
    archive.execute("CREATE OR REPLACE TABLE documents AS FROM documents ORDER BY text DESC")
    assert drawn(archive, by=("language",)) == first
    assert len(set(first)) == 50
    assert len(set(first) & set(drawn(archive, by=("language",), seed=2))) < 15


def test_a_larger_sample_holds_the_smaller_one(archive: duckdb.DuckDBPyConnection) -> None:
    assert drawn(archive, 80)[:50] == drawn(archive, 50)
    assert set(drawn(archive, 50, ("language",))) < set(drawn(archive, 80, ("language",)))


def test_strata_have_their_share_and_at_least_one(archive: duckdb.DuckDBPyConnection) -> None:
    sample = draw_sample(archive, ["language"], 50, ("language",), 1)
    assert [(found.name, found.document_count, found.drawn) for found in sample.strata] == [
        ("language fr", 800, 39),
        ("language en", 190, 9),
        ("language az", 9, 1),
        ("language NULL", 1, 1),
    ]
    assert Counter(found.stratum for found in sample.documents) == {found.name: found.drawn for found in sample.strata}
    assert all(found.stratum == f"language {found.values['language'] or 'NULL'}" for found in sample.documents)
    assert (sample.version, sample.document_count) == ("version-7", 1000)


def test_strata_of_several_columns_are_named_by_all(archive: duckdb.DuckDBPyConnection) -> None:
    sample = draw_sample(archive, [], 50, ("source", "agency", "language"), 1)
    assert [found.name for found in sample.strata[:2]] == [
        "source wire / agency NULL / language fr",
        "source wire / agency azertac / language fr",
    ]
    assert len(sample.strata) == 7


def test_strata_that_are_too_many_become_one(archive: duckdb.DuckDBPyConnection) -> None:
    sample = draw_sample(archive, [], 6, ("language",), 1)
    assert [(found.name, found.document_count) for found in sample.strata] == [
        ("language fr", 800), ("language en", 190), (OTHERS, 10),
    ]  # fmt: skip
    assert Counter(found.stratum for found in sample.documents)[OTHERS] == 1
    (only,) = draw_sample(archive, [], 1, ("language",), 1).strata
    assert (only.name, only.document_count, only.drawn) == (OTHERS, 1000, 1)


def test_each_document_is_as_likely_as_any_other(archive: duckdb.DuckDBPyConnection) -> None:
    archive.execute("DELETE FROM documents WHERE language = 'fr' OR body_start > 0 OR length(path) > 7")
    archive.execute("DELETE FROM documents WHERE language = 'en' AND NOT path SIMILAR TO '98[0-9].txt'")
    assert archive.execute("SELECT count(*) FROM documents").fetchall() == [(20,)]
    times = Counter(path for seed in range(400) for path in drawn(archive, 5, seed=seed))
    # 100 each is expected; 5 standard deviations are 43.
    assert len(times) == 20
    assert all(57 < count < 143 for count in times.values())


def test_an_archive_smaller_than_the_sample_is_taken_whole(archive: duckdb.DuckDBPyConnection) -> None:
    sample = draw_sample(archive, [], 5000, ("language",), 1)
    assert len(sample.documents) == 1000
    assert all(found.drawn == found.document_count for found in sample.strata)
    archive.execute("DELETE FROM documents")
    with pytest.raises(SetupFault, match="no documents"):
        draw_sample(archive, [], 5, (), 1)


def test_an_excerpt_has_the_dateline_and_the_sign_off(archive: duckdb.DuckDBPyConnection) -> None:
    texts = {"short": ("x" * 800, 0), "long": ("a" * 700 + "b" * 200, 0), "late": ("a" * 1000 + "b" * 1000, 1000)}
    archive.execute("DELETE FROM documents")
    for name, (text, start) in texts.items():
        archive.execute("INSERT INTO documents VALUES (md5($1), 'wire', $1, $2, $3, NULL, NULL)", [name, text, start])
    found = {found.path: found.excerpt for found in draw_sample(archive, [], 5, (), 1).documents}
    assert found == {
        "short": "x" * 800,
        "long": "a" * 600 + " […] " + "b" * 200,
        "late": "a" * 1000 + "b" * 200 + " […] " + "b" * 200,
    }


def test_stored_values_are_those_of_the_documents_that_are_there(archive: duckdb.DuckDBPyConnection) -> None:
    ((known,),) = archive.execute("SELECT document_id FROM documents WHERE path = '995.txt'").fetchall()
    assert stored_values(archive, [known, "0" * 32], ["language"]) == ("version-7", {known: {"language": "az"}})


@pytest.mark.parametrize(
    ("sizes", "most", "expected"),
    [
        ({"a": 700, "b": 300}, 10, {"a": 7, "b": 3}),
        ({"a": 998, "b": 1, "c": 1}, 10, {"a": 8, "b": 1, "c": 1}),
        ({"a": 5, "b": 5}, 5, {"a": 3, "b": 2}),
        ({"a": 6, "b": 2}, 100, {"a": 6, "b": 2}),
        ({"a": 1}, 1, {"a": 1}),
    ],
)
def test_shares_are_those_expected(sizes: dict[str, int], most: int, expected: dict[str, int]) -> None:
    assert allocate(sizes, most) == expected


def test_shares_add_up_and_no_document_is_missed_elsewhere() -> None:
    chance = random.Random(7)
    for _ in range(500):
        counts = [chance.randint(1, 10 ** chance.randint(1, 4)) for _ in range(chance.randint(1, 60))]
        most, total = chance.randint(1, 400), sum(counts)
        sizes = pool_small({str(at): count for at, count in enumerate(counts)}, max(1, most // 2))
        shares = allocate(sizes, most)
        assert sum(sizes.values()) == total
        assert sum(shares.values()) == min(most, total)
        assert all(1 <= share <= sizes[name] for name, share in shares.items())
        # No document would be drawn more fairly from another stratum; the one that everybody has stays.
        wanted = [sizes[name] / (2 * share + 1) for name, share in shares.items() if share < sizes[name]]
        given = [sizes[name] / (2 * share - 1) for name, share in shares.items() if share > 1]
        assert max(wanted, default=0) <= min(given, default=total)
