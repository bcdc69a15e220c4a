"""A gate without the cases that a prompt under test was optimised on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.store import Store
from tests.plugin.projects import Project
from tests.tracking.forks import in_a_fork

pytestmark = pytest.mark.service


def main(address: str) -> None:
    """Register a prompt that says what it was optimised on."""
    import mlflow

    mlflow.set_tracking_uri(address)
    mlflow.genai.register_prompt("qa", "Q: {{prompt}}", tags={"steelyard.optimised_on": '["c0", "seen.jsonl"]'})


PAIR = ("--candidate", "tuned", "--baseline", "only")


@pytest.fixture
def gate(project: Project) -> Project:
    """A project with a version whose prompt was optimised on two of three cases, one by its id and one by its text."""
    (project.path / "seen.jsonl").write_text(json.dumps({"prompt": "Q2!"}) + "\n", encoding="utf-8")
    (project.path / "system.md").write_text("Say yes.\n", encoding="utf-8")
    tuned = {"base": "only", "system": "file:system.md", "optimised_on": ["c0", "seen.jsonl"]}
    project.versions |= {"tuned": tuned, "later": {"base": "tuned", "sampling": {"temperature": 0.5}}}
    return project


@pytest.mark.parametrize(
    "pair", [PAIR, ("--candidate", "later", "--baseline", "only"), ("--candidate", "later", "--baseline", "tuned")]
)
def test_they_are_left_out_for_both_versions_and_said(gate: Project, pair: tuple[str, ...]) -> None:
    gate.body("return model.ask(case.prompt) == 'yes'", cases=4)
    result = gate.run(*pair)
    entry = gate.evaluation()
    assert sorted(case["id"] for case in entry["cases"]) == ["c1", "c3"]
    both = pair[-1] == "tuned"
    said = "the candidate's and the baseline's prompts were" if both else "the candidate's prompt was"
    words = f"2 of 4 cases left out: {said} optimised on them"
    assert entry["reason"].endswith(f"; {words}")
    assert words in " ".join(line.strip() for line in result.outlines)
    with Store.open(str(gate.store), readonly=True) as store:
        (run,) = store.runs()
        assert run.spec["left_out"] == {"test_it.py::test_it": words}
        assert run.spec["candidate"].get("prompts", {}) == {"system": "file:system.md"}


def test_what_is_no_file_and_no_case_is_noted(gate: Project) -> None:
    gate.versions["tuned"]["optimised_on"] = ["c0", "seen_jsonl"]
    gate.body("return model.ask(case.prompt) == 'yes'", cases=4)
    gate.run(*PAIR)
    (note,) = gate.report()["notes"]
    assert note.startswith("'seen_jsonl' of optimised_on is no file and the id of no case of this run")
    assert sorted(case["id"] for case in gate.evaluation()["cases"]) == ["c1", "c2", "c3"]


def test_a_prompt_that_has_seen_all_is_weighed_by_nothing(gate: Project) -> None:
    gate.body("return model.ask(case.prompt) == 'yes'", cases=1)
    result = gate.run(*PAIR)
    assert result.ret == 4
    assert "test_it.py::test_it: its one case has been seen: the candidate's prompt was optimised on" in " ".join(
        [*result.errlines, *result.outlines]
    )


def test_a_case_that_is_an_item_is_skipped(gate: Project) -> None:
    gate.body("return model.ask(case.prompt) == 'yes'", cases=3, per="case", threshold=0.5, margin=0.1)
    result = gate.run(*PAIR, "-rs")
    result.assert_outcomes(passed=1, skipped=2)
    assert "its case left out: the candidate's prompt was optimised on it" in str(result.outlines)


@pytest.mark.nightly
def test_a_prompt_of_the_registry_says_what_it_has_seen(
    gate: Project, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_a_fork(__name__, database, folder=Path(database.removeprefix("sqlite:///")).parent)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", database)
    monkeypatch.setenv("STEELYARD_CACHE", str(gate.path / "cache"))
    gate.versions["tuned"] = {"base": "only", "template": "prompts:/qa/1"}
    gate.body("return model.ask(case.prompt) == 'yes'", cases=4)
    for options in ((), ("--offline",)):
        gate.run(*PAIR, *options)
        assert sorted(case["id"] for case in gate.evaluation()["cases"]) == ["c1", "c3"]
    with Store.open(str(gate.store), readonly=True) as store:
        assert store.runs()[-1].spec["candidate"]["prompts"] == {"template": "prompts:/qa/1"}
