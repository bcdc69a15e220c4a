"""Bounds that hold whenever one stops: bets on units in the order drawn, for and against the candidate; and those of a
suite, on which one bets while its cases are drawn, and weighs what their samples leave open once all of them are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from harness.decisions.observations import Observations, oriented
from harness.statistics.arrays import FloatArray, case_means
from harness.statistics.betting.sequential import Horizon, Units, Wealth, ratio_wealth, tuned_wealth
from harness.statistics.intervals.contrasts import Contrast

Levels = tuple[float, float]
"""The chance of a false pass, and that of a false red by one comparison alone."""
Ends = tuple[int | None, int | None]
"""The numbers of rows (samples, for a single case) after which it had passed, and after which it was red."""

#: What bets are tuned to where no drop is allowed: a gain that a suite of some hundred cases can show.
_GAIN_WITHOUT_MARGIN = 0.05
#: Before anything is seen: the variance of the cases' true means (or of their differences), that of a single sample,
#: and the share of it that a unit has: 1/5 for each of two versions with five samples a case.
_BETWEEN, _WITHIN, _NOISE = 0.04, 0.05, 0.4
#: What a decision before the last case may spend of the level, where it may come; the rest is kept for the last case.
EARLY_SHARE = 0.5
#: What a smaller suite may spend so on a pass: the same version seldom stops by it, one far above a threshold soon.
SMALL_SHARE = 0.1
#: A suite may pass early if it has so many times the cases that the fewest would take.
_LARGE = 2.0
_LARGEST_STAKE = 0.95


@dataclass(frozen=True, slots=True)
class DrawnUnits:
    """The units of a comparison, in the order drawn.

    Attributes:
        ends: how many rows of the evaluation (samples, for a single case) each ends at.
        expected: the variance that each is expected to have, by how many samples the cases before it had, (n,).
    """

    units: Units
    ends: tuple[int, ...]
    expected: FloatArray


def drawn_units(observed: Observations, *, paired: bool) -> DrawnUnits:
    """The scores that are weighed against a threshold, turned so that more is better; `paired` the differences that are
    weighed against the baseline, of cases (or samples of a single case) that both have.
    """
    ours = oriented(observed, observed.candidate)
    if not paired or observed.baseline is None:
        values, noise = (ours[0], np.ones(ours.shape[1])) if observed.by_samples else (case_means(ours), _noise(ours))
        return _row(observed, values, 0.0, noise)
    theirs = oriented(observed, observed.baseline)
    if not observed.by_samples:
        return _row(observed, case_means(ours) - case_means(theirs), -1.0, _noise(ours) + _noise(theirs))
    both = min(ours.shape[1], theirs.shape[1])
    return _row(observed, ours[0, :both] - theirs[0, :both], -1.0, np.full(both, 2.0))


def score_units(observed: Observations, scores: FloatArray) -> Units:
    """The scores of one version as units, as they are."""
    values = scores[0] if observed.by_samples else case_means(scores)
    return _row(observed, values, 0.0, np.ones(len(values))).units


def _noise(scores: FloatArray) -> FloatArray:
    """The share of a single sample's variance that the mean of each case has, (n_cases,)."""
    shares: FloatArray = 1 / np.maximum((~np.isnan(scores)).sum(axis=1), 1)
    return shares


def _row(observed: Observations, values: FloatArray, low: float, noise: FloatArray) -> DrawnUnits:
    """Adjacent cases of one cluster are one unit; a case whose cluster had its turn before adds no evidence.

    A cluster of the user's field is bet on by its sum, so that each case counts alike; copies by their mean, for a case
    is no more of a case by being there twice. A unit is whole before it counts, and what is left out is settled by what
    the case asked and what was asked before it: every bet is on a unit that the bets before know nothing of. The
    variance that a unit is expected to have goes by the `noise` of those before it.
    """
    there = np.flatnonzero(~np.isnan(values))
    values, noise, are_copies = values[there], noise[there], observed.clusters_known_by == "texts"
    before = np.concatenate([[_NOISE], np.cumsum(noise) / np.arange(1, len(noise) + 1)])[: len(noise)]
    expected: FloatArray = _BETWEEN + _WITHIN * before
    if observed.clusters is None or observed.by_samples:
        return DrawnUnits(Units(values, np.ones(len(there)), low), tuple((there + 1).tolist()), expected)
    members: dict[object, list[int]] = {}
    last = None
    for place, number in enumerate(there.tolist()):
        label = observed.clusters[number]
        if label not in members:
            members[label], last = [place], label
        elif label == last and (are_copies or len(members[label]) < observed.largest_cluster):
            members[label].append(place)
    groups = list(members.values())
    sums, sizes = np.array([values[each].sum() for each in groups]), np.array([float(len(each)) for each in groups])
    if are_copies:
        sums, sizes = sums / sizes, np.ones(len(sizes))
    ends = tuple(int(there[each[-1]]) + 1 for each in groups)
    first = np.array([each[0] for each in groups], dtype=np.int64)
    return DrawnUnits(Units(sums, sizes, low, float(observed.largest_cluster)), ends, expected[first])


@dataclass(frozen=True, slots=True)
class BettingContrast:
    """A difference with bounds that hold whenever one stops.

    Attributes:
        better: bets on the candidate being no worse by more than the margin.
        worse: bets on its being worse, on the same units, negated.
        allowed, demanded: the means that `better` and `worse` are against, in the units' own numbers, at most 1.
        rows: how many rows each unit ends at.
        last: the number of rows, where these are all that there will be; else None.
        width: what a score of 1 is in the unit of the measure that the scores were made from; figures are in that unit.
    """

    better: Wealth
    worse: Wealth
    allowed: float
    demanded: float
    rows: tuple[int, ...]
    value: float
    standard_error: float
    method: str
    width: float = field(default=1.0, kw_only=True)
    last: int | None = field(default=None, kw_only=True)

    @property
    def p_less(self) -> float:
        """One over the most evidence for worse that there ever was: a p-value that holds whenever one stops."""
        return min(1.0, math.exp(-float(self.worse.log(-self.demanded).max())))

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound of the difference."""
        return self.width * (self.better.bound(1 - confidence_level, 1.0) - self.demanded)

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound of the difference."""
        return self.width * (-self.worse.bound(1 - confidence_level, -self.better.units.low) - self.demanded)

    def ends(self, levels: Levels, *, beyond: bool = False) -> Ends:
        """Give the numbers of rows at which it was first proven to be no worse by more than the margin, and to be worse
        while its mean was below what is allowed; or, `beyond`, to be worse by more than the margin.

        What is worse by less may pass yet: it is red after the last row alone.
        """
        passed = self.better.first_above(self.allowed, levels[0])
        worse = self.worse.first_above(-(self.allowed if beyond else self.demanded), levels[1])
        red = None if worse is None else self.rows[worse - 1]
        if worse is not None and not beyond:
            seen = self.better.units
            is_below = np.cumsum(seen.sums)[worse - 1 :] < self.allowed * np.cumsum(seen.sizes)[worse - 1 :]
            red = self.rows[worse - 1 + int(is_below.argmax())] if is_below.any() else self.last
        return None if passed is None else self.rows[passed - 1], red


def betting_contrast(
    observed: Observations, threshold: float | None, levels: Levels, width: float = 1.0, *, hurries: bool = True
) -> BettingContrast | None:
    """The contrast with the baseline (threshold None) or a threshold; None where there is no unit.

    The bettors for and against the candidate have the stakes of the first look.

    Args:
        threshold: in [0, 1], turned so that more is better.
        levels: at which it passes, and at which evidence for worse is settled at once.
        hurries: whether more is staked where little is left to come. It must not be in a finite suite: there, what has
            been drawn tells what is left, and a bettor who waits for that can win without being right.
        width: of the range that the scores were made from, for the figures.
    """
    row, tuned = drawn_units(observed, paired=threshold is None), observed.tuned_to
    units = row.units
    n = len(units.sums)
    if not n:
        return None
    demanded, negated, margin = 0.0, units.negated(), tuned.margin
    if threshold is not None and tuned.threshold is not None:
        demanded = float(oriented(observed, np.array([tuned.threshold]))[0])
    allowed = demanded - margin
    if threshold is not None and observed.plan.per == "case" and allowed > 0 and demanded < 1 and margin > 0:
        method = "likelihood ratio"
        better, worse = ratio_wealth(units, allowed, margin), ratio_wealth(negated, demanded, margin)
    else:
        method = "betting on samples" if observed.by_samples else "betting on case means"
        # How many clusters of the user's there will be is not known; cases that ask the same turn up on the way, and
        # the bets that were made before must stay as they are.
        has_end = observed.clusters is None or observed.clusters_known_by == "texts"
        has_end = has_end and hurries and tuned.horizon > 0
        ends = [Horizon(tuned.horizon, level) if has_end else None for level in levels]
        gain = margin or _GAIN_WITHOUT_MARGIN
        better = tuned_wealth(units, allowed, gain, ends[0], row.expected)
        worse = tuned_wealth(negated, -demanded, gain, ends[1], row.expected)
    total = float(units.sizes.sum())
    value, demanded = float(units.sums.sum()) / total, threshold or 0.0
    spread = math.sqrt(float(((units.sums - value * units.sizes) ** 2).sum()) * n / max(n - 1, 1)) / total
    return BettingContrast(
        better=better,
        worse=worse,
        allowed=demanded - observed.plan.margin,
        demanded=demanded,
        rows=row.ends,
        value=width * (value - demanded),
        standard_error=width * (spread if n > 1 else 0.5),
        method=f"{method}, valid whenever one stops",
        width=width,
        last=observed.n_rows if observed.is_drawn else None,
    )


# ------------------------------------------------------------------------------------------------------- a whole suite


def may_pass_early(suite_size: int, margin: float, level: float) -> bool:
    """Tell whether a suite is so large that its level is better shared between stopping early and its last case.

    It takes log(1 / level) / log(1 + stake * margin) cases that are all equal to pass by bets.

    >>> may_pass_early(100, 0.05, 0.045), may_pass_early(200, 0.05, 0.045)
    (False, True)
    """
    if margin <= 0:
        return False
    growth = math.log1p(min(_LARGEST_STAKE / max(1 - margin, 1e-3), 1.0) * margin)
    return suite_size >= _LARGE * -math.log(EARLY_SHARE * level) / growth


def early_shares(observed: Observations, level: float) -> tuple[float, float]:
    """The shares of the level that may be spent before the last case: on a pass, and on a red.

    They follow from what is known before the first case.
    """
    tuned = observed.tuned_to
    if not tuned.stops:
        return 0.0, 0.0
    size = observed.suite_size or tuned.horizon
    return (EARLY_SHARE if may_pass_early(size, tuned.margin, level) else SMALL_SHARE), EARLY_SHARE


@dataclass(frozen=True, slots=True)
class TwoStageContrast:
    """A difference over the cases of a suite, with bounds that hold whenever one stops: the better of both stages.

    Attributes:
        early: bets on the cases so far; None where there is no unit.
        whole: the contrast of the whole suite; None until it is drawn.
        shares: of the level, for `early`: of the lower and of the upper bound.
        n_rows: how many cases there are.
        margin: the largest drop that still counts as no worse.
        width: the farthest that the difference can be from 0.
    """

    early: BettingContrast | None
    whole: Contrast | None
    shares: tuple[float, float]
    n_rows: int
    margin: float = 0.0
    width: float = 1.0

    @property
    def _shown(self) -> Contrast | BettingContrast:
        shown = self.whole or self.early
        assert shown is not None
        return shown

    @property
    def value(self) -> float:
        """The estimated difference: of the whole, or of the cases so far."""
        return self._shown.value

    @property
    def standard_error(self) -> float:
        """Its standard error."""
        return self._shown.standard_error

    @property
    def method(self) -> str:
        """The method behind the bounds."""
        before = "about these cases, before all are drawn: " if self.whole is None else ""
        return f"{before}{self._shown.method}"

    @property
    def p_less(self) -> float:
        """One-sided p-value for a true difference of 0 or more."""
        early = [self.early.p_less / self.shares[1]] if self.early and self.shares[1] else []
        whole = [self.whole.p_less / (1 - self.shares[1])] if self.whole else []
        return min([1.0, *early, *whole])

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound."""
        level, (share, _) = 1 - confidence_level, self.shares
        whole = -self.width if self.whole is None else self.whole.lower(1 - level * (1 - share))
        return max(whole, self.early.lower(1 - level * share)) if self.early and share else whole

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound."""
        level, (_, share) = 1 - confidence_level, self.shares
        whole = self.width if self.whole is None else self.whole.upper(1 - level * (1 - share))
        return min(whole, self.early.upper(1 - level * share)) if self.early and share else whole

    def ends(self, levels: Levels, *, beyond: bool = False) -> Ends:
        """When bets showed it first, as they have it; else all rows, where they are a whole suite, which shows it."""
        passed, red = None, None
        if self.early and all(self.shares):
            own = levels[0] * self.shares[0], levels[1] * self.shares[1]
            passed, red = self.early.ends(own, beyond=beyond)
        if self.whole is not None and passed is None and self.lower(1 - levels[0]) > -self.margin:
            passed = self.n_rows
        if self.whole is not None and red is None and self.upper(1 - levels[1]) < (-self.margin if beyond else 0.0):
            red = self.n_rows
        return passed, red
