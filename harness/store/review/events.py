"""The events of reviewers, which are added and never changed, and what follows from them.

An event is in force until an undo names it. Of several labels of a reviewer the newest by its time counts. An item's
standing is worked out from its events alone, in the transaction that adds one, so that neither can be without the
other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from harness.records.review import Event, Form, Standing
from harness.store.review.items import no_item, stored_form
from harness.store.schema import codec
from harness.store.schema.review_tables import batches, events, items, marks, standings

SETTLING = frozenset({"adjudicate", "exclude"})
"""The kinds of events of which the last settles an item, whatever its labels say."""


def in_force(happened: Iterable[Event]) -> list[Event]:
    """The events that nobody took back, by their times, without the undos themselves."""
    known = sorted(happened, key=lambda event: (event.time, event.number))
    undone = {event.undoes for event in known if event.kind == "undo"}
    return [event for event in known if event.kind != "undo" and event.number not in undone]


def counting(happened: Iterable[Event]) -> list[Event]:
    """The events in force that no later word replaces: the last label of each reviewer, and the last that settles.

    >>> said = [Event(n, "label", "i", who, float(n), f"k{n}", value=n) for n, who in enumerate(("ann", "bob", "ann"))]
    >>> [event.value for event in counting(said)]
    [1, 2]
    """
    known = in_force(happened)
    last = {_place(event): event.number for event in known}
    return [event for event in known if last[_place(event)] == event.number]


def _place(event: Event) -> tuple[Any, ...]:
    """Give what events share of which the last counts alone."""
    if event.kind in SETTLING:
        return event.item_id, "settled"
    return (event.item_id, "label", event.reviewer) if event.kind == "label" else (event.item_id, event.number)


def labels_in_force(happened: Iterable[Event]) -> list[Event]:
    """The label of each reviewer that counts, adjudications left out."""
    return [event for event in counting(happened) if event.kind == "label"]


def fold(happened: Sequence[Event], wanted: int) -> Standing:
    """Work out how an item stands after its events.

    The last adjudication or exclusion settles it. Otherwise one flag takes it out of the queue, and labels that differ
    are a dispute.

    >>> four, two = (Event(n, "label", "i", f"r{n}", 0.0, f"k{n}", value=n) for n in (4, 2))
    >>> fold([four], 2).state, fold([four, two], 2).state
    ('open', 'disputed')
    """
    standing = counting(happened)
    labels = [event for event in standing if event.kind == "label"]
    settled = next((event for event in standing if event.kind in SETTLING), None)
    if settled is not None and settled.kind == "exclude":
        return Standing("excluded", len(labels))
    if settled is not None:
        return Standing("done", len(labels), settled.value, settled.score)
    if any(event.kind == "flag" for event in standing):
        return Standing("flagged", len(labels))
    if len(labels) < wanted:
        return Standing("open", len(labels))
    if len({event.value for event in labels}) > 1:
        return Standing("disputed", len(labels))
    return Standing("done", len(labels), labels[0].value, labels[0].score)


def add(connection: Connection, event: Event, item: ItemTerms) -> tuple[Event, Standing]:
    """Add an event, which gets its number, and bring its item's standing and its reviewer's mark up to date."""
    fields = {name: getattr(event, name) for name in Event.__slots__ if name != "number"}
    stored = None if event.value is None else codec.dumps(event.value)
    number = connection.execute(_INSERT, {**fields, "value": stored}).scalar_one()
    happened = of_item(connection, event.item_id)
    standing = fold(happened, item.wanted)
    connection.execute(
        _SETTLE,
        {
            "of": event.item_id,
            "state": standing.state,
            "n_labels": standing.n_labels,
            "value": None if standing.value is None else codec.dumps(standing.value),
            "score": standing.score,
        },
    )
    own = [each for each in in_force(happened) if each.reviewer == event.reviewer]
    connection.execute(_UNMARK, {"by": event.reviewer, "of": event.item_id})
    if own:
        mark = {"reviewer": event.reviewer, "item_id": event.item_id, "number": own[-1].number, "kind": own[-1].kind}
        connection.execute(_MARK, mark)
    return replace(event, number=number), standing


_INSERT = events.insert().returning(events.c.number)
_OF_ITEM = select(events).where(events.c.item_id == bindparam("of")).order_by(events.c.number)
_BY_KEY = select(events).where(events.c.reviewer == bindparam("by"), events.c.key == bindparam("with_key"))
_SETTLE = (
    update(standings)
    .where(standings.c.item_id == bindparam("of"))
    .values({name: bindparam(name) for name in ("state", "n_labels", "value", "score")})
)
_MARK = marks.insert()
_UNMARK = delete(marks).where(marks.c.reviewer == bindparam("by"), marks.c.item_id == bindparam("of"))
_TERMS = (
    select(standings.c.wanted, batches.c.form)
    .join(batches, batches.c.id == standings.c.batch_id)
    .where(standings.c.item_id == bindparam("of"))
)


@dataclass(frozen=True, slots=True)
class ItemTerms:
    """The terms of labelling an item: by what form, and by how many reviewers."""

    form: Form
    wanted: int


def terms(connection: Connection, item_id: str) -> ItemTerms:
    """Look up how an item is labelled.

    Raises:
        UnknownItemError: there is no such item.
    """
    row = connection.execute(_TERMS, {"of": item_id}).one_or_none()
    if row is None:
        raise no_item(item_id)
    return ItemTerms(stored_form(row.form), row.wanted)


def of_item(connection: Connection, item_id: str) -> list[Event]:
    """All events of an item, in the order of their numbers."""
    return [_event(row) for row in connection.execute(_OF_ITEM, {"of": item_id})]


def of_batch(connection: Connection, batch_id: str) -> list[Event]:
    """All events of a batch's items, in the order of their numbers."""
    query = (
        select(events)
        .join(items, items.c.id == events.c.item_id)
        .where(items.c.batch_id == batch_id)
        .order_by(events.c.number)
    )
    return [_event(row) for row in connection.execute(query)]


def by_key(connection: Connection, reviewer: str, key: str) -> Event | None:
    """The event that a reviewer submitted with this key."""
    row = connection.execute(_BY_KEY, {"by": reviewer, "with_key": key}).one_or_none()
    return None if row is None else _event(row)


def last_of(connection: Connection, reviewer: str) -> Event | None:
    """The last event of a reviewer that is in force."""
    last = select(marks.c.number).where(marks.c.reviewer == reviewer).order_by(marks.c.number.desc()).limit(1)
    row = connection.execute(select(events).where(events.c.number == last.scalar_subquery())).one_or_none()
    return None if row is None else _event(row)


def last_event(connection: Connection) -> int:
    """The number of the newest event; 0 where there is none."""
    return connection.execute(select(func.max(events.c.number))).scalar_one() or 0


def touched(connection: Connection, since: int) -> list[str]:
    """The batches in which something happened after an event."""
    query = select(items.c.batch_id).join(events, events.c.item_id == items.c.id).where(events.c.number > since)
    return list(connection.execute(query.distinct().order_by(items.c.batch_id)).scalars())


def _event(row: Any) -> Event:
    fields = row._asdict()
    return Event(**{**fields, "value": None if row.value is None else json.loads(row.value)})
