"""Tells which of many comparisons may be called real."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.statistics.arrays import BoolArray, FloatArray, as_number


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
    check_level(level)
    values = np.asarray(p_values, dtype=np.float64)
    shares = np.full(len(values), 1 / max(1, len(values)))
    rejected: BoolArray = values <= weighted_holm_levels(values, level * shares, shares)
    return rejected


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
    values, own, shares = (np.asarray(each, dtype=np.float64) for each in (p_values, levels, weights))
    spent = 0.0
    rejected = np.zeros(len(values), dtype=np.bool_)
    while True:
        # At most 1: rounding must not make a level of nothing.
        left = max(1 - spent, float(shares[~rejected].sum()), 1e-300)
        holm: FloatArray = own / left
        newly = ~rejected & (values <= holm)
        if not newly.any():
            return holm
        rejected |= newly
        spent = float(shares[rejected].sum())
        if rejected.all():
            return holm


def check_level(level: float) -> None:
    """Refuse an error level that is not strictly between 0 and 1."""
    if not 0 < as_number(level, "level") < 1:
        raise ValueError(f"level = {level!r} is not between 0 and 1; write 0.05 for 5 in 100.")
