"""A stored run's sizes, requirements and spread."""

import numpy as np
import pytest

from harness.gate.planning.shapes import shapes_of_run, spread_of
from harness.gate.planning.simulation import ScoreSpread, Shape
from tests.decisions.observations import replace
from tests.gate.stored import Scored, run
from tests.simulated import simulated

SPREADS = [
    ScoreSpread(0.9, 0.5, 0.3),
    ScoreSpread(0.6, 0.2, 0.1, 0.4),
    ScoreSpread(0.5, 0.8, 1.0, 0.1),
    ScoreSpread(0.7, 0.4, 0.0),
]


@pytest.mark.parametrize("spread", SPREADS)
def test_the_spread_of_many_cases_is_the_one_that_they_were_drawn_with(spread):
    entry = simulated(Shape(cases=20_000, samples=5, spread=spread), 0.0, np.random.default_rng(0))
    found = spread_of(entry.candidate, entry.baseline)
    for name in ("mean", "correlation", "differing", "noise"):
        assert getattr(found, name) == pytest.approx(getattr(spread, name), abs=0.03)


def test_without_a_baseline_nothing_differs():
    entry = simulated(Shape(cases=20_000, threshold=0.7, spread=ScoreSpread(0.7, 0.3)), 0.0, np.random.default_rng(0))
    found = spread_of(entry.candidate)
    assert (found.mean, found.correlation, found.differing) == (
        pytest.approx(0.7, abs=0.02),
        pytest.approx(0.3, abs=0.02),
        0.0,
    )


def test_one_sample_a_case_leaves_half_of_the_variance_between_cases():
    scores = (np.random.default_rng(0).random((5000, 1)) < 0.8).astype(float)
    found = spread_of(scores)
    assert found.correlation == pytest.approx(0.5, abs=0.01)
    assert found.noise == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_scores_that_are_all_the_same_say_little(value):
    found = spread_of(np.full((20, 3), value), np.full((20, 3), value))
    assert 0 < found.mean < 1
    assert (found.correlation, found.differing, found.noise) == (0.5, 0.0, 1.0)


def test_missing_samples_are_left_out():
    scores = np.array([[1.0, 0.0, np.nan], [1.0, 1.0, 1.0], [0.0, np.nan, np.nan], [1.0, 0.0, 1.0]])
    found = spread_of(scores)
    assert 0 < found.noise <= 1
    assert 0 <= found.correlation < 1


def test_a_run_gives_a_shape_for_each_comparison(store):
    rng = np.random.default_rng(0)
    values = [
        {f"c{i}": [float(x) for x in rng.random(4) < rate] for i, rate in enumerate(rng.beta(4, 1, 40))}
        for _ in range(2)
    ]
    rule = {"threshold": 0.6, "margin": 0.08}
    side = run(store, "r1", Scored(candidate=values[0], baseline=values[1], rule=rule))
    first, second = shapes_of_run(store, side, ["capitals"])
    assert [(each.threshold, each.margin) for each in (first, second)] == [(None, 0.08), (0.6, 0.08)]
    assert (first.name, first.cases, first.samples, first.design) == ("capitals", 40, 4, "fixed")
    assert first.spread == spread_of(*(np.array(list(each.values())) for each in values))
    assert (first.doubts, first.is_repeatable) == ((), False)


def test_of_a_run_in_which_the_candidate_was_worse_the_spread_is_the_baseline_s(store):
    """Half of its cases are lost: that is the drop, and says nothing of versions that are alike."""
    good = {f"c{i}": [1.0, 1.0, float(i % 4 > 0), 1.0, 1.0] for i in range(20)}
    lost = {case: [0.0] * 5 if int(case[1:]) % 2 else scores for case, scores in good.items()}
    side = run(store, "r1", Scored(candidate=lost, baseline=good))
    (shape,) = shapes_of_run(store, side, ["capitals"])
    assert shape.doubts == ("red",)
    assert shape.spread == replace(spread_of(np.array(list(good.values()))), differing=ScoreSpread().differing)


def test_at_temperature_0_what_differs_between_two_versions_is_noise(store):
    """0.25 of the variance between cases; a tenth of the answers differ, so that half of a tenth is noise."""
    rng = np.random.default_rng(0)
    right = rng.random(4_000) < 0.5
    other = np.where(rng.random(4_000) < 0.1, ~right, right)
    sides = [{f"c{i}": [float(x)] * 4 for i, x in enumerate(side)} for side in (right, other)]
    side = run(store, "r1", Scored(candidate=sides[0], baseline=sides[1]))
    report = replace(side.report, evaluations=(replace(side.report.evaluations[0], is_repeatable=True),))
    (shape,) = shapes_of_run(store, replace(side, report=report), ["it"])
    assert (shape.is_repeatable, shape.doubts, shape.samples, shape.draws) == (True, ("samples",), 4, 1)
    assert shape.spread.correlation == pytest.approx(0.8, abs=0.02)
    assert 2 * shape.between_sd**2 + shape.within_sd**2 == pytest.approx(0.1, abs=0.01)


def test_measures_and_single_cases_are_left_out(store):
    times = {f"c{i}": [float(i), 2.0] for i in range(5)}
    side = run(
        store,
        "r1",
        Scored("a::test_time", times, times, metric="time", rule={"unit": "s"}),
        Scored("a::test_one", {"only": [1.0, 0.0]}, {"only": [1.0, 1.0]}),
    )
    assert list(shapes_of_run(store, side, ["time", "one"])) == []


def test_scores_of_0_and_1_have_all_of_their_noise():
    rng = np.random.default_rng(0)
    binary = (rng.random((60, 4)) < rng.beta(2, 1, (60, 1))).astype(float)
    assert spread_of(binary, binary[::-1]).noise == 1.0
    assert spread_of(np.clip(binary, 0.1, 0.9), binary).noise < 1.0
