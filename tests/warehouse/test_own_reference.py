"""The user's own reference, from its files to the published tables."""

from pathlib import Path

from tests.support import query, run, stable_rows, write
from warehouse.home import Home


def own(home: Home, name: str, *lines: str) -> None:
    """Write a file of the user's own reference."""
    (home.reference / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")


def test_a_literal_of_an_agency_is_read_from_the_next_run_on(home: Home, source: Path) -> None:
    write(source, "a.txt", " date 2021-02 Bakou, 27 février, AZTAG\n\nUn pont a été ouvert.")
    write(source, "b.txt", " date 2021-02 Bakou, 27 février, AZERTAC\n\nUn pont a été ouvert.")
    run(home, source)
    before = stable_rows(home)
    rows = "SELECT path, agency_id, agency_literal, version FROM documents ORDER BY path"
    assert query(home, rows) == [("a.txt", None, "AZTAG", 1), ("b.txt", "azertac", "AZERTAC", 1)]
    own(home, "agencies.csv", "agency_id,literals", "azertac,AZTAG|AzTAg")
    assert run(home) is not None
    assert query(home, rows) == [("a.txt", "azertac", "AZTAG", 1), ("b.txt", "azertac", "AZERTAC", 1)]
    assert query(home, "SELECT count(*) FROM document_versions") == [(0,)]
    assert run(home) is None
    (home.reference / "agencies.csv").unlink()
    assert run(home) is not None
    assert stable_rows(home) == before
