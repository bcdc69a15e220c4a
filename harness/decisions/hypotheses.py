"""The comparisons that an evaluation asks for, each as a contrast in which less than 0 is worse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.decisions.betting import baseline_row, betting_contrast, score_units, threshold_row
from harness.decisions.observed import Observed, has_score, oriented
from harness.records import Difference, Estimate
from harness.statistics.arrays import FloatArray
from harness.statistics.contrasts import Contrast
from harness.statistics.differences import paired_contrast
from harness.statistics.independent import independent_contrast
from harness.statistics.means import as_column, clustered_mean, threshold_contrast
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
    scores = oriented(observed, observed.candidate)
    level = float(oriented(observed, np.array([threshold]))[0])
    if observed.is_sequential:
        bets = betting_contrast(threshold_row(observed), observed, level, levels)
        return Hypothesis(observed, "threshold", bets, n_cases)
    clusters = observed.clusters
    if observed.by_samples:
        scores, clusters = as_column(scores), None
    contrast = threshold_contrast(scores, level, clusters, bounded=observed.bounded)
    return Hypothesis(observed, "threshold", contrast, n_cases)


def _against_baseline(observed: Observed, baseline: FloatArray, levels: tuple[float, float]) -> Hypothesis:
    common = observed.scored & has_score(baseline)
    n_cases = int(common.sum())
    if n_cases == 0:
        return Hypothesis(observed, "baseline", None, 0)
    if observed.is_sequential:
        bets = betting_contrast(baseline_row(observed), observed, None, levels)
        return Hypothesis(observed, "baseline", bets, n_cases)
    first, second = oriented(observed, observed.candidate[common]), oriented(observed, baseline[common])
    if observed.per == "case" or n_cases == 1:
        contrast = independent_contrast(first.ravel(), second.ravel(), bounded=observed.bounded)
        return Hypothesis(observed, "baseline", contrast, n_cases)
    clusters = None
    if observed.clusters is not None:
        clusters = [cluster for cluster, kept in zip(observed.clusters, common, strict=True) if kept]
    return Hypothesis(observed, "baseline", paired_contrast(first, second, clusters, bounded=observed.bounded), n_cases)


def estimate(observed: Observed, scores: FloatArray | None, confidence_level: float) -> Estimate | None:
    """The mean of one version with its two-sided interval; None where it has no score."""
    if scores is None or not scores.size or np.isnan(scores).all():
        return None
    clusters, given = observed.clusters, scores
    if observed.per == "case" or int(has_score(scores).sum()) == 1:
        scores, clusters = as_column(scores), None
    mean = clustered_mean(scores, clusters, confidence_level, bounded=observed.bounded)
    if not observed.may_decide and not observed.bounded:
        return Estimate(mean.value, mean.standard_error, -math.inf, math.inf, "cut short, without bounds")
    if observed.is_sequential:
        units = score_units(observed, given)
        low, high = anytime_interval(units, confidence_level)
        # As the difference has it, where cases that resemble each other count once.
        counts_once = observed.clusters_known_by in ("texts", "requests")
        value = float(units.sums.sum() / units.sizes.sum()) if counts_once else mean.value
        low, high = min(low, value), max(high, value)
        return Estimate(value, mean.standard_error, low, high, "betting, valid whenever one stops")
    return Estimate(mean.value, mean.standard_error, mean.low, mean.high, mean.method)


def natural(contrast: Contrast, lower: float, upper: float, method: str, *, higher_is_better: bool) -> Difference:
    """The contrast with its bounds as a report shows it: candidate minus the other, whichever direction is better."""
    value, low, high = contrast.value, lower, upper
    if not higher_is_better:
        value, low, high = -value, -upper, -lower
    return Difference(value, contrast.standard_error, low, high, contrast.p_less, method)
