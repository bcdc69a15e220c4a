"""What a line that is overwritten says of the time."""

from __future__ import annotations

import pytest

from harness.reporting.shared.live_line import Rate, time_left


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "a few seconds left"),
        (12, "about 10 s left"),
        (89, "about 90 s left"),
        (91, "about 2 min left"),
        (3590, "about 1 h left"),
        (5390, "about 1 h 30 min left"),
        (90_000, "about 25 h left"),
    ],
)
def test_the_time_left_is_no_more_exact_than_it_can_be(seconds, said):
    assert time_left(seconds) == said


def test_a_rate_is_known_after_a_second_and_is_of_the_last_half_minute() -> None:
    rate = Rate()
    rate.observe(0.0, 0)
    rate.observe(0.5, 50)
    assert rate.per_second is None
    for second in range(1, 41):
        rate.observe(float(second), 100 * second)
    assert rate.per_second == 100
    for second in range(41, 72):
        rate.observe(float(second), 4000 + 10 * (second - 40))
    assert rate.per_second == pytest.approx(10, abs=0.1)
    assert rate.idle_s(75.0) == 4


def test_fewer_than_before_begin_anew() -> None:
    rate = Rate()
    for second in range(5):
        rate.observe(float(second), 100 * second)
    rate.observe(5.0, 0)
    assert rate.per_second is None
