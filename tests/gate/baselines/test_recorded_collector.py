"""Gates against a recording are wrong as seldom as they promise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from harness.decisions import decide, decided_after
from harness.records import VerdictKind
from tests.decisions.observations import binary, observed
from tests.error_rates import is_at_most

pytestmark = pytest.mark.service

RUNS = 300


def gates(how: str, design: str, drop: float) -> Iterator[VerdictKind]:
    """Gates against a recording of the same cases: drawn whole, or until a threshold was decided. In a suite with one
    the cases behind are drawn as well.
    """
    rng = np.random.default_rng([18, len(how), len(design)])
    n_cases = 150
    while True:
        rates = rng.beta(4.5, 0.5, n_cases)
        scores = binary(rng, rates, 4)
        suite = {"threshold": 0.7, "about": "suite", "baseline_stopped_early": True} if "suite" in how else {}
        if how != "whole":
            own = observed(scores, threshold=0.92, margin=0.05, design="sequential", n_planned=n_cases)
            scores[decided_after([own], 0.05, 0.05) or n_cases :] = np.nan
        candidate = binary(rng, rates * (1 - drop / 0.9), 4)
        (verdict,) = decide([observed(candidate, scores, design=design, n_planned=n_cases, **suite)], 0.95)
        yield verdict.verdict


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("how", "design"),
    [("whole", "fixed"), *((how, "sequential") for how in ("whole", "stopped early", "stopped early, a suite"))],
)
def test_gates_against_a_recording_are_wrong_in_at_most_5_of_100(how: str, design: str) -> None:
    equal, lower, far_lower = (gates(how, design, drop) for drop in (0.0, 0.05, 0.3))
    assert is_at_most(0.05, lambda: next(equal).is_red, RUNS)
    assert is_at_most(0.05, lambda: next(lower) is VerdictKind.PASSED, RUNS)
    assert is_at_most(0.025, lambda: not next(far_lower).is_red, RUNS)


def test_a_recording_that_stopped_early_is_weighed_by_bets_alone_in_a_suite_that_is_drawn_whole() -> None:
    """The bound of all its cases would take the scores that made it stop for what they are on average."""
    rng = np.random.default_rng(18)
    candidate, baseline = (binary(rng, np.full(100, 0.8), 5) for _ in range(2))
    baseline[40:] = np.nan
    suite = {"about": "suite", "design": "sequential", "n_planned": 100, "threshold": 0.7}
    for stopped_early in (False, True):
        (verdict,) = decide([observed(candidate, baseline, baseline_stopped_early=stopped_early, **suite)], 0.95)
        method = next(each.difference.method for each in verdict.checks if each.against == "baseline")
        assert ("before all are drawn: betting" in method) == stopped_early
