"""The application: its parts put together behind a guard of host, origin and size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

from harness.review.queue import LEASE_S, Outlook, Queue
from harness.review.web import admin, desk, failures, reviewing
from harness.review.web.desk import LIFETIME_S, Attempts, Desk, Sessions
from harness.review.web.server import origin_of, without_implied_port
from harness.review.web.showing import template_environment
from harness.store import Store

_MOST_BYTES = 1_000_000
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types steelyard"
)
# Not `no-referrer`: under it a browser calls the origin of a form "null".
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class WebOptions:
    """The options by which the application is served.

    Attributes:
        urls: the addresses under which reviewers reach it, such as "http://127.0.0.1:8700"; the first counts.
        lease_s: how long a reviewer may take over an item, in seconds.
        sessions: the file by which sessions outlive the server; None for none.
        attempts: who may try to sign in how often.
        outlooks: what lies ahead of the batches that a gate waits for, by their ids.
    """

    urls: tuple[str, ...]
    lease_s: float = LEASE_S
    sessions: Path | None = None
    attempts: Attempts = field(default_factory=Attempts)
    outlooks: Mapping[str, Outlook] = field(default_factory=dict)


def create_app(store: Store, options: WebOptions) -> FastAPI:
    """The application over the queue of a store that is open for writing."""
    app = FastAPI(title="Steelyard review", docs_url=None, redoc_url=None, openapi_url=None)
    sessions = Sessions(options.sessions)
    queue = Queue(store, lease_s=options.lease_s)
    app.state.desk = Desk(queue, store.review, sessions, options.attempts, options.outlooks, template_environment())
    for part in (reviewing, desk, admin):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    failures.install(app)
    origins = frozenset(map(origin_of, options.urls))
    first = urlsplit(origin_of(options.urls[0]))
    app.add_middleware(
        SessionMiddleware,
        secret_key=sessions.key,
        session_cookie=f"steelyard_{first.port or 'review'}",  # browsers share cookies between the ports of a host
        max_age=LIFETIME_S,
        same_site="lax",  # by "strict", a link in a mail would sign out: it sets a cookie anew, not knowing this one
        https_only=first.scheme == "https",
    )
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=_MOST_BYTES)
    hosts = [urlsplit(origin).netloc.removesuffix(f":{urlsplit(origin).port}") for origin in origins]
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)

    @app.middleware("http")
    async def guard(request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Refuse a change that no page of this server asks for, and give every response its security headers."""
        origin = request.headers.get("origin", "")
        if request.method in ("GET", "HEAD") or without_implied_port(origin.lower()) in origins:
            response = await call_next(request)
        else:
            message = f"A page of {origin[:100] or 'an unknown origin'} may not send this; nothing was stored."
            response = JSONResponse({"error": "foreign_origin", "message": message}, 403)
        response.headers.update(_HEADERS)
        return response

    return app
