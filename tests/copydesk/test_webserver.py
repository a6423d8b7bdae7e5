"""What other sites' pages may have a browser send is refused; what the UI itself sends is not."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import quote, unquote

import pytest
from dagster import AssetKey, DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_webserver.app import create_app_from_workspace_process_context

import copydesk.ui
from copydesk.webserver import App, Guard
from warehouse.home import Home

OURS = "127.0.0.1:3000"

JSON = "application/json"

ASSET = AssetKey("made_up")

CHANGE = (
    "mutation {reportRunlessAssetEvents(eventParams: {eventType: ASSET_MATERIALIZATION, "
    'assetKey: {path: ["made_up"]}}) {__typename}}'
)
"""Leaves an event of an asset in the history."""

QUERY = f"query={quote(CHANGE)}"

BODY = json.dumps({"query": CHANGE})


def send_to(
    app: App, method: str, target: str, body: str = "", kind: str = "http", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """An answer: its status (0: a WebSocket was taken, 1008: it was closed), its headers and its body.

    Args:
        app: what is asked.
        method: of the request.
        target: path and parameters, as they are sent.
        body: of the request.
        kind: http or websocket.
        headers: with `_` for `-`.
    """
    sent: list[Any] = []
    unread = [{"type": "http.request", "body": body.encode(), "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not unread:
            await asyncio.Event().wait()  # whoever asked stays until the answer is there
        return unread.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    path, _, question = target.partition("?")
    scope = {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),  # as the server has it
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": question.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "server": ("127.0.0.1", 3000),
        "client": ("127.0.0.1", 50000),
    }

    async def run() -> None:
        await app(scope, receive, send)

    asyncio.run(run())
    first = sent[0]
    found = {name.decode(): value.decode() for name, value in first.get("headers", ())}
    return first.get("status", first.get("code", 0)), found, b"".join(part.get("body", b"") for part in sent)


async def anything(scope: Any, receive: Any, send: Any) -> None:
    """An application that takes whatever comes."""
    accepted: dict[str, Any] | None = {"type": "websocket.accept"} if scope["type"] == "websocket" else None
    await send(accepted or {"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})


def ask(method: str = "GET", target: str = "/", kind: str = "http", **headers: str) -> tuple[int, dict[str, str]]:
    """The status of the guard's answer, and its headers."""
    return send_to(Guard(anything, frozenset({"wire.example.org"})), method, target, "", kind, **headers)[:2]


@pytest.mark.parametrize("host", [OURS, "localhost:3000", "LOCALHOST", "[::1]:3000", "192.168.1.7", "wire.example.org"])
def test_it_answers_by_its_own_names(host: str) -> None:
    status, headers = ask(host=host)
    assert (status, headers["x"], headers["x-frame-options"]) == (200, "y", "DENY")
    assert "img-src 'self' data:" in headers["content-security-policy"]
    assert ask("POST", "/graphql", host=host, origin=f"http://{host}", content_type=JSON)[0] == 200
    assert ask("POST", "/graphql?op=Runs", host=host, content_type=f"{JSON}; charset=utf-8")[0] == 200
    assert ask(kind="websocket", target="/graphql", host=host, origin=f"https://{host}")[0] == 0


@pytest.mark.parametrize(
    "host",
    [
        "", "example.org", "example.org:3000", "127.0.0.1.example.org", "localhost.example.org", "x wire.example.org",
        "localhost:3000:3000", "localhost:", "[::1%25; script-src *]", "[localhost]", "127.0.0.1@example.org", "[",
    ],
)  # fmt: skip
def test_a_name_that_is_not_its_own_is_refused(host: str) -> None:
    """Whoever's name it is could have it lead here."""
    assert ask(host=host)[0] == 403
    assert ask("POST", "/graphql", host=host, origin=f"http://{host}", content_type=JSON)[0] == 403
    assert ask(kind="websocket", target="/graphql", host=host)[0] == 1008


@pytest.mark.parametrize(
    "origin",
    [
        "http://example.org",
        "null",
        "http://127.0.0.1:8000",
        "http://127.0.0.1:3000.example.org",
        "file://",
        "",
        "x://[",
    ],
)
def test_what_a_page_of_another_site_sends_is_refused(origin: str) -> None:
    for target in ("/graphql", "/graphql?query={version}", "/report_asset_materialization/documents"):
        assert ask("POST", target, host=OURS, origin=origin, content_type=JSON)[0] == 403
    assert ask(host=OURS, origin=origin)[0] == 403
    assert ask(kind="websocket", target="/graphql", host=OURS, origin=origin)[0] == 1008


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as instance:
        yield instance


@pytest.fixture(scope="module", params=["", "/desk"])
def dagster(instance: DagsterInstance, request: pytest.FixtureRequest) -> Iterator[tuple[App, str]]:
    """Dagster's own application, and the prefix of its paths."""
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget(), version="") as context:
        yield create_app_from_workspace_process_context(context, request.param), request.param


def has_changed(instance: DagsterInstance) -> bool:
    """Whether something has left its event; it is taken away again."""
    is_there = instance.get_latest_materialization_event(ASSET) is not None
    instance.wipe_assets([ASSET])
    return is_there


@pytest.mark.parametrize(
    ("method", "target", "body", "kind"),
    [
        # What a picture, a link or a script on another page asks for.
        ("GET", f"/graphql?{QUERY}", "", None),
        ("GET", f"/graphql?quer%79={quote(CHANGE)}", "", None),
        ("GET", f"/graphql?a&%71%75%65%72%79={quote(CHANGE)}&b=c", "", None),
        ("GET", f"/%67raph%71l?quer%79={quote(CHANGE)}", "", None),
        ("GET", f"/graphql%0A?{QUERY}", "", None),
        # What a form or a script on another page sends without asking first.
        ("POST", f"/graphql?{QUERY}", "", None),
        ("POST", f"/graphql%0A?{QUERY}", "", None),
        ("POST", f"/graphql?{QUERY}", "a=b", "application/x-www-form-urlencoded"),
        ("POST", f"/graphql?{QUERY}", "a=b", "text/plain"),
        ("POST", f"/graphql?{QUERY}", "--x--", "multipart/form-data; boundary=x"),
        ("POST", "/graphql", BODY, "text/plain; x=application/json"),
        ("POST", "/graphql", CHANGE, "text/plain; x=application/graphql"),
        ("POST", "/graphql", CHANGE, "application/graphql"),
        ("POST", "/report_asset_materialization/made_up", "", None),
        ("POST", "/report_asset_materialization/?asset_key=%5B%22made_up%22%5D", "", None),
    ],
)
def test_nothing_is_changed_by_what_any_page_can_send(
    dagster: tuple[App, str], instance: DagsterInstance, method: str, target: str, body: str, kind: str | None
) -> None:
    """No header tells here that another page was it: a browser does not always send one."""
    app, prefix = dagster
    headers = {"host": OURS, "accept": "image/avif,*/*", **({"content_type": kind} if kind else {})}
    send_to(app, method, prefix + target, body, **headers)
    # Or else this is no attack. Below a prefix a line end leads nowhere.
    assert has_changed(instance) or (prefix and "%0A" in target)
    assert send_to(Guard(app), method, prefix + target, body, **headers)[0] == 403
    assert not has_changed(instance)


@pytest.mark.parametrize("path", ["/graphql/", "//graphql", "/graphql/%0A", "/GraphQL", "/x/../graphql", "/%2Fgraphql"])
def test_a_path_that_a_proxy_might_mend_is_refused_too(path: str) -> None:
    for method in ("GET", "HEAD"):
        assert ask(method, f"{path}?{QUERY}", host=OURS)[0] == 403


def test_what_the_ui_sends_is_taken(dagster: tuple[App, str], instance: DagsterInstance) -> None:
    app, prefix = dagster
    own = {"host": OURS, "sec_fetch_site": "same-origin", "sec_fetch_mode": "cors", "sec_fetch_dest": "empty"}
    target, origin = f"{prefix}/graphql?op=Report", f"http://{OURS}"
    assert send_to(Guard(app), "POST", target, BODY, origin=origin, content_type=JSON, **own)[0] == 200
    assert has_changed(instance)
    for path in (f"{prefix}/", f"{prefix}/runs?q=a", f"{prefix}/graphql", f"{prefix}/manifest.json"):
        status, headers, content = send_to(Guard(app), "GET", path, accept="text/html", **own)
        assert (status, headers["x-frame-options"], bool(content)) == (200, "DENY", True)


def test_every_answer_has_a_policy_that_names_all_there_is(dagster: tuple[App, str]) -> None:
    """The browser's tests say that it works; here it is only whole, and beside Dagster's own."""
    app, prefix = dagster

    def policies(path: str, host: str = OURS) -> list[dict[str, str]]:
        sent: list[Any] = []

        async def noting(scope: Any, receive: Any, send: Any) -> None:
            async def note(message: Any) -> None:
                sent.append(message)
                await send(message)

            await Guard(app, scripts=["let x"])(scope, receive, note)

        send_to(noting, "GET", prefix + path, host=host, accept="text/html")
        found = [value.decode() for name, value in sent[0]["headers"] if name == b"content-security-policy"]
        return [dict(part.strip().split(" ", 1) for part in policy.split(";") if part.strip()) for policy in found]

    dagsters, ours = policies("/runs")
    assert "'nonce-" in dagsters["script-src"]
    assert ours["script-src"] == "'self' 'unsafe-inline'"
    (ours,) = policies("/graphql")
    assert ours["script-src"] == f"'self' 'sha256-{b64encode(sha256(b'let x').digest()).decode()}'"
    (ours,) = policies("/server_info")
    assert ours["default-src"] == "'self'"
    assert ours["connect-src"] == f"'self' ws://{OURS}"
    assert {name for name, value in ours.items() if value == "'none'"} == {
        "frame-src", "object-src", "base-uri", "frame-ancestors",
    }  # fmt: skip
    assert not any("http" in value or "*" in value for value in ours.values())
    assert policies("/server_info", "[::1]:3000")[0]["connect-src"] == "'self'"
    headers = send_to(Guard(app), "GET", f"{prefix}/runs", host=OURS)[1]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_of_other_sites_only_a_link_to_a_page_is_taken(site: str) -> None:
    def status(method: str = "GET", mode: str = "navigate", dest: str = "document") -> int:
        headers = {"host": OURS, "sec_fetch_site": site, "sec_fetch_mode": mode, "sec_fetch_dest": dest}
        return ask(method, "/runs", content_type=JSON, **headers)[0]

    assert status() == 200
    assert {status("POST"), status("HEAD"), status(mode="no-cors", dest="image"), status(mode="cors", dest="")} == {403}
    assert {status(dest=dest) for dest in ("iframe", "frame", "object", "embed", "script", "")} == {403}


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "get"])
def test_other_methods_are_refused(method: str) -> None:
    assert ask(method, "/graphql", host=OURS, content_type=JSON)[0] == 403


def test_no_notebook_is_shown(dagster: tuple[App, str]) -> None:
    """Its HTML would be that of a page of ours, whatever stands in the file."""
    app, prefix = dagster
    for path in ("/notebook", "/dagit/notebook", "/noteboo%6B"):
        target = f"{prefix}{path}?path=a.ipynb&repoLocName=copydesk"
        assert b"nbconvert" in send_to(app, "GET", target, host=OURS)[2]
        assert send_to(Guard(app), "GET", target, host=OURS)[0] == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0.0.0.0", "192.168.1.7", "wire.example.org"])
def test_listening_to_others_is_warned_of(
    host: str, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(copydesk.ui, "_wait_until_up", lambda *_: True)
    copydesk.ui._announce(home, host, 3000, False, lambda: True)
    is_warned = "no passwords" in capsys.readouterr().err
    assert is_warned == (host not in ("127.0.0.1", "localhost", "::1"))
