"""`--candidate a,b`: the gate of each with one error rate, one baseline, and a table of both."""

from __future__ import annotations

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service


@pytest.fixture
def several(project: Project) -> Project:
    """A project with a version that is always right, one that is so too, and one that is never."""
    answers = {"base": "yes", "good": "yes", "bad": "no"}
    project.versions = {
        name: {"engine": "scripted", "default": each, "revision": name} for name, each in answers.items()
    }
    project.settings |= {"baseline": "base", "design": "fixed", "samples": 3}
    project.body("return model.ask(case.prompt) == 'yes'", cases=40)
    return project


def refused(project: Project, *arguments: str) -> str:
    """The message of a usage error, before which nothing was drawn."""
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert not project.store.exists()
    return str(result.stderr)


def test_each_has_its_own_report_at_its_share_of_the_level_and_the_baseline_is_drawn_once(several: Project) -> None:
    result = several.run_apart("--candidate", "good, bad", "--junitxml=j.xml", "-q", "--best-of=1")
    assert result.ret == 1
    good, bad = (several.report(f"reports/latest/{name}") for name in ("good", "bad"))
    assert [each["verdict"] for each in (good, bad)] == ["passed", "regressed"]
    assert [each["best_of"] for each in (good, bad)] == [2, 2]
    assert [each["evaluations"][0]["look"]["share"] for each in (good, bad)] == [0.45, 0.45]
    assert several.stored() == 3 * 40 * 3
    assert {each.name for each in several.path.glob("j*.xml")} == {"j-good.xml", "j-bad.xml"}
    result.stdout.re_match_lines([r" +good +bad", r"test_it +passed 1\.00 +x regressed 0\.00", r"green +good"])


@pytest.mark.nightly
def test_naming_them_together_or_one_by_one_is_the_same_and_alone_is_another_look(several: Project) -> None:
    several.run("--candidate", "good", "--best-of", "2")
    first = several.report()["evaluations"]
    assert several.run_apart("--candidate=good,bad", "--offline").ret == 1  # `bad` was never drawn
    assert several.report("reports/latest/good")["evaluations"] == first
    several.run("--candidate", "good")
    assert several.evaluation()["look"]["number"] == 2


@pytest.mark.nightly
def test_a_session_that_is_refused_is_the_last_and_old_reports_are_no_longer_there(several: Project) -> None:
    several.run_apart("--candidate=good,bad")
    several.module("@pytest.mark.evaluation(casses=[])\ndef test_it(model): ...\n")
    result = several.run_apart("--candidate=good,bad")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.re_match_lines([r"not run +good, bad"])
    assert not list(several.path.glob("reports/latest/*/report.json"))


def test_a_candidate_that_is_not_there_is_refused_before_the_first_is_asked(several: Project) -> None:
    assert "Did you mean 'good'?" in refused(several, "--candidate=bad,god")
    assert "name each candidate once" in refused(several, "--candidate=bad,bad")
    assert "candidate = '' is not a text" in refused(several, "--candidate=bad,")
