"""Levels for a sequence of candidates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.statistics.online import any_by_luck, candidate_level, decaying_share


def test_the_shares_sum_to_one() -> None:
    """Riemann's zeta function at 1.5 is 2.6123753487 (Abramowitz and Stegun, table 23.3)."""
    assert decaying_share(1) == pytest.approx(1 / 2.6123753487, rel=1e-10)
    first = sum(map(decaying_share, range(1, 10_001)))
    assert first + 2 / 2.6123753487 / np.sqrt(10_000.5) == pytest.approx(1, abs=1e-8)


def test_a_sequence_worked_by_hand() -> None:
    """Green, not, not, green, not: n not green so far, R green; 0.05 * 0.95 * (R + 1) / (2.6123753487 (n + 1)^1.5)."""
    levels = [candidate_level(*turn, 0.05) for turn in ((1, 0), (2, 1), (3, 1), (4, 1), (5, 2))]
    hand = [0.0181827, 0.0363654, 0.0128571, 0.0069985, 0.0104978]
    assert levels == pytest.approx(hand, rel=1e-4)
    assert candidate_level(9, 8, 0.05) == 0.05, "never above that of a gate of one candidate"


@pytest.mark.parametrize(("number", "greens"), [(0, 0), (1, 1), (3, -1)])
def test_a_place_that_can_not_be_is_refused(number: int, greens: int) -> None:
    with pytest.raises(ValueError, match="number"):
        candidate_level(number, greens, 0.05)


Choose = Callable[[int, np.ndarray, np.ndarray], np.ndarray]
"""Which histories submit a worse one next, from its number and how many false and true greens each has."""


def _shares(choose: Choose, histories: int, tries: int, batch: int = 1) -> np.ndarray:
    """The share of false greens of each history; good candidates are always green, worse ones at their level. So many
    are in flight at once, and know nothing of each other.
    """
    rng = np.random.default_rng(31)
    false, true, known = np.zeros((3, histories))
    for number in range(1, tries + 1):
        known = known if (number - 1) % batch else false + true
        is_worse = choose(number, false, true)
        is_green = rng.random(histories) < [candidate_level(number, int(each), 0.05) for each in known]
        stopped = np.isnan(is_worse)
        false += ~stopped & (is_worse == 1) & is_green
        true += ~stopped & (is_worse == 0)
    return false / np.maximum(1, false + true)


def _until_false(good: int, worse: int) -> Choose:
    """So many good ones and so many worse in turn; who has a false green stops, for the share is at its highest."""

    def choose(number: int, false: np.ndarray, _: np.ndarray) -> np.ndarray:
        return np.where(false > 0, np.nan, float((number - 1) % (good + worse) >= good))

    return choose


@pytest.mark.parametrize(
    ("good", "worse", "batch"), [(0, 1, 1), (1, 1, 1), (1, 3, 1), (5, 1, 1), (3, 30, 1), (0, 1, 4), (2, 2, 4)]
)
def test_whoever_stops_at_the_best_moment_has_no_more_false_greens_than_promised(
    good: int, worse: int, batch: int
) -> None:
    shares = _shares(_until_false(good, worse), 4000, 60, batch)
    assert shares.mean() <= 0.05 + 2 * shares.std() / np.sqrt(len(shares))


def _lord(greens: list[int], number: int, gamma: Callable[[int], float], wealth: float) -> float:
    """LORD++ (Ramdas, Yang, Wainwright, Jordan 2017, NeurIPS, section 3.1)."""
    earned = [(0.05 - wealth if i == 0 else 0.05) * gamma(number - at) for i, at in enumerate(greens)]
    return wealth * gamma(number) + sum(earned)


def test_lord_plus_plus_promises_less() -> None:
    """The levels are those of the R package onlineFDR for its example (the first is green); whoever stops at a false
    green has more of them than 0.05, for its proof takes p-values that are independent of what is tested next.
    """

    def published(j: int) -> float:
        return 0.07720838 * np.log(max(j, 2)) / (j * np.exp(np.sqrt(np.log(j))))

    levels = [_lord([1] if number > 1 else [], number, published, 0.005) for number in (1, 2, 3)]
    assert levels == pytest.approx([0.0002675839, 0.0024664457, 0.0005732818], rel=1e-6)
    gammas = np.array([1 / (j * np.log(j + 1) ** 2) for j in range(1, 201)]) / 3.388
    share, alive = 0.0, 1.0
    for turn in range(100):  # a good one, then a worse one, until that is green
        good, number = list(range(1, 2 * turn + 2, 2)), 2 * turn + 2
        level = _lord(good, number, lambda j: float(gammas[j - 1]), 0.025)
        share, alive = share + alive * level / (len(good) + 1), alive * (1 - level)
    assert share > 0.06


def test_the_luck_of_many_that_share_a_baseline_is_below_its_bound() -> None:
    rng = np.random.default_rng(5)
    baseline, own = rng.normal(size=(20_000, 1)), rng.normal(size=(20_000, 14))
    any_green = ((own - baseline) / np.sqrt(2) > 1.6954).any(axis=1).mean()  # each with a chance of 0.045
    assert 0.2 < any_green < any_by_luck(14, 0.045)
