"""Sessions end with their token: whoever changes it, on either database, also through another server or a command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from click.testing import CliRunner
from fastapi import FastAPI
from sqlalchemy import text

from harness.cli import main
from harness.review import Queue
from harness.review.web import WebOptions, create_app
from harness.store import Store
from tests.review.web import contents
from tests.review.web.conftest import ORIGIN, Browser, begin, csrf_in
from tests.store.conftest import open_store, store, url  # noqa: F401 - fixtures

pytestmark = pytest.mark.service

SignIn = Callable[[FastAPI, str], Browser]
End = Callable[[str, str], None]


@pytest.fixture
def app(store: Store) -> FastAPI:  # noqa: F811
    """A server over a queue with the annotator ann and the admins eve and zoe."""
    queue = Queue(store)
    for name, role in (("ann", "annotator"), ("eve", "admin"), ("zoe", "admin")):
        queue.add_reviewer(name, role)  # type: ignore[arg-type]
    contents.fill(store)
    return create_app(store, WebOptions((ORIGIN,)))


@pytest.fixture
def sign_in(app: FastAPI) -> Iterator[SignIn]:
    """`sign_in(app, "ann")`: a browser of a reviewer, of this server or another one."""
    with ExitStack() as stack:
        yield lambda of, name: stack.enter_context(Browser(of, begin(of.state.desk, name)))


def by_command(url: str, *words: str) -> None:  # noqa: F811
    result = CliRunner().invoke(main, ["review", "reviewer", *words, "--store", url])
    assert result.exit_code == 0, result.output


def is_out(browser: Browser, lease: str = "none") -> bool:
    """Whether nothing that this session asks for is done any more."""
    answers = [browser.post("/api/next", json={}), browser.say(lease, value=4), browser.get("/api/progress")]
    pages = [browser.get(path) for path in ("/", "/adjudicate", "/admin", "/admin/batches/b-scale")]
    added = browser.post("/admin/reviewers", data={"name": "mallory", "role": "admin"})
    assert "mallory" not in {each.name for each in browser.app.state.desk.queue.reviewers()}  # type: ignore[attr-defined]
    told = [each.status_code for each in answers], [each.status_code for each in [*pages, added]]
    assert all(each.headers["location"] == "/sign-in" for each in pages if each.status_code == 303)
    return told[0] == [401] * 3 and set(told[1]) <= {303, 403} and told[1][0] == 303


@pytest.mark.nightly
@pytest.mark.parametrize("how", ["command", "page", "another server"])
@pytest.mark.parametrize("what", ["token", "disable"])
def test_a_session_ends_with_its_token(
    app: FastAPI,
    sign_in: SignIn,
    url: str,  # noqa: F811
    store: Store,  # noqa: F811
    how: str,
    what: str,
) -> None:
    ann = sign_in(app, "ann")
    lease = ann.take()
    if how == "command":
        by_command(url, what, "ann")
    else:
        server = app if how == "page" else create_app(store, WebOptions((ORIGIN,)))
        assert sign_in(server, "zoe").post(f"/admin/reviewers/{what}", data={"name": "ann"}).status_code < 400
    assert is_out(ann, lease)
    assert store.review.events(batch_id="b-scale") == []


def test_a_disabled_reviewers_session_does_not_come_back(app: FastAPI, sign_in: SignIn, url: str) -> None:  # noqa: F811
    ann, idle = sign_in(app, "ann"), sign_in(app, "ann")
    by_command(url, "disable", "ann")
    assert is_out(ann)
    by_command(url, "token", "ann")
    assert is_out(ann)
    assert is_out(idle), "one that asked for nothing meanwhile is over as well"
    assert sign_in(app, "ann").get("/").status_code == 200


def test_the_old_token_does_not_come_back_with_a_row_that_is_enabled_by_hand(
    app: FastAPI,
    sign_in: SignIn,
    store: Store,  # noqa: F811
) -> None:
    token = Queue(store).new_token("ann")
    ann = sign_in(app, "ann")
    Queue(store).disable("ann")
    with store.review.turn() as connection:
        connection.execute(text("UPDATE steelyard_reviewers SET disabled = NULL WHERE name = 'ann'"))
    assert is_out(ann)
    assert Queue(store).sign_in(token) is None


def test_a_removed_reviewers_session_is_over_and_not_another_ones_of_that_name(
    app: FastAPI,
    sign_in: SignIn,
    store: Store,  # noqa: F811
) -> None:
    ann, idle = sign_in(app, "ann"), sign_in(app, "ann")
    with store.review.turn() as connection:
        connection.execute(text("DELETE FROM steelyard_reviewers WHERE name = 'ann'"))
    assert is_out(ann)
    Queue(store).add_reviewer("ann", "admin")
    assert is_out(idle)


def test_a_rotated_admins_old_session_creates_nobody(app: FastAPI, sign_in: SignIn) -> None:
    zoe, eve = sign_in(app, "zoe"), sign_in(app, "eve")
    assert eve.post("/admin/reviewers/token", data={"name": "zoe"}).status_code == 200
    assert is_out(zoe)
    assert eve.get("/admin").status_code == 200


def test_an_admin_who_takes_a_new_token_goes_on_here_and_is_signed_out_elsewhere(app: FastAPI, sign_in: SignIn) -> None:
    zoe, elsewhere = sign_in(app, "zoe"), sign_in(app, "zoe")
    page = zoe.post("/admin/reviewers/token", data={"name": "zoe"})
    assert page.status_code == 200
    session = page.cookies["steelyard_8700"]
    assert is_out(elsewhere)
    with Browser(app, zoe.cookies.get("steelyard_8700", domain="")) as old:
        assert is_out(old)
    with Browser(app, session) as here:
        assert csrf_in(page.text) == here.headers["X-CSRF-Token"]
        assert here.post("/admin/reviewers", data={"name": "bob", "role": "annotator"}).status_code == 200


def test_a_printed_address_ends_with_the_token_that_it_stands_for(app: FastAPI, url: str) -> None:  # noqa: F811
    ticket = app.state.desk.ticket_for("ann")
    by_command(url, "disable", "ann")
    by_command(url, "token", "ann")
    with Browser(app) as browser:
        form = {"csrf": csrf_in(browser.get("/sign-in").text), "token": ticket}
        page = browser.post("/sign-in", data=form)
        assert page.status_code == 403
        assert "another token since" in page.text
        assert browser.get("/").status_code == 303
