"""How far the bounds of a verdict about a suite will lie from what is seen."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.gate.planning.halfwidths import expected
from harness.gate.planning.simulation import ScoreSpread, Shape

LEVELS = (0.05, 0.05)
SHAPE = Shape(cases=100, samples=5, threshold=0.8, spread=ScoreSpread(0.8), design="fixed", about="suite")


def test_the_error_is_that_of_samples_within_cases() -> None:
    """Scores of 0 or 1 vary by p (1 - p) in all, of which the correlation lies between cases and the rest within."""
    assert expected(SHAPE, 0.0, LEVELS).error == pytest.approx(math.sqrt(0.8 * 0.2 * (1 - 0.5) / 500))


def test_a_baseline_has_noise_of_its_own() -> None:
    alone, weighed = expected(SHAPE, 0.0, LEVELS), expected(replace(SHAPE, threshold=None), 0.0, LEVELS)
    assert weighed.error == pytest.approx(alone.error * math.sqrt(2))


def test_bounds_lie_closer_with_more_cases_and_farther_where_more_is_asked() -> None:
    few, many = expected(SHAPE, 0.0, LEVELS), expected(replace(SHAPE, cases=1000), 0.0, LEVELS)
    assert few.passing > many.passing > many.error > 0
    assert few.red > many.red > 0
    assert expected(SHAPE, 0.0, (0.01, 0.05)).passing > few.passing
    assert expected(SHAPE, 0.0, (0.05, 0.01)).red > few.red


def test_what_may_stop_early_pays_for_it_with_its_last_look() -> None:
    fixed, early = expected(SHAPE, 0.0, LEVELS), expected(replace(SHAPE, design="sequential"), 0.0, LEVELS)
    assert early.passing > fixed.passing
    assert early.red > fixed.red
    assert early.error == fixed.error
