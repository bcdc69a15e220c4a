"""A red gate says first what is worse, where, by how much, and what the lost cases have in common."""

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service

APPLICATION = '''
CALL = {"id": "1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}

def old(messages):
    question = messages[-1]["content"]
    return {"text": f"Here you are: {question}", "tool_calls": [CALL]} if "orders" in question else "Of course."

def new(messages):
    question = messages[-1]["content"]
    return "I do not know." if question.split()[-1] in ("0", "5", "10", "15", "20") else old(messages)
'''
MODULE = """
    CASES = [
        {"id": f"c{i}", "prompt": f"{topic} {i}", "topic": topic}
        for i in range(30) for topic in [("orders" if i % 5 in (0, 2) else "billing")]
    ]

    @pytest.mark.evaluation(cases=CASES, slices="topic", slice_margin=0.1)
    def test_it(model, case):
        assert "know" not in model.ask(case.prompt)
"""


def test_the_sentence_names_the_slice_and_the_tool_that_is_no_longer_called(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    project.write("app.py", APPLICATION)
    project.module(MODULE)
    project.versions = {name: {"engine": "python", "call": f"app:{name}"} for name in ("new", "old")}
    project.settings |= {"candidate": "new", "baseline": "old", "samples": 10}
    result = project.run()
    (loss,) = project.report()["losses"]
    assert (loss["n_lost"], loss["n_others"], loss["shared"]) == (5, 25, "no longer call look_up")
    assert (loss["n_with"], loss["n_others_seen"], loss["n_others_with"]) == (5, 7, 0)
    told = r"topic orders 1\.00 -> 0\.58 \(-0\.\d+ to -0\.\d+, margin 0\.10\); all 5 lost cases no longer call look_up"
    result.stdout.re_match_lines([rf" +{told} \(none of 7 others\)"])


def test_nothing_is_told_of_cases_that_have_nothing_in_common(project: Project) -> None:
    project.body("return model.ask(case.prompt) == 'yes'", cases=20, design="fixed")
    project.versions = {"good": {"engine": "scripted", "default": "yes"}, "bad": {"base": "good", "default": "no"}}
    project.run("--candidate", "bad", "--baseline", "good")
    (loss,) = project.report()["losses"]
    assert (loss["n_lost"], loss["shared"]) == (20, "")


def test_a_green_gate_lost_nothing(project: Project) -> None:
    project.body("return model.ask(case.prompt) == 'yes'")
    assert project.run().ret == 0
    assert project.report()["losses"] == []
