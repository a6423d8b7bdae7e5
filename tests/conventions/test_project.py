"""Rules of the house that no linter knows."""

import re
import subprocess

import pytest
import yaml

from copydesk.dictionary import dictionary
from copydesk.services import WORKSPACE
from tests.conftest import ROOT

TRACKED = subprocess.run(
    ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
).stdout.split("\0")


def test_the_data_dictionary_is_up_to_date() -> None:
    assert (ROOT / "docs" / "tables.md").read_text("utf-8") == dictionary(), "run `make docs`"


def test_the_workspace_is_the_one_that_the_command_serves() -> None:
    assert yaml.safe_load((ROOT / "workspace.yaml").read_text("utf-8")) == WORKSPACE


def test_pyproject_does_not_override_the_workspace() -> None:
    content = (ROOT / "pyproject.toml").read_text("utf-8")
    assert "[tool.dagster]" not in content
    assert "[tool.dg" not in content


def test_the_lock_file_pins_everything_with_hashes_and_names_no_address() -> None:
    content = (ROOT / "requirements.lock").read_text("utf-8")
    assert "://" not in content
    requirements = [entry for entry in re.split(r"\n(?=\S)", content) if not entry.startswith("#")]
    assert len(requirements) > 50
    for requirement in requirements:
        assert re.match(r"[a-z0-9-]+==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement


@pytest.mark.parametrize("name", [name for name in TRACKED if name.endswith(".md")])
def test_links_in_documents_lead_somewhere(name: str) -> None:
    path = ROOT / name
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


def test_the_defences_that_security_md_names_are_tried_out_there() -> None:
    named = re.findall(r"`((?:tests|bench)/[\w/]+\.py)`", (ROOT / "SECURITY.md").read_text("utf-8"))
    assert len(set(named)) > 10
    for name in named:
        assert (ROOT / name).exists(), name


def test_no_module_with_assets_postpones_its_annotations() -> None:
    for path in (ROOT / "assets").glob("*.py"):
        assert "from __future__ import annotations" not in path.read_text("utf-8"), "Dagster reads annotations"
