"""E-values of a pass rate: closed forms, a numerical oracle, error under optional stopping, Wald's bound."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from harness.statistics import log_e_value

COUNTS = st.integers(0, 60)


def by_integration(successes, failures, p0):
    """The mixture's definition, integrated in logs around the largest value."""
    peak = min(p0, successes / max(1, successes + failures))
    peak = min(max(peak, 1e-9), p0)
    top = successes * math.log(peak) + failures * math.log1p(-peak)
    scaled, _ = integrate.quad(
        lambda t: (
            math.exp(successes * math.log(t) + failures * math.log1p(-t) - top) if t > 0 else float(not successes)
        ),
        0,
        p0,
        points=[peak],
        limit=200,
    )
    return top + math.log(scaled / p0) - successes * math.log(p0) - failures * math.log1p(-p0)


def test_likelihood_ratio_is_walds():
    """A. Wald (1945): each success is worth log(p1/p0), each failure log((1-p1)/(1-p0))."""
    assert log_e_value(8, 2, 0.9, 0.8) == pytest.approx(8 * math.log(8 / 9) + 2 * math.log(2))


def test_mixture_without_successes_has_a_closed_form():
    """(1 - (1-p0)^(f+1)) / ((f+1) p0 (1-p0)^f)."""
    for p0, failures in ((0.5, 3), (0.9, 10), (0.05, 40)):
        expected = (1 - (1 - p0) ** (failures + 1)) / ((failures + 1) * p0 * (1 - p0) ** failures)
        assert log_e_value(0, failures, p0, kind="mixture") == pytest.approx(math.log(expected))


@given(COUNTS, COUNTS, st.floats(0.05, 0.95))
def test_mixture_is_its_integral(successes, failures, p0):
    expected = by_integration(successes, failures, p0)
    assert log_e_value(successes, failures, p0, kind="mixture") == pytest.approx(expected, abs=1e-6)


def test_mixture_stays_finite_where_the_beta_function_underflows():
    """5,000 successes against a rate of at most 0.5: only the likelihood near 0.5 counts, 1 part in 5,001."""
    for successes, p0 in ((5000, 0.5), (20_000, 0.9), (3000, 0.01)):
        value = log_e_value(successes, 0, p0, kind="mixture")
        assert value == pytest.approx(-math.log(successes + 1), abs=1e-6)


@given(COUNTS, COUNTS, st.floats(0.05, 0.9))
def test_a_failure_speaks_for_a_lower_rate_and_a_success_against_it(successes, failures, p0):
    for p1, kind in ((p0 / 2, "likelihood_ratio"), (None, "mixture")):
        value = log_e_value(successes, failures, p0, p1, kind)
        assert log_e_value(successes, failures + 1, p0, p1, kind) > value
        assert log_e_value(successes + 1, failures, p0, p1, kind) < value


def test_one_by_one_and_all_at_once_are_the_same():
    draws = np.random.default_rng(1).random(50) < 0.7
    right, wrong = np.cumsum(draws), np.cumsum(~draws)
    for kind in ("likelihood_ratio", "mixture"):
        path = log_e_value(right, wrong, 0.8, 0.6, kind)
        assert path.tolist() == [
            pytest.approx(log_e_value(int(a), int(b), 0.8, 0.6, kind)) for a, b in zip(right, wrong, strict=True)
        ]


@pytest.mark.service
@pytest.mark.parametrize("true_rate", [0.9, 0.95])
def test_stopping_whenever_it_looks_bad_is_wrong_at_most_5_times_in_100(true_rate):
    rng = np.random.default_rng(2)
    draws = rng.random((2000, 400)) < true_rate
    right, wrong = draws.cumsum(axis=1), (~draws).cumsum(axis=1)
    for kind in ("likelihood_ratio", "mixture"):
        stopped = (log_e_value(right, wrong, 0.9, 0.8, kind) >= math.log(20)).any(axis=1)
        assert stopped.mean() <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 2000)


@pytest.mark.service
def test_expected_samples_are_near_walds_bound():
    """0.9 against 0.8, both errors 0.05: Wald's bound is 59.7 samples at 0.8, 72.2 at 0.9; the goal is 1.25 times."""
    rng = np.random.default_rng(3)
    for rate, bound in ((0.8, 59.7), (0.9, 72.2)):
        draws = rng.random((2000, 1500)) < rate
        failing = log_e_value(draws.cumsum(axis=1), (~draws).cumsum(axis=1), 0.9, 0.8)
        decided = np.abs(failing) >= math.log(20)
        assert decided.any(axis=1).all()
        assert (decided.argmax(axis=1) + 1).mean() <= 1.25 * bound


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 2, 0.5, 0.4), "successes"),
        ((1, math.nan, 0.5, 0.4), "failures"),
        ((1, 2, 1.0, 0.4), "p0 = 1.0"),
        ((1, 2, 0.5, 0), "p1 = 0"),
        ((1, 2, 0.5), "needs p1"),
        ((1, 2, 0.5, 0.5), "two different rates"),
        ((1, 2, 0.5, 0.4, "bayes"), "'likelihood_ratio', 'mixture'"),
    ],
)
def test_wrong_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        log_e_value(*arguments)
