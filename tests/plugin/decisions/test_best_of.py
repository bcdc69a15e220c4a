"""`--best-of`: of the best of many candidates each verdict may be wrong that much less often."""

from __future__ import annotations

import pytest

from harness.decisions import share_of
from tests.plugin.projects import Project
from tests.reporting.html import pages

pytestmark = pytest.mark.service


@pytest.fixture
def gate(project: Project) -> Project:
    """A project whose two versions answer alike, with 60 cases."""
    project.versions = {
        "good": {"engine": "scripted", "default": {"yes": 0.9, "no": 0.1}},
        "tuned": {"base": "good", "system": "Be brief."},
    }
    project.settings |= {"candidate": "tuned", "baseline": "good", "samples": 4, "margin": 0.1, "design": "fixed"}
    project.body("return model.ask(case.prompt) == 'yes'", cases=60)
    return project


def test_the_bounds_are_those_of_a_level_that_is_so_many_times_smaller(gate: Project) -> None:
    gate.run("--best-of", "10")
    best = gate.evaluation()["difference"]
    gate.run("confidence_level=0.995", "--store", "other.db")
    assert gate.evaluation()["difference"] == best
    gate.run("--store", "third.db")
    assert gate.evaluation()["difference"]["low"] > best["low"]
    assert gate.evaluation()["difference"]["high"] < best["high"]


def test_a_sequential_gate_of_the_best_of_many_takes_more_cases(gate: Project) -> None:
    gate.body("return model.ask(case.prompt) == 'yes'", cases=300)
    gate.settings["margin"] = 0.15
    gate.run("design=sequential")
    alone = gate.evaluation()["n_cases"]
    gate.run("design=sequential", "--best-of", "100")
    assert alone < gate.evaluation()["n_cases"]


def test_every_report_says_that_it_was_chosen_among_many(gate: Project) -> None:
    result = gate.run("--best-of", "10")
    header = "  candidate tuned   chosen among 10 candidates   against good*"
    note = "note    the best of 10 candidates looks good by chance too: each is decided at 1*"
    result.stdout.fnmatch_lines([header, note])
    report = gate.report()
    assert report["best_of"] == 10
    assert gate.evaluation()["look"]["level"] == pytest.approx(0.05 * share_of(1) / 10)
    folder = gate.path / "reports" / "latest"
    assert "<code>tuned</code> (chosen among 10 candidates) against" in (folder / "report.md").read_text("utf-8")
    page = pages.data(folder / "index.html")
    assert page["run"]["chosen"] == "chosen among 10 candidates"
    assert ["the candidate", "chosen among 10 candidates"] in page["about"][0]["facts"]
    assert any(text.startswith("the best of 10 candidates looks good by chance") for text in page["notes"])


@pytest.mark.parametrize(("value", "reason"), [("0", "best_of = 0 is below 1"), ("few", "is not a whole number")])
def test_what_is_no_number_of_candidates_is_refused(gate: Project, value: str, reason: str) -> None:
    result = gate.run("--best-of", value)
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"*--best-of: *{reason}*"])
