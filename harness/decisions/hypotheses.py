"""The comparisons that an evaluation asks for, each as a contrast in which less than 0 is worse."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.decisions.betting import baseline_row, betting_contrast, score_units, threshold_row
from harness.decisions.observed import Observed, has_score, oriented
from harness.records import Difference, Estimate
from harness.statistics.arrays import FloatArray
from harness.statistics.contrasts import ConstantContrast, Contrast, ScaledContrast, UnknownContrast
from harness.statistics.differences import paired_contrast
from harness.statistics.independent import independent_contrast
from harness.statistics.means import as_column, clustered_mean, threshold_contrast
from harness.statistics.quantile_differences import quantile_difference
from harness.statistics.quantiles import QuantileContrast, quantile_contrast, quantile_estimate
from harness.statistics.sequential import anytime_interval


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One comparison of an evaluation. `contrast` is None where no case has the scores that it needs."""

    observed: Observed
    against: Literal["threshold", "baseline"]
    contrast: Contrast | None
    n_cases: int


def hypotheses(observed: Observed, levels: tuple[float, float]) -> tuple[Hypothesis, ...]:
    """The comparisons with threshold and baseline, as far as the evaluation has them.

    Args:
        levels: of a sequential design: at which it passes, and at which evidence for worse is settled.
    """
    found = []
    if observed.threshold is not None:
        found.append(_against_threshold(observed, observed.threshold, levels))
    if observed.baseline is not None:
        found.append(_against_baseline(observed, observed.baseline, levels))
    return tuple(found)


def _against_threshold(observed: Observed, threshold: float, levels: tuple[float, float]) -> Hypothesis:
    n_cases = int(observed.scored.sum())
    if n_cases == 0:
        return Hypothesis(observed, "threshold", None, 0)
    by_samples = observed.by_samples
    clusters = None if by_samples else observed.clusters
    if observed.quantile is not None:
        values = as_column(observed.candidate) if by_samples else observed.candidate
        higher = observed.higher_is_better
        quantile = quantile_contrast(values, observed.quantile, threshold, clusters, higher_is_better=higher)
        return Hypothesis(observed, "threshold", _within_range(observed, quantile, threshold), n_cases)
    inner = observed.as_scores()
    assert inner.threshold is not None
    level = float(oriented(inner, np.array([inner.threshold]))[0])
    if observed.is_sequential:
        bets = betting_contrast(threshold_row(inner), inner, level, levels, width=observed.width)
        return Hypothesis(observed, "threshold", bets, n_cases)
    scores = oriented(inner, inner.candidate)
    scores = as_column(scores) if by_samples else scores
    contrast = threshold_contrast(scores, level, clusters, bounded=inner.bounded)
    return Hypothesis(observed, "threshold", _in_unit(observed, contrast), n_cases)


def _against_baseline(observed: Observed, baseline: FloatArray, levels: tuple[float, float]) -> Hypothesis:
    common = observed.scored & has_score(baseline)
    n_cases = int(common.sum())
    if n_cases == 0:
        return Hypothesis(observed, "baseline", None, 0)
    inner = observed.as_scores()
    if observed.is_sequential:
        bets = betting_contrast(baseline_row(inner), inner, None, levels, width=observed.width)
        return Hypothesis(observed, "baseline", bets, n_cases)
    is_single = observed.per == "case" or n_cases == 1
    clusters = None
    if observed.clusters is not None and not is_single:
        clusters = [cluster for cluster, kept in zip(observed.clusters, common, strict=True) if kept]
    if observed.quantile is not None:
        one, other = observed.candidate[common], baseline[common]
        if is_single:  # any pairs of independent samples will do
            both = min(one.shape[1], other.shape[1])
            one, other = as_column(one[:, :both]), as_column(other[:, :both])
        higher = observed.higher_is_better
        quantile = quantile_difference(one, other, observed.quantile, clusters, higher_is_better=higher)
        return Hypothesis(observed, "baseline", _within_range(observed, quantile, None), n_cases)
    assert inner.baseline is not None
    first, second = oriented(inner, inner.candidate[common]), oriented(inner, inner.baseline[common])
    if is_single:
        contrast = independent_contrast(first.ravel(), second.ravel(), bounded=inner.bounded)
    else:
        contrast = paired_contrast(first, second, clusters, bounded=inner.bounded)
    return Hypothesis(observed, "baseline", _in_unit(observed, contrast), n_cases)


def _in_unit(observed: Observed, contrast: Contrast) -> Contrast:
    """A contrast of scores in the unit of the measure that they were made from; of constants without a range, one that
    decides.
    """
    if isinstance(contrast, UnknownContrast) and contrast.equal_units > 1:
        return ConstantContrast(contrast.value, contrast.equal_units)
    return contrast if observed.at_most is None else ScaledContrast(contrast, observed.width)


def _within_range(observed: Observed, contrast: QuantileContrast, threshold: float | None) -> Contrast:
    """The difference of quantiles, which can't be larger than a declared range allows."""
    if observed.at_least is None or observed.at_most is None:
        return contrast
    least, most = -observed.width, observed.width
    if threshold is not None:
        least, most = observed.at_least - threshold, observed.at_most - threshold
    return replace(contrast, least=least, most=most)


def estimate(observed: Observed, scores: FloatArray | None, confidence_level: float) -> Estimate | None:
    """The mean (or quantile) of one version with its two-sided interval; None where it has no score."""
    if scores is None or not scores.size or np.isnan(scores).all():
        return None
    clusters, given = observed.clusters, scores
    if observed.per == "case" or int(has_score(scores).sum()) == 1:
        scores, clusters = as_column(scores), None
    if observed.quantile is not None:
        found = quantile_estimate(scores, observed.quantile, clusters, confidence_level)
        bounded = (max(found.low, _end(observed.at_least, -1)), min(found.high, _end(observed.at_most, 1)))
        return _estimate(observed, found.value, found.standard_error, bounded, found.method)
    start = observed.at_least if observed.at_least is not None else 0.0
    inner, width = observed.as_scores(), observed.width
    if observed.at_most is not None:
        # An assertion that failed is a 0, which may lie outside the range: it is shown, and the verdict an error.
        scores, given = (np.clip((each - start) / width, 0.0, 1.0) for each in (scores, given))
    mean = clustered_mean(scores, clusters, confidence_level, bounded=inner.bounded)
    low, high, method = mean.low, mean.high, mean.method
    if observed.is_sequential:
        low, high = anytime_interval(score_units(inner, given), confidence_level)
        low, high, method = min(low, mean.value), max(high, mean.value), "betting, valid whenever one stops"
    ends = (start + width * low, start + width * high)
    return _estimate(observed, start + width * mean.value, width * mean.standard_error, ends, method)


def _estimate(
    observed: Observed, value: float, standard_error: float, ends: tuple[float, float], method: str
) -> Estimate:
    if not observed.may_decide and not observed.is_sequential:
        return Estimate(value, standard_error, -math.inf, math.inf, "cut short, without bounds")
    return Estimate(value, standard_error, *ends, method)


def _end(end: float | None, sign: int) -> float:
    return sign * math.inf if end is None else end


def natural(contrast: Contrast, lower: float, upper: float, method: str, *, higher_is_better: bool) -> Difference:
    """The contrast with its bounds as a report shows it: candidate minus the other, whichever direction is better."""
    value, low, high = contrast.value, lower, upper
    if not higher_is_better:
        value, low, high = -value, -upper, -lower
    return Difference(value, contrast.standard_error, low, high, contrast.p_less, method)
