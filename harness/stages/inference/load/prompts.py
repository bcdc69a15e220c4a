"""The prompts of a load: random words, or a file of prompts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config import setting_checks
from harness.config.files import json_lines, read_text
from harness.errors import UsageError
from harness.stages.inference.load.plan import LoadPlan, PlannedPrompt

if TYPE_CHECKING:
    import numpy as np

_WORDS = (
    *("the", "of", "and", "to", "in", "is", "that", "for", "it", "as", "was", "with", "be", "by", "on", "not"),
    *("he", "his", "but", "at", "are", "this", "have", "from", "or", "had", "an", "they", "which", "one", "you"),
    *("were", "her", "all", "she", "there", "would", "their", "we", "him", "been", "has", "when", "who", "will"),
    *("more", "no", "if", "out", "so", "said", "what", "up", "its", "about", "into", "than", "them", "can", "only"),
)
"""Words that most vocabularies have as one token each."""


def planned_prompts(plan: LoadPlan, number: int, generator: np.random.Generator) -> list[PlannedPrompt]:
    """The prompts of so many requests: those of the plan in turn, or random words in an order that no other has."""
    if plan.prompts:
        return [plan.prompts[place % len(plan.prompts)] for place in range(number)]
    drawn = (generator.integers(0, len(_WORDS), plan.prompt_tokens).tolist() for _ in range(number))
    return [PlannedPrompt(" ".join(_WORDS[place] for place in places)) for places in drawn]


def read_prompts(path: Path) -> tuple[PlannedPrompt, ...]:
    """The prompts of a file.

    A line of a `.jsonl` file has a `prompt` (or `messages`), and perhaps `output_tokens`; any other file is a prompt a
    line.

    Raises:
        UsageError: there is no such file, or something in it is no prompt.
    """
    if path.suffix == ".jsonl":
        found = tuple(_prompt(row, where) for where, row in json_lines(path, UsageError, _HINT))
    else:
        found = tuple(PlannedPrompt(line) for line in read_text(path, UsageError).split("\n") if line.strip())
    if not found:
        raise UsageError(f"{path} holds no prompts; write one a line.")
    return found


_HINT = 'Write {"prompt": "…"} in each line.'


def _prompt(row: Mapping[str, Any], where: str) -> PlannedPrompt:
    """The prompt of a line."""
    tokens = row.get("output_tokens")
    if tokens is not None:
        tokens = setting_checks.integer(tokens, "output_tokens", where=where)
    messages = row.get("messages")
    if isinstance(messages, list) and messages:
        return PlannedPrompt(None, tuple(messages), tokens)
    text = row.get("prompt")
    if not isinstance(text, str) or not text:
        raise UsageError(f"{where} has no prompt. {_HINT}")
    return PlannedPrompt(text, (), tokens)
