"""The difference of two independent sets of samples: two versions on one single case."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy.typing as npt

from harness.statistics.arrays import as_scores, check_confidence
from harness.statistics.intervals.contrasts import Contrast, StudentContrast, UnknownContrast, tail_where_negative
from harness.statistics.intervals.differences import DifferenceEstimate, two_sided
from harness.statistics.intervals.means import as_column, summarise
from harness.statistics.intervals.proportions import exact_lower
from harness.statistics.spread import MeanSpread


def independent_difference(
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    confidence_level: float = 0.95,
    *,
    bounded: bool | None = None,
) -> DifferenceEstimate:
    """The difference of two independent sets of samples, each sample a unit.

    Parameters
    ----------
    candidate, baseline : flat sequences of scores, NaN for missing
    confidence_level, bounded : as for `paired_difference`

    Returns
    -------
    DifferenceEstimate
        Bounds recovered from Clopper and Pearson's for scores of 0 and 1, Welch's t for others. Scores in [0, 1]
        without any spread get the former as well (no score in [0, 1] varies more than a binary one); an unbounded scale
        without spread, or a single sample of a version, gives an infinite interval.

    Raises
    ------
    ValueError
        No sample of a version, an infinite score, a level outside (0, 1).

    References
    ----------
    G. Y. Zou, A. Donner (2008) and B. L. Welch (1947), as for `independent_contrast`.

    Examples
    --------
    >>> result = independent_difference([1, 1, 1, 1, 1], [0, 0, 1, 0, 0])
    >>> round(result.value, 3), round(result.low, 3), round(result.high, 3)
    (0.8, 0.066, 0.995)
    """
    contrast = independent_contrast(candidate, baseline, bounded=bounded)
    mirrored = independent_contrast(baseline, candidate, bounded=bounded)
    return two_sided(contrast, mirrored, contrast.lower, check_confidence(confidence_level))


def independent_contrast(candidate: npt.ArrayLike, baseline: npt.ArrayLike, *, bounded: bool | None = None) -> Contrast:
    """The difference of two independent sets of samples with bounds at any level.

    Parameters
    ----------
    candidate, baseline, bounded : as for `independent_difference`, errors too

    References
    ----------
    G. Y. Zou, A. Donner (2008), Construction of confidence limits about effect measures: a general approach, Statistics
    in Medicine 27:1693-1702; B. L. Welch (1947), The generalization of Student's problem when several different
    population variances are involved, Biometrika 34:28-35.

    Examples
    --------
    >>> contrast = independent_contrast([1, 1, 1, 1, 1], [0, 0, 1, 0, 0])
    >>> round(contrast.lower(0.95), 3), round(contrast.upper(0.95), 3)
    (0.158, 0.99)
    """
    first = summarise(as_column(as_scores(candidate, "candidate")), None, bounded)
    second = summarise(as_column(as_scores(baseline, "baseline")), None, bounded)
    mean, other = first.mean, second.mean
    flat = mean.degrees < 1 or other.degrees < 1 or mean.variance + other.variance == 0
    if first.bounded and second.bounded and (flat or (first.binary and second.binary)):
        error = math.sqrt(_variance(mean) + _variance(other))
        return RecoveredContrast(mean.value, mean.units, other.value, other.units, error)
    if flat:
        return UnknownContrast(mean.value - other.value)
    variance = mean.variance + other.variance
    degrees = variance**2 / (mean.variance**2 / mean.degrees + other.variance**2 / other.degrees)
    ends = (-1.0, 1.0) if first.bounded and second.bounded else (-math.inf, math.inf)
    return StudentContrast(
        mean.value - other.value, math.sqrt(variance), degrees, f"Welch's t, {degrees:.1f} df", *ends
    )


def _variance(mean: MeanSpread) -> float:
    """The mean's variance; for a single score the largest that a score in [0, 1] can have."""
    return mean.variance if mean.degrees else 0.25


@dataclass(frozen=True, slots=True)
class RecoveredContrast:
    """Difference of two independent proportions, its bounds recovered from Clopper and Pearson's of both (MOVER).

    Zou and Donner (2008), Statistics in Medicine 27:1693-1702. Newcombe's method 10 does the same with Wilson's
    bounds, which are too narrow in the tails for few samples: of 5 against 5 samples at a level of 0.005 they err twice
    as often as they may. These keep the level (exact sizes in the tests).
    """

    proportion: float
    n: float
    other: float
    other_n: float
    standard_error: float

    @property
    def value(self) -> float:
        """The estimated difference."""
        return self.proportion - self.other

    @property
    def method(self) -> str:
        """The method behind the bounds."""
        return f"recovered from Clopper-Pearson (MOVER), {self.n:.0f} and {self.other_n:.0f} samples"

    @property
    def p_less(self) -> float:
        """One-sided p-value for a true difference of 0 or more."""
        if self.value >= 0:
            return 1.0
        return tail_where_negative(self._upper)

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound."""
        mirrored = RecoveredContrast(self.other, self.other_n, self.proportion, self.n, self.standard_error)
        return -mirrored.upper(confidence_level)

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound."""
        return self._upper(1 - confidence_level)

    def _upper(self, tail: float) -> float:
        above = 1 - exact_lower((1 - self.proportion) * self.n, self.n, tail) - self.proportion
        below = self.other - exact_lower(self.other * self.other_n, self.other_n, tail)
        return self.value + math.hypot(max(0.0, above), max(0.0, below))
