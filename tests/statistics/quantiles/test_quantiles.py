"""Bounds of quantiles: published values first, then exact sizes and simulated coverage."""

import math

import numpy as np
import pytest

from harness.statistics.quantiles.differences import quantile_difference
from harness.statistics.quantiles.quantiles import quantile_contrast, quantile_estimate, quantile_of, values_needed
from tests.statistics.quantiles.known import RUNS

TRANSISTORS = [46.9, 47.2, 49.1, 56.5, 56.8, 59.2, 59.9, 63.2, 63.3, 63.4, 63.7, 64.1, 67.1, 67.7, 73.3, 78.5]

SCORES = [189, 233, 195, 160, 212, 176, 231, 185, 199, 213, 202, 193, 174, 166, 248]


def test_the_interval_of_an_upper_quartile_is_conovers():
    """P(x(9) <= quartile <= x(15)) >= 0.9365 - 0.0271: the binomial chances of 8 and fewer, and of 14 and fewer."""
    contrast = quantile_contrast(TRANSISTORS, 0.75, 0.0)
    assert (contrast.lower(1 - 0.0272), contrast.upper(0.9364)) == (63.3, 73.3)
    assert contrast.lower(1 - 0.0270) < 63.3
    assert contrast.upper(0.9366) > 73.3


def test_the_p_value_of_an_upper_quartile_is_conovers():
    """7 of 15 scores lie at or below 193, where 11 or 12 are expected: P(Y <= 7) = 0.0173."""
    assert quantile_contrast(SCORES, 0.75, 193.0, higher_is_better=False).p_less == pytest.approx(0.0173, abs=5e-5)


@pytest.mark.parametrize(
    ("n", "low", "high", "level"),
    [(16, 4, 13, 0.979), (16, 5, 12, 0.923), (20, 6, 15, 0.959), (11, 2, 10, 0.988), (8, 1, 8, 0.992)],
)
def test_intervals_of_a_median_are_the_tabled_order_statistics(n, low, high, level):
    """Tables of confidence intervals for a median, as statistics textbooks print them from the binomial."""
    estimate = quantile_estimate(range(1, n + 1), 0.5, None, level - 0.001)
    assert (estimate.low, estimate.high) == (low, high)


def test_fewer_than_59_cases_have_no_upper_bound_of_p95():
    assert quantile_estimate(range(58), 0.95, None, 0.90).high == math.inf
    assert quantile_contrast(range(58), 0.95, 0.0).upper(0.95) == math.inf
    assert quantile_contrast(range(59), 0.95, 0.0).upper(0.95) == 58


def test_every_case_weighs_the_same_however_many_samples_it_has():
    values = np.array([[1.0, np.nan, np.nan], [2.0, 3.0, 4.0]])
    assert (quantile_of(values, 0.5), quantile_of(values, 0.6), quantile_of(values, 0.95)) == (1.0, 2.0, 4.0)


@pytest.mark.service
@pytest.mark.parametrize("n_samples", [1, 4])
@pytest.mark.parametrize("probability", [0.5, 0.9])
def test_a_p_value_falls_below_the_level_exactly_where_the_bound_passes_0(n_samples, probability):
    rng = np.random.default_rng([n_samples, 1])
    for shift in (-0.6, -0.3, -0.2, 0.0):
        first, other = rng.normal(0, 0.5, (90, n_samples)) + shift, rng.normal(0, 0.5, (90, n_samples))
        for contrast in (quantile_difference(first, other, probability), quantile_contrast(first, probability, 0.0)):
            for level in (0.3, 0.05, 0.001):
                assert (contrast.p_less < level) == (contrast.upper(1 - level) < 0)


@pytest.mark.parametrize("n_samples", [1, 4])
def test_turning_values_and_direction_round_changes_nothing(n_samples):
    rng = np.random.default_rng([n_samples, 2])
    first, other = rng.normal(0, 1, (101, n_samples)), rng.normal(0, 1, (101, n_samples))
    down = quantile_difference(first, other, 0.5, higher_is_better=False)
    up = quantile_difference(other, first, 0.5)
    assert (down.value, down.p_less) == (up.value, up.p_less)
    assert (down.lower(0.95), down.upper(0.95)) == pytest.approx((up.lower(0.95), up.upper(0.95)))


def test_equal_constants_are_no_worse_once_there_are_cases_enough():
    """Where all values are one, betting on both versions at once tells nothing, and that on one alone decides."""
    contrast = quantile_difference(np.ones(120), np.ones(120), 0.95, higher_is_better=False)
    assert contrast.lower(0.95) == pytest.approx(0.0)
    for n, finite in ((85, False), (86, True)):
        assert math.isfinite(quantile_difference(np.ones(n), np.ones(n), 0.95).lower(0.95)) is finite


@pytest.mark.service
@pytest.mark.parametrize(("n_cases", "n_samples", "within"), [(30, 1, 1.0), (80, 1, 1.0), (80, 4, 0.5), (80, 4, 0.0)])
@pytest.mark.parametrize("probability", [0.5, 0.9])
def test_bounds_of_a_quantile_cover_it_whatever_the_samples_of_a_case_have_in_common(
    n_cases, n_samples, within, probability
):
    """`within` is the part of the spread that samples of one case do not share; half the runs have whole numbers."""
    rng = np.random.default_rng([5, n_cases, n_samples])
    misses = np.zeros(2)
    levels = rng.normal(0, 1, (RUNS, n_cases, 1))
    for run in range(RUNS):
        values = math.sqrt(1 - within) * levels[run] + math.sqrt(within) * rng.normal(0, 1, (n_cases, n_samples))
        true = {0.5: 0.0, 0.9: 1.2815515655446004}[probability]
        if run % 2:
            values, true = np.ceil(values), math.ceil(true)
        contrast = quantile_contrast(values, probability, true)
        misses += [contrast.lower(0.95) > 0, contrast.upper(0.95) < 0]
    assert (misses / RUNS).max() <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / RUNS)


def test_what_can_not_be_weighed_is_refused():
    with pytest.raises(ValueError, match="pair them case by case"):
        quantile_difference([1.0], [1.0, 2.0], 0.5)
    with pytest.raises(ValueError, match="No case has a value of both"):
        quantile_difference([1.0, np.nan], [np.nan, 1.0], 0.5)
    with pytest.raises(ValueError, match="every sample is missing"):
        quantile_estimate([np.nan], 0.5)


def test_how_many_values_a_percentile_needs():
    """The largest of n values is below the p-quantile with probability pⁿ."""
    for percentile in (50, 90, 95, 99, 99.9):
        needed = values_needed(percentile)
        assert (percentile / 100) ** needed <= 0.05 < (percentile / 100) ** (needed - 1)
    assert [values_needed(each) for each in (99, 99.9)] == [299, 2995]
