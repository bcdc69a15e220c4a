"""Whole runs on scripted answers."""

import pytest

from harness.gate.planning.calibration import truths
from harness.gate.planning.rehearsal import rehearse
from harness.gate.planning.simulation import ScoreSpread, Shape

pytestmark = pytest.mark.service

SHAPE = Shape(cases=80, samples=3, margin=0.1, spread=ScoreSpread(mean=0.95))


def test_a_version_against_itself_passes_and_stops_before_the_last_case():
    result = rehearse(truths([SHAPE] * 2, None)[0], [SHAPE] * 2, 2, 0.95, [0])
    assert (result.red.count, result.green.count) == (0, 2)
    assert result.samples <= result.drawn < result.most


def test_a_planted_drop_is_red():
    result = rehearse(truths([SHAPE], 0.4)[-1], [SHAPE], 2, 0.95, [0])
    assert result.red.count == 2


def test_a_threshold_is_decided_without_a_baseline():
    shape = Shape(cases=60, samples=3, threshold=0.8, margin=0.1, spread=ScoreSpread(mean=0.97))
    good, *_, bad = truths([shape], 0.3)
    assert rehearse(good, [shape], 2, 0.95, [0]).green.count == 2
    result = rehearse(bad, [shape], 2, 0.95, [0])
    assert result.red.count == 2
    assert result.most == 60 * 3


@pytest.mark.nightly
def test_a_fixed_design_draws_everything():
    shape = Shape(cases=20, samples=3, margin=0.2, design="fixed", spread=ScoreSpread(mean=1.0))
    result = rehearse(truths([shape], None)[0], [shape], 1, 0.95, [0])
    assert result.samples == result.drawn == result.most


def test_each_gate_draws_anew_and_the_seed_settles_all():
    truth = truths([SHAPE], None)[1]
    one, again, other = (rehearse(truth, [SHAPE], 2, 0.95, seed) for seed in ([5], [5], [6]))
    assert one == again
    assert one.drawn != other.drawn
