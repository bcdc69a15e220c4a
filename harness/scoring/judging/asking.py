"""Asks one judge, holds its answers to a form and reads them; what does not follow the form is no answer."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import shortened
from harness.records import Messages, Sample
from harness.requests import Model

ALTERNATIVES = 20
"""Number of alternatives to ask for at the token of the score: as many as endpoints give."""
CHOICES: Mapping[str, float] = {"A": 1.0, "tie": 0.5, "B": 0.0}
"""The score that each choice gives the answer that was shown first."""
LEAST_TOKENS = 512
"""Room for a reason and a score, whatever a version's `max_tokens` leaves its own answers."""
MOST_REPEATS = 100
"""Of one question; the draws in place of malformed answers are numbered from here."""
Opinion = tuple[float, str]
"""The score that a judge's answer comes to, and its reason."""

_SHOWN = 80
_SCORE_LAST = re.compile(r'"score"\s*:\s*(\d)\D*$', re.ASCII)
_DIGIT = re.compile(r"\D*(\d)\D*$", re.ASCII)


class MalformedAnswerError(ValueError):
    """A judge's answer does not follow its form, or lies outside the scale."""


@dataclass(frozen=True, slots=True)
class JudgeQuestion:
    """One thing that a judge is asked.

    Attributes:
        name: what the answer is beside its reason, "score" or "choice".
        values: what there is to give, with what each counts for.
        is_weighted: whether the values' mean under their probabilities counts, for single digits.
        repeat: which draw of the same question this is, from 0.
    """

    messages: Messages
    name: str
    values: Mapping[Any, float]
    is_weighted: bool = False
    repeat: int = 0

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of an answer. The reason comes first, so that the value follows from it."""
        kind = "string" if self.name == "choice" else "integer"
        return {
            "type": "object",
            "properties": {"reason": {"type": "string"}, self.name: {"type": kind, "enum": list(self.values)}},
            "required": ["reason", self.name],
            "additionalProperties": False,
        }

    def read(self, sample: Sample) -> Opinion:
        """Return what an answer counts for; `MalformedAnswerError` for one that follows neither form nor scale."""
        text, name = shortened(sample.text, _SHOWN), self.name
        try:
            answer = json.loads(sample.text)
        except (ValueError, RecursionError):
            cut = " and was cut at max_tokens" if sample.truncated else ""
            raise MalformedAnswerError(f"it is no JSON{cut}: {text}") from None
        if not isinstance(answer, dict) or name not in answer or not isinstance(answer.get("reason"), str):
            raise MalformedAnswerError(f'it is no object with "reason" and "{name}": {text}')
        value, reason = answer[name], answer["reason"]
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value not in self.values:
            known = ", ".join(map(str, self.values))
            raise MalformedAnswerError(f"the {name} {shortened(value, _SHOWN)} is none of {known}")
        return (_expected(sample, self.values) if self.is_weighted else self.values[value]), reason


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


async def ask(judge: Model, questions: Sequence[JudgeQuestion]) -> JudgeAnswer:
    """The judge's answers, all asked for at once. In place of one that follows no form, another is drawn, once.

    Raises:
        EngineError: the judge could not answer.
    """
    apart = {0: judge}

    async def answer(question: JudgeQuestion) -> tuple[Opinion | None, list[str]]:
        problems: list[str] = []
        for number in (question.repeat, MOST_REPEATS + question.repeat):
            model = apart.get(number) or apart.setdefault(number, judge._apart(number))
            logprobs = ALTERNATIVES if question.is_weighted else None
            asked = model.chat(question.messages, schema=question.schema, logprobs=logprobs, **least_tokens(model))
            try:
                return question.read(await asked), problems
            except MalformedAnswerError as error:
                problems.append(str(error))
        return None, problems

    answered = await all_of(map(answer, questions))
    problems = tuple(problem for _, problems in answered for problem in problems)
    return JudgeAnswer(judge.name, tuple(opinion for opinion, _ in answered), problems)


def least_tokens(model: Model) -> dict[str, Any]:
    """The parameter that gives a judge room for its answer, where its version leaves it none."""
    return {"max_tokens": LEAST_TOKENS} if model.sampling.get("max_tokens", LEAST_TOKENS) < LEAST_TOKENS else {}


async def all_of(working: Any) -> list[Any]:
    """The results of what works at once; the first error only once all have ended."""
    results = await asyncio.gather(*working, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def _expected(sample: Sample, scale: Mapping[Any, float]) -> float:
    """The mean of the scale under the probabilities at the score's token, the last one with a digit in it."""
    score = _SCORE_LAST.search(sample.text)
    entry = next((each for each in reversed(sample.logprobs or ()) if _DIGIT.match(each.token)), None)
    drawn = _DIGIT.match(entry.token) if entry is not None else None
    if score is None or entry is None or drawn is None or drawn[1] != score[1]:
        raise MalformedAnswerError(f"the token of its score can't be told: {shortened(sample.text[-_SHOWN:], _SHOWN)}")
    logprobs: dict[int, list[float]] = {}
    for token, logprob in {entry.token: entry.logprob, **dict(entry.top)}.items():
        written = _DIGIT.match(token)
        if written is not None and int(written[1]) in scale and logprob > -math.inf:
            logprobs.setdefault(int(written[1]), []).append(logprob)
    if not logprobs:
        raise MalformedAnswerError("no score of the scale has a probability at its token")
    most = max(max(each) for each in logprobs.values())
    weights = {digit: math.fsum(math.exp(each - most) for each in given) for digit, given in logprobs.items()}
    return math.fsum(scale[digit] * weight for digit, weight in weights.items()) / math.fsum(weights.values())
