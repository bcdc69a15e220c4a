"""Ranks of versions as intervals: a part of every order by means is chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.statistics.arrays import FloatArray
from harness.statistics.multiplicity import holm


def rank_intervals(p_lower: Sequence[FloatArray], level: float) -> list[npt.NDArray[np.intp]]:
    """Return the lowest and the highest rank that each version may have, 1 for the best.

    All tests of all tables are corrected together (Holm), so that with a chance of at least 1 - `level` all intervals
    hold at once. Equal versions share ranks, all of which lie in the interval of each.

    Parameters
    ----------
    p_lower : tables (n_versions, n_versions) whose entry (i, j) is the one-sided p-value of "i is as good as j"

    Returns
    -------
    (n_versions, 2) for each table

    References
    ----------
    M. Mogstad, J. P. Romano, A. M. Shaikh, D. Wilhelm (2024), Inference for ranks with applications to mobility across
    neighbourhoods and academic achievement across countries, Review of Economic Studies 91:476-518, section 3.

    Examples
    --------
    >>> rank_intervals([np.array([[1, 0.9, 0.4], [0.001, 1, 0.3], [0.5, 0.6, 1]])], 0.05)[0].tolist()
    [[1, 2], [2, 3], [1, 3]]
    """
    apart = [~np.eye(len(table), dtype=np.bool_) for table in p_lower]
    rejected = holm(np.concatenate([table[which] for table, which in zip(p_lower, apart, strict=True)]), level)
    intervals, start = [], 0
    for which in apart:
        is_lower, end = np.zeros_like(which), start + int(which.sum())
        is_lower[which], start = rejected[start:end], end
        intervals.append(np.stack([1 + is_lower.sum(axis=1), len(which) - is_lower.sum(axis=0)], axis=1))
    return intervals
