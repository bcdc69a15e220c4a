"""Bringing another store's review queue in: batches and items that are new here, and the events that are.

Ids are random, so that the same id is the same thing. An event is known by its reviewer and key; its number is given
anew here, and standings are worked out again, so that two reviewers' labels of one item come together as if given here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from harness.records.review import Batch, Event, Item, Reviewer
from harness.store.review import events as review_events
from harness.store.review import items as review_items
from harness.store.review import reviewers as review_reviewers
from harness.store.schema.review_tables import items


@dataclass(frozen=True, slots=True)
class Part:
    """A batch of the other store, whole."""

    batch: Batch
    items: list[Item]
    events: list[Event]


def read(connection: Connection) -> tuple[list[Part], list[Reviewer]]:
    """All that a queue holds, but leases and tokens."""
    parts = [
        Part(batch, review_items.items_of(connection, batch.id), review_events.of_batch(connection, batch.id))
        for batch in review_items.list_batches(connection)
    ]
    return parts, review_reviewers.list_all(connection)


def merge(connection: Connection, parts: list[Part], reviewers: list[Reviewer]) -> int:
    """Add what is not here yet; gives the number of labels among it. Reviewers who are new here have no token."""
    for reviewer in reviewers:
        if review_reviewers.find(connection, reviewer.name) is None:
            review_reviewers.add(connection, reviewer, None)
    known = {batch.id for batch in review_items.list_batches(connection)}
    count = 0
    for part in parts:
        if part.batch.id not in known:
            review_items.add_batch(connection, part.batch, [])
        _add_items(connection, part)
        count += _add_events(connection, part.events)
    return count


def _add_items(connection: Connection, part: Part) -> None:
    """The items that are new here, after those that are here where their positions are taken."""
    here = select(items.c.id, items.c.position).where(items.c.batch_id == part.batch.id)
    rows = connection.execute(here).all()
    ids, taken = {row.id for row in rows}, {row.position for row in rows}
    added = []
    for item in part.items:
        if item.id not in ids:
            position = item.position if item.position not in taken else max(taken) + 1
            taken.add(position)
            added.append(replace(item, position=position))
    review_items.add_items(connection, part.batch.id, added)


def _add_events(connection: Connection, happened: list[Event]) -> int:
    numbers: dict[int, int] = {}
    labels = 0
    for event in happened:
        here = review_events.by_key(connection, event.reviewer, event.key)
        if here is None:
            undoes = None if event.undoes is None else numbers[event.undoes]
            new = replace(event, undoes=undoes, lease_id=None)
            here, _ = review_events.add(connection, new, review_events.terms(connection, event.item_id))
            labels += event.kind == "label"
        numbers[event.number] = here.number
    return labels
