"""Simulated gates end as `decide` ends them."""

import numpy as np
import pytest

from harness.decisions import decide
from harness.gate.planning import settling
from harness.gate.planning.settling import Ends, ends_of, fewest_cases, settled, smallest_margin
from harness.gate.planning.simulation import ScoreSpread, Shape, observed
from harness.records import VerdictKind
from tests.decisions.observations import replace
from tests.simulated import simulated

pytestmark = pytest.mark.service

PAIR = (0.05, 0.05)


@pytest.mark.parametrize("about", ["suite", "population"])
@pytest.mark.parametrize("design", ["sequential", "fixed"])
@pytest.mark.parametrize("threshold", [None, 0.85])
def test_verdict_and_cases_are_those_of_decide(design, threshold, about):
    """One evaluation of three, decided alone: passes at 0.05, red at a third of it."""
    shape = Shape(cases=120, samples=3, threshold=threshold, design=design, about=about)
    for seed in range(60):
        rng = np.random.default_rng([7, seed])
        entry = simulated(shape, float(rng.choice([0.0, 0.05, 0.15])), rng)
        (verdict,) = decide([entry], 0.95, share=1 / 3)
        assert settled(entry, (1 - 0.95, (1 - 0.95) / 3)) == (verdict.verdict, verdict.n_cases)


@pytest.mark.parametrize("threshold", [None, 0.85, 0.03])
@pytest.mark.parametrize("drop", [0.0, 0.02])
def test_gates_that_are_bet_on_together_end_as_each_does_alone(threshold, drop):
    spread = ScoreSpread(mean=0.9, noise=0.5)
    shape = Shape(cases=90, samples=3, threshold=threshold, margin=0.05, spread=spread)
    assert together(shape, drop) == alone(shape, drop)


@pytest.mark.parametrize("design", ["sequential", "fixed"])
@pytest.mark.parametrize("threshold", [None, 0.85])
@pytest.mark.parametrize("samples", [1, 2, 5])
@pytest.mark.parametrize(("cases", "noise"), [(2, 1.0), (20, 0.5), (160, 1.0)])
def test_gates_about_the_suite_that_are_weighed_together_end_as_each_does_alone(
    design, threshold, samples, cases, noise
):
    spread = ScoreSpread(mean=0.9, noise=noise)
    shape = Shape(
        cases=cases, samples=samples, threshold=threshold, margin=0.1, spread=spread, design=design, about="suite"
    )
    for drop in (None, 0.1, 0.25):
        assert together(shape, drop) == alone(shape, drop)


def together(shape, drop):
    return ends_of(shape, drop, (0.045, 0.01), 40, np.random.default_rng(3))


def alone(shape, drop):
    candidate, baseline = settling._scores(shape, drop, 40, np.random.default_rng(3))
    entries = [observed(shape, candidate[gate], None if baseline is None else baseline[gate]) for gate in range(40)]
    found = [settled(entry, (0.045, 0.01)) for entry in entries]
    return Ends(
        gates=40,
        red=sum(kind.is_red for kind, _ in found),
        green=sum(kind is VerdictKind.PASSED for kind, _ in found),
        all_cases=sum(cases for _, cases in found),
    )


def test_many_scores_are_drawn_in_parts(monkeypatch):
    monkeypatch.setattr(settling, "_MOST_SCORES", 3 * 50 * 5)
    assert ends_of(Shape(cases=50), 0.1, PAIR, 10, np.random.default_rng(0)).gates == 10


@pytest.mark.parametrize("design", ["sequential", "fixed"])
@pytest.mark.parametrize("threshold", [None, 0.9])
def test_a_perfect_candidate_passes_with_so_many_cases_and_not_with_one_fewer(design, threshold):
    shape = Shape(threshold=threshold, design=design)
    fewest = fewest_cases(shape, PAIR, 20_000)
    ones = {n: np.ones((n, 5)) for n in (fewest, fewest - 1)}
    kinds = [
        decide([observed(replace(shape, cases=n), ones[n], ones[n] if threshold is None else None)], 0.95)[0].verdict
        for n in ones
    ]
    assert kinds == [VerdictKind.PASSED, VerdictKind.INCONCLUSIVE]


def test_at_margin_0_05_no_suite_of_fewer_than_62_cases_shows_that_nothing_changed():
    assert fewest_cases(Shape(), PAIR, 20_000) == 62
    assert fewest_cases(Shape(), PAIR, 50) is None
    assert smallest_margin(Shape(cases=62), PAIR) == 0.05
    assert smallest_margin(Shape(cases=40), PAIR) > 0.05


def test_without_a_margin_a_version_like_its_baseline_never_passes():
    assert fewest_cases(Shape(margin=0.0), PAIR, 20_000) is None
