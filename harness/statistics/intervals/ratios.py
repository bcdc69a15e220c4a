"""The ratio of two versions: of bounded means directly, of blocks and quantiles by the difference of logarithms."""

from __future__ import annotations

import math

import numpy as np

from harness.statistics.arrays import FloatArray
from harness.statistics.intervals.contrasts import Contrast, ScaledContrast

LOG_OF_ZERO = -1000.0
"""Stands for the logarithm of 0 where order alone counts: below that of any figure, and its ratio is 0."""
_LARGEST_ERROR = 10.0
"""Standard error of logarithms above which some of them are those of 0: it would be by a factor of 20,000."""


def log_figures(figures: FloatArray, of_zero: float | None = None) -> FloatArray:
    """The natural logarithms of figures; NaN stays NaN.

    Args:
        of_zero: that of 0; None where there is none.

    Raises:
        ValueError: a figure that has no logarithm, and so no ratio to another.
    """
    has_none = figures < 0 if of_zero is not None else figures <= 0
    if has_none.any():
        raise ValueError(f"{float(np.nanmin(figures)):g} is not above 0, and a ratio needs figures above 0.")
    is_zero = figures == 0
    logs: FloatArray = np.where(is_zero, of_zero or 0.0, np.log(np.where(is_zero, 1.0, figures)))
    return logs


def relative_contrast(kept: Contrast, worse: Contrast, margin: float, figure: float) -> Contrast:
    """The mean of a version as a share of another one's, less 1: both bounds are of differences, in units of that mean.

    The margin is a share of a mean that is not known either. So what is kept, c - (1 - margin) b, is tested directly:
    the lower bound is above -margin exactly where what is kept is above what is allowed.

    Parameters
    ----------
    kept : the mean less the least that is allowed, turned so that less than 0 is worse by more than the margin
    worse : the difference of the means, turned so that less than 0 is worse
    margin : the share that may be lost
    figure : the other one's mean, above 0; the standard error takes it as it is
    """
    method = f"share of the other's mean: {worse.method}"
    return ScaledContrast(
        worse, lambda each: each / figure, 1 / figure, method, kept, lambda each: each / figure - margin
    )


def ratio_contrast(logs: Contrast, *, higher_is_better: bool) -> Contrast:
    """The ratio of a version to the other one, less 1: its share above (or below) it.

    Of signed ranks of logarithms it is that of pairs of blocks; of quantiles of logarithms, which no growing function
    moves, the ratio of quantiles. Bounds are carried over one by one, so that they hold as often as those of the logs.

    Parameters
    ----------
    logs : the difference of the logarithms, turned so that less than 0 is worse; where some figures are 0 it has no
        standard error
    higher_is_better : False where more is worse, so that `logs` is the other one's logarithm less this one's

    References
    ----------
    J. M. Bland, D. G. Altman (1996), The use of transformation when comparing two means, BMJ 312:1153: the antilog of a
    mean difference of logarithms is a ratio of geometric means, and so are those of its bounds.
    """
    sign = 1 if higher_is_better else -1

    def share(log: float) -> float:
        """The logarithm of a ratio as a share, turned as `logs` is; no bound of the one is none of the other."""
        if not math.isfinite(log):
            return log
        return sign * (math.expm1(sign * log) if sign * log < _LARGEST else math.inf)

    scale = math.inf if logs.standard_error > _LARGEST_ERROR else math.exp(sign * logs.value)
    return ScaledContrast(logs, share, scale, f"ratio: {logs.method} of logarithms")


_LARGEST = 700.0
"""Beyond it the exponential of a logarithm is no number of ours."""
