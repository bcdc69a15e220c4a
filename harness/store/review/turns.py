"""A reviewer's turns at the queue: take an item under a lease, say something of it, take that back.

A lease that ran out holds nothing, without anybody having to clear it away: a reviewer's process may die at any time.
The clock is read when the turn begins: a lease may run out while its label waits for a turn.
"""

from __future__ import annotations

import functools
import hashlib
import json
import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, select, update

from harness.errors import (
    LabelError,
    LeaseEndedError,
    LeaseError,
    LeaseExpiredError,
    NothingToUndoError,
    RepeatedKeyError,
    ReviewError,
)
from harness.records.review import (
    DECIDED,
    Batch,
    Event,
    EventKind,
    Form,
    Item,
    Lease,
    Reviewer,
    ReviewerRole,
    Standing,
    Task,
    Value,
)
from harness.store.review.items import EVENT, IN_FORCE, count_of, read_event
from harness.store.review.reviewers import ReviewerTable
from harness.store.schema import batches, events, items, leases

Clock = Callable[[], float]
"""Gives the time in epoch seconds."""
_TASKS: dict[EventKind, Task] = {"label": "label", "flag": "label", "adjudicate": "adjudicate", "exclude": "adjudicate"}
_STATES: dict[Task, tuple[str, ...]] = {"label": ("open",), "adjudicate": ("disputed", "flagged")}
_MOST_CHANGEABLE = 500
_LEASE = [leases.c[field.name] for field in fields(Lease)]
_BY_ID = select(*_LEASE, leases.c.ended).where(leases.c.id == bindparam("of"))


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


class TurnTables(ReviewerTable):
    """What reviewers do with items."""

    def next(
        self, clock: Clock, reviewer: str, task: Task, lease_s: float, holding: Collection[str] = ()
    ) -> HeldItem | None:
        """The reviewer's next item under a lease of so many seconds; None where nothing is left for this reviewer.

        Leases in `holding` are before the eyes already.
        """
        with self.turn() as connection:
            turn = _Turn(connection, clock(), reviewer, self._role(reviewer, task), task, lease_s, holding)
            lease = turn.held() or turn.new()
            return None if lease is None else self._with_item(lease)

    def renew(self, clock: Clock, reviewer: str, lease_id: str, *, lease_s: float) -> HeldItem:
        """Let a lease run anew; one that ran out only where the item is still offered to the reviewer.

        Raises:
            ReviewerError, LeaseError, LeaseEndedError; LeaseExpiredError where somebody else has the item now.
        """
        with self.turn() as connection:
            lease = self._lease(reviewer, lease_id)
            role = self._role(reviewer, lease.task)
            turn = _Turn(connection, clock(), reviewer, role, lease.task, lease_s)
            if lease.expires <= turn.now and not turn.offers(lease.item_id):
                raise LeaseExpiredError(
                    "The lease ran out, and the item has gone to somebody else. Take the next item."
                )
            return self._with_item(turn.extend(lease))

    def record(self, clock: Clock, submitted: Event) -> RecordedLabel:
        """Store what a reviewer says under a lease, whose item it is of, and end that. The value is as it was seen.

        A skip of what is to be changed leaves that as it is, and gives it.

        Raises:
            LeaseError, LabelError, RepeatedKeyError, ReviewerError: and nothing is stored.
        """
        with self.turn() as connection:
            now = clock()
            repeated = self.event_of(submitted.reviewer, events.c.key == submitted.key)
            if repeated is not None:
                return self._again(repeated, submitted)
            self._role(submitted.reviewer, _TASKS.get(submitted.kind, "label"))
            lease = self._lease(submitted.reviewer, submitted.lease_id or "")
            if lease.expires <= now:
                raise LeaseExpiredError(
                    f"The lease of this item ran out {now - lease.expires:.0f} s ago, and nothing was stored. Renew "
                    "it, which works while nobody else has the item, or take the next one."
                )
            if lease.task != (task := _TASKS.get(submitted.kind, lease.task)):
                raise LeaseError(
                    f"The item was given out to {lease.task}, and {submitted.kind!r} takes one given out to {task}. "
                    "Take the next item for that."
                )
            form, wanted = self.terms(lease.item_id)
            value, score = _read_value(form, submitted, swapped=lease.swapped)
            details = form.read_details(submitted.details, swapped=lease.swapped)
            missing = {each.title for each in form.questions} - set(details.get("answers", ()))
            if value is not None and missing:
                raise LabelError(f"Answer {', '.join(sorted(missing))}, too: a label answers all that its form asks.")
            _end(connection, lease.id, now)
            own = events.c.item_id == lease.item_id, events.c.kind.in_(_kinds(lease.task)), IN_FORCE
            if (changed := self.event_of(submitted.reviewer, *own)) is not None:  # see `revise`
                if submitted.kind == "skip":
                    return RecordedLabel(changed, self.standing(lease.item_id))
                if not _is_changeable(self.batch(self.item(lease.item_id).batch_id)):
                    raise LeaseError("The batch was closed meanwhile, and its labels can't be changed any more.")
                self._take_back(changed, now, f"{submitted.key}:changes")
            event = replace(submitted, item_id=lease.item_id, time=now, swapped=lease.swapped)
            event = replace(event, value=value, score=score, details=details)
            return RecordedLabel(*self.add_event(event, wanted))

    def _take_back(self, event: Event, now: float, key: str) -> RecordedLabel:
        undone = Event(0, "undo", event.item_id, event.reviewer, now, key, undoes=event.number)
        return RecordedLabel(*self.add_event(undone))

    def own(self, reviewer: str, most: int) -> list[Event]:
        """The last of a reviewer's events in force that may be changed, the newest first."""
        query = select(*EVENT).where(events.c.reviewer == reviewer, events.c.kind.in_(_TASKS), IN_FORCE)
        open_ids = [each.id for each in self.batches() if _is_changeable(each)]
        query = query.join(items, items.c.id == events.c.item_id).where(items.c.batch_id.in_(open_ids))
        query = query.order_by(events.c.number.desc()).limit(most)
        return list(map(read_event, self._database.rows(query)))

    def labelled_batches(self, reviewer: str) -> set[str]:
        """The batches in which a reviewer said something that is in force."""
        query = select(items.c.batch_id).join(events, items.c.id == events.c.item_id)
        return set(self._database.values(query.where(events.c.reviewer == reviewer, IN_FORCE).distinct()))

    def revise(self, clock: Clock, reviewer: str, number: int, lease_s: float) -> tuple[Event, HeldItem]:
        """Lease the item of a reviewer's event anew, which counts until something else is said under the lease.

        Raises:
            NothingToUndoError, ReviewerError: and nothing is stored.
        """
        with self.turn() as connection:
            event = next((each for each in self.own(reviewer, _MOST_CHANGEABLE) if each.number == number), None)
            if event is None:
                raise NothingToUndoError(f"{reviewer} has no label {number} that could be changed.")
            task = _TASKS[event.kind]
            turn = _Turn(connection, clock(), reviewer, self._role(reviewer, task), task, lease_s)
            return event, self._with_item(turn.lease(event.item_id))

    def _again(self, event: Event, submitted: Event) -> RecordedLabel:
        """Give the result that a key had the first time, if it is submitted for the same once more."""
        if (event.kind, event.lease_id) == (submitted.kind, submitted.lease_id):
            value, _ = _read_value(self.terms(event.item_id)[0], submitted, swapped=event.swapped)
            if value == event.value:
                return RecordedLabel(event, self.standing(event.item_id), repeated=True)
        raise _other_key(event)

    def undo(self, clock: Clock, reviewer: str, key: str, *, lease_s: float) -> tuple[RecordedLabel, HeldItem | None]:
        """Take back the reviewer's last event that is in force, and lease its item anew where it is still free.

        Raises:
            NothingToUndoError, RepeatedKeyError, ReviewerError: and nothing is stored.
        """
        with self.turn() as connection:
            now, role = clock(), self._role(reviewer, "label")
            lease: Lease | None
            repeated = self.event_of(reviewer, events.c.key == key)
            if repeated is not None:
                if repeated.kind != "undo":
                    raise _other_key(repeated)
                held = select(*_LEASE).filter_by(item_id=repeated.item_id, reviewer=reviewer).where(_LIVE)
                lease = next((Lease(*row) for row in self._database.rows(held, now=now)), None)
                recorded = RecordedLabel(repeated, self.standing(repeated.item_id), repeated=True)
            else:
                last = self.event_of(reviewer, IN_FORCE)
                if last is None:
                    raise NothingToUndoError(f"{reviewer} has nothing that could be undone.")
                recorded = self._take_back(last, now, key)
                own = leases.c.item_id == last.item_id, leases.c.reviewer == reviewer, leases.c.ended.is_(None)
                connection.execute(update(leases).where(*own).values(ended=now))  # by which it was to be changed
                task = _TASKS.get(last.kind, "label")
                if last.kind == "skip" and last.lease_id is not None:
                    task = self._database.values(select(leases.c.task).where(leases.c.id == last.lease_id))[0]
                lease = _Turn(connection, now, reviewer, role, task, lease_s).again(last.item_id)
            return recorded, None if lease is None else self._with_item(lease)

    def import_labels(
        self, labels: Sequence[Event], now: float, added: Sequence[tuple[Batch, Sequence[Item]]] = ()
    ) -> int:
        """Store labels from elsewhere, after new batches with their items, all or none; gives how many are new.

        A label has the same key whenever the same line of a file is read. Reviewers who are not known are added, and
        can't sign in until they get a token.
        """
        with self.turn():
            for batch, items_ in added:
                self.add_batch(batch, items_)
            known = {each.name for each in self.reviewers()}
            for name in {label.reviewer: None for label in labels if label.reviewer not in known}:
                self.add_reviewer(Reviewer(name, "annotator", now), None)
            new = [label for label in labels if self.event_of(label.reviewer, events.c.key == label.key) is None]
            for label in new:
                self.add_event(label)
        return len(new)

    def holders(self, batch_id: str, now: float) -> dict[str, int]:
        """Count the items of a batch that each reviewer holds, by name."""
        query = select(leases.c.reviewer, func.count()).join(items, _OF_ITEM).where(items.c.batch_id == batch_id, _LIVE)
        rows = self._database.rows(query.group_by(leases.c.reviewer).order_by(leases.c.reviewer), now=now)
        return {reviewer: int(count) for reviewer, count in rows}

    def _with_item(self, lease: Lease) -> HeldItem:
        item = self.item(lease.item_id)
        return HeldItem(lease, item, self.batch(item.batch_id))

    def _lease(self, reviewer: str, lease_id: str) -> Lease:
        """A reviewer's own lease that is not ended."""
        for *lease, ended in self._database.rows(_BY_ID, of=lease_id):
            current = Lease(*lease)
            if current.reviewer != reviewer:
                raise LeaseError("The lease belongs to another reviewer. Take the next item.")
            if ended is not None:
                raise LeaseEndedError(
                    "This item was dealt with already under this lease, perhaps in another tab, and nothing was "
                    "changed. Take the next item, or undo."
                )
            return current
        raise LeaseError(f"There is no lease {lease_id[:80]!r}. Take the next item.")


_LIVE = and_(leases.c.ended.is_(None), leases.c.expires > bindparam("now"))
_OF_ITEM = leases.c.item_id == items.c.id
_IS_IN_FORCE = events.c.item_id == leases.c.item_id, events.c.reviewer == leases.c.reviewer, IN_FORCE
_HELD = (
    select(*_LEASE, items.c.state, batches.c.closed)
    .join(items, _OF_ITEM)
    .join(batches, batches.c.id == items.c.batch_id)
    .where(leases.c.reviewer == bindparam("reviewer"), leases.c.task == bindparam("task"), _LIVE)
    .order_by(leases.c.begun, items.c.position)
)
_OPEN = select(batches.c.id, batches.c.source).where(batches.c.closed.is_(None))
_OPEN = _OPEN.order_by(batches.c.created, batches.c.id)
_END = update(leases).where(leases.c.id == bindparam("of")).values(ended=bindparam("now"))


@dataclass(frozen=True, slots=True)
class _Turn:
    """The search for a reviewer's item, in the transaction of a turn."""

    connection: Connection
    now: float
    reviewer: str
    role: ReviewerRole
    task: Task
    lease_s: float
    holding: Collection[str] = ()

    @property
    def _own(self) -> dict[str, Any]:
        return {"reviewer": self.reviewer, "task": self.task, "now": self.now, "holding": list(self.holding)}

    def held(self) -> Lease | None:
        """A lease that the reviewer holds and has not before the eyes yet; those of what is offered no more end.

        One under which the reviewer changes a word, in another tab, is neither given nor ended.
        """
        query = _HELD.where(count_of(*_IS_IN_FORCE, events.c.kind.in_(_kinds(self.task))) == 0)
        for *fields_, state, closed in self.connection.execute(query, self._own).all():
            lease = Lease(*fields_)
            if lease.id in self.holding:
                continue
            if (closed is None or lease.begun >= closed) and state in _STATES[self.task]:
                return self.extend(lease)
            _end(self.connection, lease.id, self.now)
        return None

    def new(self) -> Lease | None:
        """A lease of an item that is new to the reviewer; else of a skipped one: labels may wait for it."""
        item_id = next(self._offered(), None)
        return None if item_id is None else self.lease(item_id)

    def again(self, item_id: str) -> Lease | None:
        """A lease of this very item, if it is offered to the reviewer and its batch is open, or was closed as decided.

        What is given anew under it is decided anew.
        """
        query = select(batches.c.closed, batches.c.closed_reason).join(items, items.c.batch_id == batches.c.id)
        batch = self.connection.execute(query.where(items.c.id == item_id)).one()
        is_free = batch.closed is None or (batch.closed_reason or "").startswith(DECIDED)
        return self.lease(item_id) if is_free and self.offers(item_id) else None

    def offers(self, item_id: str) -> bool:
        """Tell whether the reviewer may have this item."""
        return next(self._offered(item_id), None) is not None

    def extend(self, lease: Lease) -> Lease:
        """Let a lease run anew from now."""
        lease = replace(lease, expires=self.now + self.lease_s)
        self.connection.execute(update(leases).where(leases.c.id == lease.id).values(expires=lease.expires))
        return lease

    def _offered(self, item_id: str | None = None) -> Iterator[str]:
        """The first item of each open batch that is offered, those that were skipped last; or this one of any batch."""
        batch_ids = [None] if item_id is not None else self._open_batches()
        for skipped in (False, True) if self.task == "label" else (False,):
            query = _offered(self.task, self.role, one=item_id is not None, skipped=skipped)
            for batch_id in batch_ids:
                yield from self.connection.scalars(query, {**self._own, "of": item_id or batch_id})

    def _open_batches(self) -> Sequence[str | None]:
        """The batches whose items are offered, the oldest first; before all those with a key: a gate waits for them."""
        rows = self.connection.execute(_OPEN).all()
        return [row.id for row in sorted(rows, key=lambda row: "key" not in json.loads(row.source))]

    def lease(self, item_id: str) -> Lease:
        """A new lease of an item."""
        of = item_id, self.reviewer, self.task, is_swapped(item_id, self.reviewer)
        lease = Lease(secrets.token_hex(16), *of, self.now, self.now + self.lease_s)
        self.connection.execute(leases.insert(), asdict(lease))
        return lease


@functools.cache
def _offered(task: Task, role: ReviewerRole, *, one: bool, skipped: bool) -> Any:
    """The first item of a batch, or this `one`, with a place left, that the reviewer neither dealt with nor holds; or
    that the reviewer `skipped`, and no more than once. An admin may adjudicate what the admin labelled or flagged, so
    that a queue of one person comes to its end.
    """
    own = events.c.item_id == items.c.id, events.c.reviewer == bindparam("reviewer"), IN_FORCE
    last = select(events.c.kind).where(*own).order_by(events.c.number.desc()).limit(1).scalar_subquery()
    if skipped:
        is_free = and_(last == "skip", count_of(*own, events.c.kind == "skip") == 1)
    elif task == "adjudicate" and role == "admin":
        is_free = func.coalesce(last, "").not_in(["skip", "adjudicate"])
    else:
        is_free = last.is_(None)
    held = count_of(_OF_ITEM, leases.c.task == bindparam("task"), _LIVE)
    own_leases = count_of(_OF_ITEM, leases.c.reviewer == bindparam("reviewer"), _LIVE)
    # What is before the reviewer's eyes is not offered a second time when its lease has run out meanwhile.
    before_eyes = count_of(_OF_ITEM, leases.c.id.in_(bindparam("holding", expanding=True)))
    places = items.c.wanted - items.c.n_labels if task == "label" else 1
    return (
        select(items.c.id)
        .where((items.c.id if one else items.c.batch_id) == bindparam("of"), items.c.state.in_(_STATES[task]))
        .where(is_free, own_leases == 0, before_eyes == 0, held < places)
        .order_by(items.c.position)
        .limit(1)
    )


def _is_changeable(batch: Batch) -> bool:
    return batch.closed is None or (batch.closed_reason or "").startswith(DECIDED)


def _kinds(task: Task) -> list[EventKind]:
    return [kind for kind, of in _TASKS.items() if of == task]


def _end(connection: Connection, lease_id: str, now: float) -> None:
    connection.execute(_END, {"of": lease_id, "now": now})


def is_swapped(item_id: str, reviewer: str) -> bool:
    """Tell whether a reviewer sees the second answer on the left: random, since ids are, and always the same."""
    return bool(hashlib.blake2b(f"{item_id}/{reviewer}".encode(), digest_size=1).digest()[0] & 1)


def _read_value(form: Form, submitted: Event, *, swapped: bool) -> tuple[Value | None, float | None]:
    if submitted.kind not in ("label", "adjudicate"):
        return None, None
    return form.read(submitted.value, swapped=swapped)


def _other_key(event: Event) -> ReviewError:
    return RepeatedKeyError(
        f"The key {event.key[:80]!r} belongs to another event ({event.kind}). Make a new key for each press; nothing "
        "was stored."
    )
