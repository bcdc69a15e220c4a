"""The view of an item that a reviewer has, without anything that could sway the label; and labels as they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.records import Messages
from harness.records.review import Answer, Event, Form, Task, Value
from harness.store.review.turns import HeldItem, RecordedLabel


@dataclass(frozen=True, slots=True)
class View:
    """An item as its reviewer sees it. It holds no version, run, judge score, drawing or label of somebody else.

    Attributes:
        expires: when the lease runs out, in epoch seconds.
        task: "label" or "adjudicate".
        form: what is asked.
        messages: what the version was asked, in the form of OpenAI's API.
        answers: one, or two with the left one first.
        calls: the tools that each answer calls, in words; empty where it calls none.
        reference: a right answer, or None.
    """

    lease_id: str
    item_id: str
    batch_id: str
    task: Task
    expires: float
    form: Form
    evaluation_id: str
    case_id: str
    messages: Messages
    answers: tuple[str, ...]
    calls: tuple[str, ...]
    reference: str | None


@dataclass(frozen=True, slots=True)
class UndoResult:
    """The result of an undo; `view` is the item again, or None where it is no longer free."""

    done: RecordedLabel
    view: View | None


@dataclass(frozen=True, slots=True)
class GivenLabel:
    """A label as somebody sees it or a file holds it; of a pair "left", "tie" or "right", as answers stand there."""

    reviewer: str
    value: Value
    note: str = ""
    time: float = 0.0
    adjudicated: bool = False


def view_of(held: HeldItem) -> View:
    """The item under a lease, as its holder may see it."""
    lease, item, batch = held.lease, held.item, held.batch
    parts = [answer.parts for answer in on_sides(item.answers, swapped=lease.swapped)]
    return View(
        lease_id=lease.id,
        item_id=item.id,
        batch_id=batch.id,
        task=lease.task,
        expires=lease.expires,
        form=batch.form,
        evaluation_id=batch.evaluation_id,
        case_id=item.case_id,
        messages=item.messages,
        answers=tuple(written for written, _ in parts),
        calls=tuple(called for _, called in parts),
        reference=item.reference,
    )


def on_sides(answers: tuple[Answer, ...], *, swapped: bool) -> tuple[Answer, ...]:
    """The answers from left to right."""
    return answers[::-1] if swapped else answers


def given_labels(events: Iterable[Event], form: Form, *, swapped: bool) -> tuple[GivenLabel, ...]:
    """The labels among events, on the sides on which the answers stand."""
    return tuple(
        GivenLabel(
            reviewer=event.reviewer,
            value=form.shown(event.value, swapped=swapped),
            note=event.note,
            time=event.time,
            adjudicated=event.kind == "adjudicate",
        )
        for event in events
        if event.value is not None
    )
