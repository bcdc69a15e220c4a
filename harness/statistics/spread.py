"""A mean over independent units with its variance: what every interval of this package starts from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from harness.statistics.arrays import FloatArray, IntArray

#: Numbers that differ by no more than this share of the largest are equal: 0.6 - 0.2 and 0.8 - 0.4 are.
_ROUNDING = 1e-11


@dataclass(frozen=True, slots=True)
class MeanSpread:
    """The mean of n cases and how well it is known.

    Attributes
    ----------
    value : the mean over cases, each weighing the same.
    variance : of that mean, over clusters where there are any, else over cases.
    units : number of independent units; for clusters of unequal size Kish's effective number of them.
    degrees : degrees of freedom, clusters or cases less one.
    carriers : how many units carry the variance, the number of units over their kurtosis: 1 where a single unit differs
        from the rest, n / 3 for a normal distribution. With few, the variance is itself poorly known.
    skewness : of the units, 0 where they do not vary.
    """

    value: float
    variance: float
    units: float
    degrees: int
    carriers: float
    skewness: float = 0.0

    @property
    def standard_error(self) -> float:
        """Square root of the variance."""
        return math.sqrt(self.variance)


def spread(values: FloatArray, groups: IntArray | None) -> MeanSpread:
    """Mean and cluster-robust variance of one number for each case.

    Parameters
    ----------
    values : (n_cases,), finite
    groups : (n_cases,) index of each case's cluster, or None for independent cases

    Notes
    -----
    With clusters g of size s_g and sums S_g the variance is G / (G - 1) * sum((S_g - s_g * mean)^2) / n^2, the
    linearised variance of a ratio: W. G. Cochran (1977), Sampling Techniques, 3rd ed., equation 6.13 and section 9A.
    """
    n = len(values)
    level = bool(np.ptp(values) <= _ROUNDING * np.abs(values).max())
    value = float(values[0]) if level else float(values.mean())
    residuals = np.zeros(n) if level else values - value
    sizes: FloatArray = np.ones(n)
    if groups is not None:
        sizes = np.bincount(groups).astype(np.float64)
        residuals = np.bincount(groups, weights=residuals).astype(np.float64)
    count = len(residuals)
    squares = residuals * residuals
    total, fourth = float(squares.sum()), float((squares * squares).sum())
    return MeanSpread(
        value=value,
        variance=count / (count - 1) * total / n**2 if count > 1 else math.inf,
        units=n**2 / float((sizes * sizes).sum()),
        degrees=count - 1,
        carriers=total * total / fourth if fourth > 0 else 0.0,
        skewness=math.sqrt(count) * float((squares * residuals).sum()) / total**1.5 if fourth > 0 else 0.0,
    )


def t_quantile(confidence_level: float, degrees: int) -> float:
    """The quantile of Student's t; infinite without a degree of freedom."""
    if degrees < 1:
        return math.copysign(math.inf, confidence_level - 0.5)
    return float(special.stdtrit(degrees, confidence_level))
