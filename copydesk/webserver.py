"""Dagster's webserver behind a guard: it asks for no password, and takes what any web page has a browser send it.

A page elsewhere can make its visitor's browser send requests to a server on the same machine, or give that server's
address to its own name (DNS rebinding). Whoever reaches the server by other means is not kept out: that is for what
stands before it. Called as `python -m copydesk.webserver [--name NAME ...] -- ARGUMENT ...`, with Dagster's arguments.
"""

from __future__ import annotations

import argparse
import functools
import ipaddress
import re
import sys
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from hashlib import sha256
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CREATE = "create_app_from_workspace_process_context"
"""What Dagster's command makes its application with."""

HEADERS = (
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    # No page elsewhere shows anything of here as a part of itself, or holds on to a window that it has opened.
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""What goes with every answer, in place of what Dagster says of the same."""

_POLICY = b"content-security-policy"

_HOST = re.compile(r"(?P<name>[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", re.ASCII)

_FOREIGN = "this request comes from a page of another site"


class Guard:
    """An ASGI application that refuses what a page of another site may have sent.

    Args:
        app: what it guards.
        names: by which it may be called, besides localhost and addresses in digits, which nobody can take over.
        scripts: that stand within pages which have no policy of their own.
    """

    def __init__(self, app: App, names: frozenset[str] = frozenset(), scripts: Iterable[str] = ()) -> None:
        self._app = app
        self._names = names | {"localhost"}
        self._scripts = " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in scripts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if refusal := self._refusal(scope, headers):
            await _refuse(scope["type"], refusal, send)
            return

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": self._with_ours(message.get("headers", ()), headers["host"])}
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _with_ours(self, headers: Iterable[tuple[bytes, bytes]], host: str) -> list[tuple[bytes, bytes]]:
        """The headers of an answer, with ours.

        A policy beside another forbids what either forbids. That of Dagster's pages names the scripts within them by
        a nonce, but lets those fetch others from anywhere.
        """
        ours = {name for name, _ in HEADERS}
        kept = [(name, value) for name, value in headers if name.lower() not in ours]
        has_policy = any(name.lower() == _POLICY for name, _ in kept)
        policy = _policy(host, "'unsafe-inline'" if has_policy else self._scripts)
        return [*kept, *HEADERS, (_POLICY, policy.encode("latin-1"))]

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> str | None:
        """Why a request is refused; None if it is not."""
        host = headers.get("host", "")
        if not self._is_ours(host):
            return f"{host!r} is no name of this server: start `copydesk ui` with --name to have it called so"
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return _FOREIGN
        # Of a WebSocket every browser says the origin.
        return _refusal_of_http(scope, headers) if scope["type"] == "http" else None

    def _is_ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found["name"].strip("[]").casefold()
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _policy(host: str, scripts: str) -> str:
    """What a page may fetch and do: everything is fetched from here, whatever a page shows.

    Args:
        host: of this server, as the browser calls it.
        scripts: those within the page that may run.
    """
    # Not every browser takes 'self' for WebSockets, too. An address of IPv6 cannot be written here.
    sockets = "" if host.startswith("[") else f" ws://{host}"
    return (
        f"default-src 'self'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
        f"img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'{sockets}; "
        "frame-src 'none'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def _refusal_of_http(scope: Scope, headers: dict[str, str]) -> str | None:
    """Why a request is refused by what it asks for, and from where; None if it is not.

    Browsers do not always tell of a request that another page made them send it: of a picture they send no `Origin`,
    and no `Sec-Fetch-Site` either where the server's name is not localhost. So what such a request can look like at
    all has to change nothing.
    """
    method, site = scope["method"], headers.get("sec-fetch-site")
    if site in ("cross-site", "same-site") and not _is_link(method, headers):
        return _FOREIGN
    # A decoded path, as routes are matched against, which overlook a line end at the end of one.
    names = [name.strip().casefold() for name in scope["path"].split("/")]
    if "notebook" in names:
        # It would show as a page of this server whatever HTML stands in a file that the user can read.
        return "there are no notebooks here"
    if method in ("GET", "HEAD"):
        # The page that queries are written in has no parameters. All others are a query's, however they are spelled.
        return "queries are sent with POST" if "graphql" in names and scope["query_string"] else None
    if method != "POST":
        return f"nothing is asked for with {method}"
    # Dagster takes queries and events of any other kind, too, without a body even. Pages may send those elsewhere
    # without asking first, and with parameters of the kind that name JSON.
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return None if kind == "application/json" else "what is sent has to be application/json"


def _is_link(method: str, headers: dict[str, str]) -> bool:
    """Whether someone followed a link to a page, which then fills the window."""
    wanted = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    return method == "GET" and wanted == ("navigate", "document")


async def _refuse(kind: str, reason: str, send: Send) -> None:
    if kind == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason[:100]})
        return
    content = f"Refused: {reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(content)).encode())]
    headers += HEADERS
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def main() -> None:
    """Serve, with the guard before what Dagster would serve."""
    from dagster_webserver import cli
    from dagster_webserver.templates.graphiql import TEMPLATE

    parser = argparse.ArgumentParser()
    parser.add_argument("--name", action="append", default=[])
    parser.add_argument("rest", nargs="*")
    arguments = parser.parse_args()
    # Dagster takes no middleware from outside.
    create = vars(cli)[CREATE]
    names = frozenset(name.casefold() for name in arguments.name)
    # The page that queries are written in is the only one without a nonce.
    scripts = re.findall(r"<script>(.*?)</script>", TEMPLATE, re.DOTALL)

    @functools.wraps(create)
    def create_guarded(*positional: Any, **named: Any) -> Guard:
        return Guard(create(*positional, **named), names, scripts)

    vars(cli)[CREATE] = create_guarded
    sys.argv[1:] = arguments.rest
    serve: Callable[[], None] = cli.main
    serve()


if __name__ == "__main__":
    main()
