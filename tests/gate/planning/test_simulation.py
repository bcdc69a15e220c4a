"""Scores have the means and variances that the truth says."""

import numpy as np
import pytest

from harness.gate.planning.simulation import ScoreSpread, Shape, sampled
from tests.simulated import means_of, simulated

RNG = np.random.default_rng


def differences(shape, drop, seed=0):
    entry = simulated(shape, drop, RNG(seed))
    return entry.candidate.mean(axis=1) - entry.baseline.mean(axis=1)


@pytest.mark.service
@pytest.mark.parametrize("drop", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("noise", [1.0, 0.2])
def test_the_candidate_is_lower_by_the_drop_over_all_the_cases_there_could_be(drop, noise):
    shape = Shape(cases=200_000, spread=ScoreSpread(0.85, 0.4, 0.3, noise))
    assert differences(shape, drop).mean() == pytest.approx(-drop, abs=0.004)


@pytest.mark.service
@pytest.mark.parametrize("spread", [ScoreSpread(), ScoreSpread(0.6, 0.2, 0.8, 0.4), ScoreSpread(0.9, 0.0, 0.3)])
def test_differences_vary_as_the_shape_says(spread):
    shape = Shape(cases=200_000, samples=4, spread=spread)
    expected = shape.between_sd**2 + shape.within_sd**2 / 4
    assert differences(shape, 0.0).var() == pytest.approx(expected, rel=0.03)


def test_scores_against_a_threshold_vary_as_the_shape_says():
    shape = Shape(cases=200_000, samples=4, threshold=0.8, spread=ScoreSpread(0.8, 0.3))
    entry = simulated(shape, 0.0, RNG(0))
    assert entry.baseline is None
    assert entry.candidate.mean() == pytest.approx(0.8, abs=0.004)
    assert entry.candidate.mean(axis=1).var() == pytest.approx(shape.between_sd**2 + shape.within_sd**2 / 4, rel=0.03)


def test_a_version_with_nothing_wrong_is_the_baseline_itself():
    candidate, baseline = means_of(Shape(), None, RNG(0))
    assert candidate is baseline


def test_with_nothing_wrong_a_threshold_is_met():
    shape = Shape(cases=100_000, threshold=0.8, spread=ScoreSpread(mean=0.5))
    candidate, _ = means_of(shape, None, RNG(0))
    assert candidate.mean() == pytest.approx(0.8, abs=0.005)


def test_as_many_cases_differ_as_the_spread_says_and_more_only_where_the_drop_needs_them():
    share = {
        drop: np.mean(np.not_equal(*means_of(Shape(cases=100_000, spread=ScoreSpread(differing=0.2)), drop, RNG(0))))
        for drop in (0.0, 0.05, 0.4)
    }
    assert share[0.0] == pytest.approx(0.2, abs=0.01)
    assert share[0.05] == pytest.approx(0.2, abs=0.01)
    assert share[0.4] == pytest.approx(0.4 / 0.45, abs=0.01)


@pytest.mark.parametrize(("mean", "drop"), [(1.0, 0.0), (1.0, 1.0), (0.5, 0.5)])
def test_certain_cases_and_the_largest_drop_stay_in_range(mean, drop):
    entry = simulated(Shape(cases=500, spread=ScoreSpread(mean=mean, noise=0.1)), drop, RNG(0))
    assert 0 <= entry.candidate.min() <= entry.candidate.max() <= 1


def test_scores_are_0_and_1_unless_the_noise_is_smaller():
    means = np.full(1000, 0.5)
    assert set(np.unique(sampled(means, 3, 1.0, RNG(0)))) == {0.0, 1.0}
    graded = sampled(means, 3, 0.1, RNG(0))
    assert graded.var() == pytest.approx(0.1 * 0.25, rel=0.1)


def test_the_same_seed_draws_the_same():
    first, again = (simulated(Shape(), 0.05, RNG(3)) for _ in range(2))
    assert (first.candidate == again.candidate).all()
