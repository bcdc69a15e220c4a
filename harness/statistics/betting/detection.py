"""Detects that the mean of scores has fallen below a level, with a stated mean time between false alarms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.statistics.arrays import FloatArray

#: Shares of the largest bet against a level that can't lose everything: for drops of half of the level down to a 256th.
_SHARES = 2.0 ** -np.arange(1, 9)


def evidence_of_fall(scores: npt.ArrayLike, stakes: npt.ArrayLike, level: float) -> FloatArray:
    r"""Return the logarithm of an e-detector after each observation: a weighted Shiryaev-Roberts sum of bets.

    A bet that starts with observation j multiplies its stake by :math:`1 + \lambda (m - x_i)` for each from j on, a
    factor of mean 1 at most while the mean is the level m or above. So the sum of all bets less the sum of their stakes
    is a supermartingale, and where it first reaches A, the stakes add up to A at least in the mean. With the days since
    the observation before as stakes that is a mean time of A days, at any rate. It is the mean over several
    :math:`\lambda`.

    Parameters
    ----------
    scores : (..., n), in [0, 1], in the order of time
    stakes : (..., n), at least 0, each known before its score
    level : in (0, 1)

    References
    ----------
    J. Shin, A. Ramdas, A. Rinaldo (2024), E-detectors: a nonparametric framework for sequential change detection, New
    England J. Statistics in Data Science 2:229-260, section 2 (sums of e-processes, with stakes of 1, and the mean time
    to a false alarm). I. Waudby-Smith, A. Ramdas (2024), J. R. Statistical Society B 86:1-27, section 4 (bets).

    Examples
    --------
    >>> np.exp(evidence_of_fall([0, 0], [1, 1], 0.5)).round(3).tolist()
    [1.125, 2.415]
    """
    sums, steps = _log_bets(scores, level)
    with np.errstate(divide="ignore"):
        placed = np.log(np.asarray(stakes, dtype=float))[..., None] - (sums - steps)
    own = np.logaddexp.accumulate(placed, axis=-2) + sums
    mean: FloatArray = np.logaddexp.reduce(own, axis=-1) - np.log(len(_SHARES))
    return mean


def detect_fall(
    scores: npt.ArrayLike, stakes: npt.ArrayLike, level: float, limit: float
) -> tuple[float, int | None, int | None]:
    """Return the evidence at the alarm or the end, the first observation at which it is the limit or more, and the one
    with which the change most probably began: whose bets have won most by then. Nothing is stated about its error.

    Examples
    --------
    >>> evidence, alarm, began = detect_fall([1.0] * 20 + [0.0] * 9, [1.0] * 29, 0.8, 90)
    >>> alarm, began
    (24, 20)
    """
    values = np.exp(np.minimum(evidence_of_fall(scores, stakes, level), 700.0))
    over = np.flatnonzero(values >= limit)
    if not len(over):
        return float(values[-1]) if len(values) else 0.0, None, None
    sums, steps = _log_bets(np.asarray(scores)[: over[0] + 1], level)
    began = np.logaddexp.reduce(sums[-1] - (sums - steps), axis=-1).argmax()
    return float(values[over[0]]), int(over[0]), int(began)


def _log_bets(scores: npt.ArrayLike, level: float) -> tuple[FloatArray, FloatArray]:
    """Return the logarithms of what bets have won from the first observation on, and by each: (..., n, bets)."""
    known = np.asarray(scores, dtype=float)
    if not 0 < level < 1 or not ((known >= 0) & (known <= 1)).all():
        raise ValueError(f"scores lie in [0, 1] and level between them (got level = {level})")
    steps: FloatArray = np.log1p(_SHARES / (1 - level) * (level - known[..., None]))
    return steps.cumsum(axis=-2), steps
