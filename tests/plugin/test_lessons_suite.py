"""suites/distillation/test_lessons.py asks a teacher what it answers for its student, and nothing else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.config.customization import DistilledSettings, Step
from harness.stages.distillation.answers import ANSWERS
from harness.stages.distillation.distillation import Distillation
from harness.stages.training.texts import TrainingData
from suites.distillation import test_lessons as lessons


class Teacher:
    """Knows where fish live."""

    async def chat(self, _messages: list[dict[str, str]], **_: Any) -> SimpleNamespace:
        """Answer whatever is asked."""
        return SimpleNamespace(text="Fish live in water.")


def test_a_question_that_no_lesson_answers_says_nothing_of_the_teacher(tmp_path: Path) -> None:
    """The 24 questions of evals/ were asked of any teacher, whatever its lessons were about."""
    row = {"id": "a", "prompt": [{"role": "user", "content": "What do fish live in?"}], "answer": "Water."}
    (tmp_path / ANSWERS).write_text(json.dumps({**row, "finish_reason": "stop"}) + "\n", "utf-8")
    step = Step("distilled", "own", DistilledSettings("teacher", "p.jsonl", method="sequence"), folder=str(tmp_path))
    data = TrainingData("p.jsonl", tmp_path / "p.jsonl", "", is_corpus=False)
    student = Distillation("own", (step, data), {}, tmp_path, lambda _: {})
    asked = SimpleNamespace(prompt="What do fish live in?", expected="water")
    score = asyncio.run(lessons.test_teacher_passes(student, Teacher(), asked))
    assert score.value == 1
    other = SimpleNamespace(prompt="Which insects make honey?", expected="bees")
    with pytest.raises(pytest.skip.Exception, match="is not asked this"):
        asyncio.run(lessons.test_teacher_passes(student, Teacher(), other))
