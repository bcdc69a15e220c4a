"""The comparisons that an evaluation asks for, each as a contrast in which less than 0 is worse."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.decisions.aims import SameContrast
from harness.decisions.betting import baseline_row, betting_contrast, score_units, threshold_row
from harness.decisions.observations import Observations, has_score, oriented
from harness.decisions.suite import TwoStageContrast, early_shares
from harness.records import Difference, Estimate
from harness.statistics.arrays import FloatArray, case_means
from harness.statistics.betting.sequential import anytime_interval
from harness.statistics.intervals.contrasts import Contrast, MeanContrast, scaled
from harness.statistics.intervals.means import (
    as_column,
    clustered_mean,
    independent_contrast,
    paired_contrast,
    threshold_contrast,
)
from harness.statistics.intervals.ratios import LOG_OF_ZERO, log_figures, ratio_contrast, relative_contrast
from harness.statistics.intervals.signed_ranks import signed_rank_contrast
from harness.statistics.quantiles.differences import quantile_difference
from harness.statistics.quantiles.quantiles import QuantileContrast, quantile_contrast, quantile_estimate
from harness.statistics.suites.suites import suite_contrast, suite_threshold_contrast

About = Literal["suite", "population"]
#: A change of a mean by less is rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One comparison of an evaluation. `contrast` is None where no case has the scores that it needs."""

    observed: Observations
    against: Literal["threshold", "baseline"]
    contrast: Contrast | None
    n_cases: int


def hypotheses(
    observed: Observations, levels: tuple[float, float], about: About | None = None
) -> tuple[Hypothesis, ...]:
    """The comparisons with threshold and baseline, as far as the evaluation has them.

    Args:
        levels: of a sequential design: at which it passes, and at which evidence for worse is settled.
        about: what is claimed; None for what the evaluation's verdict is about.
    """
    is_about_suite = observed.is_about_suite if about is None else about == "suite"
    claimed: About = "suite" if is_about_suite and observed.may_decide else "population"
    claim = replace(
        observed,
        plan=replace(observed.plan, about=claimed),
        candidate=observed.as_drawn(observed.candidate),
        baseline=None if observed.baseline is None else observed.as_drawn(observed.baseline),
    )
    found = []
    if observed.plan.threshold is not None:
        asked, n_cases = _with_margin_in_unit(observed, observed.plan.threshold), int(observed.scored.sum())
        contrast = _aimed(_against_threshold, _with_margin_in_unit(claim, observed.plan.threshold), levels)
        found.append(Hypothesis(asked, "threshold", contrast if n_cases else None, n_cases))
    if observed.baseline is not None:
        n_cases = int((observed.scored & has_score(observed.baseline)).sum())
        contrast = _aimed(_against_baseline, claim, levels) if n_cases else None
        found.append(Hypothesis(observed, "baseline", contrast, n_cases))
    return tuple(found)


def _with_margin_in_unit(observed: Observations, threshold: float) -> Observations:
    """A relative margin is a share of the threshold, where it is weighed against that."""
    if not observed.plan.margin_is_relative:
        return observed
    plan = replace(observed.plan, margin=observed.plan.margin * abs(threshold), margin_is_relative=False)
    return replace(observed, plan=plan)


def _aimed(
    against: Callable[[Observations, tuple[float, float]], Contrast | None],
    observed: Observations,
    levels: tuple[float, float],
) -> Contrast | None:
    """A comparison in the direction that is better, or in both where neither is."""
    if not observed.is_same:
        return against(observed, levels)
    halved = levels[0], levels[1] / 2
    forth = against(replace(observed, higher_is_better=True), halved)
    back = against(replace(observed, higher_is_better=False), halved)
    return None if forth is None or back is None else SameContrast(forth, back)


def _against_threshold(observed: Observations, levels: tuple[float, float]) -> Contrast | None:
    threshold = observed.plan.threshold
    if threshold is None or not observed.scored.any():
        return None
    by_samples = observed.by_samples
    clusters = None if by_samples else observed.clusters
    if observed.quantile is not None:
        values = as_column(observed.candidate) if by_samples else observed.candidate
        values = case_means(values)[:, np.newaxis] if observed.is_by_median else values
        higher = observed.higher_is_better
        quantile = quantile_contrast(values, observed.quantile, threshold, clusters, higher_is_better=higher)
        return _within_range(observed, quantile, threshold)
    inner = observed.as_scores()
    assert inner.plan.threshold is not None
    level = float(oriented(inner, np.array([inner.plan.threshold]))[0])
    scores = oriented(inner, inner.candidate)
    if observed.is_about_suite:

        def whole() -> Contrast:
            if observed.plan.is_exact:
                return _computed(case_means(scores) - level)
            return suite_threshold_contrast(scores, level, clusters)

        return _about_suite(observed, inner, level, levels, whole)
    if observed.is_sequential:
        return betting_contrast(threshold_row(inner), inner, level, levels, observed.width)
    scores = as_column(scores) if by_samples else scores
    return scaled(threshold_contrast(scores, level, clusters), observed.width)


def _against_baseline(observed: Observations, levels: tuple[float, float]) -> Contrast | None:
    if observed.plan.margin_is_relative and (observed.plan.in_blocks or observed.statistic is not None):
        return _ratio(observed, levels)
    inner, baseline = observed.as_scores(), observed.baseline
    assert baseline is not None
    common = observed.scored & has_score(baseline)
    if observed.plan.in_blocks:
        ours, theirs = oriented(observed, observed.candidate[common]), oriented(observed, baseline[common])
        return signed_rank_contrast(case_means(ours) - case_means(theirs))
    if observed.is_sequential and not observed.is_about_suite:
        return betting_contrast(baseline_row(inner), inner, None, levels, observed.width)
    is_single = observed.plan.per == "case" or int(common.sum()) == 1
    clusters = None
    if observed.clusters is not None and not is_single:
        clusters = [cluster for cluster, kept in zip(observed.clusters, common, strict=True) if kept]
    if observed.is_by_median:
        return _median_of_differences(observed, observed.candidate[common], baseline[common], clusters, is_single)
    if observed.quantile is not None:
        one, other = observed.candidate[common], baseline[common]
        if is_single:  # any pairs of independent samples will do
            both = min(one.shape[1], other.shape[1])
            one, other = as_column(one[:, :both]), as_column(other[:, :both])
        higher = observed.higher_is_better
        quantile = quantile_difference(one, other, observed.quantile, clusters, higher_is_better=higher)
        return _within_range(observed, quantile, None)
    assert inner.baseline is not None
    if observed.plan.margin_is_relative:
        return _relative(observed, inner.candidate[common], inner.baseline[common], clusters, is_single)
    first, second = oriented(inner, inner.candidate[common]), oriented(inner, inner.baseline[common])
    if observed.is_about_suite:

        def whole() -> Contrast:
            if observed.plan.is_exact:
                return _computed(case_means(first) - case_means(second))
            return suite_contrast(first, second, clusters)

        return _about_suite(observed, inner, None, levels, whole)
    return scaled(_of_means(first, second, clusters, is_single), observed.width)


def _of_means(first: FloatArray, second: FloatArray, clusters: Sequence[object] | None, is_single: bool) -> Contrast:
    """The difference of two means of scores: paired on cases, or of the samples of a single one."""
    if is_single:
        return independent_contrast(first.ravel(), second.ravel())
    return paired_contrast(first, second, clusters)


def _median_of_differences(
    observed: Observations, one: FloatArray, other: FloatArray, clusters: Sequence[object] | None, is_single: bool
) -> Contrast | None:
    """The median of the paired differences, or of the ratios less 1: whatever the figures, as many lie beyond it.

    Both versions give as many samples of a case, for a mean of more samples of a skewed law has another median.
    """
    both = min(one.shape[1], other.shape[1])
    there = ~(np.isnan(one[:, :both]) | np.isnan(other[:, :both]))
    if not there.any():
        return None
    ours, theirs = (np.where(there, each[:, :both], np.nan) for each in (one, other))
    ours, theirs = (each.ravel() if is_single else case_means(each) for each in (ours, theirs))
    differences = (ours / theirs - 1 if observed.plan.margin_is_relative else ours - theirs)[:, np.newaxis]
    return quantile_contrast(differences, 0.5, 0.0, clusters, higher_is_better=observed.higher_is_better)


def _relative(
    observed: Observations, one: FloatArray, other: FloatArray, clusters: Sequence[object] | None, is_single: bool
) -> Contrast:
    """What is kept of the baseline's mean, where a range bounds both: the allowed share of it is tested directly."""
    figure, margin = float(case_means(other).mean()), observed.plan.margin
    if observed.higher_is_better:
        kept = _of_means(one, max(0.0, 1 - margin) * other, clusters, is_single)
        return relative_contrast(kept, _of_means(one, other, clusters, is_single), margin, figure)
    kept = scaled(_of_means(other, one / (1 + margin), clusters, is_single), 1 + margin)
    return relative_contrast(kept, _of_means(other, one, clusters, is_single), margin, figure)


def _ratio(observed: Observations, levels: tuple[float, float]) -> Contrast | None:
    """The ratio to the baseline, of blocks or of quantiles: from the difference of logarithms, paired as that is."""
    assert observed.baseline is not None
    logs = replace(
        observed,
        candidate=log_figures(observed.candidate, LOG_OF_ZERO if observed.plan.in_blocks else None),
        baseline=log_figures(observed.baseline),
        plan=replace(observed.plan, threshold=None, margin_is_relative=False, design="fixed"),
        at_least=None,
        at_most=None,
    )
    contrast = _against_baseline(logs, levels)
    return None if contrast is None else ratio_contrast(contrast, higher_is_better=observed.higher_is_better)


def _about_suite(
    observed: Observations,
    inner: Observations,
    threshold: float | None,
    levels: tuple[float, float],
    whole: Callable[[], Contrast],
) -> Contrast | None:
    """A contrast about these cases; None where there is nothing yet.

    Args:
        inner: the scores that it is decided by.
    """
    early = None
    shares = early_shares(inner, levels[0])
    if observed.is_sequential:
        row = threshold_row(inner) if threshold is not None else baseline_row(inner)
        own = (levels[0] * (shares[0] or 1.0), levels[1] * (shares[1] or 1.0))
        early = betting_contrast(row, inner, threshold, own, hurries=False)
    found = whole() if observed.is_whole else None
    if early is None and found is None:
        return None
    return TwoStageContrast(early, found, shares, len(observed.case_ids), observed.plan.margin, observed.width)


def _computed(differences: FloatArray) -> Contrast:
    """A mean of what comes to the same each time: nothing was drawn, so nothing is left to chance."""
    value = float(np.nanmean(differences))
    value = 0.0 if abs(value) < _ROUNDING else value
    return MeanContrast(value, -math.inf, math.inf, 0.0, 1, (), "computed, and nothing drawn")


def _within_range(observed: Observations, contrast: QuantileContrast, threshold: float | None) -> Contrast:
    """The difference of quantiles, which can't be larger than a declared range allows."""
    if observed.at_least is None or observed.at_most is None:
        return contrast
    least, most = -observed.width, observed.width
    if threshold is not None:
        least, most = observed.at_least - threshold, observed.at_most - threshold
    return replace(contrast, least=least, most=most)


def estimate(observed: Observations, scores: FloatArray | None, confidence_level: float) -> Estimate | None:
    """The mean (or quantile) of one version with its two-sided interval; None where it has no score."""
    if scores is None or not scores.size or np.isnan(scores).all():
        return None
    scores = observed.as_drawn(scores)
    clusters, given = observed.clusters, scores
    if observed.plan.per == "case" or int(has_score(scores).sum()) == 1:
        scores, clusters = as_column(scores), None
    if observed.quantile is not None:
        scores = case_means(scores)[:, np.newaxis] if observed.is_by_median else scores
        found = quantile_estimate(scores, observed.quantile, clusters, confidence_level)
        bounded = (max(found.low, _end(observed.at_least, -1)), min(found.high, _end(observed.at_most, 1)))
        return _estimate(observed, found.value, found.standard_error, bounded, found.method)
    start = observed.at_least if observed.at_least is not None else 0.0
    inner, width = observed.as_scores(), observed.width
    if observed.at_most is not None:
        # An assertion that failed is a 0, which may lie outside the range: it is shown, and the verdict an error.
        scores, given = (np.clip((each - start) / width, 0.0, 1.0) for each in (scores, given))
    if observed.is_about_suite and observed.is_whole and observed.may_decide:
        exact = observed.plan.is_exact
        own = _computed(case_means(given)) if exact else suite_threshold_contrast(given, 0.0, observed.clusters)
        tail = 0.5 + confidence_level / 2
        ends = (min(own.value, own.lower(tail)), max(own.value, own.upper(tail)))
        ends = (start + width * ends[0], start + width * ends[1])
        return _estimate(observed, start + width * own.value, width * own.standard_error, ends, own.method)
    mean = clustered_mean(scores, clusters, confidence_level)
    value, low, high, method = mean.value, mean.low, mean.high, mean.method
    if observed.is_sequential:
        units = score_units(inner, given)
        low, high = anytime_interval(units, confidence_level)
        # As the difference has it, where cases that resemble each other count once.
        counts_once = observed.clusters_known_by == "texts"
        value = float(units.sums.sum() / units.sizes.sum()) if counts_once else mean.value
        low, high, method = min(low, value), max(high, value), "betting, valid whenever one stops"
    ends = (start + width * low, start + width * high)
    return _estimate(observed, start + width * value, width * mean.standard_error, ends, method)


def _estimate(
    observed: Observations, value: float, standard_error: float, ends: tuple[float, float], method: str
) -> Estimate:
    if observed.errors or not (observed.may_decide or observed.is_sequential):  # no random part of all
        return Estimate(value, standard_error, -math.inf, math.inf, "in part, without bounds")
    return Estimate(value, standard_error, *ends, method)


def _end(end: float | None, sign: int) -> float:
    return sign * math.inf if end is None else end


def natural(contrast: Contrast, lower: float, upper: float, method: str, *, higher_is_better: bool) -> Difference:
    """The contrast with its bounds as a report shows it: candidate minus the other, whichever direction is better."""
    value, low, high = contrast.value, lower, upper
    if not higher_is_better:
        value, low, high = -value, -upper, -lower
    return Difference(value, contrast.standard_error, low, high, contrast.p_less, method)
