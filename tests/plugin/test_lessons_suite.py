"""suites/distillation/test_lessons.py asks a teacher what it answers for its student, and nothing else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.config.artifacts import Artifact
from harness.config.customization import DistilledSettings, Step
from harness.errors import NotInLineageError
from harness.stages.distillation.answers import ANSWERS
from harness.stages.distillation.distillation import Distillation
from harness.stages.training.texts import TrainingData
from suites.distillation import test_lessons as lessons


class Teacher:
    """Knows where fish live."""

    async def chat(self, _messages: list[dict[str, str]], **_: Any) -> SimpleNamespace:
        """Answer whatever is asked."""
        return SimpleNamespace(text="Fish live in water.")


def student(folder: Path, prompt: str) -> Distillation:
    """One that was taught the teacher's answer to one prompt."""
    row = {"id": "a", "prompt": [{"role": "user", "content": prompt}], "answer": "Water."}
    (folder / ANSWERS).write_text(json.dumps({**row, "finish_reason": "stop"}) + "\n", "utf-8")
    step = Step("distilled", "own", DistilledSettings("teacher", "p.jsonl", method="sequence"), Artifact(folder, "0f"))
    data = TrainingData("p.jsonl", folder / "p.jsonl", "", is_corpus=False)
    return Distillation("own", (step, data), {}, folder, lambda _: {})


def test_a_question_that_no_lesson_answers_says_nothing_of_the_teacher(tmp_path: Path) -> None:
    """The 24 questions of evals/ were asked of any teacher, whatever its lessons were about."""
    taught = student(tmp_path, "What do fish live in?")
    asked = SimpleNamespace(prompt="What do fish live in?", expected="water")
    score = asyncio.run(lessons.test_teacher_passes(taught, Teacher(), asked))
    assert score.value == 1
    other = SimpleNamespace(prompt="Which insects make honey?", expected="bees")
    with pytest.raises(pytest.skip.Exception, match="is not asked this"):
        asyncio.run(lessons.test_teacher_passes(taught, Teacher(), other))


def test_prompts_of_which_none_is_a_case_skip_the_evaluation_as_a_whole(tmp_path: Path) -> None:
    """Each body was skipped by itself, and an evaluation without a score is inconclusive: never green."""
    asked = SimpleNamespace(prompt="What do fish live in?", expected="water")
    with pytest.raises(NotInLineageError) as refused:
        asyncio.run(lessons.test_teacher_passes(student(tmp_path, "What is steel?"), Teacher(), asked))
    assert refused.value.advice == (
        "own has no prompt that is a case of evals/distillation/prompts/cases.jsonl: give it some of them, or write a "
        "case for each of its own"
    )
