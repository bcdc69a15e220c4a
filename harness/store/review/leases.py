"""Leases: who has which item for how long, and which item is next. All of it runs in the queue's one write transaction.

A lease that ran out holds nothing, without anybody having to clear it away: a reviewer's process may die at any time.
"""

from __future__ import annotations

import functools
import hashlib
import json
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select, update

from harness.errors import LeaseEndedError, LeaseError, LeaseExpiredError
from harness.records.review import DECIDED, Lease, ReviewerRole, Task
from harness.store.schema.review_tables import batches, events, leases, marks, standings

_STATES: dict[Task, tuple[str, ...]] = {"label": ("open",), "adjudicate": ("disputed", "flagged")}


@dataclass(frozen=True, slots=True)
class Wish:
    """A reviewer's wish for the next item.

    Attributes:
        reviewer: by name.
        holding: ids of leases that the reviewer has before the eyes already.
        lease_s: how long the lease runs, in seconds.
        now: epoch seconds, of when the turn begins.
    """

    reviewer: str
    task: Task
    lease_s: float
    now: float = 0.0
    holding: Collection[str] = ()


def take(connection: Connection, wish: Wish, role: ReviewerRole) -> Lease | None:
    """The lease of the reviewer's next item: one that is held and not before the eyes yet, else a new one."""
    own: dict[str, Any] = {"reviewer": wish.reviewer, "task": wish.task, "now": wish.now}
    for row in connection.execute(_HELD, own).all():
        if row.id in wish.holding:
            continue
        is_offered = row.closed is None or row.begun >= row.closed
        if is_offered and row.state in _STATES[wish.task]:
            return extend(connection, _lease(row), wish)
        end(connection, row.id, wish.now)
    batch_ids = _open_batches(connection)
    own |= {"holding": list(wish.holding)}
    for batch_id in batch_ids:
        found = connection.execute(_offered(wish.task, role), {**own, "batch_id": batch_id}).one_or_none()
        if found is not None:
            return _new(connection, wish, found.item_id)
    return _skipped(connection, wish, role, batch_ids)


def _open_batches(connection: Connection) -> list[str]:
    """The batches whose items are offered: those that a gate waits for first, which have a key, the oldest first."""
    rows = connection.execute(_OPEN_BATCHES).all()
    return [row.id for row in sorted(rows, key=lambda row: "key" not in json.loads(row.source))]


def _skipped(connection: Connection, wish: Wish, role: ReviewerRole, batch_ids: Sequence[str]) -> Lease | None:
    """A lease of an item that the reviewer skipped, once more when nothing else is left: labels may wait for it."""
    own = {"reviewer": wish.reviewer, "task": wish.task, "now": wish.now, "holding": list(wish.holding)}
    for batch_id in batch_ids if wish.task == "label" else ():
        skipped = _offered(wish.task, role, skipped=True)
        found = connection.execute(skipped, {**own, "batch_id": batch_id}).one_or_none()
        if found is not None:
            return _new(connection, wish, found.item_id)
    return None


def take_item(connection: Connection, wish: Wish, role: ReviewerRole, item_id: str) -> Lease | None:
    """A lease of this very item, if it is offered to the reviewer and its batch is open, or was closed as decided.

    What is given anew under it is decided anew.
    """
    closed = select(batches.c.closed, batches.c.closed_reason).join(standings, standings.c.batch_id == batches.c.id)
    batch = connection.execute(closed.where(standings.c.item_id == item_id)).one()
    is_free = batch.closed is None or (batch.closed_reason or "").startswith(DECIDED)
    return _new(connection, wish, item_id) if is_free and _is_offered(connection, wish, role, item_id) else None


def _is_offered(connection: Connection, wish: Wish, role: ReviewerRole, item_id: str) -> bool:
    own = {"reviewer": wish.reviewer, "task": wish.task, "now": wish.now, "item_id": item_id, "holding": []}
    offers = [_offered(wish.task, role, one=True)]
    if wish.task == "label":
        offers.append(_offered(wish.task, role, one=True, skipped=True))
    return any(connection.execute(offer, own).one_or_none() is not None for offer in offers)


_LIVE = and_(leases.c.ended.is_(None), leases.c.expires > bindparam("now"))
_OF_ITEM = leases.c.item_id == standings.c.item_id
_undos = events.alias()
_OWN_SKIPS = (
    events.c.item_id == standings.c.item_id,
    events.c.reviewer == bindparam("reviewer"),
    events.c.kind == "skip",
    ~select(_undos.c.number).where(_undos.c.item_id == events.c.item_id, _undos.c.undoes == events.c.number).exists(),
)
_OPEN_BATCHES = (
    select(batches.c.id, batches.c.source).where(batches.c.closed.is_(None)).order_by(batches.c.created, batches.c.id)
)
_HELD = (
    select(leases, standings.c.batch_id, standings.c.state, batches.c.closed)
    .join(standings, _OF_ITEM)
    .join(batches, batches.c.id == standings.c.batch_id)
    .where(leases.c.reviewer == bindparam("reviewer"), leases.c.task == bindparam("task"), _LIVE)
    .order_by(leases.c.begun, standings.c.position)
)


@functools.cache
def _offered(task: Task, role: ReviewerRole, *, one: bool = False, skipped: bool = False) -> Any:
    """The first item of a batch with a place left that the reviewer neither dealt with nor holds.

    An admin may adjudicate what the admin labelled or flagged, so that a queue of one person comes to its end.

    Args:
        one: whether a given item is asked for, not the first of a batch.
        skipped: whether it is one that the reviewer skipped, and no more than once.
    """
    own_mark = [marks.c.reviewer == bindparam("reviewer"), marks.c.item_id == standings.c.item_id]
    if task == "adjudicate" and role == "admin":
        own_mark.append(marks.c.kind.in_(["skip", "adjudicate"]))
    unmarked = _count(*own_mark) == 0
    if skipped:
        unmarked = and_(_count(*own_mark, marks.c.kind == "skip") == 1, _count(*_OWN_SKIPS) == 1)
    held = _count(_OF_ITEM, leases.c.task == bindparam("task"), _LIVE)
    own_leases = _count(_OF_ITEM, leases.c.reviewer == bindparam("reviewer"), _LIVE)
    # What is before the reviewer's eyes is not offered a second time when its lease has run out meanwhile.
    before_eyes = _count(_OF_ITEM, leases.c.id.in_(bindparam("holding", expanding=True)))
    places = standings.c.wanted - standings.c.n_labels if task == "label" else 1
    among = standings.c.item_id == bindparam("item_id") if one else standings.c.batch_id == bindparam("batch_id")
    return (
        select(standings.c.item_id)
        .where(among, standings.c.state.in_(_STATES[task]))
        .where(unmarked, own_leases == 0, before_eyes == 0, held < places)
        .order_by(standings.c.position)
        .limit(1)
    )


def _count(*conditions: ColumnElement[bool]) -> Any:
    """Make a subquery that counts the rows that meet the conditions, one item at a time.

    Without statistics of a young table Postgres would make a join of an `EXISTS`, and read all of a reviewer's marks
    for each item.
    """
    return select(func.count()).where(*conditions).scalar_subquery()


def _new(connection: Connection, wish: Wish, item_id: str) -> Lease:
    lease = Lease(
        id=secrets.token_hex(16),
        item_id=item_id,
        reviewer=wish.reviewer,
        task=wish.task,
        swapped=is_swapped(item_id, wish.reviewer),
        begun=wish.now,
        expires=wish.now + wish.lease_s,
    )
    connection.execute(leases.insert(), {name: getattr(lease, name) for name in Lease.__slots__})
    return lease


def is_swapped(item_id: str, reviewer: str) -> bool:
    """Tell whether a reviewer sees the second answer on the left: random, since ids are, and always the same."""
    return bool(hashlib.blake2b(f"{item_id}/{reviewer}".encode(), digest_size=1).digest()[0] & 1)


_BY_ID = leases.c.id == bindparam("lease_id")
_EXTEND = update(leases).where(_BY_ID).values(expires=bindparam("until"))
_END = update(leases).where(_BY_ID).values(ended=bindparam("now"))
_FIND = select(leases).where(_BY_ID)


def extend(connection: Connection, lease: Lease, wish: Wish) -> Lease:
    """Let a lease run anew from now."""
    expires = wish.now + wish.lease_s
    connection.execute(_EXTEND, {"lease_id": lease.id, "until": expires})
    return replace(lease, expires=expires)


def end(connection: Connection, lease_id: str, now: float) -> None:
    """Give the place back."""
    connection.execute(_END, {"lease_id": lease_id, "now": now})


def renew(connection: Connection, wish: Wish, role: ReviewerRole, lease_id: str) -> Lease:
    """Let a lease run anew; one that ran out only where the item is still offered to the reviewer.

    Raises:
        LeaseError: as `find`; LeaseExpiredError where somebody else has the item now.
    """
    lease = find(connection, wish.reviewer, lease_id)
    if lease.expires > wish.now:
        return extend(connection, lease, wish)
    if not _is_offered(connection, wish, role, lease.item_id):
        raise LeaseExpiredError("The lease ran out, and the item has gone to somebody else. Take the next item.")
    return extend(connection, lease, wish)


def usable(connection: Connection, reviewer: str, lease_id: str, now: float) -> Lease:
    """A reviewer's own lease that is neither ended nor expired.

    Raises:
        LeaseError, LeaseEndedError, LeaseExpiredError
    """
    lease = find(connection, reviewer, lease_id)
    if lease.expires <= now:
        raise LeaseExpiredError(
            f"The lease of this item ran out {now - lease.expires:.0f} s ago, and nothing was stored. Renew it, which "
            "works while nobody else has the item, or take the next one."
        )
    return lease


def find(connection: Connection, reviewer: str, lease_id: str) -> Lease:
    """A reviewer's own lease that is not ended.

    Raises:
        LeaseError, LeaseEndedError
    """
    row = connection.execute(_FIND, {"lease_id": lease_id}).one_or_none()
    if row is None:
        raise LeaseError(f"There is no lease {lease_id[:80]!r}. Take the next item.")
    if row.reviewer != reviewer:
        raise LeaseError("The lease belongs to another reviewer. Take the next item.")
    if row.ended is not None:
        raise LeaseEndedError(
            "This item was dealt with already under this lease, perhaps in another tab, and nothing was changed. "
            "Take the next item, or undo."
        )
    return _lease(row)


def task_of(connection: Connection, lease_id: str) -> Task:
    """Look up the task that a lease was taken for."""
    task: Task = connection.execute(select(leases.c.task).where(leases.c.id == lease_id)).scalar_one()
    return task


def live_of_item(connection: Connection, reviewer: str, item_id: str, now: float) -> Lease | None:
    """The lease under which a reviewer holds an item."""
    query = select(leases).where(leases.c.item_id == item_id, leases.c.reviewer == reviewer, _LIVE)
    row = connection.execute(query, {"now": now}).first()
    return None if row is None else _lease(row)


def holders(connection: Connection, batch_id: str, now: float) -> dict[str, int]:
    """Count the items of a batch that each reviewer holds, by name."""
    query = (
        select(leases.c.reviewer, func.count())
        .join(standings, _OF_ITEM)
        .where(standings.c.batch_id == batch_id, _LIVE)
        .group_by(leases.c.reviewer)
        .order_by(leases.c.reviewer)
    )
    return {reviewer: int(count) for reviewer, count in connection.execute(query, {"now": now})}


def free(connection: Connection, reviewer: str, now: float) -> None:
    """Let all leases of a reviewer run out, so that others get the items."""
    held = (leases.c.reviewer == reviewer, leases.c.ended.is_(None), leases.c.expires > now)
    connection.execute(update(leases).where(*held).values(expires=now))


def _lease(row: Any) -> Lease:
    return Lease(row.id, row.item_id, row.reviewer, row.task, row.swapped, row.begun, row.expires)
