"""What tests do again and again: writing dispatches, loading them, looking at the result."""

import atexit
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from etl.stage import CLOCK_TICK_NS, Chunk, stage
from tests.commands import run_command
from warehouse.checks import Check, check_rows, run_checks
from warehouse.connection import connect
from warehouse.home import Home, Settings
from warehouse.load import Loaded, load
from warehouse.lock import WriterLock
from warehouse.manifest import DATABASE, Manifest
from warehouse.plan import Plan, make_plan, make_rebuild
from warehouse.pool import OnStaged, Pool
from warehouse.publish import build_candidate, candidate_folder, publish, write_registries

_PYTHON_PATH = os.environ.get("PYTHONPATH")
OLD = time.time() - 3600
COMMAND = Path(sys.executable).with_name("copydesk")


class Desk:
    """The command with one home."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "déjà vu [1] it's"
        self.folder = folder
        self.environment = {**os.environ, "COPYDESK_HOME": str(self.home)}

    def __call__(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return run_command([*map(str, arguments)], self.environment, self.folder, timeout=120)

    def ok(self, *arguments: object) -> str:
        done = self(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def fault(self, *arguments: object) -> str:
        done = self(*arguments)
        assert done.returncode == 2, done
        assert done.stdout == ""
        assert re.fullmatch(r"copydesk: [^\n]+\n", done.stderr), done.stderr
        return done.stderr


_HOLDER = (
    "import sys; from warehouse.home import Home; from warehouse.lock import WriterLock\n"
    "with WriterLock(Home(sys.argv[1]), 'other'): print('held', flush=True); sys.stdin.read()"
)


@contextmanager
def held(home: Path) -> Iterator[Callable[[], None]]:
    """A process "other" that holds a home's lock; gives what lets it go."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.stdin.close


class NoPool:
    """Stages in this process, for tests that change what stages and for those of hundreds of runs."""

    size = 1

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> "NoPool":
        return self

    def __exit__(self, *_: object) -> None: ...

    def stage(self, chunks: Sequence[Chunk], folder: Path, on_staged: OnStaged) -> None:
        for number, chunk in enumerate(chunks):
            stage(chunk, folder, number)
            on_staged(chunk.size, 0)


def dispatch(day: int = 27, body: str = "Un pont a été ouvert.", month: str = "2021-02", name: str = "février") -> str:
    """A dispatch in the form of the real inputs."""
    return f" date {month} Bakou, {day} {name}, AZERTAC\n\n{body}\n\nLe trafic reprend lundi."


def write(folder: Path, name: str, content: str | bytes, age: float = 0) -> Path:
    """Write a file that looks as if it had lain there for an hour, so that its mtime is relied on."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (OLD - age, OLD - age))
    return path


class OpenPool(Pool):
    """Workers that are kept from one load to the next: starting one takes longer than most tests' loads."""

    def __exit__(self, *_: object) -> None:
        """Nothing yet."""

    def close(self) -> None:
        """End them."""
        super().__exit__(None, None, None)


@cache
def open_pool() -> OpenPool:
    """The pool of this process."""
    pool = OpenPool(Settings(()))
    atexit.register(pool.close)
    return pool


def usual_pool(settings: Settings) -> Pool:
    """What every load of the tests' own process takes for a pool: the open one, unless another is asked for."""
    asked, usual = settings, Settings(())
    is_usual = (asked.workers, asked.document_timeout, asked.worker_memory) == (
        usual.workers, usual.document_timeout, usual.worker_memory,
    )  # fmt: skip
    # Workers that are patched have to be new ones.
    return open_pool() if is_usual and os.environ.get("PYTHONPATH") == _PYTHON_PATH else Pool(settings)


def patch_workers(patch: pytest.MonkeyPatch, folder: Path, code: str) -> None:
    """Run code in every worker that starts from now on, before it does anything: Python runs it as `sitecustomize`."""
    former = Path(os.environ.get("PYTHONPATH", "").partition(os.pathsep)[0] or folder) / "sitecustomize.py"
    target = folder / f"patch-{uuid.uuid4()}" / "sitecustomize.py"
    target.parent.mkdir(parents=True)
    target.write_text((former.read_text("utf-8") if former.exists() else "") + code, "utf-8")
    patch.setenv("PYTHONPATH", str(target.parent), prepend=os.pathsep)


def patch_reading(patch: pytest.MonkeyPatch, folder: Path, code: str) -> None:
    """Have workers read texts with `patched(read, text, *rest)` as the code defines it, `read` being the real thing."""
    patching = "import etl.transform\nfrom functools import partial\n"
    last = "etl.transform.read_document = partial(patched, etl.transform.read_document)\n"
    patch_workers(patch, folder, f"{patching}{code}\n{last}")


def candidate(home: Home, *arguments: object, name: str | None = None, plan: Plan | None = None) -> tuple[Plan, Loaded]:
    """Load up to the candidate, without Dagster. The lock is not kept."""
    with WriterLock(home, "test"):
        # Files of the last tick of the clock are not relied on, whatever their mtimes say.
        time.sleep(CLOCK_TICK_NS / 1e9)
        plan = plan or make_plan(home, [str(argument) for argument in arguments], name)
        loaded = load(home, plan, str(uuid.uuid4()))
        write_registries(home, loaded)
        build_candidate(home, loaded)
    return plan, loaded


def run(home: Home, *arguments: object, name: str | None = None, checks: bool = True) -> Manifest | None:
    """Load and publish, without Dagster; None if nothing was new."""
    if make_plan(home, [str(argument) for argument in arguments], name).is_empty:
        return None
    _, loaded = candidate(home, *arguments, name=name)
    if checks:
        failed = [check for check in check_rows(candidate_folder(home, loaded.run_id) / DATABASE) if not check.passed]
        assert not failed, failed
    with WriterLock(home, "test"):
        return publish(home, loaded.run_id)


def rebuild(home: Home, *months: str) -> Manifest:
    """Parse the documents of some months, or of all, again and publish, without Dagster."""
    _, loaded = candidate(home, plan=make_rebuild(home, months))
    failed = [check for check in check_rows(candidate_folder(home, loaded.run_id) / DATABASE) if not check.passed]
    assert not failed, failed
    with WriterLock(home, "test"):
        return publish(home, loaded.run_id)


def failing(home: Home, name: str) -> dict[str, Check]:
    """The checks that a candidate does not pass."""
    return {check.name: check for check in run_checks(home, name) if not check.passed}


def query(home: Home, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the published warehouse."""
    with connect(home.folder) as connection:
        return connection.execute(sql).fetchall()


def stable_rows(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """Every table without its volatile columns, sorted."""
    from etl.contract import PUBLISHED_TABLES

    found = {}
    for table in PUBLISHED_TABLES.values():
        names = [column.name for column in table.columns if not column.is_volatile]
        found[table.name] = query(home, f"SELECT {', '.join(names)} FROM {table.name} ORDER BY ALL") if names else []
    return found


def holding(folder: Path, *markers: str) -> list[str]:
    """Files below a folder that hold one of some ASCII texts, in their bytes or in their rows, or are named so."""
    import pyarrow.parquet as pq

    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes() + str(path.relative_to(folder)).encode()
            if path.suffix == ".parquet":
                # Parquet is compressed.
                content += repr(pq.ParquetFile(path).read().to_pylist()).encode()
            found += [f"{path.relative_to(folder)}: {marker}" for marker in markers if marker.encode() in content]
    return found
