"""A version whose answers change while it is asked: which of the two was weighed, nobody can tell."""

from __future__ import annotations

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service

BODY = """
    import json, pathlib
    answer = model.ask(case.prompt)
    if case.id == "c9":
        pathlib.Path("answers.json").write_text(json.dumps({"q1": "other"}))
    return answer == "yes"
"""


@pytest.fixture
def moving(project: Project) -> Project:
    project.write("answers.json", '{"q1": "yes"}')
    project.versions = {"only": {"engine": "scripted", "answers": "answers.json", "default": "yes"}}
    project.body(BODY, cases=40, threshold=0.5, design="fixed")
    return project


def test_a_version_that_changes_while_it_is_sampled_is_an_error_that_says_what_to_do(moving: Project) -> None:
    result = moving.run()
    assert result.ret == 1
    entry = moving.evaluation()
    assert entry["verdict"] == "error"
    assert "version 'only' changed while it was sampled" in entry["reason"]
    assert "steelyard store prune --version" in entry["reason"]
    result.stdout.fnmatch_lines(["*version 'only' changed while it was sampled*"])


def test_run_again_as_what_it_is_now_it_begins_anew(moving: Project) -> None:
    moving.run()
    moving.run()
    entry = moving.evaluation()
    assert (entry["verdict"], entry["look"]["number"]) == ("passed", 1)
