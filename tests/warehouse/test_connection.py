import os
from pathlib import Path

import pytest

from etl.errors import SetupFault
from warehouse.connection import connect
from warehouse.home import Home


def test_nothing_published_is_a_fault(home: Home, tmp_path: Path) -> None:
    with pytest.raises(SetupFault, match="copydesk run"):
        connect(home.folder)
    with pytest.raises(SetupFault, match="No home"):
        connect(tmp_path / "none")
    assert not os.path.exists(tmp_path / "none")
