"""The pages that everybody has: reviewing, adjudicating, signing in and out."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from harness.errors import ReviewerError
from harness.records.review import Task
from harness.review.web.api import next_json, nothing_left
from harness.review.web.desk import desk_of, field
from harness.review.web.outlook import forecast
from harness.review.web.sessions import Holder
from harness.review.web.signing_in import checked, page, reviewer_of, session_of, sign_in_page

router = APIRouter(dependencies=[Depends(checked)])
_NOBODY = {"lease": "", "expires_in_s": 0, "html": ""}


@router.get("/")
def review(request: Request) -> Response:
    """The queue."""
    return _queue(request, "label")


@router.get("/adjudicate")
def adjudicate(request: Request) -> Response:
    """Items in dispute, for adjudicators."""
    return _queue(request, "adjudicate")


def _queue(request: Request, task: Task) -> Response:
    reviewer = reviewer_of(request)
    first = next_json(request, reviewer.name, task) or _NOBODY
    desk = desk_of(request)
    return page(
        request,
        "review.html",
        reviewer=reviewer,
        task=task,
        here="adjudicate" if task == "adjudicate" else "review",
        first=first,
        count=desk.queue.count(task),
        needed=forecast(desk.queue.batches(), desk.needed) if task == "label" else None,
        nothing_left=nothing_left(request, task),
    )


@router.get("/sign-in")
def show_sign_in(request: Request) -> Response:
    """The form to sign in with."""
    return sign_in_page(request)


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Exchange a token for a session's cookie: a reviewer's own, or the one that was printed at the start, once."""
    desk = desk_of(request)
    address = request.client.host if request.client else ""
    wait_s = desk.attempts.wait_s(address)
    if wait_s > 0:
        told = f"Too many wrong tokens from here. Try again in {wait_s / 60:.0f} minutes."
        response = sign_in_page(request, told, 429)
        response.headers["Retry-After"] = f"{wait_s:.0f}"
        return response
    token = field(await request.form(), "token").strip()
    holder = await run_in_threadpool(_holder_of, request, token)
    if holder is None:
        desk.attempts.fail(address)
        told = "This token is nobody's, or it was used already. Ask an admin for a new one."
        return sign_in_page(request, told, 403)
    before = session_of(request)
    if before is not None:
        desk.sessions.end(before)
    back = RedirectResponse("/", 303)
    desk.begin_session(back, holder)
    return back


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the session, and let others have the items that it holds."""
    desk = desk_of(request)
    found = session_of(request)
    if found is not None:
        holder = desk.sessions.holder(found)
        desk.sessions.end(found)
        if holder is not None:
            desk.queue.free(holder.name)
    back = RedirectResponse("/sign-in", 303)
    back.delete_cookie(desk.cookie)
    return back


def _holder_of(request: Request, token: str) -> Holder | None:
    desk = desk_of(request)
    ticket = desk.tickets.redeem(token)
    if ticket is not None:
        if desk.present(ticket) is not None:
            return ticket
        raise ReviewerError(f"The reviewer {ticket.name!r} is disabled, or got another token since.")
    admitted = desk.review.admitted_by(token)
    return None if admitted is None else Holder(admitted.reviewer.name, admitted.stamp)
