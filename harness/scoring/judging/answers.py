"""The form that a judge's answer is held to, and the reading of it. What does not follow it is no answer."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from harness.errors import shortened
from harness.records import Sample
from harness.scoring.judging.rubric import Rubric

ALTERNATIVES = 20
"""Number of alternatives to ask for at the token of the score: as many as endpoints give."""

CHOICES: Mapping[str, float] = {"A": 1.0, "tie": 0.5, "B": 0.0}
"""The score that each choice gives the answer that was shown first."""

_SHOWN = 80
_SCORE_LAST = re.compile(r'"score"\s*:\s*(\d)\D*$', re.ASCII)
_DIGIT = re.compile(r"\D*(\d)\D*$", re.ASCII)


class MalformedAnswerError(ValueError):
    """A judge's answer does not follow its form, or lies outside the scale."""


def rating_schema(rubric: Rubric) -> dict[str, Any]:
    """The JSON schema of a score with its reason. The reason comes first, so that the score follows from it."""
    return _schema("score", {"type": "integer", "enum": list(rubric.scores)})


def preference_schema() -> dict[str, Any]:
    """The JSON schema of a choice between two answers with its reason."""
    return _schema("choice", {"type": "string", "enum": list(CHOICES)})


def _schema(name: str, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"reason": {"type": "string"}, name: values},
        "required": ["reason", name],
        "additionalProperties": False,
    }


def read_rating(sample: Sample, rubric: Rubric, *, weighted: bool = False) -> tuple[float, str]:
    """The score on the rubric's scale, and its reason.

    Args:
        weighted: give the mean of the scale's scores, each weighing what the judge gave it for a probability.

    Raises:
        MalformedAnswerError: the answer is no such object, or the score is not on the scale.
    """
    answer = _read(sample, "score")
    score = answer["score"]
    is_number = isinstance(score, int | float) and not isinstance(score, bool)
    if not is_number or score not in rubric.scores:
        raise MalformedAnswerError(
            f"the score {shortened(score, _SHOWN)} is none of {', '.join(map(str, rubric.scores))}"
        )
    return (_expected(sample, rubric) if weighted else float(score)), answer["reason"]


def read_preference(sample: Sample) -> tuple[float, str]:
    """Read what the choice is worth for the answer shown first (1, 0.5 or 0), and its reason.

    Raises:
        MalformedAnswerError: the answer is no such object, or the choice is none.
    """
    answer = _read(sample, "choice")
    choice = answer["choice"]
    if not isinstance(choice, str) or choice not in CHOICES:
        raise MalformedAnswerError(f"the choice {shortened(choice, _SHOWN)} is none of {', '.join(CHOICES)}")
    return CHOICES[choice], answer["reason"]


def _read(sample: Sample, name: str) -> dict[str, Any]:
    cut = " and was cut at max_tokens" if sample.truncated else ""
    try:
        answer = json.loads(sample.text)
    except (ValueError, RecursionError):
        raise MalformedAnswerError(f"it is no JSON{cut}: {shortened(sample.text, _SHOWN)}") from None
    if not isinstance(answer, dict) or name not in answer or not isinstance(answer.get("reason"), str):
        raise MalformedAnswerError(f'it is no object with "reason" and "{name}": {shortened(sample.text, _SHOWN)}')
    return answer


def _expected(sample: Sample, rubric: Rubric) -> float:
    """The mean of the scale under the probabilities at the score's token.

    Raises:
        MalformedAnswerError: the score is not the last thing in the answer, so that its token can't be told.
    """
    found = _SCORE_LAST.search(sample.text)
    # From the end: the score's token is the last one with a digit in it.
    entry = next((each for each in reversed(sample.logprobs or ()) if _DIGIT.match(each.token)), None)
    drawn = _DIGIT.match(entry.token) if entry is not None else None
    if found is None or entry is None or drawn is None or drawn[1] != found[1]:
        raise MalformedAnswerError(f"the token of its score can't be told: {shortened(sample.text[-_SHOWN:], _SHOWN)}")
    logprobs: dict[int, list[float]] = {}
    for token, logprob in {entry.token: entry.logprob, **dict(entry.top)}.items():
        digit = _DIGIT.match(token)
        if digit is not None and int(digit[1]) in rubric.scores and logprob > -math.inf:
            logprobs.setdefault(int(digit[1]), []).append(logprob)
    if not logprobs:
        raise MalformedAnswerError("no score of the scale has a probability at its token")
    most = max(max(each) for each in logprobs.values())
    weights = {score: math.fsum(math.exp(each - most) for each in given) for score, given in logprobs.items()}
    return math.fsum(score * weight for score, weight in weights.items()) / math.fsum(weights.values())
