"""`ReviewStore`: the review queue as the store keeps it, one short transaction a call; and how far it is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from sqlalchemy import case, func, select

from harness.records.review import Event, Task
from harness.store.review.events import SETTLING, in_force
from harness.store.review.items import IN_FORCE
from harness.store.review.turns import TurnTables
from harness.store.schema import batches, events, items

_RECENT = 200
_LONGEST_PAUSE_S = 600.0


@dataclass(frozen=True, slots=True)
class Count:
    """The labels of an open batch that are in and still wanted; for adjudicators, items settled and in dispute."""

    n_items: int
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
        left: how many labels are still wanted; none of a closed one.
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


class ReviewStore(TurnTables):
    """Items, leases, events and reviewers of one store. Calls may come from any thread."""

    def progress(self, batch_id: str, now: float) -> BatchProgress:
        """Count how far a batch has come."""
        with self._database.one_state():
            return self._progress(batch_id, now)

    def _progress(self, batch_id: str, now: float) -> BatchProgress:
        batch = self.batch(batch_id)
        wanted = func.sum(items.c.wanted - items.c.n_labels)
        query = select(items.c.state, func.count(), wanted).where(items.c.batch_id == batch_id)
        states = {state: (int(n), int(left)) for state, n, left in self._database.rows(query.group_by(items.c.state))}
        held = self.holders(batch_id, now)
        happened = self.events(batch_id=batch_id)
        return BatchProgress(
            batch_id=batch.id,
            evaluation_id=batch.evaluation_id,
            title=batch.form.title,
            n_items=sum(n for n, _ in states.values()),
            **{
                f"n_{name}": states.get(name, (0, 0))[0] for name in ("open", "done", "disputed", "flagged", "excluded")
            },
            left=states.get("open", (0, 0))[1] if batch.closed is None else 0,
            held=sum(held.values()),
            reviewers=_by_reviewer(in_force(happened)),
            seconds_per_label=_pace([event for event in happened if event.lease_id is not None][-_RECENT:]),
            closed=batch.closed,
            closed_reason=batch.closed_reason,
            holders=held,
        )

    def counts(self, task: Task) -> dict[str, Count]:
        """Count what is done and left in each batch that is open, by their ids."""
        if task == "label":
            done: Any = items.c.n_labels
            left = case((items.c.state == "open", items.c.wanted - items.c.n_labels), else_=0)
        else:
            of_item = events.c.item_id == items.c.id, IN_FORCE, events.c.kind.in_(SETTLING)
            done = case((select(events.c.number).where(*of_item).exists(), 1), else_=0)
            left = case((items.c.state.in_(["disputed", "flagged"]), 1), else_=0)
        figures = select(batches.c.id, func.count(items.c.id), func.sum(done), func.sum(left))
        figures = figures.join(items, items.c.batch_id == batches.c.id).where(batches.c.closed.is_(None))
        rows = self._database.rows(figures.group_by(batches.c.id))
        return {batch_id: Count(*(int(n or 0) for n in numbers)) for batch_id, *numbers in rows}

    def skipped(self, batch_id: str) -> dict[str, list[str]]:
        """List by item, sorted by name, the reviewers who skipped an open item of a batch and did not come back."""
        with self._database.one_state():
            is_open = select(items.c.id).where(items.c.batch_id == batch_id, items.c.state == "open")
            open_ids = set(self._database.values(is_open))
            happened = self.events(batch_id=batch_id)
        by_reviewer = defaultdict[str, list[str]](list)
        for (reviewer, item_id), event in _last(in_force(happened)).items():
            if event.kind == "skip" and item_id in open_ids:
                by_reviewer[item_id].append(reviewer)
        return {item_id: sorted(names) for item_id, names in by_reviewer.items()}


def _last(known: Sequence[Event]) -> dict[tuple[str, str], Event]:
    """The last of these events, which are in force, of each reviewer about each item."""
    return {(event.reviewer, event.item_id): event for event in known}


def _by_reviewer(known: Sequence[Event]) -> tuple[ReviewerProgress, ...]:
    """A reviewer who settled an item after labelling it has a label in force all the same."""
    kinds: Counter[tuple[str, str]] = Counter()
    kinds.update((name, event.kind) for (name, _), event in _last(known).items() if event.kind != "label")
    labelled = {(event.reviewer, event.item_id) for event in known if event.kind == "label"}
    kinds.update((name, "label") for name, _ in labelled)
    return tuple(
        ReviewerProgress(name, *(kinds[name, kind] for kind in ("label", "skip", "flag", "adjudicate", "exclude")))
        for name in sorted({name for name, _ in kinds})
    )


def _pace(recent: Sequence[Event]) -> float | None:
    """The median time between events that follow each other, long pauses left out."""
    earlier: dict[str, float] = {}
    gaps = []
    for event in recent:
        gaps.append(event.time - earlier.get(event.reviewer, -_LONGEST_PAUSE_S))
        earlier[event.reviewer] = event.time
    short = [gap for gap in gaps if gap < _LONGEST_PAUSE_S]
    return median(short) if short else None
