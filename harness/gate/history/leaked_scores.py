"""Scores of a stored run on cases that a corpus holds, against those that it does not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from harness.records import CaseResult, Report, Verdict
from harness.statistics.arrays import FloatArray
from harness.statistics.intervals.means import MeanEstimate, independent_difference
from harness.statistics.multiplicity import holm


@dataclass(frozen=True, slots=True)
class LeakedScores:
    """One metric of an evaluation, on cases that leaked and on those that did not.

    Leaked cases may be the easier ones. So where the run has a baseline, each case's score is paired with the
    baseline's first: what the candidate gained on leaked cases beyond what it gained on clean ones is owed to no case.

    Attributes:
        unit: None for scores in [0, 1].
        n_leaked, n_clean: cases; those that depend on each other (clusters) are one.
        difference: the candidate's, leaked less clean.
        gain: the same of candidate less baseline, case by case; None without a baseline.
        is_shown: whether there is a difference at the error rate of all together (Holm): of the gain, where there is
            one, else of the scores.
    """

    evaluation_id: str
    metric: str
    unit: str | None
    n_leaked: int
    n_clean: int
    difference: MeanEstimate
    gain: MeanEstimate | None
    is_shown: bool = False

    @property
    def telling(self) -> MeanEstimate:
        """The difference that says most: the gain, where there is one."""
        return self.gain or self.difference


def leaked_scores(report: Report, leaked: Mapping[str, bool], confidence_level: float) -> tuple[LeakedScores, ...]:
    """Compare the scores of leaked and clean cases, for each evaluation of a run in which there are both.

    Args:
        leaked: by the digest of a case's content, whether a corpus holds it.
    """
    found = [each for entry in report.evaluations if (each := _of_entry(entry, leaked, confidence_level)) is not None]
    shown = holm([each.telling.p_value for each in found], 1 - confidence_level).tolist() if found else []
    return tuple(replace(each, is_shown=is_shown) for each, is_shown in zip(found, shown, strict=True))


def _of_entry(entry: Verdict, leaked: Mapping[str, bool], level: float) -> LeakedScores | None:
    units = _units(entry.cases, leaked)
    sides = {
        state: np.array([unit for unit, is_leaked in units if is_leaked == state]).reshape(-1, 2)
        for state in (True, False)
    }
    one, other = (each[~np.isnan(each[:, 0])] for each in (sides[True], sides[False]))
    if not len(one) or not len(other):
        return None
    bounded = entry.unit is None
    gains = [each[~np.isnan(each[:, 1])] for each in (one, other)]
    gain = None
    if all(map(len, gains)):
        moved = [each[:, 0] - each[:, 1] for each in gains]
        gain = independent_difference(moved[0], moved[1], level, bounded=False)
    difference = independent_difference(one[:, 0], other[:, 0], confidence_level=level, bounded=bounded)
    return LeakedScores(entry.id, entry.metric, entry.unit, len(one), len(other), difference, gain)


def _units(cases: Iterable[CaseResult], leaked: Mapping[str, bool]) -> list[tuple[FloatArray, bool]]:
    """Mean scores of candidate and baseline, of each case or cluster of cases; one leaked case makes its cluster so."""
    rows: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
    for case in cases:
        if case.content is not None and case.content in leaked and case.candidate is not None:
            other = np.nan if case.baseline is None else case.baseline
            name = f"case {case.id}" if case.cluster is None else f"cluster {case.cluster}"
            rows[name].append((case.candidate, other, leaked[case.content]))
    return [(np.mean([row[:2] for row in unit], axis=0), any(row[2] for row in unit)) for unit in rows.values()]
