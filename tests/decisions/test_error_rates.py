"""Whole gates, simulated: how often red and green are wrong."""

import numpy as np
import pytest

from harness.decisions import decide, worst
from harness.records import VerdictKind
from tests.decisions.observations import binary, observed
from tests.error_rates import is_at_most

pytestmark = pytest.mark.service


RUNS = 250


def gate(rng, drop, n_evaluations, n_cases, n_samples, threshold=None):
    evaluations = []
    for i in range(n_evaluations):
        rates = rng.beta(0.9, 0.1, n_cases)
        candidate = binary(rng, rates * (1 - drop / 0.9), n_samples)
        baseline = binary(rng, rates, n_samples) if threshold is None else None
        evaluations.append(observed(candidate, baseline, threshold=threshold, id=str(i)))
    return [verdict.verdict for verdict in decide(evaluations, 0.95)]


@pytest.mark.parametrize(
    ("n_evaluations", "n_cases", "n_samples"),
    [(1, 60, 1), (4, 100, 5), pytest.param(10, 50, 3, marks=pytest.mark.nightly)],
)
def test_a_version_against_itself_is_red_in_at_most_5_of_100_gates(n_evaluations, n_cases, n_samples):
    rng = np.random.default_rng([1, n_evaluations])
    assert is_at_most(0.05, lambda: worst(gate(rng, 0.0, n_evaluations, n_cases, n_samples)).is_red, RUNS)


@pytest.mark.parametrize(("n_cases", "n_samples"), [(60, 1), (100, 5), (200, 10)])
def test_a_drop_of_the_whole_margin_is_green_in_at_most_5_of_100_gates(n_cases, n_samples):
    rng = np.random.default_rng([2, n_cases])
    assert is_at_most(0.05, lambda: gate(rng, 0.05, 1, n_cases, n_samples) == [VerdictKind.PASSED], 2 * RUNS)


def test_at_the_threshold_a_gate_is_red_and_below_it_by_the_margin_green_in_at_most_5_of_100():
    rng = np.random.default_rng(3)
    assert is_at_most(0.05, lambda: worst(gate(rng, 0.0, 4, 100, 5, threshold=0.9)).is_red, RUNS)
    assert is_at_most(0.05, lambda: gate(rng, 0.05, 1, 100, 5, threshold=0.9) == [VerdictKind.PASSED], RUNS)


def test_gates_of_dependent_evaluations_keep_the_rate():
    """Two metrics of the same samples, and a third that repeats one of them."""
    rng = np.random.default_rng(4)

    def is_red():
        rates = rng.beta(0.9, 0.1, 80)
        candidate, baseline = binary(rng, rates, 4), binary(rng, rates, 4)
        graded = candidate * rng.uniform(0.6, 1, candidate.shape), baseline * rng.uniform(0.6, 1, baseline.shape)
        evaluations = [observed(candidate, baseline), observed(*graded, metric="graded"), observed(candidate, baseline)]
        return worst(verdict.verdict for verdict in decide(evaluations, 0.95)).is_red

    assert is_at_most(0.05, is_red, RUNS)


def test_a_drop_of_a_tenth_is_found():
    rng = np.random.default_rng(5)
    assert sum(worst(gate(rng, 0.1, 3, 150, 10)).is_red for _ in range(50)) >= 49
