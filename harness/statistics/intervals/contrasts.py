"""One number weighed against another: what a verdict asks of every kind of comparison."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import special

from harness.statistics.arrays import IntArray
from harness.statistics.noise import Draws, recovered_half
from harness.statistics.searching import halved
from harness.statistics.spread import MeanSpread, is_thin

#: Skewness of differences from which on t passes a drop of the margin in 6 of 100 runs and more.
LOPSIDED = 0.5


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
class StudentContrast:
    """A difference whose standard error has degrees of freedom: paired on cases, or Welch's.

    `least` and `most` are how small and how large it can be; bounds stay between them.
    """

    value: float
    standard_error: float
    degrees: float
    method: str
    least: float = -math.inf
    most: float = math.inf

    @property
    def p_less(self) -> float:
        """One-sided p-value for a true difference of 0 or more."""
        if self.standard_error <= 0:
            return 0.0 if self.value < 0 else 1.0
        return float(special.stdtr(self.degrees, self.value / self.standard_error))

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound."""
        return max(self.least, self.value - self._half(confidence_level))

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound."""
        return min(self.most, self.value + self._half(confidence_level))

    def _half(self, confidence_level: float) -> float:
        return float(special.stdtrit(self.degrees, confidence_level)) * self.standard_error


@dataclass(frozen=True, slots=True)
class ScaledContrast:
    """A contrast of scores in [0, 1], in the unit of the measure that they were made from."""

    scores: Contrast
    width: float

    @property
    def value(self) -> float:
        """The estimated difference."""
        return self.scores.value * self.width

    @property
    def standard_error(self) -> float:
        """Its standard error."""
        return self.scores.standard_error * self.width

    @property
    def method(self) -> str:
        """The method behind the bounds."""
        return self.scores.method

    @property
    def p_less(self) -> float:
        """One-sided p-value for a true difference of 0 or more."""
        return self.scores.p_less

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound."""
        return self.scores.lower(confidence_level) * self.width

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound."""
        return self.scores.upper(confidence_level) * self.width


@dataclass(frozen=True, slots=True)
class UnknownContrast:
    """A difference without any measure of its spread: all numbers equal on an unbounded scale, or a single one."""

    value: float
    standard_error: float = math.inf
    p_less: float = 1.0
    method: str = "no spread to judge by"

    def lower(self, confidence_level: float) -> float:  # noqa: ARG002 - no level bounds it
        """The one-sided lower bound."""
        return -math.inf

    def upper(self, confidence_level: float) -> float:  # noqa: ARG002 - no level bounds it
        """The one-sided upper bound."""
        return math.inf


@dataclass(frozen=True, slots=True)
class GuardedContrast:
    """A mean of bounded numbers whose bounds also see what the sample can't.

    A part of the population that lies at the far end of the scale goes unseen by n units with a chance of `tail` as
    long as it is 1 - tail^(1/n) of them (C. J. Clopper, E. S. Pearson 1934, for 0 of n). No variance tells of it, so a
    bound is at least so far from the value, times the room that is left on its side.

    Attributes
    ----------
    inner : the contrast whose bounds are used where they are wider.
    units : what is drawn from the population, one draw each.
    least, most : how small and how large the value can be.
    """

    inner: Contrast
    units: Draws
    least: float
    most: float

    @property
    def value(self) -> float:
        """The estimated difference."""
        return self.inner.value

    @property
    def standard_error(self) -> float:
        """Its standard error."""
        return self.inner.standard_error

    @property
    def method(self) -> str:
        """The method behind the bounds; those at 0.95 tell whether the sample is too small for the inner ones."""
        if self.lower(0.95) < self.inner.lower(0.95) or self.upper(0.95) > self.inner.upper(0.95):
            return f"{self.inner.method}; wider for what so few cases can't show"
        return self.inner.method

    @property
    def p_less(self) -> float:
        """One-sided p-value for a true difference of 0 or more."""
        if self.value >= 0:
            return self.inner.p_less
        return max(self.inner.p_less, tail_where_negative(self._unseen_upper))

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound."""
        unseen = self.value - (self.value - self.least) * self.units.unseen(1 - confidence_level)
        return min(self.inner.lower(confidence_level), unseen)

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound."""
        return max(self.inner.upper(confidence_level), self._unseen_upper(1 - confidence_level))

    def _unseen_upper(self, tail: float) -> float:
        return self.value + (self.most - self.value) * self.units.unseen(tail)


@dataclass(frozen=True, slots=True)
class LopsidedContrast:
    """A mean of bounded numbers of which few carry the variance, or that are skewed: wider than Student's t.

    A sample that by luck misses those that lose most has a higher mean and a smaller variance, so that t errs on both
    at once. Here the units are taken for what Poisson counts of two kinds of events would leave behind, one that lowers
    the mean and one that raises it, all of one size, with the second, third and fourth moment of the units; their
    bounds are `recovered_half`. The bound is the wider of that and t's.

    Attributes
    ----------
    mean : of the numbers.
    offset : what is subtracted from it.
    least, most : how small and how large the difference can be.
    """

    mean: MeanSpread
    offset: float
    least: float
    most: float

    @property
    def value(self) -> float:
        """The estimated difference."""
        return self.mean.value - self.offset

    @property
    def standard_error(self) -> float:
        """Its standard error."""
        return self.mean.standard_error

    @property
    def method(self) -> str:
        """The method behind the bounds."""
        return f"few cases weigh most: wider of t and recovered Poisson bounds (MOVER), {self.mean.degrees} df"

    @property
    def p_less(self) -> float:
        """One-sided p-value for a true difference of 0 or more."""
        if self.value >= 0:
            return 1.0
        return tail_where_negative(lambda tail: self.value + self._half(tail, 1.0))

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound."""
        return max(self.least, self.value - self._half(1 - confidence_level, -1.0))

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound."""
        return min(self.most, self.value + self._half(1 - confidence_level, 1.0))

    def _half(self, tail: float, side: float) -> float:
        events = self.mean.carriers
        lean = side * self.mean.skewness * math.sqrt(events / (self.mean.degrees + 1))
        share = min(1.0, max(0.0, (1 + lean) / 2))
        recovered = recovered_half(share * events, (1 - share) * events, tail) / math.sqrt(events)
        return max(recovered, float(special.stdtrit(self.mean.degrees, 1 - tail))) * self.mean.standard_error


def is_lopsided(mean: MeanSpread) -> bool:
    """Tell whether Student's t can't be trusted with graded numbers: few carry the variance, or they are skewed."""
    return is_thin(mean) or abs(mean.skewness) > LOPSIDED


def guarded(inner: Contrast, n_units: int, groups: IntArray | None, ends: tuple[float, float]) -> GuardedContrast:
    """A contrast over cases, or clusters, with bounds that see what these can't show (see `GuardedContrast`)."""
    sizes = np.ones(n_units) if groups is None else np.bincount(groups).astype(np.float64)
    return GuardedContrast(inner, Draws.of(sizes / sizes.sum(), np.ones(n_units)), *ends)


def tail_where_negative(upper_at: Callable[[float], float]) -> float:
    """The smallest tail at which an upper bound falls below 0; at most 0.5.

    Parameters
    ----------
    upper_at : the bound as a function of its tail, falling as the tail grows to 0.5
    """
    if upper_at(0.5) >= 0:
        return 0.5
    if upper_at(1e-15) < 0:
        return 1e-15
    return math.exp(halved(lambda log: upper_at(math.exp(log)) < 0, math.log(1e-15), math.log(0.5), 45)[1])
