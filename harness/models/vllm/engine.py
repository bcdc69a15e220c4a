"""vLLM in a process of its own, shared by the versions that have the same weights and engine settings."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import EngineError, SteelyardError
from harness.models.engine import Capability
from harness.models.processes.child import Child
from harness.models.vllm.arguments import engine_arguments, engine_environment, find_device
from harness.records import Request, Sample, TokenLogprob

_MAX_CHOICES = 128
_ALL_CHOICES = 1_000_000
_GREEDY_BELOW = 1e-5
_SEQUENCES = {"cpu": 128, "gpu": 512}
"""Answers under way at once that keep vLLM busy."""


class VllmEngine:
    """Answers with vLLM; the heavy libraries are imported in the child process only.

    Args:
        name: shown in messages.
        options: `weights`, `tokenizer`, `drop_layers`, `dtype`, `max_model_len` and `engine_args` (vLLM's engine
            arguments, laid over Steelyard's choices).
        root: folder that relative paths start from.
    """

    capabilities = frozenset(Capability) - {Capability.TOOLS}
    http_requests = 0
    trouble = ""
    answered_as: tuple[str, ...] = ()

    def __init__(self, name: str, options: Mapping[str, Any], root: Path) -> None:
        self.name = name
        self.device: str | None = find_device()
        self.batch_size: int | None = _SEQUENCES[find_device()]
        self._options = options
        self._root = root
        self._child = Child(name, "harness.models.vllm.worker")
        self._default_temperature = 1.0

    @property
    def pid(self) -> int | None:
        """The id of the engine's process, or None before the start."""
        return self._child.pid

    async def start(self) -> None:
        """Load the weights; converted first where that is still to be done.

        Raises:
            SettingsError: weights or engine arguments that can't be used.
            EngineError: the engine did not start; with vLLM's message.
        """
        device = find_device()
        message = {
            "options": {key: value for key, value in self._options.items() if key != "engine_args"},
            "engine_args": engine_arguments(self._options, device),
            "device": device,
            "root": str(self._root.absolute()),
        }
        ready = await self._child.start(message, engine_environment(self._options, device))
        self._default_temperature = float(ready["defaults"].get("temperature", 1.0))

    def choices_per_request(self, request: Request) -> int:
        """1 for a greedy request, of which vLLM refuses more; any number of the same where a text is weighed."""
        if request.kind in ("loglikelihood", "rolling"):
            return _ALL_CHOICES
        temperature = request.sampling.get("temperature", self._default_temperature)
        return 1 if temperature < _GREEDY_BELOW else _MAX_CHOICES

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        """Draw the samples with these indices as the choices of one request.

        Raises:
            EngineError: vLLM refused the request, or its process ended.
        """
        sampling = dict(request.sampling)
        if sampling.get("seed") is not None:
            # vLLM draws choice i of a request with seed + i.
            sampling["seed"] += indices[0]
        message = {"request": {**_fields(request), "sampling": sampling}, "n": len(indices)}
        began = time.monotonic()
        answer = await self._child.ask(message)
        latency_s = time.monotonic() - began
        if "error" in answer:
            raise EngineError(f"{self.name} refused a request: {answer['error']}")
        if "sample" in answer:
            return [Sample(**{**answer["sample"], "index": index, "latency_s": latency_s}) for index in indices]
        pairs = zip(indices, answer["choices"], strict=True)
        return [_drawn(index, choice, answer, latency_s) for index, choice in pairs]

    def hold(self, error: SteelyardError) -> None:
        """Nothing to hold back: what it was given it finishes."""

    async def close(self) -> None:
        """End the engine's process."""
        await self._child.close()


def _fields(request: Request) -> dict[str, Any]:
    """The request as plain data."""
    fields = {name: getattr(request, name) for name in Request.__slots__}
    return {**fields, "messages": [dict(turn) for turn in request.messages]}


def _drawn(index: int, choice: dict[str, Any], answer: dict[str, Any], latency_s: float) -> Sample:
    logprobs = choice["logprobs"]
    return Sample(
        text=choice["text"],
        index=index,
        finish_reason=choice["finish_reason"],
        prompt_tokens=answer["prompt_tokens"],
        completion_tokens=choice["completion_tokens"],
        latency_s=latency_s,
        logprobs=None if logprobs is None else tuple(_token(*entry) for entry in logprobs),
        cut_tokens=answer["cut_tokens"],
    )


def _token(token: str, logprob: float, top: list[list[Any]]) -> TokenLogprob:
    return TokenLogprob(token, logprob, tuple((text, value) for text, value in top))
