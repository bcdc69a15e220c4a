"""A gate in MLflow, in a file and on a server, read back by MLflow's own client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.store import Store
from harness.tracking import mlflow
from harness.tracking.mlflow import GateLog
from tests.gate.stored import Scored
from tests.tracking.reading import read
from tests.tracking.servers import MlflowServer
from tests.tracking.stored_gates import RUN_ID, SUMMARIES, logged, stored_gate

pytestmark = pytest.mark.service


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "store.db")) as opened:
        yield opened


def found_of(gate: GateLog) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The one run of its experiment, and the traces."""
    found = read(gate.address, gate.experiment)
    (run,) = found["runs"]
    return run, found["traces"]


@pytest.mark.parametrize("place", ["file", pytest.param("server", marks=pytest.mark.nightly)])
def test_a_gate_is_one_run_and_logging_it_again_changes_nothing(
    store: Store, place: str, request: pytest.FixtureRequest
) -> None:
    if place == "server":
        server: MlflowServer = request.getfixturevalue("mlflow_server")
        address = server.address
    else:
        address = request.getfixturevalue("database")
    gate = stored_gate(store, address, "whole")
    said = logged(gate, store)
    run, traces = found_of(gate)

    assert (run["name"], run["id"], run["status"]) == ("small against large", said.run_id, "FAILED")
    if place == "server":
        assert said.place == f"{address}/#/experiments/{said.place.split('/')[-3]}/runs/{run['id']}"
    else:
        assert said.place.endswith(f"mlflow.db, experiment whole, run {run['id']}")
    assert run["times"][0] == 1_795_536_192_000
    assert run["tags"]["steelyard.run_id"] == RUN_ID
    assert run["tags"]["steelyard.verdict"] == gate.report["verdict"] != "passed"
    assert run["tags"]["steelyard.candidate.fingerprint"] == "f-small"
    assert {run["params"][name] for name in ("candidate", "baseline", "design")} == {"small", "large", "fixed"}
    (entry, _) = gate.report["evaluations"]
    for name, value in (("", "value"), (".low", "low"), (".high", "high")):
        assert run["metrics"][f"foundation/test_capitals/score{name}"] == entry["candidate"][value]
    assert run["metrics"]["foundation/test_capitals/score.difference_low"] == entry["difference"]["low"]
    datasets = [(each["name"], each["digest"], json.loads(each["source"])["uri"]) for each in run["datasets"]]
    assert sorted(datasets) == [
        ("capitals", "0a1b2c3d", "evals/foundation/capitals/cases.jsonl"),
        ("evaluation/test_summaries", "4e5f6a7b", "in the test"),
    ]
    assert json.loads(run["files"]["report/report.json"])["run_id"] == RUN_ID
    table = json.loads(run["files"].pop("evaluations.json"))
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert [row["evaluation"] for row in rows] == ["foundation/test_capitals", "evaluation/test_summaries"]
    assert [row["candidate"] for row in rows] == pytest.approx([0.5, 0.75])

    by_case = {each["tags"]["steelyard.case"]: each for each in traces}
    assert {case: each["tags"]["steelyard.sample"] for case, each in by_case.items()} == {
        "peru": "0",
        "chad": "1",
        "one": "0",
    }
    assert said.n_traces == 3
    chad = by_case["chad"]
    assert chad["metadata"]["mlflow.sourceRun"] == run["id"]
    assert chad["tags"]["mlflow.traceName"] == "foundation/test_capitals chad #2"
    (span,) = chad["spans"]
    assert span["inputs"] == {"messages": [{"role": "user", "content": "chad"}]}
    assert span["outputs"]["choices"][0]["message"]["content"] == "candidate on chad, 1"
    assert (span["attributes"]["score.score"], span["attributes"]["reason.score"]) == (0.0, "why 1")

    assert logged(gate, store).run_id == said.run_id
    again, traced = found_of(gate)
    assert json.loads(again["files"].pop("evaluations.json")) == table
    assert (again, {each["id"] for each in traced}) == (run, {each["id"] for each in traces})
    assert set(again["history"].values()) == {1}

    report = json.loads(json.dumps(dict(gate.report)))
    report["verdict"] = "passed"
    report["evaluations"][0]["candidate"]["value"] = 0.25
    logged(gate, store, report=report)
    after, _ = found_of(gate)
    assert after["metrics"]["foundation/test_capitals/score"] == 0.25
    assert (after["tags"]["steelyard.verdict"], after["status"]) == ("passed", "FINISHED")
    assert json.loads(after["files"]["evaluations.json"])["data"][0][table["columns"].index("candidate")] == 0.25


@pytest.mark.nightly
def test_names_and_answers_that_no_database_takes_are_logged_all_the_same(store: Store, database: str) -> None:
    hostile = "test_it[<script>\x1b[31m]]>\x00\ud800" + "n" * 300 + "]"
    evaluation = Scored(
        id=f"suites/test_it.py::{hostile}",
        candidate={"a\x00\ud800": [0], "b": [1]},
        prompts={"b": "b\ud800\x00</script>" + "x" * 1_000_000},
        metric="../metric/\ud800'; drop table runs",
    )
    report = "\x1b[31m<script>alert(1)</script>]]>"
    gate = stored_gate(store, database, "hostile ' \" experiment", evaluation)
    logged(gate, store, {"report.md": report})
    run, (trace,) = found_of(gate)
    assert trace["tags"]["steelyard.case"] == "a\ufffd\ufffd"
    assert run["files"]["report/report.md"] == report


@pytest.mark.nightly
def test_very_many_failures_are_counted_and_not_all_traced(
    store: Store, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow, "MOST_TRACES", 10)
    evaluation = Scored(id=SUMMARIES, candidate={f"c{i}": [0] for i in range(30)})
    gate = stored_gate(store, database, "steelyard", evaluation)
    said = logged(gate, store)
    assert (said.n_traces, said.n_left_out) == (10, 20)
    assert len(found_of(gate)[1]) == 10
