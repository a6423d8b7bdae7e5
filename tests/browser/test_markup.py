"""Texts, file names, agencies and sources that try to be Markdown or HTML, in a real browser."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import NoAlertPresentException

from assets.metadata import PREVIEW_CHARACTERS
from tests.browser.support import Browser, copydesk, served, sql
from tests.support import write

IMAGE = "<img src=x onerror=alert(1)>"
SCRIPT = "<script>document.title='owned'</script>"
LINK = "[x](javascript:alert(1))"

CALL = "![y](http://example.org/y.png)"
"""A picture that would tell someone that it was looked at. The browser's console has to stay free of it."""

SOURCE = f"{IMAGE} {LINK} {CALL} **b**"
FILE = f"1 {IMAGE} {LINK}.txt"
AGENCY = "Agence **Gras** `x`"
"""Nobody knows it. Brackets cannot stand in an agency."""
TEXT = f"{CALL} {IMAGE} {SCRIPT} {LINK} **fett**"
STRANGER = f"{IMAGE} {LINK} **x** |.csv"
"""A file beside the user's own reference, which a check names."""


@pytest.fixture(scope="module")
def home(driver: webdriver.Chrome, folder: Path) -> Path:
    home, source = folder / "hostile", folder / "wire"
    write(source, FILE, f" date 2018-10 LYON, Oct 2 ({AGENCY}) - {TEXT}\n\n# T\n\n| a |\n|--|\n| b |\n")
    for number in range(14):
        write(source, f"{number + 2} {SCRIPT[:8]}.txt", f"PARIS, Oct 2 (Reuters) - {TEXT} {number}\n")
    # So many rejects that the source's name comes up in a check.
    for number in range(6):
        write(source, f"{number} {IMAGE}.txt", b"\0\1\2<b>" * 40)
    home.mkdir()
    # The inbox has a check of the source's name, too.
    (home / "copydesk.toml").write_text(
        f"[[source]]\nroot = '{source}'\nname = '{SOURCE}'\nfail_window = '36h'\n", "utf-8"
    )
    write(home / "reference", STRANGER, "a,b\n")
    copydesk(home, "run")
    return home


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with served(home) as address:
        yield address


def cut(text: str) -> str:
    """A text as a preview shows it."""
    return f"{text[: PREVIEW_CHARACTERS - 1]}…"


CHECK = "/assets/warehouse_candidate?view=checks&checkDetail="


@pytest.mark.parametrize(
    ("path", "wanted", "literals"),
    [
        ("/assets/documents", "share_language_sure", (cut(FILE), cut(f"date 2018-10 LYON, Oct 2 ({AGENCY}) - {TEXT}"))),
        ("/assets/rejects", "raw_excerpt", (f"0 {IMAGE}.txt", "<b>")),
        ("/assets/sources", "patterns", (cut(SOURCE),)),
        ("/assets/inbox", "files_new", (f"source {SOURCE}", f"from {SOURCE}")),
        # Twice: in the description and in the metadata.
        (f"{CHECK}unknown_agencies", "message", (f"{AGENCY} (1) Evaluation", f"{AGENCY} (1) value")),
        (f"{CHECK}own_reference", "message", (f"{STRANGER}: is not read",)),
        (f"{CHECK}share_rejected", "message", (f"{SOURCE}: 29% of 21 records rejected Evaluation",)),
        ("/runs/RUN?logs=share_rejected", "ASSET_CHECK_EVALUATION", (f"{SOURCE}: 29%",)),
        ("/assets/inbox?view=checks", "New files have come", (f"New files have come from {SOURCE} within",)),
    ],
    ids=[
        "documents",
        "rejects",
        "sources",
        "inbox",
        "unknown-agencies",
        "own-reference",
        "share-rejected",
        "run",
        "news",
    ],
)
def test_what_looks_like_markup_is_shown_as_it_is_and_does_nothing(
    browser: Browser, home: Path, request: pytest.FixtureRequest, path: str, wanted: str, literals: tuple[str, ...]
) -> None:
    if "RUN" in path:
        path = path.replace("RUN", sql(home, "SELECT run_id FROM runs")[0]["run_id"])
    browser.open(path, wanted)
    browser.screenshot(f"hostile-{request.node.callspec.id}")
    text = browser.text()
    for literal in literals:
        assert literal in text
    harmless(browser)


def test_no_page_of_another_site_can_ask_it_for_anything(address: str) -> None:
    def status(url: str, data: bytes | None = None, **headers: str) -> int:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    query, json = b'{"query": "{version}"}', {"Content-Type": "application/json"}
    assert status(f"{address}/graphql", query, Origin=address, **json) == 200
    assert status(f"{address}/graphql", query, Origin="http://example.org", **json) == 403
    assert status(f"{address}/graphql?query=%7Bversion%7D", b"") == 403
    assert status(f"{address}/graphql?quer%79=%7Bversion%7D") == 403
    assert status(f"{address}/graphql%0A?quer%79=%7Bversion%7D") == 403
    assert status(address, Host="example.org") == 403


def harmless(browser: Browser) -> None:
    """Nothing that came from a document has become a part of the page."""
    with pytest.raises(NoAlertPresentException):
        _ = browser.driver.switch_to.alert
    assert browser.driver.title != "owned"
    assert (
        browser.script(
            """
        const ours = document.querySelectorAll('[onerror], img:not([src^="data:image/png"]), a[href^="javascript:"]');
        const scripts = [...document.scripts].filter(script => script.textContent.includes('owned'));
        const bold = [...document.querySelectorAll('b, strong, em, code')].filter(
            element => ['b', 'fett', 'Gras', 'x'].includes(element.textContent));
        return [...ours, ...scripts, ...bold].map(element => element.outerHTML);
        """
        )
        == []
    )
