"""The page on which somebody reviews, and what it asks for: the next item, and to take what is said of one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from markupsafe import Markup
from pydantic import BaseModel, Field, StrictInt, StrictStr
from starlette.responses import Response

from harness.records.review import DECIDED, SUPERSEDED, Batch, Task
from harness.review.queue import View
from harness.review.web.desk import checked, desk_of, page, reviewer_of, signed_in
from harness.review.web.showing import columns, in_dispute, in_words, shown_choices
from harness.store.review.turns import RecordedLabel

router = APIRouter(dependencies=[Depends(signed_in), Depends(checked)])
Name = Annotated[str, Depends(signed_in)]
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
    note: str | None = None
    want: bool = False


class Undo(BaseModel):
    """Take back what the reviewer said last."""

    key: str
    task: Task = "label"


class KeptItem(BaseModel):
    """Keep an item for longer."""

    lease: str


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
    return page(
        request,
        "review.html",
        reviewer=reviewer,
        task=task,
        here="adjudicate" if task == "adjudicate" else "review",
        first=_next(request, reviewer.name, task) or {"lease": "", "expires_in_s": 0, "html": ""},
        count=_count(request, task),
        nothing_left=_nothing_left(request, task),
    )


@router.post("/api/next")
def give_next(request: Request, wanted: ItemRequest, name: Name) -> dict[str, Any]:
    """The next item under a lease; where nothing is left, `next` is null and `empty` says so as HTML."""
    following = _next(request, name, wanted.task, wanted.holding)
    empty = _nothing_left(request, wanted.task) if following is None else ""
    return {"next": following, "progress": _count(request, wanted.task), "empty": empty}


@router.post("/api/answer")
def take_answer(request: Request, said: LabelSubmission, name: Name) -> dict[str, Any]:
    """Store what a reviewer says. When this answers, it is kept for good."""
    done = _submit(request, said, name)
    following = _next(request, name, said.task, said.holding) if said.want else None
    return {"repeated": done.repeated, "next": following, "progress": _count(request, said.task)}


@router.post("/api/undo")
def take_back(request: Request, undo: Undo, name: Name) -> dict[str, Any]:
    """Undo the reviewer's last event; `view` is its item again, or null where it is no longer free."""
    desk = desk_of(request)
    undone = desk.queue.undo(name, key=undo.key)
    item_id = undone.done.event.item_id
    (event,) = (each for each in desk.review.events(item_id=item_id) if each.number == undone.done.event.undoes)
    form = desk.review.batch(desk.review.item(item_id).batch_id).form
    view = None if undone.view is None else _as_json(request, name, undone.view)
    return {"undone": in_words(event, form), "view": view, "progress": _count(request, undo.task)}


@router.post("/api/renew")
def renew(request: Request, kept: KeptItem, name: Name) -> dict[str, Any]:
    """Let a lease run anew."""
    view = desk_of(request).queue.renew(name, kept.lease)
    return {"expires_in_s": max(0.0, view.expires - time.time())}


@router.get("/api/progress")
def progress(request: Request, task: Task = "label") -> dict[str, Any]:
    """Tell how far the queue is now, and what the page says when nothing is left, as HTML."""
    return {**_count(request, task), "empty": _nothing_left(request, task)}


def _submit(request: Request, said: LabelSubmission, name: str) -> RecordedLabel:
    queue, note = desk_of(request).queue, said.note or ""
    if said.act == "exclude":
        return queue.exclude(name, said.lease, note, key=said.key)
    if said.act != "label":
        return (queue.skip if said.act == "skip" else queue.flag)(name, said.lease, key=said.key, note=note)
    say = queue.adjudicate if said.task == "adjudicate" else queue.label
    return say(name, said.lease, said.value, key=said.key, note=note)


def _next(request: Request, name: str, task: Task, holding: Sequence[str] = ()) -> dict[str, Any] | None:
    view = desk_of(request).queue.next(name, task=task, holding=holding)
    return None if view is None else _as_json(request, name, view)


def _as_json(request: Request, name: str, view: View) -> dict[str, Any]:
    """An item as the browser gets it: its lease, the seconds that are left of it, and its HTML."""
    desk, choices = desk_of(request), shown_choices(view.form)
    html = desk.pages.get_template("_item.html").render(
        view=view,
        choices=choices,
        columns=columns(len(choices)),
        wordy=any(each.meaning for each in choices),
        disputed=in_dispute(desk.review, view, name),
    )
    return {"lease": view.lease_id, "expires_in_s": max(0.0, view.expires - time.time()), "html": Markup(html)}


def _count(request: Request, task: Task) -> dict[str, Any]:
    desk = desk_of(request)
    count = desk.queue.count(task, desk.outlooks)
    html = desk.pages.get_template("_progress.html").render(count=count, task=task)
    return {**asdict(count), "html": Markup(html)}


def _nothing_left(request: Request, task: Task) -> Markup:
    """Write what the page says when nothing is left for a reviewer, though something may be left for others."""
    desk = desk_of(request)
    batches = desk.queue.batches()
    values = {"task": task, "batches": batches, "endings": endings(batches), "left": desk.queue.count(task).left}
    return Markup(desk.pages.get_template("_empty.html").render(values))


@dataclass(frozen=True, slots=True)
class Ending:
    """A batch that is decided, in words."""

    title: str
    evaluation_id: str
    words: str


def endings(batches: Sequence[Batch]) -> list[Ending]:
    """The batches of the gate that was decided last. Their verdicts are told when no batch is open any more.

    Before, they would tell people who go on reviewing what to expect of the same version's other answers. Nothing is
    told of an evaluation that a later gate asked about again, and that is not decided since.
    """
    decided = [each for each in batches if each.closed is not None and (each.closed_reason or "").startswith(DECIDED)]
    if not decided:
        return []
    last = max(decided, key=lambda batch: batch.closed or 0.0)
    is_over = all(batch.closed is not None for batch in batches)
    return [
        Ending(batch.form.title, batch.evaluation_id, (batch.closed_reason or "") if is_over else DECIDED)
        for batch in decided
        if batch.run_id == last.run_id and not any(_goes_on(other, batch) for other in batches)
    ]


def _goes_on(later: Batch, batch: Batch) -> bool:
    """Tell whether a later batch of a gate is of the same evaluation, and has not come to its end.

    An open one is later however old it is: its answers came back.
    """
    is_same = (later.evaluation_id, later.metric) == (batch.evaluation_id, batch.metric)
    has_ended = (later.closed_reason or "").startswith((DECIDED, SUPERSEDED))
    is_later = later.closed is None or later.created > batch.created
    return is_same and is_later and "key" in later.source and not has_ended
