"""The sign-flip test: Fisher's example, scipy, and agreement with t."""

import numpy as np
import pytest
from scipy import stats

from harness.statistics import paired_difference, sign_flip_test

#: C. Darwin's Zea mays, crossed less self-fertilised plants, eighths of an inch.
DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def test_p_value_is_fishers_for_darwins_maize():
    """R. A. Fisher (1935), The Design of Experiments, section 21: 1,726 of 32,768 patterns, 5.267 %."""
    result = sign_flip_test(DARWIN, [0] * 15)
    assert result.exact
    assert result.n_patterns == 32_768
    assert result.p_value == pytest.approx(1726 / 32_768)


@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
def test_exact_p_value_agrees_with_scipy(alternative):
    rng = np.random.default_rng(1)
    candidate, baseline = rng.normal(0.3, 1, 10), rng.normal(0, 1, 10)
    oracle = stats.permutation_test(
        (candidate, baseline), lambda x, y: np.mean(x - y), permutation_type="samples", alternative=alternative
    )
    result = sign_flip_test(candidate, baseline, alternative=alternative)
    assert result.p_value == pytest.approx(oracle.pvalue)


def test_drawn_p_value_is_near_that_of_t_and_repeatable():
    rng = np.random.default_rng(2)
    candidate, baseline = rng.uniform(0, 1, (80, 3)), rng.uniform(0.05, 1.05, (80, 3))
    first, second = sign_flip_test(candidate, baseline), sign_flip_test(candidate, baseline)
    assert first == second
    assert not first.exact
    assert first.p_value == pytest.approx(paired_difference(candidate, baseline).p_value, abs=0.02)


def test_clusters_flip_as_a_whole():
    candidate = np.repeat([1.0, 1.0, 1.0, 0.0], 5)
    result = sign_flip_test(candidate, np.full(20, 0.5), np.repeat(np.arange(4), 5))
    assert result.n_patterns == 16
    assert result.p_value == 10 / 16


def test_no_difference_has_p_value_1_and_a_huge_one_never_0():
    assert sign_flip_test([1, 1, 0], [1, 1, 0]).p_value == 1
    assert sign_flip_test(np.ones(50), np.zeros(50), n_patterns=99).p_value == 1 / 100


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="pair them"):
        sign_flip_test([1, 0], [1])
    with pytest.raises(ValueError, match="No case"):
        sign_flip_test([np.nan], [1])
    with pytest.raises(ValueError, match="n_patterns"):
        sign_flip_test([1], [1], n_patterns=0)
