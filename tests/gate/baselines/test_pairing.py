"""What an evaluation is paired with in its recording."""

from __future__ import annotations

import numpy as np
import pytest

from harness.gate.baselines.pairing import Pairing, order_against, pair
from harness.gate.baselines.recording import (
    RecordedCase,
    RecordedEvaluation,
)
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.sampling.order import order_of
from harness.records import ScoringRule
from harness.scoring.results import Reading
from tests.decisions.observations import replace
from tests.gate.baselines.recordings import cases, evaluation, recorded, recording


def paired(known: RecordedEvaluation, now: Evaluation, pattern: str = "*") -> Pairing:
    return pair(recording(test=known), now, order_of(now, 2, 0), pattern)


def test_cases_that_are_new_changed_or_gone_are_not_paired() -> None:
    known = recorded(cases(5), skipped=("c5",))
    found = paired(known, evaluation((*cases(3, c1="another"), *cases(8)[5:7])))
    assert found.states == {"c0": "paired", "c1": "changed", "c2": "paired", "c5": "skipped", "c6": "new"}
    assert (found.n_gone, found.n_unverified, found.trouble) == (2, 0, None)
    np.testing.assert_array_equal(found.scores("score", ["c2", "c1", "c0"]), [[0, 1], [np.nan] * 2, [0, 1]])


def test_gone_are_those_of_the_pattern_alone() -> None:
    known = recorded(cases(12))
    assert paired(known, evaluation(cases(2)[1:]), pattern="c1*").n_gone == 2


def test_nothing_in_common_and_an_unknown_evaluation_are_troubles() -> None:
    found = paired(recorded(cases(3)), evaluation(cases(3, c0="x", c1="y", c2="z")))
    assert "none of its 3 cases can be paired with the baseline 'released' recorded 2026-11-24 (3 changed)" in str(
        found.trouble
    )
    now = evaluation(cases(3))
    assert "has no scores of this evaluation" in str(pair(recording(), now, order_of(now, 2, 0), "*").trouble)


def test_a_run_that_stopped_early_never_came_to_the_cases_behind_its_last() -> None:
    now = evaluation(cases(8))
    drawn = [now.cases[number] for number in order_of(now, 2, 0).cases]
    early = recorded(tuple(drawn[:2] + drawn[3:5]), design="sequential", n_planned=8, n_drawn=4)
    states = paired(early, now).states
    assert [states[case.id] for case in drawn] == ["paired"] * 2 + ["new"] + ["paired"] * 2 + ["undrawn"] * 3


def test_without_a_threshold_no_case_is_drawn_behind_the_last_pair() -> None:
    for marker, expected in (({}, 5), ({"threshold": 0.5}, 8), ({"design": "fixed"}, 8)):
        now = evaluation(cases(8), **marker)
        order = order_of(now, 2, 0)
        early = recorded(tuple(now.cases[number] for number in order_of(evaluation(cases(8)), 2, 0).cases[:5]))
        assert len(order_against(paired(early, now), order).cases) == expected


def test_other_numbers_of_samples_leave_gaps() -> None:
    known = recorded(cases(2))
    known = replace(known, cases={**known.cases, "c1": RecordedCase(None, None, {"score": (1.0, 0.0, 1.0)})})
    found = paired(known, evaluation(cases(2)))
    np.testing.assert_array_equal(found.scores("score", ["c0", "c1"]), [[0, 1, np.nan], [1, 0, 1]])
    assert found.n_unverified == 1


def judged(*by: str) -> RecordedEvaluation:
    known = recorded(cases(2))
    return replace(known, metrics={"score": replace(known.metrics["score"], judged_by=by)})


@pytest.mark.parametrize(
    ("known", "by", "reason"),
    [
        (judged("j1/r1", "j1/r2"), ScoringRule(("j1",), "r2"), None),
        (judged("j1/r1"), ScoringRule(("j2",), "r1"), "other judges' now than"),
        (judged("j1/r1"), ScoringRule(("j1",), "r2"), "by another rubric now than"),
        (judged(), ScoringRule(("j1",), "r1"), "a judge's now, and nobody's"),
        (judged(), None, None),
    ],
)
def test_scores_of_other_judges_or_rubrics_are_not_of_one_kind(
    known: RecordedEvaluation, by: ScoringRule | None, reason: str | None
) -> None:
    said = paired(known, evaluation(cases(2))).mismatch("score", Reading(1.0, judged_by=by))
    assert said is None if reason is None else reason in str(said)


def test_a_judge_under_test_is_another_one_by_design() -> None:
    now = evaluation(cases(2), frozenset({"case", "judge"}), weighs="judge")
    found = paired(judged("j1/r1"), now)
    assert found.mismatch("score", Reading(1.0, judged_by=ScoringRule(("j2",), "r1"))) is None
    assert found.other_judges(("j2",)) is None
