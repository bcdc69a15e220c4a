"""The smallest number that suffices, in few trials: each is a simulation."""

from __future__ import annotations

import math
from collections.abc import Callable

CLOSE_ENOUGH = 0.03
LARGEST_STEP = 1.5


def smallest(
    lacking: Callable[[float], float], start: float, most: float, finest: float, *, leans: float
) -> float | None:
    """The smallest number that lacks nothing, within 3 % or `finest`; None where the largest one does.

    Args:
        lacking: by which factor a number must grow, or may shrink.
        finest: 1 for whole numbers.
        leans: above 1, the first number that lacks no more than this is taken as it is, without a search for the
            smallest.

    >>> round(smallest(lambda x: 0.2 / x, 0.5, 1.0, 0.001, leans=1), 2)
    0.2
    """
    low, high, number = 1.0 if finest == 1 else 0.0, math.inf, min(start, most)
    while True:
        factor = lacking(number)
        if leans > 1 and factor <= leans:
            return number
        if factor <= 1:
            high = number
        elif number >= most:
            return None
        else:
            low = number
        if high < math.inf and high - low <= max(finest, CLOSE_ENOUGH * high):
            return high
        aim = number * factor * (1 + math.copysign(CLOSE_ENOUGH / 2, factor - 1))
        aim = math.ceil(aim) if finest == 1 else aim
        if not low < aim < high:
            aim = LARGEST_STEP * number if high == math.inf else (low + high) / 2
            aim = math.floor(aim) if finest == 1 else aim
        number = min(aim, most)
