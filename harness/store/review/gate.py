"""A gate's work on its batches: it adds and extends them, sets the run that decides them, and finds changed ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from harness.records.review import Batch, Item
from harness.store.review import events as review_events
from harness.store.review import items as review_items
from harness.store.schema import codec
from harness.store.schema.review_tables import batches, events, items, standings


def extend(connection: Connection, batch_id: str, added: Sequence[Item]) -> list[Item]:
    """Add items after the last of a batch, all or none: none where somebody else has added some meanwhile.

    Of the same answer the item that another store drew (`apart_id`) takes the place of a new one, with its labels.

    Returns:
        The items as they were added.

    Raises:
        UnknownItemError: there is no such batch.
    """
    review_items.find_batch(connection, batch_id)
    query = select(func.count()).select_from(items).where(items.c.batch_id == batch_id)
    if not added or connection.execute(query).scalar_one() != added[0].position:
        return []
    apart = {content_of(item): item.id for item in review_items.items_of(connection, apart_id(batch_id))}
    stored = [replace(item, id=apart.get(content_of(item), item.id)) for item in added]
    taken_over = [item.id for item in stored if item.id in apart.values()]
    for table, column in ((items, items.c.id), (standings, standings.c.item_id)):
        connection.execute(delete(table).where(column.in_(taken_over)))
    review_items.add_items(connection, batch_id, stored)
    for item_id in taken_over:
        review_events.settle(connection, item_id, review_events.terms(connection, item_id))
    return stored


def apart_id(batch_id: str) -> str:
    """The id of the batch of what people said in another store of cases that a gate's batch has not drawn here yet."""
    return f"{batch_id}-apart"


def content_of(item: Item) -> tuple[Any, ...]:
    """The case and the answer that an item of a gate is of, which a batch asks about once."""
    answers = tuple((answer.sample_key or answer.text, answer.sample_index) for answer in item.answers)
    return item.case_id, (item.draw or {}).get("version"), answers


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
