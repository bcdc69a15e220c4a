from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.special import log_softmax, rel_entr

from harness.statistics.divergence import js_divergence, kl_divergence


def test_the_example_of_cover_and_thomas() -> None:
    """Elements of Information Theory (2006), example 2.3.1: 0.2075 and 0.1887 bits."""
    p, q = np.log([1 / 2, 1 / 2]), np.log([3 / 4, 1 / 4])
    assert float(kl_divergence(p, q)) / math.log(2) == pytest.approx(1 - math.log2(3) / 2, abs=1e-12)
    assert float(kl_divergence(q, p)) / math.log(2) == pytest.approx(3 / 4 * math.log2(3) - 1, abs=1e-12)
    assert round(float(kl_divergence(p, q)) / math.log(2), 4) == 0.2075
    assert round(float(kl_divergence(q, p)) / math.log(2), 4) == 0.1887


logits = st.lists(st.floats(-30, 30), min_size=5, max_size=5)


@given(logits, logits)
def test_it_is_scipy_s_relative_entropy(first: list[float], second: list[float]) -> None:
    p, q = log_softmax(first), log_softmax(second)
    expected = float(rel_entr(np.exp(p), np.exp(q)).sum())
    assert float(kl_divergence(p, q)) == pytest.approx(expected, abs=1e-9)


@given(logits, logits, st.integers(1, 4))
def test_some_outcomes_give_a_lower_bound_that_all_of_them_meet(
    first: list[float], second: list[float], n: int
) -> None:
    p, q = log_softmax(first), log_softmax(second)
    whole = float(kl_divergence(p, q))
    assert float(kl_divergence(p[:n], q[:n], listed=True)) <= whole + 1e-9
    assert float(kl_divergence(p, q, listed=True)) == pytest.approx(whole, abs=1e-9)


def test_the_examples_of_scipy_s_jensen_shannon_distance() -> None:
    """Its documentation, squared: 1 bit for (1, 0, 0) and (0, 1, 0), 0.4645 for (1, 0) and (1/2, 1/2)."""
    with np.errstate(divide="ignore"):
        apart = float(js_divergence(np.log([1.0, 0.0, 0.0]), np.log([0.0, 1.0, 0.0])))
        half = float(js_divergence(np.log([1.0, 0.0]), np.log([0.5, 0.5])))
    assert apart / math.log(2) == pytest.approx(1.0)
    assert half == pytest.approx(0.46450140402245893**2)


@given(logits, logits)
def test_it_is_scipy_s_jensen_shannon_distance_squared_and_symmetric(first: list[float], second: list[float]) -> None:
    p, q = log_softmax(first), log_softmax(second)
    found = float(js_divergence(p, q))
    with np.errstate(invalid="ignore"):
        distance = float(jensenshannon(np.exp(p), np.exp(q)))  # NaN where rounding takes its square below 0
    assert found == pytest.approx(0.0 if math.isnan(distance) else distance**2, abs=1e-9)
    assert found == pytest.approx(float(js_divergence(q, p)), abs=1e-12)
    assert 0 <= found <= math.log(2)


def test_equal_distributions_kept_in_32_bits_are_0_apart() -> None:
    logs = log_softmax(np.random.default_rng(1).normal(0, 3, (4, 50_000)).astype(np.float32), axis=-1)
    assert logs.dtype == np.float32
    assert kl_divergence(logs, logs).tolist() == [0.0] * 4


def test_what_can_t_be_under_one_alone_is_infinitely_far() -> None:
    certain, even = np.log([1.0, 1e-300]), np.log([0.5, 0.5])
    with np.errstate(divide="ignore"):
        never = np.log([1.0, 0.0])
    assert float(kl_divergence(even, never)) == math.inf
    assert float(kl_divergence(never, even)) == pytest.approx(math.log(2))
    assert float(kl_divergence(certain, even)) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("p", "q", "listed", "message"),
    [
        ([0.0], [0.0, -1.0], False, r"has the shape \(1,\), log_q \(2,\)"),
        ([], [], False, "give the same outcomes"),
        ([math.log(0.5)], [math.log(0.5)], False, "do not sum to 1: 0.5"),
        ([0.0, 0.0], [0.0, 0.0], True, "sum to more than 1: 2"),
        ([math.nan, 0.0], [-1.0, -1.0], True, "log_p holds NaN"),
    ],
)
def test_what_is_no_distribution_is_refused(p: list[float], q: list[float], listed: bool, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kl_divergence(p, q, listed=listed)
