"""A home that is served, and a browser that looks at it: for the tests of the web UI and for the README's pictures."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.processes import free_port, groups_of, processes
from tests.support import COMMAND

ROOT = Path(__file__).parent.parent.parent
SCREENSHOTS = ROOT / "build" / "screenshots"

LINEAGE = "/asset-groups"
GRAPH = "/locations/copydesk/asset-groups/newswire/lineage"

START_SECONDS = 120
PATIENCE_SECONDS = 45

Value = TypeVar("Value")

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # it does not start as root otherwise, and it is shown nothing but our own pages
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1500,1100",
    "--force-prefers-reduced-motion",
    # Whatever a page wants from elsewhere fails at once, and is reported as an error of the page.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def what_is_missing() -> str | None:
    """What has to be installed for a browser, in one line; None if all is there."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if not missing:
        return None
    return f"{' and '.join(missing)} not found. Debian: apt install chromium chromium-driver"


def copydesk(home: Path, *arguments: object) -> str:
    """What the command prints."""
    done = subprocess.run([COMMAND, *map(str, arguments), "--home", home], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sql(home: Path, query: str) -> list[dict[str, Any]]:
    """The rows that the command finds."""
    found: list[dict[str, Any]] = json.loads(copydesk(home, "sql", query, "--format", "json"))
    return found


@contextmanager
def served(home: Path) -> Iterator[str]:
    """Serve a home's web UI; gives its address.

    At the end the command has to stop when it is told to, and nothing that it has started may be left.
    """
    port = free_port()
    log = home.parent / f"{home.name}.log"
    with log.open("wb") as out:
        ui = subprocess.Popen(
            [COMMAND, "ui", "--home", home, "--port", str(port), "--no-browser"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_up(address, ui, log)
        yield address
    finally:
        groups = groups_of(ui.pid)
        ui.send_signal(signal.SIGTERM)
        try:
            status = ui.wait(60)
        except subprocess.TimeoutExpired:
            ui.kill()
            status = ui.wait()
    assert status == 0, log.read_text("utf-8", "replace")
    left = [process for process in processes() if process.group in groups]
    assert not left, left


def _wait_until_up(address: str, ui: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and ui.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"The web UI did not start:\n{log.read_text('utf-8', 'replace')}")


def metadata(key: str) -> str:
    """The cell with the value of a metadata entry on an asset's page, as XPath."""
    return f"//tr[td[1][normalize-space(.)='{key}']]/td[last()]"


class Browser:
    """A browser with one window, and waits that say what they waited for.

    Attributes:
        driver: Selenium's.
        address: what paths are relative to.
    """

    def __init__(self, driver: webdriver.Chrome, address: str) -> None:
        self.driver = driver
        self.address = address

    def open(self, path: str, *texts: str) -> None:
        """Open a page and wait until it shows these texts."""
        self.driver.get(self.address + path)
        self.shows(*texts)

    def leave(self) -> None:
        """Open an empty page."""
        self.driver.get("about:blank")

    def shows(self, *texts: str) -> str:
        """Wait until all of these texts can be seen on the page; gives the page's whole text."""
        self.until(lambda: not self._lacking(texts), lambda: f"not on the page: {self._lacking(texts)}")
        return self.text()

    def _lacking(self, texts: tuple[str, ...]) -> list[str]:
        seen = self.text()
        return [text for text in texts if text not in seen]

    def text(self) -> str:
        """The visible text, with single spaces: which elements begin a line is not ours to say."""
        return " ".join(str(self.script("return document.body ? document.body.innerText : ''")).split())

    def element(self, xpath: str) -> WebElement:
        """Wait for a visible element."""
        return self.until(
            lambda: next((found for found in self.driver.find_elements(By.XPATH, xpath) if found.is_displayed()), None),
            lambda: f"not on the page: {xpath}",
        )

    def click(self, xpath: str) -> None:
        """Click on an element that can be clicked on."""
        self.until(lambda: (found := self.element(xpath)).is_enabled() and not found.click(), lambda: f"dead: {xpath}")

    def scroll_to(self, xpath: str) -> WebElement:
        """Bring an element to the top of what scrolls."""
        found = self.element(xpath)
        self.script("arguments[0].scrollIntoView({block: 'start', inline: 'nearest'})", found)
        return found

    def script(self, code: str, *arguments: object) -> Any:
        """Run JavaScript in the page."""
        return self.driver.execute_script(code, *arguments)

    def shows_materialized(self, count: int) -> None:
        """Wait until the lineage page shows so many assets as materialized."""
        self.until(
            lambda: len(self.driver.find_elements(By.CSS_SELECTOR, "foreignObject [style*='accent-green']")) == count,
            lambda: f"not {count} assets are green",
        )

    def until(self, look: Callable[[], Value | None], complaint: Callable[[], str]) -> Value:
        """Wait until a look gives something; else fail with a screenshot, the complaint and the page's text."""
        wait = WebDriverWait(self.driver, PATIENCE_SECONDS, 0.1, [StaleElementReferenceException])
        try:
            return wait.until(lambda _: look())  # type: ignore[return-value]
        except TimeoutException:
            name = f"failed-{time.time_ns()}"
            self.screenshot(name)
            raise AssertionError(f"{self.driver.current_url}: {complaint()}; see {name}.png\n{self.text()}") from None

    def resize(self, width: int, height: int) -> None:
        """Give the page this many pixels."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )

    def screenshot(self, name: str, folder: Path = SCREENSHOTS) -> Path:
        """Save what can be seen, as soon as nothing moves any more."""
        folder.mkdir(parents=True, exist_ok=True)
        end = time.monotonic() + 3
        before, seen = b"", self.driver.get_screenshot_as_png()
        while seen != before and time.monotonic() < end:
            before, seen = seen, self.driver.get_screenshot_as_png()
        path = folder / f"{name}.png"
        path.write_bytes(seen)
        return path

    def errors(self) -> list[str]:
        """What has gone wrong in the pages since the last call, by the browser's console."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


@contextmanager
def driven() -> Iterator[webdriver.Chrome]:
    """A browser without a window on the screen."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Both are named, so that Selenium looks for nothing to download.
    service = Service(executable_path=shutil.which("chromedriver"), log_output=subprocess.DEVNULL)
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()
