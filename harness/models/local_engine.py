"""What engines have in common whose weights lie in a worker on this machine."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import EngineError
from harness.models.engine import ALL_CHOICES, WEIGHED, Capability, Engine
from harness.models.processes.worker import UNCHANGED, Worker
from harness.records import Request, Sample, TokenLogprob

_GREEDY_BELOW = 1e-5


class LocalEngine(Engine):
    """An engine whose worker has an operation `sample`, which takes a request and indices, and gives the fields of a
    sample for each index, or of one for all. One request may draw `most_choices`.
    """

    capabilities = frozenset(Capability) - {Capability.TOOLS}

    def __init__(self, name: str, device: str, batch_size: int, most_choices: int) -> None:
        self.name = name
        self.device = device
        self.batch_size = batch_size
        self._most_choices = most_choices
        self._default_temperature = 1.0
        self._worker: Worker | None = None

    @property
    def pid(self) -> int | None:
        """The id of the engine's process, or None before the start."""
        return None if self._worker is None else self._worker.pid

    async def _load(
        self, target: str, start: Mapping[str, Any], environment: Mapping[str, str] = UNCHANGED
    ) -> dict[str, Any]:
        """Start the worker; give what it says of itself."""
        self._worker = await Worker.spawn(target, environment, name=self.name)
        await self._worker.start(start)
        ready: dict[str, Any] = self._worker.ready
        self._default_temperature = float(ready["defaults"].get("temperature", 1.0))
        return ready

    def choices_per_request(self, request: Request) -> int:
        """1 for a greedy request, of which vLLM refuses more; any number of the same where a text is weighed."""
        if request.kind in WEIGHED:
            return ALL_CHOICES
        temperature = request.sampling.get("temperature", self._default_temperature)
        return 1 if temperature < _GREEDY_BELOW else self._most_choices

    async def _draw(self, request: Request, sampling: Mapping[str, Any], indices: Sequence[int]) -> list[Sample]:
        """Ask the worker for the samples with these indices. Raises EngineError: it refused, or its process ended."""
        if self._worker is None:
            raise EngineError(f"{self.name} was asked before it was started.")
        fields = {name: getattr(request, name) for name in Request.__slots__}
        asked = {**fields, "messages": [dict(turn) for turn in request.messages], "sampling": dict(sampling)}
        began = time.monotonic()
        try:
            drawn = await self._worker.call("sample", {"request": asked, "indices": list(indices)})
        except EngineError as error:
            raise error if self._worker.is_over else EngineError(f"{self.name} refused a request: {error}") from None
        latency_s = time.monotonic() - began
        samples = [_sample(**each) for each in drawn] * (len(indices) if len(drawn) == 1 else 1)
        return [
            dataclasses.replace(sample, index=index, latency_s=latency_s)
            for sample, index in zip(samples, indices, strict=True)
        ]

    async def close(self) -> None:
        """End the engine's process."""
        if self._worker is not None:
            await self._worker.close()


def read_request(fields: Mapping[str, Any]) -> Request:
    """The request, from what the worker was asked."""
    return Request(**{**fields, "messages": tuple(fields["messages"])})


def sample_fields(sample: Sample) -> dict[str, Any]:
    """The sample as plain data."""
    names = ("text", "finish_reason", "prompt_tokens", "completion_tokens", "loglikelihood", "is_greedy", "cut_tokens")
    logprobs = None if sample.logprobs is None else [(each.token, each.logprob, each.top) for each in sample.logprobs]
    return {**{name: getattr(sample, name) for name in names}, "logprobs": logprobs}


def _sample(logprobs: list[Any] | None, **fields: Any) -> Sample:
    tokens = (TokenLogprob(token, value, tuple(map(tuple, top))) for token, value, top in logprobs or ())
    return Sample(**fields, logprobs=None if logprobs is None else tuple(tokens))
