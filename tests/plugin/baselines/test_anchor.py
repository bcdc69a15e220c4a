"""Gates with an anchor in the settings: what is drawn, what is weighed against what, and what a reader is told."""

from __future__ import annotations

import jsonschema
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.records.report_json import schema
from harness.store import Store
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

VERSIONS = {
    "released": {"engine": "scripted", "default": "yes"},
    "next": {"engine": "scripted", "default": {"yes": 0.9, "no": 0.1}},
    "slipped": {"engine": "scripted", "default": {"yes": 0.8, "no": 0.2}},
}


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Three versions, each worse than the one before by less than the margin, and the first as the anchor."""
    project.versions = {name: dict(table) for name, table in VERSIONS.items()}
    project.settings |= {"samples": 4, "margin": 0.15, "anchor": "released"}
    project.body("return model.ask(case.prompt) == 'yes'", cases=60)
    monkeypatch.chdir(project.path)
    return project


def against(project: Project) -> list[str]:
    return [each["against"] for each in project.evaluation()["checks"]]


def test_a_decline_in_small_steps_is_red_by_the_anchor_and_says_so(project: Project) -> None:
    result = project.run("--candidate", "slipped", "--baseline", "next")
    entry, report = project.evaluation(), project.report()
    assert (result.ret, entry["verdict"], against(project)) == (1, "regressed", ["baseline", "anchor"])
    assert entry["reason"].startswith("lower than the anchor released")
    assert (report["anchor"]["name"], entry["anchor"]["value"]) == ("released", 1.0)
    assert entry["anchor_difference"]["high"] < 0
    result.stdout.fnmatch_lines(["*against next*and the anchor released*", "*1.00 -> 0.*margin 0.15*"])
    jsonschema.validate(report, schema())
    assert "and the anchor" in (project.path / "reports/latest/report.md").read_text()
    again = project.run("--candidate", "slipped", "--baseline", "next", "--offline")
    assert (again.ret, project.evaluation()["checks"]) == (1, entry["checks"])
    assert project.run("--candidate", "slipped", "--baseline", "next", "-p", "xdist", "-n", "1").ret == 1
    assert project.evaluation()["checks"] == entry["checks"]


def test_an_anchor_that_is_the_baseline_or_alone_is_one_comparison(project: Project) -> None:
    assert project.run("--candidate", "released", "--baseline", "released").ret == 0
    assert (against(project), project.report()["anchor"]) == (["baseline"], None)
    project.run("--candidate", "next")
    assert (against(project), project.report()["baseline"]["name"]) == (["baseline"], "released")
    project.run("--candidate", "next", "--baseline", "none")
    assert (against(project), project.report()["anchor"]) == ([], None)


def test_a_recorded_anchor_that_is_of_the_recorded_baselines_version_is_one_comparison(project: Project) -> None:
    assert project.run("--candidate", "released", "--for-baseline").ret == 0
    CliRunner().invoke(main, ["baseline", "record", "--name", "shipped"], catch_exceptions=False)
    CliRunner().invoke(main, ["baseline", "promote", "--reason", "release 1"], catch_exceptions=False)
    project.settings["anchor"] = "anchor"
    assert "No version named" not in project.run("--candidate", "next", "--baseline", "shipped").stdout.str()
    assert (against(project), project.report()["baseline"]["name"][:7]) == (["baseline"], "shipped")


def test_a_promoted_anchor_asks_nothing_of_its_version_and_its_change_is_told(project: Project) -> None:
    project.run("--candidate", "next", "--baseline", "next")
    project.run("--candidate", "released", "--for-baseline", "--samples", "5")
    promoted = CliRunner().invoke(main, ["baseline", "promote", "--reason", "release 1.3"])
    assert promoted.exit_code == 0, promoted.output
    assert 'write anchor = "anchor" in steelyard.toml' in " ".join(promoted.output.split())
    project.settings |= {"anchor": "anchor"}
    del project.versions["released"]
    assert project.run("--candidate", "slipped", "--baseline", "next").ret == 1
    entry = project.evaluation()
    assert entry["reason"].startswith("lower than the anchor released")
    assert (against(project), entry["baseline_record"]) == (["baseline", "anchor"], None)
    assert project.report()["anchor"]["name"].startswith("released (recorded ")
    with Store.open(str(project.store), readonly=True) as store:
        (run,) = (each for each in store.runs() if each.run_id == project.report()["run_id"])
        assert {each.role for each in store.score_sets(run.run_id)} == {"candidate", "baseline", "anchor"}
    project.run("--candidate", "next", "--baseline", "next")
    assert any("now: in run" in note and "promoted because: release 1.3" in note for note in project.notes())


def test_what_can_not_be_weighed_against_an_anchor_is_weighed_without_and_says_why(project: Project) -> None:
    body = "return 0.5 + 0.5 * (model.ask(case.prompt) == baseline.ask(case.prompt))"
    project.body(body, arguments="model, baseline, case", cases=30, threshold=0.5)
    project.run("--candidate", "released", "--baseline", "next")
    reason = project.evaluation()["reason"]
    assert "not weighed against the anchor: its body compares with the baseline itself" in reason


def test_a_name_that_is_no_anchor_is_refused_before_anything_is_drawn(project: Project) -> None:
    project.settings |= {"anchor": "relesed"}
    result = project.run("--candidate", "next", "--baseline", "released")
    assert result.ret == 4
    assert not project.store.exists()
    assert "No anchor named 'relesed'" in str(result.stderr) + str(result.stdout)
    assert "Did you mean 'released'?" in str(result.stderr) + str(result.stdout)
