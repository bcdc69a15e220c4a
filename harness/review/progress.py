"""The progress of a batch: labels that are in and left, by state and reviewer, and the time that the rest will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from harness.records.review import Batch
from harness.store.review.counts import Counts

_LONGEST_PAUSE_S = 600.0


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


@dataclass(frozen=True, slots=True)
class BatchOrigin:
    """The origin of a batch, which tells those of one evaluation apart; nothing for reviewers.

    Attributes:
        created: when it was added, in epoch seconds.
        run_id: None for items of a file.
        candidate: the name of the run's version under test; None where the run is not stored.
    """

    created: float
    run_id: str | None
    candidate: str | None

    def __str__(self) -> str:
        """In words, with the local time."""
        date = f"{datetime.fromtimestamp(self.created):%Y-%m-%d %H:%M}"
        run = "from a file" if self.run_id is None else f"run {self.run_id}"
        return f"{date}, {run}" + ("" if self.candidate is None else f", {self.candidate}")


def progress_of(batch: Batch, counts: Counts) -> BatchProgress:
    """The progress of a batch from what the store counted."""
    return BatchProgress(
        batch_id=batch.id,
        evaluation_id=batch.evaluation_id,
        title=batch.form.title,
        n_items=sum(counts.states.values()),
        n_open=counts.states.get("open", 0),
        n_done=counts.states.get("done", 0),
        n_disputed=counts.states.get("disputed", 0),
        n_flagged=counts.states.get("flagged", 0),
        left=counts.left,
        held=sum(counts.holders.values()),
        reviewers=tuple(
            ReviewerProgress(
                reviewer=name,
                labels=kinds.get("label", 0),
                skips=kinds.get("skip", 0),
                flags=kinds.get("flag", 0),
                adjudications=kinds.get("adjudicate", 0),
                exclusions=kinds.get("exclude", 0),
            )
            for name, kinds in counts.reviewers.items()
        ),
        seconds_per_label=_pace(counts.recent),
        closed=batch.closed,
        closed_reason=batch.closed_reason,
        n_excluded=counts.states.get("excluded", 0),
        holders=counts.holders,
    )


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
