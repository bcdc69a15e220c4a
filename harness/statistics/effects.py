"""Effect sizes of two samples, and what each part of the data adds to a figure of all of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.statistics.arrays import FloatArray


def histogram_delta(first: FloatArray, second: FloatArray) -> float:
    """The chance that a value of the first sample is larger than one of the second, less that of a smaller one.

    Parameters
    ----------
    first, second : (n_values,) counts of the same values, in rising order

    References
    ----------
    N. Cliff (1993), Dominance statistics: ordinal analyses to answer ordinal questions, Psychological Bulletin
    114:494-509, equation 3.
    """
    below = np.cumsum(second) - second
    above = second.sum() - second - below
    return float(first @ (below - above) / (first.sum() * second.sum()))


def pseudo_values(whole: float, without: Sequence[float]) -> FloatArray:
    """The part of each group of the data in a figure of all data: the jackknife's pseudo-values.

    Their mean is the figure without its bias of the order of 1 / n, and they are nearly independent, so that their
    standard error is the figure's, whatever smooth function of means it is.

    Parameters
    ----------
    whole : the figure of all data
    without : (n_groups,) the figure of all but one group, each left out once, two groups or more

    References
    ----------
    J. W. Tukey (1958), Bias and confidence in not-quite large samples, Annals of Mathematical Statistics 29:614; after
    M. H. Quenouille (1956), Notes on bias in estimation, Biometrika 43:353-360.

    Examples
    --------
    >>> pseudo_values(3.0, [4.0, 3.5, 1.5])
    array([1., 2., 6.])
    """
    n = len(without)
    return n * whole - (n - 1) * np.asarray(without, dtype=np.float64)
