"""Which of Dagster's runs stay, on a home's own instance."""

import datetime as dt

import dagster as dg
import pytest

from assets.instance import dagster_home
from assets.launch import run_load
from assets.months import MONTHS
from assets.retention import prune_runs
from tests.support import dispatch, write
from warehouse.disk import byte_count
from warehouse.home import Home
from warehouse.lock import WriterLock
from warehouse.prune import prune

NOW = dt.timedelta(0)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, list[str]]:
    """A home and its runs: the first alone wrote the month of March, the last failed before it began."""
    folder = tmp_path_factory.mktemp("runs")
    home = Home(folder / "déjà vu [1] it's")
    home.create()
    write(folder / "wire", "b.txt", dispatch(3, month="2021-03", name="mars"))
    runs = []
    for number in range(4):
        write(folder / "wire", "a.txt", dispatch(number + 1, f"Texte {number}."), age=number)
        with WriterLock(home, "test"):
            runs.append(run_load(home, {"sources": [str(folder / "wire")]}).run_id)
    with WriterLock(home, "test"):
        prune(home, keep=2)
    return home, runs


def there(home: Home) -> set[str]:
    with dagster_home(home) as folder, dg.DagsterInstance.from_config(str(folder)) as instance:
        return set(instance.get_run_ids())


def months(home: Home) -> set[str]:
    with dagster_home(home) as folder, dg.DagsterInstance.from_config(str(folder)) as instance:
        return set(instance.get_materialized_partitions(dg.AssetKey(MONTHS)))


def pruned(home: Home, older_than: dt.timedelta, is_dry_run: bool = False) -> tuple[int, int]:
    with WriterLock(home, "test"):
        return prune_runs(home, older_than, is_dry_run)


def test_runs_go_but_for_those_that_something_still_shows(loaded: tuple[Home, list[str]]) -> None:
    home, (first, second, third, fourth) = loaded
    assert pruned(home, dt.timedelta(days=1)) == (0, 0)
    assert pruned(home, NOW, is_dry_run=True) == (1, 3)
    with WriterLock(home, "test"):
        assert prune_runs(home, NOW, is_dry_run=True, leaving=[third]) == (2, 2)
    assert there(home) == {first, second, third, fourth}
    before = byte_count(home.dagster)
    assert pruned(home, NOW) == (1, 3)
    # The first wrote a month that none has written since, third and fourth published what is retained.
    assert there(home) == {first, third, fourth}
    assert months(home) == {"2021-02", "2021-03"}
    assert byte_count(home.dagster) < before
    assert not [path for path in home.dagster.rglob("*") if second in path.name]
    assert pruned(home, NOW) == (0, 3)
