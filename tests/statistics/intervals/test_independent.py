"""Two independent sets of samples: Newcombe's published table, Welch."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from harness.statistics import independent_difference, newcombe_interval


@pytest.mark.parametrize(
    ("counts", "published"),
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((6, 7, 2, 7), (0.0582, 0.8062)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 20), (-0.1611, 0.2775)),
        ((0, 10, 0, 10), (-0.2775, 0.2775)),
        ((10, 10, 0, 20), (0.6791, 1.0)),
        ((10, 10, 0, 10), (0.6075, 1.0)),
    ],
)
def test_interval_is_that_of_newcombe_1998_table_2(counts, published):
    """R. G. Newcombe (1998), Statistics in Medicine 17:873-890, table II, method 10."""
    interval = newcombe_interval(*counts)
    assert published == (round(interval.low, 4), round(interval.high, 4))


@given(st.integers(0, 30), st.integers(0, 20), st.floats(0.6, 0.99))
def test_interval_agrees_with_statsmodels(x1, x2, level):
    interval = newcombe_interval(x1, 30, x2, 20, level)
    low, high = confint_proportions_2indep(x1, 30, x2, 20, method="newcomb", compare="diff", alpha=1 - level)
    assert (interval.low, interval.high) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))


@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
def test_scores_that_are_not_binary_give_welchs_test(alternative):
    rng = np.random.default_rng(1)
    candidate, baseline = rng.uniform(0.3, 0.9, 14), rng.uniform(0.5, 0.8, 9)
    result = independent_difference(candidate, baseline, alternative=alternative)
    oracle = stats.ttest_ind(candidate, baseline, equal_var=False, alternative=alternative)
    interval = oracle.confidence_interval(0.95)
    assert result.p_value == pytest.approx(oracle.pvalue)
    assert (result.low, result.high) == (pytest.approx(interval.low), pytest.approx(interval.high))


@given(st.integers(0, 12), st.integers(0, 12), st.floats(0.001, 0.4))
def test_p_value_is_below_a_level_exactly_when_the_upper_bound_is_below_0(x1, x2, level):
    candidate, baseline = [1.0] * x1 + [0.0] * (12 - x1), [1.0] * x2 + [0.0] * (12 - x2)
    result = independent_difference(candidate, baseline, 1 - level, "less")
    if abs(result.p_value / level - 1) > 1e-6:
        assert (result.p_value < level) == (result.high < 0)


def test_samples_without_spread_give_an_interval_with_width():
    for candidate, baseline in (([1.0] * 5, [1.0] * 5), ([0.7] * 5, [0.7] * 5), ([1.0], [0.0]), ([0.3], [0.3])):
        result = independent_difference(candidate, baseline)
        assert -1 <= result.low < result.value + 1e-9
        assert result.low < result.high <= 1


def test_figures_without_spread_have_no_finite_interval():
    result = independent_difference([269.0, 269.0], [163.0, 163.0])
    assert (result.low, result.high, result.p_value) == (-math.inf, math.inf, 1.0)


def test_missing_samples_are_left_out():
    assert independent_difference([1, 0, np.nan, 1], [1, np.nan]) == independent_difference([1, 0, 1], [1])


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="not between 0 and n"):
        newcombe_interval(5, 4, 1, 4)


@pytest.mark.service
@pytest.mark.parametrize("n", [3, 5, 10, 20])
@pytest.mark.parametrize("level", [0.05, 0.005])
def test_equal_rates_are_called_different_no_more_often_than_the_level_says(n, level):
    """The exact size, over all common rates: every pair of counts with its binomial probability."""
    counts = range(n + 1)
    called = np.array(
        [
            [
                independent_difference([1.0] * x + [0.0] * (n - x), [1.0] * y + [0.0] * (n - y), 1 - level, "less").high
                < 0
                for y in counts
            ]
            for x in counts
        ]
    )
    for rate in np.linspace(0.02, 0.98, 33):
        chances = stats.binom.pmf(list(counts), n, rate)
        assert float((np.outer(chances, chances) * called).sum()) <= level
