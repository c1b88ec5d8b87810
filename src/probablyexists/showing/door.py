"""Who may come in: this browser, by the address with its token, from this page alone. Everything else is refused."""

from __future__ import annotations

import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from probablyexists.showing.ticket import Ticket

_POLICY = (
    "default-src 'none'; img-src 'self' blob:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "x-robots-tag": "noindex",
}
_FRAMED = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)
"""Of a page of the report's kind, which brings its own style and pictures, and runs nothing."""
_LONGEST = 1000
"""Characters of a path; ours are far shorter."""
MOST_SENT = 64 * 2**20
"""Bytes of a request's body: photos to ask about."""


class Framed(HTMLResponse):
    """A self-contained page, the only kind that a page of ours may hold in a frame."""

    def __init__(self, page: str) -> None:
        super().__init__(page, headers={"content-security-policy": _FRAMED})


class Door:
    """Checks each request, takes the token off its path, and closes each answer's headers.

    400: a Host other than ours, which a name that was pointed at this machine has (DNS rebinding). 403: no token, or a
    request that changes something from another page. 411, 413, 414: of a length that is not said, or too large.
    """

    def __init__(self, app: ASGIApp, token: str, port: int, ticket: Ticket | None = None) -> None:
        self.app, self.token, self.ticket = app, token, ticket
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        send = _closed(send)
        refused = self._refused(scope)
        if refused is not None:
            return await refused(scope, receive, send)
        _, _, rest = scope["path"].removeprefix("/").partition("/")
        scope = {**scope, "path": f"/{rest}", "raw_path": None, "root_path": ""}
        return await self.app(scope, receive, send)

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host not in self.hosts:
            return PlainTextResponse("this page is for 127.0.0.1 alone\n", 400)
        if len(scope["path"]) > _LONGEST:
            return PlainTextResponse("no address of this page\n", 414)
        token, slash, rest = scope["path"].removeprefix("/").partition("/")
        if self.ticket is not None and slash and not rest and self.ticket.taken(token, (scope["client"] or ("", 0))[1]):
            return RedirectResponse(f"/{self.token}/", 303)
        if not slash or not secrets.compare_digest(token.encode(), self.token.encode()):
            return PlainTextResponse("use the address that probablyexists show printed\n", 403)
        if scope["method"] in ("GET", "HEAD"):
            return _asked(headers)
        return _sent(scope["method"], headers, f"http://{host}")


def _asked(headers: Headers) -> PlainTextResponse | None:
    """Why what is asked for is refused; None if it may come in."""
    ours = headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    return None if ours else PlainTextResponse("asked for by another page\n", 403)


def _sent(method: str, headers: Headers, ours: str) -> PlainTextResponse | None:
    """Why what is sent is refused; None if it may come in."""
    if method != "POST":
        return PlainTextResponse("not allowed\n", 405)
    if headers.get("origin") != ours:
        return PlainTextResponse("sent from another page\n", 403)
    length = headers.get("content-length", "")
    # Chunks are not counted in advance, whatever length is said beside them.
    if "transfer-encoding" in headers or not (length.isascii() and length.isdecimal()):
        return PlainTextResponse("its length is not said\n", 411)
    return PlainTextResponse("too large\n", 413) if int(length) > MOST_SENT else None


def _closed(send: Send) -> Send:
    async def closed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            framed = headers.get("content-security-policy") == _FRAMED
            headers.update(_HEADERS)
            if framed:
                headers.update({"content-security-policy": _FRAMED, "x-frame-options": "SAMEORIGIN"})
        await send(message)

    return closed
