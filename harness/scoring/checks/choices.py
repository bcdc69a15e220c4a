"""Multiple choice by log likelihood: which continuation of a prompt a model finds most probable."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import CheckError
from harness.records import Case, Score
from harness.requests import Model
from harness.scoring.checks.awaitables import wait_for
from harness.scoring.checks.given import shown

Prompt = str | Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Choice:
    """The choice that a model made.

    Attributes:
        index: of the most probable choice, the first of several that are equal.
        loglikelihoods: natural logs, summed over the tokens of each choice.
        normalised: the same divided by the number of characters of each choice.
    """

    index: int
    loglikelihoods: tuple[float, ...]
    normalised: tuple[float, ...]


def choose(
    model: Model, prompt: Prompt, choices: Sequence[str], *, length_normalised: bool = True, separator: str = " "
) -> Awaitable[Choice]:
    """The choice that the model finds most probable after the prompt; to be awaited in an `async def` body.

    Args:
        model: a version, as the body gets it.
        prompt: what comes before each choice: raw text without a chat template around it, or chat messages.
        choices: at least two texts.
        length_normalised: weigh log likelihoods by character, as lm-eval's acc_norm does; False weighs the sums, as its
            acc does, which favours short choices.
        separator: between prompt and choice.

    Returns:
        Choice

    Raises:
        CheckError: there are not two different choices, or one is blank.
        CapabilityError: the engine gives no log probabilities of given text.
    """
    given = _checked(choices)
    return wait_for("choose", _choose(model, prompt, given, length_normalised, separator))


def multiple_choice(
    model: Model, case: Case, *, length_normalised: bool = True, separator: str = " "
) -> Awaitable[Score]:
    """1 where the model finds the case's expected choice most probable; to be awaited in an `async def` body.

    Args:
        model: a version, as the body gets it.
        case: with the fields `prompt`, `choices`, and `expected`: the right choice, or its place counted from 0.
        length_normalised, separator: as in `choose`.

    Returns:
        Score

    Raises:
        CheckError: `expected` is none of the choices.
    """
    given = _checked(case.choices)
    right = _place(case.expected, given)
    return wait_for("multiple_choice", _score(model, case.prompt, given, right, (length_normalised, separator)))


async def _choose(model: Model, prompt: Prompt, choices: tuple[str, ...], by_length: bool, separator: str) -> Choice:
    asked = (model.loglikelihood(prompt, f"{separator}{choice}") for choice in choices)
    sums = tuple(await asyncio.gather(*asked))
    if any(math.isnan(value) for value in sums):
        raise CheckError(f"choose: a log likelihood is NaN: {dict(zip(choices, sums, strict=True))}.")
    normalised = tuple(value / len(choice) for value, choice in zip(sums, choices, strict=True))
    weighed = normalised if by_length else sums
    return Choice(weighed.index(max(weighed)), sums, normalised)


async def _score(model: Model, prompt: Prompt, choices: tuple[str, ...], right: int, how: tuple[bool, str]) -> Score:
    by_length, separator = how
    choice = await _choose(model, prompt, choices, by_length, separator)
    if choice.index == right:
        return Score(1.0)
    weighed = choice.normalised if by_length else choice.loglikelihoods
    unit = " a character" if by_length else ""
    return Score(
        0.0,
        f"chose {shown(choices[choice.index])} ({weighed[choice.index]:.3f}{unit}) "
        f"over {shown(choices[right])} ({weighed[right]:.3f})",
    )


def _checked(choices: Any) -> tuple[str, ...]:
    given = () if isinstance(choices, str) else tuple(choices)
    if len(set(given)) < 2 or len(set(given)) < len(given):
        raise CheckError(f"choose: choices = {shown(choices)}; give a list of at least two texts, each once.")
    for choice in given:
        if not isinstance(choice, str) or not choice.strip():
            raise CheckError(f"choose: the choice {choice!r} is no text that a model could weigh.")
    return given


def _place(expected: Any, choices: tuple[str, ...]) -> int:
    if isinstance(expected, str) and expected in choices:
        return choices.index(expected)
    if isinstance(expected, int) and not isinstance(expected, bool) and 0 <= expected < len(choices):
        return expected
    raise CheckError(
        f"multiple_choice: expected = {expected!r} is neither one of the choices ({', '.join(map(repr, choices))}) "
        f"nor the place of one, 0 to {len(choices) - 1}."
    )
