"""Where something begins to hold is found by halving."""

from __future__ import annotations

import pytest

from harness.statistics.searching import first_that, halved


@pytest.mark.parametrize(
    ("most", "first", "found"), [(5, 9, None), (5, 1, 1), (5, 3, 3), (5, 4, 4), (5, 5, 5), (1, 1, 1), (1, 2, None)]
)
def test_the_first_that_holds_is_found(most: int, first: int, found: int | None) -> None:
    assert first_that(lambda number: number >= first, 1, most) == found


def test_the_place_where_something_begins_to_hold_is_enclosed() -> None:
    low, high = halved(lambda number: number**2 >= 2, 0.0, 4.0, 50)
    assert low**2 < 2 <= high**2
    assert high - low == 4 / 2**50
