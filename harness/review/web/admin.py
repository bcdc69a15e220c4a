"""The admin's pages: reviewers and their tokens, batches, progress and agreement."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from harness.errors import ReviewerError, choices
from harness.records.review import ROLES, Reviewer
from harness.review.web.desk import admin_of, checked, desk_of, page
from harness.review.web.showing import opinions_on

router = APIRouter(prefix="/admin", dependencies=[Depends(checked)])
Admin = Annotated[Reviewer, Depends(admin_of)]
Field = Annotated[str, Form()]


@router.get("")
def overview(request: Request, admin: Admin) -> Response:
    """Reviewers and batches."""
    return _overview(request, admin)


@router.post("/reviewers")
def add_reviewer(request: Request, admin: Admin, name: Field = "", role: Field = "") -> Response:
    """Add a reviewer, and show the token once."""
    if role not in ROLES:
        raise ReviewerError(choices("role", role, ROLES))
    token = desk_of(request).queue.add_reviewer(name.strip(), role)
    return _overview(request, admin, (name.strip(), token))


@router.post("/reviewers/token")
def new_token(request: Request, admin: Admin, name: Field = "") -> Response:
    """Give a reviewer a new token; sessions of the old one end, but that of an admin's own goes on in this browser."""
    desk = desk_of(request)
    token = desk.queue.new_token(name)
    if name == admin.name:
        request.session.update(desk.session_of(name))
    return _overview(request, admin, (name, token))


@router.post("/reviewers/disable")
def disable(request: Request, admin: Admin, name: Field = "") -> Response:
    """Let a reviewer do nothing any more."""
    if name == admin.name:
        raise ReviewerError("You would lock yourself out. Let another admin disable you.")
    desk_of(request).queue.disable(name)
    return RedirectResponse("/admin", 303)


@router.get("/batches/{batch_id}")
def batch(request: Request, admin: Admin, batch_id: str) -> Response:
    """Progress and agreement of a batch."""
    desk = desk_of(request)
    (progress,) = desk.queue.progress(batch_id)
    values = {
        "batch": progress,
        "outlook": desk.outlooks.get(batch_id),
        "agreement": desk.queue.agreement(batch_id),
        "excluded": desk.queue.excluded(batch_id),
        "origin": desk.queue.origins()[batch_id],
        "command": desk.queue.verdict_command(desk.review.batch(batch_id)),
    }
    return _page(request, "batch.html", admin, **values)


@router.get("/items/{item_id}")
def item(request: Request, admin: Admin, item_id: str) -> Response:
    """All that is known of an item that is settled: what was asked and answered, and what judge and people said."""
    desk = desk_of(request)
    known = desk.queue.reveal(item_id)
    its_batch = desk.review.batch(known.batch_id)
    opinions = opinions_on(known, its_batch.form, desk.review.events(item_id=item_id))
    return _page(request, "settled.html", admin, item=known, batch=its_batch, opinions=opinions)


@router.post("/batches/{batch_id}/close")
def close(request: Request, admin: Admin, batch_id: str) -> Response:
    """Stop offering a batch."""
    desk_of(request).queue.close(batch_id, f"closed by {admin.name}")
    return RedirectResponse("/admin", 303)


@router.post("/batches/{batch_id}/reopen", dependencies=[Depends(admin_of)])
def reopen(request: Request, batch_id: str) -> Response:
    """Offer a batch again."""
    desk_of(request).queue.reopen(batch_id)
    return RedirectResponse("/admin", 303)


def _overview(request: Request, admin: Reviewer, shown_token: tuple[str, str] | None = None) -> Response:
    desk = desk_of(request)
    values = {
        "reviewers": desk.queue.reviewers(),
        "batches": desk.queue.progress(),
        "origins": desk.queue.origins(),
        "outlooks": desk.outlooks,
        "roles": ROLES,
        "shown_token": shown_token,
    }
    return _page(request, "admin.html", admin, **values)


def _page(request: Request, template: str, admin: Reviewer, **values: Any) -> Response:
    return page(request, template, reviewer=admin, here="admin", **values)
