"""One browser for all tests of the web UI. Each module says what home it looks at: its fixture `address`."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from tests.browser.support import Browser, driven, what_is_missing

REQUIRED = "COPYDESK_BROWSER_REQUIRED"
"""Set in continuous integration: no browser is a failure there, and not a reason to skip."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for homes, with a path as people's paths are."""
    folder = tmp_path_factory.mktemp("browser") / "déjà vu"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def driver() -> Iterator[webdriver.Chrome]:
    # Skipped only where no Chromium is installed. CI has one, and skips nothing.
    if missing := what_is_missing():
        if os.environ.get(REQUIRED):
            pytest.fail(missing)
        pytest.skip(f"{missing}. A browser is no part of what the project installs; where {REQUIRED} is set this fails")
    with driven() as made:
        yield made


@pytest.fixture
def browser(driver: webdriver.Chrome, address: str) -> Iterator[Browser]:
    """Looks at the module's home. Its console has to stay free of errors, requests to the world outside included."""
    browser = Browser(driver, address)
    browser.resize(1500, 1100)
    yield browser
    errors = browser.errors()
    browser.leave()  # a page asks for news as long as it is open, of a server that ends before the browser
    assert errors == []
