"""An engine that answers from a table with given probabilities and a seed: for tests, simulations and a first run.

It has no tokenizer. Where tokens are counted or cut (`max_tokens`), a token is a word with the space before it. Where
log probabilities are asked for, it is a digit, a run of letters or a sign, with the space before it, and its
probability is the share of it among the table's answers that begin like this one.
"""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import json
import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import EngineError
from harness.models.engine import ALL_CHOICES, WEIGHED, Capability, Engine
from harness.models.scripted.script import Outcomes, load_script
from harness.models.stops import before_stop, stops
from harness.records import Request, Sample, TokenLogprob
from harness.records.tool_calls import calls_written

LEAST_LOGLIKELIHOOD = -100.0
"""Log probability of a continuation that the table does not hold; finite, so that means stay numbers."""

_NEAREST_OF_MISSES = 50
_CANONICAL = json.JSONEncoder(sort_keys=True, default=str)
_WORD = re.compile(r"\s*\S+")
_PIECE = re.compile(r"\s*(?:\d|[^\W\d_]+|[^\w\s]|_)|\s+")


class ScriptedEngine(Engine):
    """Answers from a table: draw i of a request depends on the seed, the request, its number and i alone.

    The table is looked up by the raw prompt of a request, or the text of its last user message, exactly; what is
    weighed from its first token stands under the empty prompt. At temperature 0 the answer is the most probable one.
    With a schema the answer must be JSON. The table's probabilities are those of every other temperature. Where it is
    given tools, an answer such as `tool call: look_up({"city": "Lima"})` is a call, and what a tool gave is looked up.

    Args:
        name: shown in messages.
        options: `answers`, `default`, `seed`, `latency_s`, as `load_script` reads them.
        root: folder that a path of answers starts from.
    """

    capabilities = frozenset(Capability) - {Capability.PROMPT_LOGPROBS}

    def __init__(self, name: str, options: Mapping[str, Any], root: Path) -> None:
        self.name = name
        self._script = load_script(options, root, where=name)
        self._misses: dict[str, str] = {}

    def choices_per_request(self, request: Request) -> int:
        """1 at temperature 0, else as many as wanted."""
        return 1 if request.sampling.get("temperature") == 0 else ALL_CHOICES

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        """One answer for each index.

        Raises:
            EngineError: a prompt that the table lacks, or an answer that is no JSON though a schema is asked for.
        """
        await asyncio.sleep(self._script.latency_s)
        if request.kind in WEIGHED:
            prompt, weighed = _prompt(request), request.continuation or ""
            prompt, weighed = ("", prompt) if request.kind == "rolling" else (prompt, weighed)
            return [replace(self._weigh(prompt, weighed), index=index) for index in indices]
        outcomes = self._outcomes(_prompt(request))
        asked = [request.prompt or "", *(_text(message.get("content")) for message in request.messages)]
        prompt_tokens = sum(len(text.split()) for text in asked)
        drawn = zip(indices, self._draw(request, outcomes, indices), strict=True)
        return [self._answer(request, outcomes, position, index, prompt_tokens) for index, position in drawn]

    def _draw(self, request: Request, outcomes: Outcomes, indices: Sequence[int]) -> list[int]:
        """Positions of the drawn answers: each by a number in [0, 1) with 53 random bits, from a hash."""
        if len(outcomes.answers) == 1 or request.sampling.get("temperature") == 0:
            return [outcomes.most_probable] * len(indices)
        sampling = dict(request.sampling)
        first = sampling.pop("seed", None)
        asked = request.messages if request.prompt is None else request.prompt
        again = [request.number] if request.number and first is None else []
        content = _CANONICAL.encode([self._script.seed, first is None, asked, sampling, request.schema, *again])
        stem, positions = hashlib.blake2b(content.encode("ascii"), digest_size=8), []
        for index in indices:
            draw = stem.copy()
            draw.update(b"%d" % (index + (first or 0)))
            uniform = (int.from_bytes(draw.digest(), "big") >> 11) * 2.0**-53
            positions.append(bisect_right(outcomes.cumulative, uniform))
        return positions

    def _answer(self, request: Request, outcomes: Outcomes, position: int, index: int, prompt_tokens: int) -> Sample:
        text, words, finish_reason = outcomes.answers[position], outcomes.words[position], "stop"
        if (stopped := before_stop(text, stops(request))) is not None:
            text, words = stopped, len(stopped.split())
        limit = request.sampling.get("max_tokens")
        if limit is not None and words > limit:
            text, words, finish_reason = "".join(_WORD.findall(text)[:limit]), limit, "length"
        if request.schema is not None:
            self._check_json(text)
        called = calls_written(text) if request.tools else ()
        if called:
            text, finish_reason = "", "tool_calls"
        return Sample(
            text=text,
            index=index,
            finish_reason=finish_reason,
            prompt_tokens=prompt_tokens,
            completion_tokens=words,
            latency_s=self._script.latency_s,
            tool_calls=tuple({"id": f"call-{index}-{n}", **call} for n, call in enumerate(called)) or None,
            logprobs=None if request.logprobs is None else _logprobs(outcomes, position, len(text), request.logprobs),
        )

    def _check_json(self, text: str) -> None:
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            raise EngineError(
                f"{self.name}: a schema is asked for, and the scripted answer {text!r} is not JSON ({error.msg}); "
                f"script an answer that is."
            ) from None

    def _weigh(self, prompt: str, continuation: str) -> Sample:
        """The log probability of the continuation; of its text without surrounding space where that alone is known."""
        outcomes = self._outcomes(prompt)
        known = continuation if continuation in outcomes.answers else continuation.strip()
        position = outcomes.answers.index(known) if known in outcomes.answers else None
        likelihood = LEAST_LOGLIKELIHOOD if position is None else math.log(outcomes.probabilities[position])
        return Sample(
            text="",
            prompt_tokens=len(prompt.split()),
            completion_tokens=len(continuation.split()),
            latency_s=self._script.latency_s,
            loglikelihood=max(likelihood, LEAST_LOGLIKELIHOOD),
            is_greedy=position == outcomes.most_probable,
        )

    def _outcomes(self, prompt: str) -> Outcomes:
        outcomes = self._script.outcomes.get(prompt, self._script.default)
        if outcomes is None:
            if prompt not in self._misses:
                known = self._script.outcomes if len(self._misses) < _NEAREST_OF_MISSES else ()
                nearest = difflib.get_close_matches(prompt, known, n=3, cutoff=0.5)
                hint = f" Nearest: {', '.join(map(repr, nearest))}." if nearest else ""
                self._misses[prompt] = (
                    f"{self.name} has no answer to {prompt!r} among its {len(self._script.outcomes)} prompts, and no "
                    f"default.{hint} Prompts are compared exactly, after the version's template."
                )
            raise EngineError(self._misses[prompt])
        return outcomes


def _prompt(request: Request) -> str:
    """Return the text that is looked up in the table."""
    if request.prompt is not None:
        return request.prompt
    wanted = ("user", "tool") if request.tools else ("user",)
    turns = (message.get("content") for message in reversed(request.messages) if message.get("role") in wanted)
    return _text(next(turns, ""))


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, Sequence) else ()
    return "".join(part.get("text", "") for part in parts if isinstance(part, Mapping))


def _logprobs(outcomes: Outcomes, position: int, length: int, alternatives: int) -> tuple[TokenLogprob, ...]:
    """The tokens of an answer that begin within its first `length` characters.

    The probability of a token is its share among the answers that begin with all tokens before it.
    """
    spelled = [_PIECE.findall(answer) for answer in outcomes.answers]
    alike = list(range(len(spelled)))
    entries, begin = [], 0
    for place, token in enumerate(spelled[position]):
        if begin >= length:
            break
        weights: dict[str, float] = {}
        for other in alike:
            for piece in spelled[other][place : place + 1]:
                weights[piece] = weights.get(piece, 0.0) + outcomes.probabilities[other]
        total = sum(outcomes.probabilities[other] for other in alike)
        ranked = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
        top = tuple((piece, math.log(weight / total)) for piece, weight in ranked[:alternatives])
        entries.append(TokenLogprob(token, math.log(weights[token] / total), top))
        alike = [other for other in alike if spelled[other][place : place + 1] == [token]]
        begin += len(token)
    return tuple(entries)
