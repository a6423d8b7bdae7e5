"""Where Dagster finds the instance of a home."""

import glob
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.home import Home


@contextmanager
def dagster_home(home: Home) -> Iterator[Path]:
    """The folder to give Dagster as DAGSTER_HOME, for as long as it runs.

    Dagster takes the path of its dagster.yaml for a glob pattern and, where the path has brackets, silently falls
    back on its defaults, telemetry included. Such a home is reached through a link in a temporary folder.
    """
    if glob.escape(str(home.dagster)) == str(home.dagster):
        yield home.dagster
        return
    with tempfile.TemporaryDirectory(prefix="copydesk-") as folder:
        link = Path(folder) / "dagster"
        link.symlink_to(home.dagster)
        yield link
