"""The comparisons that an evaluation asks for, each as a contrast in which less than 0 is worse."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.decisions.betting import baseline_row, betting_contrast, score_units, threshold_row
from harness.decisions.observed import Observed, has_score, oriented
from harness.decisions.suite import SuiteContrast, early_shares
from harness.records import Difference, Estimate
from harness.statistics.arrays import BoolArray, FloatArray
from harness.statistics.contrasts import Contrast
from harness.statistics.differences import paired_contrast
from harness.statistics.independent import independent_contrast
from harness.statistics.means import as_column, clustered_mean, threshold_contrast
from harness.statistics.sequential import anytime_interval
from harness.statistics.suites import suite_contrast, suite_threshold_contrast

About = Literal["suite", "population"]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One comparison of an evaluation. `contrast` is None where no case has the scores that it needs."""

    observed: Observed
    against: Literal["threshold", "baseline"]
    contrast: Contrast | None
    n_cases: int


def hypotheses(observed: Observed, levels: tuple[float, float], about: About | None = None) -> tuple[Hypothesis, ...]:
    """The comparisons with threshold and baseline, as far as the evaluation has them.

    Args:
        levels: of a sequential design: at which it passes, and at which evidence for worse is settled.
        about: what is claimed; None for what the evaluation's verdict is about.
    """
    is_about_suite = observed.is_about_suite if about is None else about == "suite"
    claim = replace(observed, about="suite" if is_about_suite and observed.may_decide else "population")
    found = []
    if observed.threshold is not None:
        contrast = None
        n_cases = int(observed.scored.sum())
        if n_cases:
            contrast = _against_threshold(claim, observed.threshold, levels)
        found.append(Hypothesis(observed, "threshold", contrast, n_cases))
    if observed.baseline is not None:
        common = observed.scored & has_score(observed.baseline)
        contrast = _against_baseline(claim, observed.baseline, common, levels) if common.any() else None
        found.append(Hypothesis(observed, "baseline", contrast, int(common.sum())))
    return tuple(found)


def _against_threshold(observed: Observed, threshold: float, levels: tuple[float, float]) -> Contrast | None:
    scores = oriented(observed, observed.candidate)
    level = float(oriented(observed, np.array([threshold]))[0])
    if observed.is_sequential and not observed.is_about_suite:
        return betting_contrast(threshold_row(observed), observed, level, levels)
    clusters = observed.clusters
    if observed.is_about_suite:

        def whole() -> Contrast:
            return suite_threshold_contrast(scores, level, clusters, deterministic=_repeats(observed))

        return _about_suite(observed, level, levels, whole)
    if observed.by_samples:
        scores, clusters = as_column(scores), None
    return threshold_contrast(scores, level, clusters, bounded=observed.bounded)


def _against_baseline(
    observed: Observed, baseline: FloatArray, common: BoolArray, levels: tuple[float, float]
) -> Contrast | None:
    if observed.is_sequential and not observed.is_about_suite:
        return betting_contrast(baseline_row(observed), observed, None, levels)
    first, second = oriented(observed, observed.candidate[common]), oriented(observed, baseline[common])
    clusters = None
    if observed.clusters is not None:
        clusters = [cluster for cluster, kept in zip(observed.clusters, common, strict=True) if kept]
    if observed.is_about_suite:

        def whole() -> Contrast:
            return suite_contrast(first, second, clusters, deterministic=_repeats(observed))

        return _about_suite(observed, None, levels, whole)
    if observed.per == "case" or len(first) == 1:
        return independent_contrast(first.ravel(), second.ravel(), bounded=observed.bounded)
    return paired_contrast(first, second, clusters, bounded=observed.bounded)


def _about_suite(
    observed: Observed, threshold: float | None, levels: tuple[float, float], whole: Callable[[], Contrast]
) -> Contrast | None:
    """A contrast about these cases; None where there is nothing yet."""
    early = None
    shares = early_shares(observed, levels[0])
    if observed.is_sequential:
        row = threshold_row(observed) if threshold is not None else baseline_row(observed)
        own = (levels[0] * (shares[0] or 1.0), levels[1] * (shares[1] or 1.0))
        early = betting_contrast(row, observed, threshold, own, hurries=False)
    found = whole() if observed.is_whole else None
    return None if early is None and found is None else SuiteContrast(early, found, shares, len(observed.case_ids))


def _repeats(observed: Observed) -> bool:
    """Whether answers were asked for without chance, and no two samples of a case differ: then none is at work.

    A case that was sampled once shows nothing of that.
    """
    if not observed.is_repeatable:
        return False
    for scores in (observed.candidate, observed.baseline):
        if scores is None:
            continue
        kept = scores[has_score(scores)]
        if ((~np.isnan(kept)).sum(axis=1) < 2).any() or (np.nanmax(kept, axis=1) != np.nanmin(kept, axis=1)).any():
            return False
    return True


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
    if observed.is_about_suite and observed.is_whole and observed.may_decide:
        own = suite_threshold_contrast(given, 0.0, observed.clusters, deterministic=_repeats(observed))
        tail = 0.5 + confidence_level / 2
        low, high = min(own.value, own.lower(tail)), max(own.value, own.upper(tail))
        return Estimate(own.value, own.standard_error, low, high, f"about these cases: {own.method}")
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
