"""Counts in the database how far a batch has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, exists, func, select

from harness.records.review import EventKind, ItemState
from harness.store.review.leases import holders
from harness.store.schema.review_tables import events, items, marks, standings

_RECENT = 200


_undos = events.alias()


@dataclass(frozen=True, slots=True)
class Counts:
    """The progress of a batch.

    Attributes:
        states: how many items are in each state that occurs.
        left: how many labels are still wanted.
        holders: how many items each reviewer has before the eyes, or fetched ahead.
        reviewers: of each reviewer, how many items have a label in force, and how many were dealt with last in each
            other way.
        recent: reviewer and time (epoch seconds) of the last events under a lease, the newest first.
    """

    states: Mapping[ItemState, int]
    left: int
    holders: Mapping[str, int]
    reviewers: Mapping[str, Mapping[EventKind, int]]
    recent: Sequence[tuple[str, float]]


def count(connection: Connection, batch_id: str, now: float) -> Counts:
    """See `ReviewStore.counts`."""
    states = _by_state(connection, batch_id)
    return Counts(
        states={state: n_items for state, (n_items, _) in states.items()},
        left=states.get("open", (0, 0))[1],
        holders=holders(connection, batch_id, now),
        reviewers=_by_reviewer(connection, batch_id),
        recent=_recent(connection, batch_id),
    )


def _by_state(connection: Connection, batch_id: str) -> dict[ItemState, tuple[int, int]]:
    """Of each state that occurs, how many items are in it and how many labels these still want."""
    wanted = func.sum(standings.c.wanted - standings.c.n_labels)
    query = select(standings.c.state, func.count(), wanted).where(standings.c.batch_id == batch_id)
    rows = connection.execute(query.group_by(standings.c.state))
    return {state: (int(count), int(left)) for state, count, left in rows}


def _by_reviewer(connection: Connection, batch_id: str) -> dict[str, dict[EventKind, int]]:
    """Count the items that each reviewer has labelled, and those dealt with last in each other way.

    A reviewer who settled an item after labelling it has a label in force that the mark does not tell.
    """
    query = (
        select(marks.c.reviewer, marks.c.kind, func.count())
        .join(standings, standings.c.item_id == marks.c.item_id)
        .where(standings.c.batch_id == batch_id)
        .group_by(marks.c.reviewer, marks.c.kind)
        .order_by(marks.c.reviewer)
    )
    found: dict[str, dict[EventKind, int]] = {}
    for reviewer, kind, count in connection.execute(query):
        found.setdefault(reviewer, {})[kind] = int(count)
    labelled = (
        exists()
        .where(events.c.item_id == marks.c.item_id, events.c.reviewer == marks.c.reviewer, events.c.kind == "label")
        .where(~exists().where(_undos.c.item_id == events.c.item_id, _undos.c.undoes == events.c.number))
    )
    earlier = (
        select(marks.c.reviewer, func.count())
        .join(standings, standings.c.item_id == marks.c.item_id)
        .where(standings.c.batch_id == batch_id, marks.c.kind != "label", labelled)
        .group_by(marks.c.reviewer)
    )
    for reviewer, count in connection.execute(earlier):
        found[reviewer]["label"] = found[reviewer].get("label", 0) + int(count)
    return found


def skipped(connection: Connection, batch_id: str) -> dict[str, list[str]]:
    """List by item, sorted by name, the reviewers who skipped an open item of a batch and did not come back."""
    query = (
        select(marks.c.item_id, marks.c.reviewer)
        .join(standings, standings.c.item_id == marks.c.item_id)
        .where(standings.c.batch_id == batch_id, standings.c.state == "open", marks.c.kind == "skip")
        .order_by(marks.c.reviewer)
    )
    found: dict[str, list[str]] = {}
    for item_id, reviewer in connection.execute(query):
        found.setdefault(item_id, []).append(reviewer)
    return found


def _recent(connection: Connection, batch_id: str) -> list[tuple[str, float]]:
    """Reviewer and time of the last events under a lease, the newest first."""
    query = (
        select(events.c.reviewer, events.c.time)
        .join(items, items.c.id == events.c.item_id)
        .where(items.c.batch_id == batch_id, events.c.lease_id.is_not(None))
        .order_by(events.c.number.desc())
        .limit(_RECENT)
    )
    return [(reviewer, time) for reviewer, time in connection.execute(query)]
