"""Points of time at which a level changed: binary segmentation, with a bounded chance of a false alarm."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import special

from harness.statistics.arrays import FloatArray, IntArray, case_means
from harness.statistics.multiplicity import check_level
from harness.statistics.spread import spread
from harness.statistics.suites.lost import lost_cases

_ROUNDING = 1e-9
_FEW_DEGREES = 10


def change_points(values: FloatArray, p_value: Callable[[int, int, int], float], level: float) -> tuple[int, ...]:
    """The first points of new levels, ascending: where nothing changed there is any with a chance of at most `level`.

    The points are split where their means differ most, if that is no chance at `level` over all splits that could have
    been named; what lies on either side is split again. In the end, splits that do not tell the points since the change
    before from those up to the next are taken back, the least clear first: one that was a point off brings another.

    Parameters
    ----------
    values : (n_cases, n_points), NaN where a point has nothing of a case
    p_value : of (first, split, last): two-sided, that the points [first, split) and [split, last) have one level
    level : in (0, 1)

    References
    ----------
    A. Sen, M. S. Srivastava (1975), On tests for detecting change in mean, Annals of Statistics 3:98-108, for the
    largest difference over splits; L. Ju. Vostrikova (1981), Detecting "disorder" in multidimensional random processes,
    Soviet Mathematics Doklady 24:55-59, for splitting again; O. J. Dunn (1961), Multiple comparisons among means, JASA
    56:52-64, for the level of each.
    """
    n_points = values.shape[1]
    check_level(level)
    own, ends, waiting = level / max(1, n_points - 1), [0, n_points], [(0, n_points)]
    while waiting:
        first, last = waiting.pop()
        split = first + _largest_shift(values[:, first:last])
        if split > first and p_value(first, split, last) <= own:
            ends.append(split)
            waiting += [(first, split), (split, last)]
    ends.sort()
    while len(ends) > 2:
        p_values = [p_value(*three) for three in zip(ends, ends[1:], ends[2:], strict=False)]
        if max(p_values) <= own:
            break
        del ends[1 + int(np.argmax(p_values))]
    return tuple(ends[1:-1])


def _largest_shift(values: FloatArray) -> int:
    """The split whose means over the cases that both sides have differ most for their noise; 0 where none differs."""
    there = ~np.isnan(values)
    sums, counts = np.cumsum(np.where(there, values, 0.0), axis=1), np.cumsum(there, axis=1)
    before, after = counts[:, :-1], counts[:, -1:] - counts[:, :-1]
    both = (before > 0) & (after > 0)
    one, other = np.where(both, before, 1), np.where(both, after, 1)
    differences = np.where(both, sums[:, :-1] / one - (sums[:, -1:] - sums[:, :-1]) / other, 0.0).sum(axis=0)
    noise = np.sqrt(np.where(both, 1 / one + 1 / other, 0.0).sum(axis=0))
    shifts = np.abs(differences) / np.where(noise > 0, noise, 1.0)
    return 1 + int(np.argmax(shifts)) if shifts.size and shifts.max() > _ROUNDING else 0


def one_mean(before: FloatArray, after: FloatArray, groups: IntArray) -> float:
    """The two-sided p-value of one mean before and after, by the scatter of points: Student's t with a variance that
    both sides share, whatever scatters a version's mean: its samples, or that it answers otherwise than the one before.
    Where too few cases scatter to tell by how much, the spread over cases stands in for it.

    Parameters
    ----------
    before, after : (n_cases, n_points), NaN where a point has nothing of a case, of which each side has something
    groups : (n_cases,) index of a case's cluster

    References
    ----------
    F. E. Satterthwaite (1946), An approximate distribution of estimates of variance components, Biometrics Bulletin
    2:110-114, for the degrees of freedom of a sum over cases.
    """
    sides, n = (before, after), int(groups.max()) + 1
    counts, means = [(~np.isnan(each)).sum(axis=1) for each in sides], [case_means(each) for each in sides]
    residuals = [np.nan_to_num(each - mean[:, np.newaxis]) for each, mean in zip(sides, means, strict=True)]
    summed, differences = np.zeros((n, before.shape[1] + after.shape[1])), means[1] - means[0]
    np.add.at(summed, groups, np.hstack(residuals))
    degrees, shares = np.full(n, np.inf), np.zeros(n)
    np.minimum.at(degrees, groups, counts[0] + counts[1] - 2.0)
    np.maximum.at(shares, groups, 1 / counts[0] + 1 / counts[1])
    parts = (summed**2).sum(axis=1) / np.maximum(degrees, 1) * shares
    known, variance = degrees > 0, float(parts.sum())
    freedom = variance**2 / float((parts[known] ** 2 / degrees[known]).sum()) if variance > 0 else 0.0
    if n > 1 and (freedom < _FEW_DEGREES or not known.all()):
        over_cases = spread(differences, groups)
        variance, freedom = over_cases.variance * len(groups) ** 2, over_cases.degrees
    if variance == 0 or freedom == 0:
        return float(freedom == 0 or abs(differences.mean()) < _ROUNDING)
    return float(2 * special.stdtr(freedom, -abs(differences.sum()) / math.sqrt(variance)))


def one_rate(before: FloatArray, after: FloatArray) -> float:
    """The two-sided p-value of one rate of right samples before and after, by Fisher's exact test (see `lost_cases`).

    >>> round(one_rate(np.zeros(10), np.ones(10)), 6)
    1.1e-05
    """
    one, other = before.reshape(1, -1), after.reshape(1, -1)
    tails = lost_cases(other, one, 0.5).p_values[0], lost_cases(one, other, 0.5).p_values[0]
    return min(1.0, 2 * float(min(tails)))
