"""The mean of independent units and how well it is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.statistics.spread import effective_n, is_thin, normal_tail, spread, t_quantile


def test_without_clusters_it_is_the_variance_of_a_mean() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.2, 40)
    found = spread(values, None)
    assert found.value == pytest.approx(values.mean())
    assert found.standard_error == pytest.approx(stats.sem(values))
    assert (found.units, found.degrees) == (40, 39)
    assert found.skewness == pytest.approx(stats.skew(values))
    assert found.carriers == pytest.approx(40 / stats.kurtosis(values, fisher=False))


def test_cases_that_repeat_each_other_know_no_more_than_one_of_them() -> None:
    values = np.random.default_rng(2).random(30)
    one = spread(values, None)
    twice = spread(np.repeat(values, 2), np.repeat(np.arange(30), 2))
    assert (twice.value, twice.units, twice.degrees) == (pytest.approx(one.value), 30, 29)
    assert twice.variance == pytest.approx(one.variance)


def test_clusters_of_unequal_size_count_as_kish_says() -> None:
    groups = np.array([0, 0, 0, 1])
    assert spread(np.array([1.0, 0.0, 1.0, 1.0]), groups).units == 16 / 10


def test_numbers_that_differ_by_rounding_alone_are_equal() -> None:
    found = spread(np.array([0.6 - 0.2, 0.8 - 0.4]), None)
    assert (found.variance, found.carriers, found.skewness) == (0.0, 0.0, 0.0)


def test_one_unit_knows_nothing_of_its_variance() -> None:
    assert spread(np.array([0.5]), None).variance == math.inf
    assert t_quantile(0.95, 0) == math.inf
    assert t_quantile(0.05, 0) == -math.inf


def test_the_tail_of_the_normal_is_that_of_students_quantile() -> None:
    """Student's quantile at 0.975 with 10 degrees of freedom is 2.228 in every table."""
    assert t_quantile(0.975, 10) == pytest.approx(2.228, abs=5e-4)
    assert normal_tail(0.975, 10) == pytest.approx(float(stats.norm.sf(2.2281)), rel=1e-3)
    assert normal_tail(0.975, 100_000) == pytest.approx(0.025, rel=1e-3)


def test_one_sample_a_case_is_as_many_scores_as_there_are() -> None:
    rng = np.random.default_rng(3)
    values = (rng.random(60) < 0.7).astype(float)
    assert effective_n(spread(values, None), 60) == pytest.approx(60)
    assert effective_n(spread(np.ones(60), None), 180) == 60


def test_a_variance_that_few_units_carry_is_thin() -> None:
    few = np.zeros(400)
    few[:3] = 1
    assert is_thin(spread(few, None))
    assert not is_thin(spread(np.random.default_rng(4).normal(0, 1, 400), None))
