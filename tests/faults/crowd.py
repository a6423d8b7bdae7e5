"""A home with many documents and a reader that never stops asking, for kills at any moment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.driver import Driver, Task
from tests.faults.scenarios import KEPT, put_back, stray_files
from tests.support import dispatch, write
from warehouse.home import Home

READER = """
import sys
import time
from pathlib import Path
from warehouse import connect
answers = []
while not Path(sys.argv[2]).exists():
    with connect(sys.argv[1]) as connection:
        rows = connection.execute("SELECT count(*), sum(hash(text, version)) FROM documents").fetchall()
        parts = connection.execute("SELECT count(*), sum(hash(path, status)) FROM files").fetchall()
    if str((rows, parts)) not in answers:
        answers.append(str((rows, parts)))
        print(answers[-1], flush=True)
    time.sleep(0.05)
"""
"""Connects anew for each question, as a page that is loaded again does; prints each answer that it has not had yet."""


class Crowd:
    """A home with so many files loaded, and three times as many waiting: new, changed and unreadable ones, and gone.

    Attributes:
        home: the home.
        seconds: how long the whole run takes, without Dagster.
    """

    def __init__(self, folder: Path, drive: Driver, files: int) -> None:
        self._folder = folder
        self._drive = drive
        self.home = Home(folder / "home")
        wire = folder / "wire"
        self.home.create()
        self.home.settings_file.write_text(
            f'publish.keep_versions = {KEPT}\nload.workers = 2\n[[source]]\nroot = "{wire}"\non_missing = "withdraw"\n'
        )
        for number in range(files):
            write(wire, f"{number}.txt", _text(number))
        drive.ok(Task("run", str(self.home)))
        put_back(self.home, folder / "saved")
        for number in range(files * 4):
            if number % 10 == 1:
                write(wire, f"{number}.txt", b"\x00" if number % 20 == 1 else _text(number + 1), age=60)
            elif number >= files:
                write(wire, f"{number}.txt", _text(number))
        (wire / "2.txt").unlink()
        (wire / "3.txt").rename(wire / "three.txt")
        ended = drive.ok(Task("run", str(self.home), pool=True, is_between_rows=True))
        self.seconds = ended.seconds
        self._former, self._expected = ended.value

    def survive(self, killed: Callable[[], object], again: Callable[[], object]) -> None:
        """Have a run killed and another done, with a reader all the time, and check what has to hold."""
        put_back(self._folder / "saved", self.home)
        with self._reader() as answers:
            killed()
            between = self._drive.rows(str(self.home))
            again()
        assert between in (self._former, self._expected)
        assert self._drive.rows(str(self.home)) == self._expected
        assert stray_files(self.home) == []
        # The former state and the new one, in this order, and no other.
        assert 1 <= len(answers) <= 2, answers

    @contextmanager
    def _reader(self) -> Iterator[list[str]]:
        """The answers that a reader has had, complete at the end."""
        answers: list[str] = []
        done = self._folder / "done"
        done.unlink(missing_ok=True)
        with subprocess.Popen(
            [sys.executable, "-c", READER, str(self.home), str(done)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            answers.append(process.stdout.readline())
            try:
                yield answers
            finally:
                done.touch()
                out, err = process.communicate(timeout=60)
            answers += out.splitlines()
        assert (process.returncode, err) == (0, "")


def _text(number: int) -> str:
    return dispatch(number % 28 + 1, f"Texte numéro {number}.", f"20{number % 7 + 10}-02")
