"""Who may do what, from where: sign-in, sessions, CSRF, Origin, Host, headers, sizes, roles, and what stays blind."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from harness.review.web import WebOptions, create_app
from harness.review.web.desk import Desk
from harness.store import Store
from tests.review.web import contents
from tests.review.web.conftest import ORIGIN, Browser, SignIn, begin, csrf_in

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def posts(app: FastAPI) -> list[str]:
    """The path of every route that takes a POST."""
    found = [route.path for route in app.routes if isinstance(route, APIRoute) and "POST" in (route.methods or ())]
    return [path.format(batch_id="b-scale") for path in found]


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
    assert "samesite=strict" in cookie
    assert "secure" not in cookie


def test_behind_https_cookies_go_by_https_alone(store: Store) -> None:
    app = create_app(store, WebOptions(("https://review.example.org", ORIGIN)))
    token = app.state.desk.queue.add_reviewer("ann")
    with Browser(app) as browser:
        page = browser.get("/sign-in")
        assert "; secure" in page.headers["set-cookie"].lower()
        browser.cookies.set("steelyard_review_visit", page.headers["set-cookie"].split("=")[1].split(";")[0])
        assert (
            "; secure" in form(browser, "/sign-in", csrf=csrf_in(page.text), token=token).headers["set-cookie"].lower()
        )


def test_a_wrong_token_is_refused_and_after_ten_an_address_has_to_wait(visitor: Browser, desk: Desk) -> None:
    token = desk.queue.add_reviewer("ann")
    for _ in range(10):
        response = submit_token(visitor, "guess")
        assert response.status_code == 403
        assert "This token is nobody" in response.text
    response = submit_token(visitor, token)
    assert response.status_code == 429
    assert 0 < int(response.headers["retry-after"]) <= 300
    assert "Try again in 5 minutes" in response.text


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


def test_a_disabled_reviewer_is_out_at_once(sign_in: SignIn, desk: Desk, store: Store) -> None:
    contents.fill(store)
    ann, zoe = sign_in("ann"), sign_in("zoe", "admin")
    lease = ann.take()
    zoe.post("/admin/reviewers/disable", data={"name": "ann"})
    assert ann.say(lease, value=4).status_code == 401
    assert ann.get("/").status_code == 303
    assert store.review.events(batch_id="b-scale") == []


def test_signing_in_anew_ends_the_session_before(visitor: Browser, desk: Desk) -> None:
    submit_token(visitor, desk.queue.add_reviewer("ann"))
    before = visitor.cookies["steelyard_8700"]
    assert submit_token(visitor, desk.queue.new_token("ann")).status_code == 303
    assert visitor.cookies["steelyard_8700"] != before
    assert desk.sessions.holder(before) is None
    assert visitor.get("/").status_code == 200


def test_signing_out_ends_the_session_for_everybody_who_has_its_cookie(sign_in: SignIn, desk: Desk) -> None:
    ann = sign_in("ann")
    session = ann.cookies["steelyard_8700"]
    assert ann.post("/sign-out").headers["location"] == "/sign-in"
    with Browser(ann.app, session) as thief:  # type: ignore[arg-type]
        assert thief.post("/api/next", json={}).status_code == 401


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


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://127.0.0.1:8701", "https://127.0.0.1:8700"]
)
def test_every_post_from_a_foreign_page_is_refused(app: FastAPI, sign_in: SignIn, store: Store, origin: str) -> None:
    contents.fill(store)
    zoe = sign_in("zoe", "admin")
    body = {"act": "skip", "lease": zoe.take(), "key": "k"}
    for path in posts(app):
        response = zoe.post(path, json=body, headers={"Origin": origin})
        assert (response.status_code, response.json()["error"]) == (403, "foreign_origin"), path
    assert store.review.events(batch_id="b-scale") == []


def test_a_post_without_an_origin_is_refused(sign_in: SignIn) -> None:
    ann = sign_in("ann")
    del ann.headers["Origin"]
    assert ann.post("/api/next", json={}).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8700.evil.example", ""])
def test_a_foreign_host_is_refused(sign_in: SignIn, host: str) -> None:
    """So that a name that an attacker points to 127.0.0.1 opens nothing."""
    response = sign_in("ann").get("/", headers={"Host": host})
    assert (response.status_code, response.json()["error"]) == (400, "foreign_host")
    assert "only for 127.0.0.1:8700, localhost:8700" in response.json()["message"]


def test_both_own_names_are_answered(sign_in: SignIn) -> None:
    assert sign_in("ann").get("/", headers={"Host": "localhost:8700"}).status_code == 200


@pytest.mark.parametrize(
    "url",
    ["https://review.example.org:443", "https://review.example.org", "http://review.example.org:80", "http://[::1]:80"],
)
def test_a_port_that_the_scheme_implies_may_be_said_or_not(store: Store, url: str) -> None:
    """Browsers never say it, `curl` does when it stands in the address."""
    app = create_app(store, WebOptions((url, ORIGIN)))
    app.state.desk.queue.add_reviewer("ann")
    scheme, _, said = url.partition("://")
    host = said.removesuffix(":443").removesuffix(":80")
    implied = {"http": 80, "https": 443}[scheme]
    with Browser(app, begin(app.state.desk, "ann")) as ann:
        ann.cookies.set("steelyard_review", ann.cookies["steelyard_8700"])
        for own in (host, f"{host}:{implied}", host.upper()):
            for origin in (f"{scheme}://{host}", f"{scheme}://{host}:{implied}"):
                response = ann.post("/api/next", json={}, headers={"Host": own, "Origin": origin})
                assert response.status_code == 200, (own, origin)
        for foreign in (f"{host}:8700", f"{host}:{443 if implied == 80 else 80}", f"{host}.evil.example"):
            assert ann.get("/", headers={"Host": foreign}).json()["error"] == "foreign_host", foreign


def test_a_request_that_is_too_large_is_refused(sign_in: SignIn, store: Store) -> None:
    contents.fill(store)
    ann = sign_in("ann")
    lease = ann.take()
    response = ann.say(lease, value="x" * 1_000_001)
    assert (response.status_code, response.json()["error"]) == (413, "too_large")
    chunks = (b"x" * 100_000 for _ in range(20))
    assert ann.post("/api/answer", content=chunks).status_code == 413
    assert ann.post("/api/answer", content=b"{}", headers={"Content-Length": "many"}).status_code == 400
    assert ann.say(lease, value=4).status_code == 200


# What responses carry


def test_every_response_has_the_security_headers(sign_in: SignIn, store: Store) -> None:
    contents.fill(store)
    zoe = sign_in("zoe", "admin")
    lease = zoe.take()
    for path in (
        "/",
        "/adjudicate",
        "/admin",
        "/admin/batches/b-scale",
        "/sign-in",
        "/static/review.js",
        "/nowhere",
        f"/leases/{lease}/texts/answer-0",
    ):
        zoe.get(path)
    zoe.say(lease, value=4)
    zoe.get("/", headers={"Host": "evil.example"})
    assert len(zoe.received) >= 10
    for response in zoe.received:
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "same-origin"
        assert not any(name.startswith("access-control") for name in response.headers)


def test_pages_have_no_script_or_style_within(sign_in: SignIn, store: Store) -> None:
    contents.fill(store)
    zoe = sign_in("zoe", "admin")
    for path in ("/", "/adjudicate", "/admin", "/admin/batches/b-scale", "/sign-in", "/nowhere"):
        page = zoe.get(path).text
        assert re.findall(r"<script(?![^>]*\bsrc=\"/static/)", page) == []
        assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page) == []


def test_there_is_no_description_of_the_api(visitor: Browser) -> None:
    assert [visitor.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")] == [404, 404, 404]


@pytest.mark.parametrize(
    "path", ["/static/../desk.py", "/static/%2e%2e/desk.py", "/static/..%2fdesk.py", "/static//etc/passwd"]
)
def test_only_the_static_files_are_given_out(visitor: Browser, path: str) -> None:
    assert visitor.get(path).status_code == 404


@pytest.mark.parametrize("kind", sorted(contents.FORMS))
def test_what_a_model_or_a_person_wrote_is_escaped(sign_in: SignIn, store: Store, kind: str) -> None:
    answers = [[SCRIPT, SCRIPT]] if kind == "preference" else [[SCRIPT]]
    contents.add(store, contents.FORMS[kind], contents.items_of("b1", SCRIPT, answers), evaluation_id=SCRIPT)
    ann, zoe = sign_in("ann"), sign_in(SCRIPT[:60], "admin")
    lease = ann.take()
    ann.get("/")
    ann.get(f"/leases/{lease}/texts/answer-0")
    ann.say(lease, "flag", note=SCRIPT)
    zoe.get("/adjudicate")
    zoe.get("/admin")
    zoe.get("/admin/batches/b1")
    zoe.get(f"/{SCRIPT}")
    zoe.post("/admin/reviewers", data={"name": SCRIPT[:50], "role": "annotator"})
    bodies = [response.text for browser in (ann, zoe) for response in browser.received]
    assert sum("&lt;script&gt;alert(1)" in body for body in bodies) >= 6
    for body in bodies:
        assert "<script>" not in body
        assert "<img" not in body


# Roles


@pytest.mark.parametrize("role", ["annotator", "adjudicator"])
def test_the_admins_page_is_for_admins(sign_in: SignIn, store: Store, app: FastAPI, role: str) -> None:
    contents.fill(store)
    ann = sign_in("ann", role)
    for path in ("/admin", "/admin/batches/b-scale"):
        response = ann.get(path)
        assert response.status_code == 403
        assert "this page is for admins" in response.text
    for path in (each for each in posts(app) if each.startswith("/admin")):
        assert ann.post(path, data={"name": "eve", "role": "admin"}).status_code == 403
    assert [each.name for each in store.review.reviewers()] == ["ann"]
    assert all(batch.closed is None for batch in store.review.batches())


def test_disputes_are_for_adjudicators(sign_in: SignIn, store: Store) -> None:
    contents.fill(store)
    ann = sign_in("ann")
    ann.say(ann.take(), "flag", note="it is cut")
    bob = sign_in("bob")
    assert bob.get("/adjudicate").status_code == 403
    assert bob.post("/api/next", json={"task": "adjudicate"}).status_code == 403
    assert sign_in("eve", "adjudicator").next("adjudicate") is not None


def test_a_refusal_keeps_the_way_on_of_whoever_is_signed_in(sign_in: SignIn, visitor: Browser) -> None:
    ann, zoe = sign_in("ann"), sign_in("zoe", "admin")
    for browser, path, links in (
        (ann, "/admin", ["/"]),
        (ann, "/nowhere", ["/"]),
        (zoe, "/nowhere", ["/", "/adjudicate", "/admin"]),
        (zoe, "/admin/batches/none", ["/", "/adjudicate", "/admin"]),
        (visitor, "/nowhere", []),
    ):
        page = browser.get(path).text
        navigation = page.partition("<nav")[2].partition("</nav>")[0]
        assert re.findall(r'<a href="(.*?)"', navigation) == links, path
        assert ("Sign out" in navigation) == bool(links)
    page = zoe.get("/nowhere").text
    assert zoe.post("/sign-out", data={"csrf": csrf_in(page)}, headers={"X-CSRF-Token": ""}).status_code == 303


def test_where_the_store_is_broken_the_refusal_comes_without_a_way_on(
    sign_in: SignIn, store: Store, tmp_path: Path
) -> None:
    zoe = sign_in("zoe", "admin")
    store.close()
    for each in tmp_path.glob("store.db*"):
        each.write_bytes(b"no database" * 1_000)
    response = zoe.get("/admin")
    assert response.status_code == 503
    assert "The store has trouble" in response.text
    assert "<nav" not in response.text


def test_an_admin_is_not_locked_out_by_accident(sign_in: SignIn) -> None:
    zoe = sign_in("zoe", "admin")
    assert zoe.post("/admin/reviewers/disable", data={"name": "zoe"}).status_code == 403
    assert zoe.get("/admin").status_code == 200


# Blindness


@pytest.mark.parametrize("kind", sorted(contents.FORMS))
def test_nothing_that_sways_is_in_any_response_before_the_label_is_in(sign_in: SignIn, store: Store, kind: str) -> None:
    """Every header and body that a reviewer gets, from signing in to the last item, is searched."""
    value = {"scale": 4, "categories": "right", "text": "a word of bob's", "preference": "left"}[kind]
    answers = [["one", "two"]] if kind == "preference" else [["one"]]
    contents.add(store, contents.FORMS[kind], contents.items_of("b1", "Question?", answers * 4, wanted=3))
    bob, ann = sign_in("bob"), sign_in("ann")
    for _ in range(4):
        assert bob.say(bob.take(), value=value, note="a note of bob's").status_code == 200
    ann.get("/")
    ann.get("/api/progress")
    for _ in range(2):
        lease = ann.take()
        ann.get(f"/leases/{lease}/texts/answer-0")
        ann.post("/api/renew", json={"lease": lease})
        ann.say(lease, "skip", want=True)
        ann.post("/api/undo", json={"key": f"undo-{lease}"})
        ann.say(ann.take(), value=value, want=True)
        ann.say("of-nobody", value=value)
        ann.say(ann.take(), value=[])
    for path in ("/admin", "/admin/batches/b1", "/adjudicate", "/nowhere"):
        ann.get(path)
    assert len(ann.received) > 20
    told = "\n".join(f"{response.headers}\n{response.text}" for response in ann.received)
    assert "Question?" in told
    for secret in ("secret", "fingerprint", "bob", "0.7712", "0.1234", "word of", "note of", "n_labels"):
        assert secret not in told


def test_an_adjudicator_sees_what_was_said_but_neither_by_whom_nor_of_which_version(
    sign_in: SignIn, store: Store
) -> None:
    contents.add(store, contents.PAIR, contents.items_of("b1", "Q?", [["one", "two"]], wanted=2))
    ann, bob, eve = sign_in("ann"), sign_in("bob"), sign_in("eve", "adjudicator")
    ann.say(ann.take(), value="left", note="clearer")
    bob.say(bob.take(), value="tie")
    found = eve.next("adjudicate")
    assert found is not None
    for told in ("What reviewers said", "is better</strong>", "neither</strong>", "“clearer”"):
        assert told in found["html"]
    for secret in ("secret", "fingerprint", "ann", "bob", "0.7712", "0.1234"):
        assert secret not in re.sub(r"beginning|Answer", "", found["html"])
