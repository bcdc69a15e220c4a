"""The rule of every gate, applied to one comparison, and the levels that comparisons have among each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from harness.decisions import reasons
from harness.decisions.aims import SameContrast, is_bet_on
from harness.decisions.hypotheses import Hypothesis, natural
from harness.decisions.looks import CLOSED, Look
from harness.decisions.needed import needed
from harness.records import Check, Difference, VerdictKind
from harness.statistics.intervals.contrasts import Contrast
from harness.statistics.multiplicity import weighted_holm_levels


def check(
    hypothesis: Hypothesis, level: float, red_level: float, correction: str = "", next_share: float = 1.0
) -> Check:
    """The rule, applied to one comparison.

    Args:
        level: at which it passes.
        red_level: at which it is red, corrected over the comparisons that it is weighed with.
        correction: that correction, as the method of the difference tells it; "" for none.
        next_share: what the next look has of the level of this one.
    """
    contrast, observed = hypothesis.contrast, hypothesis.observed
    if contrast is None:
        nothing = _unbounded(math.nan, math.inf, "no scores to compare")
        reason = reasons.no_scores(hypothesis)
        return Check(hypothesis.against, VerdictKind.INCONCLUSIVE, reason, nothing)
    if not observed.may_decide:
        return _shown(hypothesis, contrast, level, red_level)
    levels, margin = (level, red_level), observed.plan.margin
    kind, lower, upper = ruled(contrast, hypothesis.against, margin, levels)
    more = None
    if kind is VerdictKind.PASSED:
        reason = reasons.passed(hypothesis, upper)
    elif kind.is_red:
        reason = reasons.red(hypothesis, upper)
    else:
        more = needed(hypothesis, lower, levels, next_share)
        reason = reasons.inconclusive(hypothesis, lower, more, levels, next_share)
    if isinstance(contrast, SameContrast):
        difference = _of_same(contrast, levels, correction, is_red=kind.is_red)
    else:
        higher = observed.higher_is_better
        difference = bounded(contrast, (kind, lower, upper), margin, levels, correction, higher_is_better=higher)
    return Check(hypothesis.against, kind, reason, difference, more.samples if more else None, red_level, level)


def ruled(
    contrast: Contrast, against: Literal["threshold", "baseline"], margin: float, levels: tuple[float, float]
) -> tuple[VerdictKind, float, float]:
    """The rule of every gate, with the lower and the upper bound that it goes by.

    Args:
        levels: at which it passes, and at which it is red.
    """
    lower, upper = contrast.lower(1 - levels[0]), contrast.upper(1 - levels[1])
    kind = VerdictKind.INCONCLUSIVE
    if lower > -margin:
        kind = VerdictKind.PASSED
    elif upper < 0 and (not is_bet_on(contrast) or contrast.worse_at(levels[1]) is not None):
        kind = VerdictKind.FAILED if against == "threshold" else VerdictKind.REGRESSED
    return kind, lower, upper


def bounded(
    contrast: Contrast,
    outcome: tuple[VerdictKind, float, float],
    margin: float,
    levels: tuple[float, float],
    correction: str = "",
    *,
    higher_is_better: bool = True,
) -> Difference:
    """The difference with the bounds of its verdict (`ruled`), shown to hold the mean.

    Bounds that hold whenever one stops never move back, so that a mean that does may leave them.
    """
    kind, lower, upper = outcome
    lower = lower if kind is VerdictKind.PASSED and contrast.value <= -margin else min(lower, contrast.value)
    upper = upper if kind.is_red and contrast.value >= 0 else max(upper, contrast.value)
    method = _method(contrast.method, *levels, correction, higher_is_better=higher_is_better)
    return natural(contrast, lower, upper, method, higher_is_better=higher_is_better)


def _shown(hypothesis: Hypothesis, contrast: Contrast, level: float, red_level: float) -> Check:
    """A comparison of a part of a fixed design, which decides nothing."""
    observed = hypothesis.observed
    if isinstance(contrast, SameContrast) and observed.is_sequential:
        difference = _of_same(contrast, (level, red_level), "", is_red=False)
    elif observed.is_sequential:
        lower, upper = contrast.lower(1 - level), contrast.upper(1 - red_level)
        method = _method(contrast.method, level, red_level, "", higher_is_better=observed.higher_is_better)
        lower, upper = min(lower, contrast.value), max(upper, contrast.value)
        difference = natural(contrast, lower, upper, method, higher_is_better=observed.higher_is_better)
    else:
        value = contrast.value if observed.higher_is_better else -contrast.value
        value = contrast.forth.value if isinstance(contrast, SameContrast) else value
        difference = _unbounded(value, contrast.standard_error, "cut short: a measure has no bounds by then")
    left = (observed.n_planned - observed.n_done) * observed.candidate.shape[1]
    reason = reasons.part_of_fixed(observed)
    return Check(hypothesis.against, VerdictKind.INCONCLUSIVE, reason, difference, left)


def _of_same(contrast: SameContrast, levels: tuple[float, float], correction: str, *, is_red: bool) -> Difference:
    """The difference that aims at 0, with the bounds that the verdict used and what they are."""
    level, red_level = levels
    told = f"both bounds one-sided at {1 - level:.4g}"
    if is_red:
        one, other = ("upper", "lower") if contrast.is_lower else ("lower", "upper")
        at = f"{1 - red_level / 2:.6g}"
        told = f"{one} bound one-sided at {at}{correction}, {other} bound one-sided at {1 - level:.4g}"
    found = contrast.difference(level, red_level, is_red=is_red)
    return replace(found, method=f"{found.method}; {told}")


def _unbounded(value: float, standard_error: float, method: str) -> Difference:
    return Difference(value, standard_error, -math.inf, math.inf, 1.0, method)


def _method(method: str, level: float, red_level: float, correction: str, *, higher_is_better: bool) -> str:
    """Describe the bounds, with the level of each."""
    holding, falling = ("lower", "upper") if higher_is_better else ("upper", "lower")
    return (
        f"{method}; {holding} bound one-sided at {1 - level:.4g}, "
        f"{falling} bound one-sided at {1 - red_level:.6g}{correction}"
    )


def red_levels(
    tested: Sequence[Hypothesis], own: Sequence[float], looks: Mapping[str, Look], parts: Mapping[str, int]
) -> list[float]:
    """The level of each comparison's upper bound, so that any false red has at most the chance that they share.

    Holm's procedure with weights, in each batch by itself: what a comparison that is red had to spend goes to the
    others of its batch. The p-values of sequential designs hold whenever one stops, and those of fixed ones hold at
    their look, so that looking again takes nothing back: a p-value can only fall, and what was red stays red.

    Args:
        tested: comparisons of a run that have scores, or were cut short before they had any. Of one that was cut short
            nothing counts but evidence that has reached its own share: drawn to its end it might pass.
        own: what each may spend by itself.
        looks: of the evaluations, by id.
        parts: of the evaluations, by id: how many share what one may spend. What slices and lost cases have of it they
            keep, whatever else is red.
    """
    levels = [0.0] * len(tested)
    batches: dict[int, list[int]] = {}
    for i, each in enumerate(tested):
        batches.setdefault(looks[each.observed.id].batch, []).append(i)
    for batch, members in batches.items():
        names = [tested[i].observed.id for i in members]
        weights = np.array([looks[name].weight / parts[name] for name in names])
        whole = sum(looks[name].weight for name in set(names)) if batch == CLOSED else 1.0
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
