"""The application over a queue of its own, and reviewers who are signed in."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LIGHT

if LIGHT:  # a folder's conftest is imported before the hooks of those above it are asked
    pytest.importorskip("fastapi")

from fastapi import FastAPI
from itsdangerous import TimestampSigner
from starlette.testclient import TestClient

from harness.review.web import WebOptions, create_app
from harness.review.web.desk import Desk
from harness.store import Store

ORIGIN = "http://127.0.0.1:8700"
_keys = count()


class Clock:
    """Gives a time that only the test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Browser(TestClient):
    """What a reviewer's browser sends; every response is kept."""

    def __init__(self, app: FastAPI, session: str = "") -> None:
        super().__init__(app, base_url=ORIGIN, headers={"Origin": ORIGIN}, follow_redirects=False)
        self.received: list[Any] = []
        self.event_hooks["response"].append(self.received.append)
        if session:
            self.cookies.set("steelyard_8700", session)
            self.headers["X-CSRF-Token"] = in_cookie(session)["csrf"]

    def next(self, task: str = "label", holding: tuple[str, ...] = ()) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.post("/api/next", json={"task": task, "holding": list(holding)}).json()[
            "next"
        ]
        return found

    def say(self, lease: str, act: str = "label", **said: Any) -> Any:
        return self.post("/api/answer", json={"act": act, "lease": lease, "key": f"key-{next(_keys)}", **said})

    def take(self, task: str = "label") -> str:
        """The lease of the next item."""
        found = self.next(task)
        assert found is not None
        return str(found["lease"])


SignIn = Callable[..., Browser]


def begin(desk: Desk, name: str) -> str:
    """The cookie of a session of a reviewer by the present token."""
    content = b64encode(json.dumps(desk.session_of(name)).encode())
    return TimestampSigner(desk.sessions.key).sign(content).decode()


def in_cookie(session: str) -> dict[str, str]:
    """What a session's cookie holds."""
    content: dict[str, str] = json.loads(b64decode(session.rsplit(".", 2)[0]))
    return content


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "store.db")) as opened:
        yield opened


@pytest.fixture
def app(store: Store) -> FastAPI:
    return create_app(store, WebOptions((ORIGIN, "http://localhost:8700")))


@pytest.fixture
def desk(app: FastAPI) -> Desk:
    desk: Desk = app.state.desk
    return desk


@pytest.fixture
def visitor(app: FastAPI) -> Iterator[Browser]:
    """A browser in which nobody is signed in."""
    with Browser(app) as browser:
        yield browser


@pytest.fixture
def sign_in(app: FastAPI, desk: Desk) -> Iterator[SignIn]:
    """`sign_in("ann", role="annotator")`: a browser of a reviewer, who is made where there is none."""
    with ExitStack() as stack:

        def browser(name: str, role: Any = "annotator") -> Browser:
            if name not in [each.name for each in desk.queue.reviewers()]:
                desk.queue.add_reviewer(name, role)
            return stack.enter_context(Browser(app, begin(desk, name)))

        yield browser


def csrf_in(html: str) -> str:
    """The token that a page's form carries."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', html)
    assert found
    return found[1]
