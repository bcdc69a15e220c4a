"""Questions that labels can decide, draws as they are stored, and labels of draws."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from harness.statistics.labels.draws import Draw, DrawnLabels, LabelQuestion
from tests.statistics.labels.made import drawn


def test_what_is_allowed_lies_the_margin_below_what_is_demanded() -> None:
    rate = LabelQuestion("rate", 0.8, 0.05)
    assert (rate.allowed, rate.lowest) == (pytest.approx(0.75), 0.0)
    difference = LabelQuestion("difference", 0.0, 0.05)
    assert (difference.allowed, difference.lowest) == (-0.05, -1.0)


def test_a_draw_comes_back_from_json() -> None:
    draw = drawn(3, 0.25, (0.4, 0.9), ((0.1, 0.2), (0.3, 0.3)), known_passed=(1,))
    assert Draw.restored(json.loads(json.dumps(asdict(draw)))) == draw


def test_what_was_not_asked_has_no_stakes_and_the_widest_range_that_the_smallest_probability_can_make() -> None:
    """With a chance of 1 / 4 a score of [0, 1] counts between 0 - 4 and 1 + 4, and a difference twice as far."""
    draw = drawn(floor=0.25, rules={"rate": (0.0, 1.0, 0.1, 0.2)})
    assert draw.rule("rate") == (0.0, 1.0, 0.1, 0.2)
    assert draw.rule("difference") == (-9.0, 9.0, 0.0, 0.0)
    assert draw.rule("baseline") == (-4.0, 5.0, 0.0, 0.0)


def test_excluded_items_have_what_was_expected_in_place_of_a_label() -> None:
    draws = [drawn(i, predicted=(0.6, 0.7)) for i in range(2)]
    said = DrawnLabels.of(draws, [[1, 1], [0, 0]], [[False, False], [True, False]])
    assert said.labels.tolist() == [[1, 1], [0.6, 0]]
    assert said.with_excluded("difference", 0.0).tolist() == [[1, 1], [0, 0]]
    both = DrawnLabels.of(draws, [[1, 1], [0, 0]], [[False, False], [True, True]])
    assert both.with_excluded("difference", 0.0).tolist() == [[1, 1], [0, 1]]
    assert both.with_excluded("difference", 1.0).tolist() == [[1, 1], [1, 0]]
    assert both.with_excluded("baseline", 0.0)[:, 1].tolist() == [1, 0]


def test_labels_count_up_to_the_first_item_without_one() -> None:
    draws = [drawn(0), drawn(1), drawn(2)]
    assert DrawnLabels.of(draws, [[1], [np.nan], [0]]).n_counting == 1
    said = DrawnLabels.of(draws, [[1], [1], [0]]).also(drawn(None), [np.nan])
    assert (said.n_counting, said.is_asked.tolist()) == (4, [True, True, True, False])
