from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from harness.stages.data.ablation.power import seed_power


@pytest.mark.parametrize(
    ("pairs", "one_sided", "two_sided"), [(3, 0.125, 0.25), (4, 0.0625, 0.125), (5, 0.03125, 0.0625)]
)
def test_signs_of_few_pairs(pairs: int, one_sided: float, two_sided: float) -> None:
    """A sign test of 3 seeds can't pass, and one of 5 reaches 0.031."""
    power = seed_power(pairs)
    assert power.sign_p == one_sided == stats.binomtest(pairs, pairs, alternative="greater").pvalue
    assert power.sign_p_two_sided == two_sided == stats.binomtest(pairs, pairs).pvalue


@pytest.mark.parametrize("pairs", [2, 3, 5, 10])
@pytest.mark.parametrize("level", [0.05, 0.0041])
def test_the_smallest_difference_is_that_of_the_t_test(pairs: int, level: float) -> None:
    found = TTestPower().solve_power(nobs=pairs, alpha=level, power=0.8, alternative="larger")
    assert seed_power(pairs, level).smallest == pytest.approx(float(found), rel=1e-3)


def test_what_is_promised_is_found() -> None:
    power = seed_power(5)
    assert power.smallest is not None
    draws = np.random.default_rng(0).normal(power.smallest, 1.0, (20_000, 5))
    found = stats.ttest_1samp(draws, 0.0, axis=1, alternative="greater").pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.01)


def test_it_is_told_in_words() -> None:
    assert (
        "all pointing one way have p = 0.0312 by signs (0.0625 two-sided), enough for 0.05" in seed_power(5).in_words()
    )
    assert "too much for 0.05" in seed_power(3).in_words()
    assert seed_power(1).in_words().startswith("1 pair of seeds: ")
    assert "nothing can be shown: train more seeds" in seed_power(1).in_words()
