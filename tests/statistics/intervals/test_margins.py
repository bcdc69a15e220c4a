"""Non-inferiority and equivalence: duals of their bounds, statsmodels, error rate at the margin."""

import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_paired

from harness.statistics import equivalence, non_inferiority


def scores(seed, n=60, shift=0.0, noise=0.1):
    rng = np.random.default_rng(seed)
    baseline = rng.uniform(0.2, 0.8, (n, 3))
    return np.clip(baseline + shift + rng.normal(0, noise, (n, 3)), 0, 1), baseline


def test_equivalence_is_the_two_one_sided_tests_of_statsmodels():
    candidate, baseline = scores(2, shift=0.01, noise=0.8)
    result = equivalence(candidate, baseline, margin=0.08)
    p_value, below, above = ttost_paired(candidate.mean(axis=1), baseline.mean(axis=1), -0.08, 0.08)
    assert result.p_value == pytest.approx(p_value)
    assert non_inferiority(candidate, baseline, margin=0.08).p_value == pytest.approx(below[1])
    assert non_inferiority(baseline, candidate, margin=0.08).p_value == pytest.approx(above[1])


@pytest.mark.parametrize("flips", [0, 1, 3])
@pytest.mark.parametrize("n_cases", [40, 59, 120])
def test_p_value_is_below_a_level_exactly_when_the_bound_clears_the_margin(flips, n_cases):
    candidate, baseline = np.ones(n_cases), np.ones(n_cases)
    candidate[:flips] = 0
    p_value = non_inferiority(candidate, baseline, margin=0.08).p_value
    for level in (0.5, 0.8, 0.9, 0.95, 0.99):
        assert (p_value < 1 - level) == non_inferiority(candidate, baseline, 0.08, None, level).non_inferior


def test_equal_versions_are_equivalent_only_once_enough_cases_show_it():
    assert not equivalence(np.ones(50), np.ones(50), margin=0.05).equivalent
    assert equivalence(np.ones(70), np.ones(70), margin=0.05).equivalent


def test_a_large_gain_is_non_inferior_and_not_equivalent():
    candidate, baseline = scores(2, shift=0.15)
    assert non_inferiority(candidate, baseline, margin=0.05).non_inferior
    assert not equivalence(candidate, baseline, margin=0.05).equivalent


@pytest.mark.service
def test_a_drop_of_the_margin_is_called_non_inferior_at_most_5_times_in_100():
    rng = np.random.default_rng(3)
    called = 0
    for _ in range(1000):
        rates = rng.beta(4.5, 0.5, 80)
        candidate, baseline = rng.binomial(5, rates * (1 - 0.05 / 0.9)) / 5, rng.binomial(5, rates) / 5
        called += non_inferiority(candidate, baseline, margin=0.05).non_inferior
    assert called / 1000 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1000)


@pytest.mark.parametrize("margin", [0, -0.1, float("nan"), float("inf")])
def test_a_margin_that_is_none_is_refused(margin):
    for test in (non_inferiority, equivalence):
        with pytest.raises(ValueError, match="not a number above 0"):
            test([1, 0], [1, 1], margin)
