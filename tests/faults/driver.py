"""Does things to homes in processes that may be killed while they do: what tests/faults and bench/faults.py drive.

`python -m tests.faults.driver` reads tasks, one JSON object per line, and answers each with one line when it has
ended. Every task has a process of its own, the leader of its own process group, forked from this one: everything is
imported here and nothing of it is used, so that a task starts in milliseconds and forks no threads.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Task:
    """What a process is to do.

    Attributes:
        what: run, rebuild or publish, without Dagster; command, for the real command; rows, for what is published;
            stray, for what lies about in the home; fill, to take all the space that is left on its disk; clear, to
            give that back.
        is_between_rows: whether what is published is read before and after it.
        home: which.
        arguments: sources, months, or the command's arguments.
        point, count: where something happens to it: the count-th time that it reaches this point.
        happens: what: kill, or fill: the disk that the home lies on.
        seconds: when to kill it: so long after it has begun.
        parser: the parser's version that it runs with, if another than the present one.
        pool: whether it has workers, however little there is to do.
    """

    what: str
    home: str
    arguments: tuple[str, ...] = ()
    point: str = ""
    count: int = 1
    happens: str = "kill"
    seconds: float = 0
    parser: str = ""
    pool: bool = False
    is_between_rows: bool = False


@dataclass(frozen=True)
class Ended:
    """How a task has ended.

    Attributes:
        status: the exit status; negative for the signal that killed it.
        reached: how often it reached which point.
        output: what it printed, or its stack trace.
        value: what is published, for a task of reading; what was before and what is after, for one between two.
        seconds: how long it took.
    """

    status: int
    reached: dict[str, int] = field(default_factory=dict)
    output: str = ""
    value: Any = None
    seconds: float = 0

    @property
    def was_killed(self) -> bool:
        """Whether the kill that was asked for came about."""
        return self.status == -signal.SIGKILL


class Driver:
    """The process that all tasks are forked from, as a context manager.

    Args:
        prefix: a command that runs it, in other surroundings.
    """

    def __init__(self, *prefix: str) -> None:
        self._command = [*prefix, sys.executable, "-m", "tests.faults.driver"]

    def __enter__(self) -> Driver:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def __call__(self, task: Task) -> Ended:
        """Have a task done, and wait until it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(task)) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))

    def ok(self, task: Task) -> Ended:
        """Have a task done that has to end well."""
        ended = self(task)
        assert ended.status == 0, (task, ended)
        return ended

    def rows(self, home: str) -> dict[str, Any]:
        """What is published: every table without its volatile columns; empty if nothing is."""
        value: dict[str, Any] = self.ok(Task("rows", home)).value
        return value


def _serve() -> None:
    _import_everything()
    for line in sys.stdin:
        content = json.loads(line)
        task = Task(**{**content, "arguments": tuple(content["arguments"])})
        sys.stdout.write(json.dumps(asdict(_in_a_process(task))) + "\n")
        sys.stdout.flush()


def _import_everything() -> None:
    for name in ("assets.launch", "copydesk.cli", "copydesk.publish", "copydesk.run", "pandas", "tests.support"):
        importlib.import_module(name)
    from etl.reading import read_document
    from etl.reference import load_reference
    from tests.support import dispatch

    # Reference data is read on first use.
    read_document(dispatch(), dt.date.today(), load_reference())


def _in_a_process(task: Task) -> Ended:
    with tempfile.TemporaryDirectory(prefix="copydesk-faults-") as folder:
        begun = time.monotonic()
        process = os.fork()
        if not process:
            _be_the_process(task, Path(folder))
        status = _wait(process, task.seconds)
        # Its workers are of its group, and have to be gone with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        seconds = time.monotonic() - begun
        trace, value = Path(folder, "trace"), Path(folder, "value")
        return Ended(
            status,
            dict(Counter(trace.read_text().splitlines())),
            Path(folder, "output").read_text("utf-8", "replace"),
            json.loads(value.read_text()) if value.exists() else None,
            seconds,
        )


def _wait(process: int, seconds: float) -> int:
    if seconds:
        time.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _be_the_process(task: Task, folder: Path) -> None:
    os.setsid()
    output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    status = 1
    try:
        _listen(task, folder / "trace")
        status = _do(task, folder / "value")
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _listen(task: Task, trace: Path) -> None:
    import warehouse.points

    descriptor = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    left = task.count

    def on_reach(point: str) -> None:
        nonlocal left
        os.write(descriptor, f"{point}\n".encode())
        if point == task.point:
            left -= 1
            if left:
                return
            if task.happens == "kill":
                os.killpg(0, signal.SIGKILL)
            _fill(_filler(task.home))

    warehouse.points.on_reach = on_reach


def _filler(home: str) -> Path:
    return Path(home).with_name("filler")


def _fill(filler: Path) -> None:
    """Take all the space that is left."""
    with filler.open("wb", buffering=0) as handle, contextlib.suppress(OSError):
        while handle.write(bytes(4096)):
            pass


def _do(task: Task, value: Path) -> int:
    import warehouse.load
    import warehouse.pool
    from copydesk.cli import main
    from etl.errors import SetupFault
    from tests.support import NoPool
    from warehouse.home import Home

    # Small groups, so that a run commits the tables by month more than once.
    warehouse.load.GROUP_ROWS = 3
    if task.pool:
        warehouse.pool.SMALL = 0
    elif task.what != "command":
        setattr(warehouse.load, "Pool", NoPool)  # noqa: B010
    if task.parser:
        _use_parser(task.parser)
    home = Home(task.home)
    if task.what == "command":
        os.environ["COPYDESK_HOME"] = task.home
        sys.argv = ["copydesk", *task.arguments]
        # Nothing may hang on when garbage is collected.
        gc.disable()
        return main()
    try:
        if task.what == "rows":
            value.write_text(json.dumps(_rows(home), default=str))
        elif task.what == "stray":
            value.write_text(json.dumps(importlib.import_module("tests.faults.scenarios").stray_files(home)))
        elif task.what == "clear":
            _filler(task.home).unlink()
        elif task.what == "fill":
            _fill(_filler(task.home))
        elif task.is_between_rows:
            before = _rows(home)
            _write(home, task)
            value.write_text(json.dumps([before, _rows(home)], default=str))
        else:
            _write(home, task)
    except SetupFault as fault:
        sys.stderr.write(f"copydesk: {fault}\n")
        return 2
    return 0


def _use_parser(version: str) -> None:
    import etl.transform
    import warehouse.load
    import warehouse.plan
    import warehouse.publish

    for module in (etl.transform, warehouse.plan, warehouse.load, warehouse.publish):
        module.PARSER_VERSION = version  # type: ignore[attr-defined]


def _rows(home: Any) -> dict[str, Any]:
    from etl.errors import SetupFault
    from tests.support import stable_rows
    from warehouse.manifest import current

    try:
        return stable_rows(home) if current(home) is not None else {}
    except SetupFault as fault:
        return {"fault": [str(fault)]}


def _write(home: Any, task: Task) -> None:
    """What the command and the job do, but under one lock and without Dagster."""
    from copydesk.publish import publish_command
    from copydesk.run import _clear_leftovers
    from warehouse.checks import run_checks
    from warehouse.faults import storage_faults
    from warehouse.load import load
    from warehouse.lock import WriterLock
    from warehouse.plan import make_plan, make_rebuild
    from warehouse.publish import build_candidate, publish, write_registries

    if task.what == "publish":
        assert publish_command(task.home) == 0
        return
    home.create()
    with storage_faults(home), WriterLock(home, "tests"):
        plan = make_rebuild(home, task.arguments) if task.what == "rebuild" else make_plan(home, task.arguments)
        if plan.is_empty:
            _clear_leftovers(home)
            return
        run_id = f"run-{os.getpid()}-{time.time_ns()}"
        loaded = load(home, plan, run_id)
        write_registries(home, loaded)
        build_candidate(home, loaded)
        failed = [check for check in run_checks(home, run_id) if check.is_blocking and not check.passed]
        assert not failed, failed
        publish(home, run_id)


if __name__ == "__main__":
    _serve()
