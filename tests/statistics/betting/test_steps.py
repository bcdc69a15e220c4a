"""Bounds of a mean over cases by rounds, and the set of places where a series fell by one step."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from harness.statistics.betting.steps import StepSearch, _centred, _logs, lower_bound
from tests.gate.history.series import CASES, rates, scores_of, stepped


@pytest.mark.parametrize("n_rounds", [1, 10, 100])
def test_a_bound_comes_near_that_of_clopper_and_pearson_where_all_is_right(n_rounds: int) -> None:
    """C. J. Clopper, E. S. Pearson (1934), Biometrika 26:404-413: tail^(1/n), that of a fixed number of samples."""
    n_samples = CASES * n_rounds
    exact, ours = 0.01 ** (1 / n_samples), lower_bound(np.ones((CASES, n_rounds)), 0.01)
    assert exact**2 <= ours <= exact


@pytest.mark.parametrize("means", [(0.6, 0.6, 0.6), (1.0, 0.7, 0.1), (0.9, 0.9, 0.0)])
def test_a_round_is_expected_to_win_nothing_however_the_cases_differ(means: tuple[float, ...]) -> None:
    expected = 0.0
    for scores in itertools.product((0.0, 1.0), repeat=3):
        chance = math.prod(mean if score else 1 - mean for mean, score in zip(means, scores, strict=True))
        values, room = _centred(np.array([scores]).T, np.array([0.8, 0.7, 0.2]), 3.0)
        expected += chance * math.exp(_logs(values, room, float(np.mean(means)), 0.5)[0])
    assert expected <= 1 + 1e-12
    if len({*means}) == 1:
        assert expected > 0.9


@pytest.mark.parametrize(("mean", "correlation"), [(0.85, 0.5), (0.03, 0.9), (0.5, 0.01)])
def test_a_bound_holds_whenever_one_stops(mean: float, correlation: float) -> None:
    """With cases that differ, most scores 0, or all cases alike; each bound is that of the best moment to stop."""
    wrong = 0
    for number in range(200):
        truth = rates(mean, np.random.default_rng([71, number]), correlation)
        wrong += lower_bound(scores_of(truth, 60, (72, number)), 0.05) > truth.mean()
    assert wrong / 200 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 200)


def _searched(number: int, n_versions: int = 9) -> tuple[StepSearch, int]:
    """A search that goes on until one place is left, and the true one."""
    rng = np.random.default_rng([73, number])
    step = int(rng.integers(1, n_versions))
    truth = stepped(rates(0.85, rng), n_versions, step, 0.4)
    good, bad = (scores_of(truth[end], 20, (74, number, end % n_versions)) for end in (0, -1))
    search = StepSearch(good, bad, n_versions, 0.95)
    rounds = dict.fromkeys(range(n_versions), 0)
    while search.possible.sum() > 1:
        place = search.next_place(np.ones(n_versions, dtype=bool))
        assert place is not None
        rounds[place] += 2
        search.place(str(place), place)
        search.add(str(place), scores_of(truth[place], rounds[place], (74, number, place)), 2)
    return search, step


def test_the_true_place_is_ruled_out_in_at_most_5_of_100_searches() -> None:
    missed = sum(not search.possible[step] for search, step in map(_searched, range(60)))
    assert missed / 60 <= 0.05


def test_nothing_is_shown_of_two_alike() -> None:
    truth = rates(0.85, np.random.default_rng(75))
    search = StepSearch(scores_of(truth, 20, (76, 0)), scores_of(truth, 20, (76, 1)), 5, 0.95)
    assert not search.is_shown
    assert search.before < truth.mean() < search.after


def _known(n_versions: int = 8) -> StepSearch:
    good, bad = np.ones((CASES, 20)), np.zeros((CASES, 20))
    return StepSearch(good, bad, n_versions, 0.95)


def test_the_same_version_is_not_good_and_bad() -> None:
    search = _known()
    search.place("a", 2)
    search.place("a", 5)
    assert np.flatnonzero(search.possible).tolist() == [1, 2, 6, 7]
    search.place("good", 1, end=0)
    search.place("bad", 6, end=-1)
    assert np.flatnonzero(search.possible).tolist() == [2, 6]


def test_the_next_version_is_nearest_to_the_median_of_those_that_tell_places_apart() -> None:
    search, usable = _known(), np.ones(8, dtype=bool)
    assert search.next_place(usable) in (3, 4)
    usable[[2, 3, 4, 5]] = False
    assert search.next_place(usable) in (1, 6)
    search.place("x", 6)
    search.add("x", np.ones((CASES, 2)), 2)
    assert np.flatnonzero(search.possible).tolist() == [7]


def test_an_answer_moves_as_much_of_the_posterior_as_its_likelihood_has_it() -> None:
    """Waeber, Frazier, Henderson (2013), section 2: after an answer that is right with chance p, the side that it names
    has p of the mass, if each side had half.
    """
    search = _known(7)
    search.place("x", 3)
    scores = np.full((CASES, 1), 0.5 + search._variance * math.log(3) / search.drop / CASES)
    search.add("x", scores, 1)
    search.possible[:] = np.arange(7) > 0
    assert search.posterior[4:].sum() == pytest.approx(0.75)
