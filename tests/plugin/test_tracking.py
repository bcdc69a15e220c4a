"""`--mlflow`, the setting and `steelyard track`: the gate is logged, and nothing of it depends on that."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from tests.plugin.projects import Project
from tests.tracking.reading import read
from tests.tracking.servers import Gatekeeper, MlflowServer

pytestmark = pytest.mark.service

Run = Callable[..., Result]


@pytest.fixture
def run(project: Project, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("track", "latest")`: the command in the project."""

    def call(*arguments: str) -> Result:
        monkeypatch.chdir(project.path)
        return CliRunner().invoke(main, arguments)

    return call


@pytest.fixture
def pair(project: Project) -> Project:
    """A version that is always right and one that is always wrong, on ten cases."""
    answers = {"yes": "yes", "no": "no"}
    project.versions = {name: {"engine": "scripted", "default": answer} for name, answer in answers.items()}
    project.write("cases.jsonl", "".join(f'{{"id": "c{i}", "prompt": "q{i}"}}\n' for i in range(10)))
    project.module(
        """
        @pytest.mark.evaluation(cases="cases.jsonl", threshold=0.5, margin=0.1, design="fixed")
        def test_it(model, case):
            assert model.ask(case.prompt) == "yes"
        """
    )
    return project


def gate_of(found: dict[str, Any]) -> dict[str, Any]:
    """The run of the gate itself."""
    (run,) = found["runs"]
    return dict(run)


def line_of(result: pytest.RunResult, start: str) -> str:
    """The one line of the terminal that begins so."""
    (line,) = [line for line in result.outlines if line.startswith(start)]
    return line


def test_a_gate_is_logged_with_report_samples_and_cases_and_one_line_says_where(pair: Project, database: str) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(pair.path)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    result = pair.run("--candidate", "no", "--mlflow", database)
    assert result.ret == 1
    found = read(database)
    run = gate_of(found)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert run["tags"]["mlflow.source.git.commit"] == commit
    line = line_of(result, "mlflow  ")
    assert line == f"mlflow  {database}, experiment steelyard, run {run['id']}"
    assert result.outlines.index(line) > result.outlines.index(line_of(result, "report  "))
    assert run["name"] == "no"
    assert run["tags"]["steelyard.verdict"] == "failed"
    assert (run["params"]["samples"], run["params"]["seed"], run["params"]["design"]) == ("2", "0", "auto")
    assert run["params"]["candidate.engine"] == "scripted"
    assert {"report/report.json", "report/report.md", "samples.parquet"} <= set(run["files"])
    assert json.loads(run["files"]["report/report.json"]) == pair.report()
    assert run["files"]["samples.parquet"].startswith("PAR1")
    (cases,) = run["datasets"]
    assert (cases["name"], json.loads(cases["source"]), json.loads(cases["profile"])) == (
        "cases.jsonl",
        {"uri": "cases.jsonl"},
        {"num_rows": 10},
    )
    assert len(cases["digest"]) == 16
    assert {trace["tags"]["steelyard.case"] for trace in found["traces"]} == {f"c{i}" for i in range(10)}


@pytest.mark.nightly
def test_the_setting_logs_every_gate_and_the_option_none_does_not(pair: Project, database: str) -> None:
    pair.settings |= {"mlflow": database, "mlflow_experiment": "mine"}
    assert "mlflow  " not in str(pair.run("--candidate", "yes", "--mlflow", "none").stdout)
    assert read(database, "mine")["runs"] == []
    assert pair.run("--candidate", "yes").ret == 0
    assert gate_of(read(database, "mine"))["status"] == "FINISHED"


@pytest.mark.nightly
def test_with_none_the_registry_of_the_settings_is_still_that_of_the_models(pair: Project) -> None:
    pair.settings["mlflow"] = "http://127.0.0.1:9"
    pair.versions["only"] = {"engine": "transformers", "weights": "models:/tiny/1"}
    result = pair.run("--candidate", "only", "--mlflow", "none")
    assert result.ret == 4
    assert "weights = 'models:/tiny/1': Nothing listens at http://127.0.0.1:9." in str(result.stderr)


@pytest.mark.nightly
def test_under_xdist_the_gate_is_logged_once(pair: Project, database: str) -> None:
    pytest.importorskip("xdist")
    result = pair.run_apart("--candidate", "no", "--mlflow", database, "-n", "2")
    assert result.ret == 1
    assert line_of(result, "mlflow  ").endswith(gate_of(read(database))["id"])


@pytest.mark.nightly
def test_where_mlflow_is_down_verdict_samples_and_exit_code_stay_and_the_hint_works(
    pair: Project, run: Run, database: str, free_port: int
) -> None:
    address = f"http://127.0.0.1:{free_port}"
    result = pair.run("--candidate", "no", "--mlflow", address)
    assert result.ret == 1
    assert pair.verdicts() == {"test_it": "failed"}
    assert pair.stored() == 20
    said = line_of(result, "WARNING: mlflow: ")
    run_id = pair.report()["run_id"]
    assert said == (
        f"WARNING: mlflow: not logged: Nothing listens at {address}. The verdict stands, and everything is stored. To "
        f"do it later: steelyard track {run_id} --mlflow {address}"
    )
    later = said.rpartition("steelyard ")[2].replace(address, database).split()
    assert run(*later).exit_code == 0
    logged = gate_of(read(database))
    assert logged["tags"]["steelyard.run_id"] == run_id
    assert json.loads(logged["files"]["report/report.json"]) == pair.report()


def test_a_green_gate_stays_green_where_mlflow_is_down(pair: Project, free_port: int) -> None:
    pair.settings["mlflow"] = f"http://127.0.0.1:{free_port}"
    result = pair.run("--candidate", "yes")
    assert result.ret == 0
    assert line_of(result, "WARNING: mlflow: ").endswith(f"steelyard track {pair.report()['run_id']}")


@pytest.mark.nightly
def test_a_password_is_never_shown_or_kept(pair: Project, mlflow_server: MlflowServer) -> None:
    keeper = Gatekeeper(mlflow_server.address, password="ann:s3cret")
    pair.settings["mlflow"] = f"http://ann:s3cret@{keeper.host}"
    seen = str(pair.run("--candidate", "no", "-v").stdout)
    wrong = pair.run("--candidate", "no", "--mlflow", f"http://ann:wr0ng@{keeper.host}")
    keeper.stop()
    assert re.search(rf"^mlflow  http://\*\*\*@{keeper.host}/#/experiments/", seen, re.MULTILINE)
    assert line_of(wrong, "WARNING: mlflow: ").endswith(f"steelyard track {pair.report()['run_id']} --mlflow URL")
    files = [path for path in pair.path.rglob("*") if path.is_file() and path.name != "steelyard.toml"]
    kept = "".join(path.read_bytes().decode("latin-1") for path in files)
    for secret in ("s3cret", "wr0ng"):
        assert secret not in seen + str(wrong.stdout) + str(wrong.stderr) + kept
        assert secret not in str(read(mlflow_server.address))


def test_an_address_that_can_not_be_is_refused_before_the_first_request(pair: Project) -> None:
    result = pair.run("--candidate", "no", "--mlflow", "mlruns")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--mlflow: mlflow = 'mlruns' is no address of MLflow" in str(result.stderr)
    assert not pair.store.exists()


def test_track_without_an_address_asks_for_one(pair: Project, run: Run) -> None:
    pair.run("--candidate", "yes")
    result = run("track")
    assert result.exit_code == 4
    assert "Where is MLflow? Say --mlflow URL" in result.output


def test_track_of_an_unknown_run_lists_the_newest(pair: Project, run: Run) -> None:
    pair.run("--candidate", "yes")
    result = run("track", "yess", "--mlflow", "http://127.0.0.1:9")
    assert result.exit_code == 4
    assert "Did you mean 'yes'?" in result.output
    assert f"Newest runs: {pair.report()['run_id']}" in result.output


@pytest.mark.nightly
def test_track_that_fails_ends_with_1_and_says_why(pair: Project, run: Run, free_port: int) -> None:
    pair.run("--candidate", "yes")
    address = f"http://127.0.0.1:{free_port}"
    result = run("track", "--mlflow", address)
    assert (result.exit_code, result.output) == (1, f"Error: Nothing listens at {address}.\n")
