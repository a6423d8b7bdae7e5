"""Clocks that go back: the newest version is the one that was published last, whatever its time says."""

import datetime as dt
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from copydesk.status import status_command
from etl.errors import SetupFault
from tests.support import NoPool, dispatch, query, run, write
from warehouse.home import Home
from warehouse.lock import WriterLock
from warehouse.manifest import newest, require_current, retained
from warehouse.plan import make_plan
from warehouse.publish import publish, republish

NOW = dt.datetime.now(dt.UTC).replace(tzinfo=None)

SetClock = Callable[..., None]


@pytest.fixture(autouse=True)
def without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have nothing to do with it, and take their time."""
    monkeypatch.setattr("tests.support.open_pool", NoPool)


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Sets the clock to the given times, one after another; it stays at the last."""

    def set_to(*times: dt.datetime) -> None:
        left = list(times)
        for module in ("load", "publish"):
            monkeypatch.setattr(f"warehouse.{module}.now", lambda: left.pop(0) if len(left) > 1 else left[0])

    return set_to


def test_the_newest_version_and_the_last_run_are_those_that_came_last(
    home: Home, source: Path, set_clock: SetClock, capsys: pytest.CaptureFixture[str]
) -> None:
    home.settings_file.write_text("publish.keep_versions = 2")
    names = []
    for number in range(3):
        set_clock(NOW - dt.timedelta(hours=3 * number))
        write(source, "a.txt", dispatch(body=f"Texte {number}."), age=number)
        published = run(home, source)
        assert published is not None
        names.append(published.name)
    assert [manifest.name for manifest in retained(home)] == names[:0:-1]
    status_command(str(home), False)
    shown = re.findall(r"^[0-9a-f-]{36}  (\S+ \S+)", capsys.readouterr().out, re.MULTILINE)
    assert shown == [f"{NOW - dt.timedelta(hours=3 * number):%Y-%m-%d %H:%M:%S}" for number in (2, 1, 0)]
    assert query(home, "SELECT bool_and(valid_from <= valid_to), count(*) FROM document_versions") == [(True, 2)]
    home.link.unlink()
    assert (manifest := newest(home)) is not None
    assert manifest.name == names[-1]


def test_a_clock_that_goes_back_within_a_run(home: Home, source: Path, set_clock: SetClock) -> None:
    write(source, "a.txt", dispatch())
    set_clock(NOW, NOW - dt.timedelta(hours=5))
    run(home, source)
    assert query(home, "SELECT started <= ended, seconds >= 0 FROM runs") == [(True, True)]
    assert require_current(home).summary.seconds >= 0


def test_a_clock_that_is_far_behind_is_a_fault_with_a_way_out(home: Home, source: Path, set_clock: SetClock) -> None:
    """With it, documents of today would seem to come from the future."""
    write(source, "a.txt", dispatch())
    set_clock(dt.datetime(1970, 1, 1, 0, 5))
    with pytest.raises(SetupFault, match="The clock says 1970-01-01"):
        run(home, source)
    set_clock(NOW + dt.timedelta(days=700))
    run(home, source)
    set_clock(NOW)
    write(source, "a.txt", dispatch(28), age=60)
    with pytest.raises(SetupFault, match=r"set the clock\. If it is right now and was wrong then, `copydesk publish`"):
        run(home, source)
    with WriterLock(home, "test"):
        publish(home, republish(home).name)
    run(home, source)
    assert query(home, "SELECT version FROM documents") == [(2,)]


def test_files_of_the_future_are_read_and_looked_at_again(home: Home, source: Path) -> None:
    now = time.time()
    for body, version in (("Texte A.", 1), ("Texte B.", 2)):
        for name, ahead in (("soon.txt", 60), ("late.txt", 3600 * 24 * 400)):
            write(source, name, dispatch(body=body))
            os.utime(source / name, (now + ahead, now + ahead))
        run(home, source)
        assert query(home, "SELECT DISTINCT version, lead FROM documents") == [(version, body)]
    assert make_plan(home, [str(source)]).is_empty
