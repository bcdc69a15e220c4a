"""Signing in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from harness.review.web.desk import checked, desk_of, page

router = APIRouter(dependencies=[Depends(checked)])


@router.get("/sign-in")
def show_sign_in(request: Request) -> Response:
    """The form to sign in with."""
    return sign_in_page(request)


@router.post("/sign-in")
def sign_in(request: Request, token: Annotated[str, Form()] = "") -> Response:
    """Exchange a token for a session's cookie: a reviewer's own, or the one that was printed at the start, once."""
    desk = desk_of(request)
    address = request.client.host if request.client else ""
    wait_s = desk.attempts.wait_s(address)
    if wait_s > 0:
        response = sign_in_page(
            request, f"Too many wrong tokens from here. Try again in {wait_s / 60:.0f} minutes.", 429
        )
        response.headers["Retry-After"] = f"{wait_s:.0f}"
        return response
    session = desk.redeem(token.strip())
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
