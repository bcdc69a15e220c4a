"""What was addressed to this server by its own pages is let through, no larger than it may be, and answered safely."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI

from harness.review.web import WebOptions, create_app
from harness.store import Store
from tests.review.web import contents
from tests.review.web.conftest import ORIGIN, Browser, SignIn, begin
from tests.review.web.posting import posts

pytestmark = pytest.mark.service


@pytest.mark.nightly
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


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8700", "127.0.0.1.evil.example", "127.0.0.1:8700.evil", ""]
)
def test_a_foreign_host_is_refused(sign_in: SignIn, host: str) -> None:
    """So that a name that an attacker points to 127.0.0.1 opens nothing."""
    assert sign_in("ann").get("/", headers={"Host": host}).status_code == 400


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
        ann.cookies.set("steelyard_review", ann.cookies["steelyard_8700"], domain="")
        ann.headers["Host"] = host
        for own in (host, f"{host}:{implied}", host.upper()):
            for origin in (f"{scheme}://{host}", f"{scheme}://{host}:{implied}"):
                response = ann.post("/api/next", json={}, headers={"Host": own, "Origin": origin})
                assert response.status_code == 200, (own, origin)
        for foreign in (f"{host}:8700", f"{host}:{443 if implied == 80 else 80}", f"{host}.evil.example"):
            assert ann.post("/api/next", json={}, headers={"Origin": f"{scheme}://{foreign}"}).status_code == 403, (
                foreign
            )
        assert ann.get("/", headers={"Host": f"{host}.evil.example"}).status_code == 400


def test_a_request_that_is_too_large_is_refused(sign_in: SignIn, store: Store) -> None:
    contents.fill(store)
    ann = sign_in("ann")
    lease = ann.take()
    assert ann.say(lease, value="x" * 1_000_001).status_code == 413
    chunks = (b"x" * 100_000 for _ in range(20))
    assert ann.post("/api/answer", content=chunks).status_code == 413
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
    ):
        zoe.get(path)
    zoe.say(lease, value=4)
    zoe.get("/", headers={"Host": "evil.example"})
    assert len(zoe.received) >= 9
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
