"""`copydesk forget` as people run it: afterwards no byte below the home tells of what was forgotten."""

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from assets.alerts import Alert, now, raise_alert
from assets.history import REMOVED
from assets.instance import dagster_home
from tests.support import COMMAND, Desk, dispatch, holding, write
from warehouse.home import Home

TEXT, HEADLINE, BYLINE, NAME, EXCERPT, AGENCY = "QZTEXT", "QZHEAD", "QZBYLINE", "QZNAME", "QZEXCERPT", "QZAGENCY"
MARKERS = (TEXT, HEADLINE, BYLINE, NAME, EXCERPT, AGENCY)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def secret(day: int = 27) -> str:
    return (
        f" date 2021-02 {HEADLINE} Un pont\n\nPar {BYLINE} Dupont\n\n"
        f"Bakou, {day} février, {AGENCY}\n\n{TEXT} a été lu.\n\nLe trafic reprend lundi."
    )


@contextmanager
def instance(desk: Desk) -> Iterator[dg.DagsterInstance]:
    with dagster_home(Home(desk.home)) as folder, dg.DagsterInstance.from_config(str(folder)) as opened:
        yield opened


def ids(desk: Desk, path: str) -> list[str]:
    query = "select document_id, path from documents union select document_id, path from document_versions"
    rows = json.loads(desk.ok("sql", query, "--format", "json"))
    return [row["document_id"] for row in rows if row["path"] == path]


def test_no_byte_below_the_home_tells_of_what_was_forgotten(desk: Desk) -> None:
    wire = desk.folder / "wire"
    write(wire, "b.txt", dispatch(28))
    desk.ok("run", "wire")
    path = write(wire, f"{NAME}.txt", secret())
    # Its path stands in the configuration of the run and, in another file, an excerpt in a preview.
    desk.ok("run", path)
    write(wire, f"{NAME}.bin.txt", f"{EXCERPT}\0" + "\1\2\3\4" * 5)
    write(wire, f"{NAME}.txt", secret(26), age=60)
    desk.ok("run", "wire")
    alert = Alert("not_published", "a run", f"keys_unique: {NAME}.txt", "Look", str(desk.home), now(), "keys_unique")
    assert raise_alert(Home(desk.home), alert) is None
    with instance(desk) as opened:
        (first, *_) = opened.get_run_ids()
    log = desk.home / "dagster" / "storage" / first / "compute_logs" / "said.out"
    log.write_text(TEXT)
    before = {line.rpartition(": ")[2] for line in holding(desk.home / "dagster", *MARKERS)}
    assert before >= {HEADLINE, NAME, EXCERPT, AGENCY, TEXT}
    assert {line.rpartition(": ")[2] for line in holding(desk.home / "lake", *MARKERS)} == set(MARKERS)

    (document,) = ids(desk, f"{NAME}.txt")
    digest = json.loads(desk.ok("sql", "select content_sha256 from rejects", "--format", "json"))[0]["content_sha256"]
    path.unlink()
    (wire / f"{NAME}.bin.txt").unlink()
    said = desk.ok("forget", document, digest, "--yes")
    assert "Forgotten  1 document, 1 former version, 1 reject\n" in said
    assert "Not reached: backups" in said
    assert "On disk" not in said
    assert holding(desk.home, *MARKERS) == []

    # What is no text is kept, and Dagster can read all of it.
    with instance(desk) as opened:
        runs = opened.get_runs()
        assert len(runs) == 4
        rows = []
        for run in runs:
            assert run.status is dg.DagsterRunStatus.SUCCESS
            for entry in opened.all_logs(run.run_id):
                found = entry.dagster_event
                if found is not None and found.is_step_materialization and found.asset_key == dg.AssetKey("documents"):
                    rows.append(found.materialization.metadata["dagster/row_count"].value)
        assert rows == [1, 2, 2, 1]
        checks = opened.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("warehouse_candidate"), "unknown_agencies"), limit=10
        )
        judged = [check.event.dagster_event.asset_check_evaluation_data for check in checks if check.event]
        assert [evaluation.metadata["message"].value == REMOVED for evaluation in judged] == [False, True, True, True]
    (told,) = (json.loads(path.read_text()) for path in (desk.home / "alerts").iterdir())
    assert (told["message"], told["kind"], told["advice"]) == (REMOVED, "keys_unique", "Look")

    write(wire, "renamed.txt", secret())
    desk.ok("run", "wire")
    rows = json.loads(desk.ok("sql", "select path, reason from rejects", "--format", "json"))
    assert rows == [{"path": "renamed.txt", "reason": "forgotten"}]
    assert holding(desk.home, *MARKERS) == []
    assert desk.ok("forget", digest, "--yes").startswith("Nothing to erase")


@pytest.mark.slow
def test_a_forget_that_was_killed_is_finished_by_a_run(desk: Desk) -> None:
    wire = desk.folder / "wire"
    path = write(wire, f"{NAME}.txt", secret())
    write(wire, "b.txt", dispatch(28))
    desk.ok("run", "wire")
    digest = json.loads(
        desk.ok("sql", f"select content_sha256 from documents where path = '{NAME}.txt'", "--format", "json")
    )
    path.unlink()
    (desk.home / "forgotten.txt").write_text(digest[0]["content_sha256"] + "\n")
    assert json.loads(desk.ok("status", "--json"))["waiting"]["forget"]
    said = desk.ok("run", "wire")
    assert "0 written, 1 in all, 1 forgotten" in said
    assert holding(desk.home, *MARKERS) == []


@pytest.mark.slow
def test_a_source_that_is_still_named_in_the_settings_is_warned_of(desk: Desk) -> None:
    write(desk.home / "inbox", f"{NAME}.txt", secret())
    desk.ok("run")
    shown = desk.ok("forget", "--source", "inbox", "--dry-run")
    assert f"To erase   1 document, 0 former versions, 0 rejects\n           inbox: {NAME}.txt\n" in shown
    assert shown.endswith("Nothing was erased: this was a dry run.\n")
    assert not (desk.home / "forgotten.txt").exists()
    said = desk.ok("forget", "--source", "inbox", "--yes")
    assert "On disk    1 file in the sources" in said
    assert f"Warning    {desk.home / 'copydesk.toml'} still names the source inbox" in said
    (desk.home / "inbox" / f"{NAME}.txt").unlink()
    assert [line for line in holding(desk.home, *MARKERS) if "lake/" not in line] == []
    assert holding(desk.home, TEXT, HEADLINE, BYLINE, AGENCY) == []


def test_faults_say_what_to_do_and_nothing_is_erased(desk: Desk) -> None:
    assert "copydesk run SOURCE" in desk.fault("forget", "0" * 32, "--yes")
    write(desk.folder / "wire", "a.txt", dispatch())
    desk.ok("run", "wire")
    (known,) = ids(desk, "a.txt")
    assert "one or the other" in desk.fault("forget", "--yes")
    assert "one or the other" in desk.fault("forget", known, "--source", "wire", "--yes")
    assert "--yes is needed" in desk.fault("forget", known)
    assert f"No document {'0' * 32}; nothing was forgotten" in desk.fault("forget", known, "0" * 32, "--yes")
    assert "there are: wire" in desk.fault("forget", "--source", "mire", "--yes")
    assert not (desk.home / "forgotten.txt").exists()
    assert ids(desk, "a.txt") == [known]


@pytest.mark.slow
def test_a_terminal_is_asked(desk: Desk) -> None:
    write(desk.folder / "wire", "a.txt", dispatch())
    desk.ok("run", "wire")
    (known,) = ids(desk, "a.txt")
    ours, theirs = pty.openpty()
    command = subprocess.Popen(
        [COMMAND, "forget", known],
        env=desk.environment,
        cwd=desk.folder,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(ours, b"n\n")
    said, asked = command.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert command.returncode == 0
    assert asked.startswith("Erase this for good? [y/N]:")
    assert said.endswith("Nothing was erased.\n")
    assert ids(desk, "a.txt") == [known]
