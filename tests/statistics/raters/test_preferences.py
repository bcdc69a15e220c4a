"""Bradley-Terry: Agresti's baseball data, logistic regression as the oracle, clustered errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.discrete.discrete_model import Logit

from harness.statistics import bradley_terry, bradley_terry_rows

TEAMS = ["Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore"]

#: A. Agresti (1990), Categorical Data Analysis, table 10.10: American League East, 1987; rows beat columns.
BASEBALL = np.array(
    [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ]
)


def rows_of(wins):
    first, second = np.nonzero(wins)
    repeats = wins[first, second].astype(int)
    return np.repeat(first, repeats), np.repeat(second, repeats)


def test_strengths_are_agrestis_for_baseball():
    """Log strengths against Baltimore, with the standard errors that the R package BradleyTerry2 prints."""
    result = bradley_terry(BASEBALL)
    published = {
        "Milwaukee": (1.5814, 0.3433),
        "Detroit": (1.4364, 0.3396),
        "Toronto": (1.2945, 0.3367),
        "New York": (1.2476, 0.3359),
        "Boston": (1.1077, 0.3339),
        "Cleveland": (0.6839, 0.3319),
    }
    for team, (strength, error) in published.items():
        value, deviation = result.difference(TEAMS.index(team), TEAMS.index("Baltimore"))
        assert (round(value, 4), round(deviation, 4)) == (strength, error)


def test_strengths_are_those_of_a_logistic_regression_with_its_clustered_errors():
    rng = np.random.default_rng(1)
    prompts = np.repeat(np.arange(60), 4)
    first = rng.integers(0, 4, 240)
    second = (first + rng.integers(1, 4, 240)) % 4
    lean = np.array([0.8, 0.3, 0.0, -0.5])
    odds = lean[first] - lean[second] + rng.normal(0, 0.8, 60)[prompts]
    outcomes = (rng.random(240) < 1 / (1 + np.exp(-odds))).astype(float)
    design = np.zeros((240, 4))
    design[np.arange(240), first] += 1
    design[np.arange(240), second] -= 1
    result = bradley_terry_rows(first, second, outcomes, prompts)
    fit = Logit(outcomes, design[:, :3]).fit(disp=0, cov_type="cluster", cov_kwds={"groups": prompts})
    # statsmodels also multiplies by (n - 1) / (n - k).
    correction = math.sqrt(239 / 237)
    for version in range(3):
        value, error = result.difference(version, 3)
        assert value == pytest.approx(fit.params[version], abs=1e-6)
        assert error == pytest.approx(fit.bse[version] / correction, rel=1e-4)


def test_two_versions_have_the_log_odds():
    result = bradley_terry([[0, 15], [5, 0]])
    value, error = result.difference(0, 1)
    assert value == pytest.approx(math.log(3))
    assert error == pytest.approx(math.sqrt(1 / 15 + 1 / 5))
    assert result.strengths.sum() == pytest.approx(0)


def test_a_table_and_its_rows_are_the_same():
    winners, losers = rows_of(BASEBALL)
    one, other = bradley_terry(BASEBALL), bradley_terry_rows(winners, losers, np.ones(len(winners)))
    assert np.allclose(one.strengths, other.strengths)
    assert np.allclose(one.standard_errors, other.standard_errors)


def test_a_tie_is_half_a_win_for_both():
    tied = bradley_terry_rows([0, 0, 0], [1, 1, 1], [1, 0.5, 0.5])
    table = bradley_terry([[0, 2], [1, 0]])
    assert np.allclose(tied.strengths, table.strengths)


@given(st.permutations(range(7)))
def test_renumbering_the_versions_renumbers_the_strengths(order):
    one, other = bradley_terry(BASEBALL), bradley_terry(BASEBALL[np.ix_(order, order)])
    assert np.allclose(one.strengths[order], other.strengths)
    assert np.allclose(one.standard_errors[order], other.standard_errors)


@given(st.lists(st.integers(1, 300), min_size=6, max_size=6))
def test_winning_and_losing_swapped_turn_the_signs(counts):
    wins = np.zeros((3, 3))
    wins[~np.eye(3, dtype=bool)] = counts
    one, other = bradley_terry(wins), bradley_terry(wins.T)
    assert np.allclose(one.strengths, -other.strengths)


def test_expected_wins_are_the_wins_seen():
    """The likelihood equations of Bradley and Terry (1952)."""
    strengths = bradley_terry(BASEBALL).strengths
    chances = 1 / (1 + np.exp(np.subtract.outer(strengths, strengths).T))
    played = BASEBALL + BASEBALL.T
    assert np.allclose((played * chances).sum(axis=1), BASEBALL.sum(axis=1))


def test_interval_covers_the_true_difference():
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(300):
        first, second = rng.integers(0, 2, 120), np.full(120, 2)
        outcomes = rng.random(120) < 1 / (1 + np.exp(-np.where(first == 0, 0.8, 0.2)))
        value, error = bradley_terry_rows(first, second, outcomes).difference(0, 2)
        hits += abs(value - 0.8) <= 1.96 * error
    assert hits / 300 > 0.91


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bradley_terry([[0, 5], [0, 0]]), "Version 1 never beat version 0"),
        (lambda: bradley_terry([[0, 2, 0], [1, 0, 0], [0, 0, 0]]), "never beat"),
        (lambda: bradley_terry([[0, 1, 2, 0]]), "square table"),
        (lambda: bradley_terry([[0, 1, 2]]), "outcomes holds a number outside"),
        (lambda: bradley_terry([[0, 1], [1, 0]], clusters=["a", "b"]), "row by row"),
        (lambda: bradley_terry_rows([0, 10**9], [1, 0], [1, 1]), "without gaps"),
        (lambda: bradley_terry([[1, 1], [1, 0]]), "beat itself"),
        (lambda: bradley_terry([[0, -1], [1, 0]]), "negative"),
        (lambda: bradley_terry_rows([0], [1, 2], [1]), "Shapes"),
        (lambda: bradley_terry_rows([0, 1], [0, 0], [1, 0]), "with itself"),
        (lambda: bradley_terry_rows([0, 1], [1, 0], [2, 0]), "outside"),
        (lambda: bradley_terry_rows([0.5, 1], [1, 0], [1, 0]), "version numbers"),
        (lambda: bradley_terry_rows([0, 0], [1, 1], [1, 0], ["p", "p"]), "one cluster"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_comparisons_row_by_row_are_what_their_table_is_and_clustered_where_clusters_are_given():
    rows = [(0, 1, 1), (0, 1, 1), (1, 0, 1), (0, 1, 0.5), (1, 0, 0.5)]
    table = [[0, 3], [2, 0]]
    one, other = bradley_terry(rows), bradley_terry(table)
    np.testing.assert_allclose(one.strengths, other.strengths)
    np.testing.assert_allclose(one.standard_errors, other.standard_errors)
    first, second, outcomes = zip(*rows, strict=True)
    clustered = bradley_terry(rows, clusters=["p", "p", "q", "q", "r"])
    expected = bradley_terry_rows(first, second, outcomes, ["p", "p", "q", "q", "r"])
    np.testing.assert_array_equal(clustered.standard_errors, expected.standard_errors)
    assert clustered.method == "Bradley-Terry, errors over 3 clusters"


def test_three_rows_are_a_table_unless_they_have_clusters():
    rows = [[0, 1, 1], [1, 0, 1], [0, 1, 0]]
    assert len(bradley_terry(rows, clusters=["a", "b", "c"]).strengths) == 2
    assert len(bradley_terry([[0, 2, 1], [1, 0, 2], [2, 1, 0]]).strengths) == 3
