"""Scores to decide on."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.decisions import Observations


def observed(candidate: Any, baseline: Any = None, **changes: Any) -> Observations:
    """An evaluation with these scores; everything else as a marker would leave it."""
    scores = np.atleast_2d(np.asarray(candidate, dtype=float))
    fields: dict[str, Any] = {
        "id": "foundation/test_capitals",
        "metric": "score",
        "requirement": None,
        "threshold": None,
        "margin": 0.05,
        "margin_is_default": False,
        "case_ids": tuple(f"c{i}" for i in range(len(scores))),
        "candidate": scores,
        "baseline": None if baseline is None else np.atleast_2d(np.asarray(baseline, dtype=float)),
    }
    return Observations(**{**fields, **changes})


def binary(rng: np.random.Generator, rates: Any, n_samples: int) -> Any:
    """Scores of 0 and 1, (n_cases, n_samples), drawn at each case's rate."""
    rates = np.asarray(rates, dtype=float)
    return (rng.random((len(rates), n_samples)) < rates[:, np.newaxis]).astype(float)


def share_right(right: int, n_cases: int, n_samples: int = 5) -> Any:
    """Scores of which the first `right` cases are right in every sample, the others in none."""
    return np.repeat((np.arange(n_cases) < right).astype(float)[:, np.newaxis], n_samples, axis=1)
