"""Bets against a mean that are tuned to a margin: evidence and bounds that hold whenever one stops."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from harness.statistics.arrays import FloatArray, check_confidence

#: The share of the wealth that a bet can lose at most, so that one bad number never ends the game.
MOST_LOST = 0.95
#: A mean this close to the lowest number possible is bet against as if it were this far from it.
LEAST_ROOM = 1e-3
#: The variance of a unit is taken to be what was expected of it at first. That counts for so many units, for fewer once
#: it turns out to be calmer: `_DOUBT` is the sum of squares from which on less than was expected is no accident.
_EXPECTED_UNITS = 60
_DOUBT = 0.5
#: Fourth moment of a unit as a share of its second: 1 where all are -1, 0 or 1, less where they are means of samples.
_TAIL = 0.5
#: The part of the fastest bet that is staked.
_CAUTION = 0.9
#: A bound is found to within this share of the means that are possible.
_NEAR = 2.0**-34
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Units:
    """The units that are bet on, one after another: cases, clusters of cases, or the samples of a single case.

    Attributes
    ----------
    sums : (n,) the sum of a unit's values
    sizes : (n,) how many values that are; all 1 where units are single values
    low : the smallest value possible
    largest : the most values that a unit can have, known before the first is drawn
    """

    sums: FloatArray
    sizes: FloatArray
    low: float
    largest: float = 1.0

    def above(self, mean: float | FloatArray) -> FloatArray:
        """Give each unit's distance above a mean, (n,), in shares of the largest unit; it averages 0 at that mean."""
        distances: FloatArray = (self.sums - mean * self.sizes) / self.largest
        return distances

    def negated(self) -> Units:
        """The same with more being worse: scores in [0, 1] lie in [-1, 0] then, differences in [-1, 1] as before."""
        return Units(-self.sums, self.sizes, -1.0, self.largest)


@dataclass(frozen=True, slots=True)
class Wealth:
    """The wealth of a bettor who stakes on every unit lying above a mean: an e-process against it, for each mean.

    The stakes are the same for every mean (less where they could ruin), and each is settled by the units before its
    own. If the mean is not above `m`, the wealth against `m` is a nonnegative supermartingale that starts at 1: it
    reaches 1 / level with a chance of at most `level`, whenever one looks (Ville 1939). It falls as `m` grows, so the
    means that it rules out lie below a bound.

    References
    ----------
    I. Waudby-Smith, A. Ramdas (2024), Estimating means of bounded random variables by betting, J. R. Statistical
    Society B 86:1-27: capital processes, predictable bets and their inversion.
    """

    units: Units
    stakes: FloatArray

    def log(self, mean: float) -> FloatArray:
        """Natural logarithm of the wealth against a mean after each unit, (n,)."""
        stakes = np.minimum(self.stakes, _most(mean, self.units.low))
        logs: FloatArray = np.cumsum(np.log1p(stakes * self.units.above(mean)))
        return logs

    def first_above(self, mean: float, level: float) -> int | None:
        """The number of units after which the wealth first reaches 1 / level, or None."""
        if mean < self.units.low:
            return 1 if len(self.stakes) else None
        reached = self.log(mean) >= -math.log(level)
        return int(reached.argmax()) + 1 if reached.any() else None

    def bound(self, level: float, high: float) -> float:
        """The mean below which all are ruled out.

        Parameters
        ----------
        level : the chance of being wrong, in (0, 1)
        high : the largest mean possible
        """
        if len(self.stakes) == 0:
            return self.units.low
        return crossing(lambda mean: float(self.log(mean).max()) + math.log(level), self.units.low, high)


@dataclass(frozen=True, slots=True)
class Horizon:
    """The most units that there will be, and the level whose evidence is to be reached by then.

    It is an aim and no limit: units beyond it are bet on without hurry, and change no stake of those before.
    """

    units: int
    level: float


def tuned_wealth(
    units: Units, mean: float, gain: float, horizon: Horizon | None = None, expected: FloatArray | float = 0.06
) -> Wealth:
    """Bets against `mean` that grow fastest if the truth lies `gain` above it, and learn the spread as they go.

    A bet of gain / (variance + gain²) is the best constant one for small gains (Kelly 1956; Waudby-Smith and Ramdas
    2024, section 5); where units can lie far from their mean the best is less, see `_fastest`. The variance is that of
    the units before, with a guess to begin with. Nine tenths of the fastest bet waver a tenth less, so that more suites
    are decided before their last case. Once what was seen is more than one standard error above `gain`, the bet follows
    it: a large drop is found sooner. A bettor who is behind with few units left bets more; that loses nothing on
    average and decides more suites before their last case.

    Parameters
    ----------
    mean : to bet against
    gain : above 0
    horizon : known before the first unit; None for no end
    expected : variance that a unit is expected to have; (n,) where each has its own, which may depend on those before

    References
    ----------
    S. Browne (1999), Reaching goals by a deadline, Advances in Applied Probability 31:551-577, and E. O. Taga,
    S. Oymak, S. Shekhar (2026), Learning to bet for horizon-aware anytime-valid testing, PMLR 306, for why to hurry
    when behind.

    Examples
    --------
    >>> level = Units(np.zeros(100), np.ones(100), low=-1.0)
    >>> tuned_wealth(level, -0.05, 0.05).first_above(-0.05, level=0.05)
    67
    """
    if not gain > 0:
        raise ValueError(f"gain = {gain!r} is not above 0.")
    seen, most, n = units.above(mean), _most(mean, units.low), np.arange(len(units.sums))
    doubted = (_DOUBT + _before((seen - gain) ** 2)) / (_DOUBT + n * expected)
    weights = _EXPECTED_UNITS * np.minimum(doubted, 1 / doubted)
    means = (_before(seen) + weights * gain) / (n + weights)
    squares = (_before(seen**2) + weights * (expected + gain**2)) / (n + weights)
    variances = np.maximum(squares - means**2, 1e-12)
    aims = np.maximum(gain, means - np.sqrt(variances / (n + weights)))
    stakes = np.minimum(_CAUTION * _fastest(aims, variances), most)
    if horizon is not None:
        stakes = _hurried(stakes, seen, np.sqrt(variances), gain, horizon, most)
    return Wealth(units, stakes)


def _most(mean: float, low: float) -> float:
    """The largest stake against a mean that no unit can ruin."""
    return MOST_LOST / max(mean - low, LEAST_ROOM)


def crossing(falling: Callable[[float], float], low: float, high: float) -> float:
    """The largest number found in a range at which a falling function is not below 0, or `low`.

    It lies less than _NEAR of the range below the point where the function crosses 0. Halving would find that in 34
    steps, this in about 16: by the secant, from half of its height for an end that stayed (the Illinois algorithm).

    References
    ----------
    M. Dowell, P. Jarratt (1971), A modified regula falsi method for computing the root of an equation, BIT 11:168-174.
    """
    at_low, at_high = falling(low), falling(high)
    if at_low < 0 or at_high >= 0:
        return low if at_low < 0 else high
    near, moved = _NEAR * (high - low), 0
    while high - low > near:
        step = (high - low) * at_low / (at_low - at_high)
        tried = low + min(max(step, near / 2), high - low - near / 2)
        crossing = falling(tried)
        if crossing >= 0:
            at_high *= 0.5 if moved > 0 else 1.0
            low, at_low, moved = tried, crossing, 1
        else:
            at_low *= 0.5 if moved < 0 else 1.0
            high, at_high, moved = tried, crossing, -1
    return low


def _fastest(aims: FloatArray, variances: FloatArray) -> FloatArray:
    """The stakes at which wealth grows fastest, (n,), on units as likely to lie far above as far below their mean.

    The growth of a stake s is s·m1 - s²·m2 / 2 + s³·m3 / 3 - s⁴·m4 / 4 to the fourth order, with the moments of a unit.
    Without m3 it is largest where s + (m4 / m2)·s³ = m1 / m2: Viète's solution for one real root.
    """
    scale = math.sqrt(3 * _TAIL)
    stakes: FloatArray = 2 / scale * np.sinh(np.arcsinh(1.5 * scale * aims / (variances + aims**2)) / 3)
    return stakes


def _hurried(
    stakes: FloatArray, seen: FloatArray, spreads: FloatArray, gain: float, horizon: Horizon, most: float
) -> FloatArray:
    """The stakes, raised where the wealth lags behind what the units that are left can still bring.

    To what the best test of those units would stake: the power of the normal test given the wealth so far is a fair
    game, Phi((S - c) / (sd * sqrt(left))), whose relative slope is phi(z) / (Phi(z) * sd * sqrt(left)). And to what it
    takes if each of them lies just where it is expected: the normal test alone comes near its goal without reaching it.
    """
    wealth, raised = 1.0, stakes.tolist()
    ahead = zip(raised[: horizon.units], seen.tolist(), spreads.tolist(), strict=False)
    for number, (stake, value, spread) in enumerate(ahead):
        share = max(wealth * horizon.level, 1e-300)
        if share >= 1:
            break
        left = horizon.units - number
        tested = _NORMAL.pdf(_NORMAL.inv_cdf(share)) / (share * spread * math.sqrt(left))
        calm = (share ** (-1 / left) - 1) / gain
        raised[number] = min(max(stake, tested, calm), most)
        wealth *= 1 + raised[number] * value
    return np.array(raised)


def ratio_wealth(units: Units, rate: float, gain: float) -> Wealth:
    """Bets against a pass rate whose wealth on scores of 0 and 1 is the likelihood ratio of rate + gain to it.

    On scores turned round (0 and -1) it is that of rate - gain. Scores between 0 and 1 are valid too.

    Parameters
    ----------
    rate : of the scores as they were before they were turned, in (0, 1)
    gain : above 0

    References
    ----------
    A. Wald (1945), Sequential tests of statistical hypotheses, Annals of Mathematical Statistics 16:117-186.

    Examples
    --------
    >>> scores = Units(np.array([1.0, 0.0]), np.ones(2), low=0.0)
    >>> [round(float(w), 4) for w in np.exp(ratio_wealth(scores, 0.8, 0.1).log(0.8))]
    [1.125, 0.5625]
    """
    if not (0 < rate < 1 and gain > 0):
        raise ValueError(f"rate = {rate!r} is not strictly between 0 and 1, or gain = {gain!r} not above 0.")
    return Wealth(units, np.full(len(units.sums), gain / (rate * (1 - rate))))


def anytime_interval(units: Units, confidence_level: float = 0.95) -> tuple[float, float]:
    """Two-sided bounds of the mean of scores in [0, 1] that hold whenever one stops.

    Parameters
    ----------
    units : of values in [0, 1] (low=0), at least one, in the order drawn
    confidence_level : in (0, 1)

    References
    ----------
    Waudby-Smith and Ramdas (2024), theorem 3, for the stakes.

    Examples
    --------
    >>> low, high = anytime_interval(Units(np.ones(60), np.ones(60), low=0.0))
    >>> round(low, 2), high
    (0.94, 1.0)
    """
    tail = (1 - check_confidence(confidence_level)) / 2
    if not len(units.sums):
        raise ValueError("There is no unit: an interval needs at least one.")
    stakes = anytime_stakes(units, tail)
    low = Wealth(units, stakes).bound(tail, 1.0)
    return low, max(low, -Wealth(units.negated(), stakes).bound(tail, 0.0))


def anytime_stakes(units: Units, tail: float, expected: float = 0.25) -> FloatArray:
    """Stakes of sqrt(2 log(1 / tail) / (variance · t · log(1 + t))), (n,), with the variance of the units before, and
    the `expected` one for a unit.
    """
    means = (0.5 + np.cumsum(units.sums)) / (1 + np.cumsum(units.sizes))
    squares = np.maximum(expected + _before(units.above(means) ** 2), 1e-12)
    stakes: FloatArray = np.sqrt(2 * math.log(1 / tail) / (squares * np.log1p(np.arange(1, len(means) + 1))))
    return stakes


def _before(values: FloatArray) -> FloatArray:
    """The sum of all values before each."""
    sums = np.zeros_like(values)
    np.cumsum(values[:-1], out=sums[1:])
    return sums
