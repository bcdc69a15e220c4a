"""The drift between two versions of a corpus: an effect in each column, with its interval, all columns together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.errors import CorpusError, UsageError, choices
from harness.records import Measure
from harness.stages.data.drift.columns import BLOCKS, COLUMNS, ColumnSums
from harness.stages.data.drift.effects import EFFECTS, Move, largest_moves
from harness.statistics.intervals.differences import paired_difference
from harness.statistics.multiplicity import holm

FEWEST = 4 * BLOCKS
"""Documents that a version must have: fewer leave blocks empty."""
_NAMED = ("language", "source")


@dataclass(frozen=True, slots=True)
class Drift:
    """The drift of one version of a corpus from another in a column.

    Documents fall into blocks by their ids, so that a document of both versions is in the same block of both: what they
    share is no sign of drift. The figure is the jackknife's, each block left out in turn.

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
    effect = EFFECTS[column]
    parts = effect.parts(baseline, candidate)
    told = (column, effect.unit, effect.meaning)
    if not parts.any():  # the same documents
        return Drift(*told, 0.0, 0.0, 0.0, 0.0, 1.0, tuple(parts.tolist()))
    moves = largest_moves(baseline, candidate) if column in _NAMED else ()
    found = paired_difference(parts, np.zeros(len(parts)), confidence_level=confidence_level, bounded=False)
    ends, p_value = (found.value, found.low, found.high), found.p_value
    if effect.is_distance:
        ends, p_value = (max(0.0, ends[0]), max(0.0, ends[1]), max(0.0, ends[2])), p_value if ends[0] > 0 else 1.0
    return Drift(*told, ends[0], found.standard_error, ends[1], ends[2], p_value, tuple(parts.tolist()), moves)


def check_column(column: str) -> None:
    """Refuse what is no column.

    Raises:
        UsageError: naming those that there are.
    """
    if column not in COLUMNS:
        raise UsageError(choices("column", column, COLUMNS))


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
