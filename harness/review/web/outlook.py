"""Tells how many labels would decide the queue, and what was decided, as far as reviewers may know."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.records.review import DECIDED, SUPERSEDED, Batch

_ROUNDED_TO = 10


@dataclass(frozen=True, slots=True)
class Ending:
    """A batch that is decided, in words."""

    title: str
    evaluation_id: str
    words: str


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
