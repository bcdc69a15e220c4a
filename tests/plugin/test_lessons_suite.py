"""suites/distillation/test_lessons.py asks a teacher what it answers for its student, and nothing else."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import NotInLineageError
from suites.distillation import test_lessons as lessons


class Teacher:
    """Knows where fish live."""

    async def chat(self, _messages: list[dict[str, str]], **_: Any) -> SimpleNamespace:
        """Answer whatever is asked."""
        return SimpleNamespace(text="Fish live in water.")


def student(prompt: str) -> Any:
    """One that was taught the teacher's answer to one prompt."""
    return SimpleNamespace(version="own", prompts=(({"role": "user", "content": prompt},),))


def test_a_question_that_no_lesson_answers_says_nothing_of_the_teacher() -> None:
    """The 24 questions of evals/ were asked of any teacher, whatever its lessons were about."""
    taught = student("What do fish live in?")
    asked = SimpleNamespace(prompt="What do fish live in?", expected="water")
    score = asyncio.run(lessons.test_teacher_passes(taught, Teacher(), asked))
    assert score.value == 1
    other = SimpleNamespace(prompt="Which insects make honey?", expected="bees")
    with pytest.raises(pytest.skip.Exception, match="is not asked this"):
        asyncio.run(lessons.test_teacher_passes(taught, Teacher(), other))


def test_prompts_of_which_none_is_a_case_skip_the_evaluation_as_a_whole() -> None:
    """Each body was skipped by itself, and an evaluation without a score is inconclusive: never green."""
    asked = SimpleNamespace(prompt="What do fish live in?", expected="water")
    with pytest.raises(NotInLineageError) as refused:
        asyncio.run(lessons.test_teacher_passes(student("What is steel?"), Teacher(), asked))
    assert refused.value.advice == (
        "own has no prompt that is a case of evals/distillation/prompts/cases.jsonl: give it some of them, or write a "
        "case for each of its own"
    )
