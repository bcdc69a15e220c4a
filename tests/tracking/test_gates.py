"""A gate in MLflow, in a file and on a server, read back by MLflow's own client."""

from __future__ import annotations

import json

import pytest

from harness.store import Store
from tests.gate.stored import Scored
from tests.tracking.logged import Found
from tests.tracking.reading import read
from tests.tracking.stored_gates import RUN_ID, logged, stored_gate

pytestmark = pytest.mark.service


@pytest.mark.nightly
def test_the_report_is_kept_with_it(found: Found) -> None:
    assert json.loads(found.run["files"]["report/report.json"])["run_id"] == RUN_ID


def test_the_place_leads_to_the_run(found: Found) -> None:
    if found.gate.address.startswith("http"):
        assert found.said.place.startswith(f"{found.gate.address}/#/experiments/")
        assert found.said.place.endswith(f"/runs/{found.run['id']}")
    else:
        assert found.said.place == f"sqlite:///mlflow.db, experiment whole, run {found.run['id']}"
        assert (found.gate.root / "mlruns").is_dir()


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
    found = read(database, "hostile ' \" experiment")
    assert len(found["runs"]) == 2
    assert len(found["traces"]) == 1
    assert found["traces"][0]["tags"]["steelyard.case"] == "a\ufffd\ufffd"
    assert [run["files"] for run in found["runs"] if run["files"]] == [{"report/report.md": report}]
