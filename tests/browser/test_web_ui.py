"""What people see in the web UI, in a real browser. Each page is kept as a picture in build/screenshots."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml
from selenium import webdriver

from assets.metadata import SENTENCES
from assets.months import MONTHS
from etl.contract import DOCUMENTS, TABLES
from tests.browser.support import GRAPH, LINEAGE, ROOT, Browser, copydesk, metadata, served, sql
from warehouse.checks import BLOCKING, CHECKS

ASSETS = [*TABLES, "inbox", MONTHS, "warehouse_candidate", "warehouse"]

SUCCEEDED = "RUN_SUCCESS"


@pytest.fixture(scope="module")
def home(driver: webdriver.Chrome, folder: Path) -> Path:
    """The samples, loaded."""
    home = folder / "home"
    copydesk(home, "run", ROOT / "samples")
    return home


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with served(home) as address:
        yield address


def test_the_graph_shows_every_asset_and_that_its_checks_have_passed(browser: Browser, home: Path) -> None:
    browser.resize(1500, 1800)  # what lies outside of the window is not drawn
    (unknown,) = sql(home, "SELECT count(*) AS n FROM documents WHERE agency_id IS NULL AND agency_literal IS NOT NULL")
    passed = len(CHECKS) - (unknown["n"] > 0)
    browser.open(GRAPH, *ASSETS, f"{passed} / {len(CHECKS)} Passed", "Delta Lake", "DuckDB")
    browser.shows("100% filled")
    browser.until(lambda: "Loading" not in browser.text(), lambda: "the graph does not stop loading")
    browser.screenshot("graph")


def test_the_lineage_page_shows_what_is_loaded(browser: Browser) -> None:
    browser.resize(1500, 1300)
    browser.open(LINEAGE, *ASSETS)
    # The inbox is not: its files are observed, and those of the samples belong to no source of copydesk.toml.
    browser.shows_materialized(len(ASSETS) - 1)
    browser.screenshot("lineage")


def test_an_assets_page_says_what_it_is_and_shows_what_it_holds(browser: Browser) -> None:
    browser.open("/assets/documents", SENTENCES["documents"], "Row count 115", "Owners copydesk", "main.documents")
    browser.shows("Kinds Delta Lake Parquet", "At 05:30 AM UTC", "transform()")
    browser.screenshot("documents")
    rows = browser.script(
        "return [...document.querySelectorAll('tr')].map(row => [...row.cells].map(cell => cell.innerText))"
    )
    types = {row[0].split("\n")[0]: row[1].split("\n")[0] for row in rows if len(row) == 3}
    for column in DOCUMENTS.columns:
        assert types.get(column.name) == column.sql_type

    browser.scroll_to("//span[normalize-space(.)='Metadata']")
    chart = browser.element(f"{metadata('documents_per_month')}//img")
    browser.until(lambda: chart.get_property("naturalWidth"), lambda: "the chart is not there")
    assert str(chart.get_property("src")).startswith("data:image/png;base64,")
    assert "2009 to 2025" in browser.element(metadata("documents_per_month")).text
    preview = browser.element(f"{metadata('preview')}//table")
    assert len(preview.find_elements("xpath", "./tbody/tr")) == 5
    shares = browser.element(metadata("shares"))
    assert re.search(r"samples \(115\)\s+█+░*\s\d+%", shares.text)
    assert not shares.find_elements("tag name", "button")
    browser.screenshot("documents-metadata")
    browser.script("arguments[0].scrollIntoView({block: 'center'})", chart)
    browser.screenshot("documents-charts")


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("rejects", (SENTENCES["rejects"], "Row count 3", "empty")),
        ("warehouse", ("The warehouse that SQL is asked of", "documents_per_month", "Row count 115")),
        ("inbox", ("Raw text files in the folders", "External Asset", "settings")),
    ],
)
def test_other_assets_have_pages_too(browser: Browser, name: str, texts: tuple[str, ...]) -> None:
    browser.open(f"/assets/{name}", "Definition", "Owners copydesk", *texts)
    browser.scroll_to("//span[normalize-space(.)='Metadata']")
    browser.screenshot(f"asset-{name}")


def test_the_checks_say_what_they_hold_and_which_of_them_block(browser: Browser) -> None:
    browser.open("/assets/warehouse_candidate?view=checks", f"Checks ({len(CHECKS)})", *CHECKS)
    for name, meaning in CHECKS.items():
        browser.click(f"//*[normalize-space(text())='{name}'][1]")
        kind = "blocking" if name in BLOCKING else "non-blocking"
        text = browser.shows(f"This is a {kind} asset check.", meaning, "Latest execution")
        if name in BLOCKING:
            assert f"{name} Succeeded" in text
        if name in ("balance", "unknown_agencies"):
            browser.screenshot(f"check-{name}")


def test_the_months_show_how_many_documents_they_hold(browser: Browser, home: Path) -> None:
    months = sql(home, "SELECT month, count(*) AS n FROM documents GROUP BY month ORDER BY month")
    browser.open(f"/assets/{MONTHS}?view=partitions", f"{len(months)} Partitions Selected")
    browser.shows(*(month["month"] for month in months[:10]))
    month = max(months[:15], key=lambda month: month["n"])
    browser.click(f"//*[normalize-space(text())='{month['month']}']")
    browser.shows(f"{month['month']} Materialized")
    assert browser.element(
        f"//tr[td[1][normalize-space(.)='dagster/partition_row_count']]/td[2][normalize-space(.)='{month['n']}']"
    )
    browser.screenshot("months")


def test_the_launchpad_of_rebuild_is_filled_in(browser: Browser, home: Path) -> None:
    browser.open("/locations/copydesk/jobs/rebuild/playground", "No errors", "Launch Run", "rebuild")
    config = yaml.safe_load(browser.script("return document.querySelector('.CodeMirror').CodeMirror.getValue()"))
    months = config["ops"]["read_and_merge"]["config"]["rebuild"]
    known = {row["month"] for row in sql(home, "SELECT DISTINCT month FROM documents")}
    assert months
    assert set(months) <= known
    browser.screenshot("rebuild")


def test_schedule_and_sensors_run(browser: Browser) -> None:
    browser.open("/automation", "daily_schedule", "inbox_sensor", "alert_sensor", "At 05:30 AM UTC")
    for name in ("daily_schedule", "inbox_sensor", "alert_sensor"):
        row = f"//*[.//text()[normalize-space(.)='{name}']][.//label[contains(@class, 'witch')]]"
        # The innermost that holds both the name and a switch.
        assert browser.script(
            "return arguments[0].querySelector(\"label[class*='witch'] input\").checked",
            browser.until(partial(browser.driver.find_elements, "xpath", row), partial(str, name))[-1],
        )
    browser.screenshot("automation")
    browser.open("/locations/copydesk/sensors/inbox_sensor", "Looks for new", "Running", "0 runs requested")
    browser.screenshot("sensor")


def test_a_runs_page_shows_its_steps_and_what_it_loaded(browser: Browser, home: Path) -> None:
    (run,) = sql(home, "SELECT run_id FROM runs")
    browser.open("/runs", run["run_id"][:8], "copydesk/launched_by: command", "Success")
    browser.screenshot("runs")
    browser.open(f"/runs/{run['run_id']}", "Success", "Succeeded (4)", SUCCEEDED, "read_and_merge", "registries")
    browser.screenshot("run")
    browser.open(f"/runs/{run['run_id']}?logs=rejects", "115 documents in 75 months, 3 rejects")


def test_materialize_all_launches_a_run_that_finds_nothing_new(browser: Browser) -> None:
    browser.open(GRAPH, *ASSETS[:1])
    browser.click("//button[starts-with(normalize-space(.), 'Materialize all')]")
    browser.shows("Launched run")
    browser.click("//*[self::a or self::button][normalize-space(.)='View']")
    browser.until(lambda: "/runs/" in browser.driver.current_url, lambda: "the run's page has not opened")
    browser.shows("Success", SUCCEEDED, 'Skipped execution of step "warehouse"', "Nothing new")
    browser.screenshot("materialized")
    # No candidate was built; the checks of the version that stays are shown.
    browser.open("/assets/warehouse_candidate?view=checks", f"Checks ({len(CHECKS)})", "balance Succeeded")
    assert "Skipped" not in browser.text()
