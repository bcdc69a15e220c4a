"""`make gate` comes to the right verdict, at whatever seed its samples are drawn."""

import numpy as np
import pytest

from harness.decisions import decide, first_looks
from harness.gate.planning.simulation import ScoreSpread, Shape
from tests.simulated import simulated

MEASURED = {
    "arithmetic": (0.67, 0.41, 0.54),
    "capitals": (0.39, 0.24, 0.67),
    "format": (0.74, 0.48, 0.36),
    "vocabulary": (0.81, 0.59, 0.39),
}
"""The means of smollm2 and smollm2-pruned, and the correlation of two samples of a case; where a gate stopped early, of
an earlier one that did not."""


def verdicts(rng: np.random.Generator, *, is_pruned: bool) -> list[str]:
    observed = []
    for name, (whole, pruned, correlation) in MEASURED.items():
        shape = Shape(cases=42, samples=10, margin=0.1, spread=ScoreSpread(whole, correlation), about="suite")
        observed.append(simulated(shape, whole - pruned if is_pruned else None, rng, name))
    found = decide(observed, 0.95, looks=first_looks(MEASURED), tells_lost=False)
    return [verdict.verdict.value for verdict in found]


@pytest.mark.nightly
def test_three_regress_of_the_pruned_version_and_none_of_the_same_in_19_of_20_gates() -> None:
    rng = np.random.default_rng(25)
    red = [verdicts(rng, is_pruned=True).count("regressed") >= 3 for _ in range(200)]
    green = [set(verdicts(rng, is_pruned=False)) == {"passed"} for _ in range(200)]
    assert min(sum(red), sum(green)) >= 190, (sum(red), sum(green))
