"""The search for the first worse version of a series."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import SettingsError
from harness.gate.history.bisection import Bisection, Measured
from tests.gate.history.series import CASES, bisected, rates, stepped

GOOD = rates(0.85, np.random.default_rng(81))
SERIES = stepped(GOOD, 12, 7, 0.3)


def test_the_first_worse_version_is_found() -> None:
    told: list[str] = []
    search = bisected(SERIES, (82,), told=told)
    assert (search.outcome, search.possible, search.exit_code) == ("found", ["7"], 0)
    assert (search.n_cases, search.n_drawn) == (CASES, search.n_samples)
    assert told[-1].startswith(f"{[*search.fingerprints][-1]}: ") or "1 of 11 are left" in told[-1]
    again = bisected(SERIES, (82,))
    assert again.as_json() == search.as_json()
    assert {"outcome", "possible", "skipped", "fingerprints"} <= again.as_json().keys()


def test_versions_that_cannot_be_measured_stay_in_the_set() -> None:
    search = bisected(SERIES, (82,), broken=[6, 7])
    assert (search.outcome, search.possible) == ("found", ["6", "7", "8"])
    assert search.skipped == {"6": "it does not start", "7": "it does not start"}


def test_equal_versions_are_one() -> None:
    """Of places 5 to 9 all are version 5, so that none from 6 on can be the first that is worse."""
    truth, same = stepped(GOOD, 12, 10, 0.3), [0, 1, 2, 3, 4, 5, 5, 5, 5, 5, 10, 11]
    search = bisected(truth, (83,), same=same)
    assert search.possible == ["10"]
    assert search.n_samples == sum(5 * CASES * n for n in _visits(search))


def _visits(search: Bisection) -> list[int]:
    """How often five rounds of each fingerprint were drawn."""
    return [len(rows[0]) // 5 for rows in search._scores.values()]


def test_a_version_like_an_end_needs_no_samples() -> None:
    search = bisected(stepped(GOOD, 9, 8, 0.3), (84,), same=[0] * 8 + [8])
    assert (search.possible, len({*search.fingerprints.values()})) == (["8"], 2)


def test_ends_that_are_alike_are_not_bisected() -> None:
    same = bisected(SERIES, (85,), same=[0] * 12)
    assert (same.outcome, same.exit_code) == ("the first and the last are the same version", 8)
    less = bisected(stepped(GOOD, 12, 7, 0.12), (86,), most=2_000)
    assert (less.outcome, less.possible) == ("the last is not shown to be worse than the first", [])
    assert less.good > less.bad


@pytest.mark.parametrize("drop", [0.0, -0.1])
def test_it_ends_early_where_no_loss_is_in_sight(drop: float) -> None:
    search = bisected(stepped(GOOD, 12, 7, drop), (85,))
    assert search.outcome.startswith("no loss in sight: ")
    assert (search.exit_code, search.n_samples < 10_000) == (8, True)


def test_a_decline_that_is_spread_is_told() -> None:
    shares = np.linspace(0, 1, 13)[:, np.newaxis]
    search = bisected((1 - shares) * GOOD + shares * stepped(GOOD, 2, 1, 0.4)[1], (87,))
    assert search.outcome in {
        f"no single step: {n} is like neither end; search before it and after it" for n in range(4, 9)
    }
    assert search.exit_code == 8


def test_it_stops_where_the_samples_are_spent() -> None:
    search = bisected(SERIES, (82,), most=600)
    assert (search.outcome, search.exit_code) == ("not decided by the samples allowed", 8)
    assert "7" in search.possible
    assert search.n_samples <= 600


def test_answers_that_repeat_are_one_draw() -> None:
    search = bisected(SERIES, (88,), repeats=True)
    assert (search.outcome, search.n_samples) == ("the last is not shown to be worse than the first", 2 * CASES)


@pytest.mark.parametrize(("end", "place"), [("good", 0), ("bad", 11)])
def test_an_end_that_cannot_be_measured_ends_it(end: str, place: int) -> None:
    with pytest.raises(SettingsError, match=f"^The {end} end, {place}, can't be measured; name another. it does not"):
        bisected(SERIES, (82,), broken=[place])


def test_a_version_without_some_of_the_cases_is_skipped() -> None:
    def measure(name: str, n_rounds: int) -> Measured:
        ids = ["a", "b"] if name == "1" else ["a", "b", "c"]
        return Measured(name, {("suite", each): np.full(n_rounds, float(name != "2")) for each in ids})

    search = Bisection(["0", "1", "2"], 0.95, 20, 5_000, measure, print)
    search.run()
    assert (search.outcome, search.possible, search.skipped) == ("found", ["1", "2"], {"1": "no scores of c"})
