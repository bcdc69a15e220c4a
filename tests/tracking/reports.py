"""Reports of stored runs, for what is logged of them."""

from __future__ import annotations

import copy
from typing import Any

ENTRY: dict[str, Any] = {
    "id": "suites/foundation/test_capitals.py::test_capitals",
    "metric": "score",
    "requirement": "Capitals are known",
    "verdict": "passed",
    "reason": "no worse",
    "threshold": 0.5,
    "margin": 0.05,
    "n_cases": 40,
    "n_samples": 200,
    "candidate": {"value": 0.9, "standard_error": 0.02, "low": 0.85, "high": 0.95, "method": "t"},
    "baseline": {"value": 0.92, "standard_error": 0.02, "low": 0.88, "high": 0.96, "method": "t"},
    "difference": {
        "value": -0.02,
        "standard_error": 0.01,
        "low": -0.04,
        "high": 0.0,
        "p_value": 0.03,
        "method": "t",
    },
    "samples_needed": None,
    "labels_needed": None,
    "cases": [{"id": "peru", "n": 5, "candidate": 0.4, "baseline": 1.0, "state": "flaky"}],
    "checks": [{"against": "baseline"}],
    "unit": None,
    "higher_is_better": True,
    "design": "sequential",
    "n_planned": 60,
    "errors": [],
    "aggregates": [],
}
REGISTERED = {"name": "tiny", "version": "3"}
SPEC: dict[str, Any] = {
    "confidence_level": 0.95,
    "inconclusive": "fail",
    "n_evaluations": 1,
    "seed": 0,
    "settings": {"samples": 5, "max_samples": None, "margin": 0.05, "design": "sequential"},
    "candidate": {
        "name": "small",
        "fingerprint": "f0",
        "registered": REGISTERED,
        "engine": "transformers",
        "settings": {"weights": "models:/tiny/3", "sampling": {"temperature": 0.7}},
    },
    "baseline": {"name": "large", "fingerprint": "f1"},
    "judges": [{"name": "small judge", "fingerprint": "f2"}],
}
REPORT: dict[str, Any] = {
    "run_id": "20261124-160312-0a1b2c",
    "created": "2026-11-24T16:03:12Z",
    "exit_code": 0,
    "verdict": "passed",
    "confidence_level": 0.95,
    "candidate": {"name": "small", "fingerprint": "f0"},
    "baseline": {"name": "large", "fingerprint": "f1"},
    "judges": [{"name": "small judge", "fingerprint": "f2"}],
    "usage": {"model_calls": 400, "wall_s": 1.5},
    "evaluations": [ENTRY],
    "n_unreached": 0,
}
NAMES = {ENTRY["id"]: "foundation/test_capitals"}


def report(**changes: Any) -> dict[str, Any]:
    """The report of a gate that passed, with changes."""
    return {**copy.deepcopy(REPORT), **changes}


def entry(**changes: Any) -> dict[str, Any]:
    """Its evaluation, with changes."""
    return {**copy.deepcopy(ENTRY), **changes}


def spec(**changes: Any) -> dict[str, Any]:
    """What the store keeps of its run, with changes."""
    return {**copy.deepcopy(SPEC), **changes}
