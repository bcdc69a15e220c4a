"""What is known of a gate when it begins."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.reports import VersionRef


@dataclass(frozen=True, slots=True)
class GateStart:
    """A gate that is about to draw its first sample.

    Attributes:
        run_id: of its run in the store, and of its report.
        created: when, in UTC.
        evaluations: the ids of those that the session holds, pytest's node ids.
    """

    run_id: str
    created: str
    confidence_level: float
    candidate: VersionRef
    baseline: VersionRef | None
    judges: tuple[VersionRef, ...]
    evaluations: tuple[str, ...]
