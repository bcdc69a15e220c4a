"""Checks at each request that somebody is signed in, and makes the pages that they see.

The sign-in itself, and the sign-out, are routes of `harness.review.web.pages`; `harness.review.web.sessions` keeps the
sessions that they begin and end.
"""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import Request, Response

from harness.errors import ReviewerError
from harness.records.review import Reviewer
from harness.review.web.desk import desk_of, field
from harness.review.web.sessions import csrf_token


class SignedOutError(Exception):
    """The request needs a reviewer, and comes from nobody who is signed in."""


class CsrfError(Exception):
    """The request does not carry its session's token, so a page of this server did not send it."""


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
