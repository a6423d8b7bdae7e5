"""Fixtures that several packages' tests share."""

from pathlib import Path

import hypothesis
import pytest

from etl.reference import Reference, load_reference
from warehouse.home import Home

ROOT = Path(__file__).parent.parent

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
