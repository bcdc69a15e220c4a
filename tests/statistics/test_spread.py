"""The mean of independent units and how well it is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.statistics.spread import spread, t_quantile


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


def test_students_quantile_is_that_of_every_table() -> None:
    assert t_quantile(0.975, 10) == pytest.approx(2.228, abs=5e-4)
