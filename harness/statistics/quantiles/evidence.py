"""Bets of constant size on the share of values beyond a place, with cases or clusters as the units."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from harness.statistics.arrays import FloatArray, IntArray
from harness.statistics.noise import summed

#: What is staked, as a share of the most that can be, and how much is staked so. Large stakes decide where hardly a
#: value lies beyond, as with few cases; small ones where many cases tell of a small difference.
_STAKES = np.geomspace(0.02, 0.98, 10)
_WEIGHTS = np.array([0.06] * 5 + [0.1] * 4 + [0.3])
_AT_ONCE = 64


def shares_beyond(values: FloatArray, places: FloatArray, *, closed: bool) -> FloatArray:
    """Each case's share of values above each place (closed: or at it), (n_cases, n_places)."""
    counts = np.zeros((len(values), len(places)))
    for column in values.T:
        counts += column[:, np.newaxis] >= places if closed else column[:, np.newaxis] > places
    shares: FloatArray = counts / (~np.isnan(values)).sum(axis=1)[:, np.newaxis]
    return shares


def log_evidence(
    gains: Sequence[FloatArray], bets: Sequence[tuple[tuple[float, ...], float]], groups: IntArray | None
) -> FloatArray:
    """Give the wealth that bets of constant size have made of 1, as logarithms, (n_places,).

    Parameters
    ----------
    gains : each (n_cases, n_places), at most 0 on average under what is bet against
    bets : how each of the gains is weighed in a bet, so that it loses 1 at most, and the share of the wealth bet so
    groups : cases of one cluster are one bet
    """
    if groups is not None:
        sizes = np.bincount(groups)
        gains = [summed(gain, groups, len(sizes)) / sizes.max() for gain in gains]
    logs = []
    for weights, share in bets:
        gain = sum(weight * each for weight, each in zip(weights, gains, strict=True) if weight)
        logs += [
            _log_product(1 + stake * gain) + math.log(share * part)
            for stake, part in zip(_STAKES.tolist(), _WEIGHTS.tolist(), strict=True)
        ]
    total: FloatArray = special.logsumexp(np.array(logs), axis=0)
    return total


def _log_product(factors: FloatArray) -> FloatArray:
    """The logarithm of the product over cases, (n_places,): of products of a few, which is faster than of each."""
    products = np.multiply.reduceat(factors, np.arange(0, len(factors), _AT_ONCE), axis=0)
    logs: FloatArray = np.log(products).sum(axis=0)
    return logs


def p_value(evidence: FloatArray) -> float:
    """The p-value of the least evidence of all places."""
    return min(1.0, math.exp(-float(evidence.min())))


def fewest_units(tail: float, gain: float) -> int:
    """Find the fewest units whose evidence can reach 1 / tail, where each brings all it can."""

    def reached(n: int) -> bool:
        return float(special.logsumexp(n * np.log1p(_STAKES * gain), b=_WEIGHTS)) >= -math.log(tail)

    most = 1
    while not reached(most):
        most *= 2
    return bisect.bisect_left(range(most + 1), True, key=reached)
