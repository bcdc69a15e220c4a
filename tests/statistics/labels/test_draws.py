"""Questions that labels can decide, and draws as they are stored."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from harness.statistics.labels.draws import NO_STAKES, Draw, LabelQuestion, widest


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"of": "mean"}, "of = 'mean' is neither 'rate' nor 'difference'"),
        ({"margin": 0.0}, "margin = 0.0 is not above 0"),
        ({"margin": float("nan")}, "is not above 0"),
        ({"of": "difference", "demanded": 0.1}, "of a difference it is 0"),
        ({"demanded": 1.0}, "leaves no room for scores"),
        ({"demanded": 0.05}, "leaves no room for scores"),
        ({"level": 0.0}, "level = 0.0 is not between 0 and 1"),
        ({"red_level": 1.0}, "red_level = 1.0 is not between 0 and 1"),
    ],
)
def test_a_question_that_no_bet_can_be_made_on_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LabelQuestion(**{"of": "rate", "demanded": 0.8, "margin": 0.05, **fields})


def test_what_is_allowed_lies_the_margin_below_what_is_demanded() -> None:
    rate = LabelQuestion("rate", 0.8, 0.05)
    assert (rate.allowed, rate.lowest) == (pytest.approx(0.75), 0.0)
    difference = LabelQuestion("difference", 0.0, 0.05)
    assert (difference.allowed, difference.lowest) == (-0.05, -1.0)


def test_a_draw_comes_back_from_json() -> None:
    judged, predicted, expected = (0.5, 1.0), (0.4, 0.9), (0.45, 0.9)
    passed = ((0.1, 0.2), (0.3, 0.3))
    draw = Draw(3, (0, 1), 0.25, judged, predicted, expected, passed, (1,), 0.1, widest(0.1), NO_STAKES)
    assert Draw.restored(json.loads(json.dumps(asdict(draw)))) == draw


def test_the_widest_ranges_are_what_the_smallest_probability_can_make_of_a_score() -> None:
    """With a chance of 1 / 4 a score of [0, 1] counts between 0 - 4 and 1 + 4, and a difference twice as far."""
    assert widest(0.25) == ((-4.0, 5.0), (-9.0, 9.0))
