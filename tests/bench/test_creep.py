"""The simulated declines decide as a gate does, and an anchor stops them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.decisions import decide
from harness.decisions.looks import look_at
from harness.records import VerdictKind
from tests.bench.bench_creep import LEVEL, SHAPES, History, one_history, outcome
from tests.decisions.observations import binary, observed


@pytest.mark.parametrize("shape", SHAPES[:2], ids=lambda shape: shape.about)
def test_the_bench_decides_as_the_gate_does(shape):
    rng, kinds = np.random.default_rng(4), [VerdictKind.PASSED, VerdictKind.INCONCLUSIVE, VerdictKind.REGRESSED]
    for rate in (0.9, 0.84, 0.7):
        rates = np.full(shape.cases, rate)
        scores = [binary(rng, each, shape.samples) for each in (rates, rates, np.full(shape.cases, 0.9))]
        more = {"margin": shape.margin, "about": shape.about, "design": "sequential", "n_planned": shape.cases}
        entry = observed(scores[0], scores[1], anchor=scores[2], **more)
        (verdict,) = decide([entry], 1 - LEVEL, looks={entry.id: look_at(1, 1, 1)})
        assert kinds.index(verdict.verdict) == outcome(entry)


@pytest.mark.nightly
@pytest.mark.parametrize("shape", SHAPES[:2], ids=lambda shape: shape.about)
def test_a_decline_is_stopped_before_two_margins_are_lost(shape):
    """Ten releases, each lower by 0.2 margins: the fifth has lost one, the tenth two."""
    rng = np.random.default_rng(31)
    codes = np.array([one_history(History(shape), rng) for _ in range(60)])
    assert (codes[:, :9] == 2).any(axis=1).mean() >= 0.95
    assert (codes[:, 4:] == 0).mean(axis=0).max() <= LEVEL + 2 * math.sqrt(LEVEL * (1 - LEVEL) / len(codes))
