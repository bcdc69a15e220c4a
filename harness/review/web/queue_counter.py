"""Counts the queue for the bar at the top of the page, and tells what the page says when nothing is left."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.records.review import DECIDED, SUPERSEDED, Batch, Task
from harness.review.progress import BatchProgress
from harness.review.queue import Queue

EVERY_S = 1.0
_ROUNDED_TO = 10


@dataclass(frozen=True, slots=True)
class Count:
    """The counts of what is done and left in the open batches.

    Attributes:
        done, left: labels that are in and still wanted; for adjudicators, items that are settled and in dispute.
    """

    done: int
    left: int


@dataclass(frozen=True, slots=True)
class Ending:
    """A batch that is decided, in words."""

    title: str
    evaluation_id: str
    words: str


class QueueCounter:
    """Counts anew at most every `every_s`, and adds the labels that this server took since.

    To count 10,000 items takes longer than all else of an answer.
    """

    def __init__(self, queue: Queue, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._every_s = every_s
        self._clock = clock
        self._lock = threading.Lock()
        self._counted_at = -math.inf
        self._batches: list[BatchProgress] = []
        self._labels = 0

    def count(self, task: Task) -> Count:
        """Count what is done and left in the queue."""
        with self._lock:
            if self._clock() - self._counted_at >= self._every_s:
                self._batches, self._labels = self._queue.progress(), 0
                self._counted_at = self._clock()
            found = counted(self._batches, task)
        if task == "adjudicate":
            return found
        return Count(found.done + self._labels, max(0, found.left - self._labels))

    def add_label(self) -> None:
        """Take note of a label that was just stored."""
        with self._lock:
            self._labels += 1

    def forget(self) -> None:
        """Count anew when asked next."""
        with self._lock:
            self._counted_at = -math.inf


def counted(batches: Sequence[BatchProgress], task: Task) -> Count:
    """The count of the batches that are open."""
    offered = [batch for batch in batches if batch.closed is None]
    if task == "adjudicate":
        settled = sum(each.adjudications + each.exclusions for batch in offered for each in batch.reviewers)
        return Count(settled, sum(batch.n_disputed + batch.n_flagged for batch in offered))
    return Count(sum(batch.labels for batch in offered), sum(batch.left for batch in offered))


def forecast(batches: Sequence[Batch], needed: Mapping[str, int]) -> int | None:
    """About how many more labels decide the open batches that a gate waits for, as reviewers are told; None if unknown.

    It is rounded up to tens: as it is, it would tell after a label whether that speaks for the judge or against it.
    """
    told = [needed.get(batch.id) for batch in batches if batch.closed is None]
    known = [count for count in told if count is not None]
    return math.ceil(sum(known) / _ROUNDED_TO) * _ROUNDED_TO if known else None


def endings(batches: Sequence[Batch]) -> list[Ending]:
    """The batches of the gate that was decided last. Their verdicts are told when no batch is open any more.

    Before, they would tell people who go on reviewing what to expect of the same version's other answers. Nothing is
    told of an evaluation that a later gate asked about again, and that is not decided since.
    """
    decided = [each for each in batches if each.closed is not None and (each.closed_reason or "").startswith(DECIDED)]
    if not decided:
        return []
    last = max(decided, key=lambda batch: batch.closed or 0.0)
    is_over = all(batch.closed is not None for batch in batches)
    return [
        Ending(batch.form.title, batch.evaluation_id, (batch.closed_reason or "") if is_over else DECIDED)
        for batch in decided
        if batch.run_id == last.run_id and not any(_goes_on(other, batch) for other in batches)
    ]


def _goes_on(later: Batch, batch: Batch) -> bool:
    """Tell whether a later batch of a gate is of the same evaluation, and has not come to its end.

    An open one is later however old it is: its answers came back.
    """
    is_same = (later.evaluation_id, later.metric) == (batch.evaluation_id, batch.metric)
    has_ended = (later.closed_reason or "").startswith((DECIDED, SUPERSEDED))
    is_later = later.closed is None or later.created > batch.created
    return is_same and is_later and "key" in later.source and not has_ended
