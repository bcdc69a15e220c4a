"""Each case by itself, and how figures and needs are put in words."""

import numpy as np
import pytest

from harness.decisions import decide
from harness.decisions.reasons import figure
from harness.decisions.rule import case_results
from tests.decisions.observations import binary, observed, share_right


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


def test_a_figure_never_reads_like_the_one_it_differs_from():
    assert figure(-0.0504, apart_from=-0.05) == "-0.0504"
    assert figure(0.1504, apart_from=0.05) == "0.15"
    assert figure(0.0004) == "0.0004"
    assert figure(0.0) == "0.00"
    assert figure(1234.5, "ms") == "1,234.50 ms"


def needs(candidate, baseline, **changes):
    (verdict,) = decide([observed(candidate, baseline, **changes)], 0.95)
    return verdict


def test_spread_between_cases_asks_for_cases():
    verdict = needs(share_right(27, 30), share_right(27, 30))
    assert "more cases" in verdict.reason
    assert verdict.samples_needed % 5 == 0


def test_spread_within_cases_asks_for_samples():
    """Every case at a rate of 0.5: the cases do not differ, only the draws do."""
    rng = np.random.default_rng(1)
    verdict = needs(binary(rng, np.full(40, 0.5), 5), binary(rng, np.full(40, 0.5), 5))
    assert "samples a case" in verdict.reason
    assert verdict.samples_needed % 40 == 0


def test_a_single_case_asks_for_samples():
    verdict = needs([[1.0] * 9 + [0.0]], [[1.0] * 9 + [0.0]])
    assert verdict.reason.endswith("more samples would decide it")
    assert verdict.samples_needed > 100


def test_the_stated_need_decides_most_of_the_time():
    """With what it asks for, drawn at the same rates, 2 of 3 open gates are decided (aimed at: 4 of 5)."""
    rng = np.random.default_rng(7)
    decided = asked = 0
    for _ in range(400):
        rates = rng.beta(0.9, 0.1, 30)
        first = needs(binary(rng, rates, 5), binary(rng, rates, 5))
        if first.samples_needed is None or first.difference.value < 0:
            continue
        asked += 1
        n_samples = 5
        if "more cases" in first.reason:
            rates = rng.beta(0.9, 0.1, 30 + first.samples_needed // 5)
        else:
            n_samples += first.samples_needed // 30
        again = needs(binary(rng, rates, n_samples), binary(rng, rates, n_samples))
        decided += again.samples_needed is None
    assert asked >= 30
    assert decided / asked > 0.66
