"""Quantiles of measures: bounds that need no range and no normality, with cases (or clusters of them) as the units.

The p-quantile lies at or below t exactly when the mean share of values above t is at most 1 - p. So a question about a
quantile is one about the mean of numbers in [0, 1], one for each case: the share of its samples above t. Samples of one
case may depend on each other in any way. One value a case is exact, for the number of values beyond a place is
binomial; else there are bets of constant size on the shares.
"""

from __future__ import annotations

import bisect
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

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
from harness.statistics.noise import summed

#: The one-sided level of a bound that lies one standard error away, were it normal (R. S. Woodruff, 1952).
_ONE_ERROR = 0.8413447460685429
#: What is staked, as a share of the most that can be, and how much is staked so. Large stakes decide where hardly a
#: value lies beyond, as with few cases; small ones where many cases tell of a small difference.
_STAKES = np.geomspace(0.02, 0.98, 10)
_WEIGHTS = np.array([0.06] * 5 + [0.1] * 4 + [0.3])
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class QuantileContrast(ABC):
    """A quantile less something, turned so that less than 0 is worse.

    Attributes
    ----------
    probability : of the quantile
    groups : (n_cases,) clusters, or None
    higher_is_better : False turns what is below, which goes by the direction of the values
    least, most : how small and how large it can be in that direction; bounds stay between them
    """

    probability: float
    groups: IntArray | None
    higher_is_better: bool
    least: float = field(default=-math.inf, kw_only=True)
    most: float = field(default=math.inf, kw_only=True)

    @property
    def value(self) -> float:
        """The estimated difference."""
        return self._value if self.higher_is_better else -self._value

    @property
    @abstractmethod
    def standard_error(self) -> float:
        """Its standard error, of two versions as if their cases were independent: it decides nothing."""

    @property
    @abstractmethod
    def method(self) -> str:
        """The method behind the bounds, in a few words."""

    @property
    def p_less(self) -> float:
        """One-sided p-value for a true difference of 0 or more."""
        return self._p_value(below=self.higher_is_better)

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound."""
        return self._low(1 - confidence_level) if self.higher_is_better else -self._high(1 - confidence_level)

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound."""
        return self._high(1 - confidence_level) if self.higher_is_better else -self._low(1 - confidence_level)

    def _low(self, tail: float) -> float:
        return max(self.least, self._bound(tail, upper=False))

    def _high(self, tail: float) -> float:
        return min(self.most, self._bound(tail, upper=True))

    @property
    @abstractmethod
    def _value(self) -> float: ...

    @abstractmethod
    def _p_value(self, *, below: bool) -> float: ...

    @abstractmethod
    def _bound(self, tail: float, *, upper: bool) -> float: ...


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
    values, probability, clusters : as for `quantile_contrast`
    confidence_level : in (0, 1), two-sided

    Examples
    --------
    >>> estimate = quantile_estimate(range(1, 60), 0.5)
    >>> estimate.value, estimate.low, estimate.high
    (30.0, 22.0, 38.0)
    """
    level = 0.5 + check_confidence(confidence_level) / 2
    contrast = quantile_contrast(values, probability, 0.0, clusters)
    return QuantileEstimate(
        contrast.value, contrast.standard_error, contrast.lower(level), contrast.upper(level), contrast.method
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
    values : (n_cases, n_samples) or (n_cases,), NaN for missing samples; each case weighs the same
    probability : in (0, 1)
    threshold : what the quantile is weighed against
    clusters : (n_cases,) labels; cases that share one are dependent
    higher_is_better : False turns the difference, so that less than 0 is worse all the same

    References
    ----------
    W. J. Conover (1999), Practical Nonparametric Statistics, 3rd ed., section 3.2, for order statistics. I.
    Waudby-Smith, A. Ramdas (2024), Estimating means of bounded random variables by betting, J. R. Statistical Society B
    86:1-27, for diversified bets on the shares of values beyond each place.

    Examples
    --------
    >>> contrast = quantile_contrast(range(1, 60), 0.5, 45)
    >>> contrast.value, contrast.lower(0.95), contrast.upper(0.95)
    (-15.0, -22.0, -8.0)
    """
    array = as_scores(values, "values")
    kept = ~np.isnan(array).all(axis=1)
    if not kept.any():
        raise ValueError("values holds no number: every sample is missing (NaN).")
    groups = group_indices(clusters, len(array))
    groups = None if groups is None else group_indices(groups[kept], int(kept.sum()))
    number = as_finite(threshold, "threshold")
    return _AgainstNumber(as_share(probability, "probability"), groups, higher_is_better, array[kept], number)


@dataclass(frozen=True, slots=True)
class _AgainstNumber(QuantileContrast):
    """A quantile less a number."""

    values: FloatArray
    number: float

    @property
    def standard_error(self) -> float:
        """Half of what lies between the bounds that would be one standard error away, were it normal (Woodruff)."""
        tail = 1 - _ONE_ERROR
        return (self._bound(tail, upper=True) - self._bound(tail, upper=False)) / 2

    @property
    def method(self) -> str:
        """The method behind the bounds."""
        name = f"p{100 * self.probability:g}"
        if self._is_exact:
            return f"{name} by order statistics (binomial), n {len(self.values)}"
        return f"{name} by bets on each case's share of values beyond it"

    @property
    def _value(self) -> float:
        return quantile_of(self.values, self.probability) - self.number

    @property
    def _is_exact(self) -> bool:
        return self.groups is None and self.values.shape[1] == 1

    def _p_value(self, *, below: bool) -> float:
        return self._p(self.number, few=below, closed=below)

    def _bound(self, tail: float, *, upper: bool) -> float:
        places = np.unique(self.values[~np.isnan(self.values)])[:: 1 if upper else -1]
        shown = bisect.bisect_left(places, True, key=lambda at: self._p(float(at), few=upper, closed=not upper) <= tail)
        if shown == len(places):
            return math.inf if upper else -math.inf
        return float(places[shown]) - self.number

    def _p(self, place: float, *, few: bool, closed: bool) -> float:
        """P-value of the quantile lying below a place (closed: or at it), for few values are beyond, or above it."""
        shares, beyond = shares_beyond(self.values, np.array([place]), closed=closed), 1 - self.probability
        if self._is_exact:
            count, n = float(shares.sum()), len(shares)
            if few:
                return float(special.bdtr(count, n, beyond))
            return float(special.bdtrc(count - 1, n, beyond)) if count > 0 else 1.0
        gains, most = (beyond - shares, 1 / self.probability) if few else (shares - beyond, 1 / beyond)
        return p_value(log_evidence([gains], [((most,), 1.0)], self.groups))


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


def shares_beyond(values: FloatArray, places: FloatArray, *, closed: bool) -> FloatArray:
    """Each case's share of values above each place (closed: or at it), (n_cases, n_places)."""
    counts = np.zeros((len(values), len(places)))
    for column in values.T:
        counts += column[:, np.newaxis] >= places if closed else column[:, np.newaxis] > places
    shares: FloatArray = counts / (~np.isnan(values)).sum(axis=1)[:, np.newaxis]
    return shares


def log_evidence(
    gains: Sequence[FloatArray], bets: Sequence[tuple[tuple[float, ...], float]], groups: IntArray | None
) -> FloatArray:
    """Give the wealth that bets of constant size have made of 1, as logarithms, (n_places,).

    Parameters
    ----------
    gains : each (n_cases, n_places), at most 0 on average under what is bet against
    bets : how each of the gains is weighed in a bet, so that it loses 1 at most, and the share of the wealth bet so
    groups : cases of one cluster are one bet
    """
    if groups is not None:
        sizes = np.bincount(groups)
        gains = [summed(gain, groups, len(sizes)) / sizes.max() for gain in gains]
    logs = []
    for weights, share in bets:
        gain = sum(weight * each for weight, each in zip(weights, gains, strict=True) if weight)
        for stake, part in zip(_STAKES.tolist(), _WEIGHTS.tolist(), strict=True):
            # Products of a few, and then logarithms, are faster than logarithms of each.
            factors = 1 + stake * gain
            products = np.multiply.reduceat(factors, np.arange(0, len(factors), _AT_ONCE), axis=0)
            logs.append(np.log(products).sum(axis=0) + math.log(share * part))
    total: FloatArray = special.logsumexp(np.array(logs), axis=0)
    return total


def p_value(evidence: FloatArray) -> float:
    """The p-value of the least evidence of all places."""
    return min(1.0, math.exp(-float(evidence.min())))
