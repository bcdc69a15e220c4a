"""What an endpoint does is told where the verdict is: another model's name, answers without a text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.bench.endpoint_faults import answers, document, right
from tests.loopback import Loopback
from tests.loopback.hostile import Hostile
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

Start = Callable[..., Loopback]
CALL = {"type": "function", "function": {"name": "look", "arguments": "{}"}}


def served(loopback: Loopback, **more: Any) -> dict[str, Any]:
    return {"engine": "openai", **loopback.settings(**more)}


def notes(result: pytest.RunResult) -> str:
    """The terminal's lines as one, without the breaks."""
    return " ".join(result.stdout.str().split())


class TestNames:
    def test_another_model_is_told_once_and_kept_in_the_report(self, project: Project, loopback: Start) -> None:
        project.versions = {"only": served(loopback(model="tiny-3b"), model="big-70b")}
        project.body("return model.ask(case.prompt) == 'ok'")
        result = project.run()
        told = "only: asked for big-70b, the endpoint says that tiny-3b answered: name that to keep"
        assert notes(result).count(told) == 1
        assert result.ret == 0
        version = project.report()["candidate"]
        assert (version["model"], version["answered_as"]) == ("big-70b", ["tiny-3b"])
        for name in ("index.html", "report.md"):
            assert "tiny-3b" in (project.path / "reports" / "latest" / name).read_text()

    @pytest.mark.parametrize("name", [None, "loopback", "acme/loopback", "Loopback", ""])
    def test_the_same_model_is_not(self, project: Project, loopback: Start, name: str | None) -> None:
        project.versions = {"only": served(loopback(model=name))}
        project.body("return model.ask(case.prompt) == 'ok'")
        assert "answered" not in notes(project.run())
        assert project.report()["candidate"]["answered_as"] == []

    def test_a_name_can_not_move_the_cursor(self, project: Project, loopback: Start) -> None:
        project.versions = {"only": served(loopback(model="\x1b[2Jbad\nname"))}
        project.body("return model.ask(case.prompt) == 'ok'")
        assert "\\x1b[2Jbad⏎name" in notes(project.run())


class TestWithoutText:
    @pytest.mark.nightly
    @pytest.mark.parametrize(
        ("message", "reason", "why"),
        [
            ({"content": None, "tool_calls": [CALL]}, "tool_calls", "the answer is a tool call without text (look)"),
            ({"content": ""}, "content_filter", "a content filter of the endpoint withheld the answer"),
            ({"content": "so"}, "content_filter", "a content filter of the endpoint withheld the rest of the answer"),
            ({"content": None, "reasoning": "hm"}, "stop", "the model wrote its reasoning and no answer"),
        ],
        ids=["tool call", "withheld", "withheld in part", "reasoning"],
    )
    @pytest.mark.parametrize(
        "body",
        ["return model.ask(case.prompt) == 'x'", "assert model.ask(case.prompt) == 'x'"],
        ids=["returned", "asserted"],
    )
    def test_the_score_says_why(
        self, project: Project, message: dict[str, Any], reason: str, why: str, body: str
    ) -> None:
        reply = answers(document(choices=[{"index": 0, "message": message, "finish_reason": reason}]))
        with Hostile({"0": reply}, right()) as server:
            project.versions = {"only": {"engine": "openai", "base_url": f"{server.base}/0/always/v1", "model": "m"}}
            project.body(body, threshold=0.9)
            result = project.run()
        assert result.ret == 1
        (change, *_) = project.report()["changes"]
        assert change["candidate_reason"].startswith(why)
        assert why.split(" (")[0] in json.dumps(project.report())

    def test_a_body_that_asks_for_the_whole_sample_sees_for_itself(self, project: Project, loopback: Start) -> None:
        project.versions = {"only": served(loopback(call_tools=True))}
        project.body("""
            tool = {"type": "function", "function": {"name": "look"}}
            return model.chat(case.prompt, tools=[tool]).tool_calls is not None
        """)
        assert project.run().ret == 0
        assert "without text" not in json.dumps(project.report())
