"""The comparisons of a sequential design: units in the order drawn, and bets on them for and against the candidate."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from harness.decisions.observed import Observed, oriented
from harness.statistics.arrays import FloatArray, case_means
from harness.statistics.sequential import Horizon, Units, Wealth, ratio_wealth, tuned_wealth

#: What bets are tuned to where no drop is allowed: a gain that a suite of some hundred cases can show.
_GAIN_WITHOUT_MARGIN = 0.05
_BETS_TRIED = np.geomspace(0.01, 0.95, 25)


@dataclass(frozen=True, slots=True)
class Row:
    """The units of a comparison, and how many rows of the evaluation (samples, for a single case) each ends at."""

    units: Units
    ends: tuple[int, ...]


def threshold_row(observed: Observed) -> Row:
    """The scores that are weighed against a threshold, turned so that more is better."""
    scores = oriented(observed, observed.candidate)
    return _row(observed, scores[0] if observed.by_samples else case_means(scores), low=0.0)


def baseline_row(observed: Observed) -> Row:
    """The differences that are weighed against the baseline, of cases (or samples of a single case) that both have."""
    assert observed.baseline is not None
    ours, theirs = oriented(observed, observed.candidate), oriented(observed, observed.baseline)
    if not observed.by_samples:
        return _row(observed, case_means(ours) - case_means(theirs), low=-1.0)
    both = min(ours.shape[1], theirs.shape[1])
    return _row(observed, ours[0, :both] - theirs[0, :both], low=-1.0)


def score_units(observed: Observed, scores: FloatArray) -> Units:
    """The scores of one version as units, as they are."""
    return _row(observed, scores[0] if observed.by_samples else case_means(scores), low=0.0).units


def _row(observed: Observed, values: FloatArray, low: float) -> Row:
    """Adjacent cases of one cluster are one unit; a case whose cluster had its turn before adds no evidence."""
    there = np.flatnonzero(~np.isnan(values))
    if observed.clusters is None or observed.by_samples:
        return Row(Units(values[there], np.ones(len(there)), low), tuple((there + 1).tolist()))
    sums: list[float] = []
    sizes: list[int] = []
    ends: list[int] = []
    seen: set[object] = set()
    last: object = None
    for number in there.tolist():
        label = observed.clusters[number]
        if sums and label == last and sizes[-1] < observed.largest_cluster:
            sums[-1] += float(values[number])
            sizes[-1] += 1
            ends[-1] = number + 1
        elif label not in seen:
            sums.append(float(values[number]))
            sizes.append(1)
            ends.append(number + 1)
            seen.add(label)
            last = label
    units = Units(np.array(sums), np.array(sizes, dtype=np.float64), low, float(observed.largest_cluster))
    return Row(units, tuple(ends))


@dataclass(frozen=True, slots=True)
class BettingContrast:
    """A difference with bounds that hold whenever one stops.

    Attributes:
        better: bets on the candidate being no worse by more than the margin.
        worse: bets on its being worse, up to the unit at which they are settled.
        allowed: the mean that `better` is against, in the units' own numbers.
        demanded: the mean that `worse` is against, in the units' own numbers (theirs are those of `better`, negated).
        high: the largest mean possible.
        ends: how many rows each unit ends at.
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

    @property
    def log_e_less(self) -> float:
        """Natural logarithm of the evidence for worse, when it was settled."""
        return float(self.worse.log(-self.demanded)[-1])

    @property
    def p_less(self) -> float:
        """One over the evidence for worse: a p-value that holds whenever one stops."""
        return min(1.0, math.exp(-self.log_e_less))

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound of the difference."""
        return self.width * (self.better.bound(1 - confidence_level, self.high) - self.demanded)

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound of the difference."""
        lowest = self.better.units.low
        return self.width * (-self.worse.bound(1 - confidence_level, -lowest, at_the_end=True) - self.demanded)

    def passed_at(self, level: float) -> int | None:
        """How many rows had been drawn when it was first proven to be no worse by more than the margin."""
        units = self.better.first_above(self.allowed, level)
        return None if units is None else self.ends[units - 1]

    def worse_at(self, level: float) -> int | None:
        """How many rows had been drawn when it was first proven to be worse."""
        units = self.worse.first_above(-self.demanded, level)
        return None if units is None else self.ends[units - 1]

    def growth_needed(self, level: float, red_level: float) -> float | None:
        """How many times the present units it takes to decide, if those to come are like those seen."""
        units = self.better.units
        times = [
            _times(self.better, self.allowed, level, units),
            _times(self.worse, -self.demanded, red_level, _negated(units)),
        ]
        return min((each for each in times if each is not None), default=None)

    def fewest_units(self, level: float, red_level: float) -> float:
        """How many units it would take if each lay where the mean of those seen lies: no more samples can go below."""
        units = self.better.units
        return min(_fewest(units, self.allowed, level), _fewest(_negated(units), -self.demanded, red_level))


def _fewest(units: Units, mean: float, level: float) -> float:
    distance = float(units.above(mean).mean())
    if distance <= 0:
        return math.inf
    return -math.log(level) / math.log1p(_BETS_TRIED[-1] / max(mean - units.low, 1e-3) * distance)


def _times(wealth: Wealth, mean: float, level: float, units: Units) -> float | None:
    """How many times the present units the wealth takes to reach 1 / level, at the growth of the best constant bet."""
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
    row: Row, observed: Observed, threshold: float | None, levels: tuple[float, float], width: float = 1.0
) -> BettingContrast | None:
    """The contrast of a row with the baseline (threshold None) or a threshold; None where there is no unit.

    Args:
        threshold: in [0, 1], turned so that more is better.
        levels: at which it passes, and at which evidence for worse is settled at once: it counts as it stood then.
        width: of the range that the scores were made from, for the figures.
    """
    units = row.units
    if not len(units.sums):
        return None
    demanded = 0.0 if threshold is None else threshold
    allowed = demanded - observed.margin
    gain = observed.margin or _GAIN_WITHOUT_MARGIN
    negated = _negated(units)
    if threshold is not None and observed.per == "case" and allowed > 0 and demanded < 1 and observed.margin > 0:
        better = ratio_wealth(units, allowed, observed.margin)
        worse = ratio_wealth(negated, demanded, observed.margin)
        method = "likelihood ratio"
    else:
        ends = [Horizon(observed.n_planned, level) if _has_end(observed) else None for level in levels]
        better, worse = (
            tuned_wealth(units, allowed, gain, ends[0]),
            tuned_wealth(negated, -demanded, gain, ends[1]),
        )
        method = "betting on samples" if observed.by_samples else "betting on case means"
    settled = worse.first_above(-demanded, levels[1])
    n = float(units.sizes.sum())
    value = float(units.sums.sum()) / n
    return BettingContrast(
        better=better,
        worse=worse if settled is None else worse.until(settled),
        allowed=allowed,
        demanded=demanded,
        high=1.0,
        ends=row.ends,
        value=width * (value - demanded),
        standard_error=width * _standard_error(units, value),
        method=f"{method}, valid whenever one stops",
        width=width,
    )


def _has_end(observed: Observed) -> bool:
    """Whether it is known how many units there will be: not how many clusters."""
    return observed.n_planned > 0 and observed.clusters is None


def _standard_error(units: Units, value: float) -> float:
    n = len(units.sums)
    if n < 2:
        return 0.5
    residuals = units.sums - value * units.sizes
    return math.sqrt(float((residuals**2).sum()) * n / (n - 1)) / float(units.sizes.sum())
