"""What a plan says is what gates do."""

import math

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from harness.decisions import decide, look_at
from harness.gate.planning.power import (
    ErrorRates,
    Simulation,
    VerdictShares,
    cases_by_normal,
    fewest_cases,
    simulate_gates,
    smallest_margin,
    unchanged,
)
from harness.gate.planning.simulation import ScoreSpread, Shape, observed, simulated
from harness.records import VerdictKind
from tests.decisions.observations import replace

pytestmark = pytest.mark.service


LEVELS = ErrorRates(0.05, 0.05)
FIRST = ErrorRates.of(0.95, 1)
BROAD = ScoreSpread(mean=0.6, correlation=0.3, differing=1.0)


@pytest.mark.parametrize("about", ["suite", "population"])
def test_gates_end_as_the_first_look_at_one_of_three_evaluations_does(about):
    shape, look = Shape(cases=60, samples=3, margin=0.1, about=about), look_at(1, 1, 3)
    found = simulate_gates(shape, 0.1, ErrorRates.of(0.95, 3), 40)
    entries = [simulated(shape, 0.1, np.random.default_rng([0, gate])) for gate in range(40)]
    verdicts = [decide([entry], 0.95, looks={entry.id: look})[0] for entry in entries]
    assert found.red == np.mean([each.verdict.is_red for each in verdicts])
    assert found.green == np.mean([each.verdict is VerdictKind.PASSED for each in verdicts])
    assert (found.cases, found.gates) == (np.mean([each.n_cases for each in verdicts]), 40)
    assert 0 < found.red < 1


def test_the_smallest_drop_and_the_cases_needed_of_a_fixed_design_are_those_of_the_t_test():
    shape, simulation = Shape(cases=200, design="fixed", margin=0.1, spread=BROAD), Simulation(LEVELS, 150)
    test = {"alpha": 0.05, "power": 0.8, "alternative": "larger"}
    effect = TTestPower().solve_power(nobs=200, **test)
    found = simulation.smallest_drop(replace(shape, margin=0.05))
    assert found == pytest.approx(effect * shape.case_sd, rel=0.15)
    cases = TTestPower().solve_power(0.1 / shape.case_sd, **test)
    assert simulation.cases_needed(shape, 0.1) == pytest.approx(cases, rel=0.2)


def test_the_normal_approximation_is_that_of_a_published_example():
    """E. Miller (2024), Adding error bars to evals, section 5: n = (z_a + z_b)^2 omega^2 / delta^2; with omega^2 = 1/9
    and no variance within cases, 0.03 needs 969 of them; bounds of lopsided scores some more."""
    assert math.ceil((1.959964 + 0.841621) ** 2 / 9 / 0.03**2) == 969
    spread = ScoreSpread(mean=0.5, correlation=0.5, differing=4 / 9, noise=1e-9)
    shape, levels = Shape(samples=1, margin=0.03, design="fixed", spread=spread), ErrorRates(0.025, 0.025)
    assert shape.case_sd**2 == pytest.approx(1 / 9)
    assert cases_by_normal(shape, 0.03, levels) == pytest.approx(969 - math.log(0.025) / 0.03, abs=1)


@pytest.mark.parametrize("threshold", [None, 0.85])
def test_so_many_cases_find_the_drop_and_half_of_them_do_not(threshold):
    shape = Shape(threshold=threshold, spread=ScoreSpread(mean=0.9))
    cases = Simulation(LEVELS, 60).cases_needed(shape, 0.1)
    assert power_of(replace(shape, cases=cases), 0.1, LEVELS) > 0.7
    assert power_of(replace(shape, cases=cases // 2), 0.1, LEVELS) < 0.7


def power_of(shape, drop, levels, gates=100):
    """By other gates than those that the size was found with."""
    simulation = Simulation(levels, gates, seed=1)
    return min(simulation.outlook(shape, drop).red, simulation.outlook(shape, None).green)


def test_larger_suites_find_smaller_drops():
    simulation = Simulation(LEVELS, 60)
    assert simulation.smallest_drop(Shape(cases=80)) > simulation.smallest_drop(Shape(cases=300))


def test_the_outlook_counts_the_cases_used():
    outlook = Simulation(LEVELS, 200).outlook(Shape(cases=300), None)
    assert 62 <= outlook.cases < 200
    assert outlook.green > 0.9


def test_a_drop_that_is_never_red_is_none():
    assert Simulation(LEVELS, 50).smallest_drop(Shape(cases=2)) is None


def test_the_first_look_has_nine_tenths_of_the_error_rate_and_red_shares_them():
    levels = ErrorRates.of(0.95, evaluations=4, comparisons=2)
    assert (levels.passing, levels.red) == pytest.approx((0.9 * 0.05, 0.9 * 0.9 * 0.05 / 8))


def test_what_is_hopeless_is_said_without_a_simulation(monkeypatch):
    monkeypatch.setattr("harness.gate.planning.power.simulate_gates", None)
    simulation = Simulation(LEVELS, 300)
    hopeless = (
        Shape(margin=0.0),
        Shape(margin=0.0001),
        Shape(threshold=0.9, spread=ScoreSpread(mean=0.8)),
        Shape(threshold=0.9, spread=ScoreSpread(mean=0.6)),
    )
    assert [simulation.cases_needed(shape, 0.05) for shape in hopeless] == [None] * 4
    assert simulation.cases_needed(Shape(margin=0.05), 0.03) is None
    assert Simulation(replace(LEVELS, power=0.96), 300).cases_needed(Shape(margin=0.05), 0.05) is None


def test_as_many_cases_are_found_for_a_small_drop_as_the_normal_approximation_says_about():
    simulation, shape = Simulation(LEVELS, 40), Shape(samples=2, margin=0.02, design="fixed", spread=BROAD)
    cases = simulation.cases_needed(shape, 0.02)
    assert cases == pytest.approx(cases_by_normal(shape, 0.02, LEVELS), rel=0.3)
    assert cases > 2_000
    outlook = simulation.outlook(replace(shape, cases=cases), None)
    assert (outlook.gates, outlook.cases) == (40, cases)
    assert Simulation(LEVELS, 60).cases_needed(replace(shape, margin=0.002), 0.002) is None


@pytest.mark.parametrize(("design", "samples"), [("sequential", 1), ("sequential", 5), ("fixed", 2)])
def test_a_larger_suite_is_told_by_a_smaller_one(design, samples, monkeypatch):
    shape = Shape(cases=900, samples=samples, design=design, margin=0.03, about="suite")
    simulation = Simulation(FIRST, 120)
    drop = max(simulation.smallest_drop(shape), 0.03)
    found = simulation.outlook(shape, drop), simulation.outlook(shape, None)
    monkeypatch.setattr("harness.gate.planning.power.SIMULATED_CASES", 450)
    told = simulation.outlook(shape, drop), simulation.outlook(shape, None)
    assert told != found
    assert [told[0].red, told[1].green] == pytest.approx([found[0].red, found[1].green], abs=0.13)
    assert told[0].cases == pytest.approx(found[0].cases, rel=0.25)


@pytest.mark.parametrize("threshold", [None, 0.85])
def test_very_large_suites_are_sure(threshold):
    shape = Shape(cases=20_000, margin=0.3, threshold=threshold)
    simulation = Simulation(FIRST, 20)
    assert simulation.outlook(shape, None).green == 1
    assert simulation.outlook(shape, 0.5).red == 1


def test_a_lopsided_spread_takes_more_cases_than_a_t_test_says():
    spread = ScoreSpread(mean=0.97, correlation=0.5, differing=0.05)
    shape = Shape(design="fixed", samples=1, margin=0.1, spread=spread)
    t_test = TTestPower().solve_power(0.1 / shape.case_sd, alpha=0.05, power=0.8, alternative="larger")
    assert Simulation(LEVELS, 100).cases_needed(shape, 0.1) > t_test


def test_chance_in_the_simulation_is_the_binomials():
    assert VerdictShares(0.8, 0.0, 1.0, 400).standard_error == pytest.approx(math.sqrt(0.8 * 0.2 / 400), rel=0.02)
    assert VerdictShares(0.0, 0.0, 1.0, 50).standard_error > 0.02


def test_chance_moves_the_smallest_drop_by_as_much_as_is_said():
    shape = Shape(cases=100, samples=1, spread=BROAD)
    found = [Simulation(LEVELS, 25, seed).smallest_drop(shape) for seed in range(12)]
    assert np.std(found) / np.mean(found) == pytest.approx(LEVELS.sway(25), rel=0.6)


GRID = [
    (mean, correlation, margin, samples, threshold)
    for mean, correlation in ((0.7, 0.1), (0.9, 0.5), (0.99, 0.9))
    for margin, samples in ((0.05, 10), (0.1, 1), (0.1, 5), (0.2, 2))
    for threshold in (None, mean - 0.02)
]


@pytest.mark.nightly
@pytest.mark.parametrize(("mean", "correlation", "margin", "samples", "threshold"), GRID)
def test_about_the_suite_a_gate_of_the_size_needed_decides_as_often_as_is_said(
    mean, correlation, margin, samples, threshold
):
    """A drop of twice the margin is red and no change green; a third fewer cases do not do, where there are some."""
    spread = ScoreSpread(mean=mean, correlation=correlation)
    shape = Shape(samples=samples, margin=margin, threshold=threshold, spread=spread, about="suite")
    cases = Simulation(FIRST, 150).cases_needed(shape, 2 * margin)
    assert power_of(replace(shape, cases=cases), 2 * margin, FIRST, 300) > 0.74 - 1.65 * math.sqrt(0.74 * 0.26 / 300)
    fewer = power_of(replace(shape, cases=max(2, cases * 2 // 3)), 2 * margin, FIRST, 300)
    assert fewer < 0.83 or cases < 5


@pytest.mark.parametrize("samples", [1, 5])
def test_about_the_suite_no_size_is_advised_with_which_equal_answers_do_not_pass(samples):
    shape = Shape(samples=samples, spread=ScoreSpread(mean=0.999, correlation=0.9), about="suite")
    assert Simulation(FIRST, 50).cases_needed(shape, 0.3) >= fewest_cases(shape, FIRST) > 5


def test_about_the_suite_the_cases_at_hand_find_the_drop_with_so_many_samples():
    shape, simulation = Shape(cases=30, margin=0.1, about="suite"), Simulation(FIRST, 60)
    samples = simulation.samples_needed(shape, 0.2)
    assert power_of(replace(shape, samples=samples), 0.2, FIRST) > 0.7
    assert power_of(replace(shape, samples=samples // 2), 0.2, FIRST) < 0.7


@pytest.mark.parametrize("about", ["suite", "population"])
def test_no_drop_within_the_margin_is_looked_for(about):
    shape = Shape(cases=400, samples=20, about=about, spread=ScoreSpread(differing=0.05))
    simulation = Simulation(LEVELS, 40)
    assert simulation.smallest_drop(shape) == shape.margin
    assert simulation.outlook(shape, shape.margin).red >= 0.8


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
    assert fewest_cases(Shape(margin=0.0), LEVELS) is None
    assert unchanged(Shape(threshold=0.8)) == pytest.approx(-0.1)


@pytest.mark.parametrize("about", ["suite", "population"])
def test_at_temperature_0_more_samples_of_a_case_find_no_smaller_drop(about):
    """Their samples are one draw, which a gate counts once: as many cases are needed as with one sample."""
    once = Shape(samples=1, margin=0.1, about=about)
    often = replace(once, samples=5, is_repeatable=True)
    simulation = Simulation(FIRST, 60)
    assert simulation.cases_needed(often, 0.2) == simulation.cases_needed(once, 0.2)
    assert simulation.outlook(often, 0.15) == simulation.outlook(once, 0.15)
    assert simulation.samples_needed(often, 0.2) is None
    entry = simulated(often, 0.15, np.random.default_rng(0))
    assert entry.is_repeatable
    assert (entry.candidate == entry.candidate[:, :1]).all()
    assert entry.candidate.shape == (200, 5)
