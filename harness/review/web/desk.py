"""What every route works with: the queue, who is signed in, and how pages are made."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment
from starlette.datastructures import FormData

from harness.errors import ReviewerError
from harness.records.review import Reviewer
from harness.review.queue import Queue
from harness.review.web.guard import Origins
from harness.review.web.sessions import LIFETIME_S, Attempts, Holder, Sessions, Tickets, csrf_token
from harness.review.web.tally import Tally
from harness.store.review.store import ReviewStore


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of one application.

    Attributes:
        review: the same queue as the store keeps it, for the labels that adjudicators are shown.
        cookie: name of the session's cookie; browsers share cookies between the ports of a host.
        tally: how far the queue is.
        needed: about how many more labels decide a batch, by its id.
        is_secure: whether reviewers come by https, so that cookies never go by http.
        pages: templates, which escape what is put into them.
    """

    queue: Queue
    review: ReviewStore
    origins: Origins
    sessions: Sessions
    tickets: Tickets
    attempts: Attempts
    tally: Tally
    needed: Mapping[str, int]
    cookie: str
    is_secure: bool
    pages: Environment

    def set_cookie(self, response: Response, name: str, value: str, max_age_s: float | None = None) -> None:
        """Give the browser a cookie that no script and no other site can use."""
        age = None if max_age_s is None else int(max_age_s)
        response.set_cookie(name, value, max_age=age, httponly=True, samesite="strict", secure=self.is_secure)

    def present(self, holder: Holder) -> Reviewer | None:
        """The reviewer as the store has it now; None where the token is not the one that it was."""
        admitted = self.review.admitted(holder.name)
        return None if admitted is None or admitted.stamp != holder.stamp else admitted.reviewer

    def begin_session(self, response: Response, holder: Holder) -> str:
        """Sign a reviewer in: a new session, whose cookie goes with the response."""
        session = self.sessions.begin(holder)
        self.set_cookie(response, self.cookie, session, LIFETIME_S)
        return session

    def ticket_for(self, name: str) -> str:
        """A token that signs a reviewer in once, for as long as the reviewer's own token is not changed.

        Raises:
            ReviewerError: there is no such reviewer, or one who is disabled.
        """
        return self.tickets.issue(self.holder(name))

    def holder(self, name: str) -> Holder:
        """The reviewer of a name with the present token, as sessions and tickets keep it.

        Raises:
            ReviewerError: there is no such reviewer, or one who is disabled.
        """
        admitted = self.review.admitted(name)
        if admitted is None:
            raise ReviewerError(f"The reviewer {name!r} is disabled, or there is none of that name.")
        return Holder(name, admitted.stamp)


class SignedOutError(Exception):
    """The request needs a reviewer, and comes from nobody who is signed in."""


class CsrfError(Exception):
    """The request does not carry its session's token, so a page of this server did not send it."""


def desk_of(request: Request) -> Desk:
    """The desk of the application that serves a request."""
    desk: Desk = request.app.state.desk
    return desk


def session_of(request: Request) -> str | None:
    """The session that a request comes with, whose token may have ended since; None where there is none."""
    desk = desk_of(request)
    session = request.cookies.get(desk.cookie, "")
    return None if desk.sessions.holder(session) is None else session


def signed_in(request: Request) -> str:
    """The name of the reviewer who is signed in.

    Raises:
        SignedOutError: nobody is, or not any more.
    """
    return reviewer_of(request).name


async def checked(request: Request) -> None:
    """Refuse a POST without its session's token, in the header X-CSRF-Token or in the form's field `csrf`."""
    if request.method in ("GET", "HEAD"):
        return
    found = session_of(request)
    secret = found or request.cookies.get(visit_cookie(request), "")
    token = request.headers.get("x-csrf-token", "")
    if not token and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        token = field(await request.form(), "csrf")
    if not secret or not secrets.compare_digest(token.encode(), csrf_token(secret).encode()):
        raise CsrfError


def visit_cookie(request: Request) -> str:
    """Name of the cookie that stands in for a session until there is one."""
    return f"{desk_of(request).cookie}_visit"


def reviewer_of(request: Request) -> Reviewer:
    """The reviewer who is signed in, with the present role.

    Raises:
        SignedOutError: nobody is, or the reviewer's token was changed since, or the reviewer disabled or removed.
    """
    desk = desk_of(request)
    session = request.cookies.get(desk.cookie, "")
    holder = desk.sessions.holder(session)
    if holder is None:
        raise SignedOutError
    reviewer = desk.present(holder)
    if reviewer is None:
        desk.sessions.end(session)
        raise SignedOutError
    return reviewer


def admin_of(request: Request) -> Reviewer:
    """The admin who is signed in.

    Raises:
        SignedOutError: nobody is.
        ReviewerError: the reviewer is no admin.
    """
    reviewer = reviewer_of(request)
    if reviewer.role != "admin":
        raise ReviewerError(f"The reviewer {reviewer.name!r} is an {reviewer.role}; this page is for admins.")
    return reviewer


def page(request: Request, template: str, **values: Any) -> Response:
    """A page of the application for whoever is signed in."""
    found = session_of(request)
    values.setdefault("csrf", csrf_token(found) if found else "")
    html = desk_of(request).pages.get_template(template).render(values)
    return Response(html.encode("utf-8", "replace"), media_type="text/html; charset=utf-8")


def sign_in_page(request: Request, error: str = "", status: int = 200) -> Response:
    """The form to sign in with, and what was wrong with the last try."""
    desk = desk_of(request)
    found = session_of(request)
    visit = found or request.cookies.get(visit_cookie(request)) or secrets.token_urlsafe(32)
    response = page(request, "sign_in.html", error=error, csrf=csrf_token(visit))
    response.status_code = status
    if not found:
        desk.set_cookie(response, visit_cookie(request), visit)
    return response


def field(form: FormData, name: str) -> str:
    """A field of a form as text; empty where it is missing or a file."""
    value = form.get(name, "")
    return value if isinstance(value, str) else ""
