"""Effects: how far two versions are apart in a column, with a part from each block of documents."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from harness.stages.data.drift.columns import ColumnSums, aligned
from harness.statistics.arrays import FloatArray
from harness.statistics.effects import histogram_delta, pseudo_values

_NO_SPREAD = 1e-12
_LEVEL = 0.95
"""The level at which bounds of small distances are made right."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect by which a column's drift is measured.

    Attributes:
        unit: its name.
        meaning: in a few words.
        is_distance: whether it can't be negative.
        parts: the parts of the blocks: pseudo-values, whose mean is the effect.
    """

    unit: str
    meaning: str
    is_distance: bool
    parts: Callable[[ColumnSums, ColumnSums], FloatArray]


@dataclass(frozen=True, slots=True)
class Move:
    """A value of a column, with the share of the documents of each version that have it."""

    value: str
    first: float
    second: float


def _jackknifed(effect: Callable[[FloatArray, FloatArray], float], first: FloatArray, second: FloatArray) -> FloatArray:
    """Parts of an effect of the sums over all blocks: one block left out at a time.

    Args:
        first, second: (n_blocks, n_names).
    """
    whole = first.sum(axis=0), second.sum(axis=0)
    without = [effect(whole[0] - one, whole[1] - other) for one, other in zip(first, second, strict=True)]
    return pseudo_values(effect(*whole), without)


def _widened(parts: FloatArray, plug_in: float) -> FloatArray:
    """Parts of a squared distance, spread so far that Student's t of them covers small distances, too.

    The variance of a squared distance s is 4 v s + 2 v b: v that of the difference in its direction, b the bias of the
    plug-in. The jackknife sees it at the plug-in, where s + b is; a bound needs it where the bound is (E. B. Wilson's
    argument of 1927 for proportions). With z for t's quantile the upper one solves s - u = z sqrt(4 v s + 2 v b).
    """
    value, size = float(parts.mean()), len(parts)
    error = float(parts.std(ddof=1)) / math.sqrt(size)
    if not error or plug_in <= 0:
        return parts
    quantile = float(special.stdtrit(size - 1, _LEVEL))
    variance, bias = error**2 / (4 * plug_in), max(0.0, plug_in - value)
    inside = 4 * quantile**2 * variance**2 + 4 * variance * value + 2 * variance * bias
    above = 2 * quantile**2 * variance + quantile * math.sqrt(max(0.0, inside))
    return np.asarray(value + (parts - value) * max(1.0, above / (quantile * error)), dtype=np.float64)


def _delta(baseline: ColumnSums, candidate: ColumnSums) -> FloatArray:
    first, second, _ = aligned(candidate, baseline)
    return _jackknifed(histogram_delta, first, second)


def _divergence(baseline: ColumnSums, candidate: ColumnSums) -> FloatArray:
    first, second, _ = aligned(baseline, candidate)

    def effect(one: FloatArray, other: FloatArray) -> float:
        """Half of both divergences from the mean distribution (J. Lin, 1991, Divergence measures based on the Shannon
        entropy, IEEE Transactions on Information Theory 37:145-151, equation 4.1)."""
        if not (one.any() and other.any()):
            return float(one.any() != other.any())
        p, q = _shares(one), _shares(other)
        middle = (p + q) / 2
        return float((special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum() / (2 * np.log(2)))

    return _widened(_jackknifed(effect, first, second), effect(first.sum(axis=0), second.sum(axis=0)))


def _explained(baseline: ColumnSums, candidate: ColumnSums) -> FloatArray:
    """The share of the texts' spread around their middle that lies between the versions, each weighing one half.

    It is eta squared for texts in the space of a kernel, of which the squared distance of the versions' means, the
    maximum mean discrepancy, is four times the part between (A. Gretton et al., 2012, A kernel two-sample test, Journal
    of Machine Learning Research 13:723-773).
    """
    both = [np.column_stack([each.sums, each.documents]) for each in (baseline, candidate)]

    def effect(one: FloatArray, other: FloatArray) -> float:
        first, second = one[:-1] / one[-1], other[:-1] / other[-1]
        between = ((first[:-1] - second[:-1]) ** 2).sum() / 4
        spread = (first[-1] + second[-1]) / 2 - (((first[:-1] + second[:-1]) / 2) ** 2).sum()
        return float(between / spread) if spread > _NO_SPREAD else 0.0

    return _widened(_jackknifed(effect, both[0], both[1]), effect(both[0].sum(axis=0), both[1].sum(axis=0)))


def _shares(counts: FloatArray) -> FloatArray:
    return np.asarray(counts / counts.sum(), dtype=np.float64)


_BITS = "bits"

EFFECTS = {
    "length": Effect("Cliff's delta", "how much oftener a document is the longer one than the shorter", False, _delta),
    "language": Effect(_BITS, "what the language of a document tells of its version", True, _divergence),
    "source": Effect(_BITS, "what the source of a document tells of its version", True, _divergence),
    "ngrams": Effect(_BITS, "what a pair of words tells of its version", True, _divergence),
    "embedding": Effect(
        "share explained", "the share of the spread of texts that is between versions", True, _explained
    ),
}
"""By column."""


def largest_moves(baseline: ColumnSums, candidate: ColumnSums, most: int = 3) -> tuple[Move, ...]:
    """The values whose shares of the documents differ most, the largest difference first."""
    first, second, names = aligned(baseline, candidate)
    shares = _shares(first.sum(axis=0)), _shares(second.sum(axis=0))
    ranked = np.argsort(-np.abs(shares[1] - shares[0]).round(12), kind="stable")
    found = [Move(str(names[i]), float(shares[0][i]), float(shares[1][i])) for i in ranked[:most]]
    return tuple(each for each in found if each.first != each.second)
