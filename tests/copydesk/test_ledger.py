"""The ledger's commands as people run them: what was rejected, what changed, back in time, disk."""

import json
import os
import pty
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.support import COMMAND, Desk, dispatch, held, write


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Two runs: a document that changed once, one that was withdrawn, and rejects of two reasons."""
    folder = tmp_path_factory.mktemp("ledger")
    desk = Desk(folder)
    desk.ok("run")
    wire = folder / "wire"
    desk.home.joinpath("copydesk.toml").write_text(f"[[source]]\nroot = '{wire}'\non_missing = 'withdraw'\n")
    write(
        wire, "a.txt", dispatch(body="Un pont \x1b[31m| de fer | a été ouvert samedi par le ministre. " + "Long. " * 40)
    )
    write(wire, "gone.txt", dispatch(28))
    for number in range(60):
        write(wire, f"empty {number:02}.txt", b"")
    write(wire, "bad|\x1b[31m.txt", b"\x00\x01")
    desk.ok("run", "--quiet")
    write(
        wire,
        "a.txt",
        dispatch(26, "Un pont \x1b[31m| de bois | a été ouvert samedi par le ministre. " + "Long. " * 40),
        age=9,
    )
    (wire / "gone.txt").unlink()
    desk.ok("run", "--quiet")
    return desk


def objects(desk: Desk, *arguments: object) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(desk.ok(*arguments, "--format", "json"))
    return found


def test_rejects_are_summed_up_and_listed(desk: Desk) -> None:
    text = desk.ok("rejects")
    assert re.search(r"^empty +60  The file has no bytes\.", text, re.MULTILINE)
    assert re.search(r"^binary +1  This is not text\.", text, re.MULTILINE)
    assert len(re.findall(r"^wire +\S", text, re.MULTILINE)) == 50
    assert "… and 11 more" in text
    assert "\x1b" not in text
    assert len(re.findall(r"^wire +\S", desk.ok("rejects", "--limit", "100"), re.MULTILINE)) == 61
    of_one = desk.ok("rejects", "--reason", "binary", "--source", "wire")
    assert "empty" not in of_one
    assert "`copydesk retry --reason binary`" in of_one


def test_rejects_for_programs_are_all_of_them(desk: Desk) -> None:
    found = objects(desk, "rejects")
    assert len(found) == 61
    assert set(found[0]) == {"source", "path", "record_key", "reason", "first_seen", "message"}
    assert len(desk.ok("rejects", "--format", "csv").splitlines()) == 62
    assert objects(desk, "rejects", "--reason", "blank") == []
    assert desk.ok("rejects", "--reason", "blank", "--format", "jsonl") == ""
    assert "bad\\|\\\\x1b\\[31m" in desk.ok("rejects", "--reason", "binary", "--format", "markdown")
    assert desk.ok("rejects", "--reason", "blank", "--source", "wire") == (
        "No rejects of reason blank in wire: nothing is left to mend here.\n"
    )


def test_runs_say_which_versions_can_be_asked(desk: Desk) -> None:
    newest, oldest = objects(desk, "runs")
    assert (newest["is_current"], oldest["is_current"]) == (True, False)
    assert (oldest["version"], oldest["files_read"], oldest["rejects"]) == (oldest["run_id"], 63, 61)
    text = desk.ok("runs")
    assert re.search(rf"^{newest['run_id']} .* current$", text, re.MULTILINE)
    assert re.search(rf"^{oldest['run_id']} .* retained$", text, re.MULTILINE)
    assert "… and 1 earlier" in desk.ok("runs", "--limit", "1")
    question = "select day(content_created) as day from documents where path = 'a.txt'"
    assert objects(desk, "sql", question) == [{"day": 26}]
    assert objects(desk, "sql", question, "--as-of", str(oldest["run_id"])[:13]) == [{"day": 27}]


def test_runs_say_which_versions_the_move_of_the_home_left_behind(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    write(tmp_path / "wire", "a.txt", dispatch())
    desk.ok("run", "wire", "--quiet")
    write(tmp_path / "wire", "b.txt", dispatch(28))
    desk.ok("run", "wire", "--quiet")
    desk.home.rename(tmp_path / "moved")
    home = ("--home", tmp_path / "moved")
    desk.ok("publish", *home)
    newest, oldest = objects(desk, "runs", *home)
    assert (newest["as_of"], oldest["as_of"]) == ("current", "moved")
    assert re.search(r" moved$", desk.ok("runs", *home), re.MULTILINE)
    question = ("sql", "from documents", "--as-of", oldest["run_id"], *home)
    assert "copydesk repair" in desk.fault(*question)
    desk.ok("repair", "--yes", *home)
    assert [row["as_of"] for row in objects(desk, "runs", *home)] == ["current", "retained"]
    desk.ok(*question)


def test_asking_a_former_version_is_as_safe_as_asking_the_current_one(desk: Desk) -> None:
    oldest = str(objects(desk, "runs")[1]["run_id"])
    for query in ("select * from read_text('/etc/passwd')", "drop view documents", "copy documents to 'x.csv'"):
        desk.fault("sql", query, "--as-of", oldest)
    assert "keep_versions" in desk.fault("sql", "from documents", "--as-of", "nonsense")


def test_history_shows_versions_and_what_changed(desk: Desk) -> None:
    text = desk.ok("history", "a.txt")
    assert "Current in version 2" in text
    assert re.search(r"^ +1 .* changed .* 2021-02-27 +Bakou +azertac +fr$", text, re.MULTILINE)
    assert re.search(r"^ +2 .* current .* 2021-02-26 +Bakou +azertac +fr$", text, re.MULTILINE)
    assert "  content_created: 2021-02-27 -> 2021-02-26\n" in text
    assert "- Un pont [31m| de [-fer-] | a été ouvert" in text
    assert "+ Un pont [31m| de {+bois+} | a été ouvert" in text
    assert "\x1b" not in text
    assert max(map(len, text.partition("Version 1 -> 2")[2].splitlines())) <= 100
    (found,) = objects(desk, "sql", "select document_id from documents")
    assert desk.ok("history", str(found["document_id"])[:6]) == text


def test_output_to_a_closed_pipe_is_no_error(desk: Desk) -> None:
    shell = f"'{COMMAND}' history a.txt | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], env=desk.environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_history_of_a_document_that_is_gone(desk: Desk) -> None:
    text = desk.ok("history", desk.folder / "wire" / "gone.txt")
    assert re.search(r"No longer current: withdrawn 20", text)
    content = json.loads(desk.ok("history", "wire:gone.txt", "--format", "json"))
    assert (content["is_current"], content["file_status"], content["changes"]) == (False, "missing", [])
    assert content["versions"][0]["content_created"] == "2021-02-28"
    assert "select document_id" in desk.fault("history", "nowhere.txt")


def test_a_terminal_sees_colours_and_a_file_does_not(desk: Desk) -> None:
    ours, theirs = pty.openpty()
    environment = {**desk.environment, "TERM": "xterm-256color", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen([COMMAND, "history", "a.txt"], env=environment, stdout=theirs, stderr=theirs) as command:
        os.close(theirs)
        shown = b""
        while block := _read(ours):
            shown += block
        os.close(ours)
    assert command.returncode == 0
    text = shown.decode()
    assert re.search(r"\x1b\[[0-9;]*7[0-9;]*mbois", text)
    assert "{+" not in text


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # Linux ends a terminal that nobody writes to any more with an error
        return b""


def test_retry_and_prune_wait_for_the_lock_as_a_run_does(desk: Desk) -> None:
    with held(desk.home) as let_go:
        for command in ("retry", "prune"):
            assert "Another run is writing: other" in desk.fault(command)
            assert "--wait" in desk.fault(command, "--wait=0.1")
        waiting = subprocess.Popen(
            [COMMAND, "prune", "--wait", "--json"], env=desk.environment, stdout=subprocess.PIPE, text=True
        )
        time.sleep(1)
        assert waiting.poll() is None
        let_go()
        assert json.loads(waiting.communicate(timeout=60)[0])["versions_removed"] == []
        assert waiting.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("rejects", "--reason", "blnk"), "reasons are empty, blank"),
        (("rejects", "--source", "wir"), "sources are wire"),
        (("rejects", "--limit", "0"), "0"),
        (("retry", "--reason", "blnk"), "reasons are empty, blank"),
        (("retry", "--wait=soon"), "seconds"),
        (("history", ""), "No document"),
        (("runs", "--limit", "none"), "none"),
        (("prune", "--older-than", "30"), "30d"),
        (("prune", "--runs-older-than", "x"), "30d"),
        (("prune", "--keep", "0"), "0"),
        (("rejects", "--home", "/nowhere/at/all"), "No home at"),
        (("retry", "--home", "/nowhere/at/all"), "No home at"),
        (("runs", "--home", "/nowhere/at/all"), "No home at"),
        (("history", "x", "--home", "/nowhere/at/all"), "No home at"),
        (("prune", "--home", "/nowhere/at/all"), "No home at"),
    ],
)
def test_what_people_can_mend_is_one_line(desk: Desk, arguments: tuple[str, ...], found: str) -> None:
    assert found in desk.fault(*arguments)


@pytest.mark.slow
def test_a_retry_mends_what_can_be_read_now(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    wire = tmp_path / "wire"
    write(wire, "a.txt", dispatch())
    desk.ok("run", wire, "--quiet")
    assert desk.ok("retry") == "Nothing to retry: there are no rejects.\n"
    assert len(objects(desk, "runs")) == 1
    write(wire, "b.txt", b"")
    write(wire, "bad.txt", b"\x00")
    write(wire, "gone.txt", b"")
    desk.ok("run", wire, "--quiet")
    first_seen = objects(desk, "rejects", "--reason", "binary")[0]["first_seen"]
    write(wire, "b.txt", dispatch(28), age=60)
    (wire / "gone.txt").unlink()
    text = desk.ok("retry")
    for part in (r"read +2 files again", r"mended +1\n", r"remaining +1 \(binary 1\)", r"gone +1 file is not there"):
        assert re.search(part, text), text
    assert [row["path"] for row in objects(desk, "sql", "from documents order by path")] == ["a.txt", "b.txt"]
    assert objects(desk, "rejects", "--reason", "binary")[0]["first_seen"] == first_seen
    runs = objects(desk, "runs")
    assert re.search(
        r"mended +0\nremaining +1 .*\npublished +nothing: all is as it was", desk.ok("retry", "--reason=binary")
    )
    assert json.loads(desk.ok("retry", "--reason", "binary", "--json")) == {
        "run_id": None, "files_read": 1, "mended": 0, "remaining": {"binary": 1}, "files_gone": 0,
    }  # fmt: skip
    assert objects(desk, "runs") == runs
    assert json.loads(desk.ok("retry", "--reason", "empty", "--json")) == {
        "run_id": None, "files_read": 0, "mended": 0, "remaining": {}, "files_gone": 1,
    }  # fmt: skip
    assert "1 file is not there" in desk.ok("retry", "--reason", "empty")


@pytest.mark.slow
def test_prune_gives_back_space_and_status_shows_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for number in range(3):
        write(tmp_path / "wire", "a.txt", dispatch(number + 1, f"Texte {number}."), age=number)
        desk.ok("run", "wire", "--quiet")
    before = json.loads(desk.ok("status", "--json"))["disk_bytes"]
    assert before["former_versions"] > 0
    assert before["tables"]["documents"]["former"] > 0
    assert {"lake", "versions", "dagster", "staging"} <= before.keys()
    text = desk.ok("prune", "--keep", "1", "--runs-older-than", "1d", "--dry-run")
    assert re.search(r"versions +2 would be removed, 1 kept", text)
    assert re.search(r"runs +0 .* would be removed", text)
    assert json.loads(desk.ok("status", "--json"))["disk_bytes"] == before
    freed = json.loads(desk.ok("prune", "--keep", "1", "--json"))
    assert (len(freed["versions_removed"]), freed["versions_kept"]) == (2, 1)
    after = json.loads(desk.ok("status", "--json"))["disk_bytes"]
    assert freed["bytes"] == before["lake"] + before["versions"] - after["lake"] - after["versions"] > 0
    assert after["former_versions"] == after["tables"]["documents"]["former"] == 0
    shown = desk.ok("status")
    assert re.search(r"^Disk +lake [\d.]+ kB, versions .* \(former ones 0 B\), dagster", shown, re.MULTILINE)
    assert re.search(r"^documents +[\d.]+ kB +0 B +[\d.]+ kB$", shown, re.MULTILINE)
    assert len(objects(desk, "sql", "from document_versions")) == 2
