"""Sets the stake on the next case, and the chance of asking people, so that the cases that are left decide."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from harness.statistics.arrays import FloatArray
from harness.statistics.betting.sequential import Wealth
from harness.statistics.labels.draws import LabelQuestion
from harness.statistics.labels.evidence import Evidence
from harness.statistics.searching import halved

#: The part of the wealth that the label which one least wishes for can cost.
_MOST_LOST = 0.9
#: The part of the fastest bet that is staked, and how many standard deviations of the wealth are planned for.
_CAUTION, _RESERVE = 0.9, 0.8
#: The most labels that evidence is worth: probability for each unit of spread. Tuned by simulation: more decides more
#: suites before their last case, at the price of more labels in each.
_MOST_BUDGET = 1.2
#: Before anything is seen: a case's variance, the cases that it counts for, and those that the demanded mean counts for
#: as a multiple of 1 / margin².
_EXPECTED_VARIANCE, _EXPECTED_CASES, _EXPECTED_DEMANDED = 0.3, 10, 0.7
_HALVINGS = 8
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Forecast:
    """The labels that a judge's scores of some cases let expect, for one question.

    Attributes
    ----------
    predicted, averages : (n,) what people will say of the item that is shown, and of all samples of its case
    spread : (n,) standard deviation of what they will say around that
    """

    predicted: FloatArray
    averages: FloatArray
    spread: FloatArray


@dataclass(frozen=True, slots=True)
class DrawRule:
    """The rule of one draw for one question: settled before its cases are looked at.

    Attributes
    ----------
    low, high : between which every case's value is kept, by giving it probability enough
    stakes : on better, on worse
    budget : probability for each unit of spread
    """

    question: LabelQuestion
    low: float
    high: float
    stakes: tuple[float, float]
    budget: float

    def chances(self, look: Forecast) -> FloatArray:
        """The probability with which each case is drawn, (n,), in (0, 1]."""
        return np.minimum(self.ruin(look) + self.budget * look.spread, 1.0)

    def ruin(self, look: Forecast) -> FloatArray:
        """The smallest probability that keeps a case's value in its range whatever people say."""
        down = (look.predicted - self.question.lowest) / (look.averages - self.low)
        up = (1 - look.predicted) / (self.high - look.averages)
        return np.maximum(down, up)

    def least(self, doubt: float) -> float:
        """Give a bound below any case's probability, whatever its judge's scores; `doubt` is the least possible."""
        lowest = self.question.lowest
        grid = np.linspace(lowest, 1.0, 201)
        down, up = (grid - lowest) / (1 - self.low), (1 - grid) / (self.high - lowest)
        spread = np.sqrt(grid * (1 - grid)) * doubt if self.question.of == "rate" else 0.0
        return float(np.minimum(np.maximum(down, up) + self.budget * spread, 1.0).min()) * (1 - 1e-6)


def lacking(question: LabelQuestion, better: Wealth, worse: Wealth) -> tuple[float, float]:
    """Give the distance of the log wealth on better, and on worse, from its goal; a little where it is reached."""
    have = (0.0, 0.0)
    if len(better.stakes):
        have = float(better.log(question.allowed)[-1]), float(worse.log(-question.demanded)[-1])
    return max(-math.log(question.level) - have[0], 0.05), max(-math.log(question.red_level) - have[1], 0.05)


def paced(question: LabelQuestion, found: Evidence, seen: Forecast, left: int) -> DrawRule:
    """The rule for the next draw.

    The variance that a case's value may have for the `left` cases to reach the level tells how often to ask. In the
    approximation by a normal distribution the wealth's logarithm grows by gain² / (2 variance) a case with twice that
    variance; a reserve is planned for. The budget is the smallest at which what is left to chance by asking some alone
    adds no more.

    Parameters
    ----------
    question, found : what is asked, and what is known
    seen : cases that had their turn, or were imagined, with what is expected of them now
    left : how many cases are still to come
    """
    between = float(seen.predicted.var())
    bearable = between + float((seen.spread**2).mean())
    weight = _EXPECTED_DEMANDED / question.margin**2
    mean = (float(found.values.sum()) + question.demanded * weight) / (len(found.values) + weight)
    goals = lacking(question, found.better(), found.worse())
    for gain, logs in zip((mean - question.allowed, question.demanded - mean), goals, strict=True):
        if gain > 0:
            bearable = max(bearable, left * gain**2 / (2 * (logs + _RESERVE * math.sqrt(logs))))
    better = _stake(found.values - question.allowed, question.margin, bearable, goals[0], left)
    worse = _stake(question.demanded - found.values, question.margin, bearable, goals[1], left)
    # A case that is drawn for certain may lie a whole width below the lowest mean, where its other samples differ.
    width = 1 - question.lowest
    low = min(question.allowed - _MOST_LOST / better, question.lowest - width)
    high = max(question.demanded + _MOST_LOST / worse, 1 + width)
    stakes = (min(better, _MOST_LOST / (question.allowed - low)), min(worse, _MOST_LOST / (high - question.demanded)))
    rule = DrawRule(question, low, high, stakes, 0.0)
    ruin = rule.ruin(seen)

    def suffices(budget: float) -> bool:
        chances = np.minimum(ruin + budget * seen.spread, 1.0)
        return float((seen.spread**2 / np.maximum(chances, 1e-9)).mean()) <= bearable - between

    return replace(rule, budget=halved(suffices, 0.0, _MOST_BUDGET, _HALVINGS)[1])


def _stake(ahead: FloatArray, margin: float, variance: float, logs: float, left: int) -> float:
    """A share of gain / (variance + gain²), or what the best test of `left` cases would stake if that is more (as
    `tuned_wealth` does). `ahead` is (n,) how far each case lies on the side that is bet on.
    """
    n = len(ahead) + _EXPECTED_CASES
    mean = (float(ahead.sum()) + _EXPECTED_CASES * margin) / n
    squares = float(((ahead - mean) ** 2).sum()) + _EXPECTED_CASES * _EXPECTED_VARIANCE
    aim = max(margin, mean - math.sqrt(squares) / n)
    share = max(math.exp(-logs), 1e-300)
    tested = _NORMAL.pdf(_NORMAL.inv_cdf(share)) / (share * math.sqrt(variance * max(1, left)))
    return max(_CAUTION * aim / (variance + aim**2), tested)
