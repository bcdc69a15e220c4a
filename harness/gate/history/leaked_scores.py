"""Scores of a stored run on cases that a corpus holds, against those that it does not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from harness.records import Report, Verdict
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
        is_shown: whether `telling` differs from 0 at the error rate of all together (Holm).
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
    rows: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
    for case in entry.cases:
        if case.content is not None and case.content in leaked and case.candidate is not None:
            other = np.nan if case.baseline is None else case.baseline
            name = f"case {case.id}" if case.cluster is None else f"cluster {case.cluster}"
            rows[name].append((case.candidate, other, leaked[case.content]))
    units = np.array([(*np.mean(unit, axis=0)[:2], np.max(unit, axis=0)[2]) for unit in rows.values()]).reshape(-1, 3)
    one, other_side = units[units[:, 2] == 1], units[units[:, 2] == 0]  # one leaked case makes its cluster so
    if not len(one) or not len(other_side):
        return None
    difference = independent_difference(one[:, 0], other_side[:, 0], level, bounded=entry.unit is None)
    gains = [gain[~np.isnan(gain)] for gain in (side[:, 0] - side[:, 1] for side in (one, other_side))]
    gain = independent_difference(gains[0], gains[1], level, bounded=False) if all(map(len, gains)) else None
    return LeakedScores(entry.id, entry.metric, entry.unit, len(one), len(other_side), difference, gain)
