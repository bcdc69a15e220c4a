"""How often people are asked: often enough that the cases left decide, and never so seldom that one label ruins all."""

from __future__ import annotations

import numpy as np
import pytest

from harness.statistics.labels.drawing import DrawRule, Forecast
from harness.statistics.labels.draws import LabelQuestion

RATE = LabelQuestion("rate", 0.8, 0.05)


def rule(budget: float = 0.0) -> DrawRule:
    return DrawRule(RATE, low=-1.0, high=2.0, stakes=(0.5, 0.5), budget=budget)


def look(*predicted: float, spread: float = 0.0) -> Forecast:
    means = np.array(predicted)
    return Forecast(means, means, np.full(len(means), spread))


def test_the_smallest_chance_keeps_a_case_in_its_range_whatever_people_say() -> None:
    """A case counts as average + (label - predicted) / chance, with a label of 0 or of 1."""
    predicted = np.linspace(0.0, 1.0, 11)
    chances = rule().ruin(look(*predicted))
    assert (predicted + (0 - predicted) / chances).min() == pytest.approx(-1.0)
    assert (predicted + (1 - predicted) / chances).max() == pytest.approx(2.0)
    assert (predicted + (0 - predicted) / chances >= -1.0 - 1e-9).all()
    assert (predicted + (1 - predicted) / chances <= 2.0 + 1e-9).all()


def test_doubt_raises_the_chance_and_1_is_the_most() -> None:
    certain, doubtful = rule(0.8).chances(look(0.5)), rule(0.8).chances(look(0.5, spread=0.25))
    assert doubtful[0] == pytest.approx(certain[0] + 0.8 * 0.25)
    assert rule(9.0).chances(look(0.5, spread=0.5)).tolist() == [1.0]


@pytest.mark.parametrize("budget", [0.0, 0.4, 1.2])
def test_no_case_is_drawn_with_less_than_the_least(budget: float) -> None:
    own = rule(budget)
    rng = np.random.default_rng(5)
    predicted, averages = rng.random(500), rng.random(500)
    seen = Forecast(predicted, averages, np.sqrt(predicted * (1 - predicted)))
    assert (own.chances(seen) >= own.least(1.0)).all()
