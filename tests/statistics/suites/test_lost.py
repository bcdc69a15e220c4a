"""Which cases are lost: exact tests by case, false discoveries, power, clusters, speed."""

import math
import time

import numpy as np
import pytest
from scipy import stats

from harness.statistics.suites.lost import lost_cases


def drawn(rng, rates, n_samples):
    return (rng.random((len(rates), n_samples)) < rates[:, np.newaxis]).astype(float)


def test_fishers_tea_tasting():
    """Fisher (1935), The Design of Experiments, chapter 2: 3 of 4 cups told right, p = 17/70; all 4, p = 1/70."""
    lost = lost_cases([[1, 0, 0, 0], [0, 0, 0, 0]], [[1, 1, 1, 0], [1, 1, 1, 1]], 0.05)
    assert lost.p_values.tolist() == [pytest.approx(17 / 70), pytest.approx(1 / 70)]
    assert lost.indices.tolist() == [1]


def test_p_values_of_scores_of_0_and_1_are_those_of_scipy():
    rng = np.random.default_rng(1)
    candidate, baseline = drawn(rng, rng.random(40), 7), drawn(rng, rng.random(40), 9)
    candidate[:10, :3] = np.nan
    lost = lost_cases(candidate, baseline, 0.05)
    for case in range(40):
        x, y = candidate[case][~np.isnan(candidate[case])], baseline[case]
        table = [[x.sum(), len(x) - x.sum()], [y.sum(), len(y) - y.sum()]]
        assert lost.p_values[case] == pytest.approx(stats.fisher_exact(table, alternative="less").pvalue)


@pytest.mark.parametrize("steps", [4, 1000])
def test_p_values_of_graded_scores_are_those_of_every_permutation(steps):
    """Few steps: many ties, 1,000: hardly any."""
    rng = np.random.default_rng(2)
    candidate, baseline = rng.integers(0, steps, (6, 5)) / steps, rng.integers(0, steps, (6, 4)) / steps
    candidate[0, 0] = np.nan
    lost = lost_cases(candidate, baseline, 0.05)
    for case in range(6):
        x = candidate[case][~np.isnan(candidate[case])]
        ranks = stats.rankdata(np.concatenate([x, baseline[case]]))
        oracle = stats.permutation_test(
            (ranks[: len(x)], ranks[len(x) :]), lambda one, _: one.sum(), alternative="less", n_resamples=math.inf
        )
        assert lost.p_values[case] == pytest.approx(oracle.pvalue)


def test_the_rank_sum_test_of_two_scores_is_fishers():
    rng = np.random.default_rng(3)
    candidate, baseline = drawn(rng, np.full(20, 0.4), 6), drawn(rng, np.full(20, 0.8), 6)
    halves = lost_cases(candidate / 2, baseline / 2, 0.05)
    assert halves.p_values == pytest.approx(lost_cases(candidate, baseline, 0.05).p_values)


@pytest.mark.service
@pytest.mark.parametrize("graded", [False, True])
def test_the_same_version_loses_nothing_and_lost_cases_are_found(graded):
    """50 cases × 10, rates as in the benches; 5 % of the cases lost altogether: found in 0.98 of the gates and more."""
    rng = np.random.default_rng(4)
    level, gates = 0.0225, 300
    wrong = found = 0
    false_shares = []
    for _ in range(gates):
        rates = rng.beta(0.569, 0.096, 50)
        grade = (lambda scores: scores * (0.9 + 0.1 * rng.random(scores.shape))) if graded else (lambda scores: scores)
        baseline = grade(drawn(rng, rates, 10))
        wrong += len(lost_cases(grade(drawn(rng, rates, 10)), baseline, level).indices) > 0
        lost = rng.choice(50, 3, replace=False)
        worse = rates.copy()
        worse[lost] = 0
        named = lost_cases(grade(drawn(rng, worse, 10)), baseline, level).indices
        found += len(named) > 0
        false_shares.append(1 - np.isin(named, lost).mean() if len(named) else 0.0)
    assert wrong <= gates * level + 2 * math.sqrt(gates * level)
    assert found >= 0.97 * gates
    assert np.mean(false_shares) <= level


def test_cases_that_can_not_be_found_cost_the_others_nothing():
    candidate, baseline = np.ones((1000, 5)), np.ones((1000, 5))
    candidate[7] = 0
    lost = lost_cases(candidate, baseline, 0.01)
    assert (lost.indices.tolist(), lost.n_tested) == ([7], 1)


def test_cases_that_share_their_answers_are_one_finding():
    """Ten copies of each case: neither more often wrong, nor blind."""
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(10), 10)
    wrong = 0
    for _ in range(400):
        candidate, baseline = drawn(rng, np.full(10, 0.5), 8), drawn(rng, np.full(10, 0.5), 8)
        copies = np.repeat(candidate, 10, axis=0), np.repeat(baseline, 10, axis=0)
        wrong += len(lost_cases(*copies, 0.05, labels).indices) > 0
    assert wrong <= 20 + 2 * math.sqrt(20)
    candidate, baseline = np.ones((100, 8)), np.ones((100, 8))
    candidate[20:30] = 0
    assert sorted(lost_cases(candidate, baseline, 0.05, labels).indices) == list(range(20, 30))


def test_a_case_without_a_version_has_no_p_value():
    lost = lost_cases([[math.nan], [0.0]], [[1.0], [1.0]], 0.05)
    assert math.isnan(lost.p_values[0])
    assert lost.indices.tolist() == []


def test_a_thousand_cases_take_milliseconds():
    rng = np.random.default_rng(6)
    rates = rng.beta(0.569, 0.096, 1000)
    candidate, baseline = drawn(rng, rates, 10), drawn(rng, rates, 10)
    lost_cases(candidate, baseline, 0.02)
    began = time.process_time()
    for _ in range(20):
        lost_cases(candidate, baseline, 0.02)
    assert (time.process_time() - began) / 20 < 0.006


@pytest.mark.parametrize("level", [0, 1, 2])
def test_wrong_input_is_refused(level):
    with pytest.raises(ValueError, match="not between 0 and 1"):
        lost_cases([[1]], [[1]], level)
    with pytest.raises(ValueError, match="pair them case by case"):
        lost_cases([[1], [0]], [[1]], 0.05)
