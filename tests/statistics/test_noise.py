"""The noise of a sum: its variance from samples, and what no sample shows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.statistics.noise import Draws, Noise, centred, fewest_draws, noise_between, noise_within, recovered_half
from harness.statistics.noise import summed as summed_by_cluster

NAN = math.nan


def test_samples_are_centred_on_their_case_and_missing_ones_move_nothing() -> None:
    scores = np.array([[1.0, 0.0, NAN], [0.0, 0.0, 0.0]])
    found = centred(scores, np.array([0.5, 0.0]), -1)
    assert found.parts.tolist() == [[-0.25, 0.25, 0.0], [0.0, 0.0, 0.0]]
    assert found.draws.tolist() == [2.0, 3.0]


def test_the_variance_within_cases_is_unbiased() -> None:
    rng = np.random.default_rng(3)
    found = []
    for _ in range(2000):
        scores = (rng.random((10, 4)) < 0.3).astype(float)
        noise = centred(scores, scores.mean(axis=1), 1)
        each = noise_within(noise.parts, noise.draws, np.ones(10))
        found.append(each.falls + each.rises + each.unknown)
    assert np.mean(found) == pytest.approx(10 * 0.3 * 0.7 / 4, rel=0.03)


def test_two_samples_do_not_tell_which_way_they_are_skewed() -> None:
    noise = centred(np.array([[1.0, 0.0]]), np.array([0.5]), 1)
    found = noise_within(noise.parts, noise.draws, np.ones(1))
    assert (found.falls, found.rises) == (0.0, 0.0)
    assert found.unknown == pytest.approx(0.25)


def test_a_rare_fall_counts_among_the_falls() -> None:
    scores = np.array([[1.0, 1.0, 1.0, 1.0, 1.0, 0.0]])
    noise = centred(scores, scores.mean(axis=1), 1)
    found = noise_within(noise.parts, noise.draws, np.ones(1))
    assert found.falls > found.rises


def test_a_single_unit_of_one_sample_has_the_most_that_scores_of_0_and_1_can() -> None:
    found = noise_between(np.array([0.3]), np.array([0]), np.array([True]), np.array([2.0]))
    assert found == Noise(unknown=2.0, events=4.0)


def test_the_spread_between_units_of_one_sample_is_the_sample_variance() -> None:
    values = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    found = noise_between(values, np.arange(5), np.ones(5, dtype=bool), np.ones(5))
    assert found.falls + found.rises == pytest.approx(5 * np.var(values, ddof=1))


def test_clusters_add_up_and_have_the_fewest_draws_of_their_cases() -> None:
    groups = np.array([0, 1, 0])
    assert summed_by_cluster(np.array([[1.0, 2.0], [5.0, 5.0], [3.0, 4.0]]), groups, 2).tolist() == [[4, 6], [5, 5]]
    assert fewest_draws(np.array([4.0, 2.0, 3.0]), groups, 2).tolist() == [3.0, 2.0]


def test_what_equal_draws_do_not_show_is_the_rule_of_three() -> None:
    """With n draws and none lost, the bound is 1 - tail^(1/n), for which 3 / n stands at 0.05."""
    units = Draws.of(np.full(100, 0.01), np.ones(100))
    assert units.unseen(0.05) == pytest.approx(1 - 0.05**0.01)
    assert units.unseen(0.05) == pytest.approx(0.03, rel=0.02)


def test_what_unequal_draws_do_not_show_is_the_worst_split_of_the_loss() -> None:
    weights, draws = np.array([0.5, 0.5]), np.array([10.0, 20.0])
    worst = 0.0
    for first in np.linspace(0, 1, 20_001)[:-1]:
        chance = (1 - first) ** 10
        second = 0.0 if chance < 0.05 else 1 - (0.05 / chance) ** (1 / 20)
        if chance >= 0.05:
            worst = max(worst, 0.5 * first + 0.5 * second)
    assert Draws.of(weights, draws).unseen(0.05) == pytest.approx(worst, abs=1e-4)


@pytest.mark.parametrize(("seen", "upper"), [(0, 2.9957), (1, 4.7439), (10, 16.9622)])
def test_the_bound_of_rare_events_is_garwoods(seen: int, upper: float) -> None:
    """Upper limits of a Poisson mean, one-sided at 0.95, as tables have them."""
    assert seen + recovered_half(seen, 0, 0.05) == pytest.approx(upper, abs=1e-3)
