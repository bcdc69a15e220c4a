"""The comparisons of a sequential design: units in the order drawn, and bets on them for and against the candidate."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from harness.decisions.observations import Observations, oriented
from harness.statistics.arrays import FloatArray, case_means
from harness.statistics.betting.sequential import Horizon, Units, Wealth, ratio_wealth, tuned_wealth

#: What bets are tuned to where no drop is allowed: a gain that a suite of some hundred cases can show.
_GAIN_WITHOUT_MARGIN = 0.05
#: Before anything is seen: the variance of the cases' true means (or of their differences), that of a single sample,
#: and the share of it that a unit has: 1/5 for each of two versions with five samples a case.
_BETWEEN, _WITHIN, _NOISE = 0.04, 0.05, 0.4


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


def threshold_row(observed: Observations) -> DrawnUnits:
    """The scores that are weighed against a threshold, turned so that more is better."""
    scores = oriented(observed, observed.candidate)
    if observed.by_samples:
        return _row(observed, scores[0], 0.0, np.ones(scores.shape[1]))
    return _row(observed, case_means(scores), 0.0, _noise(scores))


def baseline_row(observed: Observations) -> DrawnUnits:
    """The differences that are weighed against the baseline, of cases (or samples of a single case) that both have."""
    assert observed.baseline is not None
    ours, theirs = oriented(observed, observed.candidate), oriented(observed, observed.baseline)
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
    values, noise, copies = values[there], noise[there], observed.copies
    before = np.concatenate([[_NOISE], np.cumsum(noise) / np.arange(1, len(noise) + 1)])[: len(noise)]
    expected: FloatArray = _BETWEEN + _WITHIN * before
    if observed.clusters is None or observed.by_samples:
        return DrawnUnits(Units(values, np.ones(len(there)), low), tuple((there + 1).tolist()), expected)
    members: list[list[int]] = []
    groups: list[tuple[object, object]] = []
    seen: set[object] = set()
    for place, number in enumerate(there.tolist()):
        label = observed.clusters[number]
        group = label, None if copies is None else copies[number]
        if groups and group == groups[-1] and (copies is not None or len(members[-1]) < observed.largest_cluster):
            members[-1].append(place)
        elif label not in seen:
            members.append([place])
            groups.append(group)
            seen.add(label)
    starts = np.array([each[0] for each in members], dtype=np.int64)
    sizes = np.array([len(each) for each in members], dtype=np.float64)
    sums = np.array([values[each].sum() for each in members])
    if copies is not None:
        sums, sizes = sums / sizes, np.ones(len(sizes))
    ends = tuple(int(there[each[-1]]) + 1 for each in members)
    return DrawnUnits(Units(sums, sizes, low, float(observed.largest_cluster)), ends, expected[starts])


@dataclass(frozen=True, slots=True)
class BettingContrast:
    """A difference with bounds that hold whenever one stops.

    Attributes:
        better: bets on the candidate being no worse by more than the margin.
        worse: bets on its being worse.
        allowed: the mean that `better` is against, in the units' own numbers.
        demanded: the mean that `worse` is against, in the units' own numbers (theirs are those of `better`, negated).
        high: the largest mean possible.
        ends: how many rows each unit ends at.
        last: the number of rows, where these are all that there will be; else None.
        width: what a score of 1 is in the unit of the measure that the scores were made from; figures are in that unit.
    """

    better: Wealth
    worse: Wealth
    allowed: float
    demanded: float
    high: float
    ends: tuple[int, ...]
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
        return self.width * (self.better.bound(1 - confidence_level, self.high) - self.demanded)

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound of the difference."""
        lowest = self.better.units.low
        return self.width * (-self.worse.bound(1 - confidence_level, -lowest) - self.demanded)

    def passed_at(self, level: float) -> int | None:
        """Give the number of rows at which it was first proven to be no worse by more than the margin."""
        units = self.better.first_above(self.allowed, level)
        return None if units is None else self.ends[units - 1]

    def worse_at(self, level: float) -> int | None:
        """Give the number of rows at which it was first proven to be worse while its mean was below what is allowed.

        What is worse by less may pass yet: it is red after the last row alone.
        """
        units = self.worse.first_above(-self.demanded, level)
        if units is None:
            return None
        seen = self.better.units
        is_below = np.cumsum(seen.sums)[units - 1 :] < self.allowed * np.cumsum(seen.sizes)[units - 1 :]
        return self.ends[units - 1 + int(is_below.argmax())] if is_below.any() else self.last

    def beyond_at(self, level: float) -> int | None:
        """Give the number of rows at which it was first proven to be worse by more than the margin."""
        units = self.worse.first_above(-self.allowed, level)
        return None if units is None else self.ends[units - 1]


def betting_contrast(
    row: DrawnUnits,
    observed: Observations,
    threshold: float | None,
    levels: tuple[float, float],
    width: float = 1.0,
    *,
    hurries: bool = True,
) -> BettingContrast | None:
    """The contrast of a row with the baseline (threshold None) or a threshold; None where there is no unit.

    The bettors for and against the candidate have the stakes of the first look.

    Args:
        threshold: in [0, 1], turned so that more is better.
        levels: at which it passes, and at which evidence for worse is settled at once.
        hurries: whether more is staked where little is left to come. It must not be in a finite suite: there, what has
            been drawn tells what is left, and a bettor who waits for that can win without being right.
        width: of the range that the scores were made from, for the figures.
    """
    units, tuned = row.units, observed.tuned_to
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
        high=1.0,
        ends=row.ends,
        value=width * (value - demanded),
        standard_error=width * (spread if n > 1 else 0.5),
        method=f"{method}, valid whenever one stops",
        width=width,
        last=observed.n_rows if observed.is_drawn else None,
    )
