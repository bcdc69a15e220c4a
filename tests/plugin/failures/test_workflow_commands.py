"""What a server or a model says gives no commands to the CI system that reads the log."""

from __future__ import annotations

import re

import pytest

from tests.bench.endpoint_faults import answers, document, right
from tests.loopback.hostile import Hostile
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

COMMANDS = (
    "::error file=a.py,line=1::",
    "::warning::",
    "::add-mask::",
    "::stop-commands::",
    "::group::",
    "::set-output name=x::",
)
SAID = " ".join(f"{'x' * length} {command}pwned" for length in range(1, 80, 3) for command in COMMANDS)
SAID += " ##[error]pwned ##vso[x]pwned " + "x" * 65 + "::error::pwned"


def commands(text: str) -> list[str]:
    """The lines that GitHub or Azure takes for commands: `::name` after spaces, `##[name]` anywhere."""
    return [line for line in text.splitlines() if re.match(r"\s*::[a-z-]+", line) or re.search(r"##(vso)?\[", line)]


@pytest.mark.parametrize("status", ["200 OK", "400 X", "401 X", "500 X"])
def test_an_error_of_a_server_is_no_command(project: Project, status: str) -> None:
    body = {"error": {"message": SAID}}
    with Hostile({"0": answers(body, status=status, headers="Retry-After: 3600\r\n")}, right()) as server:
        project.versions = {"only": {"engine": "openai", "base_url": f"{server.base}/0/always/v1", "model": "m"}}
        project.body("return model.ask(case.prompt) == 'x'")
        result = project.run_apart("-v")
    assert result.ret == 1
    assert "pwned" in result.stdout.str()
    assert commands(result.stdout.str() + result.stderr.str()) == []
    for path in (project.path / "reports" / "latest").glob("*.*"):
        if path.suffix in (".md", ".xml"):
            assert commands(path.read_text()) == []


def test_an_answer_or_a_reason_is_no_command(project: Project) -> None:
    with Hostile({"0": answers(document(SAID))}, right()) as server:
        project.versions = {"only": {"engine": "openai", "base_url": f"{server.base}/0/always/v1", "model": "m"}}
        project.module("""
            CASES = [{"id": "::error::id", "prompt": "q"}, {"id": "b", "prompt": "r"}]

            @pytest.mark.evaluation(cases=CASES, threshold=0.9)
            def test_reason(model, case):
                answer = model.ask(case.prompt)
                return harness.Score(0.0, reason=answer)

            @pytest.mark.evaluation(cases=CASES, threshold=0.9)
            def test_asserted(model, case):
                assert model.ask(case.prompt) == "x", "\\n::error::asserted"

            @pytest.mark.evaluation(cases=CASES, threshold=0.9)
            def test_raised(model, case):
                raise ValueError("\\n::error::raised " + model.ask(case.prompt))
        """)
        result = project.run_apart("-v")
    assert result.ret == 1
    assert commands(result.stdout.str() + result.stderr.str()) == []
    for path in (project.path / "reports" / "latest").glob("*.*"):
        if path.suffix in (".md", ".xml"):
            assert commands(path.read_text()) == []
