"""Measured rates: what counts as an error, and that gates of the sequential design keep theirs."""

from dataclasses import replace

import pytest

from harness.gate.planning.calibration import (
    Calibration,
    GateResult,
    GateShare,
    MeasuredRates,
    Truth,
    measured,
    simulate,
    truths,
)
from harness.gate.planning.simulation import ScoreSpread, Shape
from harness.records import VerdictKind

SMALL = Shape(cases=80, samples=3)


def test_rates_have_the_exact_bounds_of_clopper_and_pearson():
    rate = GateShare(0, 59)
    assert (rate.value, rate.low) == (0.0, 0.0)
    assert rate.high == pytest.approx(0.0495, abs=1e-4)
    assert GateShare(59, 59).low == pytest.approx(1 - 0.0495, abs=1e-4)


def test_red_is_wrong_while_nothing_is_and_green_from_the_margin_on():
    assert [truth.wrong for truth in truths([SMALL], None)] == ["red", "red", "green", "green"]
    assert [truth.wrong for truth in truths([SMALL], 0.02)] == ["red", "red", "green", None]


def test_a_drop_is_planted_in_one_evaluation_after_the_other():
    drop = truths([SMALL] * 3, None)[2]
    assert [drop.drops([SMALL] * 3, gate) for gate in range(3)] == [
        [0.05, None, None],
        [None, 0.05, None],
        [None, None, 0.05],
    ]


def test_twice_the_margin_is_that_of_each_evaluation_and_never_more_than_there_is():
    shapes = [replace(SMALL, margin=0.02), replace(SMALL, margin=0.3, spread=ScoreSpread(mean=0.5))]
    drop = truths(shapes, None)[-1]
    assert (drop.drops(shapes, 0)[0], drop.drops(shapes, 1)[1]) == (0.04, 0.5)


def test_without_a_margin_a_drop_of_a_twentieth_is_to_be_found():
    assert truths([replace(SMALL, margin=0.0)], None)[-1].drop == 0.05


def test_versions_that_do_not_differ_have_no_second_truth_without_a_drop():
    assert len(truths([replace(SMALL, spread=ScoreSpread(differing=0.0))], None)) == 3


def test_samples_count_both_versions():
    result = measured(
        Truth("", "red", None), [SMALL, replace(SMALL, threshold=0.9)], [GateResult(VerdictKind.PASSED, 5, 7)]
    )
    assert (result.samples, result.drawn, result.most) == (5, 7, 3 * 80 * 3)


@pytest.mark.nightly
def test_gates_are_wrong_as_seldom_as_they_promise():
    for truth in truths([Shape()] * 2, None):
        result = simulate(truth, [Shape()] * 2, 100, 0.95, [1])
        assert result.wrong is not None
        assert result.wrong.low <= 0.05


@pytest.mark.service
def test_a_drop_of_twice_the_margin_is_found_and_unchanged_versions_pass_sooner():
    first, *_, last = (simulate(truth, [Shape()], 60, 0.95, [2]) for truth in truths([Shape()], None))
    assert last.red.value > 0.9
    assert first.green.value > 0.9
    assert first.samples < 0.7 * first.most


def test_the_seed_settles_all():
    truth = truths([SMALL], None)[1]
    assert simulate(truth, [SMALL], 10, 0.95, [3]) == simulate(truth, [SMALL], 10, 0.95, [3])


def found(wrong, count, gates):
    rate = GateShare(count, gates)
    return MeasuredRates(Truth("", wrong, None), rate, rate, 1, 1, 1)


@pytest.mark.parametrize(
    ("count", "gates", "state"), [(2, 300, "holds"), (12, 300, "open"), (0, 20, "open"), (30, 300, "exceeded")]
)
def test_a_rate_holds_or_is_exceeded_where_its_bounds_say_so(count, gates, state):
    calibration = Calibration((found("red", 0, gates), found("red", count, gates), found("green", 0, 300)), (), 0.05)
    assert calibration.state("red") == state
    assert calibration.state("green") == "holds"
    assert calibration.is_contradicted == (state == "exceeded")


def test_whole_runs_can_contradict_what_simulated_gates_show():
    calibration = Calibration((found("green", 0, 300),), (found("green", 5, 20),), 0.05)
    assert calibration.state("green") == "exceeded"
