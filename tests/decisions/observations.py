"""Scores to decide on."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import numpy as np

from harness.decisions import Observations
from harness.records import Plan

Record = TypeVar("Record")
_OF_PLAN = {field.name for field in dataclasses.fields(Plan)}


def of_plan(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a record that carries a plan, whose own are taken out of them."""
    own = {name: fields.pop(name) for name in _OF_PLAN.intersection(fields)}
    return {**fields, "plan": dataclasses.replace(fields.get("plan", Plan()), **own)}


def replace(record: Record, **changes: Any) -> Record:
    """The same with other fields, of its plan as well."""
    plan = getattr(record, "plan", None)
    if plan is not None and not isinstance(record, Plan):
        changes = of_plan({"plan": plan, **changes})
    return dataclasses.replace(record, **changes)  # type: ignore[type-var]


def observed(candidate: Any, baseline: Any = None, **changes: Any) -> Observations:
    """An evaluation with these scores; everything else as a marker would leave it."""
    scores = np.atleast_2d(np.asarray(candidate, dtype=float))
    fields: dict[str, Any] = {
        "id": "foundation/test_capitals",
        "metric": "score",
        "case_ids": tuple(f"c{i}" for i in range(len(scores))),
        "candidate": scores,
        "baseline": None if baseline is None else np.atleast_2d(np.asarray(baseline, dtype=float)),
    }
    return Observations(**of_plan({**fields, **changes}))


def binary(rng: np.random.Generator, rates: Any, n_samples: int) -> Any:
    """Scores of 0 and 1, (n_cases, n_samples), drawn at each case's rate."""
    rates = np.asarray(rates, dtype=float)
    return (rng.random((len(rates), n_samples)) < rates[:, np.newaxis]).astype(float)


def share_right(right: int, n_cases: int, n_samples: int = 5) -> Any:
    """Scores of which the first `right` cases are right in every sample, the others in none."""
    return np.repeat((np.arange(n_cases) < right).astype(float)[:, np.newaxis], n_samples, axis=1)
