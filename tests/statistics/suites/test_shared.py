"""The bound of a baseline that many candidates share."""

from __future__ import annotations

import numpy as np
import pytest

from harness.statistics.suites.suites import shared_baseline_contrast, suite_contrast, suite_threshold_contrast


def _scores(rates: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    return (rng.random((len(rates), samples)) < rates[:, np.newaxis]).astype(float)


def test_its_lower_bound_is_that_of_the_candidate_less_that_of_the_baseline() -> None:
    rng = np.random.default_rng(1)
    ours, theirs = (_scores(np.full(40, 0.8), samples, rng) for samples in (5, 20))
    shared, pair = shared_baseline_contrast(ours, theirs, 0.002), suite_contrast(ours, theirs)
    most = suite_threshold_contrast(theirs, 0.0).upper(0.998)
    assert shared.lower(0.98) == pytest.approx(suite_threshold_contrast(ours, 0.0).lower(0.98) - most)
    assert (shared.value, shared.p_less, shared.upper(0.97)) == (pair.value, pair.p_less, pair.upper(0.97))
    assert shared.lower(0.98) < pair.lower(0.98)


def test_no_candidate_profits_from_an_unlucky_baseline() -> None:
    """At the 99th percentile of its luck, worse candidates pass pairs far more often than promised, and not this."""
    rng, rates = np.random.default_rng(2), np.random.default_rng(3).beta(0.9, 0.1, 100)
    theirs = sorted((_scores(rates, 20, rng) for _ in range(100)), key=np.mean)[1]
    worse, level = rates * (1 - 0.05 / rates.mean()), 0.02
    passed = np.zeros(2)
    for _ in range(300):
        ours = _scores(worse, 5, rng)
        contrasts = suite_contrast(ours, theirs), shared_baseline_contrast(ours, theirs, 0.002)
        passed += [each.lower(1 - level) > -0.05 for each in contrasts]
    assert passed[1] / 300 <= level + 2 * np.sqrt(level / 300)
    assert passed[0] > passed[1]
