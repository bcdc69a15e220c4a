"""Effects by published figures, by an independent computation, and what their jackknife covers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.statistics.effects import histogram_delta, pseudo_values

LAW_SCHOOLS = (
    (576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594),
    (3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96),
)
"""B. Efron, R. J. Tibshirani (1993), An Introduction to the Bootstrap, table 3.1."""


def counts(values):
    return np.bincount(np.array(values) + 3, minlength=60).astype(float)


def test_delta_of_the_example_of_the_package_effsize():
    """M. Torchiano, effsize, cliff.delta: -0.25."""
    treatment, control = [10, 10, 20, 20, 20, 30, 30, 30, 40, 50], [10, 20, 30, 40, 40, 50]
    assert histogram_delta(counts(treatment), counts(control)) == -0.25


@given(*2 * [st.lists(st.integers(-3, 3), min_size=1, max_size=30)])
def test_delta_is_mann_and_whitneys_u(first, second):
    u = stats.mannwhitneyu(first, second, method="asymptotic").statistic
    expected = 2 * u / (len(first) * len(second)) - 1
    assert histogram_delta(counts(first), counts(second)) == pytest.approx(expected, abs=1e-12)


def test_standard_error_of_the_law_schools_correlation():
    """Efron and Tibshirani (1993), section 11.5 (and 1982, table 3.3): the jackknife's is 0.143."""
    data = np.array(LAW_SCHOOLS)
    whole = np.corrcoef(data)[0, 1]
    without = [np.corrcoef(np.delete(data, i, axis=1))[0, 1] for i in range(15)]
    assert whole == pytest.approx(0.776, abs=0.0005)
    assert stats.sem(pseudo_values(whole, without)) == pytest.approx(0.143, abs=0.0005)


def test_pseudo_values_of_a_mean_are_the_values_and_of_a_variance_unbiased():
    values = np.random.default_rng(0).normal(size=20)
    without = [np.delete(values, i) for i in range(20)]
    assert pseudo_values(values.mean(), [each.mean() for each in without]) == pytest.approx(values)
    assert pseudo_values(values.var(), [each.var() for each in without]).mean() == pytest.approx(values.var(ddof=1))
