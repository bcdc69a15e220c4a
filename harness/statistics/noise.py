"""The noise of a sum over fixed cases: its variance from the samples within cases, and what no sample shows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from harness.statistics.arrays import BoolArray, FloatArray, IntArray

_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class SampleNoise:
    """One version's samples around their case's mean.

    Attributes
    ----------
    parts : (n_cases, samples) by how much each sample moves the sum over cases, signed as it moves the contrast; 0
        where missing.
    draws : (n_cases,) number of samples.
    """

    parts: FloatArray
    draws: FloatArray


def centred(scores: FloatArray, means: FloatArray, sign: float) -> SampleNoise:
    """Samples less their case's mean, (n_cases,); `sign` is -1 for a version that is subtracted."""
    present = ~np.isnan(scores)
    draws = present.sum(axis=1).astype(np.float64)
    residuals = np.where(present, scores - means[:, np.newaxis], 0.0)
    return SampleNoise(residuals * (sign / draws)[:, np.newaxis], draws)


@dataclass(frozen=True, slots=True)
class Noise:
    """The variance of a sum over cases.

    Attributes
    ----------
    falls, rises : the part from what lowers the sum rarely, and from what raises it rarely: together with the variance
        they tell the third moment.
    unknown : the part that may be either, for a third moment takes three samples.
    fourth : sum of the squared parts over their degrees of freedom.
    events : sum of the parts, each times what a single sample of 0 for 1 moves the sum by.
    """

    falls: float = 0.0
    rises: float = 0.0
    unknown: float = 0.0
    fourth: float = 0.0
    events: float = 0.0

    def __add__(self, other: Noise) -> Noise:
        return Noise(
            self.falls + other.falls,
            self.rises + other.rises,
            self.unknown + other.unknown,
            self.fourth + other.fourth,
            self.events + other.events,
        )


def fewest_draws(draws: FloatArray, groups: IntArray | None, count: int) -> FloatArray:
    """The number of samples of each unit: of the case of a cluster that has the fewest."""
    if groups is None:
        return draws
    fewest = np.full(count, np.inf)
    np.minimum.at(fewest, groups, draws)
    return fewest


def summed(parts: FloatArray, index: IntArray, count: int) -> FloatArray:
    """Parts added over the cases of each cluster, sample by sample."""
    sums = np.zeros((count, parts.shape[1]))
    np.add.at(sums, index, parts)
    return sums


def noise_within(parts: FloatArray, draws: FloatArray, sizes: FloatArray) -> Noise:
    """Unbiased variances of the units' means, from their samples: s² / K each."""
    squares = parts * parts * (draws / (draws - 1))[:, np.newaxis]
    variances = squares.sum(axis=1)
    falls = np.where(parts < 0, squares, 0.0).sum(axis=1)
    several = draws > 2
    unknown = float(variances[~several].sum())
    # The third moment of a sample is smaller than what it is drawn from by (K - 1) (K - 2) / K², the variance by
    # (K - 1) / K, which is made up for above.
    skew = ((2 * falls - variances)[several] * draws[several] / (draws[several] - 2)).sum()
    known = float(variances.sum()) - unknown
    fall = min(max((known + float(skew)) / 2, 0.0), known)
    return Noise(
        falls=fall,
        rises=known - fall,
        unknown=unknown,
        fourth=float((variances**2 / (draws - 1)).sum()),
        events=float((variances * sizes / draws).sum()),
    )


def noise_between(differences: FloatArray, index: IntArray, single: BoolArray, sizes: FloatArray) -> Noise:
    """For units of which a version has one sample: the spread between them, which includes their noise."""
    chosen, count, largest = single[index], int(single.sum()), float(sizes[single].max())
    if count == 1:
        # Nothing tells its noise: let both versions together have as much as scores of 0 or 1 can.
        most = largest**2 / 2
        return Noise(unknown=most, events=most * largest)
    residuals = np.where(chosen, differences - differences[chosen].mean(), 0.0)
    sums = np.bincount(index, weights=residuals)[single]
    squares = sums * sums * count / (count - 1)
    total = float(squares.sum())
    degrees, events = count - 1, total * largest
    if count == 2:
        return Noise(unknown=total, fourth=total**2 / degrees, events=events)
    skew = (2 * float(squares[sums < 0].sum()) - total) * count / (count - 2)
    falls = min(max((total + skew) / 2, 0.0), total)
    return Noise(falls, total - falls, fourth=total**2 / degrees, events=events)


@dataclass(frozen=True, slots=True)
class Draws:
    """Units that draw independently, alike ones together: weight in the mean, draws, how many there are.

    Against a baseline a case is two units, for both versions can have what their samples don't show.
    """

    weights: FloatArray
    draws: FloatArray
    counts: FloatArray

    @classmethod
    def of(cls, weights: FloatArray, draws: FloatArray) -> Draws:
        """Units with these weights and numbers of draws, (n_units,) each."""
        if np.ptp(weights) == 0 and np.ptp(draws) == 0:
            return cls(weights[:1], draws[:1], np.array([float(len(weights))]))
        pairs, counts = np.unique(np.stack([weights, draws]), axis=1, return_counts=True)
        return cls(pairs[0], pairs[1], counts.astype(np.float64))

    def unseen(self, tail: float) -> float:
        """The largest loss of the mean that none of the draws shows with a chance of `tail`.

        The chance is prod((1 - a)^draws) for units that lose `a` each; for a given loss of the mean it is largest where
        a = 1 - draws / (price * weight), the same price for all (0 where that is negative). With equal weights and
        draws, n in all, the mean loss is 1 - tail^(1/n), as the inequality of the arithmetic and geometric mean has it.
        """
        wanted = -math.log(tail)
        if len(self.counts) == 1:
            lost = -math.expm1(-wanted / float(self.counts[0] * self.draws[0]))
            return float(self.weights[0] * self.counts[0]) * lost
        ratios = np.log(self.draws / self.weights)
        low, high = float(ratios.min()), float(ratios.min()) + wanted
        for _ in range(_HALVINGS):
            price = (low + high) / 2
            spent = float((self.counts * self.draws * np.maximum(0.0, price - ratios)).sum())
            low, high = (price, high) if spent < wanted else (low, price)
        return float((self.counts * self.weights * -np.expm1(-np.maximum(0.0, high - ratios))).sum())


def recovered_half(more: float, fewer: float, tail: float) -> float:
    """By how much a difference of two counts of rare events can exceed what was seen, with a chance of `tail`.

    Poisson's exact bounds (F. Garwood 1936, Biometrika 28:437-442) of the events that would have to be more often than
    seen and of those that would have to be fewer, put together as in G. Y. Zou, A. Donner (2008), Construction of
    confidence limits about effect measures: a general approach, Statistics in Medicine 27:1693-1702.

    Parameters
    ----------
    more, fewer : events seen; fractions stand for a variance of that many
    tail : in (0, 0.5]
    """
    above = float(special.gammaincinv(more + 1, 1 - tail)) - more
    below = fewer - float(special.gammaincinv(fewer, tail)) if fewer > 0 else 0.0
    return math.hypot(max(0.0, above), max(0.0, below))
