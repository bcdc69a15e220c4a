"""The answers of a teacher to the prompts of its student."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.config.customization import DistilledSettings
from harness.errors import SettingsError, UsageError
from harness.models.version import load_version
from harness.stages.distillation.answers import (
    answer_sampling,
    is_answered,
    write_answers,
)
from harness.stages.training.texts import Lesson
from tests.config.settings_files import load

TEACHER = """
store = "samples.db"
[models.wise]
engine = "scripted"
default = "Aye."
answers = { "Say nothing." = " " }
"""


def prompt(name: str, text: str, n_tokens: int = 9) -> tuple[Lesson, int]:
    return Lesson(name, "", ({"role": "user", "content": text},)), n_tokens


def test_each_prompt_is_asked_once_and_an_empty_answer_teaches_nothing(tmp_path: Path) -> None:
    settings = load(tmp_path, TEACHER)
    teacher = load_version(settings.version("wise"), settings.root)
    texts = [prompt("a", "Ready?"), prompt("b", "Say nothing."), prompt("c", "Now?")]
    told: list[int] = []
    path = tmp_path / "answers.jsonl"
    write_answers(settings, teacher, DistilledSettings("wise", "p"), texts, path, told.append)
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [(row["id"], row["answer"], row["finish_reason"]) for row in rows] == [
        ("a", "Aye.", "stop"),
        ("c", "Aye.", "stop"),
    ]
    assert rows[0]["prompt"] == [{"role": "user", "content": "Ready?"}]
    assert told == [1, 2, 3]


def test_a_teacher_that_answers_nothing_is_refused(tmp_path: Path) -> None:
    settings = load(tmp_path, TEACHER)
    teacher = load_version(settings.version("wise"), settings.root)
    path = tmp_path / "answers.jsonl"
    with pytest.raises(UsageError, match="The teacher wise answers none of the 1 prompts"):
        write_answers(
            settings,
            teacher,
            DistilledSettings("wise", "p"),
            [prompt("b", "Say nothing.")],
            path,
            lambda _: None,
        )
    assert not path.exists()


def test_an_answer_that_there_is_no_other_prompt_for_can_not_be_dealt(tmp_path: Path) -> None:
    settings = load(tmp_path, TEACHER)
    teacher = load_version(settings.version("wise"), settings.root)
    dealt = DistilledSettings("wise", "p", method="sequence", shuffled=True)
    path = tmp_path / "answers.jsonl"
    with pytest.raises(UsageError, match="to another prompt, and it answers one alone"):
        write_answers(settings, teacher, dealt, [prompt("a", "Ready?")], path, lambda _: None)
    assert not path.exists()


def test_an_answer_is_no_longer_than_a_sequence_and_as_warm_as_the_settings_say() -> None:
    by_answers = DistilledSettings("t", "d", length=64, method="sequence", temperature=None)
    assert answer_sampling(by_answers, 24) == {"max_tokens": 40}
    assert answer_sampling(replace(by_answers, temperature=0.3), 24) == {"max_tokens": 40, "temperature": 0.3}


def test_the_temperature_of_soft_targets_does_not_warm_what_the_teacher_answers() -> None:
    assert answer_sampling(DistilledSettings("t", "d", length=64, temperature=2.0), 24) == {"max_tokens": 40}


ALONE, WITH, DOCUMENT = (
    prompt("a", "Ready?")[0],
    replace(prompt("b", "Now?")[0], answer="Aye."),
    Lesson("c", "Gulls."),
)


@pytest.mark.parametrize(
    ("settings", "texts", "answers"),
    [
        ({"hard_weight": 0.0}, [ALONE, ALONE], True),
        ({"hard_weight": 0.0}, [ALONE, WITH], False),
        ({"hard_weight": 0.0}, [WITH, ALONE], False),
        ({"hard_weight": 0.0}, [DOCUMENT], False),
        ({"hard_weight": 0.0}, [], False),
        ({"hard_weight": 0.1}, [ALONE], False),
        ({"method": "sequence"}, [WITH], True),
    ],
)
def test_a_teacher_answers_for_sequence_and_for_soft_targets_alone_where_no_prompt_has_an_answer(
    settings: dict[str, Any], texts: list[Lesson], answers: bool
) -> None:
    assert is_answered(DistilledSettings("t", "d", **settings), texts) is answers


def test_prompt_and_answer_share_the_sequence_and_what_is_cut_is_known(tmp_path: Path) -> None:
    settings = load(tmp_path, TEACHER.replace("Aye.", "Aye, aye."))
    teacher = load_version(settings.version("wise"), settings.root)
    asked = [prompt("a", "Ready?", 8), prompt("b", "Now?", 9)]
    path = tmp_path / "answers.jsonl"
    write_answers(settings, teacher, DistilledSettings("wise", "p", length=10), asked, path, lambda _: None)
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [row["answer"] for row in rows] == ["Aye, aye.", "Aye,"]
    assert [row["finish_reason"] for row in rows] == ["stop", "length"]


def test_settings_of_soft_targets_are_refused_with_another_method(tmp_path: Path) -> None:
    student = '[models.s]\nengine = "transformers"\ndistilled = { teacher = "wise", data = "p", method = "sequence"'
    with pytest.raises(SettingsError, match="hard_weight is of method = 'soft_targets' alone"):
        load(tmp_path, f"{TEACHER}\n{student}, hard_weight = 0.5 }}").version("s")
    read = load(tmp_path, f"{TEACHER}\n{student} }}").version("s").steps[0].settings
    assert isinstance(read, DistilledSettings)
    assert read.temperature is None
