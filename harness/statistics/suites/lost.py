"""Finds the lost cases: those that are shown, each by its own samples, to be worse than in the baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.statistics.arrays import FloatArray, IntArray, as_scores, group_indices, is_binary
from harness.statistics.multiplicity import check_level

_KEPT_TABLES = 4096


@dataclass(frozen=True, slots=True)
class LostCases:
    """Cases that are shown to be worse.

    Attributes
    ----------
    indices : (n_lost,) of the cases, the clearest first
    p_values : (n_cases,) one-sided, of each case by itself; NaN for a case that lacks a version
    n_tested : how many cases, or clusters of them, could have been shown to be worse by as many samples
    """

    indices: IntArray
    p_values: FloatArray
    n_tested: int


def lost_cases(
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    level: float,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
) -> LostCases:
    """The cases that are worse than in the baseline; of those named, a share of at most `level` is wrong on average.

    Each case has an exact test of its own on its samples, the rank sum test with its distribution given the ties: for
    scores of 0 and 1 that is Fisher's. Benjamini and Hochberg's procedure runs over those cases that could have been
    found at all: a case whose samples all agree in both versions has no p-value below 1 and costs the others nothing.
    Which cases these are depends on what is held fixed in the tests, so that the p-values of the others stay valid.

    Parameters
    ----------
    candidate, baseline : (n_cases, samples), the same cases in the same order; the number of samples may differ; NaN
        for missing
    level : in (0, 1)
    clusters : (n_cases,) labels; cases that share one may share their answers. A cluster then stands for one finding:
        its p-value is the smallest of its cases times their number, which holds however they depend on each other, and
        the share of wrong findings is that of clusters.

    References
    ----------
    R. A. Fisher (1935), The logic of inductive inference, J. R. Statistical Society 98:39-82; F. Wilcoxon (1945),
    Individual comparisons by ranking methods, Biometrics Bulletin 1:80-83; Y. Benjamini, Y. Hochberg (1995), J. R.
    Statistical Society B 57:289-300; for leaving out what can't be found R. E. Tarone (1990), A modified Bonferroni
    method for discrete data, Biometrics 46:515-522, and P. B. Gilbert (2005), A modified false discovery rate
    multiple-comparisons procedure for discrete data, Applied Statistics 54:143-158.

    Examples
    --------
    >>> lost = lost_cases([[0] * 5, [1, 1, 1, 1, 0]], [[1] * 5, [1] * 5], 0.05)
    >>> lost.indices.tolist(), lost.p_values.round(4).tolist()
    ([0], [0.004, 0.5])
    """
    first, second = as_scores(candidate, "candidate"), as_scores(baseline, "baseline")
    if len(first) != len(second):
        raise ValueError(f"candidate has {len(first)} cases, baseline {len(second)}; pair them case by case.")
    check_level(level)
    p_values, least = _case_tests(first, second)
    groups = group_indices(clusters, len(first))
    index = np.arange(len(first)) if groups is None else groups  # the unit of each case
    kept = ~np.isnan(p_values)
    times = np.bincount(index[kept], minlength=int(index.max()) + 1).astype(np.float64)[index]
    corrected = np.where(kept, np.minimum(1.0, p_values * times), 1.0)
    units, possible = np.ones((2, int(index.max()) + 1))
    np.minimum.at(units, index, corrected)
    np.minimum.at(possible, index, least * times)
    findable = possible <= level
    limit = _benjamini_hochberg_limit(units[findable], level)
    places = np.flatnonzero(findable[index] & (corrected <= limit))
    return LostCases(places[np.argsort(p_values[places], kind="stable")], p_values, int(findable.sum()))


def _case_tests(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The p-value of each case, NaN where a version has no score of it, and the least that it could have had.

    Both given the ties; cases with the same ties are looked up together.
    """
    both = np.concatenate([first, second], axis=1)
    draws = np.stack([(~np.isnan(first)).sum(axis=1), (~np.isnan(second)).sum(axis=1)])
    place, count = np.arange(both.shape[1]), draws.sum(axis=0)[:, np.newaxis]
    if is_binary(both):
        ranks = place >= count - np.nansum(both, axis=1, keepdims=True)
        sums = np.nansum(first, axis=1)
    else:
        order = np.argsort(both, axis=1, kind="stable")
        ordered = np.take_along_axis(both, order, axis=1)
        begins = np.ones(both.shape, dtype=np.bool_)
        begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        starts = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
        lasts = np.where(np.roll(begins, -1, axis=1), place, place[-1])
        ranks = starts + np.minimum.accumulate(lasts[:, ::-1], axis=1)[:, ::-1]  # twice the mean rank, to be whole
        sums = np.where((order < first.shape[1]) & (place < count), ranks, 0).sum(axis=1)
    keys = np.concatenate([draws.T, np.where(place < count, ranks, 0)], axis=1)
    alike: dict[bytes, list[int]] = {}
    for case, key in enumerate(keys):
        alike.setdefault(key.tobytes(), []).append(case)
    p_values, least = np.full(len(first), np.nan), np.ones(len(first))
    for cases in alike.values():
        n, n_others, *doubled = keys[cases[0]].tolist()
        if n and n_others:
            lowest = doubled[0]
            unit = math.gcd(*(rank - lowest for rank in doubled[: n + n_others])) or 1
            steps = tuple((rank - lowest) // unit for rank in doubled[: n + n_others])
            table = _rank_table(n, steps)
            p_values[cases] = table[((sums[cases] - n * lowest) // unit).astype(np.int64)]
            least[cases] = table[sum(steps[:n])]
    return p_values, least


def _benjamini_hochberg_limit(p_values: FloatArray, level: float) -> float:
    """The largest p-value that is rejected; below 0 where none is."""
    ordered = np.sort(p_values)
    passing = np.flatnonzero(ordered <= level * np.arange(1, len(ordered) + 1) / len(ordered))
    return float(ordered[passing[-1]]) if len(passing) else -1.0


@lru_cache(maxsize=_KEPT_TABLES)
def _rank_table(n: int, ranks: tuple[int, ...]) -> FloatArray:
    """Chance of a sum of so much or less for n of the ranks (0 or more, ascending), every choice as likely.

    As in E. L. Lehmann (1975), Nonparametrics, chapter 1, section 4: rank by rank, taken or not; with the chance of
    each in place of the number of ways, which would grow beyond any float.
    """
    chances = np.zeros((n + 1, sum(ranks[len(ranks) - n :]) + 1))
    if ranks[-1] <= 1:  # Fisher's: the hypergeometric distribution
        right, total = np.arange(chances.shape[1]), sum(ranks)
        logs = _log_choose(total, right) + _log_choose(len(ranks) - total, n - right) - _log_choose(len(ranks), n)
        chances[n] = np.exp(logs)
    else:
        chances[0, 0] = 1
        still = np.arange(n, -1, -1)[:, np.newaxis]
        for number, rank in enumerate(ranks):
            used = chances * (still / (len(ranks) - number))
            chances -= used
            chances[1:, rank:] += used[:-1, : used.shape[1] - rank]
    table: FloatArray = np.minimum(1.0, np.cumsum(chances[n]))
    table.flags.writeable = False
    return table


def _log_choose(n: int, k: IntArray | int) -> FloatArray:
    logs: FloatArray = special.gammaln(n + 1) - special.gammaln(np.add(k, 1)) - special.gammaln(n - np.asarray(k) + 1)
    return logs
