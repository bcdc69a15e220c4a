"""Finds the lost cases: those that are shown, each by its own samples, to be worse than in the baseline."""

from __future__ import annotations

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

    Each case has an exact test of its own on its samples: Fisher's for scores of 0 and 1, else the rank sum test with
    its distribution given the ties, which is Fisher's again where there are only two scores. Benjamini and Hochberg's
    procedure runs over those cases that could have been found at all: a case whose samples all agree in both versions
    has no p-value below 1 and costs the others nothing. Which cases these are depends on what is held fixed in the
    tests, so that the p-values of the others stay valid.

    Parameters
    ----------
    candidate, baseline : (n_cases, samples), the same cases in the same order; the number of samples may differ; NaN
        for missing
    level : in (0, 1)
    clusters : (n_cases,) labels; cases that share one may share their answers. A cluster then stands for one finding:
        its p-value is the smallest of its cases times their number, which holds however they depend on each other, and
        the share of wrong findings is that of clusters.

    Raises
    ------
    ValueError
        Wrong or different numbers of cases, an infinite score, a level outside (0, 1).

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
    index = np.arange(len(first)) if (groups := group_indices(clusters, len(first))) is None else groups
    found, n_tested = _found(p_values, least, index, level)
    return LostCases(found[np.argsort(p_values[found], kind="stable")], p_values, n_tested)


def _found(
    p_values: FloatArray, least: FloatArray, index: npt.NDArray[np.intp], level: float
) -> tuple[npt.NDArray[np.intp], int]:
    """The cases of the units that are found, and how many units could have been.

    Args:
        p_values, least: of the cases, as `_case_tests` gives them.
        index: the unit of each case: itself, or its cluster.
    """
    kept = ~np.isnan(p_values)
    times = np.bincount(index[kept], minlength=int(index.max()) + 1).astype(np.float64)[index]
    corrected = np.where(kept, np.minimum(1.0, p_values * times), 1.0)
    units, possible = np.ones((2, int(index.max()) + 1))
    np.minimum.at(units, index, corrected)
    np.minimum.at(possible, index, least * times)
    findable = possible <= level
    limit = _benjamini_hochberg_limit(units[findable], level)
    return np.flatnonzero(findable[index] & (corrected <= limit)), int(findable.sum())


def _case_tests(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The p-value of each case, NaN where a version has no score of it, and the least that it could have had."""
    draws = np.stack([(~np.isnan(first)).sum(axis=1), (~np.isnan(second)).sum(axis=1)])
    kept = draws.min(axis=0) > 0
    tested = _fisher if is_binary(first) and is_binary(second) else _rank_sum
    p_values, least = np.full(len(first), np.nan), np.ones(len(first))
    p_values[kept], least[kept] = tested(first[kept], second[kept], draws[:, kept])
    return p_values, least


def _benjamini_hochberg_limit(p_values: FloatArray, level: float) -> float:
    """The largest p-value that is rejected; below 0 where none is."""
    ordered = np.sort(p_values)
    passing = np.flatnonzero(ordered <= level * np.arange(1, len(ordered) + 1) / len(ordered))
    return float(ordered[passing[-1]]) if len(passing) else -1.0


def _fisher(first: FloatArray, second: FloatArray, draws: IntArray) -> tuple[FloatArray, FloatArray]:
    """P-values, and the smallest that there could have been with as many right answers in all."""
    right, others = np.nansum(first, axis=1).astype(np.int64), np.nansum(second, axis=1).astype(np.int64)
    p_values, least = np.empty((2, len(first)))
    sizes = draws[0] * (int(draws[1].max(initial=0)) + 1) + draws[1]
    for size in np.unique(sizes):
        alike = sizes == size
        table = _fisher_table(*(int(count) for count in draws[:, int(alike.argmax())]))
        total = right[alike] + others[alike]
        p_values[alike] = table[right[alike], total]
        least[alike] = table[np.maximum(0, total - draws[1][alike]), total]
    return p_values, least


@lru_cache(maxsize=_KEPT_TABLES)
def _fisher_table(n: int, n_others: int) -> FloatArray:
    """Chance of so few right answers among n, or fewer, given those of both versions: (n + 1, n + n_others + 1)."""
    right, total = np.arange(n + 1)[:, np.newaxis], np.arange(n + n_others + 1)
    possible = (right <= total) & (total - right <= n_others)
    rest = np.where(possible, total - right, 0)
    logs = _log_choose(n, right) + _log_choose(n_others, rest) - _log_choose(n + n_others, total)
    table: FloatArray = np.minimum(1.0, np.cumsum(np.where(possible, np.exp(logs), 0.0), axis=0))
    table.flags.writeable = False
    return table


def _log_choose(n: int, k: IntArray) -> FloatArray:
    logs: FloatArray = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return logs


def _rank_sum(first: FloatArray, second: FloatArray, draws: IntArray) -> tuple[FloatArray, FloatArray]:
    """P-values and the smallest possible ones, given the ties; cases with the same ties are looked up together."""
    both = np.concatenate([first, second], axis=1)
    order = np.argsort(both, axis=1, kind="stable")
    ordered = np.take_along_axis(both, order, axis=1)
    place = np.arange(both.shape[1])
    begins = np.ones(both.shape, dtype=np.bool_)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    starts = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    ends = np.where(begins[:, 1:], place[:-1], both.shape[1])
    last = np.concatenate([ends, np.full((len(both), 1), place[-1])], axis=1)
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    doubled = starts + last + 2
    mine = order < first.shape[1]
    counted = place < draws.sum(axis=0)[:, np.newaxis]
    sums = np.where(mine & counted, doubled, 0).sum(axis=1)
    keys = np.concatenate([draws.T, np.where(counted, doubled, 0)], axis=1)
    alike: dict[bytes, list[int]] = {}
    for case, key in enumerate(keys):
        alike.setdefault(key.tobytes(), []).append(case)
    p_values, least = np.empty((2, len(both)))
    for cases in alike.values():
        n, n_others, *ranks = keys[cases[0]].tolist()
        table = _rank_table(n, tuple(ranks[: n + n_others]))
        p_values[cases] = table[sums[cases]]
        least[cases] = table[int(np.sum(ranks[:n]))]
    return p_values, least


@lru_cache(maxsize=_KEPT_TABLES)
def _rank_table(n: int, doubled_ranks: tuple[int, ...]) -> FloatArray:
    """Chance of a sum of so much or less for n of the ranks (twice the mean rank each), every choice as likely.

    Counted as in E. L. Lehmann (1975), Nonparametrics, chapter 1, section 4: rank by rank, taken or not.
    """
    ways = np.zeros((n + 1, sum(doubled_ranks[len(doubled_ranks) - n :]) + 1))
    ways[0, 0] = 1
    for rank in doubled_ranks:
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank].copy()
    table: FloatArray = np.minimum(1.0, np.cumsum(ways[n]) / ways[n].sum())
    table.flags.writeable = False
    return table
