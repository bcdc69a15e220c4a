"""`make gate` comes to the right verdict, at whatever seed its samples are drawn."""

import numpy as np
import pytest

from harness.decisions import decide, first_looks
from harness.gate.planning.simulation import ScoreSpread, Shape, simulated

MEASURED = {
    "arithmetic": (0.66, 0.37, 0.53),
    "capitals": (0.46, 0.26, 0.65),
    "format": (0.74, 0.48, 0.41),
    "vocabulary": (0.77, 0.49, 0.43),
}
"""Of every fourth case: the mean of smollm2 and of smollm2-pruned, and the correlation of two samples of a case."""


def verdicts(rng: np.random.Generator, *, is_pruned: bool) -> list[str]:
    observed = []
    for name, (whole, pruned, correlation) in MEASURED.items():
        shape = Shape(cases=42, samples=10, margin=0.1, spread=ScoreSpread(whole, correlation), about="suite")
        observed.append(simulated(shape, whole - pruned if is_pruned else None, rng, name))
    found = decide(observed, 0.95, looks=first_looks(MEASURED), tells_claims=False)
    return [verdict.verdict.value for verdict in found]


@pytest.mark.nightly
def test_three_regress_of_the_pruned_version_and_none_of_the_same_in_19_of_20_gates() -> None:
    rng = np.random.default_rng(25)
    red = [verdicts(rng, is_pruned=True).count("regressed") >= 3 for _ in range(200)]
    green = [set(verdicts(rng, is_pruned=False)) == {"passed"} for _ in range(200)]
    assert min(sum(red), sum(green)) >= 190, (sum(red), sum(green))
