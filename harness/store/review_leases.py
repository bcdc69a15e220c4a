"""Leases: who has which item for how long, and which item is next. All of it runs in the queue's one write transaction.

A lease that ran out holds nothing, without anybody having to clear it away: a reviewer's process may die at any time.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select, update

from harness.errors import LeaseEndedError, LeaseError, LeaseExpiredError
from harness.store.review_records import Lease, ReviewerRole, Task
from harness.store.review_tables import batches, leases, marks, standings

_STATES: dict[Task, tuple[str, ...]] = {"label": ("open",), "adjudicate": ("disputed", "flagged")}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reviewer wants to have next.

    Attributes:
        reviewer: by name.
        holding: ids of leases that the reviewer has before the eyes already.
        batch_id: the only batch that counts; None for all of them, the oldest first.
        lease_s: how long the lease runs, in seconds.
        now: epoch seconds.
    """

    reviewer: str
    task: Task
    lease_s: float
    now: float
    holding: Collection[str] = ()
    batch_id: str | None = None


def take(connection: Connection, wish: Wish, role: ReviewerRole) -> Lease | None:
    """The lease of the reviewer's next item: one that is held and not before the eyes yet, else a new one."""
    for lease in _held(connection, wish):
        if lease.id in wish.holding:
            continue
        if _is_offered(connection, lease):
            return extend(connection, lease, wish)
        end(connection, lease.id, wish.now)
    for batch_id in _open_batches(connection, wish):
        item_id = connection.execute(_offered(wish, role, standings.c.batch_id == batch_id)).scalar_one_or_none()
        if item_id is not None:
            return _new(connection, wish, item_id)
    return None


def take_item(connection: Connection, wish: Wish, role: ReviewerRole, item_id: str) -> Lease | None:
    """A lease of this very item, if it is offered to the reviewer."""
    batch = select(standings.c.batch_id).where(standings.c.item_id == item_id).scalar_subquery()
    is_open = exists().where(batches.c.id == batch, batches.c.closed.is_(None))
    query = _offered(wish, role, standings.c.item_id == item_id).where(is_open)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else _new(connection, wish, found)


def _live(now: float) -> ColumnElement[bool]:
    return and_(leases.c.ended.is_(None), leases.c.expires > now)


def _held(connection: Connection, wish: Wish) -> list[Lease]:
    own = leases.c.reviewer == wish.reviewer, leases.c.task == wish.task, _live(wish.now)
    query = select(leases).where(*own).order_by(leases.c.begun, leases.c.id)
    if wish.batch_id is not None:
        query = query.join(standings, standings.c.item_id == leases.c.item_id)
        query = query.where(standings.c.batch_id == wish.batch_id)
    return [_lease(row) for row in connection.execute(query)]


def _is_offered(connection: Connection, lease: Lease) -> bool:
    """Whether an item that is held is still to be reviewed: its batch is open, and nobody settled or flagged it."""
    query = (
        select(standings.c.state)
        .join(batches, batches.c.id == standings.c.batch_id)
        .where(standings.c.item_id == lease.item_id, batches.c.closed.is_(None))
    )
    return connection.execute(query).scalar_one_or_none() in _STATES[lease.task]


def _open_batches(connection: Connection, wish: Wish) -> list[str]:
    query = select(batches.c.id).where(batches.c.closed.is_(None)).order_by(batches.c.created, batches.c.id)
    if wish.batch_id is not None:
        query = query.where(batches.c.id == wish.batch_id)
    return list(connection.execute(query).scalars())


def _offered(wish: Wish, role: ReviewerRole, among: ColumnElement[bool]) -> Any:
    """The first item that the reviewer may have: with a place left, not seen by the reviewer, not held by the reviewer.

    An admin may adjudicate what the admin labelled or flagged, so that a queue of one person comes to its end.
    """
    of_item = leases.c.item_id == standings.c.item_id
    own_mark = [marks.c.reviewer == wish.reviewer, marks.c.item_id == standings.c.item_id]
    if wish.task == "adjudicate" and role == "admin":
        own_mark.append(marks.c.kind.in_(["skip", "adjudicate"]))
    held = select(func.count()).where(of_item, leases.c.task == wish.task, _live(wish.now)).scalar_subquery()
    own_lease = exists().where(of_item, leases.c.reviewer == wish.reviewer, _live(wish.now))
    places = standings.c.wanted - standings.c.n_labels if wish.task == "label" else 1
    return (
        select(standings.c.item_id)
        .where(among, standings.c.state.in_(_STATES[wish.task]))
        .where(~exists().where(*own_mark), ~own_lease, held < places)
        .order_by(standings.c.position)
        .limit(1)
    )


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
    """Whether a reviewer sees the second answer of a pair on the left: random, since ids are, and always the same."""
    return bool(hashlib.blake2b(f"{item_id}/{reviewer}".encode(), digest_size=1).digest()[0] & 1)


def extend(connection: Connection, lease: Lease, wish: Wish) -> Lease:
    """Let a lease run anew from now."""
    expires = wish.now + wish.lease_s
    connection.execute(update(leases).where(leases.c.id == lease.id).values(expires=expires))
    return Lease(lease.id, lease.item_id, lease.reviewer, lease.task, lease.swapped, lease.begun, expires)


def end(connection: Connection, lease_id: str, now: float) -> None:
    """Give the place back."""
    connection.execute(update(leases).where(leases.c.id == lease_id).values(ended=now))


def renew(connection: Connection, wish: Wish, role: ReviewerRole, lease_id: str) -> Lease:
    """Let a lease run anew; one that ran out only where the item is still offered to the reviewer.

    Raises:
        LeaseError: as `find`; LeaseExpiredError where somebody else has the item now.
    """
    lease = find(connection, wish.reviewer, lease_id)
    if lease.expires > wish.now:
        return extend(connection, lease, wish)
    offered = _offered(wish, role, standings.c.item_id == lease.item_id)
    if connection.execute(offered).scalar_one_or_none() is None:
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
    row = connection.execute(select(leases).where(leases.c.id == lease_id)).one_or_none()
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
    """What a lease was taken for."""
    task: Task = connection.execute(select(leases.c.task).where(leases.c.id == lease_id)).scalar_one()
    return task


def live_of_item(connection: Connection, reviewer: str, item_id: str, now: float) -> Lease | None:
    """The lease under which a reviewer holds an item."""
    query = select(leases).where(leases.c.item_id == item_id, leases.c.reviewer == reviewer, _live(now))
    row = connection.execute(query).first()
    return None if row is None else _lease(row)


def count_live(connection: Connection, batch_id: str, now: float) -> int:
    """How many items of a batch are held, each as often as it is."""
    query = (
        select(func.count())
        .select_from(leases)
        .join(standings, standings.c.item_id == leases.c.item_id)
        .where(standings.c.batch_id == batch_id, _live(now))
    )
    return int(connection.execute(query).scalar_one())


def _lease(row: Any) -> Lease:
    return Lease(row.id, row.item_id, row.reviewer, row.task, row.swapped, row.begun, row.expires)
