"""Tells which of many comparisons may be called real."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.statistics.arrays import BoolArray, FloatArray, as_floats, as_number


def holm(p_values: npt.ArrayLike, level: float) -> BoolArray:
    """Reject with the chance of any false rejection at most `level`, however the p-values depend on each other.

    Parameters
    ----------
    p_values : (m,) in [0, 1]
    level : in (0, 1)

    Returns
    -------
    (m,) bool, in the order given

    References
    ----------
    S. Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian J. Statistics 6:65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03, 0.005], 0.05).tolist()
    [True, False, False, True]
    """
    values = check_p_values(p_values)
    check_level(level)
    rejected: BoolArray = values <= holm_levels(values, level)
    return rejected


def holm_levels(p_values: npt.ArrayLike, level: float) -> FloatArray:
    """The level at which Holm's procedure judges each comparison: level / m for the smallest p-value, and so on.

    Once one is not rejected, all later ones are judged at that one's level, so that `p <= level` is the procedure's
    answer for each of them. Ties are judged alike.

    Parameters
    ----------
    p_values : (m,) in [0, 1]
    level : in (0, 1)

    Returns
    -------
    (m,) levels, in the order given

    References
    ----------
    S. Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian J. Statistics 6:65-70.

    Examples
    --------
    >>> holm_levels([0.01, 0.04, 0.03, 0.005], 0.05).round(4).tolist()
    [0.0167, 0.025, 0.025, 0.0125]
    """
    values = check_p_values(p_values)
    check_level(level)
    m = len(values)
    order = np.argsort(values, kind="stable")
    steps = level / (m - np.arange(m, dtype=np.float64))
    kept = values[order] > steps
    if kept.any():
        first = int(kept.argmax())
        steps[first:] = steps[first]
    levels = np.empty(m)
    levels[order] = steps
    # Equal p-values must not be told apart by their order: all get the level of the most lenient among them.
    for value in np.unique(values):
        same = values == value
        levels[same] = levels[same].max()
    return levels


def weighted_holm_levels(p_values: npt.ArrayLike, levels: npt.ArrayLike, weights: npt.ArrayLike) -> FloatArray:
    """The level at which Holm's procedure with weights judges each comparison: rejected if p is at most its level.

    A comparison is first judged at its own level. What those that are rejected had is shared by the rest in proportion:
    once comparisons of the weight w are rejected, all others are judged at 1 / (1 - w) times their own levels. Weights
    that sum to less than 1 leave room for comparisons that are not here.

    Parameters
    ----------
    p_values : (m,) in [0, 1]
    levels : (m,) above 0, what each may spend by itself
    weights : (m,) above 0, summing to at most 1

    Returns
    -------
    (m,) levels, in the order given

    References
    ----------
    S. Holm (1979), as for `holm`, section 4 (weights); F. Bretz, W. Maurer, W. Brannath, M. Posch (2009), A graphical
    approach to sequentially rejective multiple test procedures, Statistics in Medicine 28:586-604.

    Examples
    --------
    >>> weighted_holm_levels([0.001, 0.02, 0.3], [0.05 / 3] * 3, [1 / 3] * 3).round(4).tolist()
    [0.05, 0.05, 0.05]
    """
    values, own = check_p_values(p_values), as_floats(levels, "levels")
    shares = as_floats(weights, "weights")
    if own.shape != values.shape or shares.shape != values.shape or not bool(np.all((own > 0) & (shares > 0))):
        raise ValueError(f"levels {own.shape} or weights {shares.shape} do not fit {len(values)} p-values above 0.")
    spent = 0.0
    rejected = np.zeros(len(values), dtype=np.bool_)
    while True:
        # At most 1: rounding must not make a level of nothing.
        left = max(1 - spent, float(shares[~rejected].sum()), 1e-300)
        found: FloatArray = own / left
        newly = ~rejected & (values <= found)
        if not newly.any():
            return found
        rejected |= newly
        spent = float(shares[rejected].sum())
        if rejected.all():
            return found


def benjamini_hochberg(p_values: npt.ArrayLike, level: float) -> BoolArray:
    """Reject with an expected share of false rejections of at most `level` (independent or positively dependent).

    Parameters
    ----------
    p_values : (m,) in [0, 1]
    level : in (0, 1)

    Returns
    -------
    (m,) bool, in the order given

    References
    ----------
    Y. Benjamini, Y. Hochberg (1995), Controlling the false discovery rate, J. R. Statistical Society B 57:289-300.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.2], 0.05).tolist()
    [True, False, False, False]
    """
    values = check_p_values(p_values)
    check_level(level)
    m = len(values)
    ordered = np.sort(values)
    passing = np.flatnonzero(ordered <= level * np.arange(1, m + 1) / m)
    if not len(passing):
        return np.zeros(m, dtype=np.bool_)
    rejected: BoolArray = values <= ordered[passing[-1]]
    return rejected


def e_benjamini_hochberg(e_values: npt.ArrayLike, level: float) -> BoolArray:
    """Reject with an expected share of false rejections of at most `level`, however the e-values depend on each other.

    Parameters
    ----------
    e_values : (m,) of 0 or more, infinity included
    level : in (0, 1)

    Returns
    -------
    (m,) bool, in the order given

    References
    ----------
    R. Wang, A. Ramdas (2022), False discovery rate control with e-values, J. R. Statistical Society B 84:822-852.

    Examples
    --------
    >>> e_benjamini_hochberg([50, 12, 1, 35], 0.1).tolist()
    [True, False, False, True]
    """
    values = check_e_values(e_values)
    check_level(level)
    m = len(values)
    ordered = np.sort(values)[::-1]
    passing = np.flatnonzero(ordered >= m / (level * np.arange(1, m + 1)))
    if not len(passing):
        return np.zeros(m, dtype=np.bool_)
    rejected: BoolArray = values >= ordered[passing[-1]]
    return rejected


def e_holm(e_values: npt.ArrayLike, level: float) -> BoolArray:
    """Reject with the chance of any false rejection at most `level`, however the e-values depend on each other.

    Closed testing with the mean of e-values, which is one itself: a hypothesis is rejected if the mean of its e-value
    and of any others, the smallest at worst, still reaches 1 / level.

    Parameters
    ----------
    e_values : (m,) of 0 or more, infinity included
    level : in (0, 1)

    Returns
    -------
    (m,) bool, in the order given

    References
    ----------
    V. Vovk, R. Wang (2021), E-values: calibration, combination and applications, Annals of Statistics 49:1736-1754.

    Examples
    --------
    >>> e_holm([50, 12, 1, 35], 0.1).tolist()
    [True, False, False, True]
    """
    values = check_e_values(e_values)
    check_level(level)
    rejected: BoolArray = e_holm_adjusted(values) >= 1 / level
    return rejected


@np.errstate(over="ignore")
def e_holm_adjusted(e_values: npt.ArrayLike) -> FloatArray:
    """Each e-value, lowered to its smallest mean with any others: it may be compared with 1 / level by itself.

    Sums beyond the largest float are infinite, as e-values may be.

    Parameters
    ----------
    e_values : (m,) of 0 or more, infinity included

    Returns
    -------
    (m,) adjusted e-values, in the order given

    References
    ----------
    V. Vovk, R. Wang (2021), E-values: calibration, combination and applications, Annals of Statistics 49:1736-1754.

    Examples
    --------
    >>> e_holm_adjusted([50, 12, 1, 35]).tolist()
    [21.0, 6.5, 1.0, 16.0]
    """
    values = check_e_values(e_values)
    smallest = np.concatenate([[0.0], np.cumsum(np.sort(values))])
    counts = np.arange(1, len(values) + 1)
    # With the i smallest others: for an e-value that is itself among them the mean is that of i - 1 others and
    # the e-value twice, never smaller than without it.
    return np.array([((value + smallest[:-1]) / counts).min() for value in values])


def check_p_values(p_values: npt.ArrayLike) -> FloatArray:
    """P-values as a flat array, each in [0, 1].

    Raises:
        ValueError: another shape, NaN, or a number outside [0, 1].
    """
    values = as_floats(p_values, "p_values")
    if values.ndim != 1:
        raise ValueError(f"p_values has {values.ndim} dimensions; give a flat sequence.")
    if not bool(np.all((values >= 0) & (values <= 1))):
        raise ValueError("p_values holds a number outside [0, 1] or NaN.")
    return values


def check_level(level: float) -> None:
    """Refuse an error level that is not strictly between 0 and 1."""
    if not 0 < as_number(level, "level") < 1:
        raise ValueError(f"level = {level!r} is not between 0 and 1; write 0.05 for 5 in 100.")


def check_e_values(e_values: npt.ArrayLike) -> FloatArray:
    """E-values as a flat array, each 0 or more.

    Raises:
        ValueError: another shape, NaN, or a number below 0.
    """
    values = as_floats(e_values, "e_values")
    if values.ndim != 1:
        raise ValueError(f"e_values has {values.ndim} dimensions; give a flat sequence.")
    if not bool(np.all(values >= 0)):
        raise ValueError("e_values holds a number below 0 or NaN.")
    return values
