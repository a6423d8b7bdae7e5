"""docs/ledger.md is a story: its commands run, one after the other, and print what it says they print."""

import os
import re
import shutil
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

import pytest

from tests.conftest import ROOT

BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs" / "ledger.md").read_text("utf-8"), re.DOTALL)
STEPS = [
    (block, answer if next_kind == "text" else "")
    for (kind, block), (next_kind, answer) in zip_longest(BLOCKS, BLOCKS[1:], fillvalue=("", ""))
    if kind == "sh"
]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each block of the guide has printed, in a folder that looks like a fresh clone."""
    folder = tmp_path_factory.mktemp("clone")
    # No link: the guide's `cp` would copy that, and its story would be written into the samples.
    shutil.copytree(ROOT / "samples", folder / "samples")
    environment = {name: value for name, value in os.environ.items() if name != "COPYDESK_HOME"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    found = []
    for block, _ in STEPS:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), block
        found.append(done.stdout)
    return found


def test_what_the_guide_shows_is_what_is_printed(printed: list[str]) -> None:
    assert sum(bool(answer) for _, answer in STEPS) >= 4
    for output, (block, answer) in zip(printed, STEPS, strict=True):
        for line in answer.splitlines():
            assert line == "..." or line in output.splitlines(), (block, line)


def test_the_guide_names_each_reason_of_former_versions() -> None:
    from etl.contract import DOCUMENT_VERSIONS

    content = (ROOT / "docs" / "ledger.md").read_text("utf-8")
    for reason in DOCUMENT_VERSIONS.column("reason").allowed:
        assert f"| `{reason}` |" in content
