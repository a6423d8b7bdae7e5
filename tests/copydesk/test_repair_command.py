"""`copydesk check` and `copydesk repair` as people and cron meet them."""

import json
from pathlib import Path

import pytest

from tests.support import Desk, dispatch, query, write
from tests.warehouse.damage import current_files, delete, garble
from warehouse.home import Home


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    write(tmp_path / "wire", "a.txt", dispatch())
    write(tmp_path / "wire", "b.txt", dispatch(3, "Un marché ouvre.", "2021-03", "mars"))
    desk.ok("run", "wire", "--quiet")
    return desk


def test_damage_is_found_mended_and_found_no_more(desk: Desk) -> None:
    home = Home(desk.home)
    assert desk.ok("check").startswith("sound ")
    assert json.loads(desk.ok("check", "--json"))["is_sound"] is True
    lost = current_files(home, "documents")[0]
    delete(lost)
    (desk.folder / "wire" / "a.txt").unlink()

    found = desk("check")
    assert found.returncode == 2
    assert found.stderr == ""
    assert found.stdout.startswith(f"damaged    {lost.relative_to(home.folder)}: it is missing; ")
    assert f"\nmend       {home.command('repair')}\n" in found.stdout
    (problem,) = json.loads(desk("check", "--json").stdout)["problems"]
    assert (problem["gravity"], problem["is_mendable"]) == ("damaged", True)
    assert home.command("check") in desk.fault("sql", "select text from documents")

    proposed = desk("repair", "--dry-run")
    assert (proposed.returncode, proposed.stderr) == (2, "")
    assert "\nlost       wire: a.txt\n" in proposed.stdout
    refused = desk("repair")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert desk("check").returncode == 2

    mended = desk.ok("repair", "--yes")
    assert "\nlost       wire: a.txt\n" in mended
    assert "Published " in mended
    assert "sound " in desk.ok("check", "--full")
    assert query(home, "SELECT path FROM documents") == [("b.txt",)]
    assert desk.ok("repair", "--yes").startswith("Nothing to mend")


def test_a_dry_run_of_a_repair_that_loses_nothing_is_status_zero(desk: Desk) -> None:
    delete(current_files(Home(desk.home), "documents")[0])
    assert "\nlost " not in desk.ok("repair", "--dry-run")


def test_dagster_begins_anew_where_its_databases_are_damaged(desk: Desk) -> None:
    home = Home(desk.home)
    for path in (home.dagster / "history").rglob("*.db"):
        garble(path)
    write(desk.folder / "wire", "c.txt", dispatch(5, "Une gare ouvre."))
    assert home.command("check") in desk.fault("run", "wire")
    assert "set aside" in desk.ok("repair", "--yes")
    assert "sound " in desk.ok("check")
    desk.ok("run", "wire", "--quiet")
    assert query(home, "SELECT count(*) FROM documents") == [(3,)]
    assert "sound " in desk.ok("check", "--full")


def test_a_fault_of_the_settings_is_left_to_people(desk: Desk) -> None:
    (desk.home / "copydesk.toml").write_text("[[source]")
    found = desk("check")
    assert found.returncode == 2
    assert "\nfirst      copydesk.toml: correct it in an editor\n" in found.stdout
    assert "copydesk repair" not in found.stdout
    assert "then repair again" in desk.fault("repair", "--yes")


def test_settings_that_are_missing_are_said_to_be(desk: Desk) -> None:
    (desk.home / "copydesk.toml").unlink()
    said = desk.ok("repair", "--yes")
    assert "copydesk.toml" in said
    assert "it is missing" in said
    assert (desk.home / "copydesk.toml").exists()
