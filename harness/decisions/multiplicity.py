"""The level at which each comparison of a run may be called worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from harness.decisions.hypotheses import Hypothesis
from harness.decisions.looks import CLOSED, Look
from harness.statistics.multiplicity import weighted_holm_levels


def red_levels(tested: Sequence[Hypothesis], own: Sequence[float], looks: Mapping[str, Look]) -> list[float]:
    """The level of each comparison's upper bound, so that any false red has at most the chance that they share.

    Holm's procedure with weights, in each batch by itself: what a comparison that is red had to spend goes to the
    others of its batch. The p-values of sequential designs hold whenever one stops, and those of fixed ones hold at
    their look, so that looking again takes nothing back: a p-value can only fall, and what was red stays red.

    Args:
        tested: comparisons of a run that have scores, or were cut short before they had any. Of one that was cut short
            nothing counts but evidence that has reached its own share: drawn to its end it might pass.
        own: what each may spend by itself.
        looks: of the evaluations, by id.
    """
    levels = [0.0] * len(tested)
    counts: dict[str, int] = {}
    for each in tested:
        counts[each.observed.id] = counts.get(each.observed.id, 0) + 1
    batches: dict[int, list[int]] = {}
    for i, each in enumerate(tested):
        batches.setdefault(looks[each.observed.id].batch, []).append(i)
    for batch, members in batches.items():
        names = [tested[i].observed.id for i in members]
        weights = np.array([looks[name].weight / counts[name] for name in names])
        whole = weights.sum() if batch == CLOSED else 1.0
        p_values, theirs = [_p_less(tested[i], own[i]) for i in members], np.array([own[i] for i in members]) / whole
        found = weighted_holm_levels(p_values, theirs, weights / whole)
        for i, level in zip(members, found.tolist(), strict=True):
            levels[i] = level
    return levels


def _p_less(hypothesis: Hypothesis, own: float) -> float:
    """The p-value of being no worse; 1 where it must not count."""
    contrast, observed = hypothesis.contrast, hypothesis.observed
    if contrast is None or not observed.may_decide:
        return 1.0
    p_value = contrast.p_less
    return p_value if p_value <= own or not observed.stopped_at else 1.0
