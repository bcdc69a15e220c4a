"""A server on the loopback interface that keeps comments as GitHub's and GitLab's APIs do."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LONGEST = 65_536
USER = {"id": 7, "login": "ann", "type": "User"}
APP = {"id": 41, "login": "github-actions[bot]", "type": "Bot"}
STRANGER = {"id": 8, "login": "eve", "type": "User"}


@dataclass
class ForgeState:
    """What a server holds and how it behaves.

    Attributes:
        comments: of the one pull request, the oldest first.
        tokens: that it knows, and whose they are. That of an app may not ask whose it is.
        refusal: status, headers and body in place of an answer, by method.
        seen: method, path and body of each request.
    """

    number: int = 12
    comments: list[dict[str, Any]] = field(default_factory=list)
    tokens: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"user-token": USER, "app-token": APP})
    refusal: dict[str, tuple[int, dict[str, str], str]] = field(default_factory=dict)
    seen: list[tuple[str, str, Any]] = field(default_factory=list)

    def add(self, body: str, user: Mapping[str, Any]) -> dict[str, Any]:
        """Add a comment."""
        self.comments.append({"id": 100 + len(self.comments), "body": body, "user": dict(user)})
        return self.comments[-1]

    @property
    def methods(self) -> list[str]:
        """The methods of all requests that change something."""
        return [method for method, _, _ in self.seen if method != "GET"]


class Forge:
    """A running server; `api` is the address that GITHUB_API_URL or CI_API_V4_URL names."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.state = ForgeState()
        handler = type("Handler", (_Handler,), {"forge": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.api = f"http://127.0.0.1:{self._server.server_port}" + ("/api/v4" if kind == "gitlab" else "")

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    forge: Forge

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PATCH = do_PUT = do_GET

    def _answer(self) -> None:
        state = self.forge.state
        length = int(self.headers.get("Content-Length") or 0)
        content = json.loads(self.rfile.read(length)) if length else None
        state.seen.append((self.command, self.path, content))
        if self.command in state.refusal:
            self._send(*state.refusal[self.command])
            return
        status, answer = self._github(content) if self.forge.kind == "github" else self._gitlab(content)
        self._send(status, {}, json.dumps(answer))

    def _send(self, status: int, headers: Mapping[str, str], text: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def _github(self, content: Any) -> tuple[int, Any]:
        owner = self.forge.state.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        if owner is None:
            return 401, {"message": "Bad credentials"}
        path = urlsplit(self.path).path
        if path == "/user":
            if owner["type"] == "Bot":
                return 403, {"message": "Resource not accessible by integration"}
            return 200, dict(owner)
        return self._comments(
            content,
            owner,
            f"/repos/ann/demo/issues/{self.forge.state.number}/comments",
            "/repos/ann/demo/issues/comments",
        )

    def _gitlab(self, content: Any) -> tuple[int, Any]:
        owner = self.forge.state.tokens.get(self.headers.get("PRIVATE-TOKEN", ""))
        if owner is None:
            return 401, {"message": "401 Unauthorized"}
        if urlsplit(self.path).path == "/api/v4/user":
            return 200, {"id": owner["id"], "username": owner["login"]}
        notes = f"/api/v4/projects/5/merge_requests/{self.forge.state.number}/notes"
        status, answer = self._comments(content, owner, notes, notes)
        rename = {"user": "author"}
        told = [answer] if isinstance(answer, dict) else answer
        shown = [{rename.get(name, name): value for name, value in each.items() if name != "html_url"} for each in told]
        return status, shown[0] if isinstance(answer, dict) else shown

    def _comments(self, content: Any, owner: Mapping[str, Any], every: str, single: str) -> tuple[int, Any]:
        state = self.forge.state
        parts = urlsplit(self.path)
        if parts.path == every and self.command == "GET":
            asked = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
            first = (asked["page"] - 1) * asked["per_page"]
            return 200, state.comments[first : first + asked["per_page"]]
        if parts.path == every and self.command == "POST":
            if len(content["body"]) > LONGEST:
                return 422, {"message": "Validation Failed: body is too long (maximum is 65536 characters)"}
            return 201, {**state.add(content["body"], owner), "html_url": "https://forge.example/comment"}
        found = re.fullmatch(re.escape(single) + r"/(\d+)", parts.path)
        comment = next((each for each in state.comments if found and each["id"] == int(found[1])), None)
        if comment is None or self.command != ("PATCH" if self.forge.kind == "github" else "PUT"):
            return 404, {"message": "Not Found"}
        comment["body"] = content["body"]
        return 200, {**comment, "html_url": "https://forge.example/comment"}
