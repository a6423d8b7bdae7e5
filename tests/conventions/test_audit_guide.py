"""docs/audit.md is a story, too: its commands run, and between drawing and scoring the sheet is coded with the truth."""

import csv
import io
import os
import re
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

import pytest

from copydesk.coding import FIELDS
from tests.conftest import ROOT
from tests.copydesk.test_audit import fill, truly

GUIDE = (ROOT / "docs" / "audit.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", GUIDE, re.DOTALL)
FIGURES = re.compile(r"[\d.]+( *\([\d.–]+\))? *")
"""What another reading of the samples may change."""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """What each block of the guide shows and what it has printed, in a folder that looks like a fresh clone."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "samples").symlink_to(ROOT / "samples")
    environment = {name: value for name, value in os.environ.items() if name != "COPYDESK_HOME"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    found = []
    for (kind, block), (next_kind, answer) in zip_longest(BLOCKS, BLOCKS[1:], fillvalue=("", "")):
        if kind != "sh":
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), block
        found.append((answer if next_kind == "text" else "", done.stdout))
        sheet = folder / "sheet.csv"
        if "copydesk sample" in block:
            rows = list(csv.DictReader(io.StringIO(sheet.read_text("utf-8-sig"), newline="")))
            fill(sheet, rows, truly)
    return found


def test_what_the_guide_shows_is_what_is_printed_but_for_the_figures(story: list[tuple[str, str]]) -> None:
    assert [bool(answer) for answer, _ in story] == [True, True, False]
    for answer, output in story:
        printed = {FIGURES.sub("#", line) for line in output.splitlines()}
        for line in answer.splitlines():
            assert line == "..." or FIGURES.sub("#", line) in printed, line


def test_the_guide_says_of_every_field_what_is_right() -> None:
    rows = "\n".join(re.findall(r"^\| (`.*?) \|", GUIDE, re.MULTILINE))
    for field in FIELDS:
        assert f"`{field.name}`" in rows
