"""A gate's runs in MLflow: parameters, metrics, tags, data sets; logged again, nothing changes."""

from __future__ import annotations

import json

import pytest

from tests.tracking.logged import Found
from tests.tracking.reading import read
from tests.tracking.stored_gates import RUN_ID, logged

pytestmark = pytest.mark.service


@pytest.mark.nightly
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


def test_logging_again_changes_nothing_and_adds_nothing(found: Found) -> None:
    again = logged(found.gate, found.store)
    assert again.run_id == found.said.run_id
    after = read(found.gate.address, found.gate.experiment)
    assert after["runs"] == found.all["runs"]
    assert after["traces"] == found.all["traces"]
    assert set(after["runs"][0]["history"].values()) == {1}


@pytest.mark.nightly
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
