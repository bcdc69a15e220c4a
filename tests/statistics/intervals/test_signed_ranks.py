"""Signed ranks: exact whatever the law of symmetric differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.statistics.intervals.signed_ranks import fewest_pairs, rank_sum_tail, signed_rank_contrast


def test_published_bounds_and_estimate() -> None:
    """Hollander and Wolfe's data of 9 patients before and after a tranquilizer (Hamilton depression scale), as R's
    wilcox.test(x, y, paired = TRUE, alternative = "greater") has it: V = 40, p = 0.01953; the estimate is 0.46.
    """
    before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    contrast = signed_rank_contrast(np.array(after) - np.array(before))
    assert contrast.p_less == pytest.approx(0.01953, abs=5e-6)
    assert contrast.value == pytest.approx(-0.46)


@pytest.mark.parametrize("pairs", [5, 8, 12, 25])
def test_the_p_value_is_scipys(pairs: int) -> None:
    rng = np.random.default_rng(pairs)
    for _ in range(20):
        logs = rng.normal(0.1, 1, pairs)
        expected = stats.wilcoxon(logs, alternative="less", method="exact").pvalue
        assert signed_rank_contrast(logs).p_less == pytest.approx(expected)


@pytest.mark.parametrize("pairs", [5, 12, 61, 80])
def test_a_bound_falls_below_0_exactly_where_the_p_value_falls_below_the_level(pairs: int) -> None:
    rng = np.random.default_rng(pairs)
    for _ in range(200):
        contrast = signed_rank_contrast(rng.standard_t(2, pairs) - 0.5)
        for level in (0.05, 0.01, 0.3):
            assert (contrast.upper(1 - level) < 0) == (contrast.p_less < level)
        assert contrast.lower(0.95) <= contrast.value <= contrast.upper(0.95)


@pytest.mark.service
@pytest.mark.parametrize("law", ["normal", "t", "outliers"])
def test_bounds_hold_as_often_as_they_say(law: str) -> None:
    rng = np.random.default_rng(len(law))
    draws = {
        "normal": lambda: rng.normal(0, 1, 8),
        "t": lambda: rng.standard_t(1, 8),
        "outliers": lambda: rng.normal(0, 1, 8) * np.where(rng.random(8) < 0.2, 50, 1),
    }
    missed = np.mean([signed_rank_contrast(draws[law]()).upper(0.95) < 0 for _ in range(4000)])
    assert missed <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 4000)


def test_so_few_pairs_have_no_bound() -> None:
    contrast = signed_rank_contrast([-1.0, -2.0, -3.0, -4.0])
    assert contrast.upper(0.95) == math.inf
    assert contrast.p_less == 1 / 16
    assert signed_rank_contrast([-1.0] * 5).upper(0.95) == -1.0


def test_beyond_60_pairs_the_normal_is_as_good() -> None:
    exact, normal = rank_sum_tail(600, 60), rank_sum_tail(620, 61)
    assert exact == pytest.approx(stats.wilcoxon(_signs(60, 600), alternative="less", method="exact").pvalue, rel=1e-6)
    assert normal == pytest.approx(stats.wilcoxon(_signs(61, 620), alternative="less", method="exact").pvalue, abs=1e-3)


def _signs(pairs: int, ranks: int) -> np.ndarray:
    """Differences whose positive ranks add up to so much."""
    left, found = ranks, []
    for rank in range(pairs, 0, -1):
        found.append(float(rank) if rank <= left else -float(rank))
        left -= rank if rank <= left else 0
    return np.array(found)


def test_the_fewest_pairs_are_those_whose_bounds_are_finite() -> None:
    for level in (0.045, 0.02025, 0.001125, 1 / 32, 0.5):
        few = fewest_pairs(level)
        assert signed_rank_contrast([-1.0] * few).upper(1 - level) == -1.0
        assert few == 1 or signed_rank_contrast([-1.0] * (few - 1)).upper(1 - level) == math.inf
    with pytest.raises(ValueError, match="not in"):
        fewest_pairs(0.0)
