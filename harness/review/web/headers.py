"""Guards every route: Host, Origin and size are checked, and every response gets its security headers."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 1_000_000
_IMPLIED = {"http": ":80", "https": ":443"}
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types steelyard",
    ]
)
# Not `no-referrer`: under it a browser calls the origin of a form "null".
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware that lets through what was addressed to this server, and no request that is too large."""

    def __init__(self, app: ASGIApp, origins: frozenset[str]) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, with_headers)
            return
        body = await _read(receive, int(Headers(scope=scope).get("content-length") or 0))
        if body is None:
            refusal = _refuse(413, "too_large", f"The request is larger than {MOST_BYTES:,} bytes; nothing was stored.")
            await refusal(scope, receive, with_headers)
            return
        await self._app(scope, _replay(body, receive), with_headers)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        # Browsers leave out the port that the scheme implies; other clients may say it.
        if not {origin_of(f"{scheme}://{host}") for scheme in _IMPLIED} & self._origins:
            known = ", ".join(sorted(origin.partition("://")[2] for origin in self._origins))
            message = f"This server does not answer for the host {host[:100]!r}, only for {known}."
            return _refuse(400, "foreign_host", message)
        if re.fullmatch("[0-9]*", headers.get("content-length") or "") is None:
            return _refuse(400, "bad_request", "The header Content-Length is no number.")
        if scope["method"] in ("GET", "HEAD"):
            return None
        origin = headers.get("origin", "")
        if _without_implied_port(origin.lower()) not in self._origins:
            message = f"A page of {origin[:100] or 'an unknown origin'} may not send this; nothing was stored."
            return _refuse(403, "foreign_origin", message)
        return None


async def _read(receive: Receive, announced: int) -> bytes | None:
    """The whole body; None for one that is too large."""
    if announced > MOST_BYTES:
        return None
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST_BYTES:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read already, then what else there is to receive."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _refuse(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": code, "message": message}, status)


def origin_of(url: str) -> str:
    """Scheme, host and port of an address as browsers write them.

    >>> origin_of("https://Review.example.org:443/queue")
    'https://review.example.org'
    """
    parts = urlsplit(url)
    return _without_implied_port(f"{parts.scheme}://{parts.netloc}".lower())


def _without_implied_port(origin: str) -> str:
    return origin.removesuffix(_IMPLIED.get(origin.partition("://")[0], ""))
