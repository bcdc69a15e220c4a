"""A reviewer's turns at the queue: take an item, say something of it, take that back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from harness.errors import LeaseError, NothingToUndoError, RepeatedKeyError, ReviewError
from harness.records.review import Batch, Event, EventKind, Form, Item, Lease, Reviewer, Standing, Task, Value
from harness.store.review import events as review_events
from harness.store.review import items as review_items
from harness.store.review import leases as review_leases
from harness.store.review import reviewers as review_reviewers
from harness.store.review.leases import Wish

_TASKS: dict[EventKind, Task] = {"label": "label", "flag": "label", "adjudicate": "adjudicate", "exclude": "adjudicate"}


@dataclass(frozen=True, slots=True)
class SubmittedLabel:
    """A reviewer's submission under a lease; `value` as the reviewer saw it, None for a skip or a flag."""

    kind: EventKind
    reviewer: str
    lease_id: str
    key: str
    value: Any = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class HeldItem:
    """An item under a lease, with its batch."""

    lease: Lease
    item: Item
    batch: Batch


@dataclass(frozen=True, slots=True)
class RecordedLabel:
    """An event that is stored, and how its item stands. `repeated`: it was there before, under the same key."""

    event: Event
    standing: Standing
    repeated: bool = False


def take(connection: Connection, now: float, wish: Wish) -> HeldItem | None:
    """The reviewer's next item under a lease; None where nothing is left for this reviewer."""
    role = review_reviewers.allowed(connection, wish.reviewer, wish.task).role
    lease = review_leases.take(connection, replace(wish, now=now), role)
    return None if lease is None else _held(connection, lease)


def renew(connection: Connection, now: float, reviewer: str, lease_id: str, *, lease_s: float) -> HeldItem:
    """Let a lease run anew; see `review_leases.renew`."""
    task = review_leases.find(connection, reviewer, lease_id).task
    role = review_reviewers.allowed(connection, reviewer, task).role
    return _held(connection, review_leases.renew(connection, Wish(reviewer, task, lease_s, now), role, lease_id))


def record(connection: Connection, now: float, submitted: SubmittedLabel) -> RecordedLabel:
    """Store what a reviewer says of an item, and end the lease.

    Raises:
        LeaseError, LabelError, RepeatedKeyError, ReviewerError: and nothing is stored.
    """
    repeated = review_events.by_key(connection, submitted.reviewer, submitted.key)
    if repeated is not None:
        return _again(connection, repeated, submitted)
    review_reviewers.allowed(connection, submitted.reviewer, _TASKS.get(submitted.kind, "label"))
    lease = review_leases.usable(connection, submitted.reviewer, submitted.lease_id, now)
    if lease.task != _TASKS.get(submitted.kind, lease.task):
        raise LeaseError(f"The item was taken to {lease.task}, which is not to {submitted.kind}.")
    terms = review_events.terms(connection, lease.item_id)
    value, score = _read_value(terms.form, submitted, swapped=lease.swapped)
    review_leases.end(connection, lease.id, now)
    event = Event(
        number=0,
        kind=submitted.kind,
        item_id=lease.item_id,
        reviewer=submitted.reviewer,
        time=now,
        key=submitted.key,
        value=value,
        score=score,
        note=submitted.note,
        swapped=lease.swapped,
        lease_id=lease.id,
    )
    return RecordedLabel(*review_events.add(connection, event, terms))


def undo(
    connection: Connection, now: float, reviewer: str, key: str, *, lease_s: float
) -> tuple[RecordedLabel, HeldItem | None]:
    """Take back the reviewer's last event that is in force, and lease its item anew where it is still free.

    Raises:
        NothingToUndoError, RepeatedKeyError, ReviewerError: and nothing is stored.
    """
    role = review_reviewers.allowed(connection, reviewer, "label").role
    event = review_events.by_key(connection, reviewer, key)
    if event is not None:
        if event.kind != "undo":
            raise _other_key(key, event)
        standing = review_items.find_standing(connection, event.item_id)
        lease = review_leases.live_of_item(connection, reviewer, event.item_id, now)
        return RecordedLabel(event, standing, repeated=True), None if lease is None else _held(connection, lease)
    last = review_events.last_of(connection, reviewer)
    if last is None:
        raise NothingToUndoError(f"{reviewer} has nothing that could be undone.")
    undone = Event(0, "undo", last.item_id, reviewer, now, key, undoes=last.number)
    recorded = RecordedLabel(*review_events.add(connection, undone, review_events.terms(connection, last.item_id)))
    wish = Wish(reviewer, _task_of(connection, last), lease_s, now)
    lease = review_leases.take_item(connection, wish, role, last.item_id)
    return recorded, None if lease is None else _held(connection, lease)


def import_labels(
    connection: Connection, labels: Sequence[Event], now: float, added: Sequence[tuple[Batch, Sequence[Item]]] = ()
) -> int:
    """Store labels from elsewhere, after new batches with their items, all or none; gives how many are new.

    A label has the same key whenever the same line of a file is read. Reviewers who are not known are added, and can't
    sign in until they get a token.
    """
    for batch, items in added:
        review_items.add_batch(connection, batch, items)
    count = 0
    for label in labels:
        terms = review_events.terms(connection, label.item_id)
        if review_reviewers.find(connection, label.reviewer) is None:
            review_reviewers.add(connection, Reviewer(label.reviewer, "annotator", now), None)
        if review_events.by_key(connection, label.reviewer, label.key) is None:
            review_events.add(connection, label, terms)
            count += 1
    return count


def _held(connection: Connection, lease: Lease) -> HeldItem:
    item = review_items.find_item(connection, lease.item_id)
    return HeldItem(lease, item, review_items.find_batch(connection, item.batch_id))


def _read_value(form: Form, submitted: SubmittedLabel, *, swapped: bool) -> tuple[Value | None, float | None]:
    if submitted.kind not in ("label", "adjudicate"):
        return None, None
    return form.read(submitted.value, swapped=swapped)


def _again(connection: Connection, event: Event, submitted: SubmittedLabel) -> RecordedLabel:
    """Give the result that a key had the first time, if it is submitted for the same once more."""
    is_same = (event.kind, event.lease_id) == (submitted.kind, submitted.lease_id)
    if is_same:
        form = review_events.terms(connection, event.item_id).form
        value, _ = _read_value(form, submitted, swapped=event.swapped)
        is_same = value == event.value
    if not is_same:
        raise _other_key(submitted.key, event)
    return RecordedLabel(event, review_items.find_standing(connection, event.item_id), repeated=True)


def _task_of(connection: Connection, event: Event) -> Task:
    if event.kind in _TASKS or event.lease_id is None:
        return _TASKS.get(event.kind, "label")
    return review_leases.task_of(connection, event.lease_id)


def _other_key(key: str, event: Event) -> ReviewError:
    return RepeatedKeyError(
        f"The key {key[:80]!r} belongs to another event ({event.kind}). Make a new key for each press; nothing was "
        "stored."
    )
