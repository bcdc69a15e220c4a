"""A refusal keeps the way on of whoever is signed in."""

from __future__ import annotations

import re
from pathlib import Path

from harness.store import Store
from tests.review.web.conftest import Browser, SignIn, csrf_in


def test_a_refusal_keeps_the_way_on_of_whoever_is_signed_in(sign_in: SignIn, visitor: Browser) -> None:
    ann, zoe = sign_in("ann"), sign_in("zoe", "admin")
    for browser, path, links in (
        (ann, "/admin", ["/", "/own"]),
        (ann, "/nowhere", ["/", "/own"]),
        (zoe, "/nowhere", ["/", "/own", "/adjudicate", "/admin"]),
        (zoe, "/admin/batches/none", ["/", "/own", "/adjudicate", "/admin"]),
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
