"""Bringing another store's review queue in: batches, items, reviewers and events that are new here.

Ids are random, so that the same id is the same thing. An event is known by its reviewer and key; its number is given
anew here, and standings are worked out again, so that two reviewers' labels of one item come together as if given here.
A batch that two gates drew apart is two batches: a gate here is decided by the labels of its own.
"""

from __future__ import annotations

from collections.abc import Collection
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


def merge(connection: Connection, parts: list[Part], reviewers: list[Reviewer]) -> tuple[int, int]:
    """Add what is not here yet. Reviewers who are new here have no token.

    Returns:
        How many labels are new here, and how many stay there: of items that the gate there alone drew.
    """
    for reviewer in reviewers:
        if review_reviewers.find(connection, reviewer.name) is None:
            review_reviewers.add(connection, reviewer, None)
    known = review_items.list_batches(connection)
    ids, keys = {batch.id for batch in known}, {batch.source["key"] for batch in known if "key" in batch.source}
    here = set(connection.execute(select(items.c.id)).scalars())
    count = left = 0
    for part in parts:
        added = _new_items(connection, part) if part.batch.id in ids else part.items
        if part.batch.id in ids:
            review_items.add_items(connection, part.batch.id, added)
        else:
            review_items.add_batch(connection, _as_another(part.batch, keys), added)
        here.update(item.id for item in added)
        there = [event for event in part.events if event.item_id not in here]
        left += sum(event.kind == "label" for event in there)
        count += _add_events(connection, [event for event in part.events if event.item_id in here])
    return count, left


def _as_another(batch: Batch, keys: Collection[str]) -> Batch:
    """A batch as it comes here: one that a gate here drew for itself is decided by no gate."""
    if batch.source.get("key") not in keys:
        return batch
    source = {name: value for name, value in batch.source.items() if name != "key"}
    return replace(batch, source=source, closed=batch.created, closed_reason="the gate here drew items of its own")


def _new_items(connection: Connection, part: Part) -> list[Item]:
    """The items that a batch lacks here, where it went on there from what is here; else none: drawings don't mix."""
    ours = [item.id for item in review_items.items_of(connection, part.batch.id)]
    goes_on = [item.id for item in part.items[: len(ours)]] == ours
    return part.items[len(ours) :] if goes_on else []


def _add_events(connection: Connection, happened: list[Event]) -> int:
    """Add the events that are new here; gives the number of labels among them."""
    numbers: dict[int, int] = {}
    labels = 0
    for event in happened:
        here = review_events.by_key(connection, event.reviewer, event.key)
        if here is None:
            undoes = None if event.undoes is None else numbers[event.undoes]
            new = replace(event, undoes=undoes, lease_id=None)
            here, _ = review_events.add(connection, new, review_events.terms(connection, new.item_id))
            labels += event.kind == "label"
        numbers[event.number] = here.number
    return labels
