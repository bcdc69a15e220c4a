"""pass@k and pass^k: at least one, or all, of k samples right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from harness.statistics.arrays import FloatArray, as_count, as_floats
from harness.statistics.intervals.means import MeanEstimate, clustered_mean


@overload
def pass_at_k(n: int, c: int, k: int) -> float: ...


@overload
def pass_at_k(
    n: Sequence[int] | npt.NDArray[Any],
    c: Sequence[int] | npt.NDArray[Any],
    k: int,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
    confidence_level: float = 0.95,
) -> MeanEstimate: ...


def pass_at_k(
    n: npt.ArrayLike,
    c: npt.ArrayLike,
    k: int,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
    confidence_level: float = 0.95,
) -> float | MeanEstimate:
    """The chance that at least one of k samples is right, unbiased: 1 - C(n-c, k) / C(n, k).

    Parameters
    ----------
    n, c : samples drawn and right, of one case or (n_cases,) of a suite; k <= n, 0 <= c <= n. A single number beside
        (n_cases,) stands for all cases.
    k : samples that a user would draw
    clusters, confidence_level : as for `clustered_mean`

    Returns
    -------
    float for one case; for a suite the mean over cases with its interval, cases being the units.

    References
    ----------
    M. Chen et al. (2021), Evaluating large language models trained on code, arXiv:2107.03374, equation 1.

    Examples
    --------
    >>> round(pass_at_k(10, 3, 1), 4)
    0.3
    >>> round(pass_at_k([10, 10, 10, 10], [3, 10, 0, 8], 5).value, 3)
    0.729
    """
    total, right = _counts(n, c, k)
    return _over_cases(1 - _all_of(total - right, total, k), clusters, confidence_level)


@overload
def pass_hat_k(n: int, c: int, k: int) -> float: ...


@overload
def pass_hat_k(
    n: Sequence[int] | npt.NDArray[Any],
    c: Sequence[int] | npt.NDArray[Any],
    k: int,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
    confidence_level: float = 0.95,
) -> MeanEstimate: ...


def pass_hat_k(
    n: npt.ArrayLike,
    c: npt.ArrayLike,
    k: int,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
    confidence_level: float = 0.95,
) -> float | MeanEstimate:
    """The chance that all of k samples are right, unbiased: C(c, k) / C(n, k).

    Parameters
    ----------
    n, c, k, clusters, confidence_level : as for `pass_at_k`

    Returns
    -------
    float for one case; for a suite the mean over cases with its interval, cases being the units.

    References
    ----------
    S. Yao et al. (2024), tau-bench: a benchmark for tool-agent-user interaction in real-world domains,
    arXiv:2406.12045.

    Examples
    --------
    >>> round(pass_hat_k(10, 9, 3), 4)
    0.7
    """
    total, right = _counts(n, c, k)
    return _over_cases(_all_of(right, total, k), clusters, confidence_level)


def _counts(n: npt.ArrayLike, c: npt.ArrayLike, k: int) -> tuple[FloatArray, FloatArray]:
    """Samples and right ones of each case, of one shape."""
    total, right = as_floats(n, "n"), as_floats(c, "c")
    as_count(k, "k", 1)
    if max(total.ndim, right.ndim) > 1 or (total.ndim == right.ndim == 1 and total.shape != right.shape):
        raise ValueError(f"n and c have shapes {total.shape} and {right.shape}; give one number of each for each case.")
    total, right = np.broadcast_arrays(total, right)
    if not bool(np.all((total >= k) & (total == np.floor(total)) & np.isfinite(total))):
        raise ValueError(f"n = {n!r} holds a case with fewer than k = {k} samples: k of them can't be drawn.")
    if not bool(np.all((right >= 0) & (right <= total) & (right == np.floor(right)))):
        raise ValueError(f"c = {c!r} holds a count that is not between 0 and n.")
    return total, right


def _over_cases(
    values: FloatArray, clusters: Sequence[Any] | npt.NDArray[Any] | None, confidence_level: float
) -> float | MeanEstimate:
    """The value itself for one case, the mean over the cases of a suite."""
    if np.ndim(values) == 0:
        return float(values)
    return clustered_mean(values, clusters, confidence_level)


def _all_of(part: FloatArray, total: FloatArray, k: int) -> FloatArray:
    """C(part, k) / C(total, k), that all of k drawn are of the part: a product of k factors, 0 where part < k."""
    ratio = np.ones(np.shape(part))
    for taken in range(k):
        ratio = ratio * np.maximum(part - taken, 0) / (total - taken)
    return ratio
