"""Which cases of an evaluation are shown, and which answer of each version."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from harness.decisions import Observations, decide
from harness.gate.evaluations.examples import Answers, changes, most_telling
from harness.records import Change, Role, Sample, Verdict, VerdictKind
from harness.requests import Trace
from harness.scoring.results import Reading
from tests.decisions.observations import of_plan, replace


def observed(candidate: list[list[float]], baseline: list[list[float]] | None = None, **more: object) -> Observations:
    """An evaluation of cases c0, c1, …"""
    fields = {
        "id": "test",
        "metric": "score",
        "case_ids": tuple(f"c{number}" for number in range(len(candidate))),
        "candidate": np.array(candidate, dtype=float),
        "baseline": None if baseline is None else np.array(baseline, dtype=float),
    }
    return Observations(**of_plan({**fields, **more}))  # type: ignore[arg-type]


def answered(text: str) -> Trace:
    trace = Trace()
    trace.key, trace.sample = b"k" * 16, Sample(text)
    return trace


def shown(one: Observations, answers: Answers | None = None) -> list[Change]:
    return changes(one, {case: number for number, case in enumerate(one.case_ids)}, answers or Answers())


def ids(found: list[Change]) -> list[str]:
    return [change.case_id for change in found]


def test_with_a_baseline_the_cases_that_moved_are_shown_the_largest_drop_first() -> None:
    one = observed([[1, 1], [0, 1], [0, 0], [1, 1]], [[1, 1], [1, 1], [1, 1], [0, 1]])
    assert ids(shown(one)) == ["c2", "c1", "c3"]


def test_without_a_baseline_the_cases_that_were_not_always_right_are_shown_the_lowest_first() -> None:
    found = shown(observed([[1, 1], [0, 1], [0, 0]]))
    assert ids(found) == ["c2", "c1"]
    assert {(change.baseline, change.baseline_n, change.baseline_answer) for change in found} == {(None, None, None)}


def test_where_a_threshold_is_missed_cases_that_are_wrong_for_both_versions_are_shown_too() -> None:
    one = observed([[0, 0], [0, 1], [1, 1]], [[0, 0], [1, 1], [1, 1]], threshold=0.9)
    assert ids(shown(one)) == ["c1", "c0"]
    assert ids(shown(replace(one, threshold=None))) == ["c1"]


def test_of_a_measure_the_worst_are_shown_whichever_direction_is_better() -> None:
    slow = observed([[1.0], [9.0], [3.0]], unit="s", higher_is_better=False)
    assert ids(shown(slow)) == ["c1", "c2", "c0"]
    assert ids(shown(replace(slow, higher_is_better=True))) == ["c0", "c2", "c1"]


def test_where_any_move_counts_the_largest_is_shown_first_whichever_its_direction() -> None:
    moved = observed([[3.0], [5.0], [1.0], [4.0]], [[4.0]] * 4, unit="bits", aim="same")
    assert ids(shown(moved)) == ["c2", "c0", "c1"]


def test_the_scores_that_are_there_are_counted() -> None:
    one = observed([[0, np.nan, np.nan], [np.nan] * 3], [[1, 1, np.nan], [1, 1, 1]])
    (change,) = shown(one)
    assert (change.n, change.baseline_n, change.candidate, change.baseline) == (1, 2, 0.0, 1.0)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_candidates_worst_and_the_baselines_best_are_shown_with_their_reasons(order: tuple[int, ...]) -> None:
    answers = Answers()
    for sample in order:
        for role in ("candidate", "baseline"):
            reading = Reading((0.5, 0.2, 0.2)[sample], f"reason {sample}")
            answers.keep("score", (role, 0, sample), reading, answered(f"{role} {sample}"))
    (change,) = shown(observed([[0.5, 0.2, 0.2]], [[0.5, 0.4, 0.2]]), answers)
    assert (change.candidate_answer, change.candidate_reason) == ("candidate 1", "reason 1")
    assert (change.baseline_answer, change.baseline_reason) == ("baseline 0", "reason 0")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_an_answer_beyond_the_samples_that_count_is_not_shown(order: tuple[int, ...]) -> None:
    answers = Answers()
    for sample in order:
        answers.keep("score", ("candidate", 0, sample), Reading((0.5, 0.2, 0.0)[sample]), answered(str(sample)))
    assert [answers.of("score", 0, "candidate", n)[0] for n in range(4)] == [None, "0", "1", "2"]


def test_the_slowest_answer_of_a_measure_is_its_worst() -> None:
    answers = Answers()
    for sample, seconds in enumerate((1.0, 9.0, 3.0)):
        reading = Reading(seconds, unit="s", higher_is_better=False)
        answers.keep("time", ("candidate", 0, sample), reading, answered(str(seconds)))
    assert answers.of("time", 0, "candidate", 3) == ("9.0", None)


def test_an_assertion_that_failed_is_the_worst_of_every_metric() -> None:
    answers = Answers()
    answers.keep("exact", ("candidate", 0, 0), Reading(0.3), answered("graded"))
    answers.keep("score", ("candidate", 0, 1), Reading(0.0, "not even JSON"), answered("failed"))
    assert answers.of("exact", 0, "candidate", 2) == ("failed", "not even JSON")


def test_a_body_that_asked_nothing_may_have_a_reason() -> None:
    answers = Answers()
    answers.keep("score", ("candidate", 0, 0), Reading(0.0, "why"), Trace())
    assert answers.of("score", 0, "candidate", 1) == (None, "why")


def test_long_answers_and_reasons_are_kept_by_their_start() -> None:
    answers = Answers()
    answers.keep("score", ("candidate", 0, 0), Reading(0.0, "w" * 10_000), answered("a" * 10_000))
    assert answers.of("score", 0, "candidate", 1) == ("a" * 400, "w" * 400)


def verdict(number: int, kind: VerdictKind) -> Verdict:
    (passed,) = decide([observed([[1.0]], id=f"t{number}")], 0.95)
    return replace(passed, verdict=kind)


def test_a_report_shows_the_worst_of_each_evaluation_first_and_three_of_each_that_did_not_pass() -> None:
    found = []
    for number in range(60):
        kind = VerdictKind.PASSED if number % 2 else VerdictKind.FAILED
        own = shown(replace(observed([[number / 100]] * 9), id=f"t{number}"))
        found.append((verdict(number, kind), own))
    told = most_telling(found)
    names = [(change.evaluation_id, change.case_id) for change in told]
    assert names[:3] == [("t0", "c0"), ("t1", "c0"), ("t2", "c0")]
    for number in range(0, 60, 2):
        assert [case for name, case in names if name == f"t{number}"] == ["c0", "c1", "c2"]
    assert sum(name == "t59" for name, _ in names) == 0
    assert len(told) == 25 + 3 * 30


def test_no_role_is_mixed_up() -> None:
    answers = Answers()
    roles: tuple[Role, ...] = ("candidate", "baseline")
    for role in roles:
        answers.keep("score", (role, 0, 0), Reading(1.0), answered(role))
    assert [answers.of("score", 0, role, 1)[0] for role in roles] == list(roles)


def test_of_a_conversation_the_last_turns_are_shown() -> None:
    turns = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."})
    kept = Answers()
    trace = Trace()
    trace.sample = Sample("Hello.", messages=turns)
    kept.keep("score", ("candidate", 0, 0), Reading(0.0), trace)
    assert kept.of("score", 0, "candidate", 1)[0] == "user: Hi\n\nassistant: Hello."
    trace.sample = Sample("Hello.", messages=({"role": "user", "content": "a" * 500}, turns[1]))
    kept.keep("score", ("candidate", 1, 0), Reading(0.0), trace)
    shown = kept.of("score", 1, "candidate", 1)[0]
    assert shown is not None
    assert (len(shown), shown[0], shown[-8:]) == (400, "…", ": Hello.")
