"""Which of many comparisons may be called real."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.statistics.arrays import BoolArray, FloatArray


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


def check_p_values(p_values: npt.ArrayLike) -> FloatArray:
    """P-values as a flat array, each in [0, 1].

    Raises:
        ValueError: another shape, NaN, or a number outside [0, 1].
    """
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"p_values has {values.ndim} dimensions; give a flat sequence.")
    if not bool(np.all((values >= 0) & (values <= 1))):
        raise ValueError("p_values holds a number outside [0, 1] or NaN.")
    return values


def check_level(level: float) -> None:
    """Refuse an error level that is not strictly between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level = {level!r} is not between 0 and 1; write 0.05 for 5 in 100.")
