"""The difference of a quantile of two versions on the same cases: bounds that need no range and no normality."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.statistics.arrays import FloatArray, IntArray, as_scores, as_share, group_indices
from harness.statistics.quantiles.evidence import fewest_units, log_evidence, p_value, shares_beyond
from harness.statistics.quantiles.quantiles import QuantileContrast, quantile_estimate, quantile_of
from harness.statistics.searching import halved

#: What is bet on the values that decide far from the quantile, on the others, and on both versions at once, which
#: cancels what they share.
_PARTS = (0.25, 0.1, 0.65)
#: Places at which the quantile of the other version may lie that are asked about one by one; above that, in blocks.
_MOST_PLACES = 64
_PLACES_REACH = 6.0
_FEW_PLACES = 8
_HALVINGS = 30


def quantile_difference(
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    probability: float,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
    *,
    higher_is_better: bool = True,
) -> QuantileContrast:
    """The quantile of one version less that of another, on the same cases; cases that lack either are left out.

    Parameters
    ----------
    candidate, baseline : (n_cases, samples) or (n_cases,), the same cases in the same order; NaN for missing
    probability : of the quantile, in (0, 1)
    clusters : (n_cases,) labels; cases that share one are dependent
    higher_is_better : False turns the difference, so that less than 0 is worse all the same

    Raises
    ------
    ValueError
        Different numbers of cases, no common case, an infinite value.

    References
    ----------
    I. Waudby-Smith, A. Ramdas (2024), Estimating means of bounded random variables by betting, J. R. Statistical
    Society B 86:1-27, for the bets on the shares of values beyond a place.

    Examples
    --------
    >>> slower = quantile_difference(range(31, 71), range(1, 41), 0.5, higher_is_better=False)
    >>> slower.value, round(slower.lower(0.95), 1), round(slower.upper(0.95), 1)
    (-30.0, -35.0, -25.0)
    """
    probability = as_share(probability, "probability")
    first, second = as_scores(candidate, "candidate"), as_scores(baseline, "baseline")
    if len(first) != len(second):
        raise ValueError(f"candidate has {len(first)} cases, baseline {len(second)}; pair them case by case.")
    kept = ~(np.isnan(first).all(axis=1) | np.isnan(second).all(axis=1))
    if not kept.any():
        raise ValueError("No case has a value of both versions.")
    groups = group_indices(clusters, len(first))
    if groups is not None:
        groups = group_indices(groups[kept], int(kept.sum()))
    return QuantileContrast(_PairedQuantiles(first[kept], second[kept], probability, groups), higher_is_better)


@dataclass(frozen=True, slots=True)
class _PairedQuantiles:
    """The quantile of one version less that of another.

    Say the first one's is larger than the other's by more than d, and let x be the other's. Then more than 1 - p of the
    first's values lie above x + d, on average over cases, and at most 1 - p of the other's above x. Bets against either
    or against both at once lose on average. Nobody knows x, so the evidence that counts is the least over all x: it is
    no larger than that at the true one, and needs no share of the level for finding that out. Betting on both at once
    cancels what the versions share in a case.
    """

    first: FloatArray
    other: FloatArray
    probability: float
    groups: IntArray | None

    @property
    def value(self) -> float:
        return quantile_of(self.first, self.probability) - quantile_of(self.other, self.probability)

    @property
    def standard_error(self) -> float:
        both = (quantile_estimate(each, self.probability, self.groups) for each in (self.first, self.other))
        return math.hypot(*(each.standard_error for each in both))

    @property
    def _is_exact(self) -> bool:
        return self.groups is None and self.first.shape[1] == self.other.shape[1] == 1

    @property
    def method(self) -> str:
        by = "binomial tests of" if self._is_exact else "bets on each case's"
        return f"difference of p{100 * self.probability:g} by {by} shares of values beyond it"

    @property
    def p_below(self) -> float:
        return self._places().p(0.0, closed=True)

    @property
    def p_above(self) -> float:
        return self._turned().p_below

    def high(self, confidence_level: float) -> float:
        """By halving: evidence grows with the difference that is ruled out, for no stake depends on the values."""
        places, tail = self._places(), 1 - confidence_level
        above = float(np.nanmax(self.first) - np.nanmin(self.other))
        below = float(np.nanmin(self.first) - np.nanmax(self.other))
        if not places.shows(above, tail):
            return math.inf
        if places.shows(below, tail):
            return below
        return halved(lambda difference: places.shows(difference, tail), below, above, _HALVINGS)[1]

    def low(self, confidence_level: float) -> float:
        return -self._turned().high(confidence_level)

    def fewest(self, tail: float, *, above: bool) -> int:  # noqa: ARG002 - the same on both sides
        """At any place either the first one's values must be shown to be few beyond it, or the other's to be many."""
        sides = zip((self.probability, 1 - self.probability), _directions(self.probability)[:2], strict=True)
        if self._is_exact:
            return max(math.ceil(math.log(tail * part) / math.log(side) - 1e-9) for side, (_, part) in sides)
        return max(fewest_units(tail * part, (1 - side) / side) for side, (_, part) in sides)

    def _turned(self) -> _PairedQuantiles:
        return _PairedQuantiles(self.other, self.first, self.probability, self.groups)

    def _places(self) -> _Places:
        values = self.other[~np.isnan(self.other)]
        places = np.unique(values)
        if len(places) > _MOST_PLACES:
            reach = _PLACES_REACH * math.sqrt(self.probability * (1 - self.probability) / len(self.other))
            at = self.probability + reach * np.linspace(-1, 1, _MOST_PLACES - 2)
            ends = places[[0, -1]]
            places = np.unique(np.concatenate([ends, np.quantile(values, np.clip(at, 0, 1), method="inverted_cdf")]))
        # From one place up to the next: the least of the other's values that lie beyond, at the upper end.
        ends = shares_beyond(self.other, np.append(places, np.inf), closed=True)
        return _Places(self.first, np.append(-np.inf, places), ends, self.probability, self.groups, self._is_exact)


@dataclass(frozen=True, slots=True)
class _Places:
    """The places where the other version's quantile may be, each up to the next, and the other's shares beyond."""

    first: FloatArray
    places: FloatArray
    others: FloatArray
    probability: float
    groups: IntArray | None
    exact: bool

    def shows(self, difference: float, tail: float) -> bool:
        """Tell whether the quantiles are shown to differ by at most so much; a few places often tell they are not."""
        some = slice(None, None, _FEW_PLACES)
        few = replace(self, places=self.places[some], others=self.others[:, some])
        return few.p(difference, closed=False) <= tail and self.p(difference, closed=False) <= tail

    def p(self, difference: float, *, closed: bool) -> float:
        """P-value of the quantiles differing by at most (closed: by less than) so much: the largest of all places."""
        beyond = 1 - self.probability
        shares = shares_beyond(self.first, self.places + difference, closed=closed)
        if self.exact:
            return self._p_exact(shares)
        most = {(1.0, 0.0): (1 / self.probability, 0.0), (0.0, 1.0): (0.0, 1 / beyond)}
        bets = [(most.get(direction, direction), part) for direction, part in _directions(self.probability)]
        return p_value(log_evidence([beyond - shares, self.others - beyond], bets, self.groups))

    def _p_exact(self, shares: FloatArray) -> float:
        """Of one value a case: binomial tests in place of bets, of both at once McNemar's, each at its part."""
        n, beyond = len(shares), 1 - self.probability
        count = self.others.sum(axis=0)
        worse, better = (shares * (1 - self.others)).sum(axis=0), ((1 - shares) * self.others).sum(axis=0)
        tests = (
            special.bdtr(shares.sum(axis=0), n, beyond),
            np.where(count > 0, special.bdtrc(np.maximum(count, 1) - 1, n, beyond), 1.0),
            special.bdtr(worse, (worse + better).astype(np.int64), 0.5),
        )
        parts = [test / part for test, (_, part) in zip(tests, _directions(self.probability), strict=True)]
        return min(1.0, float(np.minimum.reduce(parts).max()))


def _directions(probability: float) -> tuple[tuple[tuple[float, float], float], ...]:
    """Bets on the first version's values being few beyond a place, on the other's being many, and on both at once."""
    few, many, both = _PARTS if probability >= 0.5 else (_PARTS[1], _PARTS[0], _PARTS[2])
    return ((1.0, 0.0), few), ((0.0, 1.0), many), ((1.0, 1.0), both)
