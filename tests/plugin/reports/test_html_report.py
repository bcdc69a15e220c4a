"""The page that a gate leaves behind."""

from __future__ import annotations

import platform
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli import main
from tests.plugin.projects import Project
from tests.reporting.html import pages

pytestmark = pytest.mark.service

PAGE = "reports/latest/index.html"


@pytest.fixture
def sequential(project: Project) -> Project:
    """A project whose candidate is right in every case, and so is stopped early."""
    project.settings |= {"margin": 0.1}
    project.body("assert model.ask(case.prompt) == 'yes'", cases=60, threshold=0.9)
    return project


def page(project: Project) -> dict[str, Any]:
    """What the page of a project holds."""
    return pages.data(project.path / PAGE)


def test_the_last_line_names_the_page_of_the_run(sequential: Project) -> None:
    result = sequential.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"report  {PAGE}"])
    report, content = sequential.report(), page(sequential)
    assert content["run_id"] == report["run_id"]
    assert [each["id"] for each in content["evaluations"]] == [each["id"] for each in report["evaluations"]]


def test_the_page_has_every_answer_that_was_drawn(sequential: Project) -> None:
    sequential.run()
    (evaluation,) = page(sequential)["evaluations"]
    (check,) = evaluation["checks"]
    assert check["verdict"] == "passed"
    assert len(evaluation["cases"]) < 60
    answers = [body["answer"] for case in pages.details(sequential.path / PAGE) for body in case["bodies"]]
    assert answers == ["yes"] * sequential.stored()


def test_the_environment_is_recorded_with_the_run(sequential: Project) -> None:
    sequential.run()
    environment = page(sequential)["page"]["environment"]
    assert environment["python"] == f"{platform.python_implementation()} {platform.python_version()}"
    assert environment["packages"]["pytest"] == pytest.__version__


def test_a_page_that_can_not_be_written_is_told_and_the_rest_is_there(sequential: Project) -> None:
    sequential.write("reports/latest/details", "taken")
    result = sequential.run()
    assert result.ret == 4
    result.stdout.fnmatch_lines(["*ERROR: steelyard: *details can't be made: *details is a file. Remove it*"])
    assert sequential.report()["verdict"] == "passed"


def test_the_command_makes_the_page_where_it_is_told_to(sequential: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    sequential.run()
    monkeypatch.chdir(sequential.path)
    result = CliRunner().invoke(main, ["report", "--format", "html", "--output", "shared"])
    assert result.output == "shared/index.html\n"
    assert (sequential.path / "shared/index.html").read_bytes() == (sequential.path / PAGE).read_bytes()
    (sequential.path / "taken").write_text("")
    result = CliRunner().invoke(main, ["report", "--format", "html", "--output", "taken/x"])
    assert "taken is a file. Remove it, or choose with --output." in result.output
