"""Multiple choice by log likelihood: which continuation of a prompt a model finds most probable."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import CheckError
from harness.records import Case, Score
from harness.requests import Model
from harness.scoring.checks.given import awaited, shown

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


@awaited
async def choose(
    model: Model, prompt: Prompt, choices: Sequence[str], *, length_normalised: bool = True, separator: str = " "
) -> Choice:
    """The choice that the model finds most probable after the prompt; to be awaited in an `async def` body.

    Args:
        model: a version, as the body gets it.
        prompt: what comes before each choice: raw text without a chat template around it, or chat messages.
        choices: at least two texts.
        length_normalised: weigh log likelihoods by character, as lm-eval's acc_norm does; False weighs the sums, as its
            acc does, which favours short choices.
        separator: between prompt and choice.

    Raises:
        CheckError: there are not two different choices, or one is blank.
        CapabilityError: the engine gives no log probabilities of given text.
    """
    given = () if isinstance(choices, str) else tuple(choices)
    if len(set(given)) < 2 or len(set(given)) < len(given):
        raise CheckError(f"choose: choices = {shown(choices)}; give a list of at least two texts, each once.")
    for choice in given:
        if not isinstance(choice, str) or not choice.strip():
            raise CheckError(f"choose: the choice {choice!r} is no text that a model could weigh.")
    sums = tuple(await asyncio.gather(*(model.loglikelihood(prompt, f"{separator}{choice}") for choice in given)))
    if any(math.isnan(value) for value in sums):
        raise CheckError(f"choose: a log likelihood is NaN: {dict(zip(given, sums, strict=True))}.")
    normalised = tuple(value / len(choice) for value, choice in zip(sums, given, strict=True))
    weighed = normalised if length_normalised else sums
    return Choice(weighed.index(max(weighed)), sums, normalised)


@awaited
async def multiple_choice(model: Model, case: Case, *, length_normalised: bool = True, separator: str = " ") -> Score:
    """1 where the model finds the case's expected choice most probable; to be awaited in an `async def` body.

    Args:
        model: a version, as the body gets it.
        case: with the fields `prompt`, `choices`, and `expected`: the right choice, or its place counted from 0.
        length_normalised, separator: as in `choose`.

    Raises:
        CheckError: `expected` is none of the choices.
    """
    choices, right = tuple(case.choices), case.expected
    if right in choices:
        right = choices.index(right)
    if isinstance(right, bool) or not isinstance(right, int) or not 0 <= right < len(choices):
        raise CheckError(
            f"multiple_choice: expected = {case.expected!r} is neither one of the choices "
            f"({', '.join(map(repr, choices))}) nor the place of one, 0 to {len(choices) - 1}."
        )
    choice = await choose(model, case.prompt, case.choices, length_normalised=length_normalised, separator=separator)
    if choice.index == right:
        return Score(1.0)
    weighed, unit = (choice.normalised, " a character") if length_normalised else (choice.loglikelihoods, "")
    return Score(
        0.0,
        f"chose {shown(choices[choice.index])} ({weighed[choice.index]:.3f}{unit}) "
        f"over {shown(choices[right])} ({weighed[right]:.3f})",
    )
