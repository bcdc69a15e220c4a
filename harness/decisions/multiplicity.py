"""The level at which each comparison of a run may be called worse."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.decisions.betting import BettingContrast
from harness.decisions.hypotheses import Hypothesis
from harness.statistics.multiplicity import e_holm_levels, holm_levels


def red_levels(tested: Sequence[Hypothesis], own: Sequence[float], level: float) -> list[float]:
    """The level of each comparison's upper bound, so that any false red has a chance of at most `level`.

    Those of fixed designs share what is theirs by Holm's procedure, those of sequential ones by the closed test of
    weighted e-values, which lets nobody fall below a share of their own.

    Args:
        tested: comparisons of a run that have scores, or were cut short before they had any. Of one that was cut short
            nothing counts but evidence that has reached its own share: the rest might have gone any way, and when it
            was cut may depend on that. So it can't be red by the others' evidence, nor lend them its own.
        own: what each may spend by itself; together at most `level`.
        level: of all together.
    """
    levels = [0.0] * len(tested)
    betting = [i for i, each in enumerate(tested) if _bets(each)]
    fixed = [i for i in range(len(tested)) if i not in set(betting)]
    spare = max(0.0, level - math.fsum(own))
    if fixed:
        p_values = np.array([_p_less(tested[i]) for i in fixed])
        theirs = math.fsum(own[i] for i in fixed) + spare * len(fixed) / len(tested)
        for i, each in zip(fixed, holm_levels(p_values, theirs).tolist(), strict=True):
            levels[i] = each
    if betting:
        logs = np.array([_log_e_less(tested[i], own[i]) for i in betting])
        theirs = math.fsum(own[i] for i in betting) + spare * len(betting) / len(tested)
        weights = np.array([own[i] for i in betting])
        for i, each in zip(
            betting, e_holm_levels(np.exp(np.minimum(logs, 700)), theirs, weights).tolist(), strict=True
        ):
            levels[i] = each
    return levels


def _bets(hypothesis: Hypothesis) -> bool:
    """Whether it is a comparison of a sequential design."""
    if hypothesis.contrast is None:
        return hypothesis.observed.is_sequential
    return isinstance(hypothesis.contrast, BettingContrast)


def _p_less(hypothesis: Hypothesis) -> float:
    if hypothesis.contrast is None or hypothesis.observed.stopped_at:
        return 1.0
    return hypothesis.contrast.p_less


def _log_e_less(hypothesis: Hypothesis, own: float) -> float:
    contrast, observed = hypothesis.contrast, hypothesis.observed
    if not isinstance(contrast, BettingContrast) or not observed.may_decide:
        return -math.inf
    is_settled = contrast.log_e_less >= -math.log(own)
    return contrast.log_e_less if is_settled or not observed.stopped_at else -math.inf
