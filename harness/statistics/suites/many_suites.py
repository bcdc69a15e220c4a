"""Contrasts about the cases of many suites of one size at once, for simulations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from harness.statistics.arrays import FloatArray
from harness.statistics.noise import Draws


@dataclass(frozen=True, slots=True)
class SuiteContrasts:
    """The contrasts of many suites at once, each as `SuiteContrast` is for one.

    Attributes are (n_suites,); `units`, `binary`, `least` and `most` are the same for all of them.
    """

    values: FloatArray
    falls: FloatArray
    rises: FloatArray
    unknown: FloatArray
    degrees: FloatArray
    units: Draws
    binary: bool
    least: float
    most: float

    def lower(self, confidence_level: float) -> FloatArray:
        """The one-sided lower bounds, (n_suites,)."""
        half = self._halves(1 - confidence_level, self.falls + self.unknown, self.rises)
        return np.maximum(self.least, self.values - half)

    def upper(self, confidence_level: float) -> FloatArray:
        """The one-sided upper bounds, (n_suites,)."""
        half = self._halves(1 - confidence_level, self.rises + self.unknown, self.falls)
        return np.minimum(self.most, self.values + half)

    def _halves(self, tail: float, more: FloatArray, fewer: FloatArray) -> FloatArray:
        size = self.units.unseen(tail) / -math.log(tail)
        often, seldom = more / size**2, fewer / size**2
        above = special.gammaincinv(often + 1, 1 - tail) - often
        below = seldom - special.gammaincinv(np.where(seldom > 0, seldom, 1.0), tail)
        recovered = size * np.hypot(np.maximum(0.0, above), np.where(seldom > 0, np.maximum(0.0, below), 0.0))
        degrees = 2 * (often + seldom) if self.binary else self.degrees
        noisy = more + fewer > 0
        inside = np.where(noisy & np.isfinite(degrees), degrees, 1.0)
        student = np.where(np.isfinite(degrees), special.stdtrit(inside, 1 - tail), -special.ndtri(tail))
        halves: FloatArray = np.where(noisy, np.maximum(recovered, student * np.sqrt(more + fewer)), recovered)
        return halves


def suite_contrasts(candidate: FloatArray, baseline: FloatArray | None, threshold: float = 0.0) -> SuiteContrasts:
    """`suite_contrast` of each suite, or `suite_threshold_contrast` where there is no baseline.

    Parameters
    ----------
    candidate, baseline : (n_suites, n_cases, samples), in [0, 1], nothing missing, two cases or more
    threshold : where there is no baseline

    Examples
    --------
    >>> ones = np.ones((2, 40, 3))
    >>> suite_contrasts(ones, ones).lower(0.95).round(4).tolist()
    [-0.0248, -0.0248]
    """
    _, n, samples = candidate.shape
    versions = [(candidate, 1.0)] if baseline is None else [(candidate, 1.0), (baseline, -1.0)]
    differences = sum((sign * scores.mean(axis=2) for scores, sign in versions), start=np.zeros(candidate.shape[:2]))
    parts = [_between(differences)] if samples == 1 else [_within(scores, sign / samples) for scores, sign in versions]
    falls, rises, unknown, fourth = (sum(each) for each in zip(*parts, strict=True))
    total = falls + rises + unknown
    ends = (-1.0, 1.0) if baseline is not None else (-threshold, 1 - threshold)
    values = differences.mean(axis=1) - (threshold if baseline is None else 0.0)
    return SuiteContrasts(
        values=values,
        falls=falls / n**2,
        rises=rises / n**2,
        unknown=unknown / n**2,
        degrees=np.where(fourth > 0, total**2 / np.where(fourth > 0, fourth, 1.0), math.inf),
        units=Draws(np.array([1 / n]), np.array([float(samples)]), np.array([float(n * len(versions))])),
        binary=all(bool(((scores == 0) | (scores == 1)).all()) for scores, _ in versions),
        least=ends[0],
        most=ends[1],
    )


def _within(scores: FloatArray, share: float) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """As `noise_within` has it, for cases that draw alike: falls, rises, unknown, and the fourth."""
    draws = scores.shape[2]
    parts = (scores - scores.mean(axis=2, keepdims=True)) * share
    squares = parts * parts * (draws / (draws - 1))
    variances = squares.sum(axis=2)
    total, fourth = variances.sum(axis=1), (variances**2).sum(axis=1) / (draws - 1)
    if draws == 2:
        return np.zeros(len(total)), np.zeros(len(total)), total, fourth
    below = np.where(parts < 0, squares, 0.0).sum(axis=(1, 2))
    return _split(total, below, fourth, draws)


def _between(differences: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """As `noise_between` has it, where every case has one sample."""
    count = differences.shape[1]
    residuals = differences - differences.mean(axis=1, keepdims=True)
    squares = residuals * residuals * (count / (count - 1))
    total = squares.sum(axis=1)
    fourth = total**2 / (count - 1)
    if count == 2:
        return np.zeros(len(total)), np.zeros(len(total)), total, fourth
    return _split(total, np.where(residuals < 0, squares, 0.0).sum(axis=1), fourth, count)


def _split(
    total: FloatArray, below: FloatArray, fourth: FloatArray, count: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """A variance split into falls and rises by what of it lies below the mean of so many values, 3 or more."""
    skew = (2 * below - total) * (count / (count - 2))
    falls = np.clip((total + skew) / 2, 0.0, total)
    return falls, total - falls, np.zeros(len(total)), fourth
