"""Makes the pictures of the README from the samples: `make screenshots`, wherever the tests of the web UI can run."""

import sys
import tempfile
from pathlib import Path

from PIL import Image

from etl.contract import TABLES
from tests.browser.support import LINEAGE, ROOT, Browser, copydesk, driven, metadata, served, what_is_missing

FOLDER = ROOT / "docs" / "images"
MARGIN = 16
"""Pixels around what is shown."""

Box = tuple[int, int, int, int]


def make_pictures() -> None:
    """Load the samples into a home that is gone afterwards, and take its pictures."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "data"
        copydesk(home, "run", ROOT / "samples")
        with served(home) as address, driven() as driver:
            browser = Browser(driver, address)
            _lineage(browser)
            _documents(browser)
            browser.leave()


def _lineage(browser: Browser) -> None:
    browser.resize(1400, 1130)
    browser.open(LINEAGE, *TABLES)
    browser.shows_materialized(len(TABLES) + 3)  # the candidate, the warehouse and the months
    _save(browser, "graph", (0, 0, 1400, 1130))


def _documents(browser: Browser) -> None:
    """The preview and the charts, in a window that is wide enough for all columns."""
    browser.resize(2130, 2000)
    browser.open("/assets/documents", "share_language_sure")
    browser.click("//*[normalize-space(text())='Hide navigation']")
    heading, first = "//span[normalize-space(.)='Metadata']", metadata("documents_per_month")
    last = f"{metadata('preview')}/.."
    browser.element(f"{metadata('documents_per_month')}//img")
    browser.script("arguments[0].scrollIntoView({block: 'end'})", browser.element(f"{first}/ancestor::table[1]"))
    browser.screenshot("documents", FOLDER)
    top, middle, bottom = (browser.element(path).rect for path in (heading, f"{first}/..", last))
    left, right = round(middle["x"]) - MARGIN, round(middle["x"] + middle["width"]) + MARGIN
    _save(browser, "documents", (left, round(top["y"]) - MARGIN, right, round(bottom["y"] + bottom["height"]) + 2))


def _save(browser: Browser, name: str, box: Box) -> None:
    FOLDER.mkdir(exist_ok=True)
    path = browser.screenshot(name, FOLDER)
    with Image.open(path) as image:
        picture = image.convert("RGB").crop(box)
        # The colours that are there, rather than those that are frequent: icons are small.
        picture = picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    picture.save(path, "PNG", optimize=True)


if __name__ == "__main__":
    if missing := what_is_missing():
        sys.exit(missing)
    make_pictures()
