"""A reviewer without a browser, for tests and measurements."""

from __future__ import annotations

from typing import Any

import httpx

from tests.review.web.conftest import csrf_in, in_cookie


class Client(httpx.Client):
    """What a browser sends to the server of this address."""

    def __init__(self, url: str) -> None:
        super().__init__(base_url=url, headers={"Origin": url}, timeout=30)
        self._cookie = f"steelyard_{url.rpartition(':')[2]}"

    def sign_in(self, token: str) -> None:
        """Exchange a token for a session."""
        page = self.get("/sign-in")
        answer = super().post("/sign-in", data={"csrf": csrf_in(page.text), "token": token})
        assert answer.status_code == 303, answer.text
        self.headers["X-CSRF-Token"] = in_cookie(self.cookies[self._cookie])["csrf"]

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]
        """Post JSON, and give the answer's; anything but a success is an error."""
        answer = super().post(path, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def next(self, holding: list[str]) -> str:
        """The lease of the next item."""
        return str(self.post("/api/next", {"holding": holding})["next"]["lease"])
