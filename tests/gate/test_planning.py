"""What a plan says is what gates do."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from harness.gate.planning import MOST_CASES, Levels, Share, Simulation, cases_by_normal, drop_by_normal
from harness.gate.searching import smallest
from harness.gate.simulation import Shape, Spread, sampled, true_means
from harness.statistics.planning import minimum_detectable_difference, required_cases

LEVELS = Levels(0.05, 0.05)


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
    cases = Simulation(LEVELS, 1200, 0).cases_needed(shape, 0.1)
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
    outlook = Simulation(LEVELS, 2000, 0).outlook(Shape(cases=300), None)
    assert 62 <= outlook.cases < 200
    assert outlook.green.value > 0.9


def test_what_never_passes_needs_too_many_cases():
    simulation = Simulation(LEVELS, 50, 0)
    assert simulation.cases_needed(Shape(threshold=0.9, spread=Spread(mean=0.6)), 0.05) is None
    assert simulation.cases_needed(Shape(margin=0.0001), 0.05) is None


def test_a_drop_that_is_never_red_is_none():
    assert Simulation(LEVELS, 50, 0).smallest_drop(Shape(cases=2)) is None


def test_the_first_look_has_nine_tenths_of_the_error_rate_and_red_shares_them():
    levels = Levels.of(0.95, evaluations=4, comparisons=2)
    assert levels.pair == pytest.approx((0.9 * 0.05, 0.9 * 0.9 * 0.05 / 8))


@pytest.mark.parametrize("truth", [0.02, 0.2, 0.71])
@pytest.mark.parametrize("start", [0.01, 0.2, 0.9])
def test_a_search_ends_close_above_the_smallest_number_that_suffices(truth, start):
    found = smallest(lambda number: truth / number, start, 1.0, 0.001, leans=1.0)
    assert truth <= found <= max(1.03 * truth, truth + 0.001)
    whole = smallest(lambda number: (1000 * truth / number) ** 0.5, 1000 * start, 2000, 1, leans=1.0)
    assert whole == int(whole)
    assert 1000 * truth <= whole <= 1.03 * 1000 * truth + 1
    assert smallest(lambda number: truth / number, start, truth / 2, 0.001, leans=1.0) is None


def test_the_draws_of_a_figure_are_used_again():
    simulation = Simulation(LEVELS, 100, 0)
    first = simulation.outlook(Shape(cases=100), 0.1)
    assert simulation.simulated == 100
    assert simulation.outlook(Shape(name="other", cases=100), 0.1) == first
    assert simulation.simulated == 100


@pytest.mark.parametrize("design", ["sequential", "fixed"])
@pytest.mark.parametrize("samples", [1, 10])
def test_few_gates_are_simulated_for_an_answer(design, samples):
    """The search begins at a t test's answer, so that it tries few sizes, and far ones with few gates."""
    simulation = Simulation(LEVELS, 100, 0)
    shape = Shape(design=design, samples=samples)
    assert simulation.cases_needed(shape, 0.1) is not None
    assert simulation.smallest_drop(shape) is not None
    assert simulation.simulated <= 20 * 100


def test_what_is_hopeless_is_said_without_a_simulation():
    simulation = Simulation(LEVELS, 300, 0)
    shapes = (Shape(margin=0.0), Shape(margin=0.001), Shape(threshold=0.9, spread=Spread(mean=0.8)))
    assert [simulation.cases_needed(shape, 0.05) for shape in shapes] == [None, None, None]
    assert simulation.cases_needed(Shape(margin=0.05), 0.03) is None
    assert Simulation(replace(LEVELS, power=0.96), 300, 0).cases_needed(Shape(margin=0.05), 0.05) is None
    assert simulation.simulated == 0


def test_a_quick_plan_computes_what_is_too_large_to_be_simulated():
    simulation = Simulation(LEVELS, 300, 0, quick=True)
    shape = Shape(margin=0.01)
    cases = simulation.cases_needed(shape, 0.01)
    assert cases == cases_by_normal(shape, 0.01, LEVELS)
    outlook = simulation.outlook(replace(shape, cases=cases), None)
    assert outlook.green.value == pytest.approx(0.8, abs=0.01)
    assert (outlook.green.gates, outlook.cases, simulation.simulated) == (0, None, 0)


def test_a_quick_plan_of_a_fixed_design_is_a_t_tests_unless_simulations_contradict_it():
    plain = Shape(design="fixed", margin=0.1, spread=Spread(mean=0.6, correlation=0.3, differing=1.0))
    quick = Simulation(LEVELS, 100, 0, quick=True)
    assert quick.cases_needed(plain, 0.1) == cases_by_normal(plain, 0.1, LEVELS)
    lopsided = Shape(design="fixed", samples=1, margin=0.1, spread=Spread(mean=0.97, correlation=0.5, differing=0.05))
    assert quick.cases_needed(lopsided, 0.1) > cases_by_normal(lopsided, 0.1, LEVELS)


def test_the_computed_number_for_a_sequential_design_is_near_the_simulated_one():
    shape = Shape(cases=800, spread=Spread(mean=0.6, correlation=0.3, differing=1.0))
    assert Simulation(LEVELS, 200, 0).cases_needed(shape, 0.05) == pytest.approx(
        cases_by_normal(shape, 0.05, LEVELS), rel=0.15
    )


def test_chance_in_the_simulation_is_the_binomials():
    assert Share(0.8, 400).standard_error == pytest.approx(math.sqrt(0.8 * 0.2 / 400), rel=0.02)
    assert Share(0.0, 50).standard_error > 0.02
    assert Share(0.8).standard_error == 0


def test_chance_moves_the_smallest_drop_by_as_much_as_is_said():
    shape = Shape(cases=100, samples=1, spread=Spread(mean=0.6, correlation=0.3, differing=1.0))
    found = [Simulation(LEVELS, 100, seed).smallest_drop(shape) for seed in range(25)]
    assert np.std(found) / np.mean(found) == pytest.approx(LEVELS.sway(LEVELS.red, 100), rel=0.5)


def suite(shape, drop, gates, seed=0):
    """Mean differences over the cases of one suite, whose own true difference is the drop."""
    rng = np.random.default_rng(seed)
    candidate, baseline = true_means(shape, drop, rng)
    candidate = candidate + (baseline.mean() - drop - candidate.mean())
    noise = [
        sampled(np.clip(means, 0, 1), shape.samples * gates, 1.0, rng).reshape(shape.cases, gates, shape.samples)
        for means in (candidate, baseline)
    ]
    return (noise[0] - noise[1]).mean(axis=(0, 2))


@pytest.mark.parametrize(("cases", "samples"), [(50, 10), (250, 2)])
def test_about_the_suite_the_error_is_that_of_the_samples_alone(cases, samples):
    shape = Shape(cases=cases, samples=samples, about="suite", spread=Spread(mean=0.6, correlation=0.3))
    seen = suite(shape, 0.0, 4000)
    levels = Levels(0.045, 0.045)
    outlook = Simulation(levels, 1, 0).outlook(shape, None)
    error = shape.within_sd / math.sqrt(cases * samples)
    assert np.std(seen) == pytest.approx(error, rel=0.05)
    passes = seen - stats.norm.ppf(1 - levels.passing) * error > -shape.margin
    assert outlook.green.value == pytest.approx(np.mean(passes), abs=0.03)
    assert outlook.cases == cases


def test_about_the_suite_samples_are_as_good_as_cases():
    simulation = Simulation(LEVELS, 300, 0)
    totals = [
        samples * simulation.cases_needed(Shape(samples=samples, about="suite"), 0.1) for samples in (1, 2, 5, 10)
    ]
    assert max(totals) - min(totals) < 10
    assert simulation.simulated == 0


def test_about_the_suite_the_needed_cases_have_the_power():
    shape = Shape(about="suite", margin=0.04)
    simulation = Simulation(LEVELS, 1, 0)
    cases = simulation.cases_needed(shape, 0.04)
    power = {
        size: min(
            simulation.outlook(replace(shape, cases=size), 0.04).red.value,
            simulation.outlook(replace(shape, cases=size), None).green.value,
        )
        for size in (cases, cases - 2)
    }
    assert power[cases] >= 0.8 > power[cases - 2]


def test_about_the_suite_a_drop_far_within_the_margin_passes_instead_of_being_red():
    """However small the error: what passes is not red."""
    shape = Shape(cases=1000, samples=100, about="suite")
    simulation = Simulation(LEVELS, 1, 0)
    found = simulation.smallest_drop(shape)
    assert 0.045 < found < 0.05
    assert simulation.outlook(shape, found).red.value == pytest.approx(0.8)
    assert simulation.outlook(shape, 0.03).red.value < 0.01


def test_the_smallest_drop_with_the_most_cases_takes_them():
    shape = Shape(cases=MOST_CASES, margin=0.005)
    drop = drop_by_normal(shape, LEVELS)
    assert drop > 0.005 * 0.5
    smaller = replace(shape, margin=drop)
    assert cases_by_normal(smaller, drop, LEVELS) == pytest.approx(MOST_CASES, rel=0.02)
