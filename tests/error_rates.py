"""How often something simulated goes wrong: no more runs than it takes to tell a rate from a multiple of it."""

from __future__ import annotations

import math
from collections.abc import Callable

#: With this probability at most, what goes wrong so many times as often is taken for what does not by ending early.
MISTAKEN = 0.02


def is_at_most(rate: float, wrong: Callable[[], bool], runs: int, times: float = 2.0) -> bool:
    """Whether something goes wrong at this rate at most.

    A sequential probability ratio test of the rate against a multiple of it (A. Wald 1945) ends it as soon as either is
    out of the question; after all runs, the share of the wrong ones decides, two standard errors being granted.

    Args:
        wrong: makes one run, and says whether it went wrong.
        runs: how many there are at most.
        times: the multiple that so many runs are enough to find: twice the rate takes hundreds, four times it 60.
    """
    count, evidence, enough = 0, 0.0, math.log(1 / MISTAKEN)
    for _ in range(runs):
        is_wrong = wrong()
        count += is_wrong
        evidence += math.log(times) if is_wrong else math.log((1 - times * rate) / (1 - rate))
        if abs(evidence) >= enough:
            return evidence < 0
    return count / runs <= rate + 2 * math.sqrt(rate * (1 - rate) / runs)
