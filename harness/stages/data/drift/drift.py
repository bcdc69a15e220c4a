"""The drift between two versions of a corpus: an effect in each column, with its interval, all columns together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from harness.errors import CorpusError, UsageError, choices
from harness.records import Measure
from harness.stages.data.drift.columns import BLOCKS, COLUMNS, ColumnSums, aligned
from harness.statistics.arrays import FloatArray
from harness.statistics.effects import histogram_delta, pseudo_values
from harness.statistics.intervals.differences import paired_difference
from harness.statistics.multiplicity import holm

FEWEST = 4 * BLOCKS
"""Documents that a version must have: fewer leave blocks empty."""
_NAMED = ("language", "source")
_LENGTH = "length"
_MOST_MOVES = 3
_LEVEL = 0.95
"""The level at which bounds of small distances are made right."""
MEANINGS = {
    _LENGTH: "how much oftener a document is the longer one than the shorter",
    "language": "what the language of a document tells of its version",
    "source": "what the source of a document tells of its version",
    "ngrams": "what a pair of words tells of its version",
}


@dataclass(frozen=True, slots=True)
class Move:
    """A value of a column, with the share of the documents of each version that have it."""

    value: str
    first: float
    second: float


@dataclass(frozen=True, slots=True)
class Drift:
    """The drift of one version of a corpus from another in a column.

    Documents fall into blocks by their ids, so that a document of both versions is in the same block of both: what they
    share is no sign of drift. The figure is the jackknife's, each block left out in turn: of lengths Cliff's delta, of
    everything else half of both divergences from the mean distribution, in bits (J. Lin, 1991, Divergence measures
    based on the Shannon entropy, IEEE Transactions on Information Theory 37:145-151, equation 4.1).

    Attributes:
        column: what was looked at.
        unit: what the figure is called; `meaning` says it in words.
        value: 0 where nothing drifted, up to chance.
        low, high: of its two-sided interval.
        p_value: two-sided, for no drift.
        parts: of the blocks, whose mean is the figure; that of a distance may be less than 0, as bias is taken off it,
            and the figure is then 0.
        moves: of a column whose values are names, those whose shares differ most.
    """

    column: str
    unit: str
    meaning: str
    value: float
    standard_error: float
    low: float
    high: float
    p_value: float
    parts: tuple[float, ...]
    moves: tuple[Move, ...] = ()

    def block(self, number: int) -> Measure:
        """The part of one block, which is what an evaluation weighs: 0 is no drift, and neither way is better."""
        return Measure(self.parts[number], self.unit, reason=f"{self.value:.3g} over all {len(self.parts)} blocks")


def find_drift(baseline: ColumnSums, candidate: ColumnSums, column: str, confidence_level: float = 0.95) -> Drift:
    """The drift of a column from one version to another.

    Raises:
        UsageError: there is no such column.
        CorpusError: a version has too few documents.
    """
    check_column(column)
    for name, version in (("baseline", baseline), ("candidate", candidate)):
        if version.documents.sum() < FEWEST:
            raise CorpusError(
                f"The {name} has {int(version.documents.sum())} documents: drift is told of {FEWEST} or more."
            )
    first, second, _ = aligned(baseline, candidate)
    is_distance = column != _LENGTH
    parts = _divergences(first, second) if is_distance else _jackknifed(histogram_delta, second, first)
    told = (column, "bits" if is_distance else "Cliff's delta", MEANINGS[column])
    if not parts.any():  # the same documents
        return Drift(*told, 0.0, 0.0, 0.0, 0.0, 1.0, tuple(parts.tolist()))
    moves = _largest_moves(baseline, candidate) if column in _NAMED else ()
    found = paired_difference(parts, np.zeros(len(parts)), confidence_level=confidence_level, bounded=False)
    value, low, high, p_value = found.value, found.low, found.high, found.p_value
    if is_distance:
        p_value = p_value if value > 0 else 1.0
        value, low, high = (max(0.0, each) for each in (value, low, high))
    return Drift(*told, value, found.standard_error, low, high, p_value, tuple(parts.tolist()), moves)


def check_column(column: str) -> None:
    """Refuse what is no column.

    Raises:
        UsageError: naming those that there are.
    """
    if column not in COLUMNS:
        raise UsageError(choices("column", column, COLUMNS))


def _jackknifed(effect: Callable[[FloatArray, FloatArray], float], first: FloatArray, second: FloatArray) -> FloatArray:
    """Parts of an effect of the sums over all blocks: one block left out at a time.

    Args:
        first, second: (n_blocks, n_names).
    """
    whole = first.sum(axis=0), second.sum(axis=0)
    without = [effect(whole[0] - one, whole[1] - other) for one, other in zip(first, second, strict=True)]
    return pseudo_values(effect(*whole), without)


def _divergences(first: FloatArray, second: FloatArray) -> FloatArray:
    """Parts of the divergence, spread so far that Student's t of them covers small distances, too.

    The variance of a squared distance s is 4 v s + 2 v b: v that of the difference in its direction, b the bias of the
    plug-in. The jackknife sees it at the plug-in, where s + b is; a bound needs it where the bound is (E. B. Wilson's
    argument of 1927 for proportions). With z for t's quantile the upper one solves s - u = z sqrt(4 v s + 2 v b).
    """
    parts, plug_in = _jackknifed(_divergence, first, second), _divergence(first.sum(axis=0), second.sum(axis=0))
    value, size = float(parts.mean()), len(parts)
    error = float(parts.std(ddof=1)) / math.sqrt(size)
    if not error or plug_in <= 0:
        return parts
    quantile = float(special.stdtrit(size - 1, _LEVEL))
    variance, bias = error**2 / (4 * plug_in), max(0.0, plug_in - value)
    inside = 4 * quantile**2 * variance**2 + 4 * variance * value + 2 * variance * bias
    above = 2 * quantile**2 * variance + quantile * math.sqrt(max(0.0, inside))
    return np.asarray(value + (parts - value) * max(1.0, above / (quantile * error)), dtype=np.float64)


def _divergence(first: FloatArray, second: FloatArray) -> float:
    if not (first.any() and second.any()):
        return float(first.any() != second.any())
    p, q = _shares(first), _shares(second)
    middle = (p + q) / 2
    return float((special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum() / (2 * np.log(2)))


def _shares(counts: FloatArray) -> FloatArray:
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def _largest_moves(baseline: ColumnSums, candidate: ColumnSums) -> tuple[Move, ...]:
    """The values whose shares of the documents differ most, the largest difference first."""
    first, second, names = aligned(baseline, candidate)
    shares = _shares(first.sum(axis=0)), _shares(second.sum(axis=0))
    ranked = np.argsort(-np.abs(shares[1] - shares[0]).round(12), kind="stable")
    found = [Move(str(names[i]), float(shares[0][i]), float(shares[1][i])) for i in ranked[:_MOST_MOVES]]
    return tuple(each for each in found if each.first != each.second)


@dataclass(frozen=True, slots=True)
class DriftTable:
    """The drift in several columns.

    Attributes:
        shown: the columns in which there is drift, at the error rate of all together (Holm).
    """

    columns: tuple[Drift, ...]
    shown: frozenset[str]
    confidence_level: float


def drift_table(
    baseline: Mapping[str, ColumnSums], candidate: Mapping[str, ColumnSums], confidence_level: float = 0.95
) -> DriftTable:
    """The drift from one version to another in all columns, as `add_up` gives them.

    Raises:
        CorpusError: a version has too few documents.
    """
    found = tuple(
        find_drift(baseline[column].together(), candidate[column].together(), column, confidence_level)
        for column in COLUMNS
    )
    rejected = holm([each.p_value for each in found], 1 - confidence_level)
    shown = frozenset(each.column for each, is_shown in zip(found, rejected, strict=True) if is_shown)
    return DriftTable(found, shown, confidence_level)
