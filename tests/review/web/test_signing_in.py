"""Who is signed in, for how long, and what nobody gets without."""

from __future__ import annotations

import html
import json
from base64 import b64encode
from typing import Any

import pytest
from fastapi import FastAPI

from harness.review.web import WebOptions, create_app
from harness.review.web.desk import Desk
from harness.store import Store
from tests.review.web import contents
from tests.review.web.conftest import ORIGIN, Browser, SignIn, begin, csrf_in, in_cookie
from tests.review.web.posting import posts

pytestmark = pytest.mark.service


def form(browser: Browser, path: str, **fields: str) -> Any:
    return browser.post(path, data=fields)


def submit_token(browser: Browser, token: str) -> Any:
    return form(browser, "/sign-in", csrf=csrf_in(browser.get("/sign-in").text), token=token)


# Signing in


def test_a_printed_token_signs_in_once(visitor: Browser, desk: Desk) -> None:
    desk.queue.add_reviewer("ann")
    ticket = desk.ticket_for("ann")
    response = submit_token(visitor, ticket)
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert visitor.get("/").status_code == 200
    with Browser(visitor.app) as another:  # type: ignore[arg-type]
        assert submit_token(another, ticket).status_code == 403


def test_the_cookie_is_kept_from_scripts_and_other_sites(visitor: Browser, desk: Desk) -> None:
    token = desk.queue.add_reviewer("ann")
    cookie = submit_token(visitor, token).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie


def test_a_link_from_another_site_opens_the_queue_and_signs_nobody_out(sign_in: SignIn) -> None:
    """A browser sends a lax cookie with it, and so the sign-in has no session to begin in its place."""
    ann = sign_in("ann")
    session = in_cookie(ann.cookies["steelyard_8700"])
    assert ann.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
    ann.get("/sign-in", headers={"Sec-Fetch-Site": "cross-site"})
    assert in_cookie(ann.cookies["steelyard_8700"]) == session


def test_behind_https_cookies_go_by_https_alone(store: Store) -> None:
    app = create_app(store, WebOptions(("https://review.example.org", ORIGIN)))
    token = app.state.desk.queue.add_reviewer("ann")
    with Browser(app) as browser:
        page = browser.get("/sign-in")
        assert "; secure" in page.headers["set-cookie"].lower()
        browser.cookies.set("steelyard_review", page.headers["set-cookie"].partition("=")[2].split(";")[0])
        assert (
            "; secure" in form(browser, "/sign-in", csrf=csrf_in(page.text), token=token).headers["set-cookie"].lower()
        )


def test_after_ten_wrong_tokens_an_address_has_to_wait_with_the_next_wrong_one(visitor: Browser, desk: Desk) -> None:
    token = desk.queue.add_reviewer("ann")
    for _ in range(10):
        response = submit_token(visitor, "guess")
        assert response.status_code == 403
        assert "This token is nobody" in response.text
    response = submit_token(visitor, "guess")
    assert response.status_code == 429
    assert 0 < int(response.headers["retry-after"]) <= 300
    assert "Try again in 5 minutes" in response.text
    assert submit_token(visitor, token).status_code == 303


def test_a_sign_in_that_is_refused_shows_the_form_again(visitor: Browser, desk: Desk) -> None:
    """It can be sent at once: a page that is too old, or a reviewer who was disabled since the address was printed."""
    desk.queue.add_reviewer("ann")
    token = desk.queue.new_token("ann")
    page = form(visitor, "/sign-in", csrf="0" * 64, token=token)
    assert page.status_code == 403
    assert "too old" in page.text
    assert form(visitor, "/sign-in", csrf=csrf_in(page.text), token=token).status_code == 303
    ticket = desk.ticket_for("ann")
    desk.queue.disable("ann")
    page = submit_token(visitor, ticket)
    assert (page.status_code, csrf_in(page.text) != "") == (403, True)
    assert "is disabled" in html.unescape(page.text)


def test_signing_in_anew_ends_the_session_before(visitor: Browser, desk: Desk) -> None:
    submit_token(visitor, desk.queue.add_reviewer("ann"))
    before = visitor.cookies["steelyard_8700"]
    assert submit_token(visitor, desk.queue.new_token("ann")).status_code == 303
    assert visitor.cookies["steelyard_8700"] != before
    assert desk.present(in_cookie(before)) is None
    assert visitor.get("/").status_code == 200


def test_signing_out_ends_the_session_for_everybody_who_has_its_cookie(sign_in: SignIn, desk: Desk) -> None:
    ann = sign_in("ann")
    session = ann.cookies["steelyard_8700"]
    assert ann.post("/sign-out").headers["location"] == "/sign-in"
    with Browser(ann.app, session) as thief:  # type: ignore[arg-type]
        assert thief.post("/api/next", json={}).status_code == 401


def test_signing_out_gives_back_what_was_held(sign_in: SignIn, desk: Desk, store: Store) -> None:
    contents.fill(store)
    ann = sign_in("ann")
    ann.take()
    assert sum(each.held for each in desk.queue.progress()) == 1
    ann.post("/sign-out")
    assert sum(each.held for each in desk.queue.progress()) == 0


def test_a_cookie_that_this_server_did_not_sign_is_nobodys(store: Store, desk: Desk, visitor: Browser) -> None:
    """Whatever it says: neither one of another key, nor one whose content was changed, nor one without a signature."""
    desk.queue.add_reviewer("ann", "admin")
    session = desk.session_of("ann")
    content, *signature = begin(desk, "ann").rsplit(".", 2)
    other = create_app(store, WebOptions((ORIGIN,))).state.desk
    changed = b64encode(json.dumps({**session, "name": "zoe"}).encode()).decode()
    for forged in (begin(other, "ann"), ".".join([changed, *signature]), content, f"{content}.{signature[0]}.", "null"):
        visitor.cookies.set("steelyard_8700", forged)
        assert visitor.get("/admin").headers["location"] == "/sign-in"


@pytest.mark.parametrize("path", ["/", "/adjudicate", "/admin", "/admin/batches/b-scale"])
def test_without_a_session_pages_lead_to_the_sign_in(visitor: Browser, path: str) -> None:
    assert visitor.get(path).headers["location"] == "/sign-in"
    visitor.cookies.set("steelyard_8700", "forged")
    assert visitor.get(path).headers["location"] == "/sign-in"


@pytest.mark.parametrize("path", ["/api/next", "/api/answer", "/api/undo", "/api/renew"])
def test_without_a_session_or_with_a_forged_one_nothing_is_taken(visitor: Browser, path: str) -> None:
    body = {"act": "skip", "lease": "x", "key": "k"}
    assert visitor.post(path, json=body).json()["error"] == "signed_out"
    visitor.cookies.set("steelyard_8700", "forged")
    response = visitor.post(path, json=body)
    assert (response.status_code, response.json()["error"]) == (401, "signed_out")
    assert "not signed in" in response.json()["message"]


# Where a request comes from


def test_every_post_needs_its_sessions_token(app: FastAPI, sign_in: SignIn, store: Store) -> None:
    contents.fill(store)
    zoe, ann = sign_in("zoe", "admin"), sign_in("ann")
    body = {"act": "skip", "lease": zoe.take(), "key": "k"}
    paths = posts(app)
    assert {"/api/answer", "/sign-in", "/sign-out", "/admin/reviewers"} <= set(paths)
    right = zoe.headers.pop("X-CSRF-Token")
    for token in ("", "0" * 64, ann.headers["X-CSRF-Token"], right[:-1], b"\xe4"):
        headers: dict[str, Any] = {"X-CSRF-Token": token} if token else {}
        for path in paths:
            response = (
                zoe.post(path, json=body, headers=headers)
                if path.startswith("/api")
                else zoe.post(path, data={"name": "ann", "token": "t"}, headers=headers)
            )
            assert response.status_code == 403, path
            assert "nothing was stored" in response.text
    assert zoe.get("/").status_code == 200, "signed in still"
    assert store.review.events(batch_id="b-scale") == []
    assert [each.name for each in store.review.reviewers() if each.disabled] == []
