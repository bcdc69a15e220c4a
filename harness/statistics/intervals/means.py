"""One bound of a fixed number of cases: means, their distance from a threshold, their differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.statistics.arrays import (
    FloatArray,
    IntArray,
    as_finite,
    as_scores,
    case_means,
    check_confidence,
    group_indices,
    is_bounded,
)
from harness.statistics.intervals.contrasts import Contrast, MeanContrast, Rest
from harness.statistics.spread import spread

Clusters = Sequence[Any] | npt.NDArray[Any] | None
#: A difference of less than this share of the figures is rounding.
_ROUNDING = 1e-12
#: The largest standard deviation of a number, as a share of its range.
_LARGEST_DEVIATION = 0.5


@dataclass(frozen=True, slots=True)
class MeanEstimate:
    """A mean, or a difference of means, with its two-sided interval; the p-value is that of its being 0."""

    value: float
    standard_error: float
    low: float
    high: float
    p_value: float
    method: str


def clustered_mean(scores: npt.ArrayLike, clusters: Clusters = None, confidence_level: float = 0.95) -> MeanEstimate:
    """The mean over cases, each weighing the same, with an interval that counts cases and not samples.

    Parameters
    ----------
    scores : (n_cases, n_samples) or (n_cases,), in [0, 1], NaN for missing samples; cases without any are left out
    clusters : (n_cases,) labels; cases that share one are dependent
    confidence_level : in (0, 1), two-sided

    Raises
    ------
    ValueError
        Wrong shapes, no score, a level outside (0, 1), scores outside [0, 1].

    References
    ----------
    E. Miller (2024), Adding error bars to evals, arXiv:2411.00640, equations 1 and 4, for cases as the unit.

    Examples
    --------
    >>> estimate = clustered_mean([[1, 1], [1, 0], [1, 1], [0, 0]])
    >>> round(estimate.value, 3), round(estimate.low, 3), round(estimate.high, 3)
    (0.625, 0.0, 1.0)
    """
    contrast = threshold_contrast(scores, 0.0, clusters)
    return _two_sided(contrast, contrast, confidence_level)


def threshold_contrast(scores: npt.ArrayLike, threshold: float, clusters: Clusters = None) -> Contrast:
    """The mean over cases less a threshold, with one-sided bounds.

    Parameters
    ----------
    scores, clusters : as for `clustered_mean`, errors too
    threshold : the score demanded

    Examples
    --------
    >>> contrast = threshold_contrast([[1, 1], [1, 0], [1, 1], [0, 0]], 0.5)
    >>> contrast.value, round(contrast.lower(0.95), 3), round(contrast.upper(0.95), 3)
    (0.125, -0.47, 0.5)
    """
    threshold, array = as_finite(threshold, "threshold"), as_scores(scores)
    means, groups = _kept(case_means(array), clusters, "scores holds no number: every sample is missing (NaN).")
    _check_bounded("scores", array)
    ends = (0.0 - threshold, 1.0 - threshold)
    return _contrast(means - threshold, groups, "t on case means", ends, whole=_is_whole(means, groups))


def paired_difference(
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    clusters: Clusters = None,
    confidence_level: float = 0.95,
    *,
    bounded: bool | None = None,
) -> MeanEstimate:
    """The difference of `paired_contrast`, whose arguments it takes, with its two-sided interval.

    >>> result = paired_difference([0.9, 0.8, 0.7, 0.9], [0.8, 0.8, 0.9, 0.5])
    >>> round(result.value, 3), round(result.low, 3), round(result.high, 3)
    (0.075, -0.497, 0.576)
    """
    contrast = paired_contrast(candidate, baseline, clusters, bounded=bounded)
    mirrored = paired_contrast(baseline, candidate, clusters, bounded=bounded)
    return _two_sided(contrast, mirrored, confidence_level)


def paired_contrast(
    candidate: npt.ArrayLike, baseline: npt.ArrayLike, clusters: Clusters = None, *, bounded: bool | None = None
) -> Contrast:
    """The paired difference with bounds at any level.

    Parameters
    ----------
    candidate, baseline : (n_cases, samples) or (n_cases,), the same cases in the same order; the number of samples
        may differ; NaN for missing. Cases that lack either version are left out.
    clusters : (n_cases,) labels; cases that share one are dependent
    bounded : whether scores are confined to [0, 1]; by default whether all of them are. Others have t's bounds alone.

    Raises
    ------
    ValueError
        Wrong or different numbers of cases, no common case, an infinite score, scores outside [0, 1] with bounded=True.

    References
    ----------
    E. Miller (2024), Adding error bars to evals, arXiv:2411.00640, for pairs as the unit.

    Examples
    --------
    >>> contrast = paired_contrast([0.9, 0.8, 0.7, 0.9], [0.8, 0.8, 0.9, 0.5])
    >>> round(contrast.lower(0.95), 3), round(contrast.upper(0.95), 3), round(contrast.p_less, 3)
    (-0.396, 0.485, 1.0)
    """
    first, second = as_scores(candidate, "candidate"), as_scores(baseline, "baseline")
    if len(first) != len(second):
        raise ValueError(f"candidate has {len(first)} cases, baseline {len(second)}; pair them case by case.")
    means, others = case_means(first), case_means(second)
    differences, groups = _kept(means - others, clusters, "No case has a score of both versions.")
    ends = _ends(bounded, first, second)
    rounding = _ROUNDING * max(float(np.nanmax(np.abs(means))), float(np.nanmax(np.abs(others))))
    differences = np.where(np.abs(differences) <= rounding, 0.0, differences)
    whole = _is_whole(differences, groups)
    return _contrast(differences, groups, "paired t on case means", ends, whole=whole)


def independent_contrast(candidate: npt.ArrayLike, baseline: npt.ArrayLike, *, bounded: bool | None = None) -> Contrast:
    """The difference of two independent sets of samples with bounds at any level.

    Parameters
    ----------
    candidate, baseline : flat sequences of scores, NaN for missing
    bounded : as for `paired_contrast`, errors too

    References
    ----------
    B. L. Welch (1947), The generalization of Student's problem when several different population variances are
    involved, Biometrika 34:28-35; G. Y. Zou, A. Donner (2008), Construction of confidence limits about effect measures:
    a general approach, Statistics in Medicine 27:1693-1702, for what the variances do not tell.

    Examples
    --------
    >>> contrast = independent_contrast([1, 1, 1, 1, 1], [0, 0, 1, 0, 0])
    >>> round(contrast.lower(0.95), 3), round(contrast.upper(0.95), 3)
    (0.019, 1.0)
    """
    first, second = as_scores(candidate, "candidate").ravel(), as_scores(baseline, "baseline").ravel()
    ends = _ends(bounded, first, second)
    nothing = "A version has no sample."
    scores = [_kept(each, None, nothing)[0] for each in (first, second)]
    sides = [spread(each, None) for each in scores]
    value, known = sides[0].value - sides[1].value, [each for each in sides if each.degrees > 0]
    variance = sum(each.variance for each in known)
    if variance == 0 and not math.isfinite(ends[1]):
        return _unknown(value)
    degrees = variance**2 / sum(each.variance**2 / each.degrees for each in known) if variance > 0 else 0.0
    method = f"Welch's t of {len(scores[0])} and {len(scores[1])} samples, {degrees:.1f} df"
    rests: tuple[Rest, ...] = ()
    if math.isfinite(ends[1]):
        rests = tuple(Rest(each, 0.0, 1.0, _is_whole(of)) for each, of in zip(sides, scores, strict=True))
        variance += _LARGEST_DEVIATION**2 * (len(sides) - len(known))
    return MeanContrast(value, *ends, math.sqrt(variance), degrees, rests, method)


def as_column(samples: FloatArray) -> FloatArray:
    """The samples of a single case as units of their own: shape (1, n) becomes (n, 1)."""
    return samples.reshape(-1, 1)


def _contrast(
    values: FloatArray, groups: IntArray | None, method: str, ends: tuple[float, float], *, whole: bool
) -> Contrast:
    """The mean of one number for each case, between two ends or none."""
    mean, is_bound = spread(values, groups), math.isfinite(ends[1])
    if not is_bound and (mean.degrees < 1 or mean.variance == 0):
        return _unknown(mean.value)
    error = mean.standard_error if mean.degrees else _LARGEST_DEVIATION * (ends[1] - ends[0])
    rests = (Rest(mean, *ends, whole),) if is_bound else ()
    return MeanContrast(mean.value, *ends, error, mean.degrees, rests, f"{method}, {mean.degrees} df")


def _is_whole(values: FloatArray, groups: IntArray | None = None) -> bool:
    """True if each case counts whole or not at all, by itself."""
    return groups is None and bool(((values == 0) | (np.abs(values) == 1)).all())


def _unknown(value: float) -> MeanContrast:
    """A difference without any measure of its spread: all numbers equal on an unbounded scale, or a single one."""
    return MeanContrast(value, -math.inf, math.inf, math.inf, 1, (), "no spread to judge by")


def _two_sided(contrast: Contrast, mirrored: Contrast, confidence_level: float) -> MeanEstimate:
    """A contrast at one level; `mirrored` is that of the baseline less the candidate."""
    level = 0.5 + check_confidence(confidence_level) / 2
    p_value = min(1.0, 2 * min(contrast.p_less, mirrored.p_less))
    ends = contrast.lower(level), contrast.upper(level)
    return MeanEstimate(contrast.value, contrast.standard_error, *ends, p_value, contrast.method)


def _kept(values: FloatArray, clusters: Clusters, nothing: str) -> tuple[FloatArray, IntArray | None]:
    """The numbers that are there, with the clusters of their cases."""
    groups, kept = group_indices(clusters, len(values)), ~np.isnan(values)
    if not kept.any():
        raise ValueError(nothing)
    return values[kept], None if groups is None else group_indices(groups[kept], int(kept.sum()))


def _ends(bounded: bool | None, *scores: FloatArray) -> tuple[float, float]:
    """Return how small and how large a difference of scores can be."""
    if bounded:
        for each in scores:
            _check_bounded("scores", each)
    inside = all(map(is_bounded, scores)) if bounded is None else bounded
    return (-1.0, 1.0) if inside else (-math.inf, math.inf)


def _check_bounded(name: str, scores: FloatArray) -> None:
    if not is_bounded(scores):
        raise ValueError(f"{name} lie between {np.nanmin(scores)} and {np.nanmax(scores)}, outside [0, 1].")
