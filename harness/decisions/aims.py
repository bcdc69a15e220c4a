"""A comparison that aims at no difference: worse is whatever lies beyond the margin, on either side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

from harness.decisions.betting import BettingContrast
from harness.decisions.suite import TwoStageContrast
from harness.records import Difference
from harness.statistics.intervals.contrasts import Contrast


def is_bet_on(contrast: Contrast | None) -> TypeGuard[BettingContrast | TwoStageContrast | SameContrast]:
    """Tell whether a contrast knows when it was decided, because its bounds hold whenever one stops."""
    if isinstance(contrast, SameContrast):
        return is_bet_on(contrast.forth) and is_bet_on(contrast.back)
    return _tells_when(contrast)


def _tells_when(contrast: Contrast | None) -> TypeGuard[BettingContrast | TwoStageContrast]:
    return isinstance(contrast, BettingContrast | TwoStageContrast)


@dataclass(frozen=True, slots=True)
class SameContrast:
    """A difference in both directions, as a contrast in which less than 0 is worse: how far it is from 0, below it.

    It passes where both directions pass, each at the whole level (two one-sided tests, an intersection of unions). It
    is red where one of two directions is, each at half the level (Bonferroni).

    Attributes:
        forth: the candidate less the other.
        back: the other less the candidate.

    References: D. J. Schuirmann (1987), A comparison of the two one-sided tests procedure and the power approach for
    assessing the equivalence of average bioavailability, J. Pharmacokinetics and Biopharmaceutics 15:657-680.
    """

    forth: Contrast
    back: Contrast

    @property
    def value(self) -> float:
        """The distance of the estimate from 0, below it."""
        return -abs(self.forth.value)

    @property
    def standard_error(self) -> float:
        """The standard error of the difference."""
        return self.forth.standard_error

    @property
    def method(self) -> str:
        """The method that the bounds come from."""
        return f"two one-sided tests: {self.forth.method}"

    @property
    def p_less(self) -> float:
        """Two-sided p-value for a true difference of 0."""
        return min(1.0, 2 * min(self.forth.p_less, self.back.p_less))

    @property
    def is_lower(self) -> bool:
        """Whether the candidate is the lower one, as far as the estimate tells."""
        return self.forth.value < 0

    @property
    def worse(self) -> Contrast:
        """The direction in which the estimate lies."""
        return self.forth if self.is_lower else self.back

    def lower(self, confidence_level: float) -> float:
        """The lower bound of both directions: what a pass rests on."""
        return min(self.forth.lower(confidence_level), self.back.lower(confidence_level))

    def upper(self, confidence_level: float) -> float:
        """The upper bound of both directions at half the level each: what red rests on."""
        each = 1 - (1 - confidence_level) / 2
        return min(self.forth.upper(each), self.back.upper(each))

    def passed_at(self, level: float) -> int | None:
        """Return how many rows had been drawn when both directions had passed; else None."""
        found = [each.passed_at(level) for each in (self.forth, self.back) if _tells_when(each)]
        known = [each for each in found if each is not None]
        return max(known) if len(known) == 2 else None

    def worse_at(self, level: float) -> int | None:
        """Return how many rows had been drawn when the first of both directions was red; else None."""
        found = [each.worse_at(level / 2) for each in (self.forth, self.back) if _tells_when(each)]
        return min((each for each in found if each is not None), default=None)

    def beyond_at(self, level: float) -> int | None:
        """Return how many rows had been drawn when the first of both was shown to lie beyond the margin; else None."""
        found = [each.beyond_at(level / 2) for each in (self.forth, self.back) if _tells_when(each)]
        return min((each for each in found if each is not None), default=None)

    def difference(self, level: float, red_level: float, *, is_red: bool) -> Difference:
        """Candidate less the other, with the bounds that the verdict used: of two directions that are red, one is."""
        low, high = self.forth.lower(1 - level), -self.back.lower(1 - level)
        if is_red and self.is_lower:
            high = self.forth.upper(1 - red_level / 2)
        elif is_red:
            low = -self.back.upper(1 - red_level / 2)
        value = self.forth.value
        low = min(low, value) if not is_red or self.is_lower else low
        high = max(high, value) if not is_red or not self.is_lower else high
        return Difference(value, self.standard_error, low, high, self.p_less, self.method)
