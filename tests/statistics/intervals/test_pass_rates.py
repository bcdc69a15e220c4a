"""pass@k and pass^k: the definition by counting, the authors' own formula, coverage."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.statistics import clustered_mean, pass_at_k, pass_hat_k

COUNTS = st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))


@given(COUNTS)
def test_estimates_are_averages_over_all_subsets(counts):
    n, c, k = counts
    subsets = list(itertools.combinations([True] * c + [False] * (n - c), k))
    assert pass_at_k(n, c, k) == pytest.approx(np.mean([any(subset) for subset in subsets]))
    assert pass_hat_k(n, c, k) == pytest.approx(np.mean([all(subset) for subset in subsets]))


@given(st.integers(100, 300), st.integers(0, 100), st.integers(1, 100))
def test_pass_at_k_is_the_product_of_chen_et_al_2021(n, c, k):
    """Their figure 3: 1 - prod(1 - k / arange(n - c + 1, n + 1)), and 1 where n - c < k."""
    expected = 1.0 if n - c < k else 1 - np.prod(1 - k / np.arange(n - c + 1, n + 1))
    assert pass_at_k(n, c, k) == pytest.approx(expected)


@given(COUNTS)
def test_right_and_wrong_swapped_turn_one_into_the_other(counts):
    n, c, k = counts
    assert pass_at_k(n, c, k) == pytest.approx(1 - pass_hat_k(n, n - c, k))


def test_a_suite_is_the_mean_over_cases_with_cases_as_units():
    n, c = [10, 10, 20], [3, 10, 4]
    each = [pass_at_k(a, b, 5) for a, b in zip(n, c, strict=True)]
    assert pass_at_k(n, c, 5) == clustered_mean(each)
    assert pass_hat_k(n, c, 5, ["a", "a", "b"]) == clustered_mean(
        [pass_hat_k(a, b, 5) for a, b in zip(n, c, strict=True)], ["a", "a", "b"]
    )


def test_the_estimate_is_unbiased_and_its_interval_covers():
    rng = np.random.default_rng(1)
    estimates = [pass_at_k(np.full(60, 8), rng.binomial(8, rng.uniform(0, 1, 60)), 3) for _ in range(1000)]
    assert np.mean([estimate.value for estimate in estimates]) == pytest.approx(0.75, abs=0.005)
    assert np.mean([estimate.low <= 0.75 <= estimate.high for estimate in estimates]) > 0.92


def test_all_right_still_has_an_interval_with_width():
    assert pass_at_k([5] * 20, [5] * 20, 2).low < 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5, 2, 6), "fewer than k = 6"),
        ((5, 6, 2), "not between 0 and n"),
        ((5, -1, 2), "not between 0 and n"),
        ((5, 1.5, 2), "not between 0 and n"),
        ((5, 2, 0), "k = 0"),
        (([[5]], [[2]], 1), "shapes"),
        ((5, math.nan, 1), "not between 0 and n"),
    ],
)
def test_wrong_input_is_refused(arguments, message):
    for estimate in (pass_at_k, pass_hat_k):
        with pytest.raises(ValueError, match=message):
            estimate(*arguments)
