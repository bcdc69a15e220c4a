"""Two independent sets of samples: Welch, and exact sizes for scores of 0 and 1."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.statistics.intervals.means import independent_contrast


def two_sided(candidate, baseline, *, bounded=None):
    contrast = independent_contrast(candidate, baseline, bounded=bounded)
    mirrored = independent_contrast(baseline, candidate, bounded=bounded)
    p_value = min(1.0, 2 * min(contrast.p_less, mirrored.p_less))
    return SimpleNamespace(value=contrast.value, low=contrast.lower(0.975), high=contrast.upper(0.975), p_value=p_value)


def test_scores_that_are_not_binary_give_welchs_test():
    rng = np.random.default_rng(1)
    candidate, baseline = rng.uniform(0.3, 0.9, 14), rng.uniform(0.5, 0.8, 9)
    result = two_sided(candidate, baseline, bounded=False)
    oracle = stats.ttest_ind(candidate, baseline, equal_var=False)
    interval = oracle.confidence_interval(0.95)
    assert result.p_value == pytest.approx(oracle.pvalue)
    assert (result.low, result.high) == (pytest.approx(interval.low), pytest.approx(interval.high))


@given(st.integers(0, 12), st.integers(0, 12), st.floats(0.001, 0.4))
def test_p_value_is_below_a_level_exactly_when_the_upper_bound_is_below_0(x1, x2, level):
    candidate, baseline = [1.0] * x1 + [0.0] * (12 - x1), [1.0] * x2 + [0.0] * (12 - x2)
    result = independent_contrast(candidate, baseline)
    if abs(result.p_less / level - 1) > 1e-6:
        assert (result.p_less < level) == (result.upper(1 - level) < 0)


def test_samples_without_spread_give_an_interval_with_width():
    for candidate, baseline in (([1.0] * 5, [1.0] * 5), ([0.7] * 5, [0.7] * 5), ([1.0], [0.0]), ([0.3], [0.3])):
        result = two_sided(candidate, baseline)
        assert -1 <= result.low < result.value + 1e-9
        assert result.low < result.high <= 1


def test_figures_without_spread_have_no_finite_interval():
    result = two_sided([269.0, 269.0], [163.0, 163.0])
    assert (result.low, result.high, result.p_value) == (-math.inf, math.inf, 1.0)


def test_missing_samples_are_left_out():
    assert two_sided([1, 0, np.nan, 1], [1, np.nan]) == two_sided([1, 0, 1], [1])


@pytest.mark.service
@pytest.mark.parametrize("n", [3, 5, 10, 20])
@pytest.mark.parametrize("level", [0.05, 0.005])
def test_equal_rates_are_called_different_no_more_often_than_the_level_says(n, level):
    """The exact size, over all common rates: every pair of counts with its binomial probability."""
    counts = range(n + 1)
    called = np.array(
        [
            [
                independent_contrast([1.0] * x + [0.0] * (n - x), [1.0] * y + [0.0] * (n - y)).upper(1 - level) < 0
                for y in counts
            ]
            for x in counts
        ]
    )
    for rate in np.linspace(0.02, 0.98, 33):
        chances = stats.binom.pmf(list(counts), n, rate)
        assert float((np.outer(chances, chances) * called).sum()) <= level
