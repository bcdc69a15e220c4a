"""The cases of an evaluation that are worth a look, and figures over all of its cases at once."""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from harness.decisions import Observations
from harness.gate.evaluations.evaluation import Aggregation
from harness.records import Aggregate, Case, CaseResult, Change, Role, Verdict, VerdictKind
from harness.scoring.results import Reading
from harness.statistics.arrays import FloatArray, case_means

Place = tuple[Role, int, int]
"""Role, number of the case and number of the sample."""
SHOWN = 400
"""Characters of an answer, of its reason and of what is expected that are shown; the whole is in the store."""
_MOST, _MOST_OF_EACH = 50, 3


def expected_of(case: Case) -> str | None:
    """The start of what a case says is expected: its field `expected`, as text, or each of several texts; None where it
    has none.
    """
    expected = case.get("expected")
    if expected is None:
        return None
    if isinstance(expected, str):
        return expected[:SHOWN]
    is_any_of = isinstance(expected, list | tuple) and expected and all(isinstance(each, str) for each in expected)
    texts = [json.dumps(each, ensure_ascii=False, default=str) for each in (expected if is_any_of else [expected])]
    return " or ".join(texts)[:SHOWN]


def changes(observed: Observations) -> list[Change]:
    """The cases to look at: those that moved, the largest drop first; with aim="same" the largest move. Where there is
    no baseline, or a threshold, those that were not always right as well, the lowest score first.
    """
    sign = 1.0 if observed.higher_is_better else -1.0
    ours = case_means(observed.candidate)
    theirs = None if observed.baseline is None else case_means(observed.baseline)
    moved = np.where(np.isnan(ours), np.nan, 0.0) if theirs is None else ours - theirs
    is_chosen = np.abs(moved) > 0
    if theirs is None or observed.plan.threshold is not None:
        is_chosen |= ~np.isnan(moved) & ((ours < 1) if observed.unit is None else True)
    gained = -np.abs(moved) if observed.is_same else sign * moved
    rows, ids = np.flatnonzero(is_chosen).tolist(), observed.case_ids
    ranked = heapq.nsmallest(_MOST, rows, key=lambda row: (gained[row], sign * ours[row], ids[row]))
    return [change_of(observed, row) for row in ranked]


def most_telling(changes: Iterable[tuple[Verdict, Sequence[Change]]]) -> tuple[Change, ...]:
    """Choose the cases of all verdicts that a report shows: the worst of each, then the next of each, up to fifty.

    The three worst of a verdict that did not pass are shown in any case.
    """
    ranked = [(rank, verdict, change) for verdict, each in changes for rank, change in enumerate(each)]
    ranked.sort(key=lambda entry: entry[0])
    return tuple(
        change
        for position, (rank, verdict, change) in enumerate(ranked)
        if position < _MOST or (rank < _MOST_OF_EACH and verdict.verdict is not VerdictKind.PASSED)
    )


def change_of(observed: Observations, row: int) -> Change:
    """The case of a row, with its mean scores."""
    (candidate, n), baseline = _mean(observed.candidate[row]), observed.baseline
    other, other_n = (None, None) if baseline is None else _mean(baseline[row])
    own = observed.id, observed.case_ids[row], observed.metric
    return Change(*own, candidate, other, n, candidate_answer=None, baseline_answer=None, baseline_n=other_n)


def _mean(scores: FloatArray) -> tuple[float, int]:
    """The mean of the scores of a case, and how many there are."""
    known = scores[~np.isnan(scores)]
    return float(known.mean()) if len(known) else math.nan, len(known)


class Parts:
    """The parts that the bodies of one evaluation gave for figures over all of them."""

    def __init__(self) -> None:
        self._parts: dict[Place, Any] = {}

    def keep(self, place: Place, readings: Mapping[str, Reading]) -> None:
        """Keep the part of one body, if it gave one."""
        part = next((reading.part for reading in readings.values() if reading.part is not None), None)
        if part is not None:
            self._parts[place] = part

    def aggregates(
        self, aggregation: Aggregation, cases: Sequence[CaseResult], numbers: Mapping[str, int]
    ) -> tuple[Aggregate, ...]:
        """The figures of both versions.

        Args:
            cases: that were decided by.
            numbers: of each case, by its id; parts are taken in their order, whatever order was drawn.
        """
        samples, rows = range(max((case.n for case in cases), default=0)), sorted(numbers[case.id] for case in cases)
        figures: list[Mapping[str, float]] = []
        for role in ("candidate", "baseline"):
            places = ((role, row, sample) for row in rows for sample in samples)
            parts = [self._parts[place] for place in places if place in self._parts]
            figures.append(aggregation(parts) if parts else {})
        ours, theirs = figures
        return tuple(Aggregate(name, ours.get(name), theirs.get(name)) for name in dict.fromkeys([*ours, *theirs]))
