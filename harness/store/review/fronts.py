"""From where on a reviewer's next item of a batch is searched for: what lies before, the reviewer has dealt with.

Without it each search would pass all items that the reviewer has labelled and others still have to.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, func, select, update

from harness.store.schema.review_tables import fronts, marks, standings

_STEP = 50
"""By how many positions the search may begin too early: to be exact would cost a write for each item."""

_OWN = (fronts.c.reviewer == bindparam("by"), fronts.c.batch_id == bindparam("of"))
_FIND = select(fronts.c.position).where(*_OWN)
_FORGET = delete(fronts).where(*_OWN)
_MARKED = (
    select(func.count())
    .where(marks.c.reviewer == bindparam("by"), marks.c.item_id == standings.c.item_id)
    .scalar_subquery()
)
_FIRST_UNSEEN = (
    select(standings.c.position)
    .where(standings.c.batch_id == bindparam("of"), standings.c.state == "open")
    .where(standings.c.position >= bindparam("front"), _MARKED == 0)
    .order_by(standings.c.position)
    .limit(1)
)
_REOPEN = (
    update(fronts)
    .where(fronts.c.batch_id == bindparam("of"), fronts.c.position > bindparam("at"))
    .values(position=bindparam("at"))
)


def find(connection: Connection, reviewer: str, batch_id: str) -> int:
    """The position from which on a reviewer may find an item."""
    return int(connection.execute(_FIND, {"by": reviewer, "of": batch_id}).scalar_one_or_none() or 0)


def advance(connection: Connection, reviewer: str, batch_id: str, front: int, found: int) -> None:
    """Move the front on, when the item that was found lies far from it. Items that others hold at present count."""
    if found - front < _STEP:
        return
    own = {"by": reviewer, "of": batch_id}
    unseen = connection.execute(_FIRST_UNSEEN, {**own, "front": front}).scalar_one()
    if unseen > front:
        connection.execute(_FORGET, own)
        connection.execute(fronts.insert(), {"reviewer": reviewer, "batch_id": batch_id, "position": unseen})


def reopen(connection: Connection, batch_id: str, position: int) -> None:
    """An item may be offered again, or for the first time: nobody's search begins behind it."""
    connection.execute(_REOPEN, {"of": batch_id, "at": position})
