"""Two versions with one binary outcome each on the same cases: McNemar's test, Tango's and Newcombe's intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from scipy import special

from harness.statistics.arrays import as_count, check_confidence
from harness.statistics.intervals.proportions import Interval, wilson_bound
from harness.statistics.searching import halved

McNemarMethod = Literal["mid-p", "exact", "asymptotic", "corrected"]


def mcnemar_test(b: int, c: int, method: McNemarMethod = "mid-p") -> float:
    """Two-sided p-value of McNemar's test: whether the discordant pairs favour one side.

    Parameters
    ----------
    b, c : counts of the pairs that only the first, only the second version gets right
    method : "mid-p" (recommended: hardly conservative, and its level is not exceeded in practice), "exact" (binomial),
        "asymptotic", "corrected" (Edwards' continuity correction)

    Returns
    -------
    float
        1.0 where no pair is discordant.

    References
    ----------
    M. W. Fagerland, S. Lydersen, P. Laake (2013), The McNemar test for binary matched-pairs data: mid-p and asymptotic
    are better than exact conditional, BMC Medical Research Methodology 13:91.

    Examples
    --------
    >>> [round(mcnemar_test(1, 7, method), 3) for method in ("asymptotic", "corrected", "exact", "mid-p")]
    [0.034, 0.077, 0.07, 0.039]
    """
    _check_counts(b=b, c=c)
    if method not in ("mid-p", "exact", "asymptotic", "corrected"):
        raise ValueError(f"method = {method!r} is not one of 'mid-p', 'exact', 'asymptotic', 'corrected'.")
    n = b + c
    if n == 0:
        return 1.0
    if method in ("asymptotic", "corrected"):
        distance = max(0.0, abs(b - c) - (1 if method == "corrected" else 0))
        return float(special.chdtrc(1, distance * distance / n))
    fewer = min(b, c)
    at_most = float(special.bdtr(fewer, n, 0.5))
    below = float(special.bdtr(fewer - 1, n, 0.5)) if fewer else 0.0
    exactly = at_most - below
    if method == "exact":
        return min(1.0, 2 * at_most)
    return 1 - exactly / 2 if b == c else 2 * at_most - exactly


def tango_interval(b: int, c: int, n: int, confidence_level: float = 0.95) -> Interval:
    """Tango's score interval of a difference of paired proportions, (b - c) / n.

    Parameters
    ----------
    b, c : counts of the pairs that only the first, only the second version gets right
    n : all pairs
    confidence_level : in (0, 1), two-sided

    References
    ----------
    T. Tango (1998), Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design, Statistics in Medicine 17:891-908.

    Examples
    --------
    >>> interval = tango_interval(1, 7, 21)
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.517, -0.026)
    """
    _check_pairs(b, c, n)
    quantile = float(special.ndtri(0.5 + check_confidence(confidence_level) / 2))
    difference = (b - c) / n
    low = _root(lambda delta: _tango_score(b, c, n, delta) - quantile, -1.0, difference)
    high = _root(lambda delta: _tango_score(b, c, n, delta) + quantile, difference, 1.0)
    return Interval(low, high)


def _tango_score(b: int, c: int, n: int, delta: float) -> float:
    """Tango's score statistic for the difference `delta`; it falls as delta grows."""
    distance = b - c - n * delta
    linear = -b - c + (2 * n - b + c) * delta
    constant = -c * delta * (1 - delta)
    second = (math.sqrt(max(0.0, linear * linear - 8 * n * constant)) - linear) / (4 * n)
    variance = n * (2 * second + delta * (1 - delta))
    if variance <= 0:
        return math.copysign(math.inf, distance) if abs(distance) > 1e-12 else 0.0
    return distance / math.sqrt(variance)


def newcombe_paired_interval(a: int, b: int, c: int, d: int, confidence_level: float = 0.95) -> Interval:
    """Newcombe's interval of a difference of paired proportions, (b - c) / n, from both Wilson intervals.

    Parameters
    ----------
    a, b, c, d : counts of the pairs that both, only the first, only the second, neither version gets right
    confidence_level : in (0, 1), two-sided

    References
    ----------
    R. G. Newcombe (1998), Improved confidence intervals for the difference between binomial proportions based on paired
    data, Statistics in Medicine 17:2635-2650, method 10.

    Examples
    --------
    >>> interval = newcombe_paired_interval(1, 1, 7, 12)
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.507, -0.026)
    """
    _check_counts(a=a, b=b, c=c, d=d)
    n = a + b + c + d
    if n == 0:
        raise ValueError("a + b + c + d is 0: at least one pair is needed.")
    quantile = float(special.ndtri(0.5 + check_confidence(confidence_level) / 2))
    first, second, difference = (a + b) / n, (a + c) / n, (b - c) / n
    first_down, first_up = first - wilson_bound(first, n, -quantile), wilson_bound(first, n, quantile) - first
    second_down, second_up = second - wilson_bound(second, n, -quantile), wilson_bound(second, n, quantile) - second
    phi = _corrected_phi(a, b, c, d)
    low = first_down**2 - 2 * phi * first_down * second_up + second_up**2
    high = first_up**2 - 2 * phi * first_up * second_down + second_down**2
    return Interval(max(-1.0, difference - math.sqrt(max(0.0, low))), min(1.0, difference + math.sqrt(max(0.0, high))))


def _corrected_phi(a: int, b: int, c: int, d: int) -> float:
    """Correlation of the two versions, taken towards 0 by half a pair where it is positive."""
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    if margins == 0:
        return 0.0
    product = float(a * d - b * c)
    if product > 0:
        product = max(product - (a + b + c + d) / 2, 0.0)
    return product / math.sqrt(margins)


def _root(falling: Callable[[float], float], low: float, high: float) -> float:
    """Find where a falling function crosses 0 between `low` and `high`; the nearer end where it does not."""
    if falling(low) <= 0:
        return low
    if falling(high) >= 0:
        return high
    low, high = halved(lambda at: falling(at) <= 0, low, high, 60)
    return (low + high) / 2


def _check_pairs(b: int, c: int, n: int) -> None:
    _check_counts(b=b, c=c, n=n)
    if n == 0 or b + c > n:
        raise ValueError(f"n = {n!r} pairs can't hold b = {b!r} and c = {c!r} discordant ones.")


def _check_counts(**counts: int) -> None:
    """Refuse what is not a whole number of 0 or more."""
    for name, value in counts.items():
        as_count(value, name)
