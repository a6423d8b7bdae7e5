"""Identity, versions, months and balance, through whole runs without Dagster."""

import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from etl.contract import DOCUMENTS, PARAGRAPHS
from tests.support import dispatch, patch_reading, patch_workers, query, rebuild, run, stable_rows, write
from warehouse.home import Home
from warehouse.load import _groups, load
from warehouse.lock import WriterLock
from warehouse.manifest import current, locations
from warehouse.plan import make_plan


def settings(home: Home, root: Path, on_missing: str = "keep") -> Home:
    home.settings_file.write_text(f"[[source]]\nroot = '{root}'\non_missing = '{on_missing}'\n")
    return Home(home.folder)


def versions(home: Home) -> list[tuple[object, ...]]:
    return query(home, "SELECT path, version, reason, lead FROM document_versions ORDER BY path, version")


def test_loads_documents_paragraphs_files_and_rejects(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "b/ü [2].txt", dispatch(28, "Une école rouvre."))
    write(source, "empty.txt", b"")
    published = run(home, source)
    assert published is not None
    summary = published.summary
    assert (summary.files_seen, summary.files_read, summary.documents_written, summary.rejects) == (3, 3, 2, 1)
    assert summary.months == ("2021-02",)
    assert query(home, "SELECT path, version, content_created::VARCHAR, lead, month FROM documents ORDER BY path") == [
        ("a.txt", 1, "2021-02-27", "Un pont a été ouvert.", "2021-02"),
        ("b/ü [2].txt", 1, "2021-02-28", "Une école rouvre.", "2021-02"),
    ]
    assert query(home, "SELECT count(*), min(text) FROM paragraphs") == [(4, "Le trafic reprend lundi.")]
    assert query(home, "SELECT source, path, status, record_count FROM files ORDER BY path") == [
        ("wire", "a.txt", "loaded", 1),
        ("wire", "b/ü [2].txt", "loaded", 1),
        ("wire", "empty.txt", "rejected", 1),
    ]
    assert query(home, "SELECT path, record_key, stage, reason FROM rejects") == [("empty.txt", "0", "read", "empty")]
    assert query(home, "SELECT source, root, patterns FROM sources") == [("wire", str(source), ["**/*.txt"])]
    assert query(home, "SELECT files_read, documents_written, rejects, months FROM runs") == [(3, 2, 1, ["2021-02"])]
    assert query(home, "SELECT place_id, name, country_code FROM places") == [(587084, "Baku", "AZ")]
    assert query(home, "SELECT name FROM agencies WHERE agency_id = 'azertac'") == [("AZERTAC",)]
    assert query(home, "SELECT count(*) > 100 FROM columns") == [(True,)]


def test_nothing_new_is_nothing_at_all(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    run(home, source)
    before = sorted(path for path in home.folder.rglob("*"))
    assert run(home, source) is None
    assert sorted(path for path in home.folder.rglob("*")) == before


def test_a_touched_file_is_hashed_again_and_nothing_more(home: Home, source: Path) -> None:
    path = write(source, "a.txt", dispatch())
    run(home, source)
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert run(home, source) is None


def test_a_changed_file_is_version_two_and_all_else_stays(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "b.txt", dispatch(28))
    write(source, "c.txt", dispatch(1, month="2021-03", name="mars"))
    run(home, source)
    untouched = query(home, "SELECT * FROM documents WHERE path != 'a.txt' ORDER BY path")
    march = [name for name in locations(home, current(home), DOCUMENTS) if "2021-03" in str(name)]
    write(source, "a.txt", dispatch(26, "Le pont est fermé."), age=60)
    published = run(home, source)
    assert published is not None
    assert (published.summary.files_read, published.summary.documents_written) == (1, 1)
    assert published.summary.months == ("2021-02",)
    assert query(home, "SELECT version, lead, content_created::VARCHAR FROM documents WHERE path = 'a.txt'") == [
        (2, "Le pont est fermé.", "2021-02-26")
    ]
    assert versions(home) == [("a.txt", 1, "changed", "Un pont a été ouvert.")]
    assert query(home, "SELECT * FROM documents WHERE path != 'a.txt' ORDER BY path") == untouched
    assert [name for name in locations(home, current(home), DOCUMENTS) if "2021-03" in str(name)] == march


def test_a_document_that_changes_its_month_leaves_the_former_one(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    run(home, source)
    write(source, "a.txt", dispatch(month="2022-02"), age=60)
    published = run(home, source)
    assert published is not None
    assert published.summary.months == ("2021-02", "2022-02")
    assert query(home, "SELECT month, count(*) FROM documents GROUP BY ALL") == [("2022-02", 1)]
    assert query(home, "SELECT DISTINCT month FROM paragraphs") == [("2022-02",)]
    assert query(home, "SELECT month FROM document_versions") == [("2021-02",)]


def test_a_failing_update_rejects_the_record_and_keeps_its_former_text(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    run(home, source)
    write(source, "a.txt", b"", age=60)
    run(home, source)
    assert query(home, "SELECT count(*) FROM documents") == [(0,)]
    assert query(home, "SELECT count(*) FROM paragraphs") == [(0,)]
    assert query(home, "SELECT path, reason FROM rejects") == [("a.txt", "empty")]
    assert query(home, "SELECT status, record_count FROM files") == [("rejected", 1)]
    assert versions(home) == [("a.txt", 1, "rejected", "Un pont a été ouvert.")]
    write(source, "a.txt", dispatch(body="Le pont tient."), age=120)
    run(home, source)
    assert query(home, "SELECT version, lead FROM documents") == [(2, "Le pont tient.")]
    assert query(home, "SELECT count(*) FROM rejects") == [(0,)]
    assert query(home, "SELECT status FROM files") == [("loaded",)]


def test_a_renamed_file_has_moved(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    (source / "a.txt").rename(source / "c.txt")
    run(home, source)
    assert query(home, "SELECT path, status, moved_to, record_count FROM files ORDER BY path") == [
        ("a.txt", "moved", "c.txt", 0),
        ("b.txt", "loaded", None, 1),
        ("c.txt", "loaded", None, 1),
    ]
    assert query(home, "SELECT path, version FROM documents ORDER BY path") == [("b.txt", 1), ("c.txt", 1)]
    assert versions(home) == [("a.txt", 1, "moved", "Un pont a été ouvert.")]
    (source / "c.txt").rename(source / "a.txt")
    run(home, source)
    assert query(home, "SELECT path, version FROM documents ORDER BY path") == [("a.txt", 2), ("b.txt", 1)]


def test_two_copies_of_a_missing_file_are_no_rename(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    run(home, source)
    (source / "a.txt").unlink()
    write(source, "b.txt", dispatch())
    write(source, "c.txt", dispatch())
    run(home, source)
    assert query(home, "SELECT status FROM files WHERE path = 'a.txt'") == [("missing",)]
    assert query(home, "SELECT count(*) FROM documents") == [(3,)]


def test_a_missing_file_keeps_its_documents(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "b.txt", dispatch(28))
    run(home, source)
    (source / "a.txt").unlink()
    published = run(home, source)
    assert published is not None
    assert published.summary.files_read == 0
    assert query(home, "SELECT path, status FROM files ORDER BY path") == [("a.txt", "missing"), ("b.txt", "loaded")]
    assert query(home, "SELECT count(*) FROM documents") == [(2,)]
    assert run(home, source) is None
    write(source, "a.txt", dispatch())
    returned = run(home, source)
    assert returned is not None
    assert returned.summary.files_read == 0
    assert query(home, "SELECT DISTINCT status FROM files") == [("loaded",)]
    assert query(home, "SELECT max(version) FROM documents") == [(1,)]


def test_on_missing_withdraw(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "b.txt", dispatch(28))
    write(source, "empty.txt", b"")
    home = settings(home, source, "withdraw")
    run(home)
    (source / "a.txt").unlink()
    (source / "empty.txt").unlink()
    run(home)
    assert query(home, "SELECT path FROM documents") == [("b.txt",)]
    assert query(home, "SELECT count(*) FROM rejects") == [(0,)]
    assert versions(home) == [("a.txt", 1, "withdrawn", "Un pont a été ouvert.")]
    assert query(home, "SELECT path, status, record_count FROM files ORDER BY path") == [
        ("a.txt", "missing", 0),
        ("b.txt", "loaded", 1),
        ("empty.txt", "missing", 0),
    ]
    assert run(home) is None
    write(source, "a.txt", dispatch())
    run(home)
    assert query(home, "SELECT path, version FROM documents ORDER BY path") == [("a.txt", 2), ("b.txt", 1)]


def test_a_missing_file_keeps_its_reject(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "empty.txt", b"")
    run(home, source)
    (source / "empty.txt").unlink()
    run(home, source)
    assert query(home, "SELECT path, status FROM files ORDER BY path") == [
        ("a.txt", "loaded"),
        ("empty.txt", "missing"),
    ]
    assert query(home, "SELECT path, reason FROM rejects") == [("empty.txt", "empty")]
    write(source, "empty.txt", b"")
    run(home, source)
    assert query(home, "SELECT status FROM files WHERE path = 'empty.txt'") == [("rejected",)]


def test_only_a_listing_of_the_whole_root_makes_files_missing(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "sub/b.txt", dispatch(28))
    run(home, source)
    (source / "a.txt").unlink()
    (source / "sub" / "b.txt").unlink()
    write(source, "sub/c.txt", dispatch(1, month="2021-03", name="mars"))
    run(home, source / "sub")
    assert query(home, "SELECT DISTINCT status FROM files") == [("loaded",)]
    run(home, source / "sub" / "*.txt")
    run(home, source)
    assert query(home, "SELECT path FROM files WHERE status = 'missing' ORDER BY 1") == [("a.txt",), ("sub/b.txt",)]


def test_rows_are_sorted_and_kept_in_one_file_per_month(home: Home, source: Path) -> None:
    for name in ("c", "a", "b"):
        write(source, f"{name}.txt", dispatch(body=f"Texte {name}."))
    run(home, source)
    write(source, "aa.txt", dispatch(body="Encore."))
    run(home, source)
    (location,) = locations(home, current(home), DOCUMENTS)
    stored = pq.ParquetFile(location).read(["path", "run_id"])
    assert stored.column("path").to_pylist() == ["a.txt", "aa.txt", "b.txt", "c.txt"]
    assert pq.ParquetFile(location).schema_arrow.equals(
        DOCUMENTS.schema.remove(DOCUMENTS.schema.get_field_index("month")), check_metadata=False
    )
    assert len(set(stored.column("run_id").to_pylist())) == 2


def test_the_same_input_gives_the_same_tables(tmp_path: Path, source: Path) -> None:
    for number in range(12):
        write(source, f"{number}.txt", dispatch(number + 1, f"Texte {number}."))
    write(source, "bad.txt", b"\x00\x01")
    at_once, bit_by_bit = Home(tmp_path / "one"), Home(tmp_path / "two")
    for home in (at_once, bit_by_bit):
        home.create()
    run(at_once, source)
    for path in sorted(source.iterdir(), reverse=True):
        run(bit_by_bit, path)
    run(bit_by_bit, source)
    found, expected = stable_rows(bit_by_bit), stable_rows(at_once)
    assert {name: rows for name, rows in found.items() if name not in {"runs", "sources"}} == {
        name: rows for name, rows in expected.items() if name not in {"runs", "sources"}
    }


IN_ANOTHER_MONTH = """
from dataclasses import replace

def patched(read, *arguments):
    reading = read(*arguments)
    date = replace(reading.date, content_created_edtf="1999-01", date_precision="month", content_created=None)
    return replace(reading, date=date)
"""

TOO_HARD = """
def patched(read, text, *rest):
    if "Trop dur" in text:
        raise ValueError
    return read(text, *rest)
"""


def with_parser(patch: pytest.MonkeyPatch, folder: Path, version: str) -> None:
    for module in ("warehouse.plan", "warehouse.load", "warehouse.publish"):
        patch.setattr(f"{module}.PARSER_VERSION", version)
    patch_workers(patch, folder, f"import etl.transform\netl.transform.PARSER_VERSION = {version!r}\n")


def test_another_parser_parses_the_stored_texts_again(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, "a.txt", dispatch())
    write(source, "gone.txt", dispatch(28))
    run(home, source)
    former = stable_rows(home)
    (source / "a.txt").unlink()
    with_parser(monkeypatch, tmp_path, "test")
    published = run(home)
    assert published is not None
    assert (published.summary.files_read, published.summary.documents_written) == (0, 2)
    assert query(home, "SELECT DISTINCT parser_version, version FROM documents") == [("test", 1)]
    assert query(home, "SELECT count(*) FROM document_versions") == [(0,)]
    assert stable_rows(home) == former
    assert run(home) is None


def test_a_rebuild_parses_the_named_months_again_and_nothing_else(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "b.txt", dispatch(3, month="2021-03", name="mars"))
    write(source, "c.txt", "Ohne Datum.")
    run(home, source)
    write(source, "a.txt", dispatch(28), age=60)
    run(home, source)
    former, before = stable_rows(home), dict(query(home, "SELECT path, run_id FROM documents"))
    shutil.rmtree(source)
    published = rebuild(home, "2021-02", "undated")
    assert published.summary.months == ("2021-02", "undated")
    assert (published.summary.files_read, published.summary.documents_written) == (0, 2)
    after = dict(query(home, "SELECT path, run_id FROM documents"))
    assert {path for path in after if after[path] != before[path]} == {"a.txt", "c.txt"}
    assert stable_rows(home) == former
    assert rebuild(home).summary.documents_written == 3
    assert stable_rows(home) == former


def test_a_rebuild_moves_documents_to_the_month_that_is_read_now(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, "a.txt", dispatch())
    write(source, "b.txt", dispatch(3, month="2021-03", name="mars"))
    run(home, source)
    patch_reading(monkeypatch, tmp_path, IN_ANOTHER_MONTH)
    assert rebuild(home, "2021-02").summary.months == ("1999-01", "2021-02")
    assert query(home, "SELECT path, month FROM documents ORDER BY path") == [
        ("a.txt", "1999-01"),
        ("b.txt", "2021-03"),
    ]


def test_after_an_upgrade_a_rebuild_takes_up_what_was_rejected(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, "a.txt", dispatch())
    write(source, "b.txt", dispatch(28, "Trop dur."))
    with monkeypatch.context() as patch:
        patch_reading(patch, tmp_path, TOO_HARD)
        run(home, source)
    assert query(home, "SELECT path, reason FROM rejects") == [("b.txt", "unparsable")]
    with_parser(monkeypatch, tmp_path, "test")
    rebuild(home, "2021-02")
    assert query(home, "SELECT path, parser_version FROM documents ORDER BY 1") == [
        ("a.txt", "test"),
        ("b.txt", "test"),
    ]
    assert query(home, "SELECT count(*) FROM rejects") == [(0,)]


def test_an_upgrade_between_leads_to_the_same_tables_as_the_new_parser_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Current and former versions alike, those that are replaced in the very run that upgrades included."""
    found = []
    for upgrade in ("before", "between"):
        folder = tmp_path / upgrade / "wire"
        home = Home(tmp_path / upgrade / "home")
        home.create()
        with monkeypatch.context() as patch:
            if upgrade == "before":
                patch_reading(patch, tmp_path, IN_ANOTHER_MONTH)
                with_parser(patch, tmp_path, "test")
            for number in range(3):
                write(folder, "a.txt", dispatch(number + 1, f"Texte {number}."), age=number)
                write(folder, "b.txt", dispatch(9, "Toujours le même."))
                run(home, folder)
            if upgrade == "between":
                patch_reading(patch, tmp_path, IN_ANOTHER_MONTH)
                with_parser(patch, tmp_path, "test")
            write(folder, "a.txt", dispatch(4, "Texte final."), age=9)
            run(home, folder)
        assert query(
            home, "SELECT DISTINCT parser_version FROM (FROM documents UNION BY NAME FROM document_versions)"
        ) == [("test",)]
        found.append({name: rows for name, rows in stable_rows(home).items() if name != "sources"})
    assert found[0] == found[1]
    assert len(found[0]["document_versions"]) == 3


def test_large_loads_go_through_workers(home: Home, source: Path) -> None:
    for number in range(1_100):
        write(source, f"{number % 7}/{number}.txt", dispatch(number % 28 + 1, f"Texte numéro {number}."))
    write(source, "bad.txt", b"\x00")
    done: list[tuple[int, ...]] = []

    with WriterLock(home, "test"):
        loaded = load(home, make_plan(home, [str(source)]), "run", lambda *progress: done.append(progress))
    assert (loaded.documents_written, loaded.rejects) == (1_100, 1)
    assert done[-1] == (1_101, 1_101, 1_101)
    assert len(done) > 3


def test_months_are_merged_in_bounded_groups() -> None:
    months = [("a", 15_000), ("b", 10_000), ("c", 1), ("d", 90_000), ("e", 5)]
    assert list(_groups(months)) == [["a", "b"], ["c"], ["d"], ["e"]]


def test_a_large_month_is_merged_in_parts_and_comes_to_the_same(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Home(tmp_path / "whole")
    whole.create()
    for number in range(14):
        write(source, f"{number:02} it's.txt", dispatch(number + 1, f"Texte {number}."), age=120)
        write(tmp_path / "other", f"{number}.txt", dispatch(number + 1, f"Autre {number}."), age=120)
    for folder in (source, tmp_path / "other"):
        run(whole, folder)
    with monkeypatch.context() as patched:
        patched.setattr("warehouse.load.GROUP_ROWS", 3)
        for folder in (source, tmp_path / "other"):
            run(home, folder)
        for number in (3, 4, 13):
            write(source, f"{number:02} it's.txt", dispatch(number + 1, f"Texte {number}, changé."), age=60)
        run(home, source)
    run(whole, source)
    assert stable_rows(home) == stable_rows(whole)
    for table in (DOCUMENTS, PARAGRAPHS):
        (file,) = locations(home, current(home), table)
        rows = pq.ParquetFile(file).read(list(table.order)).to_pylist()
        assert [tuple(row.values()) for row in rows] == sorted(tuple(row.values()) for row in rows)
