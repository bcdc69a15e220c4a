"""Cases that resemble each other, from pytest's side."""

from __future__ import annotations

import ast

import pytest

from harness.plugin.collection import copies as module
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

QUESTIONS = "QUESTIONS = [f'What comes after {n} in the row' for n in range(4)]\n"
CASES = "[{'id': f'c{i}', 'prompt': QUESTIONS[i % 4] + '?' * (i // 4), 'row': i} for i in range(12)]"


def suite(project: Project, body: str = "return model.ask(case.prompt) == 'yes'", marker: str = "") -> None:
    project.settings["baseline"] = "only"
    project.module(
        f"{QUESTIONS}@pytest.mark.evaluation(cases={CASES}{marker})\ndef test_it(model, case):\n    {body}\n"
    )


def test_copies_are_said_at_collection_and_in_every_report(project: Project) -> None:
    suite(project)
    result = project.run()
    result.stdout.fnmatch_lines(
        ["steelyard: *test_it: 12 cases count as 4, for some are copies of others, such as 'c4' of 'c0'; *"]
    )
    entry = project.evaluation()
    assert (entry["n_cases"], entry["n_clusters"], entry["largest_cluster"]) == (12, 4, 3)
    assert entry["clusters_known_by"] == "texts"
    assert {case["id"]: case["cluster"] for case in entry["cases"]}["c7"] == "c3"
    assert "12 cases count as 4, for some are copies of others" in entry["reason"]
    assert "12 cases count as 4" in " ".join((project.path / "reports/latest/report.md").read_text().split())


@pytest.mark.parametrize(
    ("marker", "body"),
    [
        (", cluster=False", "return model.ask(case.prompt) == 'yes'"),
        ("", "return model.ask(f'{case.id}: {case.prompt}') == 'yes'"),
        ("", "return asked(model, case)"),
    ],
    ids=["switched off", "the id may be asked about", "a helper may read every field"],
)
def test_cases_are_cases(project: Project, marker: str, body: str) -> None:
    suite(project, body, marker)
    with (project.path / "test_it.py").open("a") as file:
        file.write("\n\ndef asked(model, case):\n    return model.ask(f'{case.row} {case.prompt}') == 'yes'\n")
    result = project.run()
    result.stdout.no_fnmatch_line("*count as*")
    entry = project.evaluation()
    assert (entry["n_clusters"], entry["clusters_known_by"]) == (12, None)


def test_cases_that_ask_the_very_same_share_samples_whatever_the_marker_says(project: Project) -> None:
    suite(project, "return model.ask(case.prompt.strip('?')) == 'yes'", ", cluster=False")
    project.run()
    entry = project.evaluation()
    assert (entry["n_clusters"], entry["largest_cluster"], entry["clusters_known_by"]) == (4, 3, "requests")
    assert "12 cases count as 4, for some ask the same as others" in entry["reason"]


@pytest.mark.parametrize("design", ["fixed", "sequential"])
def test_conversations_that_begin_alike_are_cases_of_their_own(project: Project, design: str) -> None:
    project.settings |= {"baseline": "only", "design": design}
    project.body("return model.converse(['Hello', case.prompt]).text == 'yes'", cases=80)
    assert project.run().ret == 0
    entry = project.evaluation()
    assert entry["clusters_known_by"] is None
    assert entry["n_clusters"] == entry["n_cases"] >= 60


def test_conversations_that_share_the_answer_to_their_beginning_are_one(project: Project) -> None:
    """Written by hand, they all go on from the same draws, which decide of all of them together."""
    lines = (
        "first = model.ask('Hello')\n"
        "messages = [{'role': 'user', 'content': 'Hello'}, {'role': 'assistant', 'content': first},"
        " {'role': 'user', 'content': case.prompt}]\n"
        "return model.chat(messages).text == 'yes'"
    )
    project.settings |= {"baseline": "only"}
    project.body(lines, cases=80)
    assert project.run().ret == 8
    entry = project.evaluation()
    assert (entry["clusters_known_by"], entry["n_clusters"]) == ("answers", 1)
    assert "ask through model.converse" in entry["reason"]


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("def body(case): return case.prompt, case['expected']", {"prompt", "expected"}),
        ("def body(case): return 'hint' in case and case.prompt", {"prompt", "hint"}),
        ("def body(case): return helper(case), case.prompt", None),
        ("def body(case): return case[name]", None),
        ("def body(case): return case.get('hint')", None),
        ("def body(case): return 1", None),
    ],
)
def test_the_fields_that_a_body_reads(source: str, fields: set[str] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "parsed", lambda function: ast.parse(source))
    assert module.fields_read(test_the_fields_that_a_body_reads) == fields
