"""Answers the page while somebody reviews: gives the next item, and takes what they say of it."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from markupsafe import Markup
from pydantic import BaseModel, Field, StrictInt, StrictStr

from harness.records.review import Event, Form, Task
from harness.review.views import View
from harness.review.web.desk import desk_of
from harness.review.web.outlook import endings
from harness.review.web.showing import in_dispute, item_json, said_value
from harness.review.web.signing_in import checked, signed_in
from harness.store.review.turns import RecordedLabel

router = APIRouter(dependencies=[Depends(signed_in), Depends(checked)])
Name = Annotated[str, Depends(signed_in)]
Leases = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=200)]
_ACTS = {"label": "Labelled", "skip": "Skipped", "flag": "Flagged", "adjudicate": "Settled", "exclude": "Excluded"}


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
    note: str | None = None
    want: bool = False


class Undo(BaseModel):
    """Take back what the reviewer said last."""

    key: str
    task: Task = "label"


class KeptItem(BaseModel):
    """Keep an item for longer."""

    lease: str


@router.post("/api/next")
def give_next(request: Request, wanted: ItemRequest, name: Name) -> dict[str, Any]:
    """The next item under a lease; `next` is null where nothing is left."""
    following = next_json(request, name, wanted.task, wanted.holding)
    return {"next": following, "progress": _count(request, wanted.task)}


@router.post("/api/answer")
def take_answer(request: Request, said: LabelSubmission, name: Name) -> dict[str, Any]:
    """Store what a reviewer says. When this answers, it is kept for good."""
    done = _submit(request, said, name)
    following = next_json(request, name, said.task, said.holding) if said.want else None
    return {"repeated": done.repeated, "next": following, "progress": _count(request, said.task)}


@router.post("/api/undo")
def take_back(request: Request, undo: Undo, name: Name) -> dict[str, Any]:
    """Undo the reviewer's last event; `view` is its item again, or null where it is no longer free."""
    desk = desk_of(request)
    undone = desk.queue.undo(name, key=undo.key)
    item_id = undone.done.event.item_id
    events = desk.review.events(item_id=item_id)
    (event,) = (each for each in events if each.number == undone.done.event.undoes)
    form = desk.review.batch(desk.review.item(item_id).batch_id).form
    view = None if undone.view is None else _json(request, name, undone.view)
    return {
        "undone": _in_words(event, form),
        "view": view,
        "progress": _count(request, undo.task),
    }


@router.post("/api/renew")
def renew(request: Request, kept: KeptItem, name: Name) -> dict[str, Any]:
    """Let a lease run anew."""
    view = desk_of(request).queue.renew(name, kept.lease)
    return {"expires_in_s": max(0.0, view.expires - time.time())}


@router.get("/api/progress")
def progress(request: Request, task: Task = "label") -> dict[str, Any]:
    """Tell how far the queue is now, and what the page says when nothing is left, as HTML."""
    return {**_count(request, task), "empty": nothing_left(request, task)}


def next_json(request: Request, name: str, task: Task, holding: list[str] | None = None) -> dict[str, Any] | None:
    """The reviewer's next item as the page takes it, or None."""
    view = desk_of(request).queue.next(name, task=task, holding=holding or [])
    return None if view is None else _json(request, name, view)


def nothing_left(request: Request, task: Task) -> Markup:
    """Write what the page says when nothing is left for a reviewer, though something may be left for others."""
    desk = desk_of(request)
    batches = desk.queue.batches()
    template = desk.pages.get_template("_empty.html")
    left = desk.queue.count(task).left
    return Markup(template.render(task=task, batches=batches, endings=endings(batches), left=left))


def _count(request: Request, task: Task) -> dict[str, int]:
    return asdict(desk_of(request).queue.count(task))


def _json(request: Request, name: str, view: View) -> dict[str, Any]:
    desk = desk_of(request)
    return item_json(desk.pages, view, in_dispute(desk.review, view, name))


def _submit(request: Request, said: LabelSubmission, name: str) -> RecordedLabel:
    queue, note = desk_of(request).queue, said.note or ""
    if said.act == "skip":
        return queue.skip(name, said.lease, key=said.key, note=note)
    if said.act == "flag":
        return queue.flag(name, said.lease, key=said.key, note=note)
    if said.act == "exclude":
        return queue.exclude(name, said.lease, note, key=said.key)
    if said.task == "adjudicate":
        return queue.adjudicate(name, said.lease, said.value, key=said.key, note=note)
    return queue.label(name, said.lease, said.value, key=said.key, note=note)


def _in_words(event: Event, form: Form) -> str:
    if event.value is None:
        return _ACTS[event.kind].lower()
    return f"{_ACTS[event.kind].lower()} {said_value(form, form.shown(event.value, swapped=event.swapped))}"
