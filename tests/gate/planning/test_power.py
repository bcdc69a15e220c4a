"""What a plan says is what gates do."""

import math

import numpy as np
import pytest

from harness.decisions import decide
from harness.decisions.suite import SMALL_SHARE
from harness.gate.planning.power import (
    MOST_CASES,
    ErrorRates,
    Share,
    Simulation,
    _computed,
    cases_by_normal,
    drop_by_normal,
    unchanged,
)
from harness.gate.planning.settling import ends_of, fewest_cases
from harness.gate.planning.simulation import ScoreSpread, Shape
from harness.statistics.planning import minimum_detectable_difference, required_cases
from tests.decisions.observations import replace
from tests.simulated import simulated

pytestmark = pytest.mark.service


LEVELS = ErrorRates(0.05, 0.05)


def test_the_smallest_drop_of_a_fixed_design_is_that_of_the_t_test():
    shape = Shape(cases=200, design="fixed", spread=ScoreSpread(mean=0.6, correlation=0.3, differing=1.0))
    found = Simulation(LEVELS, 400).smallest_drop(shape)
    assert found == pytest.approx(minimum_detectable_difference(200, shape.case_sd, 0.05, 0.8), rel=0.15)


def test_the_cases_needed_by_a_fixed_design_are_those_of_the_t_test():
    shape = Shape(design="fixed", margin=0.1, spread=ScoreSpread(mean=0.6, correlation=0.3, differing=1.0))
    found = Simulation(LEVELS, 400).cases_needed(shape, 0.1)
    assert found == pytest.approx(required_cases(0.1, shape.case_sd, 0.05, 0.8), rel=0.15)


@pytest.mark.parametrize("threshold", [None, 0.85])
def test_so_many_cases_find_the_drop_and_a_tenth_fewer_do_not(threshold):
    shape = Shape(threshold=threshold, spread=ScoreSpread(mean=0.9))
    cases = Simulation(LEVELS, 1200).cases_needed(shape, 0.1)
    power = {}
    for size in (cases, int(0.9 * cases)):
        simulation, sized = Simulation(LEVELS, 1000, 1), replace(shape, cases=size)
        power[size] = min(simulation.outlook(sized, 0.1).red.value, simulation.outlook(sized, None).green.value)
    assert power[cases] > 0.75
    assert power[int(0.9 * cases)] < 0.82


def test_larger_suites_find_smaller_drops():
    simulation = Simulation(LEVELS, 100)
    drops = [simulation.smallest_drop(Shape(cases=cases)) for cases in (80, 300)]
    assert drops[0] > drops[1]


def test_the_outlook_counts_the_cases_used():
    outlook = Simulation(LEVELS, 2000).outlook(Shape(cases=300), None)
    assert 62 <= outlook.cases < 200
    assert outlook.green.value > 0.9


def test_what_never_passes_needs_too_many_cases():
    simulation = Simulation(LEVELS, 50)
    assert simulation.cases_needed(Shape(threshold=0.9, spread=ScoreSpread(mean=0.6)), 0.05) is None
    assert simulation.cases_needed(Shape(margin=0.0001), 0.05) is None


def test_a_drop_that_is_never_red_is_none():
    assert Simulation(LEVELS, 50).smallest_drop(Shape(cases=2)) is None


def test_the_first_look_has_nine_tenths_of_the_error_rate_and_red_shares_them():
    levels = ErrorRates.of(0.95, evaluations=4, comparisons=2)
    assert levels.pair == pytest.approx((0.9 * 0.05, 0.9 * 0.9 * 0.05 / 8))


def test_what_is_hopeless_is_said_without_a_simulation(monkeypatch):
    monkeypatch.setattr("harness.gate.planning.power.ends_of", None)
    simulation = Simulation(LEVELS, 300)
    shapes = (Shape(margin=0.0), Shape(margin=0.001), Shape(threshold=0.9, spread=ScoreSpread(mean=0.8)))
    assert [simulation.cases_needed(shape, 0.05) for shape in shapes] == [None, None, None]
    assert simulation.cases_needed(Shape(margin=0.05), 0.03) is None
    assert Simulation(replace(LEVELS, power=0.96), 300).cases_needed(Shape(margin=0.05), 0.05) is None


def test_what_is_too_large_to_be_simulated_is_computed(monkeypatch):
    monkeypatch.setattr("harness.gate.planning.power.ends_of", None)
    simulation = Simulation(LEVELS, 300)
    shape = Shape(margin=0.01)
    cases = simulation.cases_needed(shape, 0.01)
    assert cases == cases_by_normal(shape, 0.01, LEVELS)
    outlook = simulation.outlook(replace(shape, cases=cases), None)
    assert outlook.green.value == pytest.approx(0.8, abs=0.01)
    assert (outlook.green.gates, outlook.cases) == (0, None)


def test_a_lopsided_spread_takes_more_cases_than_a_t_test_says():
    spread = ScoreSpread(mean=0.97, correlation=0.5, differing=0.05)
    shape = Shape(design="fixed", samples=1, margin=0.1, spread=spread)
    assert Simulation(LEVELS, 100).cases_needed(shape, 0.1) > cases_by_normal(shape, 0.1, LEVELS)


def test_the_computed_number_for_a_sequential_design_is_near_the_simulated_one():
    shape = Shape(cases=800, spread=ScoreSpread(mean=0.6, correlation=0.3, differing=1.0))
    assert Simulation(LEVELS, 200).cases_needed(shape, 0.05) == pytest.approx(
        cases_by_normal(shape, 0.05, LEVELS), rel=0.15
    )


def test_chance_in_the_simulation_is_the_binomials():
    assert Share(0.8, 400).standard_error == pytest.approx(math.sqrt(0.8 * 0.2 / 400), rel=0.02)
    assert Share(0.0, 50).standard_error > 0.02
    assert Share(0.8).standard_error == 0


def test_chance_moves_the_smallest_drop_by_as_much_as_is_said():
    shape = Shape(cases=100, samples=1, spread=ScoreSpread(mean=0.6, correlation=0.3, differing=1.0))
    found = [Simulation(LEVELS, 100, seed).smallest_drop(shape) for seed in range(25)]
    assert np.std(found) / np.mean(found) == pytest.approx(LEVELS.sway(LEVELS.red, 100), rel=0.5)


GRID = [
    (mean, correlation, margin, samples, threshold)
    for mean, correlation in ((0.7, 0.1), (0.9, 0.5), (0.99, 0.9))
    for margin, samples in ((0.05, 10), (0.1, 1), (0.1, 5), (0.2, 2), (0.2, 10))
    for threshold in (None, mean - 0.02)
]


@pytest.mark.nightly
@pytest.mark.parametrize(("mean", "correlation", "margin", "samples", "threshold"), GRID)
def test_about_the_suite_a_gate_of_the_size_needed_decides_as_often_as_is_said(
    mean, correlation, margin, samples, threshold
):
    """A drop of twice the margin is red and no change green; a quarter fewer cases do not do, where there are some."""
    levels = ErrorRates.of(0.95, 1)
    spread = ScoreSpread(mean=mean, correlation=correlation)
    shape = Shape(samples=samples, margin=margin, threshold=threshold, spread=spread, about="suite")
    cases = Simulation(levels, 200).cases_needed(shape, 2 * margin)
    power = {}
    for size in (cases, int(0.75 * cases)):
        sized = replace(shape, cases=max(2, size))
        red, green = (
            ends_of(sized, drop, levels.pair, 600, np.random.default_rng([5, size])).share(colour)
            for drop, colour in ((2 * margin, "red"), (unchanged(sized), "green"))
        )
        power[size] = min(red, green)
    assert power[cases] > 0.75 - 1.65 * math.sqrt(0.75 * 0.25 / 600)
    assert power[int(0.75 * cases)] < 0.83 or cases < 5


def test_about_the_suite_the_forecast_is_what_decide_finds():
    shape = Shape(cases=20, samples=3, margin=0.1, about="suite")
    levels = ErrorRates.of(0.95, 1)
    found = [
        decide([simulated(shape, 0.2, np.random.default_rng([3, gate]))], 0.955, share=0.9)[0].verdict.is_red
        for gate in range(150)
    ]
    said = Simulation(levels, 1000).outlook(shape, 0.2).red
    assert np.mean(found) == pytest.approx(said.value, abs=0.1)


@pytest.mark.parametrize("samples", [1, 5])
def test_about_the_suite_no_size_is_advised_with_which_equal_answers_do_not_pass(samples):
    """With n samples of either version a loss of 1 - level^(1/2n) by each goes unseen."""
    levels = ErrorRates.of(0.95, 1)
    shape = Shape(samples=samples, spread=ScoreSpread(mean=0.999, correlation=0.9), about="suite")
    cases = Simulation(levels, 100).cases_needed(shape, 0.3)
    level = levels.passing * (1 - SMALL_SHARE)
    assert cases * samples >= math.log(level) / math.log(1 - shape.margin / 2) / 2
    assert cases >= fewest_cases(shape, levels.pair, MOST_CASES)


@pytest.mark.parametrize("design", ["sequential", "fixed"])
@pytest.mark.parametrize("samples", [1, 2, 5])
def test_what_is_computed_about_a_large_suite_is_near_what_is_simulated(design, samples):
    shape = Shape(cases=900, samples=samples, design=design, margin=0.03, about="suite")
    levels = ErrorRates.of(0.95, 1)
    drop = drop_by_normal(shape, levels)
    assert Simulation(levels, 400).outlook(shape, drop).red.value == pytest.approx(0.8, abs=0.1)
    green = _computed(shape, None, levels).green
    assert Simulation(levels, 400).outlook(shape, None).green.value == pytest.approx(green.value, abs=0.06)


def test_about_the_suite_the_cases_at_hand_find_the_drop_with_so_many_samples():
    levels = ErrorRates.of(0.95, 1)
    shape = Shape(cases=30, margin=0.1, about="suite")
    simulation = Simulation(levels, 400)
    samples = simulation.samples_needed(shape, 0.2)
    sized = [replace(shape, samples=each) for each in (samples, samples - 1)]
    power = [min(simulation.outlook(each, 0.2).red.value, simulation.outlook(each, None).green.value) for each in sized]
    assert power[0] >= 0.8 > power[1]


@pytest.mark.parametrize("about", ["suite", "population"])
def test_no_drop_within_the_margin_is_looked_for(about):
    shape = Shape(cases=400, samples=20, about=about, spread=ScoreSpread(differing=0.05))
    simulation = Simulation(LEVELS, 100)
    found = simulation.smallest_drop(shape)
    assert found == shape.margin
    assert simulation.outlook(shape, found).red.value >= 0.8


def test_the_smallest_drop_with_the_most_cases_takes_them():
    shape = Shape(cases=MOST_CASES, margin=0.005)
    drop = drop_by_normal(shape, LEVELS)
    assert drop > 0.005 * 0.5
    smaller = replace(shape, margin=drop)
    assert cases_by_normal(smaller, drop, LEVELS) == pytest.approx(MOST_CASES, rel=0.02)
