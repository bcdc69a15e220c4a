"""Evaluations of suites/customization, each with what it is to find."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[2]
CUSTOMIZATION = "customization"


def said(verdict: str) -> str:
    """An answer to each question of a judge's."""
    found = [{"verdict": verdict, "reason": "because"}]
    return json.dumps({"truths": ["t"], "claims": ["c"], "statements": ["s"], "verdicts": found, "reason": "so it is"})


@pytest.fixture
def desk(project: Project) -> Project:
    """A project with the handbook, a version that finds passages in it, one with a budget, and two judges."""
    shutil.copytree(ROOT / "evals" / CUSTOMIZATION, project.path / "evals" / CUSTOMIZATION)
    passages = {"passages": "evals/customization/handbook/passages.jsonl"}
    project.versions = {
        "plain": {"engine": "scripted", "default": "At 18:00."},
        "rag": {"base": "plain", "retrieval": passages},
        "one": {"base": "plain", "retrieval": {**passages, "k": 1}},
        "kind": {"engine": "scripted", "default": said("yes")},
        "harsh": {"engine": "scripted", "default": said("no")},
    }
    project.settings |= {"judge": "kind"}
    return project


def taken(project: Project, *suites: str) -> None:
    for suite in suites:
        text = (ROOT / "suites" / CUSTOMIZATION / suite).read_text(encoding="utf-8")
        (project.path / f"{suite[:-3]}_copy.py").write_text(text, encoding="utf-8")


def test_answers_are_judged_where_the_command_line_names_a_judge(desk: Project) -> None:
    taken(desk, "test_judged.py")
    skipped = desk.run("-rs", "--candidate", "rag", "--baseline", "none")
    skipped.assert_outcomes(skipped=2)
    skipped.stdout.fnmatch_lines(["*name a judge that is worth it: --judge VERSION*"])
    for judge, verdict in (("kind", "passed"), ("harsh", "failed")):
        desk.run("--candidate", "rag", "--baseline", "none", "--judge", judge)
        assert desk.verdicts() == {"test_faithful": verdict, "test_relevant": verdict}
        assert [each["name"] for each in desk.evaluation("test_faithful")["judges"]] == [judge]


def test_what_is_spent_is_weighed_beside_what_is_answered(desk: Project) -> None:
    taken(desk, "test_budget.py")
    desk.run("--candidate", "one", "--baseline", "rag")
    assert desk.verdicts() == {"test_answers": "passed", "test_tokens": "passed"}
    spent = desk.evaluation("test_tokens")
    assert spent["candidate"]["value"] < 0.6 * spent["baseline"]["value"]
    desk.run("--candidate", "rag", "--baseline", "one")
    assert desk.verdicts()["test_tokens"] == "regressed"


def test_a_base_that_finds_passages_itself_is_no_counterpart(desk: Project) -> None:
    """What is about an adapter is skipped as well, for the version has none."""
    taken(desk, "test_grounding.py", "test_support.py")
    desk.versions["fewer"] = {"base": "rag", "retrieval": {**desk.versions["rag"]["retrieval"], "k": 1}}
    skipped = desk.run("-rs", "-k", "not test_support_copy or test_gain", "--candidate", "fewer", "--baseline", "none")
    skipped.assert_outcomes(skipped=5)
    skipped.stdout.fnmatch_lines(["*rag has no way to be asked a question alone*"])
    skipped.stdout.fnmatch_lines(["*fewer has no adapter*"])


def test_what_is_about_passages_is_skipped_without_a_retriever(desk: Project) -> None:
    taken(desk, "test_grounding.py", "test_budget.py", "test_judged.py", "test_retrieval.py")
    skipped = desk.run("-rs", "--candidate", "plain", "--baseline", "none", "--judge", "kind")
    skipped.assert_outcomes(skipped=16)


def test_a_function_of_the_project_is_a_retriever_like_any_other(desk: Project) -> None:
    shop = desk.path / "shop.py"
    shop.write_text(
        'def find(question, k):\n    return [{"id": "hours", "text": "It closes at 18:00."}][:k]\n', "utf-8"
    )
    desk.versions["own"] = {"base": "plain", "retrieval": {"call": "shop:find", "k": 2}}
    desk.module("""
        @pytest.mark.evaluation(cases=[{"id": n, "prompt": f"When? {n}"} for n in "abcdef"], threshold=0.1)
        async def test_it(model, retriever, case):
            (found,) = retriever.search(case.prompt)
            return found.id == "hours" and await model.ask(case.prompt) == "At 18:00."
    """)
    drawn = []
    for _ in range(2):
        desk.run("--candidate", "own", "--baseline", "none")
        assert desk.verdicts() == {"test_it": "passed"}
        drawn.append(desk.report()["usage"]["model_calls"])
    shop.write_text(shop.read_text("utf-8").replace("18:00", "19:00"), "utf-8")
    desk.run("--candidate", "own", "--baseline", "none")
    assert drawn == [desk.report()["usage"]["model_calls"], 0], "changed code is another version"
    assert drawn[0] > 0
