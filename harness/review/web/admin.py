"""The admin's pages: reviewers and their tokens, batches, progress and agreement."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from harness.errors import ReviewerError, choices
from harness.records.review import ROLES, Reviewer
from harness.review.web.desk import desk_of, field
from harness.review.web.sessions import Holder, csrf_token
from harness.review.web.showing import said_of
from harness.review.web.signing_in import SignedOutError, admin_of, checked, page


async def _form(request: Request) -> FormData:
    return await request.form()


router = APIRouter(prefix="/admin", dependencies=[Depends(checked)])
Form = Depends(_form)


@router.get("")
def overview(request: Request) -> Response:
    """Reviewers and batches."""
    return _overview(request, admin_of(request))


@router.post("/reviewers")
def add_reviewer(request: Request, form: FormData = Form) -> Response:
    """Add a reviewer, and show the token once."""
    admin = admin_of(request)
    name, role = field(form, "name").strip(), field(form, "role")
    known = [each for each in ROLES if each == role]
    if not known:
        raise ReviewerError(choices("role", role, ROLES))
    token = desk_of(request).queue.add_reviewer(name, known[0])
    return _overview(request, admin, shown_token=(name, token))


@router.post("/reviewers/token")
def new_token(request: Request, form: FormData = Form) -> Response:
    """Give a reviewer a new token; sessions of the old one end, but that of an admin's own goes on in this browser."""
    admin = admin_of(request)
    desk, name = desk_of(request), field(form, "name")
    token = desk.queue.new_token(name)
    if name != admin.name:
        return _overview(request, admin, shown_token=(name, token))
    admitted = desk.review.admitted_by(token)
    if admitted is None:
        raise SignedOutError
    cookie = Response()
    session = desk.begin_session(cookie, Holder(name, admitted.stamp))
    page = _overview(request, admin, shown_token=(name, token), csrf=csrf_token(session))
    page.headers["set-cookie"] = cookie.headers["set-cookie"]
    return page


@router.post("/reviewers/disable")
def disable(request: Request, form: FormData = Form) -> Response:
    """Let a reviewer do nothing any more."""
    admin = admin_of(request)
    desk, name = desk_of(request), field(form, "name")
    if name == admin.name:
        raise ReviewerError("You would lock yourself out. Let another admin disable you.")
    desk.queue.disable(name)
    return RedirectResponse("/admin", 303)


@router.get("/batches/{batch_id}")
def batch(request: Request, batch_id: str) -> Response:
    """Progress and agreement of a batch."""
    admin = admin_of(request)
    desk = desk_of(request)
    (progress,) = desk.queue.progress(batch_id)
    return page(
        request,
        "batch.html",
        reviewer=admin,
        here="admin",
        batch=progress,
        needed=desk.needed.get(batch_id),
        agreement=desk.queue.agreement(batch_id),
        excluded=desk.queue.excluded(batch_id),
        origin=desk.queue.origins()[batch_id],
    )


@router.get("/items/{item_id}")
def item(request: Request, item_id: str) -> Response:
    """All that is known of an item that is settled: what was asked and answered, and what judge and people said."""
    admin = admin_of(request)
    desk = desk_of(request)
    found = desk.queue.settled(item_id)
    batch = desk.review.batch(found.batch_id)
    said = said_of(found, batch.form, desk.review.events(item_id=item_id))
    return page(request, "settled.html", reviewer=admin, here="admin", item=found, batch=batch, said=said)


@router.post("/batches/{batch_id}/close")
def close(request: Request, batch_id: str) -> Response:
    """Stop offering a batch."""
    admin = admin_of(request)
    desk_of(request).queue.close(batch_id, f"closed by {admin.name}")
    return RedirectResponse("/admin", 303)


@router.post("/batches/{batch_id}/reopen")
def reopen(request: Request, batch_id: str) -> Response:
    """Offer a batch again."""
    admin_of(request)
    desk_of(request).queue.reopen(batch_id)
    return RedirectResponse("/admin", 303)


def _overview(request: Request, admin: Reviewer, shown_token: tuple[str, str] | None = None, **values: str) -> Response:
    desk = desk_of(request)
    return page(
        request,
        "admin.html",
        reviewer=admin,
        here="admin",
        reviewers=desk.queue.reviewers(),
        batches=desk.queue.progress(),
        origins=desk.queue.origins(),
        needed=desk.needed,
        roles=ROLES,
        shown_token=shown_token,
        **values,
    )
