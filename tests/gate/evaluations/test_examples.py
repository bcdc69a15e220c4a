"""Which cases of an evaluation are shown."""

from __future__ import annotations

import numpy as np

from harness.decisions import Observations, decide
from harness.gate.evaluations.examples import changes, expected_of, most_telling
from harness.records import Case, Change, Verdict, VerdictKind
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


def ids(found: list[Change]) -> list[str]:
    return [change.case_id for change in found]


def test_with_a_baseline_the_cases_that_moved_are_shown_the_largest_drop_first() -> None:
    one = observed([[1, 1], [0, 1], [0, 0], [1, 1]], [[1, 1], [1, 1], [1, 1], [0, 1]])
    assert ids(changes(one)) == ["c2", "c1", "c3"]


def test_without_a_baseline_the_cases_that_were_not_always_right_are_shown_the_lowest_first() -> None:
    found = changes(observed([[1, 1], [0, 1], [0, 0]]))
    assert ids(found) == ["c2", "c1"]
    assert {(change.baseline, change.baseline_n, change.baseline_answer) for change in found} == {(None, None, None)}


def test_where_a_threshold_is_missed_cases_that_are_wrong_for_both_versions_are_shown_too() -> None:
    one = observed([[0, 0], [0, 1], [1, 1]], [[0, 0], [1, 1], [1, 1]], threshold=0.9)
    assert ids(changes(one)) == ["c1", "c0"]
    assert ids(changes(replace(one, threshold=None))) == ["c1"]


def test_of_a_measure_the_worst_are_shown_whichever_direction_is_better() -> None:
    slow = observed([[1.0], [9.0], [3.0]], unit="s", higher_is_better=False)
    assert ids(changes(slow)) == ["c1", "c2", "c0"]
    assert ids(changes(replace(slow, higher_is_better=True))) == ["c0", "c2", "c1"]


def test_where_any_move_counts_the_largest_is_shown_first_whichever_its_direction() -> None:
    moved = observed([[3.0], [5.0], [1.0], [4.0]], [[4.0]] * 4, unit="bits", aim="same")
    assert ids(changes(moved)) == ["c2", "c0", "c1"]


def test_the_scores_that_are_there_are_counted() -> None:
    one = observed([[0, np.nan, np.nan], [np.nan] * 3], [[1, 1, np.nan], [1, 1, 1]])
    (change,) = changes(one)
    assert (change.n, change.baseline_n, change.candidate, change.baseline) == (1, 2, 0.0, 1.0)


def verdict(number: int, kind: VerdictKind) -> Verdict:
    (passed,) = decide([observed([[1.0]], id=f"t{number}")], 0.95)
    return replace(passed, verdict=kind)


def test_a_report_shows_the_worst_of_each_evaluation_first_and_three_of_each_that_did_not_pass() -> None:
    found = []
    for number in range(60):
        kind = VerdictKind.PASSED if number % 2 else VerdictKind.FAILED
        own = changes(replace(observed([[number / 100]] * 9), id=f"t{number}"))
        found.append((verdict(number, kind), own))
    told = most_telling(found)
    names = [(change.evaluation_id, change.case_id) for change in told]
    assert names[:3] == [("t0", "c0"), ("t1", "c0"), ("t2", "c0")]
    for number in range(0, 60, 2):
        assert [case for name, case in names if name == f"t{number}"] == ["c0", "c1", "c2"]
    assert sum(name == "t59" for name, _ in names) == 0
    assert len(told) == 25 + 3 * 30


def test_of_several_accepted_answers_each_is_shown() -> None:
    accepted = {"two": ["five days", "5 days"], "text": "nine", "none": [], "numbers": [1, 2], "object": {"a": "b"}}
    shown = {name: expected_of(Case({"id": name, "expected": value})) for name, value in accepted.items()}
    assert shown == {
        "two": '"five days" or "5 days"',
        "text": "nine",
        "none": "[]",
        "numbers": "[1, 2]",
        "object": '{"a": "b"}',
    }
