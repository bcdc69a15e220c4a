"""One number weighed against another: what a verdict asks of every kind of comparison."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from scipy import special


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
        """What the bounds come from, in a few words."""

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
class ConstantContrast:
    """The difference of figures without a range that are all equal: constants, as far as anybody can see.

    No bound is valid without a range, so this is the limit of t's, and as approximate. It may not be red before that
    many equal losses would be rare if gains were as likely: a sign test's p-value, half for each unit.
    """

    value: float
    units: int
    standard_error: float = 0.0
    method: str = "constant, no spread seen"

    @property
    def p_less(self) -> float:
        """One-sided p-value for a true difference of 0 or more."""
        return 0.5**self.units if self.value < 0 else 1.0

    def lower(self, confidence_level: float) -> float:  # noqa: ARG002 - a constant has one bound
        """The one-sided lower bound."""
        return self.value

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound."""
        return self.value if self.value >= 0 or self.p_less < 1 - confidence_level else 0.0


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
        """What the bounds come from."""
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
    """A difference without any measure of its spread: all numbers equal on an unbounded scale, or a single one.

    `equal_units` is how many they are.
    """

    value: float
    standard_error: float = math.inf
    p_less: float = 1.0
    method: str = "no spread to judge by"
    equal_units: int = 1

    def lower(self, confidence_level: float) -> float:  # noqa: ARG002 - no level bounds it
        """The one-sided lower bound."""
        return -math.inf

    def upper(self, confidence_level: float) -> float:  # noqa: ARG002 - no level bounds it
        """The one-sided upper bound."""
        return math.inf


def tail_where_negative(upper_at: Callable[[float], float]) -> float:
    """The smallest tail at which an upper bound falls below 0; at most 0.5.

    Parameters
    ----------
    upper_at : the bound as a function of its tail, falling as the tail grows to 0.5
    """
    low, high = math.log(1e-15), math.log(0.5)
    if upper_at(0.5) >= 0:
        return 0.5
    if upper_at(1e-15) < 0:
        return 1e-15
    for _ in range(45):
        middle = (low + high) / 2
        if upper_at(math.exp(middle)) < 0:
            high = middle
        else:
            low = middle
    return math.exp(high)
