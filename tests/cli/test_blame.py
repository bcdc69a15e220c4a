"""`steelyard blame`: hybrids of two versions, drawn by the suite and weighed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from tests.bench.planted_paths import FAULTS, PlantedPath, blamed, named
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

MODULE = """
CASES = [{"id": f"c{i}", "prompt": f"q{i}"} for i in range(60)]

@pytest.mark.evaluation(cases=CASES)
async def test_answers(model, case):
    assert await model.ask(case.prompt) == "yes"

@pytest.mark.evaluation(cases=CASES)
async def test_is_asked(model, case):
    assert len(await model.ask(case.prompt)) > 1
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project, the current folder, whose versions differ in what they answer and in their prompt."""
    project = Project(pytester)
    project.versions = {
        "steady": {"engine": "scripted", "default": {"yes": 0.95, "no": 0.05}, "system": "Be kind."},
        "hasty": {"engine": "scripted", "default": {"yes": 0.5, "no": 0.5}, "system": "Be brief."},
        "alike": {"engine": "scripted", "default": {"yes": 0.95, "no": 0.05}, "system": "Be good."},
    }
    project.settings = {"samples": 4}
    project.module(MODULE)
    project.configure()
    monkeypatch.chdir(project.path)
    return project


def call(*arguments: str) -> Result:
    """The command in this process."""
    result = CliRunner().invoke(main, ["blame", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def found(*arguments: str) -> dict[str, Any]:
    result = call(*arguments, "--json")
    assert result.stdout, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_the_step_that_carries_the_loss_is_named(project: Project) -> None:
    result = call("hasty", "steady", "-k", "test_answers")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[1].startswith("  engine  0.9")
    assert [line.rpartition(")")[2].strip() for line in lines[1:3]] == ["carries it", "no loss shown"]
    assert "look  steelyard compare steady+engine@hasty steady" in lines
    assert "1 of at most 3: hasty" in result.stderr
    assert max(map(len, lines)) <= 80


@pytest.mark.nightly
def test_what_is_stored_is_not_drawn_again(project: Project) -> None:
    first = found("hasty", "steady")
    again = call("hasty", "steady", "--json")
    assert again.stderr.count("  0 requests") == len(first["runs"]) == 3
    losses, others = ({each["id"]: each for each in of["losses"]} for of in (first, json.loads(again.stdout)))
    assert losses == others
    assert not losses["test_it.py::test_is_asked"]["whole"]["carries"]


def test_the_cost_is_shown_before_anything_is_drawn(project: Project) -> None:
    planned = found("hasty", "steady", "--plan")
    assert planned["steps"] == [["engine"], ["prompt"]]
    assert (planned["most_runs"], planned["builds"], planned["losses"]) == (3, [], None)
    assert planned["cost"].startswith("at most 960 requests")


@pytest.mark.nightly
def test_versions_without_a_loss_have_nothing_to_explain(project: Project) -> None:
    document = found("alike", "steady")
    assert list(document["runs"]) == ["alike"]
    assert named(document) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("hasty", "stedy"), "No version named 'stedy'"),
        (("steady+promt@hasty", "steady"), "'promt' can't be swapped so. steady and hasty differ in engine, prompt."),
        (("hasty", "hasty"), "'hasty' and 'hasty' have the same settings"),
        (("hasty", "steady", "-k", "nothing"), "No evaluation is left to draw"),
        (("hasty", "steady", "nowhere"), "not found: nowhere"),
        (("hasty", "steady", "--nonsense"), "unrecognized arguments: --nonsense"),
    ],
)
def test_what_cannot_be_measured_is_refused(project: Project, arguments: tuple[str, ...], message: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 4
    assert message in result.stderr


def test_a_hybrid_is_a_candidate_of_any_gate(project: Project) -> None:
    project.run("--candidate", "steady+engine@hasty", "--baseline", "steady", "-k", "test_answers")
    assert project.verdicts() == {"test_answers": "regressed"}


@pytest.mark.nightly
@pytest.mark.parametrize("path", FAULTS, ids=lambda path: path.step)
def test_a_planted_fault_is_found(path: PlantedPath, tmp_path: Path) -> None:
    assert [path.step] == named(blamed(tmp_path / "project", path))
