"""Evidence of bets against a share of values beyond a place."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.statistics.quantiles.quantiles import log_evidence, p_value, shares_beyond

NAN = math.nan


def test_shares_are_of_the_values_that_a_case_has() -> None:
    values = np.array([[1.0, 2.0, 3.0, NAN], [2.0, 2.0, NAN, NAN]])
    places = np.array([1.0, 2.0])
    assert shares_beyond(values, places, closed=False).tolist() == [[2 / 3, 1 / 3], [1.0, 0.0]]
    assert shares_beyond(values, places, closed=True).tolist() == [[1.0, 2 / 3], [1.0, 1.0]]


def test_gains_of_nothing_prove_nothing() -> None:
    evidence = log_evidence([np.zeros((5, 2))], [((1.0,), 1.0)], None)
    assert evidence.tolist() == pytest.approx([0.0, 0.0])
    assert p_value(evidence) == pytest.approx(1.0)


@pytest.mark.service
def test_evidence_is_worth_no_more_than_1_on_average_where_the_gains_are_none() -> None:
    """Ville: of an e-value with mean 1, 20 is reached in at most 5 of 100 cases."""
    rng = np.random.default_rng(7)
    wealth = []
    for _ in range(2000):
        gains = np.where(rng.random((40, 1)) < 0.5, 1.0, -1.0)
        wealth.append(math.exp(float(log_evidence([gains], [((1.0,), 1.0)], None)[0])))
    assert np.mean(np.array(wealth) >= 20) <= 0.05


def test_cases_of_one_cluster_are_one_bet() -> None:
    gains = np.ones((6, 1))
    alone = log_evidence([gains[:3]], [((1.0,), 1.0)], None)
    together = log_evidence([gains], [((1.0,), 1.0)], np.array([0, 0, 1, 1, 2, 2]))
    assert together.tolist() == pytest.approx(alone.tolist())
    assert log_evidence([gains], [((1.0,), 1.0)], None)[0] > together[0]
