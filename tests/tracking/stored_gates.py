"""A stored run that is ready to be logged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.records import ScoringRule
from harness.store import Store
from harness.tracking.mlflow import File, GateLog, LogResult, log_gate
from tests.gate.stored import Scored, run

CAPITALS = "suites/foundation/test_capitals.py::test_capitals"
SUMMARIES = "suites/evaluation/test_summaries.py::test_summaries"
NAMES = {CAPITALS: "foundation/test_capitals", SUMMARIES: "evaluation/test_summaries"}
RUN_ID = "20261124-160312-0a1b2c"
DATASETS = [
    {"source": "evals/foundation/capitals/cases.jsonl", "digest": "0a1b2c3d", "n_cases": 3, "evaluations": [CAPITALS]},
    {"source": "in the test", "digest": "4e5f6a7b", "n_cases": 2, "evaluations": [SUMMARIES]},
]
EVALUATIONS = (
    Scored(
        id=CAPITALS,
        candidate={"peru": [0, 0], "chad": [1, 0], "laos": [1, 1]},
        baseline={"peru": [1, 1], "chad": [1, 1], "laos": [1, 1]},
    ),
    Scored(
        id=SUMMARIES,
        candidate={"one": [0.25, 0.75], "two": [1, 1]},
        baseline={"one": [1, 1], "two": [1, 1]},
        judged_by=ScoringRule(("j0",), "d1"),
    ),
)


def stored_gate(store: Store, address: str, experiment: str = "steelyard", *evaluations: Scored) -> GateLog:
    """A run of two evaluations, one of them judged, as it is logged."""
    run(store, RUN_ID, *(evaluations or EVALUATIONS))
    (info,) = store.runs()
    report = store.report(RUN_ID)
    assert report is not None
    named = {entry["id"]: NAMES.get(entry["id"], entry["id"]) for entry in report["evaluations"]}
    noted = replace(info, spec={**info.spec, "settings": {"samples": 2, "design": "fixed"}, "datasets": DATASETS})
    return GateLog(
        address, experiment, Path(store.url.removeprefix("sqlite:///")).parent, noted, report, named, "**RED**"
    )


def logged(gate: GateLog, store: Store, files: Mapping[str, str] | None = None, **changes: Any) -> LogResult:
    """Log it, with a report of these files."""

    def write(folder: Path) -> list[File]:
        for name, text in (files or {"report.json": json.dumps(dict(gate.report))}).items():
            (folder / name).write_text(text, encoding="utf-8")
        return [(folder / name, "report") for name in (files or {"report.json": ""})]

    return log_gate(replace(gate, **changes), store, write, 240)
