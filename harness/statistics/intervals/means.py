"""The mean score of a suite, with cases as the units, and its distance from a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.statistics.arrays import (
    FloatArray,
    IntArray,
    as_finite,
    as_scores,
    case_means,
    check_confidence,
    group_indices,
    is_binary,
    is_bounded,
)
from harness.statistics.intervals.contrasts import (
    Contrast,
    LopsidedContrast,
    StudentContrast,
    guarded,
    is_lopsided,
)
from harness.statistics.intervals.proportions import exact_lower, wilson_bound
from harness.statistics.spread import MeanSpread, effective_n, is_thin, normal_tail, spread, t_quantile


@dataclass(frozen=True, slots=True)
class MeanEstimate:
    """The mean over cases with its two-sided interval.

    `n_effective` is the number of independent scores that would know the mean as well.
    """

    value: float
    standard_error: float
    low: float
    high: float
    n_effective: float
    method: str


@dataclass(frozen=True, slots=True)
class Suite:
    """Scores reduced to what intervals need: the spread of case means, and of what kind the scores are."""

    mean: MeanSpread
    n_scores: int
    binary: bool
    bounded: bool
    agreeing: bool
    groups: IntArray | None


def summarise(scores: npt.ArrayLike, clusters: Sequence[Any] | npt.NDArray[Any] | None, bounded: bool | None) -> Suite:
    """Reduce scores to their spread over cases; cases without any score are left out.

    Raises:
        ValueError: wrong shapes, no score at all, or scores outside [0, 1] that are said to be bounded.
    """
    array = as_scores(scores)
    groups = group_indices(clusters, len(array))
    means = case_means(array)
    kept = ~np.isnan(means)
    if not kept.any():
        raise ValueError("scores holds no number: every sample is missing (NaN).")
    inside = is_bounded(array)
    if bounded and not inside:
        raise ValueError(f"scores lie between {np.nanmin(array)} and {np.nanmax(array)}, outside [0, 1].")
    if groups is not None and not kept.all():
        groups = group_indices(groups[kept], int(kept.sum()))
    means = means[kept]
    is_bounded_here = inside if bounded is None else bounded
    binary = is_bounded_here and is_binary(array)
    return Suite(
        mean=spread(means, groups),
        n_scores=int((~np.isnan(array)).sum()),
        binary=binary,
        bounded=is_bounded_here,
        agreeing=binary and groups is None and bool(np.all((means == 0) | (means == 1))),
        groups=groups,
    )


def clustered_mean(
    scores: npt.ArrayLike,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
    confidence_level: float = 0.95,
) -> MeanEstimate:
    """The mean over cases, each weighing the same, with an interval that counts cases and not samples.

    Parameters
    ----------
    scores : (n_cases, n_samples) or (n_cases,), in [0, 1], NaN for missing samples; cases without any are left out
    clusters : (n_cases,) labels; cases that share one are dependent
    confidence_level : in (0, 1), two-sided

    Returns
    -------
    MeanEstimate
        Scores of 0 and 1: Wilson's interval at the effective sample size, with t's quantile for cases less one. Other
        scores: t on case means. Where so few cases differ from the rest that their variance can't be trusted (none at
        all, in the extreme), scores in [0, 1] get Wilson's interval where it is wider: no score in [0, 1] varies more
        than a binary one of the same mean.

    Raises
    ------
    ValueError
        Wrong shapes, no score, a level outside (0, 1), scores outside [0, 1].

    References
    ----------
    E. Miller (2024), Adding error bars to evals, arXiv:2411.00640, equations 1 and 4, for cases as the unit; Korn and
    Graubard (1998), Survey Methodology 24:193-201, for the effective sample size.

    Examples
    --------
    >>> estimate = clustered_mean([[1, 1], [1, 0], [1, 1], [0, 0]])
    >>> round(estimate.value, 3), round(estimate.low, 3), round(estimate.high, 3)
    (0.625, 0.132, 0.948)
    """
    level = 0.5 + check_confidence(confidence_level) / 2
    suite = summarise(scores, clusters, bounded=True)
    mean = suite.mean
    return _bounded_mean(mean, effective_n(mean, suite.n_scores), t_quantile(level, mean.degrees), binary=suite.binary)


def _bounded_mean(mean: MeanSpread, n_effective: float, quantile: float, *, binary: bool) -> MeanEstimate:
    """The estimate of scores in [0, 1], as `clustered_mean` tells it."""
    low, high = (wilson_bound(mean.value, n_effective, each) for each in (-quantile, quantile))
    error = mean.standard_error if mean.degrees else 0.5
    if binary:
        return MeanEstimate(mean.value, error, low, high, n_effective, _wilson_name(n_effective, mean))
    half = quantile * mean.standard_error
    if is_thin(mean) or mean.degrees < 1 or mean.variance == 0:
        low, high = min(low, mean.value - half), max(high, mean.value + half)
        return MeanEstimate(mean.value, error, max(low, 0.0), min(high, 1.0), n_effective, _thin_name(mean))
    low, high = max(0.0, mean.value - half), min(1.0, mean.value + half)
    return MeanEstimate(mean.value, error, low, high, n_effective, _student_name(mean))


def threshold_contrast(
    scores: npt.ArrayLike,
    threshold: float,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
) -> Contrast:
    """The mean over cases less a threshold, with one-sided bounds.

    Parameters
    ----------
    scores, clusters : as for `clustered_mean`
    threshold : the score demanded

    Notes
    -----
    The bounds of binary scores are Korn and Graubard's: Clopper and Pearson's at the effective sample size, carried
    through t, or as they are where the samples of every case agree (one sample a case, say), whose number is binomial.
    All have bounds that see what the cases can't show (see `GuardedContrast`).

    References
    ----------
    E. L. Korn, B. I. Graubard (1998), Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data, Survey Methodology 24:193-201.

    Examples
    --------
    >>> contrast = threshold_contrast([[1, 1], [1, 0], [1, 1], [0, 0]], 0.5)
    >>> contrast.value, round(contrast.lower(0.95), 3), round(contrast.upper(0.95), 3)
    (0.125, -0.393, 0.477)
    """
    threshold = as_finite(threshold, "threshold")
    suite = summarise(scores, clusters, bounded=True)
    contrast = _threshold_contrast(suite, threshold)
    return guarded(contrast, suite.mean.degrees + 1, suite.groups, (-threshold, 1 - threshold))


def _threshold_contrast(suite: Suite, threshold: float) -> Contrast:
    mean = suite.mean
    flat = mean.variance == 0 or mean.degrees < 1
    if suite.binary or flat:
        n_effective = effective_n(mean, suite.n_scores)
        return ProportionContrast(mean, threshold, n_effective, exact=suite.agreeing, student=not suite.binary)
    ends = (-threshold, 1 - threshold)
    if is_lopsided(mean):
        return LopsidedContrast(mean, threshold, *ends)
    return StudentContrast(mean.value - threshold, mean.standard_error, mean.degrees, _student_name(mean), *ends)


@dataclass(frozen=True, slots=True)
class ProportionContrast:
    """The mean of scores in [0, 1] less a threshold, by bounds for a proportion at the effective sample size."""

    mean: MeanSpread
    threshold: float
    n_effective: float
    exact: bool
    student: bool

    @property
    def value(self) -> float:
        """The estimated difference."""
        return self.mean.value - self.threshold

    @property
    def standard_error(self) -> float:
        """Its standard error."""
        return self.mean.standard_error if self.mean.degrees else 0.5

    @property
    def method(self) -> str:
        """The method behind the bounds."""
        if self.exact:
            return f"Clopper-Pearson, n {self.n_effective:.0f}"
        if self.student:
            return _thin_name(self.mean)
        return f"Korn-Graubard, effective n {self.n_effective:.0f}, t with {self.mean.degrees} df"

    @property
    def p_less(self) -> float:
        """One-sided p-value for a true difference of 0 or more."""
        if self.mean.degrees < 1 and not self.exact:
            return 1.0
        p_value = self._p_exact()
        if self.exact:
            return p_value
        p_value = float(special.stdtr(self.mean.degrees, special.ndtri(p_value)))
        if self.student and self.mean.variance > 0:
            p_value = max(p_value, float(special.stdtr(self.mean.degrees, self.value / self.mean.standard_error)))
        return p_value

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound."""
        bound = exact_lower(self.mean.value * self.n_effective, self.n_effective, self._tail(confidence_level))
        bound -= self.threshold
        if self.student:
            bound = min(bound, self.value - self._student_half(confidence_level))
        return max(bound, -self.threshold)

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound."""
        missed = (1 - self.mean.value) * self.n_effective
        bound = 1 - exact_lower(missed, self.n_effective, self._tail(confidence_level)) - self.threshold
        if self.student:
            bound = max(bound, self.value + self._student_half(confidence_level))
        return min(bound, 1 - self.threshold)

    def _tail(self, confidence_level: float) -> float:
        return 1 - confidence_level if self.exact else normal_tail(confidence_level, self.mean.degrees)

    def _student_half(self, confidence_level: float) -> float:
        return t_quantile(confidence_level, self.mean.degrees) * self.mean.standard_error

    def _p_exact(self) -> float:
        """Chance of so few right ones, or fewer, at the threshold."""
        n = self.n_effective
        if self.threshold <= 0 or self.mean.value >= 1:
            return 1.0
        if self.threshold >= 1:
            return 0.0
        successes = self.mean.value * n
        return float(special.betaincc(successes + 1, n - successes, self.threshold))


def _wilson_name(n_effective: float, mean: MeanSpread) -> str:
    return f"Wilson, effective n {n_effective:.0f}, t with {mean.degrees} df"


def _student_name(mean: MeanSpread) -> str:
    return f"t on case means, {mean.degrees} df"


def _thin_name(mean: MeanSpread) -> str:
    return f"wider of t on case means and Wilson, {mean.degrees} df"


def as_column(samples: FloatArray) -> FloatArray:
    """The samples of a single case as units of their own: shape (1, n) becomes (n, 1)."""
    return samples.reshape(-1, 1)
