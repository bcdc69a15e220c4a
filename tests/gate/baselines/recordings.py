"""Evaluations, and recordings of them, of six cases each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.config import Settings
from harness.gate.baselines.recording import RecordedCase, RecordedEvaluation, RecordedMetric, Recording
from harness.gate.evaluations.cases import content_digest
from harness.gate.evaluations.evaluation import Evaluation, read_plan
from harness.records import Case, VersionRef
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
    return RecordedEvaluation(
        **{"metrics": {"score": RecordedMetric(0.75, unit=None, higher_is_better=True)}, "cases": own, **changes}
    )


def recording(**evaluations: RecordedEvaluation) -> Recording:
    return Recording(VersionRef("small", "f0"), "r1", "2026-11-24T16:03:12Z", evaluations, name="released")


def whole() -> Recording:
    """A recording with everything that a file can hold."""
    mixed = RecordedEvaluation(
        metrics={
            "f1": RecordedMetric(0.7, ("j1+j2/r1",), unit=None, higher_is_better=True),
            "s": RecordedMetric(1.5, unit="s", higher_is_better=False),
            "t": RecordedMetric(unit="s", higher_is_better=False, at_least=-1.0, at_most=1 / 3, statistic="p95"),
        },
        cases={
            "b ß": RecordedCase(None, None, {"f1": (1 / 3, 0.5), "s": (1e300, 2.0), "t": (-1.0, 1 / 3)}),
            "a": RecordedCase("00", "11", {"f1": (1.0, 0.0), "s": (0.0, 1.0), "t": ()}),
        },
        skipped=("z",),
        code="4fa5",
        draws=("0:0:1764288000",),
    )
    return replace(recording(test=recorded(cases()), other=mixed), environment={"engine": "vllm"}, first_index=7)
