"""The cases that moved: how many, which, and what was answered."""

from __future__ import annotations

import numpy as np
import pytest

from harness.gate.history.comparison import FlipCounts, match, most_changed, tally
from harness.gate.history.scores import Side
from harness.store import Store
from tests.decisions.observations import observed
from tests.gate.stored import Scored, answer, run, side

LOWER = {"unit": "s", "higher_is_better": False}


@pytest.mark.parametrize(
    ("ours", "theirs", "rule", "expected"),
    [
        ([1, 1], [1, 1], {}, "stable"),
        ([0, 0], [0, np.nan], {}, "stable"),
        ([1, 0], [0, 1], {}, "flaky"),
        ([1, 0, 1, 0, 0], [1, 1, 1, 1, 0], {}, "flaky"),  # from 0.8 to 0.4
        ([0, 0, 1, 0], [1, 1, 1, 0], {}, "worsened"),  # from 0.75 to 0.25
        ([1, 1], [0, 0], {}, "improved"),
        ([0], [1], {}, "worsened"),
        ([0.6, 0.7], [0.8, 0.9], {}, "worsened"),
        ([0.6, 0.85], [0.7, 0.8], {}, "flaky"),
        ([2.0, 2.1], [1.0, 1.1], LOWER, "worsened"),
        ([1.0, 1.1], [2.0, np.nan], LOWER, "improved"),
    ],
)
def test_a_case_is_counted_by_how_often_a_sample_of_one_version_beats_one_of_the_other(
    ours, theirs, rule, expected
) -> None:
    found = tally([observed([ours], [theirs], **rule)])
    assert found == FlipCounts(**{expected: 1})


def test_cases_without_a_score_of_both_are_not_counted() -> None:
    either = observed([[1.0], [np.nan], [1.0]], [[1.0], [1.0], [np.nan]])
    assert tally([either, observed([[np.nan]], [[1.0]])]) == FlipCounts(stable=1)


def changed(store: Store, most: int, *evaluations: Scored):
    ours = run(store, "r1", *evaluations)
    return moved(store, ours, most)


def moved(store: Store, ours: Side, most: int):
    sides = ours, side(store, "r1", "baseline")
    pairs = match(store, *sides).pairs
    return most_changed(store, [pair.observed(metric) for pair in pairs for metric in pair.metrics], sides, most)


CASES = Scored(
    candidate={"same": [1, 0], "fell": [0, 0], "rose": [1, 1], "sank": [1, 0], "grew": [1, 0]},
    baseline={"same": [0, 1], "fell": [1, 1], "rose": [0, 0], "sank": [1, 1], "grew": [0, 0]},
)


def test_the_largest_drops_come_first_and_then_the_largest_gains(store: Store) -> None:
    n_moved, changes = changed(store, 10, CASES)
    assert n_moved == 4
    assert [(each.case_id, each.baseline, each.candidate) for each in changes] == [
        ("fell", 1.0, 0.0),
        ("sank", 1.0, 0.5),
        ("rose", 0.0, 1.0),
        ("grew", 0.0, 0.5),
    ]
    assert {(each.n, each.baseline_n) for each in changes} == {(2, 2)}


def test_only_so_many_are_kept_the_largest_of_both_kinds(store: Store) -> None:
    n_moved, changes = changed(store, 3, CASES)
    assert n_moved == 4
    assert [each.case_id for each in changes] == ["fell", "sank", "rose"]


def test_none_are_kept_where_none_are_asked_for(store: Store) -> None:
    assert changed(store, 0, CASES) == (4, ())


def test_a_drop_is_shown_by_its_worst_answer_and_a_gain_by_its_best(store: Store) -> None:
    cases = Scored(
        candidate={"fell": [1, 0, 0], "rose": [0, 1, 1]}, baseline={"fell": [0, 1, 1, 1], "rose": [1, 0, 0, 0]}
    )
    _, (fell, rose) = changed(store, 10, cases)
    assert (fell.candidate_answer, fell.candidate_reason) == (answer("candidate", "fell", 1), "why 1")
    assert (fell.baseline_answer, fell.baseline_reason) == (answer("baseline", "fell", 1), "why 1")
    assert (rose.candidate_answer, rose.baseline_answer) == (
        answer("candidate", "rose", 1),
        answer("baseline", "rose", 1),
    )


def test_of_a_measure_that_should_be_low_the_high_sample_is_the_worst(store: Store) -> None:
    cases = Scored(metric="s", candidate={"a": [1, 3], "b": [1, 1]}, baseline={"a": [2, 1], "b": [1, 1]}, rule=LOWER)
    _, (slower,) = changed(store, 10, cases)
    assert (slower.candidate, slower.baseline) == (2.0, 1.5)
    assert (slower.candidate_answer, slower.baseline_answer) == (
        answer("candidate", "a", 1),
        answer("baseline", "a", 1),
    )


def test_a_failed_assertion_is_the_worst_answer_of_each_metric(store: Store) -> None:
    cases = Scored(metric="f1", candidate={"a": [0.5, "failed"]}, baseline={"a": [0.9, 0.8]})
    _, (change,) = changed(store, 10, cases)
    assert (change.candidate, change.candidate_answer) == (0.25, answer("candidate", "a", 1))
    assert change.baseline_answer == answer("baseline", "a", 0)


def test_a_version_against_itself_is_shown_by_its_own_draws(store: Store) -> None:
    names = {"candidate": "small", "baseline": "small"}
    ours = run(store, "r1", Scored(candidate={"a": [0]}, baseline={"a": [1]}), names=names)
    _, (change,) = moved(store, ours, 1)
    assert (change.candidate_answer, change.baseline_answer) == (
        answer("candidate", "a", 0),
        answer("baseline", "a", 0),
    )


def test_an_answer_that_was_pruned_is_none(store: Store) -> None:
    ours = run(store, "r1", Scored(candidate={"a": [0]}, baseline={"a": [1]}))
    store.prune(fingerprints=["f-large"])
    _, (change,) = moved(store, ours, 1)
    assert (change.candidate_answer, change.baseline_answer) == (answer("candidate", "a", 0), None)


def test_measures_are_ranked_beside_scores_by_their_share_of_the_larger(store: Store) -> None:
    times = Scored("times", {"a": [100.0], "b": [50.0]}, {"a": [90.0], "b": [100.0]}, "s", rule=LOWER)
    scores = Scored("scores", {"c": [0.75], "d": [1.0]}, {"c": [1.0], "d": [1.0]})
    n_moved, changes = changed(store, 10, times, scores)
    assert n_moved == 3
    assert [(each.evaluation_id, each.case_id) for each in changes] == [("scores", "c"), ("times", "a"), ("times", "b")]
