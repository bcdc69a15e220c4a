"""Where something begins to hold that goes on to hold from there, by halving."""

from __future__ import annotations

from collections.abc import Callable


def first_that(holds: Callable[[int], bool], least: int, most: int) -> int | None:
    """The first number from which on something holds, small ones tried first; None where it holds for none.

    >>> first_that(lambda n: n >= 62, 2, 20_000), first_that(lambda n: n >= 62, 2, 50)
    (62, None)
    """
    low, high = least - 1, least
    while not holds(high):
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def halved(holds: Callable[[float], bool], low: float, high: float, times: int) -> tuple[float, float]:
    """Two numbers closer to each other than `low`, where something does not hold yet, and `high`, where it does.

    >>> halved(lambda x: x * x >= 2, 1.0, 2.0, 3)
    (1.375, 1.5)
    """
    for _ in range(times):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return low, high
