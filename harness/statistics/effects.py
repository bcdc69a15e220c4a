"""Effect sizes of two samples, and what each part of the data adds to a figure of all of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.statistics.arrays import FloatArray, as_floats, as_number


def cliffs_delta(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """The chance that a value of the first sample is larger than one of the second, less that of a smaller one.

    Parameters
    ----------
    first, second : (n,) and (m,) numbers; only their order counts

    Returns
    -------
    float
        In [-1, 1]: the chance that the first is larger, less the chance that it is smaller. It is also called the
        rank-biserial correlation, and is 2 A - 1 of the area A under the curve.

    Raises
    ------
    ValueError
        A sample without values, NaN, or more than one dimension.

    References
    ----------
    N. Cliff (1993), Dominance statistics: ordinal analyses to answer ordinal questions, Psychological Bulletin
    114:494-509, equation 3.

    Examples
    --------
    >>> cliffs_delta([10, 10, 20, 20, 20, 30, 30, 30, 40, 50], [10, 20, 30, 40, 40, 50])
    -0.25
    """
    one, other = _sample(first, "first"), _sample(second, "second")
    values = np.unique(np.concatenate([one, other]))
    counts = [np.bincount(np.searchsorted(values, each), minlength=len(values)) for each in (one, other)]
    return histogram_delta(counts[0].astype(np.float64), counts[1].astype(np.float64))


def histogram_delta(first: FloatArray, second: FloatArray) -> float:
    """Cliff's delta of two samples that are counts of the same values, in rising order."""
    below = np.cumsum(second) - second
    above = second.sum() - second - below
    return float(first @ (below - above) / (first.sum() * second.sum()))


def pseudo_values(whole: float, without: npt.ArrayLike) -> FloatArray:
    """The part of each group of the data in a figure of all data: the jackknife's pseudo-values.

    Their mean is the figure without its bias of the order of 1 / n, and they are nearly independent, so that their
    standard error is the figure's, whatever smooth function of means it is.

    Parameters
    ----------
    whole : the figure of all data
    without : (n_groups,) the figure of all but one group, each left out once

    Returns
    -------
    (n_groups,) floats

    Raises
    ------
    ValueError
        Fewer than two groups, NaN or infinity.

    References
    ----------
    J. W. Tukey (1958), Bias and confidence in not-quite large samples, Annals of Mathematical Statistics 29:614; after
    M. H. Quenouille (1956), Notes on bias in estimation, Biometrika 43:353-360.

    Examples
    --------
    >>> pseudo_values(3.0, [4.0, 3.5, 1.5])
    array([1., 2., 6.])
    """
    figures, all_of_it = as_floats(without, "without"), as_number(whole, "whole")
    if figures.ndim != 1 or len(figures) < 2:
        raise ValueError(f"without has the shape {figures.shape}; give a figure for each of two groups or more.")
    if not np.isfinite(figures).all() or not np.isfinite(all_of_it):
        raise ValueError("A figure is NaN or infinite; give figures that are numbers with each group left out.")
    return np.asarray(len(figures) * all_of_it - (len(figures) - 1) * figures, dtype=np.float64)


def _sample(values: npt.ArrayLike, name: str) -> FloatArray:
    array = as_floats(values, name)
    if array.ndim != 1 or not len(array):
        raise ValueError(f"{name} has the shape {array.shape}; give one number or more in a row.")
    if np.isnan(array).any():
        raise ValueError(f"{name} holds NaN; leave out what has no value.")
    return array
