"""The difference of two versions on the same cases."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.statistics.arrays import (
    FloatArray,
    IntArray,
    as_scores,
    case_means,
    check_confidence,
    group_indices,
    is_binary,
    is_bounded,
)
from harness.statistics.intervals.contrasts import (
    LOPSIDED,
    Contrast,
    LopsidedContrast,
    StudentContrast,
    UnknownContrast,
    guarded,
    is_lopsided,
    tail_where_negative,
)
from harness.statistics.intervals.proportions import exact_lower, jeffreys_lower
from harness.statistics.spread import MeanSpread, effective_n, is_thin, normal_tail, spread

#: With fewer carriers of the variance than this, t's bound with a continuity correction still passes too often.
_FEW = 15


@dataclass(frozen=True, slots=True)
class DifferenceEstimate:
    """Candidate minus baseline with its two-sided interval and p-value."""

    value: float
    standard_error: float
    low: float
    high: float
    p_value: float
    method: str


def paired_difference(
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
    confidence_level: float = 0.95,
    *,
    bounded: bool | None = None,
) -> DifferenceEstimate:
    """The mean difference of two versions on the same cases, each case weighing the same.

    Parameters
    ----------
    candidate, baseline : (n_cases, samples) or (n_cases,), the same cases in the same order; the number of samples
        may differ; NaN for missing. Cases that lack either version are left out.
    clusters : (n_cases,) labels; cases that share one are dependent
    confidence_level : in (0, 1), two-sided
    bounded : whether scores are confined to [0, 1]; by default whether all of them are

    Returns
    -------
    DifferenceEstimate
        t on the case differences. Where so few cases differ, or so unevenly, that their variance can't be trusted, the
        wider of t and the recovery of both sides' Jeffreys bounds (see `PairedContrast`); on an unbounded scale without
        any spread of the differences the same, scaled by the range of the scores. For scores between 0 and 1 never
        narrower than what so few cases can't show (see `GuardedContrast`).

    Raises
    ------
    ValueError
        Wrong or different numbers of cases, no common case, an infinite score, a level outside (0, 1), scores outside
        [0, 1] with bounded=True.

    References
    ----------
    E. Miller (2024) and G. Y. Zou, A. Donner (2008), as for `paired_contrast`.

    Examples
    --------
    >>> result = paired_difference([0.9, 0.8, 0.7, 0.9], [0.8, 0.8, 0.9, 0.5])
    >>> round(result.value, 3), round(result.low, 3), round(result.high, 3)
    (0.075, -0.573, 0.632)
    """
    contrast = paired_contrast(candidate, baseline, clusters, bounded=bounded)
    mirrored = paired_contrast(baseline, candidate, clusters, bounded=bounded)
    return two_sided(contrast, mirrored, lambda level: -mirrored.upper(level), check_confidence(confidence_level))


def two_sided(
    contrast: Contrast, mirrored: Contrast, lower: Callable[[float], float], confidence_level: float
) -> DifferenceEstimate:
    """A contrast at one level; `mirrored` is that of the baseline less the candidate, `lower` the bound at a level."""
    level = 0.5 + confidence_level / 2
    return DifferenceEstimate(
        value=contrast.value,
        standard_error=contrast.standard_error,
        low=lower(level),
        high=contrast.upper(level),
        p_value=min(1.0, 2 * min(contrast.p_less, mirrored.p_less)),
        method=contrast.method,
    )


def paired_contrast(
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
    *,
    bounded: bool | None = None,
) -> Contrast:
    """The paired difference with bounds at any level.

    Parameters
    ----------
    candidate, baseline, clusters, bounded : as for `paired_difference`, errors too

    References
    ----------
    E. Miller (2024), Adding error bars to evals, arXiv:2411.00640, for pairs as the unit; G. Y. Zou, A. Donner (2008),
    Construction of confidence limits about effect measures: a general approach, Statistics in Medicine 27:1693-1702,
    for the bounds where few cases differ.

    Examples
    --------
    >>> contrast = paired_contrast([0.9, 0.8, 0.7, 0.9], [0.8, 0.8, 0.9, 0.5])
    >>> round(contrast.lower(0.95), 3), round(contrast.upper(0.95), 3), round(contrast.p_less, 3)
    (-0.492, 0.563, 0.705)
    """
    first, second = as_scores(candidate, "candidate"), as_scores(baseline, "baseline")
    if len(first) != len(second):
        raise ValueError(f"candidate has {len(first)} cases, baseline {len(second)}; pair them case by case.")
    groups = group_indices(clusters, len(first))
    means, others = case_means(first), case_means(second)
    kept = ~(np.isnan(means) | np.isnan(others))
    if not kept.any():
        raise ValueError("No case has a score of both versions.")
    if groups is not None:
        groups = group_indices(groups[kept], int(kept.sum()))
    inside = is_bounded(first) and is_bounded(second)
    if bounded and not inside:
        raise ValueError("Scores outside [0, 1] can't be treated as bounded.")
    differences = means[kept] - others[kept]
    largest = max(float(np.abs(means[kept]).max()), float(np.abs(others[kept]).max()))
    differences = np.where(np.abs(differences) <= 1e-12 * largest, 0.0, differences)
    reach = 1.0
    if not (inside if bounded is None else bounded):
        both = np.concatenate([means[kept], others[kept]])
        reach = float(both.max() - both.min())
    n_scores = max(int((~np.isnan(first[kept])).sum()), int((~np.isnan(second[kept])).sum()))
    scale = Scale(reach, inside if bounded is None else bounded, is_binary(first) and is_binary(second), n_scores)
    contrast = _contrast(differences, groups, scale)
    if scale.bounded and not scale.binary:
        return guarded(contrast, len(differences) if groups is None else len(set(groups)), groups, (-1.0, 1.0))
    return contrast


@dataclass(frozen=True, slots=True)
class Scale:
    """The range and the number of the scores behind differences.

    Attributes
    ----------
    reach : how far two scores can lie apart.
    bounded : whether they are confined to [0, 1].
    binary : whether all are 0 or 1.
    n_scores : how many there are of the version that has more.
    """

    reach: float
    bounded: bool
    binary: bool
    n_scores: int


def _contrast(differences: FloatArray, groups: IntArray | None, scale: Scale) -> Contrast:
    """t where the differences vary over enough cases; else bounds that take into account what was not seen."""
    total, reach = spread(differences, groups), scale.reach
    flat = total.variance == 0 or total.degrees < 1
    whole = scale.bounded and bool(np.all((differences == 0) | (np.abs(differences) == 1)))
    if scale.bounded and not (scale.binary or whole or flat) and is_lopsided(total):
        return LopsidedContrast(total, 0.0, -1.0, 1.0)
    uneven = scale.bounded and (whole or is_thin(total) or (scale.binary and abs(total.skewness) > LOPSIDED))
    if not flat and not uneven:
        method = f"paired t on case means, {total.degrees} df"
        ends = (-1.0, 1.0) if scale.bounded else (-math.inf, math.inf)
        return StudentContrast(total.value, total.standard_error, total.degrees, method, *ends)
    if not scale.bounded and (reach == 0 or total.degrees < 1 or (total.variance == 0 and total.value != 0)):
        return UnknownContrast(total.value)
    scaled = differences / reach
    units = scaled if groups is None else np.bincount(groups, weights=scaled)
    sizes = float(np.abs(units).sum())
    return PairedContrast(
        total=total,
        gains=spread(np.maximum(scaled, 0.0), groups),
        losses=spread(np.maximum(-scaled, 0.0), groups),
        scale=scale,
        step=float((units * units).sum()) / sizes / len(scaled) if sizes > 0 else 0.0,
        exact=whole or flat or total.carriers < _FEW,
    )


@dataclass(frozen=True, slots=True)
class PairedContrast:
    """A paired difference that few cases carry, or that loses more than it gains, with bounds wider than t's.

    The lower bound, which a pass rests on, is t's with a continuity correction of half of what a case that differs
    moves the mean by: that is how much of a loss goes unseen if the sample ends just before it. Where each case that
    differs does so whole, or fewer than 15 carry the variance, it is the recovered bound if that is lower. The upper
    bound is the wider of t's and the recovered one.

    Recovered: a difference is what was gained less what was lost. Both are means in [0, 1] with bounds of their own at
    an effective sample size; the distances from each to its bound are put together as square-and-add variances would
    be, with the correlation of gains and losses: G. Y. Zou, A. Donner (2008), Construction of confidence limits about
    effect measures: a general approach, Statistics in Medicine 27:1693-1702, and for paired proportions R. G. Newcombe
    (1998), Statistics in Medicine 17:2635-2650, method 10. With no loss in n cases the lower bound is the exact one for
    0 of n, about -3/n. The lower bound uses Clopper and Pearson's bounds, the upper one Jeffreys'.

    Attributes
    ----------
    step : by how much a case that differs moves the mean, each weighing by its difference.
    exact : whether the lower bound may rest on recovered bounds.
    """

    total: MeanSpread
    gains: MeanSpread
    losses: MeanSpread
    scale: Scale
    step: float
    exact: bool

    @property
    def value(self) -> float:
        """The estimated difference."""
        return self.total.value

    @property
    def standard_error(self) -> float:
        """Its standard error."""
        return self.total.standard_error if self.total.degrees else self.scale.reach

    @property
    def method(self) -> str:
        """The method behind the bounds."""
        cases = "no case differs" if self.gains.value == self.losses.value == 0 else "few cases weigh most"
        return f"{cases}: wider of paired t and recovered bounds (MOVER), {self.total.degrees} df"

    @property
    def p_less(self) -> float:
        """One-sided p-value for a true difference of 0 or more."""
        if self.value >= 0 or self.total.degrees < 1:
            return 0.5 if self.value < 0 else 1.0
        student = 0.0
        if self.total.variance > 0:
            student = float(special.stdtr(self.total.degrees, self.value / self.total.standard_error))
        return max(student, tail_where_negative(self._recovered_upper))

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound."""
        if self.total.degrees < 1:
            return -self.scale.reach
        bound = self.value - self._student_half(confidence_level) - self.scale.reach * self.step / 2
        if self.exact:
            bound = min(bound, self._recovered_lower(normal_tail(confidence_level, self.total.degrees)))
        return max(-self.scale.reach, bound)

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound."""
        if self.total.degrees < 1:
            return self.scale.reach
        recovered = self._recovered_upper(1 - confidence_level)
        return min(self.scale.reach, max(recovered, self.value + self._student_half(confidence_level)))

    def _student_half(self, confidence_level: float) -> float:
        return float(special.stdtrit(self.total.degrees, confidence_level)) * self.total.standard_error

    def _recovered_lower(self, tail: float) -> float:
        gain = self.gains.value - self._part(self.gains, exact_lower, tail)
        loss = self._part_upper(self.losses, exact_lower, tail) - self.losses.value
        return self.value - self.scale.reach * self._together(gain, loss)

    def _recovered_upper(self, tail: float) -> float:
        equivalent = float(special.ndtr(special.stdtrit(self.total.degrees, tail)))
        gain = self._part_upper(self.gains, jeffreys_lower, equivalent) - self.gains.value
        loss = self.losses.value - self._part(self.losses, jeffreys_lower, equivalent)
        return self.value + self.scale.reach * self._together(gain, loss)

    def _part(self, part: MeanSpread, bound: Any, tail: float) -> float:
        n = effective_n(part, self.scale.n_scores)
        return min(part.value, float(bound(part.value * n, n, tail)))

    def _part_upper(self, part: MeanSpread, bound: Any, tail: float) -> float:
        n = effective_n(part, self.scale.n_scores)
        return max(part.value, 1 - float(bound((1 - part.value) * n, n, tail)))

    def _together(self, gain: float, loss: float) -> float:
        """Square and add; gains and losses exclude each other, so their correlation is negative."""
        product = self.gains.variance * self.losses.variance
        correlation = 0.0
        if product > 0:
            difference = self.total.variance / self.scale.reach**2
            correlation = (self.gains.variance + self.losses.variance - difference) / (2 * math.sqrt(product))
        return math.sqrt(max(0.0, gain * gain + loss * loss - 2 * correlation * gain * loss))
