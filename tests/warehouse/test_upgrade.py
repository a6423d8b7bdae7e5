"""A home of every contract version there has been can be taken over, wherever it was copied to."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from etl.contract import CONTRACT_VERSION
from tests.conftest import ROOT
from tests.fixtures.make_home import HOMES, receive, stages
from tests.support import Desk, query, run, stable_rows
from warehouse.home import Home
from warehouse.manifest import MANIFEST, require_current

VERSIONS = range(1, CONTRACT_VERSION + 1)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def take(desk: Desk, version: int) -> Home:
    shutil.copytree(HOMES / f"v{version}", desk.home, symlinks=True)
    return Home(desk.home)


def rows(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """The stable columns; where the home lies is the one thing in them that two homes cannot share."""
    found: dict[str, list[tuple[Any, ...]]] = json.loads(
        json.dumps(stable_rows(home), default=str).replace(json.dumps(str(home))[1:-1], "HOME")
    )
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_there_is_a_fixture_home_of_every_contract_version(version: int) -> None:
    (manifest,) = (HOMES / f"v{version}").glob(f"versions/*/{MANIFEST}")
    assert json.loads(manifest.read_text("utf-8"))["contract_version"] == version, (
        f"python -m tests.fixtures.make_home makes it; see {ROOT / 'tests' / 'fixtures' / 'README.md'}"
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_a_former_home_is_brought_up_to_date_and_equals_a_fresh_load(desk: Desk, tmp_path: Path, version: int) -> None:
    home = take(desk, version)
    found = desk("check")
    assert found.returncode == 2
    assert "the home has moved here" in found.stdout
    assert "copydesk publish" in desk.fault("run")
    desk.ok("publish")
    assert "Nothing new" in desk.ok("run") or require_current(home).contract_version == CONTRACT_VERSION
    assert "\nsound " in desk.ok("check", "--full")

    fresh = Home(tmp_path / "fresh")
    fresh.create()
    for stage in stages():
        receive(fresh, stage)
        run(fresh)
    assert rows(home) == rows(fresh)
    assert query(home, "SELECT path, version FROM document_versions") == [("2021/moulin.txt", 1)]
    assert len(query(home, "FROM rejects")) == 2


def test_a_home_of_a_later_version_is_left_alone_with_one_message(desk: Desk) -> None:
    home = take(desk, CONTRACT_VERSION)
    (path,) = home.versions.glob(f"*/{MANIFEST}")
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**content, "contract_version": CONTRACT_VERSION + 1}), "utf-8")
    before = {path: path.read_bytes() for path in sorted(home.folder.rglob("*")) if path.is_file()}
    for command in (["run"], ["publish"], ["sql", "select 1"], ["status"], ["repair", "--yes"]):
        assert "upgrade Copydesk" in desk.fault(*command)
    found = desk("check")
    assert found.returncode == 2
    assert "upgrade Copydesk" in found.stdout
    assert "copydesk repair" not in found.stdout
    assert {path: path.read_bytes() for path in before} == before
