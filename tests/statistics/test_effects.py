"""Effects by published figures, by an independent computation, and what their jackknife covers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.statistics import cliffs_delta, clustered_mean, pseudo_values
from harness.statistics.effects import histogram_delta

LAW_SCHOOLS = (
    (576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594),
    (3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96),
)
"""B. Efron, R. J. Tibshirani (1993), An Introduction to the Bootstrap, table 3.1."""


def test_delta_of_the_example_of_the_package_effsize():
    """M. Torchiano, effsize, cliff.delta: -0.25."""
    treatment = [10, 10, 20, 20, 20, 30, 30, 30, 40, 50]
    assert cliffs_delta(treatment, [10, 20, 30, 40, 40, 50]) == -0.25


@given(*2 * [st.lists(st.integers(-3, 3), min_size=1, max_size=30)])
def test_delta_is_mann_and_whitneys_u(first, second):
    u = stats.mannwhitneyu(first, second, method="asymptotic").statistic
    assert cliffs_delta(first, second) == pytest.approx(2 * u / (len(first) * len(second)) - 1, abs=1e-12)


def test_delta_is_one_where_all_are_larger_and_turns_with_the_samples():
    assert cliffs_delta([5, 6], [1, 2, 3]) == 1.0
    assert cliffs_delta([1, 2, 3], [5, 6]) == -1.0


def test_delta_of_counts_is_that_of_the_values():
    assert histogram_delta(np.array([2.0, 3, 0]), np.array([1.0, 1, 4])) == cliffs_delta(
        [1, 1, 2, 2, 2], [1, 2, 3, 3, 3, 3]
    )


def test_standard_error_of_the_law_schools_correlation():
    """Efron and Tibshirani (1993), section 11.5 (and 1982, table 3.3): the jackknife's is 0.143."""
    data = np.array(LAW_SCHOOLS)
    whole = np.corrcoef(data)[0, 1]
    without = [np.corrcoef(np.delete(data, i, axis=1))[0, 1] for i in range(15)]
    assert whole == pytest.approx(0.776, abs=0.0005)
    assert clustered_mean(pseudo_values(whole, without)).standard_error == pytest.approx(0.143, abs=0.0005)


def test_pseudo_values_of_a_mean_are_the_values_and_of_a_variance_unbiased():
    values = np.random.default_rng(0).normal(size=20)
    without = [np.delete(values, i) for i in range(20)]
    assert pseudo_values(values.mean(), [each.mean() for each in without]) == pytest.approx(values)
    assert pseudo_values(values.var(), [each.var() for each in without]).mean() == pytest.approx(values.var(ddof=1))


@pytest.mark.parametrize("without", [[1.0], [], [[1.0, 2.0]], [1.0, np.nan], [1.0, np.inf]])
def test_pseudo_values_need_a_figure_without_each_of_two_groups(without):
    with pytest.raises(ValueError, match="give"):
        pseudo_values(1.0, without)


@pytest.mark.parametrize("values", [[], [[1.0]], [np.nan]])
def test_delta_needs_numbers(values):
    with pytest.raises(ValueError, match="first"):
        cliffs_delta(values, [1.0])
