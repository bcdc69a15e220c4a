"""The application: its parts put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from harness.review.queue import LEASE_S, Queue
from harness.review.web import admin, api, failures, pages
from harness.review.web.desk import Desk
from harness.review.web.headers import Guard, origin_of
from harness.review.web.sessions import Attempts, Sessions, Tickets
from harness.review.web.showing import template_environment
from harness.store import Store

_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class WebOptions:
    """The options by which the application is served.

    Attributes:
        urls: the addresses under which reviewers reach it, such as "http://127.0.0.1:8700"; the first counts.
        lease_s: how long a reviewer may take over an item, in seconds.
        sessions: the file in which sessions outlive the server; None for none.
        attempts: who may try to sign in how often.
        needed: about how many more labels decide a batch, by its id, for as long as a gate waits for it.
    """

    urls: tuple[str, ...]
    lease_s: float = LEASE_S
    sessions: Path | None = None
    attempts: Attempts = field(default_factory=Attempts)
    needed: Mapping[str, int] = field(default_factory=dict)


def create_app(store: Store, options: WebOptions) -> FastAPI:
    """The application over the queue of a store that is open for writing."""
    app = FastAPI(title="Steelyard review", docs_url=None, redoc_url=None, openapi_url=None)
    first = origin_of(options.urls[0])
    port = first.rpartition(":")[2]
    queue = Queue(store, lease_s=options.lease_s)
    app.state.desk = Desk(
        queue=queue,
        review=store.review,
        sessions=Sessions(options.sessions),
        tickets=Tickets(),
        attempts=options.attempts,
        needed=options.needed,
        cookie=f"steelyard_{port if port.isdigit() else 'review'}",
        is_secure=first.startswith("https:"),
        pages=template_environment(),
    )
    app.include_router(api.router)
    app.include_router(pages.router)
    app.include_router(admin.router)
    app.mount("/static", StaticFiles(directory=_STATIC))
    failures.install(app)
    app.add_middleware(Guard, origins=frozenset(map(origin_of, options.urls)))
    return app
