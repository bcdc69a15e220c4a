"""Bounds for one proportion: Wilson's, Clopper and Pearson's, Jeffreys'.

The number of trials may be fractional, so that an effective sample size can stand for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

from harness.statistics.arrays import check_confidence


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float


def wilson_interval(successes: float, n: float, confidence_level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion, two-sided.

    Parameters
    ----------
    successes, n : numbers, 0 <= successes <= n, n > 0
    confidence_level : in (0, 1)

    References
    ----------
    E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22:209-212.

    Examples
    --------
    >>> interval = wilson_interval(81, 263)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.2553, 0.3662)
    """
    quantile = float(special.ndtri(0.5 + check_confidence(confidence_level) / 2))
    return Interval(wilson_bound(successes / n, n, -quantile), wilson_bound(successes / n, n, quantile))


def wilson_bound(proportion: float, n: float, quantile: float) -> float:
    """Wilson's bound at a signed quantile: negative gives the lower bound, positive the upper one."""
    if math.isinf(quantile):
        return 0.0 if quantile < 0 else 1.0
    if (proportion <= 0 and quantile < 0) or (proportion >= 1 and quantile > 0):
        return proportion
    square = quantile * quantile
    centre = proportion + square / (2 * n)
    half = quantile * math.sqrt(proportion * (1 - proportion) / n + square / (4 * n * n))
    return min(1.0, max(0.0, (centre + half) / (1 + square / n)))


def exact_lower(successes: float, n: float, tail: float) -> float:
    """Clopper and Pearson's lower bound with error `tail`; the upper one is 1 - exact_lower(n - successes, n, tail)."""
    if successes <= 0:
        return 0.0
    return float(special.betaincinv(successes, n - successes + 1, tail))


def jeffreys_lower(successes: float, n: float, tail: float) -> float:
    """The lower bound of Jeffreys' interval, exact where every trial succeeded.

    One-sided, Wilson's bounds err to one side by an amount that falls with the square root of n only; these do not.
    L. D. Brown, T. T. Cai, A. DasGupta (2001), Interval estimation for a binomial proportion, Statistical Science
    16:101-133, section 4.1.2 (modified Jeffreys); T. T. Cai (2005), One-sided confidence intervals in discrete
    distributions, J. Statistical Planning and Inference 131:63-88.
    """
    if successes <= 0:
        return 0.0
    if successes >= n:
        return float(tail ** (1 / n))
    return float(special.betaincinv(successes + 0.5, n - successes + 0.5, tail))
