"""The transformers library in a thread: slower than vLLM, runs wherever torch does."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import CapabilityError, EngineError, SettingsError
from harness.models.engine import Capability, Engine
from harness.models.transformers.schema import has_schemas
from harness.records import Request, Sample

if TYPE_CHECKING:
    from harness.models.transformers.model import TransformersModel

_GATHER_S = 0.002
_BATCH_SIZE = 16
_ALL_CHOICES = 1_000_000
_WEIGHED = ("loglikelihood", "rolling")


@dataclass(eq=False)
class _Job:
    """A request that waits for its samples."""

    request: Request
    indices: Sequence[int]
    future: asyncio.Future[list[Sample]]
    began: float = field(default_factory=time.monotonic)

    @property
    def batch_key(self) -> str:
        """Equal for requests that one batch can answer: all that weigh a text, or those with the same sampling."""
        request = self.request
        if self.is_weighed:
            return "weighed"
        return json.dumps([request.kind, request.logprobs, dict(request.sampling), request.schema], sort_keys=True)

    @property
    def is_weighed(self) -> bool:
        """True where a given text is weighed, so that nothing is drawn."""
        return self.request.kind in _WEIGHED

    @property
    def is_seeded(self) -> bool:
        return self.request.sampling.get("seed") is not None


class TransformersEngine(Engine):
    """Answers in batches of requests with the same sampling parameters, in one thread.

    Args:
        name: shown in messages.
        options: `weights`, `tokenizer`, `drop_layers`, `quantized`, `dtype`, `max_model_len` and `batch_size` (answers
            generated at once; 16 unless set).
        root: folder that relative paths start from.
    """

    def __init__(self, name: str, options: Mapping[str, Any], root: Path) -> None:
        self.name = name
        lacking = {Capability.TOOLS} if has_schemas() else {Capability.TOOLS, Capability.SCHEMA}
        self.capabilities = frozenset(Capability) - lacking
        self.device = "gpu" if any(Path("/dev").glob("nvidia[0-9]*")) else "cpu"
        self._options = options
        self._root = root
        self._batch_size = int(options.get("batch_size", _BATCH_SIZE))
        self.batch_size = 2 * self._batch_size
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="transformers")
        self._model: TransformersModel | None = None
        self._waiting: list[_Job] = []
        self._runner: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load the weights; converted first where that is still to be done."""
        try:
            self._model = await asyncio.get_running_loop().run_in_executor(self._thread, self._load)
        except SettingsError:
            raise
        except Exception as error:  # the loaders and a model's own code raise exceptions without a common base
            raise EngineError(f"{self.name} could not start: {type(error).__name__}: {error}") from error
        self.device = "gpu" if self._model.device == "cuda" else "cpu"

    def _load(self) -> TransformersModel:
        from harness.models.transformers.model import TransformersModel

        return TransformersModel(self._options, self._root, self._batch_size)

    def choices_per_request(self, request: Request) -> int:
        """1 for a greedy request, any number of the same where a text is weighed, else a batch."""
        if request.kind in _WEIGHED:
            return _ALL_CHOICES
        default = self._model.defaults.get("temperature", 1.0) if self._model else 1.0
        temperature = request.sampling.get("temperature", default)
        return 1 if temperature == 0 else self._batch_size

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        """Draw the samples with these indices, in one batch with other requests of the same parameters.

        A seeded sample is generated alone: in a batch its random numbers would depend on its neighbours.

        Raises:
            CapabilityError: a schema without xgrammar, tools, or sampling parameters that transformers has not.
            EngineError: the request can't be answered, or the engine is not started.
        """
        from harness.models.transformers.model import refuse_unknown_sampling

        if request.schema is not None and not has_schemas():
            raise CapabilityError(f"{self.name} can't follow a JSON schema without xgrammar: pip install xgrammar")
        if request.tools:
            raise CapabilityError(f"{self.name} can't call tools; the engine openai can.")
        refuse_unknown_sampling(request, self.name)
        if self._model is None:
            raise EngineError(f"{self.name} was asked before it was started or after it was closed.")
        job = _Job(request, indices, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run(self._model))
        samples = await job.future
        latency_s = time.monotonic() - job.began
        return [
            dataclasses.replace(sample, index=index, latency_s=latency_s)
            for sample, index in zip(samples, indices, strict=True)
        ]

    async def close(self) -> None:
        """End the batch that is being generated before its next token, and free the weights."""
        if self._model is not None:
            self._model.stop()
        self._model = None
        for job in self._waiting:
            if not job.future.done():
                job.future.set_exception(EngineError(f"{self.name} was closed."))
        self._waiting.clear()
        if self._runner is not None:
            await asyncio.gather(self._runner, return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown)

    async def _run(self, model: TransformersModel) -> None:
        """Answer batch after batch until nothing waits; a moment first, for requests that come together."""
        await asyncio.sleep(_GATHER_S)
        loop = asyncio.get_running_loop()
        while batch := self._next_batch():
            try:
                results = await loop.run_in_executor(
                    self._thread, _answer, model, [(j.request, j.indices) for j in batch]
                )
            except EngineError as error:
                results = [error] * len(batch)
            except Exception as error:  # noqa: BLE001 - a model's own code raises anything, and the requests wait
                results = [EngineError(f"{type(error).__name__}: {error}")] * len(batch)
            for job, result in zip(batch, results, strict=True):
                if job.future.done():
                    continue
                if isinstance(result, EngineError):
                    job.future.set_exception(EngineError(f"{self.name} could not answer: {result}"))
                else:
                    job.future.set_result(result)

    def _next_batch(self) -> list[_Job]:
        """The request that waits longest and those that fit beside it."""
        self._waiting = [job for job in self._waiting if not job.future.done()]
        if not self._waiting:
            return []
        first = self._waiting[0]
        batch, rows = [first], len(first.indices)
        for job in [] if first.is_seeded else self._waiting[1:]:
            fits = first.is_weighed or rows + len(job.indices) <= self._batch_size
            if fits and job.batch_key == first.batch_key:
                batch.append(job)
                rows += len(job.indices)
        self._waiting = [job for job in self._waiting if job not in batch]
        return batch


def _answer(model: TransformersModel, batch: list[tuple[Request, Sequence[int]]]) -> list[list[Sample] | EngineError]:
    """The samples of each request of a batch, or why it has none."""
    first, indices = batch[0]
    if first.kind in _WEIGHED:
        weighed = model.weigh([request for request, _ in batch])
        return [
            result if isinstance(result, EngineError) else [result] * len(wanted)
            for result, (_, wanted) in zip(weighed, batch, strict=True)
        ]
    results: list[list[Sample] | EngineError] = []
    rows: list[list[int]] = []
    cuts: list[int] = []
    for request, wanted in batch:
        try:
            tokens, cut = model.prompt_tokens(request)
        except EngineError as error:
            results.append(error)
            continue
        results.append([])
        rows.extend([tokens] * len(wanted))
        cuts.extend([cut] * len(wanted))
    if not rows:
        return results
    seed = first.sampling.get("seed")
    if seed is None:
        drawn = model.generate(rows, first)
    else:
        drawn = [model.generate([rows[0]], first, seed + index)[0] for index in indices]
    samples = (dataclasses.replace(sample, cut_tokens=cut) for sample, cut in zip(drawn, cuts, strict=True))
    for result, (_, wanted) in zip(results, batch, strict=True):
        if not isinstance(result, EngineError):
            result.extend(next(samples) for _ in wanted)
    return results
