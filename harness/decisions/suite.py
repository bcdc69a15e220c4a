"""A comparison about these cases: bets while they are drawn, and what their samples leave open once all of them are."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.decisions.betting import BettingContrast
from harness.decisions.observations import Observations
from harness.statistics.intervals.contrasts import Contrast

#: What a decision before the last case may spend of the level, where it may come; the rest is kept for the last case.
EARLY_SHARE = 0.5
#: What a smaller suite may spend so on a pass: the same version seldom stops by it, one far above a threshold soon.
SMALL_SHARE = 0.1
#: A suite may pass early if it has so many times the cases that the fewest would take.
_LARGE = 2.0
_LARGEST_STAKE = 0.95


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
    """A difference over the cases of a suite, with bounds that hold whenever one stops.

    While cases are drawn, in a random order, they are bet on. Once all are there only the samples of each case are left
    to chance, and the bounds are those of `whole`. Each has a share of the level, fixed beforehand (union bound).

    Attributes:
        early: bets on the cases so far; None where there is no unit.
        whole: the contrast of the whole suite; None until it is drawn.
        shares: of the level, for `early`: of the lower and of the upper bound.
        n_rows: how many cases there are.
        margin: the largest drop that still counts as no worse.
        width: of the range that the scores were made from: figures are in its unit, the margin too.
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
        return self.width * self._shown.value

    @property
    def standard_error(self) -> float:
        """Its standard error."""
        return self.width * self._shown.standard_error

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
        """The one-sided lower bound: the better of both stages."""
        level, (share, _) = 1 - confidence_level, self.shares
        bounds = [-1.0] if self.whole is None else [self.whole.lower(1 - level * (1 - share))]
        if self.early is not None and share:
            bounds.append(self.early.lower(1 - level * share))
        return self.width * max(bounds)

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound: the better of both stages."""
        level, (_, share) = 1 - confidence_level, self.shares
        bounds = [1.0] if self.whole is None else [self.whole.upper(1 - level * (1 - share))]
        if self.early is not None and share:
            bounds.append(self.early.upper(1 - level * share))
        return self.width * min(bounds)

    def passed_at(self, level: float) -> int | None:
        """Give the number of rows at which it was first proven to be no worse by more than the margin."""
        early = self.early.passed_at(level * self.shares[0]) if self.early and self.shares[0] else None
        return self._at_last(early, is_shown=self.lower(1 - level) > -self.margin)

    def worse_at(self, level: float) -> int | None:
        """Give the number of rows at which it was first proven to be worse, and is to be red."""
        early = self.early.worse_at(level * self.shares[1]) if self.early and self.shares[1] else None
        return self._at_last(early, is_shown=self.upper(1 - level) < 0)

    def beyond_at(self, level: float) -> int | None:
        """Give the number of rows at which it was first proven to be worse by more than the margin."""
        early = self.early.beyond_at(level * self.shares[1]) if self.early and self.shares[1] else None
        return self._at_last(early, is_shown=self.upper(1 - level) < -self.margin)

    def _at_last(self, early: int | None, *, is_shown: bool) -> int | None:
        """When bets showed it first; else all rows, where they are those of the whole suite, which shows it."""
        return self.n_rows if early is None and self.whole is not None and is_shown else early
