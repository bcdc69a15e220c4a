"""The rule by which simulated gates are held to their promise finds those that break it."""

import numpy as np
import pytest

from tests.error_rates import MISTAKEN, is_at_most

pytestmark = pytest.mark.service


def share_passed(true_rate: float, rate: float = 0.05, runs: int = 300, times: float = 2.0) -> float:
    rng = np.random.default_rng([1, int(1000 * true_rate)])
    return sum(is_at_most(rate, lambda: bool(rng.random() < true_rate), runs, times) for _ in range(1000)) / 1000


def test_what_is_never_wrong_takes_72_runs_and_what_always_is_6() -> None:
    made: list[bool] = []

    def run(is_wrong: bool) -> bool:
        made.append(is_wrong)
        return is_wrong

    assert is_at_most(0.05, lambda: run(False), 300)
    assert len(made) == 73
    made.clear()
    assert not is_at_most(0.05, lambda: run(True), 300)
    assert len(made) == 6


@pytest.mark.parametrize("true_rate", [0.0, 0.01, 0.02])
def test_what_keeps_its_promise_passes(true_rate: float) -> None:
    assert share_passed(true_rate) >= 0.99


def test_at_the_rate_itself_95_in_100_pass() -> None:
    assert share_passed(0.05) >= 0.93


def test_what_is_wrong_twice_as_often_is_found_as_all_runs_find_it() -> None:
    """The share of 300 runs alone misses one in 12."""
    rng = np.random.default_rng(2)
    allowed = 0.05 + 2 * (0.05 * 0.95 / 300) ** 0.5
    alone = float(np.mean(rng.binomial(300, 0.1, 100_000) / 300 <= allowed))
    assert share_passed(0.1) <= alone + MISTAKEN
    assert share_passed(0.15) <= MISTAKEN


def test_four_times_as_often_is_found_in_60_runs_that_end_early_as_well_as_by_all_of_them() -> None:
    """At no rate do more than 2 in 100 pass that the share of 60 runs alone would not let pass."""
    rng = np.random.default_rng(3)
    allowed = 0.05 + 2 * (0.05 * 0.95 / 60) ** 0.5
    for true_rate in (0.1, 0.15, 0.2, 0.3):
        alone = float(np.mean(rng.binomial(60, true_rate, 100_000) / 60 <= allowed))
        chance = 3 * (alone * (1 - alone) / 1000) ** 0.5
        assert share_passed(true_rate, runs=60, times=4) <= alone + MISTAKEN + chance
    assert share_passed(0.05, runs=60, times=4) >= 0.93


def test_with_too_few_runs_to_end_early_the_share_decides() -> None:
    """2 of 40 are granted two standard errors more: 4 are, and 5 are not."""
    for n_wrong, expected in ((4, True), (5, False)):
        spread = iter([number % 9 == 8 and number // 9 < n_wrong - (number < 0) for number in range(40)])
        wrong = [next(spread) for _ in range(40)]
        wrong[-1] = sum(wrong[:-1]) < n_wrong
        assert sum(wrong) == n_wrong
        each = iter(wrong)
        assert is_at_most(0.05, lambda: next(each), 40) is expected  # noqa: B023
