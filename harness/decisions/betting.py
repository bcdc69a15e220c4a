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
_BETS_TRIED = np.geomspace(0.01, 0.95, 25)
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


def expected_variances(noise: FloatArray) -> FloatArray:
    """The variance that each unit is expected to have, (n,), by the samples of those before it.

    Args:
        noise: (n,) the share of a single sample's variance that each unit has.
    """
    before = np.concatenate([[_NOISE], np.cumsum(noise) / np.arange(1, len(noise) + 1)])[: len(noise)]
    expected: FloatArray = _BETWEEN + _WITHIN * before
    return expected


def _row(observed: Observations, values: FloatArray, low: float, noise: FloatArray) -> DrawnUnits:
    """Adjacent cases of one cluster are one unit; a case whose cluster had its turn before adds no evidence.

    A cluster of the user's field is bet on by its sum, so that each case counts alike; copies by their mean, for a case
    is no more of a case by being there twice. A unit is whole before it counts, and what is left out is settled by what
    the case asked and what was asked before it: every bet is on a unit that the bets before know nothing of.
    """
    there = np.flatnonzero(~np.isnan(values))
    expected = expected_variances(noise[there])
    if observed.clusters is None or observed.by_samples:
        return DrawnUnits(Units(values[there], np.ones(len(there)), low), tuple((there + 1).tolist()), expected)
    sums: list[float] = []
    sizes: list[int] = []
    ends: list[int] = []
    first: list[int] = []
    seen: set[object] = set()
    last: tuple[object, object] | None = None
    for place, number in enumerate(there.tolist()):
        label = observed.clusters[number]
        group = (label, None if observed.copies is None else observed.copies[number])
        if sums and group == last and (observed.copies is not None or sizes[-1] < observed.largest_cluster):
            sums[-1] += float(values[number])
            sizes[-1] += 1
            ends[-1] = number + 1
        elif label not in seen:
            sums.append(float(values[number]))
            sizes.append(1)
            ends.append(number + 1)
            first.append(place)
            seen.add(label)
            last = group
    totals, counts = np.array(sums), np.array(sizes, dtype=np.float64)
    if observed.copies is not None:
        totals, counts = totals / np.maximum(counts, 1), np.ones(len(counts))
    return DrawnUnits(Units(totals, counts, low, float(observed.largest_cluster)), tuple(ends), expected[first])


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

    def growth_needed(self, level: float, red_level: float) -> float | None:
        """Estimate how many times the present units a decision takes, if those to come are like those seen.

        What is shown to be worse by less than the margin may still pass.
        """
        units = self.better.units
        times = [_times(self.better, self.allowed, level, units)]
        if self.worse.first_above(-self.demanded, red_level) is None:
            times.append(_times(self.worse, -self.demanded, red_level, _negated(units)))
        return min((each for each in times if each is not None), default=None)


def _times(wealth: Wealth, mean: float, level: float, units: Units) -> float | None:
    """Estimate how many times the present units it takes the wealth to reach 1 / level, by the best constant bet."""
    seen = units.above(mean)
    bets = _BETS_TRIED / max(mean - units.low, 1e-3)
    growth = float(np.log1p(bets[:, np.newaxis] * seen).mean(axis=1).max())
    lacking = -math.log(level) - float(wealth.log(mean)[-1])
    if growth <= 0:
        return None
    return 1 + max(0.0, lacking) / (growth * len(seen))


def _negated(units: Units) -> Units:
    """The same with more being worse: scores in [0, 1] lie in [-1, 0] then, and differences in [-1, 1] as before."""
    return Units(-units.sums, units.sizes, -1.0, units.largest)


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

    Args:
        threshold: in [0, 1], turned so that more is better.
        levels: at which it passes, and at which evidence for worse is settled at once.
        hurries: whether more is staked where little is left to come. It must not be in a finite suite: there, what has
            been drawn tells what is left, and a bettor who waits for that can win without being right.
        width: of the range that the scores were made from, for the figures.
    """
    units = row.units
    if not len(units.sums):
        return None
    demanded = 0.0 if threshold is None else threshold
    allowed = demanded - observed.plan.margin
    better, worse, method = _bettors(row, observed, threshold is not None, levels, hurries=hurries)
    n = float(units.sizes.sum())
    value = float(units.sums.sum()) / n
    return BettingContrast(
        better=better,
        worse=worse,
        allowed=allowed,
        demanded=demanded,
        high=1.0,
        ends=row.ends,
        value=width * (value - demanded),
        standard_error=width * _standard_error(units, value),
        method=f"{method}, valid whenever one stops",
        width=width,
        last=observed.n_rows if observed.is_drawn else None,
    )


def _bettors(
    row: DrawnUnits, observed: Observations, against_threshold: bool, levels: tuple[float, float], *, hurries: bool
) -> tuple[Wealth, Wealth, str]:
    """Set up the bettors for and against the candidate by the stakes of the first look, and name their method."""
    tuned, units = observed.tuned_to, row.units
    demanded = 0.0
    if against_threshold and tuned.threshold is not None:
        demanded = float(oriented(observed, np.array([tuned.threshold]))[0])
    allowed, gain, negated = demanded - tuned.margin, tuned.margin or _GAIN_WITHOUT_MARGIN, _negated(units)
    if against_threshold and observed.plan.per == "case" and allowed > 0 and demanded < 1 and tuned.margin > 0:
        return (
            ratio_wealth(units, allowed, tuned.margin),
            ratio_wealth(negated, demanded, tuned.margin),
            "likelihood ratio",
        )
    has_end = hurries and tuned.horizon > 0 and _has_end(observed)
    ends = [Horizon(tuned.horizon, level) if has_end else None for level in levels]
    method = "betting on samples" if observed.by_samples else "betting on case means"
    better = tuned_wealth(units, allowed, gain, ends[0], row.expected)
    return better, tuned_wealth(negated, -demanded, gain, ends[1], row.expected), method


def _has_end(observed: Observations) -> bool:
    """Tell whether the largest number of units is known: it is not for the user's clusters.

    Cases that ask the same turn up on the way, and the bets that were made before must stay as they are.
    """
    return observed.clusters is None or observed.clusters_known_by == "texts"


def _standard_error(units: Units, value: float) -> float:
    n = len(units.sums)
    if n < 2:
        return 0.5
    residuals = units.sums - value * units.sizes
    return math.sqrt(float((residuals**2).sum()) * n / (n - 1)) / float(units.sizes.sum())
