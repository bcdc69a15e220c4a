"""Differences of quantiles are found, and err as seldom as promised."""

import math

import numpy as np
import pytest

from harness.statistics.quantiles.differences import quantile_difference
from tests.statistics.quantiles.known import RUNS

pytestmark = pytest.mark.service


@pytest.mark.parametrize(("n_samples", "fewest"), [(1, 86), (3, 109)])
def test_many_places_are_asked_about_in_blocks_that_only_widen_the_bound(n_samples, fewest, monkeypatch):
    rng = np.random.default_rng([n_samples, 3])
    first, other = rng.normal(0, 1, (200, n_samples)), rng.normal(0, 1, (200, n_samples))
    blocks = quantile_difference(first, other, 0.9)
    exact_places = 10_000
    wide = blocks.lower(0.95), blocks.upper(0.95)
    monkeypatch.setattr("harness.statistics.quantiles.differences._MOST_PLACES", exact_places)
    assert wide[0] <= blocks.lower(0.95) + 1e-6
    assert wide[1] >= blocks.upper(0.95) - 1e-6
    assert wide[1] - wide[0] < 1.3 * (blocks.upper(0.95) - blocks.lower(0.95))
    for n in (fewest - 1, fewest):
        ones = np.ones((n, n_samples))
        assert math.isfinite(quantile_difference(ones, ones, 0.95).lower(0.95)) == (n == fewest)


@pytest.mark.parametrize(("n_samples", "discrete"), [(1, False), (1, True), (3, False)])
@pytest.mark.parametrize("probability", [0.5, 0.9])
def test_a_difference_of_quantiles_errs_at_most_5_times_in_100_to_each_side(n_samples, discrete, probability):
    """The first is slower by exactly what is asked about; cases differ, and both versions share that."""
    rng = np.random.default_rng([6, n_samples])
    misses = np.zeros(2)
    for _ in range(RUNS):
        level = rng.normal(0, 1, (100, 1))
        first, other = (level + rng.normal(0, 1, (100, n_samples)) for _ in "ab")
        first, other = (np.ceil(each) for each in (first, other)) if discrete else (first, other)
        lower, higher = (quantile_difference(first, other, probability, higher_is_better=up) for up in (True, False))
        misses += [lower.p_less < 0.05, higher.p_less < 0.05]
    assert (misses / RUNS).max() <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / RUNS)


@pytest.mark.parametrize("n_samples", [1, 4])
def test_a_difference_of_quantiles_is_found(n_samples):
    """The test above would hold of a bound that never shows anything."""
    rng = np.random.default_rng([7, n_samples])
    found = 0
    for _ in range(40):
        level = rng.normal(0, 1, (150, 1))
        first, other = (level + rng.normal(0, 1, (150, n_samples)) for _ in "ab")
        found += quantile_difference(first + 1.0, other, 0.8, higher_is_better=False).p_less < 0.05
    assert found >= 30
