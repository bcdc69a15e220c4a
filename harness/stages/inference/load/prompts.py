"""The prompts of a load: random words, a file of prompts, or a trace of requests as they were once."""

from __future__ import annotations

import contextlib
import csv
import datetime
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config.files import json_lines, read_text
from harness.errors import UsageError
from harness.stages.inference.load.plan import LoadPlan, PlannedPrompt, TracedRequest

if TYPE_CHECKING:
    import numpy as np

_WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "that",
    "for",
    "it",
    "as",
    "was",
    "with",
    "be",
    "by",
    "on",
    "not",
    "he",
    "his",
    "but",
    "at",
    "are",
    "this",
    "have",
    "from",
    "or",
    "had",
    "an",
    "they",
    "which",
    "one",
    "you",
    "were",
    "her",
    "all",
    "she",
    "there",
    "would",
    "their",
    "we",
    "him",
    "been",
    "has",
    "when",
    "who",
    "will",
    "more",
    "no",
    "if",
    "out",
    "so",
    "said",
    "what",
    "up",
    "its",
    "about",
    "into",
    "than",
    "them",
    "can",
    "only",
    "other",
    "new",
    "some",
    "could",
    "time",
    "these",
    "two",
    "may",
    "then",
    "do",
    "first",
    "any",
    "my",
    "now",
    "such",
    "like",
    "our",
    "over",
    "man",
    "me",
    "even",
    "most",
    "made",
    "after",
    "also",
    "did",
    "many",
    "before",
    "must",
    "through",
    "back",
    "years",
    "where",
    "much",
    "your",
    "way",
    "well",
    "down",
    "should",
    "because",
    "each",
    "just",
    "those",
    "people",
    "how",
    "too",
    "little",
    "state",
    "good",
    "very",
    "make",
    "world",
    "still",
    "own",
    "see",
    "men",
    "work",
    "long",
    "get",
    "here",
    "between",
]
"""Words that most vocabularies have as one token each."""

_PROMPT_KEYS = ("prompt", "text", "question", "input")
_OUTPUT_KEYS = ("output_tokens", "max_tokens", "output_length", "GeneratedTokens", "Response tokens")
_INPUT_KEYS = ("prompt_tokens", "input_length", "ContextTokens", "Request tokens")
_TIME_KEYS = ("at_s", "offset", "arrival", "timestamp", "Timestamp", "TIMESTAMP")


def random_prompt(generator: np.random.Generator, tokens: int) -> PlannedPrompt:
    """A prompt of so many words, in an order that no other prompt has."""
    chosen = generator.integers(0, len(_WORDS), tokens)
    return PlannedPrompt(" ".join(_WORDS[place] for place in chosen.tolist()))


def planned_prompts(plan: LoadPlan, number: int, generator: np.random.Generator) -> list[PlannedPrompt]:
    """The prompts of so many requests, each with the tokens that its answer shall have."""
    found = []
    for place in range(number):
        traced = plan.trace[place] if place < len(plan.trace) else TracedRequest(0.0)
        if traced.prompt is not None:
            prompt = traced.prompt
        elif plan.prompts:
            prompt = plan.prompts[place % len(plan.prompts)]
        else:
            prompt = random_prompt(generator, traced.prompt_tokens or plan.prompt_tokens)
        tokens = traced.output_tokens or prompt.output_tokens or plan.output_tokens
        found.append(PlannedPrompt(prompt.text, prompt.messages, tokens))
    return found


def read_prompts(path: Path) -> tuple[PlannedPrompt, ...]:
    """The prompts of a file.

    A line of a `.jsonl` file or a row of a `.csv` file has a `prompt` (or `messages`), and perhaps `output_tokens`;
    any other file is a prompt a line.

    Raises:
        UsageError: there is no such file, or something in it is no prompt.
    """
    if path.suffix in (".jsonl", ".csv"):
        prompts = [_prompt(row, where) for where, row in _rows(path)]
        for place, prompt in enumerate(prompts):
            if prompt is None:
                raise UsageError(
                    f"{path}: entry {place + 1} has no prompt; give it one of: {', '.join(_PROMPT_KEYS)}, messages."
                )
        found = tuple(prompt for prompt in prompts if prompt is not None)
    else:
        found = tuple(PlannedPrompt(line) for line in read_text(path, UsageError).split("\n") if line.strip())
    if not found:
        raise UsageError(f"{path} holds no prompts; write one a line.")
    return found


def read_trace(path: Path) -> tuple[TracedRequest, ...]:
    """The requests of a trace, `.jsonl` or `.csv`, in the order of their arrival, which begins at 0.

    A request has a time (`at_s`, `offset` or `timestamp`, in seconds or as a date; in milliseconds where it has
    `hash_ids`, as Mooncake's traces do), and perhaps `prompt_tokens`, `output_tokens` and a `prompt`. The names of the
    traces of Azure, BurstGPT and Mooncake are known as well.

    Raises:
        UsageError: there is no such file, or an entry of it has no time, or a length that is none.
    """
    found = []
    for where, row in _rows(path):
        found.append(
            TracedRequest(
                _time(row, where),
                _length(row, _INPUT_KEYS, where),
                _length(row, _OUTPUT_KEYS, where),
                _prompt(row, where),
            )
        )
    if not found:
        raise UsageError(f'{path} holds no requests; write a time a line, such as {{"at_s": 0.5}}.')
    found.sort(key=lambda each: each.at_s)
    first_s = found[0].at_s if found[0].at_s > _EPOCH_S or found[0].at_s < 0 else 0.0
    return tuple(
        TracedRequest(each.at_s - first_s, each.prompt_tokens, each.output_tokens, each.prompt) for each in found
    )


_EPOCH_S = 1e8
"""Seconds above this are a date, not a distance from a beginning."""


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The entries of a file, each with its place in words."""
    if path.suffix == ".csv":
        for number, row in enumerate(csv.DictReader(read_text(path, UsageError).splitlines()), start=2):
            yield f"{path}, line {number}", row
    else:
        yield from json_lines(path, UsageError, 'Write {"prompt": "…"} in each line, or a time, as {"at_s": 0.5}.')


def _prompt(row: Mapping[str, Any], where: str) -> PlannedPrompt | None:
    """The prompt of an entry; None where it has none."""
    tokens = _length(row, _OUTPUT_KEYS, where)
    messages = row.get("messages")
    if isinstance(messages, Sequence) and not isinstance(messages, str) and messages:
        return PlannedPrompt(None, tuple(messages), tokens)
    text = next((row[key] for key in _PROMPT_KEYS if row.get(key)), None)
    if text is None:
        return None
    if not isinstance(text, str):
        raise UsageError(f"{where}: {text!r} is no prompt; write a text.")
    return PlannedPrompt(text, (), tokens)


def _length(row: Mapping[str, Any], keys: Sequence[str], where: str) -> int | None:
    key = next((key for key in keys if row.get(key) not in (None, "")), None)
    if key is None:
        return None
    try:
        value = float(row[key])
    except (TypeError, ValueError, OverflowError):
        value = 0.0
    if not 1 <= value < math.inf or value != int(value):
        raise UsageError(f"{where}: {key} = {row[key]!r} is no number of tokens; write 1 or more.")
    return int(value)


def _time(row: Mapping[str, Any], where: str) -> float:
    """The time of an entry in seconds."""
    key = next((key for key in _TIME_KEYS if row.get(key) not in (None, "")), None)
    if key is None:
        raise UsageError(f"{where} has no time; give it one of: {', '.join(_TIME_KEYS)}.")
    value, seconds = row[key], math.nan
    try:
        seconds = float(value) / (1000 if "hash_ids" in row else 1)
    except (TypeError, ValueError, OverflowError):
        with contextlib.suppress(ValueError):
            seconds = datetime.datetime.fromisoformat(str(value)).timestamp()
    if not math.isfinite(seconds):
        raise UsageError(f"{where}: {key} = {value!r} is no time; write seconds, or a date.")
    return seconds
