"""A gate in MLflow, in a file and on a server, read back by MLflow's own client."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.store import Store
from harness.tracking.gates import GateLog, LogResult
from tests.gate.stored import Scored
from tests.tracking.reading import read
from tests.tracking.servers import MlflowServer
from tests.tracking.stored_gates import CAPITALS, RUN_ID, SUMMARIES, logged, stored_gate

pytestmark = pytest.mark.slow


class Found:
    """What MLflow has of one gate."""

    def __init__(self, gate: GateLog, said: LogResult, store: Store) -> None:
        self.gate, self.said, self.store = gate, said, store
        self.all = read(gate.address, gate.experiment)
        self.by_name = {run["name"]: run for run in self.all["runs"]}
        self.run: dict[str, Any] = self.by_name["small against large"]


@pytest.fixture(scope="module", params=["file", "server"])
def found(
    request: pytest.FixtureRequest,
    empty_database: Path,
    mlflow_server: MlflowServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Found]:
    folder = tmp_path_factory.mktemp("logged")
    address = mlflow_server.address
    if request.param == "file":
        address = f"sqlite:///{shutil.copy(empty_database, folder / 'mlflow.db')}"
    with Store.open(str(folder / "store.db")) as store:
        gate = stored_gate(store, address, "whole")
        yield Found(gate, logged(gate, store), store)


def test_the_gate_is_one_run_with_a_run_for_each_evaluation_below_it(found: Found) -> None:
    assert set(found.by_name) == {"small against large", "foundation/test_capitals", "evaluation/test_summaries"}
    parents = {name: run["tags"].get("mlflow.parentRunId") for name, run in found.by_name.items()}
    assert parents.pop("small against large") is None
    assert set(parents.values()) == {found.run["id"]} == {found.said.run_id}


def test_parameters_say_what_it_was_made_with(found: Found) -> None:
    params = found.run["params"]
    assert params["confidence_level"] == "0.95"
    assert params["design"] == "fixed"
    assert (params["candidate"], params["baseline"]) == ("small", "large")
    assert found.by_name["foundation/test_capitals"]["params"]["margin"] == "0.05"


def test_every_estimate_is_a_metric_with_its_interval(found: Found) -> None:
    (entry, _) = found.gate.report["evaluations"]
    prefix = "foundation/test_capitals/score"
    metrics = found.run["metrics"]
    assert metrics[prefix] == entry["candidate"]["value"]
    assert (metrics[f"{prefix}.low"], metrics[f"{prefix}.high"]) == (
        entry["candidate"]["low"],
        entry["candidate"]["high"],
    )
    assert metrics[f"{prefix}.baseline"] == entry["baseline"]["value"]
    assert metrics[f"{prefix}.difference"] == entry["difference"]["value"]
    assert metrics[f"{prefix}.difference_low"] == entry["difference"]["low"]
    assert found.by_name["foundation/test_capitals"]["metrics"]["score"] == metrics[prefix]


def test_tags_say_the_verdict_and_a_gate_that_did_not_pass_is_a_failed_run(found: Found) -> None:
    assert found.run["tags"]["steelyard.run_id"] == RUN_ID
    assert found.run["tags"]["steelyard.verdict"] == found.gate.report["verdict"] != "passed"
    assert found.run["tags"]["steelyard.candidate.fingerprint"] == "f-small"
    assert found.run["status"] == "FAILED"
    assert found.run["times"][0] == 1_795_536_192_000


def test_cases_are_data_sets_with_their_digest(found: Found) -> None:
    named = [(each["name"], each["digest"], json.loads(each["source"])["uri"]) for each in found.run["datasets"]]
    assert sorted(named) == [
        ("capitals", "0a1b2c3d", "evals/foundation/capitals/cases.jsonl"),
        ("evaluation/test_summaries", "4e5f6a7b", "in the test"),
    ]
    (own,) = found.by_name["foundation/test_capitals"]["datasets"]
    assert (own["digest"], json.loads(own["profile"])) == ("0a1b2c3d", {"num_rows": 3})


def test_the_report_is_kept_with_it(found: Found) -> None:
    assert json.loads(found.run["files"]["report/report.json"])["run_id"] == RUN_ID


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


def test_logging_again_changes_nothing_and_adds_nothing(found: Found) -> None:
    again = logged(found.gate, found.store)
    assert again.run_id == found.said.run_id
    after = read(found.gate.address, found.gate.experiment)
    assert after["runs"] == found.all["runs"]
    assert after["traces"] == found.all["traces"]
    assert set(after["runs"][0]["history"].values()) == {1}


def test_what_is_new_is_added_to_what_was_logged(found: Found) -> None:
    report = json.loads(json.dumps(dict(found.gate.report)))
    report["verdict"] = "passed"
    report["evaluations"][0]["candidate"]["value"] = 0.25
    logged(found.gate, found.store, report=report)
    runs = {run["name"]: run for run in read(found.gate.address, found.gate.experiment)["runs"]}
    run = runs["small against large"]
    assert run["metrics"]["foundation/test_capitals/score"] == 0.25
    assert (run["tags"]["steelyard.verdict"], run["status"]) == ("passed", "FINISHED")
    assert run["params"] == found.run["params"]


def test_the_place_leads_to_the_run(found: Found) -> None:
    if found.gate.address.startswith("http"):
        assert found.said.place.startswith(f"{found.gate.address}/#/experiments/")
        assert found.said.place.endswith(f"/runs/{found.run['id']}")
    else:
        assert found.said.place == f"sqlite:///mlflow.db, experiment whole, run {found.run['id']}"
        assert (found.gate.root / "mlruns").is_dir()


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
    found = read(database, "hostile ' \" experiment")
    assert len(found["runs"]) == 2
    assert len(found["traces"]) == 1
    assert found["traces"][0]["tags"]["steelyard.case"] == "a\ufffd\ufffd"
    assert [run["files"] for run in found["runs"] if run["files"]] == [{"report/report.md": report}]


def test_very_many_failures_are_counted_and_not_all_traced(store: Store, database: str) -> None:
    evaluation = Scored(id=SUMMARIES, candidate={f"c{i}": [0] for i in range(30)})
    said = logged(stored_gate(store, database, "steelyard", evaluation), store, most_traces=10)
    assert (said.n_traces, said.n_left_out) == (10, 20)
    found = read(database)
    (tagged,) = [tags for run in found["runs"] if (tags := run["tags"].get("steelyard.failures_without_trace"))]
    assert tagged == "20"
    assert len(found["traces"]) == 10
