"""Failures are traces, with their scores."""

from __future__ import annotations

import pytest

from harness.store import Store
from tests.gate.stored import Scored
from tests.tracking.logged import Found
from tests.tracking.reading import read
from tests.tracking.stored_gates import CAPITALS, SUMMARIES, logged, stored_gate

pytestmark = pytest.mark.service


def test_failures_are_traces_of_the_gate_with_what_was_asked_and_answered(found: Found) -> None:
    traces = {(each["tags"]["steelyard.case"], each["tags"]["steelyard.sample"]): each for each in found.all["traces"]}
    assert set(traces) == {("peru", "0"), ("peru", "1"), ("chad", "1"), ("one", "0")}
    assert found.said.n_traces == 4
    trace = traces["peru", "1"]
    assert trace["metadata"]["mlflow.sourceRun"] == found.run["id"]
    assert trace["tags"]["mlflow.traceName"] == "foundation/test_capitals peru #2"
    assert trace["previews"] == ["peru", "candidate on peru, 1"]
    (span,) = trace["spans"]
    assert span["inputs"] == {"messages": [{"role": "user", "content": "peru"}]}
    assert span["outputs"]["choices"][0]["message"]["content"] == "candidate on peru, 1"


def test_traces_are_shown_with_the_run_of_their_evaluation_as_well(found: Found) -> None:
    linked = {name: run["traces"] for name, run in found.by_name.items()}
    assert linked == {"small against large": 4, "foundation/test_capitals": 3, "evaluation/test_summaries": 1}


def test_scores_are_assessments_of_who_gave_them(found: Found) -> None:
    by_case = {each["tags"]["steelyard.case"]: each["assessments"] for each in found.all["traces"]}
    (checked,) = by_case["chad"]
    assert (checked["assessment_name"], checked["feedback"]["value"], checked["rationale"]) == ("score", 0.0, "why 1")
    assert checked["source"] == {"source_type": "CODE", "source_id": CAPITALS}
    (judged,) = by_case["one"]
    assert (judged["assessment_name"], judged["feedback"]["value"]) == ("score", 0.25)
    assert judged["source"] == {"source_type": "LLM_JUDGE", "source_id": "judge"}
    assert judged["metadata"] == {"judge.fingerprint": "j0", "rubric": "d1"}


@pytest.mark.nightly
def test_very_many_failures_are_counted_and_not_all_traced(store: Store, database: str) -> None:
    evaluation = Scored(id=SUMMARIES, candidate={f"c{i}": [0] for i in range(30)})
    said = logged(stored_gate(store, database, "steelyard", evaluation), store, most_traces=10)
    assert (said.n_traces, said.n_left_out) == (10, 20)
    found = read(database)
    (tagged,) = [tags for run in found["runs"] if (tags := run["tags"].get("steelyard.failures_without_trace"))]
    assert tagged == "20"
    assert len(found["traces"]) == 10
