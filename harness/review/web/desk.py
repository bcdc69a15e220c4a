"""The desk at which every route works: the queue, who is signed in and how, and the pages that they see.

Starlette keeps a session in a cookie that is signed: the reviewer's name, the stamp of the token that the reviewer had
when it began (`AdmittedReviewer.stamp`), and the token that each of its changes has to carry. Whether the reviewer
still has that token is asked of the store at each request, so that a session ends with it, whoever changes
it and where.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from jinja2 import Environment
from starlette.responses import RedirectResponse

from harness.errors import ReviewerError
from harness.records.review import Reviewer
from harness.review.queue import Outlook, Queue
from harness.store.review.reviewers import AdmittedReviewer
from harness.store.review.store import ReviewStore

LIFETIME_S = 12 * 3600


class SignedOutError(Exception):
    """The request needs a reviewer, and comes from nobody who is signed in."""

    def __str__(self) -> str:
        return "You are not signed in, or not any more. Nothing was stored."


class CsrfError(Exception):
    """The request does not carry its session's token, so a page of this server did not send it."""

    def __str__(self) -> str:
        return "The page that sent this is too old, or not of this server; nothing was stored. Reload it and try again."


class Sessions:
    """The key by which cookies are signed, and the sessions that ended before their time.

    Args:
        path: of a file that nobody but its owner can read, so that sessions outlive the server; None for none.
        clock: epoch seconds.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock, self._lock = path, clock, threading.Lock()
        self.key, self._ended = _read(path)
        self._write()

    def end(self, session: str) -> None:
        """Sign out, everybody who has the session's cookie."""
        with self._lock:
            now = self._clock()
            self._ended = {each: until for each, until in self._ended.items() if until > now}
            self._ended[session] = now + LIFETIME_S
            self._write()

    def is_ended(self, session: str) -> bool:
        """Tell whether somebody signed out of it."""
        return session in self._ended

    def _write(self) -> None:
        if self._path is None:
            return
        new = self._path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            json.dump({"key": self.key, "ended": self._ended}, stream)
        new.replace(self._path)


def _read(path: Path | None) -> tuple[str, dict[str, float]]:
    """The key and the ended sessions of a file; a new key where it was written by something else than a server."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8")) if path is not None else {}
        key, ended = str(stored["key"]), {str(each): float(until) for each, until in stored["ended"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        key, ended = "", {}
    return (key, ended) if len(key) == 64 else (secrets.token_hex(32), {})


class Attempts:
    """A limit on how often an address may try wrong tokens: `most` times within `within_s`."""

    def __init__(self, most: int = 10, within_s: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._within_s, self._clock, self._lock = most, within_s, clock, threading.Lock()
        self._failed: dict[str, list[float]] = {}

    def wait_s(self, address: str) -> float:
        """Seconds until the address may try again; 0 if it may now."""
        with self._lock:
            times = self._recent(address)
            return times[0] + self._within_s - self._clock() if len(times) >= self._most else 0.0

    def fail(self, address: str) -> None:
        """Count a failure."""
        with self._lock:
            self._failed = {each: times for each in list(self._failed) if (times := self._recent(each))}
            self._failed.setdefault(address, []).append(self._clock())

    def _recent(self, address: str) -> list[float]:
        after = self._clock() - self._within_s
        return [moment for moment in self._failed.get(address, []) if moment > after]


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of one application.

    Attributes:
        review: the same queue as the store keeps it, for the labels that adjudicators are shown.
        outlooks: what lies ahead of the batches that a gate waits for, by their ids.
        pages: templates, which escape what is put into them.
        tickets: digests of the tokens that sign a reviewer in once, each with the session that it begins.
    """

    queue: Queue
    review: ReviewStore
    sessions: Sessions
    attempts: Attempts
    outlooks: Mapping[str, Outlook]
    pages: Environment
    tickets: dict[str, dict[str, str]] = field(default_factory=dict)

    def ticket_for(self, name: str) -> str:
        """A token that signs a reviewer in once, for as long as the reviewer's own token is not changed.

        Raises:
            ReviewerError: there is no such reviewer, or one who is disabled.
        """
        ticket = secrets.token_urlsafe(24)
        self.tickets[_digest(ticket)] = self.session_of(name)
        return ticket

    def session_of(self, name: str) -> dict[str, str]:
        """Return what the cookie of a new session of a reviewer holds. Raises as `ticket_for`."""
        admitted = self.review.admitted(name)
        if admitted is None:
            raise ReviewerError(f"The reviewer {name!r} is disabled, or there is none of that name.")
        return _new_session(admitted)

    def redeem(self, token: str) -> dict[str, str] | None:
        """The session that a token begins: a reviewer's own, or a ticket's, which does so once; None for any other.

        Raises:
            ReviewerError: the ticket's reviewer is disabled, or got another token since.
        """
        session = self.tickets.pop(_digest(token), None)
        if session is None:
            admitted = self.review.admitted_by(token)
            return None if admitted is None else _new_session(admitted)
        if self.present(session) is None:
            raise ReviewerError(f"The reviewer {session['name']!r} is disabled, or got another token since.")
        return session

    def present(self, session: Mapping[str, str]) -> Reviewer | None:
        """The reviewer of a session as the store has it now; None where it is over, or nobody's."""
        if "name" not in session or self.sessions.is_ended(session["id"]):
            return None
        admitted = self.review.admitted(session["name"])
        return None if admitted is None or admitted.stamp != session["stamp"] else admitted.reviewer


def _new_session(admitted: AdmittedReviewer) -> dict[str, str]:
    made = {"id": secrets.token_hex(16), "csrf": secrets.token_hex(32)}
    return {"name": admitted.reviewer.name, "stamp": admitted.stamp, **made}


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def desk_of(request: Request) -> Desk:
    """The desk of the application that serves a request."""
    desk: Desk = request.app.state.desk
    return desk


def reviewer_of(request: Request) -> Reviewer:
    """The reviewer who is signed in, with the present role.

    Raises:
        SignedOutError: nobody is, or the reviewer's token was changed since, or the reviewer disabled or removed.
    """
    reviewer = desk_of(request).present(request.session)
    if reviewer is None:
        raise SignedOutError
    return reviewer


def signed_in(request: Request) -> str:
    """The name of the reviewer who is signed in. Raises as `reviewer_of`."""
    return reviewer_of(request).name


def admin_of(request: Request) -> Reviewer:
    """The admin who is signed in; a ReviewerError for anybody else. Raises as `reviewer_of`."""
    reviewer = reviewer_of(request)
    if reviewer.role != "admin":
        raise ReviewerError(f"The reviewer {reviewer.name!r} is an {reviewer.role}; this page is for admins.")
    return reviewer


async def checked(request: Request) -> None:
    """Refuse a POST without its session's token, in the header X-CSRF-Token or in the form's field `csrf`."""
    if request.method in ("GET", "HEAD"):
        return
    token = request.headers.get("x-csrf-token", "")
    if not token and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        token = str((await request.form()).get("csrf", ""))
    secret = request.session.get("csrf", "")
    if not secret or not secrets.compare_digest(token.encode(), secret.encode()):
        raise CsrfError


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page of the application, with the token for its forms."""
    values["csrf"] = request.session.setdefault("csrf", secrets.token_hex(32))
    html = desk_of(request).pages.get_template(template).render(values)
    return Response(html.encode("utf-8", "replace"), status, media_type="text/html; charset=utf-8")


router = APIRouter(dependencies=[Depends(checked)])


@router.get("/sign-in")
def show_sign_in(request: Request) -> Response:
    """The form to sign in with."""
    return sign_in_page(request)


@router.post("/sign-in")
def sign_in(request: Request, token: Annotated[str, Form()] = "") -> Response:
    """Exchange a token for a session's cookie: a reviewer's own, or the one that was printed at the start, once.

    A right one counts at any time: behind a proxy, everybody comes from the address of whoever guesses.
    """
    desk, address = desk_of(request), request.client.host if request.client else ""
    session = desk.redeem(token.strip())
    if session is None and (wait_s := desk.attempts.wait_s(address)) > 0:
        response = sign_in_page(
            request, f"Too many wrong tokens from here. Try again in {wait_s / 60:.0f} minutes.", 429
        )
        response.headers["Retry-After"] = f"{wait_s:.0f}"
        return response
    if session is None:
        desk.attempts.fail(address)
        return sign_in_page(request, "This token is nobody's, or it was used already. Ask an admin for a new one.", 403)
    end_session(request)
    request.session.update(session)
    return RedirectResponse("/", 303)


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the session, and let others have the items that it holds."""
    desk = desk_of(request)
    reviewer = desk.present(request.session)
    if reviewer is not None:
        desk.queue.free(reviewer.name)
    end_session(request)
    return RedirectResponse("/sign-in", 303)


def end_session(request: Request) -> None:
    """End the session that a request comes with, if it comes with one."""
    if "id" in request.session:
        desk_of(request).sessions.end(request.session["id"])
    request.session.clear()


def sign_in_page(request: Request, error: str = "", status: int = 200) -> Response:
    """The form to sign in with, and what was wrong with the last try."""
    return page(request, "sign_in.html", status, error=error)
