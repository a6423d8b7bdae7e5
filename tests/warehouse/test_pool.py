"""Workers that die, hang or eat memory, each for real: what is patched is what a text does to the library that reads it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from etl.contract import REJECT_REASONS
from etl.errors import SetupFault
from etl.intake import MAXIMUM_BYTES
from tests.processes import Process, processes
from tests.services import wait_for
from tests.support import (
    COMMAND,
    Desk,
    candidate,
    dispatch,
    patch_reading,
    patch_workers,
    query,
    run,
    stable_rows,
    write,
)
from warehouse.home import Home
from warehouse.load import load
from warehouse.lock import WriterLock
from warehouse.plan import make_plan, make_rebuild
from warehouse.pool import MOST_KILLED
from warehouse.publish import publish

FILES = 300

EVIL = {
    "ABORTS": "os.abort()",
    "FAULTS": "os.kill(os.getpid(), signal.SIGSEGV)",
    "EXITS": "os._exit(3)",
    "SLEEPS": "time.sleep(1_000)",
    "SPINS": "re.match(r'(a+)+$', 'a' * 60 + 'b')",  # which lets no other thread of the interpreter run
    "HOARDS": "hoard = [bytes(1_000) for _ in range(10**7)]",
    "ALLOCATES": "pyarrow.allocate_buffer(2 * 10**9)",
    "COUNTS": "numpy.ones(10**9)",
    "OVERFLOWS": "abort_as_c_does()",
    "MAPS": "mapped = mmap.mmap(-1, 2 * 10**9)\nfor _ in range(2_000): mapped.write(b'x' * 10**6)\ntime.sleep(1_000)",
}
"""What a worker does when it comes upon one of these words in a text."""

PATCH = f"""
import mmap, os, re, signal, sys, time
import numpy, pyarrow

def abort_as_c_does():
    sys.stderr.write("terminate called after throwing an instance of 'std::bad_alloc'\\n")
    sys.stderr.flush()
    os.abort()

def patched(read, text, *rest):
    for word, deed in {EVIL!r}.items():
        if word in text:
            exec(deed)
    return read(text, *rest)
"""


def fill(source: Path, count: int = FILES) -> None:
    for number in range(count):
        write(source, f"{number:04}.txt", dispatch(number % 28 + 1, f"Texte numéro {number}."))


def spoil(source: Path, name: str, word: str, age: float = 0) -> None:
    write(source, name, dispatch(body=f"Ce texte {word}."), age)


@pytest.fixture
def home(home: Home) -> Home:
    """One whose limit of memory is soon reached, and the one of time is not, however busy the machine."""
    home.settings_file.write_text("[load]\ndocument_timeout = 300\nworker_memory = '512MB'\n")
    return Home(home.folder)


def hurried(home: Home) -> Home:
    """The same with little time for a document."""
    home.settings_file.write_text("[load]\ndocument_timeout = 3\nworker_memory = '512MB'\n")
    return Home(home.folder)


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patch_reading(monkeypatch, tmp_path, PATCH)


def workers(of: int) -> list[Process]:
    """The workers of a process."""
    return [process for process in processes() if process.parent == of and "etl.worker" in process.command]


def rejects(home: Home) -> list[tuple[Any, ...]]:
    return query(home, "SELECT path, reason FROM rejects ORDER BY path")


def without(rows: dict[str, list[tuple[Any, ...]]], *paths: str) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of the tables of documents without those of some files."""
    from etl.identity import document_id

    names = {*paths, *(document_id("wire", path, "0") for path in paths)}
    return {
        table: [row for row in rows[table] if not names & {value for value in row if isinstance(value, str)}]
        for table in ("documents", "paragraphs", "files")
    }


@pytest.fixture
def undisturbed(source: Path, tmp_path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What the files of `fill` come to if nothing happens."""
    fill(source)
    home = Home(tmp_path / "undisturbed")
    home.create()
    run(home, source)
    return stable_rows(home)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("ABORTS", "crashed"),
        pytest.param("FAULTS", "crashed", marks=pytest.mark.slow),
        pytest.param("EXITS", "crashed", marks=pytest.mark.slow),
        ("SLEEPS", "timeout"),
        pytest.param("SPINS", "timeout", marks=pytest.mark.slow),
        ("HOARDS", "too_large"),
        pytest.param("ALLOCATES", "too_large", marks=pytest.mark.slow),
        pytest.param("COUNTS", "too_large", marks=pytest.mark.slow),
        pytest.param("OVERFLOWS", "too_large", marks=pytest.mark.slow),
        pytest.param("MAPS", "too_large", marks=pytest.mark.slow),
    ],
)
def test_a_document_that_a_worker_fails_at_costs_that_document_only(
    word: str, reason: str, home: Home, source: Path, undisturbed: dict[str, list[tuple[Any, ...]]], evil: None
) -> None:
    spoil(source, "0123.txt", word)
    home = hurried(home) if reason == "timeout" else home
    run(home, source)
    assert rejects(home) == [("0123.txt", reason)]
    assert without(stable_rows(home), "0123.txt") == without(undisturbed, "0123.txt")
    ((message, excerpt, status),) = query(
        home, "SELECT message, raw_excerpt, status FROM rejects JOIN files USING (source, path)"
    )
    assert message.endswith(REJECT_REASONS[reason].advice)
    assert message != REJECT_REASONS[reason].advice, "what happened is said, too"
    assert word in excerpt
    assert status == "rejected"
    assert run(home, source) is None, "it is not tried again as long as it is the same"


@pytest.mark.slow
def test_bad_documents_anywhere_are_all_found(
    home: Home, source: Path, undisturbed: dict[str, list[tuple[Any, ...]]], evil: None
) -> None:
    bad = {"0000.txt": "ABORTS", "0001.txt": "ABORTS", "0120.txt": "COUNTS", "0249.txt": "SPINS", "0299.txt": "EXITS"}
    for name, word in bad.items():
        spoil(source, name, word)
    home = hurried(home)
    run(home, source)
    reasons = {"ABORTS": "crashed", "EXITS": "crashed", "SPINS": "timeout", "COUNTS": "too_large"}
    assert rejects(home) == [(name, reasons[word]) for name, word in bad.items()]
    assert without(stable_rows(home), *bad) == without(undisturbed, *bad)


@pytest.mark.slow
def test_progress_counts_what_is_done_again_once(home: Home, source: Path, evil: None) -> None:
    fill(source, 6)
    spoil(source, "0002.txt", "ABORTS")
    seen = []
    with WriterLock(home, "test"):
        loaded = load(home, make_plan(home, [str(source)]), "run", lambda *progress: seen.append(progress))
    assert sorted(done for done, _, _ in seen) == [done for done, _, _ in seen]
    assert seen[-1] == (6, 6, 6)
    assert (loaded.files_read, loaded.documents_written, loaded.rejects_by_reason) == (6, 5, {"crashed": 1})


@pytest.mark.parametrize(
    ("where", "at"), [("etl.transform.read_document", 100), ("pyarrow.parquet.write_table", 2), ("etl.stage._read", 1)]
)
@pytest.mark.slow
def test_a_worker_that_is_killed_once_from_outside_costs_nothing(
    where: str,
    at: int,
    home: Home,
    source: Path,
    undisturbed: dict[str, list[tuple[Any, ...]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    once = tmp_path / "once"
    killing = f"""
import os, signal
import etl.stage, etl.transform, pyarrow.parquet
function = {where}
calls = []

def kill_once(*arguments, **options):
    calls.append(arguments)
    if len(calls) == {at} and not os.path.exists({str(once)!r}):
        os.mkdir({str(once)!r})
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*arguments, **options)

{where} = kill_once
"""
    patch_workers(monkeypatch, tmp_path, killing)
    run(home, source)
    assert once.exists()
    assert stable_rows(home) == undisturbed


@pytest.mark.slow
def test_a_worker_that_is_killed_between_two_chunks_is_replaced(home: Home, source: Path) -> None:
    fill(source, 1_100)
    killed: list[int] = []

    def kill_one(*_: int) -> None:
        if not killed:
            killed.append(workers(os.getpid())[-1].pid)
            os.kill(killed[0], signal.SIGKILL)

    with WriterLock(home, "test"):
        loaded = load(home, make_plan(home, [str(source)]), "run", kill_one)
    assert killed
    assert (loaded.documents_written, loaded.rejects) == (1_100, 0)


@pytest.mark.slow
def test_a_row_that_kills_who_writes_it_is_found_by_halves(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source, 12)
    spoil(source, "0004.txt", "UNWRITABLE")
    writing = """
import os
import pyarrow.parquet
write_table = pyarrow.parquet.write_table

def write(table, *arguments, **options):
    if "text" in table.column_names and any("UNWRITABLE" in text for text in table["text"].to_pylist()):
        write_table(table, *arguments, **options)
        os.abort()
    write_table(table, *arguments, **options)

pyarrow.parquet.write_table = write
"""
    patch_workers(monkeypatch, tmp_path, writing)
    run(home, source)
    assert rejects(home) == [("0004.txt", "crashed")]
    assert query(home, "SELECT count(DISTINCT path), count(*) FROM documents") == [(11, 11)]
    assert query(home, "SELECT count(*) FROM paragraphs") == [(22,)]


@pytest.mark.slow
def test_a_file_that_cannot_even_be_read_is_rejected_unread(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source, 5)
    endless = """
import time
import etl.stage
read = etl.stage._read_bytes
etl.stage._read_bytes = lambda file: time.sleep(1_000) if file.path == "0003.txt" else read(file)
"""
    home = hurried(home)
    with monkeypatch.context() as patch:
        patch_workers(patch, tmp_path, endless)
        run(home, source)
    assert rejects(home) == [("0003.txt", "timeout")]
    assert query(home, "SELECT status, sha256 FROM files WHERE path = '0003.txt'") == [("rejected", None)]
    assert run(home, source) is not None, "as nothing is known of it, it is tried again"
    assert query(home, "SELECT count(*) FROM documents") == [(5,)]


@pytest.mark.slow
def test_a_text_of_many_books_keeps_to_the_usual_memory(tmp_path: Path, source: Path) -> None:
    home = Home(tmp_path / "usual")
    home.create()
    line = "Le trafic reprend lundi sur le pont de la ville. " * 20 + "\n\n"
    text = (dispatch() + line * (MAXIMUM_BYTES // 4 // len(line))).encode()
    write(source, "a.txt", text)
    run(home, source)
    assert query(home, "SELECT count(*) FROM documents") == [(1,)]


def test_a_stored_text_that_crashes_when_it_is_parsed_again_keeps_its_reading(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source, 20)
    spoil(source, "0007.txt", "ABORTS")
    run(home, source)
    spoil(source, "0007.txt", "ABORTS maintenant", age=60)
    run(home, source)
    former, before = stable_rows(home), dict(query(home, "SELECT path, run_id FROM documents"))
    patch_reading(monkeypatch, tmp_path, PATCH)
    _, loaded = candidate(home, plan=make_rebuild(home, []))
    assert (loaded.documents_written, loaded.rejects) == (19, 0)
    assert loaded.not_reparsed == {"crashed": 2}, "the current text and the former one"
    with WriterLock(home, "test"):
        publish(home, loaded.run_id)
    after = dict(query(home, "SELECT path, run_id FROM documents"))
    assert {path for path in after if after[path] == before[path]} == {"0007.txt"}
    assert stable_rows(home) == former


def test_workers_that_cannot_start_are_a_fault(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source, 5)
    before = workers(os.getpid())
    patch_workers(monkeypatch, tmp_path, "import sys; sys.modules['etl.stage'] = None\n")
    with WriterLock(home, "test"), pytest.raises(SetupFault, match=r"could not start .*etl\.stage.* install") as fault:
        load(home, make_plan(home, [str(source)]), "run")
    assert "\n" not in str(fault.value)
    assert workers(os.getpid()) == before


@pytest.mark.slow
def test_what_no_text_survives_is_a_fault_and_not_a_reject_of_all(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source, 5)
    patch_reading(monkeypatch, tmp_path, "import os\n\ndef patched(*_):\n    os.abort()\n")
    with WriterLock(home, "test"), pytest.raises(SetupFault, match=r"could not start \(SIGABRT\)"):
        load(home, make_plan(home, [str(source)]), "run")


@pytest.mark.parametrize("when", ["import os, signal", "import etl.stage as stage, os, signal; stage.stage = None"])
@pytest.mark.slow
def test_workers_that_are_killed_again_and_again_are_a_fault(
    when: str, home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source, 50)
    kill = "lambda *_: os.kill(os.getpid(), signal.SIGKILL)"
    at_start, at_work = f"({kill})()", f"stage.stage = {kill}"
    patch_workers(monkeypatch, tmp_path, f"{when}\n{at_work if 'stage' in when else at_start}\n")
    with WriterLock(home, "test"), pytest.raises(SetupFault, match=rf"{MOST_KILLED} workers .*SIGKILL.*load\.workers"):
        load(home, make_plan(home, [str(source)]), "run")


def test_an_error_that_is_no_documents_fault_comes_out_of_the_worker(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source, 5)
    full = """
import pyarrow.parquet

def write(table, target, **options):
    raise OSError(28, "No space left on device", str(target))

pyarrow.parquet.write_table = write
"""
    patch_workers(monkeypatch, tmp_path, full)
    with WriterLock(home, "test"), pytest.raises(OSError, match="No space left") as error:
        load(home, make_plan(home, [str(source)]), "run")
    assert "etl/stage.py" in "".join(error.value.__notes__), "where it happened"


@pytest.fixture
def hanging(tmp_path: Path, evil: None) -> Iterator[tuple[subprocess.Popen[str], list[Process]]]:
    """A command whose worker is in the middle of a text that lets no other thread run."""
    desk = Desk(tmp_path)
    fill(tmp_path / "wire", 5)
    spoil(tmp_path / "wire", "0003.txt", "SPINS")
    command = subprocess.Popen(
        [COMMAND, "run", "wire"],
        env={**desk.environment, "PYTHONPATH": os.environ["PYTHONPATH"]},
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip

    def spinning() -> list[Process]:
        found = workers(command.pid)
        staged = list((desk.home / "lake" / ".staging").glob("*"))
        return found if staged and found and _seconds(found[0].pid) > 3 else []

    try:
        yield command, wait_for(spinning, "a worker at its text")
    finally:
        command.kill()
        command.communicate()


def _seconds(pid: int) -> float:
    """The processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def gone(found: list[Process]) -> bool:
    return not {process.pid for process in found} & {process.pid for process in processes()}


def test_workers_end_with_a_run_that_is_killed(hanging: tuple[subprocess.Popen[str], list[Process]]) -> None:
    command, found = hanging
    command.kill()
    command.wait()
    wait_for(lambda: gone(found), "the end of the workers", 10)


def test_workers_end_when_the_terminal_interrupts(hanging: tuple[subprocess.Popen[str], list[Process]]) -> None:
    command, found = hanging
    os.killpg(command.pid, signal.SIGINT)
    _, message = command.communicate(timeout=60)
    assert command.returncode == 130
    # Helpers that Dagster starts beside a run have their say, too.
    assert message.endswith("copydesk: stopped; `copydesk status` shows what is published\n")
    assert "etl/worker" not in message
    assert "warehouse/pool" not in message
    wait_for(lambda: gone(found), "the end of the workers", 10)


def test_a_record_that_is_in_hand_when_workers_are_killed_from_outside_is_not_rejected(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source, 5)
    killing = f"""
import os, signal

def patched(read, text, *rest):
    if "numéro 3" in text:
        for number in range(4):
            try:
                os.mkdir({str(tmp_path / "killed")!r} + str(number))
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)
    return read(text, *rest)
"""
    patch_reading(monkeypatch, tmp_path, killing)
    run(home, source)
    assert len(list(tmp_path.glob("killed*"))) == 4
    assert (rejects(home), query(home, "SELECT count(*) FROM documents")) == ([], [(5,)])
