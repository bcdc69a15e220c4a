"""The page on which somebody reviews, and what it asks for: the next item, and to take what is said of one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Form, Request
from markupsafe import Markup
from pydantic import BaseModel, Field, StrictInt, StrictStr
from starlette.responses import RedirectResponse, Response

from harness.errors import NothingToUndoError
from harness.records.review import DECIDED, SUPERSEDED, Batch, Event, EventKind, Task
from harness.review.queue import KnownItem, View, sendable
from harness.review.web.desk import checked, desk_of, page, reviewer_of, signed_in
from harness.review.web.showing import compared, in_dispute, in_words
from harness.store.review.turns import RecordedLabel

router = APIRouter(dependencies=[Depends(signed_in), Depends(checked)])
Name = Annotated[str, Depends(signed_in)]
Text = Annotated[str, Body(embed=True)]
Leases = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=200)]


class ItemRequest(BaseModel):
    """Ask for an item that is none of those the page has already."""

    task: Task = "label"
    holding: Leases = []


class LabelSubmission(ItemRequest):
    """A reviewer's word on the item under a lease; with `want`, the answer holds another item."""

    act: Literal["label", "skip", "flag", "exclude"]
    lease: str
    key: str
    value: StrictInt | StrictStr | None = None
    note: str = ""
    answers: dict[str, str] = {}
    marks: Annotated[list[tuple[int, str]], Field(max_length=100)] = []
    want: bool = False


@router.get("/")
def review(request: Request, name: Name, again: int | None = None) -> Response:
    """The queue; or the practice round, where one is ahead; or first what the reviewer said `again`."""
    if request.session.get("practised", 0) < len(desk_of(request).queue.practice(name)):
        return RedirectResponse("/practice", 303)
    return _queue(request, "label", again)


@router.get("/adjudicate")
def adjudicate(request: Request, again: int | None = None) -> Response:
    """Items in dispute, for adjudicators."""
    return _queue(request, "adjudicate", again)


def _queue(request: Request, task: Task, again: int | None) -> Response:
    reviewer = reviewer_of(request)
    first = None
    if again is not None:
        with suppress(NothingToUndoError):  # it was changed since
            event, view = desk_of(request).queue.revise(reviewer.name, again)
            first = _as_json(request, reviewer.name, view, before=in_words(event, view.form))
    return page(
        request,
        "review.html",
        reviewer=reviewer,
        task=task,
        here="adjudicate" if task == "adjudicate" else "review",
        first=first or _next(request, reviewer.name, task) or {"lease": "", "expires_in_s": 0, "html": ""},
        count=_count(request, task),
        nothing_left=_nothing_left(request, task),
    )


@router.get("/own")
def own(request: Request) -> Response:
    """Return what the reviewer said last, to be changed."""
    reviewer = reviewer_of(request)
    labels = desk_of(request).queue.own(reviewer.name)
    return page(request, "own.html", reviewer=reviewer, here="own", labels=labels)


@router.get("/practice")
def practise(request: Request, name: Name) -> Response:
    """The next item of the practice round, as far as this session is."""
    items, at = desk_of(request).queue.practice(name), request.session.get("practised", 0)
    return _practice(request, items, at) if at < len(items) else RedirectResponse("/", 303)


@router.post("/practice")
def check_practice(request: Request, name: Name, at: Annotated[int, Form()], value: Annotated[str, Form()]) -> Response:
    """Show the known label beside the one that was given, which is not kept."""
    items = desk_of(request).queue.practice(name)
    if not 0 <= at < len(items) or value not in [str(each.value) for each in items[at].view.form.choices]:
        return RedirectResponse("/", 303)
    request.session["practised"] = max(at + 1, request.session.get("practised", 0))
    return _practice(request, items, at, value)


def _practice(request: Request, items: Sequence[KnownItem], at: int, value: str = "") -> Response:
    known, reviewer = items[at], reviewer_of(request)
    is_same = value == str(known.value)
    values: dict[str, Any] = {
        "known": known,
        "view": known.view,
        "is_same": is_same,
        "result": value and compared(known, value),
    }
    values |= {"at": at, "total": len(items), "disputed": [], "before": ""}
    return page(request, "practice.html", reviewer=reviewer, here="review", **values)


@router.post("/api/next")
def give_next(request: Request, wanted: ItemRequest, name: Name) -> dict[str, Any]:
    """The next item under a lease; where nothing is left, `next` is null and `empty` says so as HTML."""
    following = _next(request, name, wanted.task, wanted.holding)
    empty = _nothing_left(request, wanted.task) if following is None else ""
    return {"next": following, "progress": _count(request, wanted.task), "empty": empty}


@router.post("/api/answer")
def take_answer(request: Request, submitted: LabelSubmission, name: Name) -> dict[str, Any]:
    """Store what a reviewer says. When this answers, it is kept for good."""
    done = _submit(request, submitted, name)
    following = _next(request, name, submitted.task, submitted.holding) if submitted.want else None
    return {"repeated": done.repeated, "next": following, "progress": _count(request, submitted.task)}


@router.post("/api/undo")
def take_back(request: Request, name: Name, key: Text, task: Annotated[Task, Body()] = "label") -> dict[str, Any]:
    """Undo the reviewer's last event; `view` is its item again, or null where it is no longer free."""
    desk = desk_of(request)
    undone = desk.queue.undo(name, key=key)
    item_id = undone.done.event.item_id
    (event,) = (each for each in desk.review.events(item_id=item_id) if each.number == undone.done.event.undoes)
    form = desk.review.batch(desk.review.item(item_id).batch_id).form
    view = None if undone.view is None else _as_json(request, name, undone.view)
    return {"undone": sendable(in_words(event, form)), "view": view, "progress": _count(request, task)}


@router.post("/api/renew")
def renew(request: Request, name: Name, lease: Text) -> dict[str, Any]:
    """Let a lease run anew."""
    view = desk_of(request).queue.renew(name, lease)
    return {"expires_in_s": max(0.0, view.expires - time.time())}


@router.get("/api/progress")
def progress(request: Request, task: Task = "label") -> dict[str, Any]:
    """Tell how far the queue is now, and what the page says when nothing is left, as HTML."""
    return {**_count(request, task), "empty": _nothing_left(request, task)}


def _submit(request: Request, submitted: LabelSubmission, name: str) -> RecordedLabel:
    kind: EventKind = "adjudicate" if submitted.act == "label" and submitted.task == "adjudicate" else submitted.act
    details = {"answers": submitted.answers, "marks": submitted.marks}
    event = Event(
        0,
        kind,
        "",
        name,
        0.0,
        submitted.key,
        submitted.value,
        note=submitted.note,
        lease_id=submitted.lease,
        details=details,
    )
    return desk_of(request).queue.record(event)


def _next(request: Request, name: str, task: Task, holding: Sequence[str] = ()) -> dict[str, Any] | None:
    view = desk_of(request).queue.next(name, task=task, holding=holding)
    return None if view is None else _as_json(request, name, view)


def _as_json(request: Request, name: str, view: View, before: str = "") -> dict[str, Any]:
    """An item as the browser gets it: its lease, the seconds that are left of it, and its HTML."""
    desk = desk_of(request)
    disputed = in_dispute(desk.review, view, name)
    html = desk.pages.get_template("_item.html").render(view=view, disputed=disputed, before=before)
    return {
        "lease": view.lease_id,
        "expires_in_s": max(0.0, view.expires - time.time()),
        "html": Markup(sendable(html)),
    }


def _count(request: Request, task: Task) -> dict[str, Any]:
    desk = desk_of(request)
    count = desk.queue.count(task, desk.outlooks)
    html = desk.pages.get_template("_progress.html").render(count=count, task=task)
    return {**asdict(count), "html": Markup(sendable(html))}


def _nothing_left(request: Request, task: Task) -> Markup:
    """Write what the page says when nothing is left for a reviewer, though something may be left for others."""
    desk = desk_of(request)
    batches = desk.queue.batches()
    values = {"task": task, "batches": batches, "endings": endings(batches), "left": desk.queue.count(task).left}
    return Markup(sendable(desk.pages.get_template("_empty.html").render(values)))


def endings(batches: Sequence[Batch]) -> list[tuple[Batch, str]]:
    """The batches of the gate that was decided last, in words. Verdicts are told when no batch is open any more.

    Before, they would tell people who go on reviewing what to expect of the same version's other answers. Nothing is
    told of an evaluation that a later gate asked about again, and that is not decided since.
    """
    decided = [each for each in batches if each.closed is not None and (each.closed_reason or "").startswith(DECIDED)]
    last = max(decided, key=lambda batch: batch.closed or 0.0, default=None)
    is_over = all(batch.closed is not None for batch in batches)
    return [
        (batch, (batch.closed_reason or "") if is_over else DECIDED)
        for batch in decided
        if last and batch.run_id == last.run_id and not any(_goes_on(other, batch) for other in batches)
    ]


def _goes_on(later: Batch, batch: Batch) -> bool:
    """Tell whether a later batch of a gate is of the same evaluation, and has not come to its end.

    An open one is later however old it is: its answers came back.
    """
    is_same = (later.evaluation_id, later.metric) == (batch.evaluation_id, batch.metric)
    has_ended = (later.closed_reason or "").startswith((DECIDED, SUPERSEDED))
    is_later = later.closed is None or later.created > batch.created
    return is_same and is_later and "key" in later.source and not has_ended
