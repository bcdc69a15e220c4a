"""Number of values that a percentile needs before it can be told from the largest of them."""

from __future__ import annotations

import math


def values_needed(percentile: float, confidence_level: float = 0.95) -> int:
    """Count the values that it takes until the largest is above a percentile with this confidence.

    The chance that all of n independent values lie below the p-quantile is pⁿ (Wilks 1941, one-sided). Values that
    depend on each other need more.

    >>> [values_needed(each) for each in (50, 90, 95, 99, 99.9)]
    [5, 29, 59, 299, 2995]
    """
    return math.ceil(math.log(1 - confidence_level) / math.log(percentile / 100))
