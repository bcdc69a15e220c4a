"""The cases that moved between two sides: how many, by how much, and what both answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.decisions import Observations
from harness.decisions.observations import has_score
from harness.gate.evaluations.examples import change_of
from harness.gate.history.answers import with_answers
from harness.gate.history.scores import Side
from harness.records import Change
from harness.statistics.arrays import case_means
from harness.store import Store

_CLEAR = 0.75


@dataclass(frozen=True, slots=True)
class FlipCounts:
    """The numbers of cases that were stable, flaky, improved or worsened.

    Draw one sample of each version: a case has worsened when the candidate's is the worse one at least 3 times in 4 (of
    right and wrong: when its rate fell by half or more), and improved when it is the better one as often. Of the others
    it is stable where every sample of both versions scored the same.
    """

    stable: int = 0
    flaky: int = 0
    improved: int = 0
    worsened: int = 0


def tally(observed: Iterable[Observations]) -> FlipCounts:
    """Count the cases that have scores of both versions, over all metrics."""
    counts = np.zeros(4, dtype=int)
    for each in observed:
        assert each.baseline is not None
        common = each.scored & has_score(each.baseline)
        if not common.any():
            continue
        ours, theirs = each.candidate[common], each.baseline[common]
        wins = sum(((one > theirs) + 0.5 * (one == theirs)).sum(axis=1) for one in ours.T[:, :, np.newaxis])
        better = wins / ((~np.isnan(ours)).sum(axis=1) * (~np.isnan(theirs)).sum(axis=1))
        if not each.higher_is_better:
            better = 1 - better
        every = np.hstack([ours, theirs])
        is_stable = np.nanmax(every, axis=1) == np.nanmin(every, axis=1)
        improved, worsened = better >= _CLEAR, better <= 1 - _CLEAR
        counts += [which.sum() for which in (is_stable, ~(is_stable | improved | worsened), improved, worsened)]
    return FlipCounts(*counts.tolist())


def most_changed(
    store: Store, observed: Sequence[Observations], sides: tuple[Side, Side], most: int
) -> tuple[int, tuple[Change, ...]]:
    """Count the cases that moved, and give those that moved most with an answer of each version: drops, then gains.

    Scores are ranked by how far their mean moved, measures by the share of the larger one.
    """
    moved: list[tuple[float, bool, int, int]] = []  # by how much, whether it is a gain, of which metric, in which row
    for number, each in enumerate(observed):
        assert each.baseline is not None
        ours, theirs = case_means(each.candidate), case_means(each.baseline)
        moves = ours - theirs if each.higher_is_better else theirs - ours
        rows = np.flatnonzero(np.abs(moves) > 0)
        scale = 1.0 if each.bounded else np.maximum(np.abs(ours), np.abs(theirs))
        sizes = np.abs(moves / scale)[rows].tolist()
        moved += zip(sizes, (moves[rows] > 0).tolist(), [number] * len(rows), rows.tolist(), strict=True)
    moved.sort(key=lambda each: (-each[0], *each[1:]))
    chosen = sorted(moved[:most], key=lambda each: (each[1], -each[0], *each[2:]))
    changes = [change_of(observed[number], row) for _, _, number, row in chosen]
    lower = {(each.id, each.metric) for each in observed if not each.higher_is_better}
    candidate, baseline = (side.weighed.source for side in sides)
    return len(moved), tuple(with_answers(store, changes, {"candidate": candidate, "baseline": baseline}, lower))
