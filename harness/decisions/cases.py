"""Each case of an evaluation by itself."""

from __future__ import annotations

from typing import Literal

import numpy as np

from harness.decisions.observed import Observed
from harness.records import CaseResult
from harness.statistics.arrays import BoolArray, FloatArray, case_means, is_binary

_STATES: tuple[Literal["broken", "flaky", "stable"], ...] = ("broken", "flaky", "stable")


def case_results(observed: Observed) -> tuple[CaseResult, ...]:
    """Every case that has a candidate score, in the order given.

    A case is stable when every sample is right, broken when none is, flaky between. A sample of a binary metric is
    right at 1; of another, when it reaches the threshold, or 0.5 where scores in [0, 1] have none. A measure without a
    threshold has no right and wrong: its cases are stable.
    """
    scored = observed.scored
    scores = observed.candidate
    counts = (~np.isnan(scores)).sum(axis=1)
    rights = np.where(np.isnan(scores), False, _right(observed)).sum(axis=1)
    states = np.where(rights == counts, 2, np.where(rights == 0, 0, 1)).tolist()
    candidate = _means(scores)
    baseline: list[float | None] = [None] * len(scores)
    if observed.baseline is not None:
        baseline = _means(observed.baseline)
    clusters: list[str | None] = [None] * len(scores)
    if observed.clusters is not None:
        clusters = [str(cluster) for cluster in observed.clusters]
    names = [_STATES[state] for state in states]
    rows = zip(observed.case_ids, counts.tolist(), candidate, baseline, names, clusters, strict=True)
    return tuple(CaseResult(*row) for row, kept in zip(rows, scored.tolist(), strict=True) if kept)


def _right(observed: Observed) -> BoolArray:
    scores = observed.candidate
    right: BoolArray = np.ones(scores.shape, dtype=np.bool_)
    if observed.bounded and is_binary(scores):
        right = scores == (1 if observed.higher_is_better else 0)
    elif observed.threshold is not None:
        right = scores >= observed.threshold if observed.higher_is_better else scores <= observed.threshold
    elif observed.bounded:
        right = scores >= 0.5 if observed.higher_is_better else scores <= 0.5
    return right


def _means(scores: FloatArray) -> list[float | None]:
    return [None if mean != mean else mean for mean in case_means(scores).tolist()]
