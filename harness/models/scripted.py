"""An engine that answers from a table with given probabilities and a seed: for tests, simulations and a first run.

It has no tokenizer. Where tokens are counted or cut (`max_tokens`), a token is a word with the space before it; where
log probabilities are asked for, the whole answer is one token with the logarithm of its scripted probability.
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
from pathlib import Path
from typing import Any

from harness.errors import EngineError
from harness.models.engine import Capability
from harness.models.script import Outcomes, load_script
from harness.records import Request, Sample, TokenLogprob

LEAST_LOGLIKELIHOOD = -100.0
"""Log probability of a continuation that the table does not hold; finite, so that means stay numbers."""

_ALL_CHOICES = 1_000_000
_NEAREST_OF_MISSES = 50
_CANONICAL = json.JSONEncoder(sort_keys=True, default=str)
_WORD = re.compile(r"\s*\S+")


class ScriptedEngine:
    """Answers from a table: draw i of a request depends on the seed, the request and i, on nothing else.

    The table is looked up by the text of the last user message, exactly. At temperature 0 the answer is the most
    probable one. With a schema the answer must be JSON. The table's probabilities are those of every other temperature.

    Args:
        name: shown in messages.
        options: `answers`, `default`, `seed`, `latency_s`, as `load_script` reads them.
        root: folder that a path of answers starts from.
    """

    def __init__(self, name: str, options: Mapping[str, Any], root: Path) -> None:
        self.name = name
        self.capabilities = frozenset(Capability) - {Capability.TOOLS}
        self.device: str | None = None
        self.batch_size: int | None = None
        self.http_requests = 0
        self.trouble = ""
        self._script = load_script(options, root, where=name)
        self._misses: dict[str, str] = {}

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to free."""

    def choices_per_request(self, request: Request) -> int:
        """1 at temperature 0 and for a loglikelihood, else as many as wanted."""
        greedy = request.sampling.get("temperature") == 0
        return 1 if greedy or request.kind == "loglikelihood" else _ALL_CHOICES

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        """One answer for each index.

        Raises:
            EngineError: a prompt that the table lacks, or an answer that is no JSON though a schema is asked for.
        """
        await asyncio.sleep(self._script.latency_s)
        if request.kind == "loglikelihood":
            return [self._weigh(request, index) for index in indices]
        prompt = _last_user_text(request)
        outcomes = self._outcomes(prompt)
        prompt_tokens = sum(len(_text(message.get("content")).split()) for message in request.messages)
        return [
            self._answer(request, outcomes, position, index, prompt_tokens)
            for index, position in zip(indices, self._draw(request, outcomes, indices), strict=True)
        ]

    def _draw(self, request: Request, outcomes: Outcomes, indices: Sequence[int]) -> list[int]:
        """Positions of the drawn answers."""
        if len(outcomes.answers) == 1:
            return [0] * len(indices)
        if request.sampling.get("temperature") == 0:
            return [outcomes.most_probable] * len(indices)
        sampling = dict(request.sampling)
        first = sampling.pop("seed", None)
        content = _CANONICAL.encode([self._script.seed, first is None, request.messages, sampling, request.schema])
        stem = hashlib.blake2b(content.encode("ascii"), digest_size=8)
        return [bisect_right(outcomes.cumulative, _uniform(stem, index + (first or 0))) for index in indices]

    def _answer(self, request: Request, outcomes: Outcomes, position: int, index: int, prompt_tokens: int) -> Sample:
        text, words, finish_reason = outcomes.answers[position], outcomes.words[position], "stop"
        limit = request.sampling.get("max_tokens")
        if limit is not None and words > limit:
            text, words, finish_reason = "".join(_WORD.findall(text)[:limit]), limit, "length"
        if request.schema is not None:
            self._check_json(text)
        return Sample(
            text=text,
            index=index,
            finish_reason=finish_reason,
            prompt_tokens=prompt_tokens,
            completion_tokens=words,
            latency_s=self._script.latency_s,
            logprobs=None if request.logprobs is None else (_logprob(text, outcomes, position, request.logprobs),),
        )

    def _check_json(self, text: str) -> None:
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            raise EngineError(
                f"{self.name}: a schema is asked for, and the scripted answer {text!r} is not JSON ({error.msg}); "
                f"script an answer that is."
            ) from None

    def _weigh(self, request: Request, index: int) -> Sample:
        """The log probability of the continuation; of its text without surrounding space where that alone is known."""
        outcomes = self._outcomes(request.prompt or "")
        continuation = request.continuation or ""
        known = continuation if continuation in outcomes.answers else continuation.strip()
        position = outcomes.answers.index(known) if known in outcomes.answers else None
        likelihood = LEAST_LOGLIKELIHOOD if position is None else math.log(outcomes.probabilities[position])
        return Sample(
            text="",
            index=index,
            prompt_tokens=len((request.prompt or "").split()),
            completion_tokens=len(continuation.split()),
            latency_s=self._script.latency_s,
            loglikelihood=max(likelihood, LEAST_LOGLIKELIHOOD),
            is_greedy=position == outcomes.most_probable,
        )

    def _outcomes(self, prompt: str) -> Outcomes:
        found = self._script.outcomes.get(prompt, self._script.default)
        if found is None:
            if prompt not in self._misses:
                self._misses[prompt] = self._miss(prompt)
            raise EngineError(self._misses[prompt])
        return found

    def _miss(self, prompt: str) -> str:
        known = self._script.outcomes if len(self._misses) < _NEAREST_OF_MISSES else ()
        nearest = difflib.get_close_matches(prompt, known, n=3, cutoff=0.5)
        hint = f" Nearest: {', '.join(map(repr, nearest))}." if nearest else ""
        return (
            f"{self.name} has no answer to {prompt!r} among its {len(self._script.outcomes)} prompts, and no default."
            f"{hint} Prompts are compared exactly, after the version's template."
        )


def _uniform(stem: Any, number: int) -> float:
    """A number in [0, 1) with 53 random bits, from the hash of stem and number."""
    draw = stem.copy()
    draw.update(b"%d" % number)
    return (int.from_bytes(draw.digest(), "big") >> 11) * 2.0**-53


def _last_user_text(request: Request) -> str:
    for message in reversed(request.messages):
        if message.get("role") == "user":
            return _text(message.get("content"))
    return ""


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, Sequence) else ()
    return "".join(part.get("text", "") for part in parts if isinstance(part, Mapping))


def _logprob(text: str, outcomes: Outcomes, position: int, alternatives: int) -> TokenLogprob:
    ranked = sorted(zip(outcomes.probabilities, outcomes.answers, strict=True), key=lambda pair: (-pair[0], pair[1]))
    top = tuple((answer, math.log(probability)) for probability, answer in ranked[:alternatives])
    return TokenLogprob(token=text, logprob=math.log(outcomes.probabilities[position]), top=top)
