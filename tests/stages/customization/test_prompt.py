"""What a version puts around every question is looked through for the cases that gate it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.config import Settings
from harness.errors import CaseError, NotInLineageError
from harness.models.version import load_version
from harness.stages.customization.prompt import Prompt, load_prompt
from harness.stages.lineage import StageContext
from tests.config.settings_files import load

TEXT = """
[models.plain]
engine = "scripted"
default = "yes"
[models.told]
base = "plain"
system = "file:system.md"
template = "Q: What is the capital of Peru?\\nA: Lima\\n\\nQ: {prompt}\\nA:"
"""
CASES = [
    {"id": "peru", "prompt": "What is the capital of Peru?", "expected": "Lima"},
    {"id": "chad", "prompt": "What is the capital of Chad?", "expected": "N'Djamena"},
    {"id": "quay", "prompt": "Name the one thing that every harbour of the old north coast has.", "expected": "a quay"},
    {"id": "sum", "prompt": "2 + 2", "expected": "4"},
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "system.md").write_text("Be brief. Name the one thing that every harbour of the old north coast has.\n")
    (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, CASES)))
    return load(tmp_path, TEXT)


def prompt_of(settings: Settings, name: str) -> Prompt:
    version = load_version(settings.version(name), settings.root)
    return load_prompt(version, StageContext(settings))


def test_a_case_that_is_quoted_is_told_with_its_place(settings: Settings) -> None:
    prompt = prompt_of(settings, "told")
    assert (list(prompt.texts), prompt.places) == (["system", "template"], {"system": "file:system.md"})
    found = prompt.contamination("cases.jsonl")
    assert {name: each.state for name, each in found.items()} == {
        "peru": "contaminated",
        "chad": "clean",
        "quay": "contaminated",
        "sum": "too short",
    }
    assert str(found["quay"]).startswith("prompt in document system, from character 10: “Name the one thing that every")
    assert "prompt in document template, from character 3: “What is the capital of Peru?”" in str(found["peru"])


def test_a_list_of_cases_is_looked_for_as_their_file_is(settings: Settings) -> None:
    prompt = prompt_of(settings, "told")
    found = prompt.contamination(CASES)
    states = {name: each.state for name, each in prompt.contamination("cases.jsonl").items()}
    assert {name: each.state for name, each in found.items()} == states
    assert [each.id for each in found.contaminated] == ["peru", "quay"]
    assert prompt.contamination([*map(dict, CASES)]) is found, "searched once"
    assert [*prompt.contamination(CASES[:1])] == ["peru"]
    with pytest.raises(CaseError, match="item 0: the case has no id"):
        prompt.contamination([{"prompt": "?"}])
    with pytest.raises(CaseError, match="cases=7 is neither a path, a list of dicts nor"):
        prompt.contamination(7)  # type: ignore[arg-type]


def test_a_version_that_puts_questions_as_they_are_has_none(settings: Settings) -> None:
    with pytest.raises(NotInLineageError, match=r"plain has no prompt"):
        prompt_of(settings, "plain")
