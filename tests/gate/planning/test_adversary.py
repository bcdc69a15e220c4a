"""Whoever reruns the gate until it is wrong: few gates here, `make bench ARGS=reruns` has thousands."""

import itertools

import pytest

from harness.gate.planning.adversary import ADVERSARIES, Adversary, Attempt, Trial, attack, is_exceeded
from harness.gate.planning.calibration import GateShare
from harness.gate.planning.simulation import Shape
from tests.bench.bench_reruns import any_of_thirty
from tests.bench.decision_costs import SPREAD
from tests.error_rates import is_at_most

pytestmark = pytest.mark.service

GATES = 40


@pytest.mark.nightly
@pytest.mark.parametrize("about", ["suite", "population"])
@pytest.mark.parametrize("wrong", ["red", "green"])
def test_any_reruns_are_wrong_at_most_5_times_in_100(about, wrong):
    shape = Shape(cases=40, samples=2, spread=SPREAD, about=about, margin=0.1)
    gates = itertools.product(range(GATES), enumerate(ADVERSARIES))

    def goes_wrong() -> bool:
        number, (i, adversary) = next(gates)
        return attack(adversary, wrong, [shape], Trial(1, seed=(5, number, i))).rate.count > 0

    assert is_at_most(0.05, goes_wrong, GATES * len(ADVERSARIES))


def test_a_version_that_is_far_worse_is_not_called_good_by_asking_again():
    shape = Shape(cases=40, samples=5, spread=SPREAD, about="suite", margin=0.3)
    assert attack(Adversary("x", ("samples", "seed")), "green", [shape], Trial(10, reruns=3)).rate.count == 0


def test_rates_are_exceeded_only_beyond_what_chance_explains():
    assert not is_exceeded([Attempt("a", "red", GateShare(7, 100))] * 12, 0.05)
    assert is_exceeded(
        [Attempt("a", "red", GateShare(2, 100))] * 11 + [Attempt("b", "green", GateShare(20, 100))], 0.05
    )


@pytest.mark.nightly
@pytest.mark.parametrize("about", ["suite", "population"])
def test_the_best_of_thirty_bad_candidates_against_one_recording_does_not_pass(about):
    assert any_of_thirty(about, 0, 20) <= 4  # 1 is promised; of the 30 alone, each at 0.05, 7 and more pass somewhere
