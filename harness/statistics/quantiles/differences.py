"""The difference of a quantile of two versions on the same cases: bounds that need no range and no normality."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.statistics.arrays import FloatArray, as_scores, as_share, group_indices
from harness.statistics.quantiles.quantiles import (
    QuantileContrast,
    log_evidence,
    p_value,
    quantile_contrast,
    quantile_of,
    shares_beyond,
)
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
    probability, clusters, higher_is_better : as for `quantile_contrast`

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
    groups = None if groups is None else group_indices(groups[kept], int(kept.sum()))
    return _PairedQuantiles(probability, groups, higher_is_better, first[kept], second[kept])


@dataclass(frozen=True, slots=True)
class _PairedQuantiles(QuantileContrast):
    """The quantile of one version less that of another.

    Say the first one's is larger than the other's by more than d, and let x be the other's. Then more than 1 - p of the
    first's values lie above x + d, on average over cases, and at most 1 - p of the other's above x. Bets against either
    or against both at once lose on average. Nobody knows x, so the evidence that counts is the least over all x: it is
    no larger than that at the true one, and needs no share of the level for finding that out. Betting on both at once
    cancels what the versions share in a case.
    """

    first: FloatArray
    other: FloatArray

    @property
    def standard_error(self) -> float:
        """Its standard error, as if the cases of the versions were independent: it decides nothing."""
        both = (quantile_contrast(each, self.probability, 0.0, self.groups) for each in (self.first, self.other))
        return math.hypot(*(each.standard_error for each in both))

    @property
    def method(self) -> str:
        """The method behind the bounds."""
        by = "binomial tests of" if self._is_exact else "bets on each case's"
        return f"difference of p{100 * self.probability:g} by {by} shares of values beyond it"

    @property
    def _value(self) -> float:
        return quantile_of(self.first, self.probability) - quantile_of(self.other, self.probability)

    @property
    def _is_exact(self) -> bool:
        return self.groups is None and self.first.shape[1] == self.other.shape[1] == 1

    def _turned(self) -> _PairedQuantiles:
        return replace(self, first=self.other, other=self.first)

    def _p_value(self, *, below: bool) -> float:
        asked = self if below else self._turned()
        return asked._p_at_most(0.0, *asked._places(), closed=True)

    def _bound(self, tail: float, *, upper: bool) -> float:
        """By halving: evidence grows with the difference that is ruled out, for no stake depends on the values."""
        if not upper:
            return -self._turned()._bound(tail, upper=True)
        places, others = self._places()
        few = places[::_FEW_PLACES], others[:, ::_FEW_PLACES]

        def is_shown(difference: float) -> bool:
            """True if the quantiles are shown to differ by at most so much; a few places often tell they are not."""
            return all(self._p_at_most(difference, *at, closed=False) <= tail for at in (few, (places, others)))

        above = float(np.nanmax(self.first) - np.nanmin(self.other))
        below = float(np.nanmin(self.first) - np.nanmax(self.other))
        if not is_shown(above):
            return math.inf
        return below if is_shown(below) else halved(is_shown, below, above, _HALVINGS)[1]

    def _places(self) -> tuple[FloatArray, FloatArray]:
        """Where the other's quantile may be, each place up to the next, and the least of its values beyond there."""
        values = self.other[~np.isnan(self.other)]
        places = np.unique(values)
        if len(places) > _MOST_PLACES:
            reach = _PLACES_REACH * math.sqrt(self.probability * (1 - self.probability) / len(self.other))
            at = np.clip(self.probability + reach * np.linspace(-1, 1, _MOST_PLACES - 2), 0, 1)
            places = np.unique(np.concatenate([places[[0, -1]], np.quantile(values, at, method="inverted_cdf")]))
        return np.append(-np.inf, places), shares_beyond(self.other, np.append(places, np.inf), closed=True)

    def _p_at_most(self, difference: float, places: FloatArray, others: FloatArray, *, closed: bool) -> float:
        """P-value of the quantiles differing by at most (closed: by less than) so much: the largest of all places.

        Of one value a case by binomial tests in place of bets, of both at once McNemar's, each at its part.
        """
        beyond, directions = 1 - self.probability, _directions(self.probability)
        shares = shares_beyond(self.first, places + difference, closed=closed)
        if not self._is_exact:
            most = {(1.0, 0.0): (1 / self.probability, 0.0), (0.0, 1.0): (0.0, 1 / beyond)}
            bets = [(most.get(direction, direction), part) for direction, part in directions]
            return p_value(log_evidence([beyond - shares, others - beyond], bets, self.groups))
        n, count = len(shares), others.sum(axis=0)
        worse, better = (shares * (1 - others)).sum(axis=0), ((1 - shares) * others).sum(axis=0)
        tests = (
            special.bdtr(shares.sum(axis=0), n, beyond),
            np.where(count > 0, special.bdtrc(np.maximum(count, 1) - 1, n, beyond), 1.0),
            special.bdtr(worse, (worse + better).astype(np.int64), 0.5),
        )
        parts = [test / part for test, (_, part) in zip(tests, directions, strict=True)]
        return min(1.0, float(np.minimum.reduce(parts).max()))


def _directions(probability: float) -> tuple[tuple[tuple[float, float], float], ...]:
    """Bets on the first version's values being few beyond a place, on the other's being many, and on both at once."""
    few, many, both = _PARTS if probability >= 0.5 else (_PARTS[1], _PARTS[0], _PARTS[2])
    return ((1.0, 0.0), few), ((0.0, 1.0), many), ((1.0, 1.0), both)
