"""The effective length: a closed test from short to long, on bets."""

from __future__ import annotations

import numpy as np
import pytest

from harness.statistics.betting.sequential import Horizon, Units, tuned_wealth
from harness.statistics.lengths import effective_length

LENGTHS = (128, 256, 512)


def test_published_shares_make_published_lengths() -> None:
    """NoLiMa (2025), table 3: GPT-4o's base score is 99.3 and so its threshold 84.4; 8K: 89.2, 16K: 81.6; effective 8K.

    A score of p on 1,000 cases of which the long ones fail beside the short ones.
    """
    means = {1: 0.993, 8: 0.892, 16: 0.816}
    cases = np.array([[number < round(1000 * mean) for mean in means.values()] for number in range(1000)], dtype=float)
    found = effective_length(cases, list(means))
    assert found.length == 8
    assert found.shares == pytest.approx((0.892 / 0.993, 0.816 / 0.993))
    assert 0.85 <= found.bounds[0] < found.shares[0]
    assert found.bounds[1] < found.shares[1] < 0.85


def test_the_first_length_that_is_not_shown_ends_it() -> None:
    found = effective_length([[1, 0, 1]] * 100, LENGTHS)
    assert found.length == 128
    assert found.bounds[1] > 0.85


def test_few_cases_show_nothing_however_equal() -> None:
    assert effective_length([[1, 1, 1]] * 10, LENGTHS).length == 128
    assert effective_length([[1, 1, 1]] * 60, LENGTHS).length == 512


def test_of_nothing_nothing_is_kept() -> None:
    found = effective_length([[0, 0, 0]] * 60, LENGTHS)
    assert (found.length, found.shares) == (0, (0.0, 0.0))


def test_a_bound_is_the_share_that_bets_just_show() -> None:
    rng = np.random.default_rng(5)
    scores = (rng.random((200, 2)) < [0.9, 0.85]).astype(float)
    (bound,) = effective_length(scores, (1, 2)).bounds
    for share, shown in ((bound, True), (bound + 0.001, False)):
        ahead = scores[:, 1] - share * scores[:, 0]
        wealth = np.mean([np.prod(1 + bet / share * ahead) for bet in np.geomspace(0.01, 0.95, 20)])
        assert (wealth >= 20) == shown


@pytest.mark.service
@pytest.mark.parametrize("kept", [[0.85], [1.0, 1.0, 1.0, 0.4]], ids=["everywhere", "by depth"])
def test_a_length_too_many_is_rarer_than_the_level_at_the_boundary(kept: list[float]) -> None:
    """The long score is 0.85 of the short one exactly, in all cases or over depths; later lengths add no error.

    So it is of the bets of a gate, which ends when they are won.
    """
    rng = np.random.default_rng(11)
    keeps = np.resize(kept, 80)
    wrong, passed = 0, 0
    for _ in range(200):
        short = rng.random(80) < 0.9
        long = [short & (rng.random(80) < keeps) for _ in range(3)]
        wrong += effective_length(np.column_stack([short, *long]).astype(float), (1, 2, 3, 4)).length > 1
        differences = rng.permutation(long[0] - 0.85 * short)
        units = Units((differences + 0.85) / 1.85, np.ones(80), low=0.0)
        bets = tuned_wealth(units, 0.85 / 1.85, 0.05, Horizon(80, 0.05))
        passed += bets.first_above(0.85 / 1.85, 0.05) is not None
    assert wrong / 200 <= 0.05
    assert passed / 200 <= 0.05


def test_cases_that_are_not_whole_are_left_out() -> None:
    cases = [[1, 1.0]] * 60
    assert effective_length([*cases, [1, np.nan], [np.nan, 0]], (1, 2)) == effective_length(cases, (1, 2))


@pytest.mark.parametrize(
    ("scores", "lengths", "options", "message"),
    [
        ([[1, 1]], (1, 2), {}, "1 whole cases with scores in"),
        ([[1, 2], [1, 1]], (1, 2), {}, "2 whole cases with scores in"),
        ([[1, 1], [1, 1]], (2, 1), {}, "give a column for each, ascending"),
        ([[1, 1], [1, 1]], (1, 2, 3), {}, "do not fit the lengths"),
        ([[1, 1], [1, 1]], (1, 2), {"share": 0}, "share = 0 is not in"),
        ([[1, 1], [1, 1]], (1, 2), {"confidence_level": 95}, "confidence_level"),
    ],
)
def test_wrong_input_is_told(scores: object, lengths: object, options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        effective_length(scores, lengths, **options)  # type: ignore[arg-type]
