"""The user's own reference as the command shows it."""

import json
import re
from pathlib import Path

import pytest

from tests.support import Desk, write


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A home with two dispatches, and a reference of its own that is of use for one of them."""
    made = Desk(tmp_path)
    write(tmp_path / "wire", "a.txt", " date 2021-02 Tchoucha, 27 février, AZTAG\n\nUn pont a été ouvert à Gandja.")
    write(tmp_path / "wire", "b.txt", " date 2021-02 Bakou, 28 février, AZERTAC\n\nUne école rouvre.")
    made.ok("run", "wire")
    reference = made.home / "reference"
    (reference / "agencies.csv").write_text("agency_id,literals\nazertac,AZTAG\nafp,AFRANCE\n", "utf-8")
    (reference / "places.csv").write_text("located,place_id\nTchoucha,147105\n", "utf-8")
    (reference / "corrections.csv").write_text(
        "source,path,field,expect,value,reason\n"
        "wire,b.txt,content_created,2021-02-28,2021-02-27,a misprint\n"
        "wire,b.txt,located,Baku,Gandja,the print has it\n",
        "utf-8",
    )
    return made


def test_a_run_reads_with_it_and_says_what_does_not_hold(desk: Desk) -> None:
    before = desk.ok("status")
    assert "stored texts will be parsed again, as parser or reference data have changed" in before
    assert "of your own: 2 in agencies.csv, 1 in places.csv, 2 in corrections.csv" in before
    assert re.search(r"Reference +version ([0-9a-f]{16}), .*; published was read with (?!\1)[0-9a-f]{16}\n", before)
    output = desk.ok("run", "wire")
    warning = next(line for line in output.splitlines() if "own_reference" in line)
    assert "corrections.csv, line 3: not applied: located expects Baku, but Bakou is read" in warning
    assert "agencies.csv, line 3: no document is credited to 'AFRANCE'" in warning
    after = desk.ok("status")
    assert "parsed again" not in after
    assert "published was read with" not in after
    assert "           corrections.csv, line 3: not applied: located expects Baku, but Bakou is read" in after
    status = json.loads(desk.ok("status", "--json"))["reference"]
    assert status["version"] == status["published_version"]
    assert status["own"] == {"agencies.csv": 2, "places.csv": 1, "corrections.csv": 2}
    assert [(entry["file"], entry["line"]) for entry in status["findings"]] == [
        ("corrections.csv", 3), ("agencies.csv", 3),
    ]  # fmt: skip
    assert desk.ok("run", "wire").startswith("Nothing new")


def test_explain_says_what_is_of_the_users_own(desk: Desk) -> None:
    desk.ok("run", "wire")
    shown = desk.ok("explain", "wire/a.txt")
    assert re.search(r"agency_id +azertac .*; your own agencies.csv, line 2\n", shown)
    assert re.search(r"place_name +Shusha .* your own places.csv, line 2\n", shown)
    ids = desk.ok("sql", "SELECT document_id FROM documents WHERE path = 'b.txt'", "--format", "csv").split()
    for named in ("wire/b.txt", ids[1]):
        shown = desk.ok("explain", named)
        assert re.search(r"content_created +2021-02-27 +your own corrections.csv, line 2: a misprint\n", shown)
        assert re.search(r"content_created +2021-02-28 +as read +corrections.csv, line 2: a misprint\n", shown)
        assert re.search(r"located +Gandja +corrections.csv, line 3 +expects Baku, but Bakou is read", shown)
        assert re.search(r"located +Bakou ", shown)


def test_explain_of_a_file_that_no_source_holds_knows_no_corrections(desk: Desk) -> None:
    write(desk.folder / "other", "b.txt", " date 2021-02 Bakou, 28 février, AZERTAC\n\nUne école rouvre.")
    assert "corrections.csv" not in desk.ok("explain", "other/b.txt")


def test_a_file_that_is_wrong_is_one_line_and_changes_nothing(desk: Desk) -> None:
    path = desk.home / "reference" / "places.csv"
    path.write_text("located,place_id\nTchoucha,0\n", "utf-8")
    message = f"{path}, line 2: a place_id is a number of GeoNames, or a negative one of your own, not '0'"
    for command in (["run", "wire"], ["explain", "wire/a.txt"]):
        assert desk.fault(*command) == f"copydesk: {message}\n"
    assert f"Reference  {message}\n" in desk.ok("status")
    assert desk.ok("sql", "SELECT count(place_id) FROM documents", "--format", "csv").split()[1] == "1"
