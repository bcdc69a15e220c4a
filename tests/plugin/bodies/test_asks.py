"""An evaluation whose bodies ask nobody weighs nothing of a version."""

from __future__ import annotations

import pytest

from tests.plugin.projects import Project
from tests.scoring.judging.panel import rated
from tests.scoring.judging.rubrics import SUMMARY

pytestmark = pytest.mark.service

NOTHING = "no body asked the version under test anything"
PAIR = ("--candidate", "bad", "--baseline", "good")


@pytest.fixture
def gate(project: Project) -> Project:
    """A project with a good and a bad version, and a judge."""
    project.versions = {
        name: {"engine": "scripted", "default": answer}
        for name, answer in (("good", "yes"), ("bad", "no"), ("critic", rated(5)))
    }
    project.settings["judge"] = "critic"
    return project


def test_body_that_asks_nothing_is_an_error(gate: Project) -> None:
    gate.body("return len(case.prompt) > 1", cases=30, asks=False)
    assert gate.run(*PAIR).ret == 1
    assert gate.verdicts() == {"test_it": "error"}
    assert NOTHING in gate.evaluation()["reason"]


def test_body_that_fails_before_it_asks_is_an_error(gate: Project) -> None:
    gate.body("assert case.prompt == 'other'\nreturn model.ask(case.prompt) == 'yes'", cases=30)
    assert gate.run(*PAIR).ret == 1
    assert NOTHING in gate.evaluation()["reason"]


def test_threshold_alone_needs_an_answer_too(gate: Project) -> None:
    gate.body("return 1.0", cases=30, threshold=0.5, asks=False)
    assert gate.run("--candidate", "bad", "--baseline", "none").ret == 1
    assert NOTHING in gate.evaluation()["reason"]


def test_one_answer_among_the_cases_is_enough(gate: Project) -> None:
    gate.body("return case.id != 'c3' or model.ask(case.prompt) == 'yes'", cases=30, design="fixed")
    assert gate.run("--candidate", "good", "--baseline", "good").ret in (0, 8)
    assert gate.verdicts()["test_it"] != "error"


def test_answers_from_the_store_are_answers(gate: Project) -> None:
    gate.body("return model.ask(case.prompt) == 'yes'", cases=30, threshold=0.5)
    for options in ((), ("--offline",)):
        assert gate.run("--candidate", "good", "--baseline", "none", *options).ret == 0
    assert gate.report()["usage"]["model_calls"] == 0


RUBRIC = """
@pytest.mark.evaluation(cases=[{"id": f"c{i}", "prompt": "q", "answer": f"a{i}"} for i in range(30)], threshold=0.5)
def test_it(CASE judge):
    return judge.rate(case.answer, rubric="rubric.md", case=case)
"""


def judged(gate: Project, arguments: str) -> pytest.RunResult:
    """Run an evaluation in which a judge rates answers that are there."""
    gate.write("rubric.md", SUMMARY)
    gate.module(RUBRIC.replace("CASE", arguments))
    return gate.run("--candidate", "good", "--baseline", "none")


def test_judge_of_stored_answers_asks_enough(gate: Project) -> None:
    assert judged(gate, "case,").ret == 0
    assert gate.verdicts() == {"test_it": "passed"}


def test_judge_is_not_enough_where_the_body_takes_the_version_and_never_asks_it(gate: Project) -> None:
    assert judged(gate, "model, case,").ret == 1
    assert NOTHING in gate.evaluation()["reason"]


def test_body_that_asks_the_baseline_alone_is_an_error(gate: Project) -> None:
    gate.body("return baseline.ask(case.prompt) == 'yes'", cases=30, threshold=0.5, arguments="model, baseline, case")
    assert gate.run(*PAIR).ret == 1
    assert NOTHING in gate.evaluation()["reason"]


def test_functions_and_fixtures_that_are_handed_the_model_ask_it(gate: Project) -> None:
    gate.module("""
        CASES = [{"id": f"c{i}", "prompt": f"q{i}"} for i in range(30)]

        @pytest.fixture
        def pipeline():
            return lambda model, text: model.ask(text).upper()

        @pytest.mark.evaluation(cases=CASES, threshold=0.5)
        def test_it(model, case, pipeline):
            return pipeline(model, case.prompt) == "YES"
    """)
    assert gate.run("--candidate", "good", "--baseline", "none").ret == 0
