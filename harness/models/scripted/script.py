"""The table that a scripted version answers from: which answers follow a prompt, and how probable each is."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar

from harness.config.files import read_text
from harness.config.typed import Table, read_jsonl
from harness.errors import SettingsError

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The answers to one prompt.

    Attributes:
        answers: in the order of their text, so that the order in which they were written changes no draw.
        probabilities: of each, above 0; they add up to 1.
        cumulative: running sums of the probabilities without the last, for drawing by bisection.
        words: of each answer, counted; what `completion_tokens` says.
    """

    answers: tuple[str, ...]
    probabilities: tuple[float, ...]
    cumulative: tuple[float, ...]
    words: tuple[int, ...]

    @property
    def most_probable(self) -> int:
        """Position of the most probable answer; the first of several."""
        return self.probabilities.index(max(self.probabilities))


@dataclass(frozen=True, slots=True)
class Script:
    """Everything that a scripted version does.

    Attributes:
        default: for a prompt that `outcomes` has not, or None where such a prompt is an error.
        latency_s: how long an answer takes.
        digest: hash of the table and the seed; what the fingerprint of the version holds.
    """

    outcomes: Mapping[str, Outcomes]
    default: Outcomes | None
    seed: int
    latency_s: float
    digest: str


@dataclass(frozen=True, slots=True)
class _Row(Table):
    """A line of a .jsonl file."""

    word: ClassVar[str] = "field"
    prompt: str
    answer: Any = None
    answers: Any = None

    @classmethod
    def needed(cls, table: Mapping[str, Any]) -> tuple[str, str]:
        return ("prompt", "answers" if "answers" in table else "answer")


def load_script(options: Mapping[str, Any], root: Path, *, where: str) -> Script:
    """The script that the engine options of a version define.

    Args:
        options: `answers` is a table {prompt: answer} or {prompt: {answer: probability}}, or the path of a .json file
            that holds one, or of a .jsonl file with `prompt` and `answer` or `answers` in every line; `default` is an
            answer or {answer: probability}, given to every other prompt and to what the probabilities of a prompt
            leave of 1; `seed`; `latency_s`.
        root: folder that a relative path starts from.
        where: begins every message, e.g. "version 'fake'".

    Raises:
        SettingsError: a missing or malformed file (with its line), a probability that is none, probabilities that
            don't add up to 1.
    """
    default = _weights(options["default"], f"{where}: default", None) if "default" in options else None
    table: dict[str, dict[str, float]] = {}
    for prompt, value, place in _entries(options.get("answers", {}), root, f"{where}: answers"):
        if prompt in table:
            raise SettingsError(f"{place}: the prompt {prompt!r} is there twice; give all its answers in one place.")
        table[prompt] = _weights(value, f"{place}: prompt {prompt!r}", default)
    if not table and default is None:
        raise SettingsError(f'{where} has nothing to say; give it answers = {{ PROMPT = "ANSWER" }}, or a default.')
    seed = options.get("seed", 0)
    content = json.dumps(
        [sorted((p, sorted(w.items())) for p, w in table.items()), sorted((default or {}).items()), seed]
    )
    return Script(
        outcomes={prompt: _outcomes(weights) for prompt, weights in table.items()},
        default=None if default is None else _outcomes(default),
        seed=seed,
        latency_s=float(options.get("latency_s", 0)),
        digest=hashlib.sha256(content.encode("ascii")).hexdigest(),
    )


def _entries(answers: Any, root: Path, place: str) -> Iterator[tuple[str, Any, str]]:
    """Each prompt, what it is answered with, and where that is written."""
    if isinstance(answers, str):
        path, hint = root / answers, f"{place} = {answers!r} names it."
        if path.suffix == ".jsonl":
            for line, row in read_jsonl(path, _Row, SettingsError, hint):
                if row.answer is not None and row.answers is not None:
                    raise SettingsError(f"{line} has both answer and answers; give one of them.")
                yield row.prompt, row.answer if row.answers is None else row.answers, line
            return
        try:
            answers, place = json.loads(read_text(path, SettingsError, hint)), str(path)
        except json.JSONDecodeError as error:
            raise SettingsError(
                f"{path}, line {error.lineno}: not valid JSON: {error.msg} at column {error.colno}."
            ) from None
    if not isinstance(answers, Mapping):
        raise SettingsError(
            f"{place} is not an object; write {{PROMPT: ANSWER}} or {{PROMPT: {{ANSWER: PROBABILITY}}}}."
        )
    yield from ((prompt, value, place) for prompt, value in answers.items())


def _weights(value: Any, place: str, default: Mapping[str, float] | None) -> dict[str, float]:
    """Each answer with its probability, and what is left of 1 given to the default; one answer alone is certain."""
    if isinstance(value, str):
        return {value: 1.0}
    if not isinstance(value, Mapping) or not value:
        raise SettingsError(f"{place}: {value!r} is neither an answer nor a table {{ANSWER: PROBABILITY}}.")
    for answer, probability in value.items():
        number = not isinstance(probability, bool) and isinstance(probability, int | float)
        if not number or not 0 < probability <= 1:
            raise SettingsError(f"{place}: the probability {probability!r} of {answer!r} is not in (0, 1].")
    total = math.fsum(value.values())
    if total > 1 + _ROUNDING:
        raise SettingsError(f"{place}: the probabilities add up to {total:g}, more than 1.")
    weights, rest = {answer: float(probability) for answer, probability in value.items()}, 1 - total
    if rest <= _ROUNDING:
        return weights
    if default is None:
        raise SettingsError(
            f"{place}: the probabilities add up to {total:g}; name the answers of the rest, or give a default."
        )
    return weights | {answer: weights.get(answer, 0.0) + rest * share for answer, share in default.items()}


def _outcomes(weights: Mapping[str, float]) -> Outcomes:
    answers = tuple(sorted(weights))
    total = math.fsum(weights.values())
    probabilities = tuple(weights[answer] / total for answer in answers)
    cumulative = tuple(accumulate(probabilities[:-1]))
    return Outcomes(answers, probabilities, cumulative, tuple(len(answer.split()) for answer in answers))
