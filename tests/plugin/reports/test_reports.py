"""What a gate writes into its report folder, and what `steelyard report` makes of the same run."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from harness.cli import main
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

FILES = {"report.json", "report.md", "index.html", "details"}


@pytest.fixture
def red(project: Project) -> Project:
    """A project whose candidate is wrong in every case."""
    project.versions = {
        "good": {"engine": "scripted", "default": "yes"},
        "bad": {"engine": "scripted", "default": "no"},
    }
    project.settings |= {"candidate": "bad", "baseline": "good"}
    project.body("assert model.ask(case.prompt) == 'yes'", cases=40)
    return project


def written(project: Project, folder: str = "reports/latest") -> set[str]:
    return {path.name for path in (project.path / folder).iterdir()}


def test_a_gate_writes_its_reports_and_the_command_makes_the_same(
    red: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert red.run().ret == 1
    assert written(red) == FILES
    markdown = (red.path / "reports" / "latest" / "report.md").read_text(encoding="utf-8")
    assert "❌ RED: 1 regressed" in markdown
    monkeypatch.chdir(red.path)
    call = CliRunner().invoke
    assert call(main, ["report", "--format", "markdown"]).stdout == markdown
    (red.path / ".steelyard" / "store.db").rename("moved.db")
    shown = call(main, ["report", "--store", "moved.db"]).stdout
    assert "steelyard store show c" in shown
    assert " --store moved.db   # all its answers" in shown


def test_with_xdist_the_controller_writes_them(red: Project) -> None:
    assert red.run_apart("-n", "2").ret == 1
    assert written(red) == FILES
    assert "❌ RED" in (red.path / "reports" / "latest" / "report.md").read_text(encoding="utf-8")


def test_reports_of_the_run_before_are_gone_when_a_run_ends_early(red: Project) -> None:
    red.run()
    assert red.run("--candidate", "nobody").ret == 4
    assert written(red) == set()


def test_a_report_that_can_not_be_written_is_a_usage_error_with_its_reason(red: Project) -> None:
    (red.path / "reports" / "latest" / "report.md" / "x").mkdir(parents=True)
    result = red.run()
    assert result.ret == 4
    result.stdout.fnmatch_lines(["*ERROR: steelyard: *report.md can't be written: Is a directory.*--report-dir*"])
    assert red.report()["exit_code"] == 4


def test_a_report_folder_that_is_a_file_ends_the_run_before_the_first_request(red: Project) -> None:
    (red.path / "taken").write_text("")
    result = red.run("--report-dir", "taken")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*taken is a file. Remove it, or choose with --report-dir.*"])
    assert red.stored() == 0
