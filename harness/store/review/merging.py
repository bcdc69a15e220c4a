"""Bringing another store's review queue in: batches and items that are new here, and the events that are.

Ids are random, so that the same id is the same thing. An event is known by its reviewer and key; its number is given
anew here, and standings are worked out again, so that two reviewers' labels of one item come together as if given here.

Two gates draw the same batch apart, each by its own labels, and two drawings must not mix. So the one that is here
stands. What people said there of a case that it has drawn joins the labels of its item. What they said of another case
waits in a batch of its own, which nobody is offered, until the drawing here comes to that case (see `gate.extend`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from harness.records.review import Batch, Event, Item, Reviewer
from harness.store.review import events as review_events
from harness.store.review import gate as review_gate
from harness.store.review import items as review_items
from harness.store.review import reviewers as review_reviewers
from harness.store.schema.review_tables import items

_WAITS = "kept for labels of another store until the gate draws their cases here"


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
    known = _Known(review_items.list_batches(connection), set(connection.execute(select(items.c.id)).scalars()))
    count = 0
    for part in parts:
        home = known.home(part.batch)
        if home is not None and "key" in home.source:
            places = _join(connection, known, home, part)
        else:
            if home is None:
                known.add(connection, part.batch)
            _add_items(connection, part)
            places = {item.id: item.id for item in part.items}
        known.ids.update(places.values())
        count += _add_events(connection, part.events, places)
    return count


class _Known:
    """What the queue here holds: its batches, and the ids of its items. Reading them for each batch takes too long."""

    def __init__(self, known: list[Batch], ids: set[str]) -> None:
        self.ids = ids
        self._by_id: dict[str, Batch] = {}
        self._by_key: dict[str, Batch] = {}
        for batch in known:
            self._take(batch)

    def _take(self, batch: Batch) -> None:
        self._by_id[batch.id] = batch
        if "key" in batch.source:
            self._by_key.setdefault(batch.source["key"], batch)

    def add(self, connection: Connection, batch: Batch) -> None:
        """Add a batch without its items, if it is new."""
        if batch.id not in self._by_id:
            review_items.add_batch(connection, batch, [])
            self._take(batch)

    def home(self, batch: Batch) -> Batch | None:
        """The batch here that another store's is: the one of its id, else the oldest about the same answers."""
        same = self._by_id.get(batch.id)
        if same is not None and "apart" not in same.source:
            return same
        return self._by_key.get(batch.source.get("key", batch.source.get("apart")))


def _join(connection: Connection, known: _Known, home: Batch, part: Part) -> dict[str, str]:
    """Map the items of another store's batch that somebody dealt with to those here, which are added where there are
    none.

    Of several items of one answer, as earlier merges left them, the first counts.
    """
    apart_id = review_gate.apart_id(home.id)
    apart = review_items.items_of(connection, apart_id)
    there = [*apart, *reversed(review_items.items_of(connection, home.id))]
    here = {review_gate.content_of(item): item.id for item in there}
    own = {item.id for item in there}
    touched = {event.item_id for event in part.events}
    position = 1 + max((item.position for item in apart), default=-1)
    places: dict[str, str] = {}
    added: list[Item] = []
    for item in part.items:
        content = review_gate.content_of(item)
        if item.id in own:
            places[item.id] = item.id
        elif item.id in touched:
            if content not in here:
                here[content] = item.id
                if item.id not in known.ids:
                    added.append(replace(item, batch_id=apart_id, position=position + len(added)))
            places[item.id] = here[content]
    if added:
        source = {"apart": home.source["key"], "roles": home.source.get("roles", ["candidate"])}
        known.add(connection, replace(home, id=apart_id, source=source, closed=home.created, closed_reason=_WAITS))
        review_items.add_items(connection, apart_id, added)
    return places


def _add_items(connection: Connection, part: Part) -> None:
    """Add the items that are new here, after those that are here where their positions are taken."""
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


def _add_events(connection: Connection, happened: list[Event], places: Mapping[str, str]) -> int:
    """Add the events that are new here to the items in whose places they are; gives the number of labels among them."""
    numbers: dict[int, int] = {}
    labels = 0
    for event in happened:
        here = review_events.by_key(connection, event.reviewer, event.key)
        if here is None:
            undoes = None if event.undoes is None else numbers[event.undoes]
            new = replace(event, item_id=places[event.item_id], undoes=undoes, lease_id=None)
            here, _ = review_events.add(connection, new, review_events.terms(connection, new.item_id))
            labels += event.kind == "label"
        numbers[event.number] = here.number
    return labels
