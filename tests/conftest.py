"""Fixtures that several packages' tests share."""

from pathlib import Path

import hypothesis
import pytest

import warehouse.load
from etl.reference import Reference, load_reference
from tests.support import usual_pool
from warehouse.home import Home

ROOT = Path(__file__).parent.parent

# One pool for all loads of a process.
setattr(warehouse.load, "Pool", usual_pool)  # noqa: B010

# No test asserts how long something takes: that is what bench/ is for.
hypothesis.settings.register_profile("copydesk", deadline=None)
hypothesis.settings.load_profile("copydesk")


@pytest.fixture(scope="session")
def reference() -> Reference:
    return load_reference()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home whose path is as awkward as people's paths are."""
    made = Home(tmp_path / "déjà vu [1] it's")
    made.create()
    return made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An empty folder to put raw files into."""
    folder = tmp_path / "wire"
    folder.mkdir()
    return folder


WAITING = ("copydesk/test_four_writers", "copydesk/test_services", "faults/", "browser/", "copydesk/", "conventions/")
"""Tests that wait for other processes, those that do so longest first."""

LONG = ("warehouse/test_repair", "assets/test_automation", "warehouse/test_load", "warehouse/test_publish")
"""Files of tests that take minutes by themselves."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what waits, so that what only computes goes on beside it, and nothing long is left for the end."""

    def rank(item: pytest.Item) -> int:
        path = item.path.relative_to(ROOT / "tests").as_posix()
        first = (*WAITING, *LONG)
        return next((at for at, start in enumerate(first) if path.startswith(start)), len(first))

    items.sort(key=rank)
