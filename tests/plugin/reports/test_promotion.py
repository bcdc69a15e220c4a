"""`--promote`: a gate that passed whole gives its candidate an alias, and no other gate ever does."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from tests.models.conftest import write_tiny_llama
from tests.plugin.projects import Project
from tests.tracking.reading import read
from tests.tracking.registering import register

pytestmark = pytest.mark.service

needs_engine = pytest.mark.skipif(find_spec("torch") is None, reason="needs torch and transformers")
BODY = """
    CASES = [{{"id": f"c{{i}}", "prompt": f"q{{i}}"}} for i in range(20)]

    @pytest.mark.evaluation(cases=CASES, threshold=0.5, margin=0.2, samples=2)
    async def test_it(model, case):
        answer = await model.ask(case.prompt, max_tokens=2)
        return {score}

    @pytest.mark.evaluation(cases=CASES, threshold=0.5, margin=0.2, samples=2)
    def test_other(model, case):
        model.ask("q")
        return 1
"""
GREEN, RED = "float(len(answer) >= 0)", "float(len(answer) < 0)"


@pytest.fixture
def registered(
    project: Project, database: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A project whose only version is version 1 of a registered model, tiny and random, with a cache of its own."""
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path_factory.mktemp("cache")))
    register(database, "tiny", write_tiny_llama(tmp_path_factory.mktemp("weights") / "tiny"))
    project.settings["mlflow"] = database
    project.versions = {"tiny": {"engine": "transformers", "weights": "models:/tiny/1"}}
    return project


def promoted(project: Project, alias: str = "champion") -> str | None:
    """The version that has the alias."""
    aliases: dict[str, Any] = read(project.settings["mlflow"])["models"]["tiny"]["aliases"]
    return aliases.get(alias)


def lines(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if line.startswith(("mlflow  ", "WARNING: mlflow"))]


@pytest.mark.nightly
@needs_engine
def test_only_a_whole_gate_that_passed_promotes(registered: Project) -> None:
    registered.module(BODY.format(score=RED))
    red = registered.run("--promote", "champion")
    assert red.ret == 1
    assert registered.verdicts() == {"test_it": "failed", "test_other": "passed"}
    assert lines(red)[-1] == "mlflow  not promoted to champion: its verdict is failed"
    assert promoted(registered) is None

    part = registered.run("--promote", "champion", "-k", "test_other")
    assert part.ret == 0
    said = "mlflow  not promoted to champion: it was a part of the suite: 1 evaluations were deselected"
    assert lines(part)[-1] == said
    assert promoted(registered) is None

    registered.module(BODY.format(score=GREEN))
    green = registered.run("--promote", "champion")
    assert green.ret == 0
    database = registered.settings["mlflow"]
    assert lines(green)[-1] == f"mlflow  promoted: models:/tiny/1 is champion now, in {database}"
    assert promoted(registered) == "1"
    found = read(database)
    (tags,) = found["models"]["tiny"]["versions"].values()
    assert tags == {"steelyard.run_id": registered.report()["run_id"], "steelyard.verdict": "passed"}
    newest = next(run for run in found["runs"] if run["tags"]["steelyard.run_id"] == registered.report()["run_id"])
    assert newest["tags"]["steelyard.candidate.registered"] == "models:/tiny/1"


@pytest.mark.nightly
@needs_engine
def test_a_gate_that_could_not_be_logged_promotes_nothing_and_track_makes_up_for_it(
    registered: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", registered.settings["mlflow"])
    registered.module(BODY.format(score=GREEN))
    down = registered.run("--promote", "champion", "--mlflow", "http://127.0.0.1:9")
    assert down.ret == 0
    assert "not logged: Nothing listens at http://127.0.0.1:9." in lines(down)[-1]
    assert promoted(registered) is None
    monkeypatch.chdir(registered.path)
    result: Result = CliRunner().invoke(main, ["track", "latest", "--promote", "champion"])
    assert result.output.splitlines()[-1].startswith("mlflow  promoted: models:/tiny/1 is champion now")
    assert promoted(registered) == "1"


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ({"engine": "scripted", "default": "yes"}, "and only a model of MLflow's registry has aliases"),
        ({"engine": "transformers", "weights": "models:/tiny/1", "drop_layers": 1}, "changes the registered weights"),
    ],
)
def test_a_candidate_that_can_not_be_promoted_is_refused_before_the_first_request(
    project: Project, version: dict[str, Any], said: str
) -> None:
    project.versions = {"only": version}
    project.body("return model.ask(case.prompt) == 'yes'")
    result = project.run("--promote", "champion")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in str(result.stderr)
    assert not project.store.exists()


def test_what_is_no_alias_is_refused(project: Project) -> None:
    project.body("return 1")
    result = project.run("--promote", "latest")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--promote 'latest' is no alias of MLflow" in str(result.stderr)


@pytest.mark.nightly
def test_an_unknown_registered_model_is_refused_before_the_first_request(project: Project, database: str) -> None:
    project.settings["mlflow"] = database
    project.versions = {"tiny": {"engine": "transformers", "weights": "models:/tiny/1"}}
    project.body("return 1")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"The registry {database} has no models." in str(result.stderr)
    assert not project.store.exists()


@pytest.mark.nightly
@needs_engine
def test_an_exit_code_that_another_plugin_raised_promotes_nothing(registered: Project) -> None:
    registered.module(BODY.format(score=GREEN))
    registered.write("conftest.py", "def pytest_sessionfinish(session):\n    session.exitstatus = 1\n")
    result = registered.run("--promote", "champion", "-p", "no:xdist")
    assert result.ret == 1
    assert lines(result)[-1] == "mlflow  not promoted to champion: pytest ended with exit code 1"
    assert promoted(registered) is None


@pytest.mark.nightly
@needs_engine
def test_a_gate_offline_needs_no_registry_for_a_version_that_was_downloaded(registered: Project) -> None:
    registered.module(BODY.format(score=GREEN))
    assert registered.run("--mlflow", "none").ret == 0
    first = registered.report()
    Path(registered.settings["mlflow"].removeprefix("sqlite:///")).unlink()
    assert registered.run("--mlflow", "none", "--offline").ret == 0
    assert registered.report()["candidate"] == first["candidate"]
    assert registered.report()["usage"]["model_calls"] == 0
