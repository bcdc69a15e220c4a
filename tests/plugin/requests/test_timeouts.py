"""Answers that don't come in time are draws that failed: no rerun asks for them until they do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.loopback.faults import Fault
from tests.plugin.projects import Project

pytestmark = pytest.mark.service


@pytest.fixture
def hanging(project: Project, loopback: Any) -> tuple[Project, Any]:
    """A version of which 30 % of requests hang, and its server."""
    server = loopback(default="yes", faults=(Fault("hang", rate=0.3),))
    project.versions = {"only": {"engine": "openai", **server.settings(), "timeout_s": 0.3, "revision": "1"}}
    project.settings = {"samples": 2, "baseline": "none"}
    project.body("return model.ask(case.prompt) == 'yes'", cases=24, threshold=0.95)
    return project, server


def note(project: Project) -> str:
    return " ".join(each for each in project.notes() if "failed at" in each)


def test_what_was_not_answered_in_time_is_an_error_for_every_rerun(hanging: tuple[Project, Any]) -> None:
    project, server = hanging
    project.run("--candidate", "only")
    assert project.verdicts() == {"test_it": "error"}
    told, asked = note(project), server.stats["requests"]
    n_failed = project.report()["usage"]["failed_samples"]
    assert f"only failed at {n_failed} draws ({n_failed} of them by timeout_s), kept as answers are: a rerun" in told
    assert told.endswith(
        "until its code or `revision` changes, or, once timeout_s is raised or --concurrency lowered, with --fresh, "
        "which draws all anew, as another look"
    )
    assert "no complete answer within 0.3 s (timeout_s)" in project.evaluation()["reason"]
    project.versions["only"]["timeout_s"] = 5.0
    project.run("--candidate", "only")
    assert project.verdicts() == {"test_it": "error"}
    assert (note(project), server.stats["requests"]) == (told, asked)


@pytest.mark.nightly
def test_neither_one_case_at_a_time_nor_few_requests_draw_until_all_are_in_time(hanging: tuple[Project, Any]) -> None:
    project, _ = hanging
    for number in range(5):
        project.run("--candidate", "only", "--case", f"c{number}")
    for _ in range(3):
        project.run("--candidate", "only")
        assert project.verdicts() == {"test_it": "error"}
