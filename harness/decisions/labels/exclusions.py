"""Excluded items at their worst and best: a label that nobody can give is missing, and may have been any.

The bound that a pass rests on takes it to be the worst for the candidate, the bound that a red rests on the best. So
whoever excludes an item can make a gate less certain and never more, whatever the reason, and no error rate rises. The
estimate takes what was expected of the item, as if nobody had been asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.statistics.arrays import BoolArray, FloatArray
from harness.statistics.labels.draws import Draw, LabelQuestion, Of
from harness.statistics.labels.labelled import Evidence, LabelledEstimate, evidence, labelled_mean, labels_alone


@dataclass(frozen=True, slots=True)
class DrawLabels:
    """People's labels of draws, and the items among them that they can say nothing of.

    Attributes:
        draws: in their order.
        labels: (n_draws, n_versions), NaN where they are not in, and anything where the item is excluded.
        excluded: (n_draws, n_versions) whether it is.
    """

    draws: Sequence[Draw]
    labels: FloatArray
    excluded: BoolArray

    @classmethod
    def of(cls, draws: Sequence[Draw], labels: FloatArray, excluded: BoolArray | None = None) -> DrawLabels:
        """The same of arrays that may have one version's column left out; without `excluded` nothing is."""
        table = np.asarray(labels, dtype=np.float64)
        table = table.reshape(len(draws), -1) if table.ndim < 2 else table
        out = np.zeros(table.shape, dtype=np.bool_) if excluded is None else np.asarray(excluded, dtype=np.bool_)
        return cls(draws, table, out.reshape(table.shape))

    @property
    def is_whole(self) -> bool:
        """True where no item is excluded."""
        return not bool(self.excluded.any())

    def expected(self) -> FloatArray:
        """The labels with what was expected of excluded items."""
        return self._filled([draw.predicted for draw in self.draws])

    def worst(self) -> FloatArray:
        """The labels with the worst that people could have said for the candidate: of the baseline the best."""
        return np.where(self.excluded, self._candidate_only(0.0), self.labels)

    def best(self) -> FloatArray:
        """The labels with the best that people could have said for the candidate: of the baseline the worst."""
        return np.where(self.excluded, self._candidate_only(1.0), self.labels)

    def turned(self, draws: Sequence[Draw]) -> DrawLabels:
        """The same with the baseline in the candidate's place, in these draws."""
        return DrawLabels(
            draws, np.ascontiguousarray(self.labels[:, ::-1]), np.ascontiguousarray(self.excluded[:, ::-1])
        )

    def before(self, n_labels: int) -> int:
        """Count the draws with an excluded item among the first so many that people were asked about."""
        asked = [any(row) for draw, row in zip(self.draws, self.excluded, strict=True) if draw.case is not None]
        return sum(asked[:n_labels])

    def _candidate_only(self, score: float) -> FloatArray:
        row = np.full(self.labels.shape[1], 1 - score)
        row[:1] = score
        return row

    def _filled(self, scores: Sequence[Sequence[float]]) -> FloatArray:
        filled = self.labels.copy()
        for number in np.flatnonzero(self.excluded.any(axis=1)):
            filled[number] = np.where(self.excluded[number], scores[number], filled[number])
        return filled

    def _as_judged(self) -> FloatArray:
        return self._filled([draw.judged for draw in self.draws])


@dataclass(frozen=True, slots=True)
class Bounds:
    """The evidence with the worst and with the best that may be true of excluded items; else both are the same."""

    worst: Evidence
    best: Evidence


def bounds(said: DrawLabels, of: Of) -> Bounds:
    """Give the evidence of labels and judge at worst and at best. Nothing that is excluded contradicts the judge."""
    if said.is_whole:
        found = evidence(said.draws, said.labels, of)
        return Bounds(found, found)
    errors = evidence(said.draws, said._as_judged(), of).errors
    return Bounds(*(replace(evidence(said.draws, each, of), errors=errors) for each in (said.worst(), said.best())))


def bounds_alone(said: DrawLabels, question: LabelQuestion) -> Bounds:
    """Give the evidence of the labels without the judge, at worst and at best."""
    found = [labels_alone(said.draws, each, question.of, question) for each in (said.worst(), said.best())]
    return Bounds(*found)


def bounded_mean(said: DrawLabels, of: Of, judged: FloatArray, confidence_level: float) -> LabelledEstimate:
    """The mean as if nobody had been asked about excluded items; its interval holds whatever they would have said."""
    middle = labelled_mean(said.draws, said.expected(), of, judged, confidence_level)
    if said.is_whole:
        return middle
    low, high = (labelled_mean(said.draws, each, of, judged, confidence_level) for each in (said.worst(), said.best()))
    return replace(middle, low=min(middle.low, low.low), high=max(middle.high, high.high))
