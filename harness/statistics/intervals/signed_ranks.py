"""The centre of paired differences that are as often above it as below: by signed ranks, whatever their law."""

from __future__ import annotations

import bisect
import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.statistics.arrays import FloatArray, as_scores

#: Up to so many pairs the chance of every rank sum is counted; beyond, it is normal to the third digit.
_EXACT_PAIRS = 60


@dataclass(frozen=True, slots=True)
class SignedRankContrast:
    """The centre of symmetry of paired differences, with exact bounds.

    Whatever the law of the differences, heavy tails and outliers included, bounds hold as often as they say where each
    difference is as likely to lie above the centre as below it by as much: where two blocks that differ by nothing but
    their versions' means were measured in a random order.

    Attributes
    ----------
    averages : (n * (n + 1) / 2,) the mean of each pair of differences, and of each with itself (Walsh averages), sorted
    pairs : how many differences there are

    References
    ----------
    F. Wilcoxon (1945), Individual comparisons by ranking methods, Biometrics Bulletin 1:80-83; J. L. Hodges,
    E. L. Lehmann (1963), Estimates of location based on rank tests, Annals of Mathematical Statistics 34:598-611; for
    the bounds J. W. Tukey (1949), as M. Hollander, D. A. Wolfe, Nonparametric Statistical Methods, section 3.3.
    """

    averages: FloatArray
    pairs: int

    @property
    def value(self) -> float:
        """The median of the averages: Hodges and Lehmann's estimate."""
        return float(np.median(self.averages))

    @property
    def standard_error(self) -> float:
        """Half of the interval that would be one standard error to both sides of a normal estimate."""
        level = float(special.ndtr(1.0))
        low, high = self.lower(level), self.upper(level)
        return (high - low) / 2 if math.isfinite(high - low) else math.inf

    @property
    def method(self) -> str:
        """The method that the bounds come from."""
        return f"signed ranks of {self.pairs} pairs"

    @property
    def p_less(self) -> float:
        """One-sided p-value for a true centre of 0 or more."""
        return min(1.0, rank_sum_tail(int((self.averages >= 0).sum()), self.pairs))

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound; minus infinity where so few pairs have none."""
        place = self._outside(1 - confidence_level)
        return -math.inf if place is None else float(self.averages[place])

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound; infinity where so few pairs have none."""
        place = self._outside(1 - confidence_level)
        return math.inf if place is None else float(self.averages[len(self.averages) - 1 - place])

    def _outside(self, tail: float) -> int | None:
        """Count the averages that may lie beyond a bound; None where the pairs are too few for a bound."""
        return most_rank_sum(self.pairs, tail)


def signed_rank_contrast(differences: npt.ArrayLike) -> SignedRankContrast:
    """The centre of paired differences whose law is symmetric, with exact bounds at any level.

    Parameters
    ----------
    differences : (n_pairs,), turned so that less than 0 is worse; NaN is left out

    Returns
    -------
    SignedRankContrast
        Infinite bounds where so few pairs allow none: 4 at a level of 0.95.

    Raises
    ------
    ValueError
        No difference, more than one dimension, or an infinite one.

    References
    ----------
    F. Wilcoxon (1945), Individual comparisons by ranking methods, Biometrics Bulletin 1:80-83, and the others that
    `SignedRankContrast` names.

    Examples
    --------
    >>> contrast = signed_rank_contrast([0.3, 0.5, -0.1, 0.4, 0.9, 0.6])
    >>> round(contrast.value, 3), round(contrast.lower(0.95), 3), round(contrast.p_less, 3)
    (0.45, 0.15, 0.984)
    """
    array = as_scores(differences, "differences")
    if array.shape[1] != 1:
        raise ValueError(f"differences has {array.shape[1]} columns; give one difference for each pair.")
    array = array[~np.isnan(array[:, 0]), 0]
    if not len(array):
        raise ValueError("differences holds NaN alone; give one or more.")
    first, second = np.triu_indices(len(array))
    return SignedRankContrast(np.sort((array[first] + array[second]) / 2), len(array))


def most_rank_sum(pairs: int, tail: float) -> int | None:
    """The largest sum of ranks that is as rare as this tail; None where not even 0 is.

    >>> most_rank_sum(5, 0.05), most_rank_sum(8, 0.05), most_rank_sum(5, 0.02)
    (0, 5, None)
    """
    sums = range(pairs * (pairs + 1) // 4 + 1)
    place = bisect.bisect_left(sums, tail, key=lambda total: rank_sum_tail(total, pairs)) - 1
    return None if place < 0 else place


def fewest_pairs(level: float) -> int:
    """The fewest pairs that have a bound at a level: all of fewer point one way by chance as often as that.

    >>> fewest_pairs(0.05), fewest_pairs(0.02), fewest_pairs(0.0011)
    (5, 6, 10)
    """
    if not 0 < level < 1:
        raise ValueError(f"level = {level!r} is not in (0, 1).")
    pairs = max(1, math.floor(-math.log2(level)))
    return pairs if 0.5**pairs < level else pairs + 1


def rank_sum_tail(most: int, pairs: int) -> float:
    """The chance that the ranks of the positive differences add up to this or less, the centre of all being 0.

    >>> rank_sum_tail(0, 5), round(rank_sum_tail(5, 8), 4)
    (0.03125, 0.0391)
    """
    if pairs <= _EXACT_PAIRS:
        tails = _tails(pairs)
        return float(tails[min(most, len(tails) - 1)])
    mean, variance = pairs * (pairs + 1) / 4, pairs * (pairs + 1) * (2 * pairs + 1) / 24
    return float(special.ndtr((most + 0.5 - mean) / math.sqrt(variance)))


@functools.lru_cache(maxsize=64)
def _tails(pairs: int) -> FloatArray:
    """The chance of each rank sum or less: every rank is in it or not, with a chance of one half."""
    chances = np.ones(1)
    for rank in range(1, pairs + 1):
        grown = np.zeros(len(chances) + rank)
        grown[: len(chances)] += chances / 2
        grown[rank:] += chances / 2
        chances = grown
    tails: FloatArray = np.cumsum(chances)
    return tails
