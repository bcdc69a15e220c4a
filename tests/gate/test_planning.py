"""What a plan says is what gates do."""

from dataclasses import replace

import numpy as np
import pytest

from harness.decisions import decide
from harness.gate.planning import Levels, Simulation, fewest_cases, settled, smallest_margin
from harness.gate.simulation import Shape, Spread, observed, simulated
from harness.records import VerdictKind
from harness.statistics.planning import minimum_detectable_difference, required_cases

LEVELS = Levels(0.05, 0.05)


@pytest.mark.parametrize("design", ["sequential", "fixed"])
@pytest.mark.parametrize("threshold", [None, 0.85])
def test_verdict_and_cases_are_those_of_decide(design, threshold):
    """One evaluation of three, decided alone: passes at 0.05, red at a third of it."""
    shape = Shape(cases=120, samples=3, threshold=threshold, design=design)
    for seed in range(60):
        rng = np.random.default_rng([7, seed])
        entry = simulated(shape, float(rng.choice([0.0, 0.05, 0.15])), rng)
        (verdict,) = decide([entry], 0.95, share=1 / 3)
        assert settled(entry, Levels(1 - 0.95, (1 - 0.95) / 3)) == (verdict.verdict, verdict.n_cases)


def test_the_smallest_drop_of_a_fixed_design_is_that_of_the_t_test():
    shape = Shape(cases=200, design="fixed", spread=Spread(mean=0.6, correlation=0.3, differing=1.0))
    found = Simulation(LEVELS, 400, 0).smallest_drop(shape)
    assert found == pytest.approx(
        minimum_detectable_difference(200, shape.between_sd, shape.within_sd, 5, alternative="greater"), rel=0.15
    )


def test_the_cases_needed_by_a_fixed_design_are_those_of_the_t_test():
    shape = Shape(design="fixed", margin=0.1, spread=Spread(mean=0.6, correlation=0.3, differing=1.0))
    found = Simulation(LEVELS, 400, 0).cases_needed(shape, 0.1)
    assert found == pytest.approx(
        required_cases(0.1, shape.between_sd, shape.within_sd, 5, alternative="greater"), rel=0.15
    )


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [None, 0.85])
def test_so_many_cases_find_the_drop_and_a_tenth_fewer_do_not(threshold):
    shape = Shape(threshold=threshold, spread=Spread(mean=0.9))
    cases = Simulation(LEVELS, 300, 0).cases_needed(shape, 0.1)
    power = {}
    for size in (cases, int(0.9 * cases)):
        simulation, sized = Simulation(LEVELS, 1000, 1), replace(shape, cases=size)
        power[size] = min(simulation.outlook(sized, 0.1).red.value, simulation.outlook(sized, None).green.value)
    assert power[cases] > 0.75
    assert power[int(0.9 * cases)] < 0.82


def test_larger_suites_find_smaller_drops():
    simulation = Simulation(LEVELS, 100, 0)
    drops = [simulation.smallest_drop(Shape(cases=cases)) for cases in (80, 300)]
    assert drops[0] > drops[1]


def test_the_outlook_counts_the_cases_used():
    outlook = Simulation(LEVELS, 100, 0).outlook(Shape(cases=300), None)
    assert 62 <= outlook.cases < 200
    assert outlook.green.value > 0.9


@pytest.mark.parametrize("design", ["sequential", "fixed"])
@pytest.mark.parametrize("threshold", [None, 0.9])
def test_a_perfect_candidate_passes_with_so_many_cases_and_not_with_one_fewer(design, threshold):
    shape = Shape(threshold=threshold, design=design)
    fewest = fewest_cases(shape, LEVELS)
    ones = {n: np.ones((n, 5)) for n in (fewest, fewest - 1)}
    kinds = [
        decide([observed(replace(shape, cases=n), ones[n], ones[n] if threshold is None else None)], 0.95)[0].verdict
        for n in ones
    ]
    assert kinds == [VerdictKind.PASSED, VerdictKind.INCONCLUSIVE]


def test_at_margin_0_05_no_suite_of_fewer_than_62_cases_shows_that_nothing_changed():
    assert fewest_cases(Shape(), LEVELS) == 62
    assert smallest_margin(Shape(cases=62), LEVELS) == 0.05
    assert smallest_margin(Shape(cases=40), LEVELS) > 0.05


def test_without_a_margin_a_version_like_its_baseline_never_passes():
    assert fewest_cases(Shape(margin=0.0), LEVELS) is None


def test_what_never_passes_needs_too_many_cases():
    simulation = Simulation(LEVELS, 50, 0)
    assert simulation.cases_needed(Shape(threshold=0.9, spread=Spread(mean=0.6)), 0.05) is None
    assert simulation.cases_needed(Shape(margin=0.0001), 0.05) is None


def test_a_drop_that_is_never_red_is_none():
    assert Simulation(LEVELS, 50, 0).smallest_drop(Shape(cases=2)) is None
