"""An audit as people do it: draw a sheet, fill it in, score it. The samples are the archive; their truth is known."""

import csv
import io
import json
import os
import pty
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support import COMMAND, Desk, dispatch, write

KNOWN = ("located", "country_code", "content_created", "agency_literal", "agency_id", "language", "headline")
"""What samples/expected.tsv tells of the fields that are judged."""

with (ROOT / "samples" / "expected.tsv").open(encoding="utf-8", newline="") as handle:
    TRUTH = {row["path"]: row for row in csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(tmp_path_factory.mktemp("audit"))
    desk.ok("run", ROOT / "samples", "--quiet")
    return desk


def draw(desk: Desk, path: Path, *arguments: object) -> list[dict[str, str]]:
    desk.ok("sample", *arguments, "--output", path)
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline="")))


def fill(path: Path, rows: list[dict[str, str]], code: Callable[[dict[str, str]], dict[str, str]]) -> None:
    """Write what a coder would, and save as a spreadsheet would."""
    with path.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows({**row, **code(row)} for row in rows)


def truly(row: dict[str, str]) -> dict[str, str]:
    """Code a row as the samples' true values have it."""
    known = TRUTH[row["path"]]
    return {f"true_{name}": known[name] or "none" for name in KNOWN}


def fields(desk: Desk, path: Path) -> dict[str, dict[str, float]]:
    content = json.loads(desk.ok("score", path, "--format", "json"))
    return {found["field"]: found for found in content["fields"]}


def test_a_sheet_follows_from_seed_and_version(desk: Desk, tmp_path: Path) -> None:
    one, other, third = (tmp_path / name for name in ("one.csv", "other.csv", "third.csv"))
    rows = draw(desk, one, "--n", 40, "--by", "source,language")
    assert len(rows) == 40
    draw(desk, other, "--n", 40, "--by", "source, language", "--seed", 1)
    assert one.read_bytes() == other.read_bytes()
    assert desk.ok("sample", "--n", 40, "--by", "source,language").encode() == one.read_bytes()
    draw(desk, third, "--n", 40, "--by", "source,language", "--seed", 2)
    assert one.read_bytes() != third.read_bytes()
    (snapshot,) = json.loads(desk.ok("sql", "from snapshot", "--format", "json"))
    assert {row["snapshot_version"] for row in rows} == {snapshot["version"]}
    assert {row["document_count"] for row in rows} == {str(snapshot["document_count"])} == {"115"}


def test_what_was_drawn_is_told(desk: Desk, tmp_path: Path) -> None:
    text = desk.ok("sample", "--n", 50, "--by", "language", "--output", tmp_path / "sheet.csv")
    assert re.match(r"\S+sheet\.csv: 50 of 115 documents of version \S+, seed 1\n", text)
    strata = re.findall(r"^language (\S+) +(\d+) +(\d+)$", text, re.MULTILINE)
    assert len(strata) == 20
    assert all(int(drawn) >= 1 for _, _, drawn in strata)
    assert re.search(r"^… and \d+ smaller ones$", text, re.MULTILINE)


def test_a_whole_archive_coded_with_the_truth_scores_what_comparing_it_gives(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    rows = draw(desk, path, "--n", 500)
    assert len(rows) == 115
    fill(path, rows, truly)
    found = fields(desk, path)
    assert list(found) == [name for name in rows[0] if name in KNOWN]
    for name in KNOWN:
        wanted = Counter(
            ("exact" if row[name].casefold() == known.casefold() else "wrong" if known else "invented")
            if row[name]
            else ("missing" if known else "neither")
            for row in rows
            for known in [TRUTH[row["path"]][name]]
        )
        score = found[name]
        for outcome in ("exact", "wrong", "missing", "invented"):
            assert score[outcome] == wanted[outcome], (name, outcome)
        assert score["coded"] == 115
        assert score["covered"] == 1
        assert score["precision"] == round(
            wanted["exact"] / (wanted["exact"] + wanted["wrong"] + wanted["invented"]), 4
        )
        assert score["recall"] == round(wanted["exact"] / (wanted["exact"] + wanted["wrong"] + wanted["missing"]), 4)
        assert score["precision_low"] <= score["precision"] <= score["precision_high"]
    assert found["located"]["exact"] > 80


def test_strata_weigh_as_much_as_they_hold(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    rows = draw(desk, path, "--n", 60, "--by", "language")
    others = [row for row in rows if row["language"] not in ("en", "fr")]
    held = {row["stratum"]: int(row["stratum_count"]) for row in rows}
    assert sum(held.values()) == 115
    # What is neither English nor French is wrong; it was drawn more often than it is in the archive.
    fill(path, rows, lambda row: {"true_language": "ok" if row["language"] in ("en", "fr") else "wrong"})
    score = fields(desk, path)["language"]
    assert (score["coded"], score["wrong"]) == (60, len(others))
    assert score["precision"] == round((held["language en"] + held["language fr"]) / 115, 4)
    assert score["precision"] > (60 - len(others)) / 60
    assert score["precision_effective_size"] < 60
    # Of one stratum nothing is coded any more.
    fill(path, rows, lambda row: {"true_language": "ok" if row["language"] != "fr" else ""})
    assert fields(desk, path)["language"]["covered"] == round(1 - held["language fr"] / 115, 4)
    text = desk.ok("score", path)
    assert re.search(
        r"^language: \d\d\.\d % of the documents are in strata of which no row is coded", text, re.MULTILINE
    )


def test_scores_are_printed_for_people_and_programs(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    rows = draw(desk, path, "--n", 10)
    fill(path, rows, lambda row: {"true_language": "ok", "true_byline": "none"})
    text = desk.ok("score", path)
    assert re.search(r"^Sheet    \S+: 10 of 115 documents, seed 1$", text, re.MULTILINE)
    assert re.search(r"^Version  \S+: still the published one$", text, re.MULTILINE)
    assert re.search(
        r"^language +10 +10 +0 +0 +0  100\.0 \(72\.2–100\.0\)  100\.0 \(72\.2–100\.0\)$", text, re.MULTILINE
    )
    assert re.search(r"^byline +10 +0 +0 +0 +0  NULL +NULL$", text, re.MULTILINE)
    language, byline = csv.DictReader(io.StringIO(desk.ok("score", path, "--format", "csv")))
    assert (language["field"], language["coded"], language["recall_low"], language["recall_high"]) == (
        "language", "10", "0.7225", "1.0",
    )  # fmt: skip
    assert (byline["precision"], byline["recall_effective_size"]) == ("", "")
    content = json.loads(desk.ok("score", path, "--format", "json"))
    assert (content["is_current"], content["changed_count"], content["row_count"]) == (True, 0, 10)
    assert content["fields"][1]["precision"] is None


def test_a_sheet_can_be_scored_where_there_is_no_warehouse(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    fill(path, draw(desk, path, "--n", 10), lambda row: {"true_language": "ok"})
    text = desk.ok("score", path, "--home", tmp_path / "nowhere")
    assert "whether it is still the published one is not known: No home at" in text
    content = json.loads(desk.ok("score", path, "--home", tmp_path / "nowhere", "--format", "json"))
    assert (content["is_current"], content["changed_count"]) == (None, None)
    assert not (tmp_path / "nowhere").exists()


def test_a_version_that_has_moved_on_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for day in range(1, 7):
        write(tmp_path / "wire", f"{day}.txt", dispatch(day, f"Texte {day}."))
    desk.ok("run", "wire", "--quiet")
    path = tmp_path / "sheet.csv"
    rows = draw(desk, path, "--n", 5)
    # As a spreadsheet of another country shows dates.
    fill(path, rows, lambda row: {"true_content_created": "ok", "content_created": row["content_created"][:3:-1]})
    assert "our values of 5 of these 5 documents are not those of it" in desk.ok("score", path)
    assert "are not those of it" in desk("score", path, "--format", "csv").stderr
    fill(path, rows, lambda row: {
        "true_content_created": "ok",
        "content_created": "/".join(reversed(row["content_created"].split("-"))),
    })  # fmt: skip
    assert ": still the published one\n" in desk.ok("score", path)
    drawn = sorted(row["path"] for row in rows)
    write(tmp_path / "wire", drawn[0], dispatch(25, "Autre jour."), age=60)
    desk.ok("run", "wire", "--quiet")
    text = desk.ok("score", path)
    assert re.search(r": the published version is \S+ by now: 1 of these 5 documents are gone from it", text)
    done = desk("score", path, "--format", "csv")
    assert (done.returncode, done.stdout.count("\n")) == (0, 2)
    assert re.fullmatch(r"copydesk: version \S+: the published version is [^\n]+\n", done.stderr)


def test_hostile_names_and_texts_do_no_harm_in_a_spreadsheet(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    write(tmp_path / "wire", "=cmd|x.txt", ' date 2021-02 Bakou, 27 février, AZERTAC\n\n=1+1;=HYPERLINK("http://a")\n')
    write(tmp_path / "wire", "-\x1b[31m.txt", "@SUM(A1)\n\nBakou, 27 février, AZERTAC\n\nTexte.\n")
    desk.ok("run", "wire", "--quiet")
    path = tmp_path / "sheet.csv"
    rows = draw(desk, path)
    text = path.read_text("utf-8-sig")
    for mark in ",;\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark):
            assert not [cell for cell in row if cell.strip(' "').startswith(("=", "+", "-", "@"))]
    assert "\x1b" not in text
    assert {row["path"] for row in rows} == {"'=cmd|x.txt", "'-\\x1b[31m.txt"}
    fill(path, rows, lambda row: {"true_located": "Bakou"})
    assert "still the published one" in desk.ok("score", path)
    assert fields(desk, path)["located"]["exact"] == 2


def test_a_sheet_that_is_there_is_never_overwritten(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text("coded for days")
    assert "somebody may have coded it" in desk.fault("sample", "--output", path)
    assert path.read_text() == "coded for days"
    for name in ("warehouse.duckdb", "inbox/sheet.csv"):
        assert "lies in the home" in desk.fault("sample", "--output", desk.home / name)
    assert sorted(os.listdir(tmp_path)) == ["sheet.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sample", "--by", "month"), "--by takes source, agency, language, with commas between them; not 'month'"),
        (("sample", "--by", ""), "not ''"),
        (("sample", "--n", "0"), "--n"),
        (("sample", "--n", "many"), "--n"),
        (("sample", "--seed", "-1"), "--seed"),
        (("sample", "--output", ""), "--output"),
        (("sample", "--output", "no/such/sheet.csv"), "Cannot write"),
        (("sample", "--home", "/nowhere/at/all"), "No home"),
        (("score",), "SHEET"),
        (("score", "nowhere.csv"), "Cannot read nowhere.csv: No such file"),
        (("score", "."), ". is no file"),
        (("score", "/dev/zero"), "/dev/zero is no file"),
    ],
)
def test_what_people_can_mend_is_one_line(desk: Desk, arguments: tuple[str, ...], message: str) -> None:
    assert message in desk.fault(*arguments)


def test_a_bad_sheet_is_one_line_with_its_row(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    rows = draw(desk, path, "--n", 5)
    assert "nothing is coded yet" in desk.fault("score", path)
    fill(path, rows, lambda row: {"true_place_id": "Baku\x1b" if row is rows[2] else "ok"})
    message = desk.fault("score", path)
    assert "sheet.csv, row 4: true_place_id is ok, none, wrong or a GeoNames id" in message
    assert "\x1b" not in message
    fill(path, rows, lambda row: {"stratum_count": "7"} if row is rows[1] else {})
    assert "row 3: stratum_count is 7 here and 115 in a row above" in desk.fault("score", path)


def test_a_terminal_is_shown_no_sheet(desk: Desk) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [COMMAND, "sample"], env=desk.environment, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(theirs)
    os.close(ours)
    assert (done.returncode, done.stderr) == (
        2, "copydesk: A coding sheet is opened in a spreadsheet: name a file with --output FILE\n",
    )  # fmt: skip
