"""What other sites' pages may have a browser send is refused; what the UI itself sends is not."""

import asyncio
from typing import Any

import pytest

import copydesk.ui
from copydesk.webserver import Guard
from warehouse.home import Home

OURS = "127.0.0.1:3000"


def ask(method: str = "GET", target: str = "/", kind: str = "http", **headers: str) -> tuple[int, dict[str, str]]:
    """The status of the answer (0: a WebSocket was taken, 1008: it was closed), and its headers."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        accepted: dict[str, Any] | None = {"type": "websocket.accept"} if kind == "websocket" else None
        await send(accepted or {"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})

    async def send(message: Any) -> None:
        sent.append(message)

    path, _, question = target.partition("?")
    scope: dict[str, Any] = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": question.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(Guard(app, frozenset({"wire.example.org"}))(scope, None, send))  # type: ignore[arg-type]
    first = sent[0]
    found = {name.decode(): value.decode() for name, value in first.get("headers", ())}
    return first.get("status", first.get("code", 0)), found


@pytest.mark.parametrize("host", [OURS, "localhost:3000", "LOCALHOST", "[::1]:3000", "192.168.1.7", "wire.example.org"])
def test_it_answers_by_its_own_names(host: str) -> None:
    status, headers = ask(host=host)
    assert (status, headers["x"], headers["x-frame-options"]) == (200, "y", "DENY")
    assert "img-src 'self' data:" in headers["content-security-policy"]
    assert ask("POST", "/graphql", host=host, origin=f"http://{host}")[0] == 200
    assert ask("POST", "/graphql", host=host)[0] == 200
    assert ask(kind="websocket", target="/graphql", host=host, origin=f"https://{host}")[0] == 0


@pytest.mark.parametrize(
    "host",
    ["", "example.org", "example.org:3000", "127.0.0.1.example.org", "localhost.example.org", "x wire.example.org"],
)
def test_a_name_that_is_not_its_own_is_refused(host: str) -> None:
    """Whoever's name it is could have it lead here."""
    assert ask(host=host)[0] == 403
    assert ask("POST", "/graphql", host=host, origin=f"http://{host}")[0] == 403
    assert ask(kind="websocket", target="/graphql", host=host)[0] == 1008


@pytest.mark.parametrize(
    "origin",
    ["http://example.org", "null", "http://127.0.0.1:8000", "http://127.0.0.1:3000.example.org", "file://", ""],
)
def test_what_a_page_of_another_site_sends_is_refused(origin: str) -> None:
    for target in ("/graphql", "/graphql?query={version}", "/report_asset_materialization/documents"):
        assert ask("POST", target, host=OURS, origin=origin)[0] == 403
    assert ask(kind="websocket", target="/graphql", host=OURS, origin=origin)[0] == 1008


def test_a_picture_or_a_link_is_no_query() -> None:
    assert ask(target="/graphql?query=mutation{x}", host=OURS)[0] == 403
    assert ask(target="/graphql/?a=b&query=mutation{x}", host=OURS)[0] == 403
    assert ask(target="/graphql", host=OURS)[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0.0.0.0", "192.168.1.7", "wire.example.org"])
def test_listening_to_others_is_warned_of(
    host: str, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(copydesk.ui, "_wait_until_up", lambda *_: True)
    copydesk.ui._announce(home, host, 3000, False, lambda: True)
    is_warned = "no passwords" in capsys.readouterr().err
    assert is_warned == (host not in ("127.0.0.1", "localhost", "::1"))
