"""Quantiles of measures: bounds that need no range and no normality, with cases (or clusters of them) as the units.

The p-quantile lies at or below t exactly when the mean share of values above t is at most 1 - p. So a question about a
quantile is one about the mean of numbers in [0, 1], one for each case: the share of its samples above t. Samples of one
case may depend on each other in any way.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.statistics.arrays import (
    FloatArray,
    IntArray,
    as_finite,
    as_scores,
    as_share,
    check_confidence,
    group_indices,
)
from harness.statistics.quantiles.evidence import fewest_units, log_evidence, p_value, shares_beyond

#: The one-sided level of a bound that lies one standard error away, were it normal (R. S. Woodruff, 1952).
_ONE_ERROR = 0.8413447460685429


class NaturalDifference(Protocol):
    """A quantile less something, in the direction of the values themselves."""

    @property
    def value(self) -> float:
        """The estimate."""

    @property
    def standard_error(self) -> float:
        """Its standard error."""

    @property
    def method(self) -> str:
        """The method behind the bounds, in a few words."""

    @property
    def p_below(self) -> float:
        """One-sided p-value for a true value of 0 or more."""

    @property
    def p_above(self) -> float:
        """One-sided p-value for a true value of 0 or less."""

    def low(self, confidence_level: float) -> float:
        """The one-sided lower bound."""

    def high(self, confidence_level: float) -> float:
        """The one-sided upper bound."""

    def fewest(self, tail: float, *, above: bool) -> int:
        """With fewer units there is no upper (lower) bound at all, whatever the values."""


@dataclass(frozen=True, slots=True)
class QuantileContrast:
    """A quantile less a threshold, or less that of another version, turned so that less than 0 is worse.

    `least` and `most` are how small and how large it can be in the direction of the values; bounds stay between them.
    """

    natural: NaturalDifference
    higher_is_better: bool
    least: float = -math.inf
    most: float = math.inf

    @property
    def value(self) -> float:
        """The estimated difference."""
        return self.natural.value if self.higher_is_better else -self.natural.value

    @property
    def standard_error(self) -> float:
        """Its standard error, of two versions as if their cases were independent: it decides nothing."""
        return self.natural.standard_error

    @property
    def method(self) -> str:
        """The method behind the bounds."""
        return self.natural.method

    @property
    def p_less(self) -> float:
        """One-sided p-value for a true difference of 0 or more."""
        return self.natural.p_below if self.higher_is_better else self.natural.p_above

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound."""
        return self._low(confidence_level) if self.higher_is_better else -self._high(confidence_level)

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound."""
        return self._high(confidence_level) if self.higher_is_better else -self._low(confidence_level)

    def fewest_units(self, tail: float) -> int:
        """The fewest cases or clusters with which it can pass."""
        return self.natural.fewest(tail, above=not self.higher_is_better)

    def _low(self, confidence_level: float) -> float:
        return max(self.least, self.natural.low(confidence_level))

    def _high(self, confidence_level: float) -> float:
        return min(self.most, self.natural.high(confidence_level))


@dataclass(frozen=True, slots=True)
class QuantileEstimate:
    """A quantile of one version with its two-sided interval."""

    value: float
    standard_error: float
    low: float
    high: float
    method: str


def quantile_estimate(
    values: npt.ArrayLike,
    probability: float,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
    confidence_level: float = 0.95,
) -> QuantileEstimate:
    """A quantile with a distribution-free interval; infinite on a side for which there are too few cases.

    Parameters
    ----------
    values : (n_cases, n_samples) or (n_cases,), NaN for missing samples; each case weighs the same
    probability : in (0, 1)
    clusters : (n_cases,) labels; cases that share one are dependent
    confidence_level : in (0, 1), two-sided

    Returns
    -------
    QuantileEstimate
        One value a case: the order statistics that the binomial distribution gives. Several, or clusters: bets of
        constant size on the shares of values beyond each place.

    References
    ----------
    W. J. Conover (1999), Practical Nonparametric Statistics, 3rd ed., section 3.2. I. Waudby-Smith, A. Ramdas (2024),
    Estimating means of bounded random variables by betting, J. R. Statistical Society B 86:1-27 (diversified bets).

    Examples
    --------
    >>> estimate = quantile_estimate(range(1, 60), 0.5)
    >>> estimate.value, estimate.low, estimate.high
    (30.0, 22.0, 38.0)
    """
    level = 0.5 + check_confidence(confidence_level) / 2
    quantile = _threshold(values, probability, 0.0, clusters)
    return QuantileEstimate(
        quantile.value, quantile.standard_error, quantile.low(level), quantile.high(level), quantile.method
    )


def quantile_contrast(
    values: npt.ArrayLike,
    probability: float,
    threshold: float,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
    *,
    higher_is_better: bool = True,
) -> QuantileContrast:
    """A quantile less a threshold, with bounds at any level.

    Parameters
    ----------
    values, probability, clusters : as for `quantile_estimate`
    threshold : what the quantile is weighed against
    higher_is_better : False turns the difference, so that less than 0 is worse all the same

    References
    ----------
    Conover (1999) and Waudby-Smith and Ramdas (2024), as for `quantile_estimate`.

    Examples
    --------
    >>> contrast = quantile_contrast(range(1, 60), 0.5, 45)
    >>> contrast.value, contrast.lower(0.95), contrast.upper(0.95)
    (-15.0, -22.0, -8.0)
    """
    return QuantileContrast(_threshold(values, probability, threshold, clusters), higher_is_better)


def quantile_of(values: FloatArray, probability: float) -> float:
    """The smallest value at or below which a share of `probability` lies, each case weighing the same."""
    present = ~np.isnan(values)
    weights = (present / np.maximum(present.sum(axis=1), 1)[:, np.newaxis])[present]
    flat = values[present]
    order = np.argsort(flat, kind="stable")
    below = np.cumsum(weights[order]) / weights.sum()
    at = int(np.searchsorted(below, probability - 1e-12))
    return float(flat[order][min(at, len(flat) - 1)])


def values_needed(percentile: float, confidence_level: float = 0.95) -> int:
    """Count the values that it takes until the largest is above a percentile with this confidence.

    The chance that all of n independent values lie below the p-quantile is pⁿ (Wilks 1941, one-sided). Values that
    depend on each other need more.

    >>> [values_needed(each) for each in (50, 90, 95, 99, 99.9)]
    [5, 29, 59, 299, 2995]
    """
    return math.ceil(math.log(1 - confidence_level) / math.log(percentile / 100))


def _threshold(
    values: npt.ArrayLike,
    probability: float,
    threshold: float,
    clusters: Sequence[Any] | npt.NDArray[Any] | None,
) -> _NumberDifference:
    array = as_scores(values, "values")
    kept = ~np.isnan(array).all(axis=1)
    if not kept.any():
        raise ValueError("values holds no number: every sample is missing (NaN).")
    groups = group_indices(clusters, len(array))
    if groups is not None:
        groups = group_indices(groups[kept], int(kept.sum()))
    number = as_finite(threshold, "threshold")
    return _NumberDifference(array[kept], as_share(probability, "probability"), number, groups)


@dataclass(frozen=True, slots=True)
class _NumberDifference:
    """A quantile less a number. One value a case is exact, for the number of values beyond a place is binomial."""

    values: FloatArray
    probability: float
    number: float
    groups: IntArray | None

    @property
    def value(self) -> float:
        return quantile_of(self.values, self.probability) - self.number

    @property
    def standard_error(self) -> float:
        """Half of what lies between the bounds that would be one standard error away, were it normal (Woodruff)."""
        return (self.high(_ONE_ERROR) - self.low(_ONE_ERROR)) / 2

    @property
    def _is_exact(self) -> bool:
        return self.groups is None and self.values.shape[1] == 1

    @property
    def method(self) -> str:
        n = len(self.values)
        if self._is_exact:
            return f"p{100 * self.probability:g} by order statistics (binomial), n {n}"
        return f"p{100 * self.probability:g} by bets on each case's share of values beyond it"

    @property
    def p_below(self) -> float:
        return self._p_few(self.number, closed=True)

    @property
    def p_above(self) -> float:
        return self._p_many(self.number, closed=False)

    def high(self, confidence_level: float) -> float:
        places = np.unique(self.values[~np.isnan(self.values)])
        tail = 1 - confidence_level
        first = bisect.bisect_left(places, True, key=lambda place: self._p_few(float(place), closed=False) <= tail)
        return math.inf if first == len(places) else float(places[first]) - self.number

    def low(self, confidence_level: float) -> float:
        places = np.unique(self.values[~np.isnan(self.values)])[::-1]
        tail = 1 - confidence_level
        first = bisect.bisect_left(places, True, key=lambda place: self._p_many(float(place), closed=True) <= tail)
        return -math.inf if first == len(places) else float(places[first]) - self.number

    def fewest(self, tail: float, *, above: bool) -> int:
        within = self.probability if above else 1 - self.probability
        if self._is_exact:
            return math.ceil(math.log(tail) / math.log(within) - 1e-9)
        return fewest_units(tail, (1 - within) / within)

    def _p_few(self, place: float, *, closed: bool) -> float:
        """P-value of the quantile lying below or at a place: few values are beyond."""
        shares, beyond = shares_beyond(self.values, np.array([place]), closed=closed), 1 - self.probability
        if self._is_exact:
            return float(special.bdtr(shares.sum(), len(shares), beyond))
        return p_value(log_evidence([beyond - shares], [((1 / self.probability,), 1.0)], self.groups))

    def _p_many(self, place: float, *, closed: bool) -> float:
        shares, beyond = shares_beyond(self.values, np.array([place]), closed=closed), 1 - self.probability
        count = float(shares.sum())
        if self._is_exact:
            return float(special.bdtrc(count - 1, len(shares), beyond)) if count > 0 else 1.0
        return p_value(log_evidence([shares - beyond], [((1 / beyond,), 1.0)], self.groups))
