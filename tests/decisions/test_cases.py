"""Each case by itself, and how figures and needs are put in words."""

import numpy as np
import pytest

from harness.decisions import decide
from harness.decisions.claims import case_results
from tests.decisions.observations import observed


def test_a_case_is_stable_flaky_or_broken():
    results = case_results(observed([[1, 1], [1, 0], [0, 0], [1, np.nan]], [[1, 1], [1, 1], [0, 1], [0, 0]]))
    assert [result.state for result in results] == ["stable", "flaky", "broken", "stable"]
    assert [result.n for result in results] == [2, 2, 2, 1]
    assert [result.candidate for result in results] == [1.0, 0.5, 0.0, 1.0]
    assert [result.baseline for result in results] == [1.0, 1.0, 0.5, 0.0]


def test_cases_without_a_candidate_score_are_left_out():
    results = case_results(observed([[1.0], [np.nan], [0.0]], [[1.0], [1.0], [np.nan]]))
    assert [(result.id, result.baseline) for result in results] == [("c0", 1.0), ("c2", None)]


def test_a_case_keeps_the_cluster_that_it_was_decided_in():
    results = case_results(observed([[1.0], [np.nan], [0.0]], clusters=("a", "b", 7)))
    assert [result.cluster for result in results] == ["a", "7"]
    assert case_results(observed([[1.0]]))[0].cluster is None


@pytest.mark.parametrize(
    ("changes", "states"),
    [
        ({"threshold": 0.8}, ["stable", "flaky", "broken"]),
        ({}, ["stable", "stable", "flaky"]),
        ({"unit": "s"}, ["stable", "stable", "stable"]),
        ({"unit": "s", "threshold": 0.75, "higher_is_better": False}, ["broken", "flaky", "stable"]),
    ],
)
def test_graded_scores_are_right_from_the_threshold_on(changes, states):
    results = case_results(observed([[0.9, 0.8], [0.9, 0.7], [0.6, 0.4]], **changes))
    assert states == [result.state for result in results]


def test_counts_are_of_cases_and_samples_with_a_score():
    (verdict,) = decide([observed([[1, np.nan], [0, 1], [np.nan, np.nan]], n_skipped=1, n_truncated=2)], 0.95)
    assert (verdict.n_cases, verdict.n_samples, verdict.n_skipped, verdict.n_truncated) == (2, 3, 1, 2)
