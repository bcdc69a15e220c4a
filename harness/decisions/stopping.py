"""When a sequential design has seen enough."""

from __future__ import annotations

from collections.abc import Sequence

from harness.decisions.betting import BettingContrast
from harness.decisions.hypotheses import Hypothesis, hypotheses
from harness.decisions.observed import Observed
from harness.decisions.suite import TwoStageContrast


def decided_after(observed: Sequence[Observed], level: float, evaluation_level: float) -> int | None:
    """After how many rows (samples, for a single case) all metrics of an evaluation are decided; None if they are not.

    It depends on the scores in the order drawn and on nothing else, so that all who look, whenever, find the same.

    Args:
        observed: every metric of one evaluation.
        level: at which a comparison of this evaluation passes.
        evaluation_level: the chance of a false red that the evaluation may spend over all its comparisons.
    """
    if not observed or not all(each.is_sequential for each in observed):
        return None
    red_level = settling_level(observed, evaluation_level)
    found = [_decided(hypotheses(each, (level, red_level)), level, red_level) for each in observed]
    known = [each for each in found if each is not None]
    return max(known) if len(known) == len(found) else None


def settling_level(observed: Sequence[Observed], evaluation_level: float) -> float:
    """The level at which evidence for worse counts whatever else the run finds: an equal share for each comparison."""
    return evaluation_level / max(1, n_comparisons(observed))


def n_comparisons(observed: Sequence[Observed]) -> int:
    """How many comparisons of an evaluation can make it red; which cases are lost is one where the marker limits it."""
    return sum(
        (each.threshold is not None) + (each.baseline is not None) * (1 + (each.max_lost is not None))
        for each in observed
    )


def _decided(asked: tuple[Hypothesis, ...], level: float, red_level: float) -> int | None:
    """After how many rows one metric is decided: every comparison has passed, or one is red."""
    passes: list[int | None] = []
    reds: list[int] = []
    for each in asked:
        if not isinstance(each.contrast, BettingContrast | TwoStageContrast):
            return None
        passed, worse = each.contrast.passed_at(level), each.contrast.worse_at(red_level)
        if each.observed.max_lost is not None and passed is not None:  # lost cases are looked for among all of them
            passed = len(each.observed.case_ids) if each.observed.is_whole else None
        passes.append(passed)
        if worse is not None and (passed is None or worse < passed):
            reds.append(worse)
    ends = [max(each for each in passes if each is not None)] if passes and None not in passes else []
    return min([*ends, *reds], default=None)
