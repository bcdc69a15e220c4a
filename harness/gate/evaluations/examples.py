"""The cases of an evaluation that are worth a look, each with one answer of each version."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.decisions import Observations
from harness.gate.evaluations.score_table import names_of
from harness.records import Case, Change, Role, Sample, Verdict, VerdictKind
from harness.records.tool_calls import turns_in_words
from harness.requests import Trace
from harness.scoring.results import Reading
from harness.statistics.arrays import FloatArray, case_means

Place = tuple[Role, int, int]
"""Role, number of the case and number of the sample."""
Shown = tuple[str | None, str | None]
"""An answer and the reason of its score, as far as they are known."""
ANSWER_KEPT = 400
"""Characters of an answer, and of its reason, kept to be shown; the whole is in the store."""
_MOST = 50
_ROLES: tuple[Role, Role] = ("candidate", "baseline")
_MOST_OF_EACH = 3


@dataclass(frozen=True, slots=True)
class _KeptAnswer:
    """An answer; the one of the lowest value is shown."""

    value: float
    sample: int
    answer: str | None = None
    reason: str | None = None


class Answers:
    """One answer of each case, metric and version: the candidate's worst and the baseline's best, to be shown side by
    side. Of equal ones the first sample's, whatever order they arrive in.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int, Role], list[_KeptAnswer]] = {}

    def keep(self, metric: str, place: Place, reading: Reading, trace: Trace) -> None:
        """Keep what a body was answered, with the score and the reason that it gave, where it is the one to show."""
        role, case, sample = place
        value = reading.value if reading.higher_is_better == (role == "candidate") else -reading.value
        kept = self._kept.setdefault((metric, case, role), [])
        for each in kept:  # one that is to be shown before it, however many of the first samples count
            if each.sample <= sample and each.value <= value:
                return
        is_answer = trace.sample is not None and trace.sample.loglikelihood is None
        answer = _shown(trace.sample) if trace.sample is not None and is_answer else None
        reason = None if reading.reason is None else reading.reason[:ANSWER_KEPT]
        kept[:] = [each for each in kept if not (sample <= each.sample and value <= each.value)]
        kept.append(_KeptAnswer(value, sample, answer, reason))

    def of(self, metric: str, case: int, role: Role, n: int) -> Shown:
        """Answer and reason among the first `n` samples."""
        found = [
            each for name in names_of(metric) for each in self._kept.get((name, case, role), ()) if each.sample < n
        ]
        shown = min(found, key=lambda each: (each.value, each.sample), default=_KeptAnswer(0.0, 0))
        return shown.answer, shown.reason


def _shown(sample: Sample) -> str:
    """As much of an answer as is kept to be shown; of a conversation its last turns, which scores are mostly about."""
    if not sample.messages:
        return sample.said[:ANSWER_KEPT]
    turns = turns_in_words(sample.messages)
    return turns if len(turns) <= ANSWER_KEPT else f"…{turns[1 - ANSWER_KEPT :]}"


def expected_of(case: Case) -> str | None:
    """The start of what a case says is expected: its field `expected`, as text; None where it has none."""
    expected = case.get("expected")
    if expected is None:
        return None
    text = expected if isinstance(expected, str) else json.dumps(expected, ensure_ascii=False, default=str)
    return text[:ANSWER_KEPT]


def changes(observed: Observations, numbers: Mapping[str, int], answers: Answers) -> list[Change]:
    """The cases to look at: those that moved, the largest drop first; with aim="same" the largest move. Where there is
    no baseline, or a threshold, those that were not always right as well, the lowest score first.

    `numbers` has the number of each case, by its id.
    """
    sign = 1.0 if observed.higher_is_better else -1.0
    ours = case_means(observed.candidate)
    theirs = None if observed.baseline is None else case_means(observed.baseline)
    moved = np.where(np.isnan(ours), np.nan, 0.0) if theirs is None else ours - theirs
    is_chosen = np.abs(moved) > 0
    if theirs is None or observed.plan.threshold is not None:
        is_chosen |= ~np.isnan(moved) & ((ours < 1) if observed.bounded else True)
    gained = -np.abs(moved) if observed.is_same else sign * moved
    ranked = heapq.nsmallest(
        _MOST,
        np.flatnonzero(is_chosen).tolist(),
        key=lambda row: (gained[row], sign * ours[row], observed.case_ids[row]),
    )
    widths = observed.candidate.shape[1], 0 if observed.baseline is None else observed.baseline.shape[1]

    def change(row: int) -> Change:
        case = numbers[observed.case_ids[row]]
        shown = [answers.of(observed.metric, case, role, n) for role, n in zip(_ROLES, widths, strict=True)]
        means = float(ours[row]), None if theirs is None else float(theirs[row])
        return change_of(observed, row, means, (shown[0], shown[1]))

    return [change(row) for row in ranked]


def most_telling(found: Iterable[tuple[Verdict, Sequence[Change]]]) -> tuple[Change, ...]:
    """Choose the cases of all verdicts that a report shows: the worst of each, then the next of each, up to fifty.

    The three worst of a verdict that did not pass are shown in any case.
    """
    ranked = [(rank, verdict, change) for verdict, each in found for rank, change in enumerate(each)]
    ranked.sort(key=lambda entry: entry[0])
    return tuple(
        change
        for position, (rank, verdict, change) in enumerate(ranked)
        if position < _MOST or (rank < _MOST_OF_EACH and verdict.verdict is not VerdictKind.PASSED)
    )


def change_of(
    observed: Observations, row: int, means: tuple[float, float | None], shown: tuple[Shown, Shown]
) -> Change:
    """The case of a row, with its mean score and what is shown of its answers, the candidate's first."""
    (answer, reason), (other, why) = shown
    return Change(
        evaluation_id=observed.id,
        case_id=observed.case_ids[row],
        metric=observed.metric,
        candidate=means[0],
        baseline=means[1],
        n=_count(observed.candidate, row),
        candidate_answer=answer,
        baseline_answer=other,
        baseline_n=None if observed.baseline is None else _count(observed.baseline, row),
        candidate_reason=reason,
        baseline_reason=why,
    )


def _count(scores: FloatArray, row: int) -> int:
    return int((~np.isnan(scores[row])).sum())
