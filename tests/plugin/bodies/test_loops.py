"""`model.loop` in bodies: the user's tools run until the version answers, and what is wrong with them is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.loopback.server import Options
from tests.loopback.thread import Loopback
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

ANSWERS = {
    "q0": 'tool call: degrees({"city": "Lima"})',
    "q1": 'tool call: degrees({"town": "Lima"})',
    "q2": 'tool call: degree({"city": "Lima"})',
    "Lima: 21": "21 degrees",
}
MODULE = """
from harness import checks

CASES = [{"id": f"c{i}", "prompt": f"q{i}"} for i in range(3)]

def degrees(city: str) -> str:
    if city == "Ulm":
        raise LookupError(city)
    return f"{city}: 21"

@pytest.mark.evaluation(cases=CASES, threshold=0.1, design="fixed")
ASYNC def test_it(model, case):
    talk = AWAIT model.loop(case.prompt, tools=[degrees], steps=4)
    assert talk.text == "21 degrees"
    return checks.calls(talk, "degrees", {"city": "Lima"}, exact=True)
"""


@pytest.mark.parametrize(("is_async", "awaits"), [("async", "await"), ("", "")])
def test_tools_run_and_the_version_hears_what_is_wrong_with_its_calls(
    project: Project, is_async: str, awaits: str
) -> None:
    project.versions = {"only": {"engine": "scripted", "answers": ANSWERS, "default": "sorry"}}
    project.module(MODULE.replace("ASYNC ", f"{is_async} ".lstrip()).replace("AWAIT ", f"{awaits} ".lstrip()))
    project.run()
    found = {change["case_id"]: change["candidate_answer"] for change in project.report()["changes"]}
    assert found.keys() == {"c1", "c2"}
    assert "tool: Error: city: Field required; town: Extra inputs are not permitted" in found["c1"]
    assert "tool: Error: there is no tool 'degree'. Tools: degrees. Did you mean 'degrees'?" in found["c2"]
    assert found["c1"].endswith("assistant: sorry")


def test_what_a_tool_raises_is_an_error_of_the_evaluation_and_no_score(project: Project) -> None:
    answers: dict[str, Any] = {"q0": 'tool call: degrees({"city": "Ulm"})'}
    project.versions = {"only": {"engine": "scripted", "answers": answers, "default": "21 degrees"}}
    project.module(MODULE.replace("ASYNC ", "").replace("AWAIT ", ""))
    project.run()
    assert project.verdicts() == {"test_it": "error"}
    assert "LookupError: Ulm" in project.report()["evaluations"][0]["reason"]


def test_an_endpoint_that_calls_for_ever_is_stopped_after_so_many_steps(project: Project) -> None:
    server = Loopback(Options(call_tools=True))
    try:
        project.versions = {"only": {"engine": "openai", **server.settings()}}
        text = MODULE.replace("ASYNC ", "").replace("AWAIT ", "").replace("range(3)", "range(1)")
        project.module(text.replace("city: str", 'city: str = "Lima"'))
        project.run()
    finally:
        server.stop()
    (change,) = project.report()["changes"]
    assert change["candidate_reason"].startswith("no answer in 4 steps: each of them called tools")
    assert project.report()["usage"]["model_calls"] == 8
    roles = [message["role"] for message in server.received[-1]["messages"]]
    assert roles == ["user", *["assistant", "tool"] * 3]
    assert server.received[0]["tools"][0]["function"]["name"] == "degrees"
