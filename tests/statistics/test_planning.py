"""Planning: statsmodels, simulation, and that the functions invert each other."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower

from harness.statistics.intervals.differences import paired_contrast
from harness.statistics.planning import minimum_detectable_difference, optimal_samples, required_cases


@pytest.mark.parametrize("difference", [0.02, 0.05, 0.15, 0.5])
def test_cases_agree_with_statsmodels(difference):
    deviation = math.sqrt(0.15**2 + 0.4**2 / 5)
    expected = TTestPower().solve_power(difference / deviation, alpha=0.05, power=0.8, alternative="larger")
    assert required_cases(difference, deviation, 0.05, 0.8) == max(2, math.ceil(expected))


def test_many_cases_agree_with_the_normal_formula():
    """E. Miller (2024), Adding error bars to evals: n = (z_a + z_b)^2 (omega^2 + sigma_A^2 / K_A + sigma_B^2 / K_B) /
    delta^2; with omega^2 = 1/9 and no variance within cases, 0.03 needs 969 of them."""
    assert math.ceil((1.959964 + 0.841621) ** 2 / 9 / 0.03**2) == 969
    assert abs(required_cases(0.03, 1 / 3, 0.025, 0.8) - 969) <= 2
    assert required_cases(1e-12, 0.1, 0.05, 0.8) is None


@given(st.floats(0.01, 0.3), st.floats(0.05, 0.6), st.floats(0.001, 0.1), st.floats(0.6, 0.95))
def test_the_detectable_difference_of_the_required_cases_is_the_difference(difference, deviation, level, power):
    cases = required_cases(difference, deviation, level, power)
    assert minimum_detectable_difference(cases, deviation, level, power) <= difference * (1 + 1e-9)
    if cases > 2:
        assert minimum_detectable_difference(cases - 1, deviation, level, power) > difference * (1 - 1e-9)
    assert required_cases(difference, deviation, level, power - 0.1) <= cases


@pytest.mark.service
def test_the_planned_cases_have_the_planned_power():
    """Rates uniform on [0, 0.9], 0.08 lower in the candidate: no variance of the difference between cases."""
    rng = np.random.default_rng(1)
    rates = rng.uniform(0.08, 0.98, 100_000)
    within = math.sqrt(np.mean(rates * (1 - rates) + (rates - 0.08) * (1.08 - rates)))
    cases = required_cases(0.08, within / math.sqrt(5), 0.05, 0.8)
    found = 0
    for _ in range(1000):
        chosen = rng.choice(rates, cases)
        candidate, baseline = rng.binomial(5, chosen - 0.08) / 5, rng.binomial(5, chosen) / 5
        found += paired_contrast(candidate, baseline).p_less < 0.05
    assert 0.76 < found / 1000 < 0.84


def test_samples_follow_the_square_root_of_the_costs():
    """W. G. Cochran (1977): within / between * sqrt(case_cost / sample_cost) = 2 * sqrt(9) = 6."""
    allocation = optimal_samples(0.1, 0.2, budget=1500, case_cost=9)
    assert (allocation.samples, allocation.cases) == (6, 100)
    assert allocation.standard_error == pytest.approx(math.sqrt((0.01 + 0.04 / 6) / 100))


def test_free_cases_get_one_sample_each_and_equal_cases_all_samples():
    assert optimal_samples(0.1, 0.4, budget=100).samples == 1
    assert optimal_samples(0.0, 0.4, budget=100, case_cost=1).samples == 99
    assert optimal_samples(0.1, 0.0, budget=100, case_cost=5).samples == 1


@given(st.floats(0.02, 0.3), st.floats(0.02, 0.6), st.floats(0, 30), st.integers(1, 60))
def test_no_other_number_of_samples_is_much_better(between, within, case_cost, other):
    """Whole numbers of cases leave a rest of the budget: up to one case in so many."""
    allocation = optimal_samples(between, within, budget=2000, case_cost=case_cost)
    cases = int(2000 / (case_cost + other))
    error = math.sqrt((between**2 + within**2 / other) / cases)
    assert allocation.standard_error <= error * math.sqrt((allocation.cases + 1) / allocation.cases) + 1e-12
