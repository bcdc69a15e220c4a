from __future__ import annotations

import math

import pytest

from harness.reporting.shared.figures import digits, duration, figure, interval, plural


@pytest.mark.parametrize(
    ("values", "unit", "places"),
    [
        ([0.9, 0.85], None, 2),
        ([0.9, 0.9], None, 2),
        ([0.9, 0.9004], None, 4),
        ([0.9, 0.901], None, 3),
        ([0.9, 0.900_000_1], None, 4),
        ([1234.0, 1200.0], "tokens/s", 0),
        ([0.0123, 0.01], "s", 4),
        ([12.3, 12.31], "s", 2),
        ([None, math.nan, 0.5], None, 2),
        ([], "s", 2),
        ([0.0], "s", 2),
    ],
)
def test_figures_that_differ_get_the_digits_that_show_it(values, unit, places):
    assert digits(values, unit=unit) == places


@pytest.mark.parametrize(
    ("value", "places", "signed", "shown"),
    [
        (0.005, 2, False, "0.01"),
        (-0.004, 2, True, "0.00"),
        (0.0, 2, True, "0.00"),
        (0.03, 2, True, "+0.03"),
        (-0.03, 2, True, "-0.03"),
        (None, 2, False, "n/a"),
        (math.nan, 2, True, "n/a"),
        (math.inf, 2, True, "+inf"),
        (-math.inf, 2, False, "-inf"),
        (1234567.0, 0, False, "1,234,567"),
        (1.5e12, 0, False, "1.5e+12"),
        (3.2e-9, 11, True, "+3.2e-09"),
    ],
)
def test_a_figure_is_written_for_a_reader(value, places, signed, shown):
    assert figure(value, places, signed=signed) == shown


def test_an_interval_and_counts():
    assert interval(-0.28, 0.01, signed=True) == "[-0.28, +0.01]"
    assert (plural(1, "sample"), plural(12400, "sample")) == ("1 sample", "12,400 samples")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0.0 s"), (9.96, "10 s"), (119.4, "119 s"), (120, "2 min"), (3599.9, "60 min 0 s"), (7300, "2 h 1 min")],
)
def test_a_duration_is_written_for_a_reader(seconds, shown):
    assert duration(seconds) == shown.replace("60 min 0 s", "1 h 0 min")
