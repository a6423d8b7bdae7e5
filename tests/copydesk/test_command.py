"""The command as people run it: as a subprocess, in a home of its own."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import COMMAND, Desk, dispatch, held, write


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    desk = Desk(folder)
    write(folder / "wire", "a.txt", dispatch())
    write(folder / "wire", "b.txt", " date 2022-12 Astana, 15 décembre, AZERTAC\n\nLe stade ouvre jeudi 15 décembre.")
    write(folder / "wire", "empty.txt", b"")
    desk.ok("run", "wire")
    yield desk


def test_a_run_says_what_it_did(desk: Desk) -> None:
    write(desk.folder / "wire", "a.txt", dispatch())
    write(desk.folder / "wire", "empty.txt", b"")
    first = desk.ok("run", "wire")
    assert re.search(r"files +2 seen, 2 read", first)
    assert re.search(r"documents +1 written, 1 in all", first)
    assert re.search(r"rejects +1 \(empty 1\)", first)
    assert str(desk.home / "warehouse.duckdb") in first
    assert desk.ok("run", "wire").startswith("Nothing new: 2 files seen")
    assert desk.ok("run", "wire", "--quiet") == ""


def test_json_is_one_object(desk: Desk) -> None:
    write(desk.folder / "wire", "a.txt", dispatch())
    first = json.loads(desk.ok("run", "wire", "--json"))
    assert isinstance(first.pop("seconds"), float)
    assert re.fullmatch(r"[0-9a-f-]{36}", first.pop("run_id"))
    assert first == {
        "files_seen": 1, "files_read": 1, "documents_written": 1, "documents_total": 1, "rejects": 0, "months": 1,
    }  # fmt: skip
    again = json.loads(desk.ok("run", "wire", "--json"))
    del again["seconds"]
    assert again == {
        "run_id": None, "files_seen": 1, "files_read": 0, "documents_written": 0, "documents_total": 1, "rejects": 0,
        "months": 0,
    }  # fmt: skip


def test_a_run_without_sources_takes_the_inbox(desk: Desk) -> None:
    assert "Nothing new: no file in" in desk.ok("run")
    write(desk.home / "inbox", "a.txt", dispatch())
    assert json.loads(desk.ok("run", "--json"))["documents_written"] == 1


def test_a_damaged_home_is_one_line_and_keeps_what_is_published(desk: Desk) -> None:
    write(desk.folder / "wire", "a.txt", dispatch())
    desk.ok("run", "wire")
    link = os.readlink(desk.home / "warehouse.duckdb")
    (parquet,) = (desk.home / "lake" / "documents").rglob("month=*/*.parquet")
    content = parquet.read_bytes()
    parquet.write_bytes(b"")
    write(desk.folder / "wire", "b.txt", dispatch(28))
    assert "published warehouse is as it was" in desk.fault("run", "wire")
    desk.fault("sql", "from documents")
    desk.fault("status")
    parquet.write_bytes(content)
    (desk.home / "warehouse.duckdb").unlink()
    assert "copydesk check" in desk.fault("run", "wire")
    desk.ok("repair", "--yes")
    assert json.loads(desk.ok("run", "wire", "--json"))["documents_total"] == 2
    assert os.readlink(desk.home / "warehouse.duckdb") != link


def test_an_interrupted_run_says_so_and_the_next_one_is_whole(desk: Desk) -> None:
    for number in range(3_000):
        write(desk.folder / "wire", f"{number}.txt", dispatch(body=f"Texte {number}."))
    command = subprocess.Popen(
        [COMMAND, "run", "wire"], env=desk.environment, cwd=desk.folder, stderr=subprocess.PIPE, text=True
    )
    staging = desk.home / "lake" / ".staging"
    while command.poll() is None and not list(staging.glob("*/*.parquet")):
        time.sleep(0.05)
    command.send_signal(signal.SIGINT)
    _, message = command.communicate(timeout=60)
    assert (command.returncode, message) == (130, "copydesk: stopped; `copydesk status` shows what is published\n")
    assert json.loads(desk.ok("run", "wire", "--json"))["documents_total"] == 3_000


def test_a_terminal_sees_progress_with_rate_and_time_left(desk: Desk) -> None:
    for number in range(600):
        write(desk.folder / "wire", f"{number}.txt", dispatch(body=f"Texte {number}."))
    ours, theirs = pty.openpty()
    command = subprocess.Popen(
        [COMMAND, "run", "wire"], env=desk.environment, cwd=desk.folder, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # Linux ends a terminal that nobody writes to any more with an error
        while block := os.read(ours, 4096):
            shown += block
    os.close(ours)
    assert command.wait(60) == 0
    text = shown.decode()
    assert re.search(
        r"(Reading|Publishing) \S+ +\d+/600 +[\d,]+ records, [\d,]+/s \d:\d\d:\d\d",
        re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text),
    )
    assert "600 written, 600 in all" in text


def test_the_run_is_on_the_homes_own_instance(loaded: Desk) -> None:
    (run_id,) = json.loads(loaded.ok("sql", "SELECT run_id FROM runs", "--format", "json"))
    code = "import dagster as dg, sys; r = dg.DagsterInstance.get().get_run_by_id(sys.argv[1]); print(r.status.value, r.job_name)"
    environment = {**loaded.environment, "DAGSTER_HOME": str(loaded.home / "dagster")}
    done = subprocess.run(
        [sys.executable, "-c", code, run_id["run_id"]], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "SUCCESS load\n"


QUESTION = "select located, content_created, agency_id, weekday_ok from documents order by 2"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (
            "table",
            "located  content_created  agency_id  weekday_ok\n───────  ───────────────  ─────────  ──────────\n"
            "Bakou    2021-02-27       azertac    NULL\nAstana   2022-12-15       azertac    true\n",
        ),
        (
            "csv",
            "located,content_created,agency_id,weekday_ok\nBakou,2021-02-27,azertac,\nAstana,2022-12-15,azertac,true\n",
        ),
        (
            "jsonl",
            '{"located": "Bakou", "content_created": "2021-02-27", "agency_id": "azertac", "weekday_ok": null}\n'
            '{"located": "Astana", "content_created": "2022-12-15", "agency_id": "azertac", "weekday_ok": true}\n',
        ),
        (
            "markdown",
            "| located | content\\_created | agency\\_id | weekday\\_ok |\n| --- | --- | --- | --- |\n"
            "| Bakou | 2021-02-27 | azertac |  |\n| Astana | 2022-12-15 | azertac | true |\n",
        ),
    ],
)
def test_sql_prints(loaded: Desk, form: str, expected: str) -> None:
    assert loaded.ok("sql", QUESTION, "--format", form) == expected


def test_sql_invents_no_date_for_an_infinite_one(loaded: Desk) -> None:
    question = (
        "select date 'infinity' as a, date '9999-12-31' as b, timestamp '-infinity' as c, timestamp '2021-02-27' as d, "
        "NULL::date as e, timestamptz 'infinity' as a"
    )
    assert loaded.ok("sql", question, "--format", "csv").splitlines() == [
        "a,b,c,d,e,a_1",
        "infinity,9999-12-31,-infinity,2021-02-27T00:00:00,,infinity",
    ]
    (row,) = json.loads(loaded.ok("sql", question, "--format", "json"))
    assert (row["a"], row["b"], row["e"]) == ("infinity", "9999-12-31", None)


def test_sql_writes_files(loaded: Desk, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    target = tmp_path / "out.parquet"
    done = loaded("sql", QUESTION, "--format", "parquet", "--output", target)
    assert done.returncode == 0
    assert pq.read_table(target).column("located").to_pylist() == ["Bakou", "Astana"]
    assert "Cannot write" in loaded.fault("sql", QUESTION, "--output", tmp_path / "no" / "such.csv")


@pytest.mark.parametrize("name", ["warehouse.duckdb", "copydesk.toml", "inbox/new.csv", "no/such.csv"])
def test_sql_writes_nothing_into_the_home(loaded: Desk, tmp_path: Path, name: str) -> None:
    target, link = loaded.home / name, tmp_path / "link"
    link.symlink_to(target)
    before = target.read_bytes() if target.exists() else None
    for output in (target, link):
        assert "lies in the home" in loaded.fault("sql", QUESTION, "--output", output)
    assert (target.read_bytes() if target.exists() else None) == before


def test_output_to_a_closed_pipe_is_no_error(loaded: Desk) -> None:
    shell = f"'{COMMAND}' sql 'select unnest(range(200000))' --format csv | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], env=loaded.environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "nowhere"),
        ("run", "--as"),
        ("run", "--colour"),
        ("run", "--wait=soon"),
        ("run", "--wait=nan"),
        ("prune", "--wait=-1"),
        ("runs", "--limit", "9" * 23),
        ("rejects", "--limit", "9" * 23),
        ("run", ""),
        ("run", "~nobody-of-that-name/x"),
        ("run", "[z-a]*.txt"),
        ("run", "/dev/null"),
        ("run", "--as", "x"),
        ("run", "--home", ""),
        ("run", "x" * 5000),
        ("frobnicate",),
        ("sql", "drop view documents"),
        ("sql", "select nonsense from documents"),
        ("sql", "select 1", "--format", "yaml"),
        ("sql", "select 1", "--output", ""),
        ("sql", "select 1", "--memory", "much"),
        ("sql", "select 1", "--timeout", "nan"),
        ("sql", "select 1", "--verbatim"),
        ("sql", "select 1", "--output", "x" * 300),
        ("sql", "select * from read_text('/etc/passwd')"),
        ("explain", "nowhere.txt"),
        ("explain", "."),
        ("explain", "0" * 32),
        ("status", "--home", "/nowhere/at/all"),
        ("publish", "--home", "/nowhere/at/all"),
        ("ui", "--port", "99999"),
    ],
)
def test_what_people_can_mend_is_one_line(loaded: Desk, arguments: tuple[str, ...]) -> None:
    loaded.fault(*arguments)


def test_a_source_that_is_not_there_makes_no_home(desk: Desk) -> None:
    desk.fault("run", "nowhere")
    assert not desk.home.exists()


def test_wrong_settings_are_one_line(desk: Desk) -> None:
    desk.ok("run")
    (desk.home / "copydesk.toml").write_text("sauce = 1\n")
    assert "sauce is not a setting" in desk.fault("run")


def test_status_shows_what_is_loaded_and_what_waits(loaded: Desk) -> None:
    text = loaded.ok("status")
    for part in ("2 documents", "wire", "Waiting    in inbox: 0 new or changed of 0 files", "Disk"):
        assert part in text
    content = json.loads(loaded.ok("status", "--json"))
    assert content["documents_total"] == 2
    assert content["sources"] == [
        {"source": "wire", "root": str(loaded.folder / "wire"), "files": 3, "documents": 2, "rejects": 1}
    ]
    assert content["waiting"]["files_to_read"] == 0


def test_explain_reads_no_file_that_a_run_would_not(loaded: Desk) -> None:
    huge = write(loaded.folder / "other", "huge.txt", "")
    os.truncate(huge, 40_000_000_000)
    assert "reject     too_large" in loaded.ok("explain", huge)
    small = write(loaded.folder / "other", "small.txt", "x" * 2_000)
    settings = loaded.home / "copydesk.toml"
    former = settings.read_text()
    settings.write_text(f"{former}\n[limits]\nrecord_size = '1kB'\n")
    try:
        assert "2,000 bytes, 1,000 are allowed" in loaded.ok("explain", small)
    finally:
        settings.write_text(former)


def test_explain_shows_values_places_rules_and_losers(loaded: Desk) -> None:
    (row,) = json.loads(loaded.ok("sql", "SELECT document_id FROM documents WHERE path = 'b.txt'", "--format", "json"))
    for text in (loaded.ok("explain", "wire/b.txt"), loaded.ok("explain", row["document_id"])):
        assert re.search(r"\^+ dateline \(comma, 0\.98\)", text)
        assert re.search(r"content_created +2022-12-15 +header\+dateline", text)
        assert re.search(r"weekday_ok +true +lead, agrees", text)
        assert re.search(r"content_created +2022-12 +1–13 +header +the dateline is nearer", text)
    assert "reject     empty" in loaded.ok("explain", "wire/empty.txt")


def test_a_refused_candidate_is_status_three(desk: Desk) -> None:
    for number in range(30):
        write(desk.folder / "wire", f"{number}.txt", dispatch(body=f"Texte {number}."))
    desk.ok("run", "wire")
    for number in range(25):
        write(desk.folder / "wire", f"{number}.txt", b"", age=60)
    done = desk("run", "wire")
    assert done.returncode == 3
    assert "rows_not_collapsed" in done.stderr
    assert desk.ok("sql", "select count(*) from documents", "--format", "csv") == "count_star()\n30\n"
    desk.ok("run", "wire", "--accept-shrink")
    assert desk.ok("sql", "select count(*) from documents", "--format", "csv") == "count_star()\n5\n"
    for path in (desk.folder / "wire").iterdir():
        path.unlink()
    assert "run again with --accept-shrink" in desk.fault("run", "wire")
    desk.ok("run", "wire", "--accept-shrink")
    assert desk.ok("sql", "select distinct status from files", "--format", "csv") == "status\nmissing\n"
    assert desk.ok("run", "wire").startswith("Nothing new")


def test_publish_and_version(loaded: Desk) -> None:
    assert re.match(r"Published [0-9a-f-]{36}-\d+: 2 documents", loaded.ok("publish"))
    assert re.fullmatch(r"copydesk \d+\.\d+\.\d+\n", loaded.ok("--version"))


def test_a_second_writer_stops_at_once_or_waits(desk: Desk) -> None:
    desk.ok("run")
    write(desk.home / "inbox", "a.txt", dispatch())
    with held(desk.home) as let_go:
        assert "Another run is writing: other, process" in desk.fault("run")
        waiting = subprocess.Popen([COMMAND, "run", "--wait"], env=desk.environment, stdout=subprocess.PIPE, text=True)
        time.sleep(1.5)
        assert waiting.poll() is None
        let_go()
        assert waiting.wait(60) == 0
        assert waiting.stdout is not None
        assert "1 written" in waiting.stdout.read()
        waiting.stdout.close()


def test_who_waited_for_a_run_that_did_the_work_launches_nothing(desk: Desk) -> None:
    write(desk.folder / "wire", "a.txt", dispatch())
    runs = [
        subprocess.Popen(
            [COMMAND, "run", "wire", "--wait", "--json"], env=desk.environment, cwd=desk.folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    ended = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert [messages for _, messages in ended] == ["", ""]
    assert sorted(json.loads(printed)["documents_written"] for printed, _ in ended) == [0, 1]
    assert len(json.loads(desk.ok("sql", "from runs", "--format", "json"))) == 1


def test_a_message_cannot_steer_the_terminal(desk: Desk) -> None:
    said = desk("run", "\x1b]0;title\x07nowhere")
    assert said.returncode == 2
    assert "\x1b" not in said.stderr
    assert "nowhere" in said.stderr


def test_a_run_whose_reader_has_gone_is_no_fault(desk: Desk) -> None:
    write(desk.folder / "wire", "a.txt", dispatch())
    shell = f"{COMMAND} run {desk.folder / 'wire'} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], env=desk.environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("0\n", "")
    assert desk.ok("run", "wire").startswith("Nothing new")


REFUSING = {"1</dev/null": "Bad file descriptor"}
"""Where standard output cannot be written to, with what the system says."""
if Path("/dev/full").exists():  # Linux
    REFUSING[">/dev/full"] = "No space left on device"


@pytest.mark.parametrize("where", REFUSING)
def test_a_standard_output_that_takes_nothing_is_no_fault_of_the_home(desk: Desk, where: str) -> None:
    write(desk.folder / "wire", "a.txt", dispatch())
    desk.ok("run", desk.folder / "wire", "--quiet")
    for command in ("runs --format json", "sql 'from documents' --format csv", "sql 'from documents' --format parquet"):
        shell = f"{COMMAND} {command} {where}"
        done = subprocess.run(["bash", "-c", shell], env=desk.environment, capture_output=True, text=True)
        assert done.returncode == 2
        said = f"copydesk: Cannot write to standard output: {REFUSING[where]}. "
        assert done.stderr.startswith(said)
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("closed", ["1>&-", "0<&- 1>&- 2>&-"])
def test_a_closed_standard_output_is_no_output_wanted(desk: Desk, closed: str) -> None:
    write(desk.folder / "wire", "a.txt", dispatch())
    shell = f"{COMMAND} run {desk.folder / 'wire'} {closed}"
    done = subprocess.run(["bash", "-c", shell], env=desk.environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert desk.ok("sql", "select count(*) as n from documents", "--format", "csv") == "n\n1\n"
    assert "sound " in desk.ok("check", "--full")
