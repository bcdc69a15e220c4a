"""Bounds for one proportion: Wilson's, and Clopper and Pearson's.

The number of trials may be fractional.
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
    share, square = successes / n, quantile * quantile
    centre = share + square / (2 * n)
    half = quantile * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    low, high = ((centre + side * half) / (1 + square / n) for side in (-1, 1))
    return Interval(0.0 if successes <= 0 else max(0.0, low), 1.0 if successes >= n else min(1.0, high))


def exact_lower(successes: float, n: float, tail: float) -> float:
    """Clopper and Pearson's lower bound with error `tail`; the upper one is 1 - exact_lower(n - successes, n, tail)."""
    if successes <= 0:
        return 0.0
    return float(special.betaincinv(successes, n - successes + 1, tail))
