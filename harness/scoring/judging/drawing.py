"""Asks one judge, and asks once more where an answer does not follow its form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.records import Messages, Sample
from harness.requests import Model
from harness.scoring.judging.answers import MalformedAnswerError

LEAST_TOKENS = 512
"""Room for a reason and a score, whatever a version's `max_tokens` leaves its own answers."""
MOST_REPEATS = 100
"""Of one question; the draws in place of malformed answers are numbered from here."""
Opinion = tuple[float, str]
"""The score that a judge's answer comes to, and its reason."""


@dataclass(frozen=True, slots=True)
class JudgeQuestion:
    """One thing that a judge is asked.

    Attributes:
        read: what an answer comes to; raises `MalformedAnswerError` for one that follows neither form nor scale.
        logprobs: alternatives to report for each token, or None.
        repeat: which draw of the same question this is, from 0.
    """

    messages: Messages
    schema: Mapping[str, Any]
    read: Callable[[Sample], Opinion]
    logprobs: int | None = None
    repeat: int = 0


@dataclass(frozen=True, slots=True)
class JudgeAnswer:
    """What one judge said.

    Attributes:
        answers: one for each question, in order; None where neither the first nor the second answer followed its form.
        problems: what is wrong with each that did not follow its form, in order.
    """

    judge: str
    answers: tuple[Opinion | None, ...]
    problems: tuple[str, ...] = ()

    @property
    def opinions(self) -> tuple[Opinion, ...]:
        """The answers that followed their form."""
        return tuple(answer for answer in self.answers if answer is not None)

    @property
    def n_answers(self) -> int:
        """The number of answers drawn: one for each question, and one more for each whose first followed no form."""
        return len(self.opinions) + len(self.problems)


class Seat:
    """One judge of a panel, as one body asks it.

    Args:
        judge: the judging version.
    """

    def __init__(self, judge: Model) -> None:
        self.judge = judge
        self._sets = {0: judge}

    async def ask(self, questions: Sequence[JudgeQuestion]) -> JudgeAnswer:
        """The judge's answers, all asked for at once. In place of one that follows no form, another is drawn, once.

        Raises:
            EngineError: the judge could not answer.
        """
        found = await asyncio.gather(*map(self._answer, questions), return_exceptions=True)
        answered = []
        for each in found:
            if isinstance(each, BaseException):
                raise each
            answered.append(each)
        problems = tuple(problem for _, problems in answered for problem in problems)
        return JudgeAnswer(self.judge.name, tuple(opinion for opinion, _ in answered), problems)

    async def _answer(self, question: JudgeQuestion) -> tuple[Opinion | None, list[str]]:
        problems: list[str] = []
        for number in (question.repeat, MOST_REPEATS + question.repeat):
            try:
                return question.read(await self._draw(number, question)), problems
            except MalformedAnswerError as error:
                problems.append(str(error))
        return None, problems

    async def _draw(self, number: int, question: JudgeQuestion) -> Sample:
        judge = self._sets.get(number) or self._sets.setdefault(number, self.judge._apart(number))
        room = judge.sampling.get("max_tokens", LEAST_TOKENS)
        more: dict[str, Any] = {"max_tokens": LEAST_TOKENS} if room < LEAST_TOKENS else {}
        asked = judge.chat(question.messages, schema=question.schema, logprobs=question.logprobs, **more)
        sample: Sample = await asked
        return sample
