"""The admin's page is for admins, who stay it."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from harness.store import Store
from tests.review.web import contents
from tests.review.web.conftest import SignIn
from tests.review.web.posting import posts

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


def test_an_admin_is_not_locked_out_by_accident(sign_in: SignIn) -> None:
    zoe = sign_in("zoe", "admin")
    assert zoe.post("/admin/reviewers/disable", data={"name": "zoe"}).status_code == 403
    assert zoe.get("/admin").status_code == 200
