"""Ranks of versions as intervals: of a list by its means, a part of the order is chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.statistics.arrays import FloatArray
from harness.statistics.multiplicity import holm


def rank_intervals(p_lower: Sequence[FloatArray], level: float) -> list[npt.NDArray[np.intp]]:
    """Return the lowest and the highest rank that each version may have, 1 for the best.

    Each pair of versions is tested in both directions, and all tests of all tables are corrected together (Holm), so
    that all intervals hold at once with a chance of at least 1 - `level`, however the p-values depend on each other.
    Below a version are those that are shown to be lower, above it those that are shown to be higher. The ranks that
    versions which are equal share lie in the interval of each of them.

    Parameters
    ----------
    p_lower : tables (n_versions, n_versions), one for each evaluation, whose entry (i, j) is the one-sided p-value for
        "i is at least as good as j"; the diagonal does not count
    level : in (0, 1)

    Returns
    -------
    (n_versions, 2) for each table, in the order given

    References
    ----------
    M. Mogstad, J. P. Romano, A. M. Shaikh, D. Wilhelm (2024), Inference for ranks with applications to mobility across
    neighbourhoods and academic achievement across countries, Review of Economic Studies 91:476-518, section 3.2
    (simultaneous confidence sets from a procedure that controls the familywise error rate). The same sets from
    simultaneous intervals: M. Klein, T. Wright, J. Wieczorek (2020), J. Royal Statistical Society C 69:589-606.

    Examples
    --------
    The second of three is shown to be lower than the first alone, and the third than nobody:

    >>> p_lower = np.array([[1, 0.9, 0.4], [0.001, 1, 0.3], [0.5, 0.6, 1]])
    >>> rank_intervals([p_lower], 0.05)[0].tolist()
    [[1, 2], [2, 3], [1, 3]]
    """
    apart = [~np.eye(len(table), dtype=np.bool_) for table in p_lower]
    tested = np.concatenate([table[which] for table, which in zip(p_lower, apart, strict=True)] or [np.empty(0)])
    rejected = iter(holm(tested, level))
    intervals = []
    for which in apart:
        is_lower = np.zeros_like(which)
        is_lower[which] = [next(rejected) for _ in range(int(which.sum()))]
        intervals.append(np.stack([1 + is_lower.sum(axis=1), len(which) - is_lower.sum(axis=0)], axis=1))
    return intervals
