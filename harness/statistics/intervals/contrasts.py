"""One number weighed against another: what a verdict asks of every kind of comparison."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import special

from harness.statistics.searching import halved
from harness.statistics.spread import MeanSpread

#: How many standard errors off the others are tried with what is unseen: from its own quantile to so far the other way.
_FAR, _PLACES = 5.0, 33


class Contrast(Protocol):
    """A difference, with one-sided bounds at any level.

    `lower` is the bound that a proof of "no worse" rests on and keeps its coverage where data are thin; `upper` is the
    one that a proof of "worse" rests on, and `p_less` its p-value: upper(1 - level) < 0 exactly when p_less < level.
    """

    @property
    def value(self) -> float:
        """The estimated difference."""

    @property
    def standard_error(self) -> float:
        """Its standard error."""

    @property
    def method(self) -> str:
        """The method behind the bounds, in a few words."""

    @property
    def p_less(self) -> float:
        """One-sided p-value for a true difference of 0 or more."""

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound."""

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound."""


@dataclass(frozen=True, slots=True)
class HalfContrast:
    """A difference between `least` and `most`, with bounds at a distance from it that its subclasses give."""

    value: float
    least: float
    most: float

    def half(self, tail: float, side: float) -> float:
        """The distance to the bound that is wrong with a chance of `tail`: above for a side of 1, below for -1."""
        raise NotImplementedError

    @property
    def p_less(self) -> float:
        """One-sided p-value for a true difference of 0 or more."""
        return 1.0 if self.value >= 0 else _tail_where_negative(lambda tail: self.value + self.half(tail, 1.0))

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound."""
        return max(self.least, self.value - self.half(1 - confidence_level, -1.0))

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound."""
        return min(self.most, self.value + self.half(1 - confidence_level, 1.0))


@dataclass(frozen=True, slots=True)
class Rest:
    """What the variance of a mean of numbers between two ends does not tell.

    A part s of the population that lies at the far end of the scale goes unseen by n units with a chance of (1 - s)^n
    (C. J. Clopper, E. S. Pearson 1934, for 0 of n), and the mean of the others must lie off by enough, too: the bound
    is the farthest of all s at which both together have a chance of `tail`.

    A sample that by luck misses those that lose most has a higher mean and a smaller variance, so that t errs on both
    at once. So the units are taken for what Poisson counts of two kinds of events would leave behind, one that lowers
    the mean and one that raises it, all of one size, with the second, third and fourth moment of the units. Their
    bounds (F. Garwood 1936, Biometrika 28:437-442) are put together as G. Y. Zou, A. Donner (2008), Statistics in
    Medicine 27:1693-1702, have it. They are exact where all events are of one kind. The more of the other kind there
    are, the less of the correction for continuity is due, down to two thirds where numbers that balance are no lattice
    (half of it was green in 0.058 of simulated gates at 50 cases of two samples where one in 20 was lost).

    Attributes
    ----------
    mean : of the numbers.
    least, most : the ends.
    whole : whether the numbers are -1, 0 and 1, less a constant.
    """

    mean: MeanSpread
    least: float
    most: float
    whole: bool

    def half(self, tail: float, side: float) -> float:
        """The distance to the bound above (side 1) or below (-1) that it asks for."""
        mean, events = self.mean, self.mean.carriers
        room = self.most - mean.value if side > 0 else mean.value - self.least
        if not events:
            return -room * math.expm1(math.log(tail) / mean.units)
        off = np.linspace(-float(special.stdtrit(mean.degrees, tail)), -_FAR, _PLACES)
        unseen = -np.expm1(np.minimum(0.0, math.log(tail) - np.log(special.stdtr(mean.degrees, -off))) / mean.units)
        lean = side * mean.skewness * math.sqrt(events / (mean.degrees + 1))
        more, fewer = events * min(1.0, max(0.0, (1 + lean) / 2)), events * min(1.0, max(0.0, (1 - lean) / 2))
        due = 1.0 if self.whole else (2 + min(1.0, abs(lean))) / 3
        above = float(special.gammaincinv(more + due, 1 - tail)) - more
        below = fewer - float(special.gammaincinv(fewer + 1 - due, tail)) if fewer > 0 else 0.0
        size = mean.standard_error / math.sqrt(events)
        above *= min(1.0, room / (size * mean.units))  # no event moves a unit beyond the end
        recovered = size * math.hypot(max(0.0, above), max(0.0, below))
        return max(float((room * unseen + mean.standard_error * off).max()), recovered)


@dataclass(frozen=True, slots=True)
class MeanContrast(HalfContrast):
    """The bound of a fixed number of units: the wider of Student's t and what the variance does not tell.

    Attributes
    ----------
    standard_error, degrees : of the difference, paired on units, or Welch's.
    rests : of the mean, and of what is subtracted from it, where that was drawn apart; their distances are squared and
        added (G. Y. Zou, A. Donner 2008, Statistics in Medicine 27:1693-1702).
    units : what they are, for the method.
    """

    standard_error: float
    degrees: float
    rests: tuple[Rest, ...]
    units: str

    @property
    def method(self) -> str:
        """The method behind the bounds; those at 0.95 tell whether t's are the wider ones."""
        student = self._student(0.05)
        if all(self.half(0.05, side) <= student for side in (-1.0, 1.0)):
            return self.units
        return f"{self.units}; wider for what so few cases can't show"

    def half(self, tail: float, side: float) -> float:
        """The distance to the bound above (side 1) or below (-1)."""
        rests = (each.half(tail, side if i == 0 else -side) for i, each in enumerate(self.rests))
        return max(self._student(tail), math.hypot(*rests))

    def _student(self, tail: float) -> float:
        if self.standard_error == 0 or self.degrees < 1:
            return 0.0
        return -float(special.stdtrit(self.degrees, tail)) * self.standard_error


@dataclass(frozen=True, slots=True)
class ScaledContrast:
    """A contrast in another unit, by a growing function of its numbers.

    Attributes
    ----------
    worse : what evidence for worse, and the value, is about.
    in_unit : a number of `worse` in the other unit.
    scale : a small change of it in the other unit, where the value is.
    kept : what evidence for no worse is about, and `kept_in_unit` its numbers; None where that is `worse`, too.
    method : the method behind the bounds.
    """

    worse: Contrast
    in_unit: Callable[[float], float]
    scale: float
    method: str
    kept: Contrast | None = None
    kept_in_unit: Callable[[float], float] | None = None

    @property
    def value(self) -> float:
        """The estimated difference."""
        return self.in_unit(self.worse.value)

    @property
    def standard_error(self) -> float:
        """Its standard error, by the delta method."""
        return self.worse.standard_error * self.scale

    @property
    def p_less(self) -> float:
        """One-sided p-value for a true difference of 0 or more."""
        return self.worse.p_less

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound."""
        return (self.kept_in_unit or self.in_unit)((self.kept or self.worse).lower(confidence_level))

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound."""
        return self.in_unit(self.worse.upper(confidence_level))


def scaled(contrast: Contrast, width: float) -> Contrast:
    """A contrast of scores in [0, 1], in the unit of the measure that they were made from."""
    return contrast if width == 1 else ScaledContrast(contrast, lambda each: each * width, width, contrast.method)


def _tail_where_negative(upper_at: Callable[[float], float]) -> float:
    """The smallest tail at which an upper bound, which falls as the tail grows, falls below 0; at most 0.5."""
    if upper_at(0.5) >= 0:
        return 0.5
    if upper_at(1e-15) < 0:
        return 1e-15
    return math.exp(halved(lambda log: upper_at(math.exp(log)) < 0, math.log(1e-15), math.log(0.5), 36)[1])
