"""Evaluations, and recordings of them, of six cases each."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from harness.config import Settings
from harness.gate.baselines.recording import (
    RecordedCase,
    RecordedEvaluation,
    RecordedMetric,
    Recording,
)
from harness.gate.evaluations.contents import content_digest
from harness.gate.evaluations.evaluation import Evaluation, read_plan
from harness.records import Case, Estimate, VersionRef
from tests.decisions.observations import replace


def cases(number: int = 6, **changed: str) -> tuple[Case, ...]:
    """Cases c0, c1, …, those that are named with another prompt."""
    return tuple(Case({"id": f"c{i}", "prompt": changed.get(f"c{i}", f"q{i}")}) for i in range(number))


def evaluation(of: tuple[Case, ...], wants: frozenset[str] = frozenset(), **marker: object) -> Evaluation:
    plan = read_plan({"samples": 2, "design": "sequential", **marker}, Settings(root=Path()), where="test")
    return Evaluation("test", plan, of, lambda: None, lambda error: "error", wants)


def recorded(of: tuple[Case, ...], **changes: Any) -> RecordedEvaluation:
    """The cases with two scores each, of which the first is right in every other case."""
    own = {
        case.id: RecordedCase(content_digest(case), None, {"score": (float(i % 2), 1.0)}) for i, case in enumerate(of)
    }
    metric = RecordedMetric(None, True, Estimate(0.75, 0.1, 0.6, 0.9, "a method"))
    fields: dict[str, Any] = {
        "design": "fixed", "n_planned": len(of), "n_drawn": len(of), "metrics": {"score": metric}, "cases": own,
    }  # fmt: skip
    return RecordedEvaluation(**{**fields, **changes})


def recording(**evaluations: RecordedEvaluation) -> Recording:
    return Recording(
        "released", VersionRef("small", "f0"), "r1", "2026-11-24T16:03:12Z", seed=0, evaluations=evaluations
    )


def whole() -> Recording:
    """A recording with everything that a file can hold."""
    mixed = RecordedEvaluation(
        design="sequential",
        n_planned=10,
        n_drawn=3,
        metrics={
            "f1": RecordedMetric(None, True, None, ("j1+j2/r1",)),
            "s": RecordedMetric("s", False, Estimate(1.5, math.inf, -math.inf, math.inf, "t")),
            "t": RecordedMetric("s", False, None, at_least=-1.0, at_most=1 / 3, statistic="p95"),
        },
        cases={
            "b \ud800": RecordedCase(None, None, {"f1": (1 / 3, 0.5), "s": (1e300, 2.0), "t": (-1.0, 1 / 3)}),
            "a": RecordedCase("00", "11", {"f1": (1.0, 0.0), "s": (0.0, 1.0), "t": (0.0, 0.0)}),
        },
        skipped=("z",),
        drawn=("b \ud800", "a"),
        draws=("0:0:1764288000",),
    )
    return replace(recording(test=recorded(cases()), other=mixed), environment={"engine": "vllm"}, first_index=7)


def early(n_drawn: int = 2) -> RecordedEvaluation:
    return recorded(cases(n_drawn), design="sequential", n_planned=6, n_drawn=n_drawn)
