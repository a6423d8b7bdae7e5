"""Texts, file names, agencies and sources that try to be Markdown or HTML, in a real browser."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A site that gives anything to anyone: its address, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


FETCHES = {
    "fetch": ("connect-src", "fetch(`http://${site}/fetch`).catch(() => {})"),
    "socket": ("connect-src", "new WebSocket(`ws://${site}/socket`)"),
    "beacon": ("connect-src", "navigator.sendBeacon(`http://${site}/beacon`, 'x')"),
    "events": ("connect-src", "new EventSource(`http://${site}/events`)"),
    "img": ("img-src", "element('img', {src: `http://${site}/img.png`})"),
    "style": ("style-src-elem", "element('link', {rel: 'stylesheet', href: `http://${site}/style.css`})"),
    "script": ("script-src-elem", "element('script', {src: `http://${site}/script.js`})"),
    "nonce": (
        "script-src-elem",
        "element('script', {src: `http://${site}/nonce.js`, nonce: document.querySelector('script[nonce]')?.nonce})",
    ),
    "inline": ("script-src-elem", "element('script', {textContent: `fetch('http://${site}/inline')`})"),
    "handler": ("script-src-attr", "element('div', {innerHTML: `<img src=x onerror=\"alert(1)\">`})"),
    "video": ("media-src", "element('video', {src: `http://${site}/video.mp4`})"),
    "font": ("font-src", "new FontFace('x', `url(http://${site}/font.woff2)`).load().catch(() => {})"),
    "frame": ("frame-src", "element('iframe', {src: `http://${site}/frame.html`})"),
    "own-frame": ("frame-src", "element('iframe', {src: '/server_info'})"),
    "object": ("object-src", "element('object', {data: `http://${site}/object.swf`})"),
    "base": (
        "base-uri",
        "document.head.prepend(Object.assign(document.createElement('base'), {href: `http://${site}/`}))",
    ),
    "form": ("form-action", "element('form', {action: `http://${site}/form`, method: 'post'}).submit()"),
}
"""What a page might do to fetch something or to tell someone, and the part of the policy that refuses it."""


@pytest.mark.parametrize("path", ["/assets/documents", "/graphql", "/server_info"])
def test_pages_can_fetch_nothing_from_elsewhere(browser: Browser, elsewhere: tuple[str, list[str]], path: str) -> None:
    site, asked = elsewhere
    browser.open(path, {"/graphql": "Prettify", "/server_info": "dagster_version"}.get(path, "share_language_sure"))
    assert browser.errors() == []
    browser.script(
        """
        const [site] = arguments;
        window.refused = [];
        document.addEventListener('securitypolicyviolation', event => window.refused.push(event.effectiveDirective));
        const element = (name, values) => document.body.appendChild(Object.assign(document.createElement(name), values));
        """
        + "\n".join(f"try {{ {code} }} catch {{}}" for _, code in FETCHES.values()),
        site,
    )
    wanted = sorted(directive for directive, _ in FETCHES.values())
    browser.until(
        lambda: set(wanted) <= set(browser.script("return window.refused")),
        lambda: f"not refused: {set(wanted) - set(browser.script('return window.refused'))}",
    )
    assert asked == []
    browser.errors()  # each of them is one, and was wanted


@pytest.mark.parametrize(
    ("path", "text"),
    [("/overview", "Overview"), ("/assets", "paragraphs"), ("/jobs", "rebuild"), ("/deployment", "copydesk")],
)
def test_what_pages_need_they_may_fetch(browser: Browser, path: str, text: str) -> None:
    """The console stays free of refusals, as it does in all other tests."""
    browser.open(path, text)
    browser.until(lambda: "Loading" not in browser.text(), lambda: "it does not stop loading")
    assert browser.script("return [...document.fonts].some(font => font.status === 'loaded')")


def test_a_page_elsewhere_shows_nothing_of_ours_and_may_link_to_it(
    browser: Browser, elsewhere: tuple[str, list[str]], address: str
) -> None:
    site, _ = elsewhere
    browser.driver.get(f"http://{site}/")
    browser.script(
        """
        document.body.innerHTML = `<a href="${arguments[0]}/overview">a link</a>`;
        window.failed = [];
        const end = name => () => window.failed.push(name);
        const image = Object.assign(new Image(), {onerror: end('image'), src: `${arguments[0]}/favicon.png`});
        const script = document.createElement('script');
        document.head.append(Object.assign(script, {onerror: end('script'), src: `${arguments[0]}/server_info`}));
        fetch(`${arguments[0]}/server_info`, {mode: 'no-cors'}).catch(end('fetch'));
        """,
        address,
    )
    browser.until(
        lambda: {*browser.script("return window.failed")} == {"image", "script", "fetch"},
        lambda: f"no more than {browser.script('return window.failed')} failed",
    )
    browser.errors()
    browser.click("//a")
    browser.shows("Overview")


def test_queries_can_be_written_in_the_browser(browser: Browser) -> None:
    browser.open("/graphql", "Prettify")
    browser.script("document.querySelector('.CodeMirror').CodeMirror.setValue('{version}')")
    browser.click("//button[contains(@class, 'graphiql-execute-button')]")
    browser.shows('"version": "1.')


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
