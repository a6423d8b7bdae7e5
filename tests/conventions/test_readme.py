"""The README's commands run, and what it says they print is what they print."""

import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text("utf-8")
REPAIR = (ROOT / "docs" / "repair.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line
    for kind, block in (*BLOCKS, *re.findall(r"```(\w+)\n(.*?)```", REPAIR, re.DOTALL))
    if kind == "sh"
    for line in block.splitlines()
    if line.startswith("copydesk ")
]
MADE = re.findall(r"^make (\w+)", "\n".join(block for kind, block in BLOCKS if kind == "sh"), re.MULTILINE)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like a fresh clone after `make run`."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "samples").symlink_to(ROOT / "samples")
    assert "118 read" in run("copydesk run samples", folder)
    return folder


def run(command: str, folder: Path) -> str:
    arguments = shlex.split(command.replace("/tmp/copydesk-readme", str(folder / "other")))
    arguments[0] = str(Path(sys.executable).with_name("copydesk"))
    environment = {name: value for name, value in os.environ.items() if name != "COPYDESK_HOME"}
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs(command: str, checkout: Path) -> None:
    assert run(command, checkout)


def test_what_the_readme_shows_is_what_is_printed(checkout: Path) -> None:
    shown = [
        (block.strip(), answer)
        for (kind, block), (next_kind, answer) in pairwise(BLOCKS)
        if kind == "sh" and next_kind == "text" and len(block.strip().splitlines()) == 1
    ]
    assert len(shown) >= 2
    for command, answer in shown:
        printed = run(command, checkout)
        for line in answer.splitlines():
            assert line == "..." or line in printed.splitlines(), line


def test_the_python_example_runs(checkout: Path) -> None:
    (code,) = [block for kind, block in BLOCKS if kind == "python"]
    done = subprocess.run(
        [sys.executable, "-c", code + "\nprint(frame['n'].sum())"], cwd=checkout, capture_output=True, text=True
    )
    assert done.stdout == "115\n", done.stderr


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert MADE
    for target in (*MADE, "ui"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_command_is_in_the_list() -> None:
    from copydesk.cli import cli

    listed = set(re.findall(r"`copydesk ([a-z]+)[^`]*`", README.partition("## Commands\n")[2].partition("\n## ")[0]))
    assert listed >= set(cli.commands)
