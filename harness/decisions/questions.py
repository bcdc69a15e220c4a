"""The questions of an evaluation: each comparison that it asks for, with the bounds that answer it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.decisions.betting import (
    BettingContrast,
    Ends,
    Levels,
    TwoStageContrast,
    betting_contrast,
    early_shares,
    score_units,
)
from harness.decisions.observations import Observations, has_score, oriented
from harness.records import Difference, Estimate, VerdictKind
from harness.statistics.arrays import BoolArray, FloatArray, case_means
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
from harness.statistics.suites.suites import shared_baseline_contrast, suite_contrast, suite_threshold_contrast

Against = Literal["threshold", "baseline", "anchor"]
Ruling = tuple[VerdictKind, float, float]
"""What the rule says, with the lower and the upper bound that it goes by."""
#: A change of a mean by less is rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Question:
    """One comparison, in which less than 0 is worse.

    Where neither way is better it has two directions. It passes where both do, each at the whole level (two one-sided
    tests: D. J. Schuirmann, 1987, J. Pharmacokinetics and Biopharmaceutics 15:657-680), and is red where one of them
    is, each at half the level (Bonferroni).

    Attributes:
        directions: the candidate less the other, turned so that more is better; where neither way is, the other less
            the candidate as well. None where no case has the scores that it takes.
        bets: the same, where they hold whenever one stops, and know when they were decided.
        is_share: whether figures are shares of the baseline's.
        red_beyond: whether it is red only where it is worse by more than the margin, as a slice is.
    """

    against: Against
    margin: float
    directions: tuple[Contrast, ...]
    bets: tuple[BettingContrast | TwoStageContrast, ...] = ()
    higher_is_better: bool = True
    is_share: bool = False
    red_beyond: bool = False

    @property
    def worse(self) -> Literal["lower", "higher"]:
        """The direction that is worse, or in which it differs."""
        is_lower = self.directions[0].value < 0 if len(self.directions) > 1 else self.higher_is_better
        return "lower" if is_lower else "higher"

    @property
    def worst(self) -> Contrast:
        """The contrast in that direction."""
        return self.directions[0 if self.worse == "lower" else -1]

    @property
    def p_less(self) -> float:
        """The p-value of being no worse."""
        return min(1.0, len(self.directions) * min(each.p_less for each in self.directions))

    def ruling(self, levels: Levels) -> Ruling:
        """The rule of every gate: lower > -margin passes, else upper < 0 is red.

        What bets show on the way to be worse may pass yet, while its mean is not below -margin.
        """
        lower = min(each.lower(1 - levels[0]) for each in self.directions)
        upper = min(each.upper(1 - levels[1] / len(self.directions)) for each in self.directions)
        is_red = upper < (-self.margin if self.red_beyond else 0.0)
        if lower > -self.margin:
            return VerdictKind.PASSED, lower, upper
        if is_red and (self.red_beyond or not self.bets or self.ends(levels)[1] is not None):
            return VerdictKind.FAILED if self.against == "threshold" else VerdictKind.REGRESSED, lower, upper
        return VerdictKind.INCONCLUSIVE, lower, upper

    def ends(self, levels: Levels) -> Ends:
        """After how many rows bets had passed, and after how many they were red."""
        own = levels[0], levels[1] / len(self.bets)
        passed, reds = zip(*(each.ends(own, beyond=self.red_beyond) for each in self.bets), strict=True)
        known = [each for each in passed if each is not None]
        first_red = min((each for each in reds if each is not None), default=None)
        return max(known) if len(known) == len(passed) else None, first_red

    def difference(self, ruling: Ruling, levels: Levels, correction: str = "") -> Difference:
        """The difference as a report shows it, candidate less the other, with the bounds of the ruling.

        Bounds that hold whenever one stops never move back, so that a mean that does may leave them: they are shown to
        hold it.
        """
        kind, lower, upper = ruling
        worst, red, names = self.worst, levels[1] / len(self.directions), ("lower", "upper")
        value, error, method, passing = worst.value, worst.standard_error, worst.method, f"{1 - levels[0]:.4g}"
        if len(self.directions) > 1:
            method = f"two one-sided tests: {method}"
            lower, upper = worst.lower(1 - levels[0]), worst.upper(1 - red)
            if not kind.is_red:
                value = self.directions[0].value
                low, high = (each.lower(1 - levels[0]) for each in self.directions)
                text = f"{method}; both bounds one-sided at {passing}"
                return Difference(value, error, min(low, value), max(-high, value), self.p_less, text)
        lower = lower if kind is VerdictKind.PASSED and value <= -self.margin else min(lower, value)
        upper = upper if kind.is_red and value >= 0 else max(upper, value)
        if self.worse == "higher":
            value, lower, upper, names = -value, -upper, -lower, names[::-1]
        text = f"{method}; {names[0]} bound one-sided at {passing}, {names[1]} bound one-sided at {1 - red:.6g}"
        return Difference(value, error, lower, upper, self.p_less, text + correction)


def questions(observed: Observations, levels: Levels, *, red_beyond: bool = False) -> tuple[Question, ...]:
    """The comparisons with threshold, baseline and anchor, as far as the evaluation has them."""
    about: Literal["suite", "population"] = "suite" if observed.is_about_suite and observed.may_decide else "population"
    claim = replace(observed, plan=replace(observed.plan, about=about), **observed.on_sides(observed.as_drawn))
    asked: list[Against] = ["threshold"] if observed.plan.threshold is not None else []
    asked += ["baseline"] if observed.baseline is not None else []
    asked += ["anchor"] if observed.anchor is not None else []
    return tuple(_question(claim.beside(each), each, levels, red_beyond=red_beyond) for each in asked)


def _question(claim: Observations, against: Against, levels: Levels, *, red_beyond: bool) -> Question:
    plan = claim.plan
    if against == "threshold" and plan.margin_is_relative and plan.threshold is not None:
        plan = replace(plan, margin=plan.margin * abs(plan.threshold), margin_is_relative=False)
        claim = replace(claim, plan=plan)
    turns = (True, False) if claim.is_same else (claim.higher_is_better,)
    turned = [replace(claim, higher_is_better=turn) for turn in turns] if _weighed(claim, against).any() else []
    own = levels[0], levels[1] / len(turns)
    directions = tuple(filter(None, (_contrast(each, against, own) for each in turned)))
    stops = claim.is_sequential and not plan.in_blocks
    bets = tuple(each for each in directions if stops and isinstance(each, BettingContrast | TwoStageContrast))
    return Question(against, plan.margin, directions, bets, claim.higher_is_better, plan.margin_is_relative, red_beyond)


def _weighed(observed: Observations, against: Against) -> BoolArray:
    """The cases that have the scores that a comparison takes, (n_cases,) of bool."""
    if against == "threshold" or observed.baseline is None:
        return observed.scored
    return observed.scored & has_score(observed.baseline)


@dataclass(frozen=True, slots=True)
class _Sides:
    """The scores of the cases that are weighed, turned so that more is better, and what they are weighed against: the
    baseline's, or a level. Of a single case (`is_single`) samples are the units.
    """

    ours: FloatArray
    theirs: FloatArray | None
    level: float | None
    clusters: Sequence[object] | None
    is_single: bool

    @classmethod
    def of(cls, observed: Observations, against: Against) -> _Sides:
        kept, theirs, level, clusters = _weighed(observed, against), None, None, observed.clusters
        is_single = observed.plan.per == "case" or int(kept.sum()) == 1
        if clusters is not None:
            clusters = None if is_single else tuple(itertools.compress(clusters, kept.tolist()))
        if against == "threshold" and observed.plan.threshold is not None:
            level = float(oriented(observed, np.array([observed.plan.threshold]))[0])
        elif observed.baseline is not None:
            theirs = oriented(observed, observed.baseline[kept])
        return cls(oriented(observed, observed.candidate[kept]), theirs, level, clusters, is_single)

    def by_mean(self, theirs: FloatArray | None = None) -> Contrast:
        """The bound of a fixed number of cases, with others in place of the baseline's."""
        theirs = self.theirs if theirs is None else theirs
        if theirs is None:
            ours = as_column(self.ours) if self.is_single else self.ours
            return threshold_contrast(ours, self.level or 0.0, self.clusters)
        if self.is_single:
            return independent_contrast(self.ours.ravel(), theirs.ravel())
        return paired_contrast(self.ours, theirs, self.clusters)

    def by_noise(self, baseline_level: float) -> Contrast:
        """The bound of a whole suite, or, above 0, of one whose baseline is bounded at a level of its own."""
        if self.theirs is None:
            return suite_threshold_contrast(self.ours, self.level or 0.0, self.clusters)
        if baseline_level:
            return shared_baseline_contrast(self.ours, self.theirs, baseline_level, self.clusters)
        return suite_contrast(self.ours, self.theirs, self.clusters)

    def computed(self) -> Contrast:
        """The difference of what comes to the same each time."""
        other = np.full(len(self.ours), self.level) if self.theirs is None else case_means(self.theirs)
        return _computed(case_means(self.ours) - other)


def _contrast(observed: Observations, against: Against, levels: Levels) -> Contrast | None:
    """The difference with the bounds of its engine; None where nothing can be compared yet."""
    plan, width = observed.plan, observed.width
    if observed.quantile is not None or (plan.in_blocks and against != "threshold"):
        return _by_order(observed, against)
    inner = observed.as_scores()
    sides = _Sides.of(inner, against)
    if observed.is_about_suite:
        shares, early, whole = early_shares(inner, levels[0]), None, None
        if observed.is_sequential:
            own = levels[0] * (shares[0] or 1.0), levels[1] * (shares[1] or 1.0)
            early = betting_contrast(inner, sides.level, own, width, hurries=False)
        if observed.is_whole:
            shared = observed.baseline_level / (2 if observed.is_same else 1)  # its two sides, in turn
            shared = shared if against == "baseline" else 0.0
            whole = scaled(sides.computed() if plan.is_exact else sides.by_noise(shared), width)
        two_stages = TwoStageContrast(early, whole, shares, len(observed.case_ids), plan.margin, width)
        return two_stages if early or whole else None
    if observed.is_sequential and not plan.in_blocks:
        return betting_contrast(inner, sides.level, levels, width)
    if not plan.margin_is_relative or sides.theirs is None:
        return scaled(sides.by_mean(), width)
    # What is kept of the baseline's mean, where a range bounds both: the allowed share of it is tested directly.
    margin, one = plan.margin, _Sides.of(replace(inner, higher_is_better=True), against)
    assert one.theirs is not None
    figure = float(case_means(one.theirs).mean())
    if observed.higher_is_better:
        return relative_contrast(one.by_mean(max(0.0, 1 - margin) * one.theirs), one.by_mean(), margin, figure)
    other = replace(one, ours=one.theirs, theirs=one.ours)
    kept = scaled(other.by_mean(one.ours / (1 + margin)), 1 + margin)
    return relative_contrast(kept, other.by_mean(), margin, figure)


def _computed(differences: FloatArray) -> Contrast:
    """A mean of what comes to the same each time: nothing was drawn, so nothing is left to chance."""
    value = float(np.nanmean(differences))
    value = 0.0 if abs(value) < _ROUNDING else value
    return MeanContrast(value, -math.inf, math.inf, 0.0, 1, (), "computed, and nothing drawn")


def _by_order(observed: Observations, against: Against) -> Contrast | None:
    """A comparison by ranks: of pairs of blocks by signed ones, else of quantiles, or of the median of differences."""
    plan, higher, quantile = observed.plan, observed.higher_is_better, observed.quantile or 0.5
    sides, is_median = _Sides.of(replace(observed, higher_is_better=True), against), observed.weighed_by == "median"
    ours, theirs, clusters = sides.ours, sides.theirs, sides.clusters
    if sides.is_single:  # any pairs of independent samples will do
        both = ours.shape[1] if theirs is None else min(ours.shape[1], theirs.shape[1])
        ours, theirs = as_column(ours[:, :both]), None if theirs is None else as_column(theirs[:, :both])
    if theirs is None:
        ours = case_means(ours)[:, np.newaxis] if is_median else ours
        by_order = quantile_contrast(ours, quantile, sides.level or 0.0, clusters, higher_is_better=higher)
        return _within_range(observed, by_order, sides.level)
    as_ratio = plan.margin_is_relative and (plan.in_blocks or observed.statistic is not None)
    if as_ratio:
        ours, theirs = log_figures(ours, LOG_OF_ZERO if plan.in_blocks else None), log_figures(theirs)
    contrast: Contrast
    if plan.in_blocks:
        contrast = signed_rank_contrast((1 if higher else -1) * (case_means(ours) - case_means(theirs)))
    elif is_median:
        differences = _differences(ours, theirs, as_share=plan.margin_is_relative)
        if not len(differences):
            return None
        contrast = quantile_contrast(differences, quantile, 0.0, clusters, higher_is_better=higher)
    else:
        by_order = quantile_difference(ours, theirs, quantile, clusters, higher_is_better=higher)
        contrast = by_order if as_ratio else _within_range(observed, by_order, None)
    return ratio_contrast(contrast, higher_is_better=higher) if as_ratio else contrast


def _differences(ours: FloatArray, theirs: FloatArray, *, as_share: bool) -> FloatArray:
    """The difference of each case, or its ratio less 1, (n_cases, 1): whatever the figures, half of all lie beyond
    their median. Both versions give as many samples of a case, for a mean of more samples of a skewed law has another
    one.
    """
    both = min(ours.shape[1], theirs.shape[1])
    there = ~(np.isnan(ours[:, :both]) | np.isnan(theirs[:, :both]))
    if not there.any():
        return np.empty((0, 1))
    one, other = (case_means(np.where(there, each[:, :both], np.nan)) for each in (ours, theirs))
    differences: FloatArray = (one / other - 1 if as_share else one - other)[:, np.newaxis]
    return differences


def _within_range(observed: Observations, contrast: QuantileContrast, threshold: float | None) -> Contrast:
    """The difference of quantiles, which can't be larger than a declared range allows."""
    least, most = observed.span
    if math.isinf(most):
        return contrast
    if threshold is None:
        return replace(contrast, least=least - most, most=most - least)
    return replace(contrast, least=least - threshold, most=most - threshold)


def estimate(observed: Observations, scores: FloatArray | None, confidence_level: float) -> Estimate | None:
    """The mean (or quantile) of one version with its two-sided interval; None where it has no score."""
    if scores is None or not scores.size or np.isnan(scores).all():
        return None
    given = scores = observed.as_drawn(scores)
    clusters, (least, most), start, width = observed.clusters, observed.span, 0.0, 1.0
    if observed.plan.per == "case" or int(has_score(scores).sum()) == 1:
        scores, clusters = as_column(scores), None
    if observed.quantile is not None:
        scores = case_means(scores)[:, np.newaxis] if observed.weighed_by == "median" else scores
        estimate = quantile_estimate(scores, observed.quantile, clusters, confidence_level)
        own = Estimate(
            estimate.value, estimate.standard_error, max(estimate.low, least), min(estimate.high, most), estimate.method
        )
    else:
        if observed.at_most is not None:  # an assertion that failed is a 0, which may lie outside the range
            start, width = least, observed.width
            scores, given = (np.clip((each - start) / width, 0.0, 1.0) for each in (scores, given))
        own = _mean(observed, scores, given, clusters, confidence_level)
    low, high, method = start + width * own.low, start + width * own.high, own.method
    if observed.errors or not (observed.may_decide or observed.is_sequential):  # no random part of all
        low, high, method = -math.inf, math.inf, "in part, without bounds"
    return Estimate(start + width * own.value, width * own.standard_error, low, high, method)


def _mean(
    observed: Observations, scores: FloatArray, given: FloatArray, clusters: Sequence[object] | None, level: float
) -> Estimate:
    """The mean of scores in [0, 1]; `given` has them as they were drawn, cases by samples."""
    if observed.is_about_suite and observed.is_whole and observed.may_decide:
        exact, tail = observed.plan.is_exact, 0.5 + level / 2
        own = _computed(case_means(given)) if exact else suite_threshold_contrast(given, 0.0, observed.clusters)
        low, high = min(own.value, own.lower(tail)), max(own.value, own.upper(tail))
        return Estimate(own.value, own.standard_error, low, high, own.method)
    mean = clustered_mean(scores, clusters, level)
    if not observed.is_sequential:
        return Estimate(mean.value, mean.standard_error, mean.low, mean.high, mean.method)
    units = score_units(observed.as_scores(), given)
    low, high = anytime_interval(units, level)
    # As the difference has it, where cases that resemble each other count once.
    counts_once = observed.clusters_known_by == "texts"
    value = float(units.sums.sum() / units.sizes.sum()) if counts_once else mean.value
    method = "betting, valid whenever one stops"
    return Estimate(value, mean.standard_error, min(low, value), max(high, value), method)
