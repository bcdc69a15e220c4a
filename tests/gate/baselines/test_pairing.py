"""What an evaluation is paired with in its recording."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import SettingsError
from harness.gate.baselines.pairing import Pairing, check_recorded, recorded_side
from harness.gate.baselines.recording import RecordedEvaluation
from harness.gate.evaluations.cases import built_digest
from harness.gate.evaluations.evaluation import Evaluation
from harness.records import ScoringRule
from harness.scoring.results import Reading
from tests.decisions.observations import replace
from tests.gate.baselines.recordings import cases, evaluation, recorded, recording


def paired(known: RecordedEvaluation, now: Evaluation, pattern: str = "*") -> Pairing:
    return Pairing(recording(test=known), now, pattern)


def test_cases_that_are_new_changed_or_gone_are_not_paired() -> None:
    known = recorded(cases(5), skipped=("c5",))
    found = paired(known, evaluation((*cases(3, c1="another"), *cases(8)[5:7])))
    assert found.states == {"c0": "paired", "c1": "changed", "c2": "paired", "c5": "skipped", "c6": "new"}
    assert (found.counts["gone"], found.trouble) == (2, "")
    np.testing.assert_array_equal(found.scores("score", ["c2", "c1", "c0"]), [[0, 1], [np.nan] * 2, [0, 1]])


def test_gone_are_those_of_the_pattern_alone() -> None:
    known = recorded(cases(12))
    assert paired(known, evaluation(cases(2)[1:]), pattern="c1*").counts["gone"] == 2


def test_nothing_in_common_and_an_unknown_evaluation_are_troubles() -> None:
    found = paired(recorded(cases(3)), evaluation(cases(3, c0="x", c1="y", c2="z")))
    assert "none of its 3 cases can be paired with the baseline 'released' recorded 2026-11-24 (3 changed)" in str(
        found.trouble
    )
    now = evaluation(cases(3))
    assert "has no scores of this evaluation" in Pairing(recording(), now).trouble
    with pytest.raises(SettingsError, match="is of other evaluations: it has 'other', and this run has test"):
        check_recorded(recording(other=recorded(cases())), [now])


def test_the_ledger_hears_which_cases_have_no_pair_and_which_draws_are_in_the_store() -> None:
    known = recorded(cases(3), skipped=("c3",), draws=("0:1:50", "0:2:60"))
    side = recorded_side(recording(test=known), evaluation(cases(5, c1="another")), {1: 50.0, 2: 70.0})
    assert (side.recording, side.draws, side.asked) == ("r1", ("0:1:50", "0:2:60"), {"0:1"})
    assert side.unpaired == {built_digest(each) for each in cases(5, c1="another") if each.id in ("c1", "c4")}
    assert len(recorded_side(recording(), evaluation(cases(1)), {}).unpaired) == 1


def test_other_numbers_of_samples_leave_gaps() -> None:
    known = recorded(cases(2))
    known = replace(known, cases={**known.cases, "c1": known.cases["c1"]._replace(scores={"score": (1.0, 0.0, 1.0)})})
    found = paired(known, evaluation(cases(2)))
    np.testing.assert_array_equal(found.scores("score", ["c0", "c1"]), [[0, 1, np.nan], [1, 0, 1]])


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
    assert said == "" if reason is None else reason in said


def test_a_judge_under_test_is_another_one_by_design() -> None:
    now = evaluation(cases(2), frozenset({"case", "judge"}), weighs="judge")
    found = paired(judged("j1/r1"), now)
    assert found.mismatch("score", Reading(1.0, judged_by=ScoringRule(("j2",), "r1"))) == ""
    assert Pairing(recording(test=judged("j1/r1")), now, judges=("j2",)).trouble == ""
    asked = evaluation(cases(2), frozenset({"case", "judge"}))
    assert "are other judges' in" in Pairing(recording(test=judged("j1/r1")), asked, judges=("j2",)).trouble
