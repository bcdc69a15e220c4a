"""A gate's work on its batches: it adds and extends them, sets the run that decides them, and finds changed ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from harness.records.review import Batch, Item
from harness.store.review import items as review_items
from harness.store.schema import codec
from harness.store.schema.review_tables import batches, events, items


def extend(connection: Connection, batch_id: str, added: Sequence[Item]) -> bool:
    """Add items after the last of a batch, and tell whether that was done: not where somebody else has added some.

    Raises:
        UnknownItemError: there is no such batch.
    """
    review_items.find_batch(connection, batch_id)
    query = select(func.count()).select_from(items).where(items.c.batch_id == batch_id)
    if not added or connection.execute(query).scalar_one() != added[0].position:
        return False
    review_items.add_items(connection, batch_id, added)
    return True


def find_or_add(connection: Connection, batch: Batch) -> Batch:
    """The batch with the key of this one, the oldest if there are several; else this one, which is added without items.

    Two gates that ask for the same answers to be reviewed at once have one batch.
    """
    key = batch.source["key"]
    known = next((each for each in review_items.list_batches(connection) if each.source.get("key") == key), None)
    if known is None:
        review_items.add_batch(connection, batch, [])
    return known or batch


def set_source(connection: Connection, batch_id: str, run_id: str, source: Mapping[str, Any]) -> None:
    """Let a batch be decided by another run of the same samples."""
    changed = {"run_id": run_id, "source": codec.dumps(source)}
    connection.execute(update(batches).where(batches.c.id == batch_id).values(changed))


def last_event(connection: Connection) -> int:
    """The number of the newest event; 0 where there is none."""
    return connection.execute(select(func.max(events.c.number))).scalar_one() or 0


def touched(connection: Connection, since: int) -> list[str]:
    """The batches in which something happened after an event."""
    query = select(items.c.batch_id).join(events, events.c.item_id == items.c.id).where(events.c.number > since)
    return list(connection.execute(query.distinct().order_by(items.c.batch_id)).scalars())
