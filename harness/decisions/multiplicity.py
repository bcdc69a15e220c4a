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
        tested: comparisons of a run that have scores.
        own: what each may spend by itself; together at most `level`.
        level: of all together.
    """
    levels = [0.0] * len(tested)
    fixed = [i for i, each in enumerate(tested) if not isinstance(each.contrast, BettingContrast)]
    betting = [i for i, each in enumerate(tested) if isinstance(each.contrast, BettingContrast)]
    spare = max(0.0, level - math.fsum(own))
    if fixed:
        p_values = np.array([tested[i].contrast.p_less for i in fixed])  # type: ignore[union-attr]
        theirs = math.fsum(own[i] for i in fixed) + spare * len(fixed) / len(tested)
        for i, each in zip(fixed, holm_levels(p_values, theirs).tolist(), strict=True):
            levels[i] = each
    if betting:
        logs = np.array([tested[i].contrast.log_e_less for i in betting])  # type: ignore[union-attr]
        theirs = math.fsum(own[i] for i in betting) + spare * len(betting) / len(tested)
        weights = np.array([own[i] for i in betting])
        for i, each in zip(
            betting, e_holm_levels(np.exp(np.minimum(logs, 700)), theirs, weights).tolist(), strict=True
        ):
            levels[i] = each
    return levels
