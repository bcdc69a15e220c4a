"""Counts in the database how far a batch has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from sqlalchemy import Connection, case, exists, func, select

from harness.records.review import EventKind, Task
from harness.store.review.events import SETTLING
from harness.store.review.items import find_batch
from harness.store.review.leases import holders
from harness.store.schema.review_tables import batches, events, items, marks, standings

_RECENT = 200
_LONGEST_PAUSE_S = 600.0
_undos = events.alias()


@dataclass(frozen=True, slots=True)
class Count:
    """The labels of all open batches that are in and still wanted; for adjudicators, items settled and in dispute."""

    done: int
    left: int


@dataclass(frozen=True, slots=True)
class ReviewerProgress:
    """The work of one reviewer, in items: labels in force, and what was skipped, flagged, settled or excluded last."""

    reviewer: str
    labels: int
    skips: int
    flags: int
    adjudications: int
    exclusions: int = 0


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """The progress of a batch.

    Attributes:
        n_items: open, done, disputed, flagged and excluded ones together.
        left: how many labels are still wanted.
        held: how many items reviewers have before the eyes now, or fetched ahead; `holders` counts them by reviewer.
        seconds_per_label: the median time from one event of a reviewer to the next; None before there are two.
    """

    batch_id: str
    evaluation_id: str
    title: str
    n_items: int
    n_open: int
    n_done: int
    n_disputed: int
    n_flagged: int
    left: int
    held: int
    reviewers: tuple[ReviewerProgress, ...]
    seconds_per_label: float | None
    closed: float | None
    closed_reason: str | None
    n_excluded: int = 0
    holders: Mapping[str, int] = field(default_factory=dict)

    @property
    def labels(self) -> int:
        """Labels that are in force."""
        return sum(each.labels for each in self.reviewers)

    @property
    def left_s(self) -> float | None:
        """The seconds that the labels that are left take one reviewer; None where nothing tells."""
        return None if self.seconds_per_label is None else self.left * self.seconds_per_label


def progress(connection: Connection, batch_id: str, now: float) -> BatchProgress:
    """Count how far a batch has come."""
    batch = find_batch(connection, batch_id)
    wanted = func.sum(standings.c.wanted - standings.c.n_labels)
    query = select(standings.c.state, func.count(), wanted).where(standings.c.batch_id == batch_id)
    states = {state: (int(n), int(left)) for state, n, left in connection.execute(query.group_by(standings.c.state))}
    held = holders(connection, batch_id, now)
    return BatchProgress(
        batch_id=batch.id,
        evaluation_id=batch.evaluation_id,
        title=batch.form.title,
        n_items=sum(n for n, _ in states.values()),
        **{f"n_{name}": states.get(name, (0, 0))[0] for name in ("open", "done", "disputed", "flagged", "excluded")},
        left=states.get("open", (0, 0))[1],
        held=sum(held.values()),
        reviewers=tuple(
            ReviewerProgress(name, *(kinds.get(kind, 0) for kind in ("label", "skip", "flag", "adjudicate", "exclude")))
            for name, kinds in _by_reviewer(connection, batch_id).items()
        ),
        seconds_per_label=_pace(_recent(connection, batch_id)),
        closed=batch.closed,
        closed_reason=batch.closed_reason,
        holders=held,
    )


def count(connection: Connection, task: Task) -> Count:
    """Count what is done and left in the batches that are open."""
    is_open = standings.c.batch_id.in_(select(batches.c.id).where(batches.c.closed.is_(None)))
    if task == "label":
        wanted = case((standings.c.state == "open", standings.c.wanted - standings.c.n_labels), else_=0)
        done, left = connection.execute(select(func.sum(standings.c.n_labels), func.sum(wanted)).where(is_open)).one()
        return Count(int(done or 0), int(left or 0))
    settled = marks.join(standings, standings.c.item_id == marks.c.item_id)
    adjudicated = select(func.count()).select_from(settled).where(is_open, marks.c.kind.in_(SETTLING))
    disputed = select(func.count()).where(is_open, standings.c.state.in_(["disputed", "flagged"]))
    return Count(*(int(connection.execute(query).scalar_one()) for query in (adjudicated, disputed)))


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


def _pace(recent: Sequence[tuple[str, float]]) -> float | None:
    """The median time between events that follow each other, long pauses left out.

    >>> _pace([("ann", 30.0), ("bob", 22.0), ("ann", 20.0), ("ann", 14.0)])
    8.0
    """
    later: dict[str, float] = {}
    gaps = []
    for reviewer, time in recent:
        if reviewer in later and later[reviewer] - time < _LONGEST_PAUSE_S:
            gaps.append(later[reviewer] - time)
        later[reviewer] = time
    return median(gaps) if gaps else None
