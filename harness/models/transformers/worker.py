"""The worker that holds a model of the transformers library, and answers in batches."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import EngineError
from harness.models.local_engine import WEIGHED, read_request, sample_fields
from harness.models.transformers.model import TransformersModel
from harness.records import Request, Sample

_GATHER_S = 0.002


@dataclass(eq=False)
class _Job:
    """A request that waits for its samples."""

    request: Request
    indices: Sequence[int]
    answer: asyncio.Future[list[Sample]]

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
        return self.request.kind in WEIGHED

    @property
    def is_seeded(self) -> bool:
        return self.request.sampling.get("seed") is not None


class TransformersWorker:
    """Answers in batches of requests with the same sampling parameters.

    Attributes:
        ready: what the model is, for who asks it.
    """

    is_async = True

    def __init__(self, options: dict[str, Any], root: str, batch_size: int) -> None:
        self._model = TransformersModel(options, Path(root), batch_size)
        self._batch_size = batch_size
        self._waiting: list[_Job] = []
        self._running: asyncio.Task[None] | None = None
        self.ready = {"device": self._model.device, "defaults": self._model.defaults}

    async def sample(self, request: dict[str, Any], indices: list[int]) -> list[dict[str, Any]]:
        """Draw the samples with these indices, in one batch with other requests of the same parameters.

        A seeded sample is generated alone: in a batch its random numbers would depend on its neighbours.

        Raises:
            EngineError: the request can't be answered.
        """
        job = _Job(read_request(request), indices, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return list(map(sample_fields, await job.answer))

    async def _run(self) -> None:
        """Answer batch after batch until nothing waits; a moment first, for requests that come together."""
        await asyncio.sleep(_GATHER_S)
        while batch := self._next_batch():
            results: Sequence[list[Sample] | EngineError]
            try:
                results = _answer(self._model, [(job.request, job.indices) for job in batch])
            except EngineError as error:
                results = [error] * len(batch)
            except Exception as error:  # noqa: BLE001  a model's own code raises anything, and the requests wait
                traceback.print_exc()
                results = [EngineError(f"{type(error).__name__}: {error}")] * len(batch)
            for job, result in zip(batch, results, strict=True):
                if job.answer.done():
                    continue
                if isinstance(result, EngineError):
                    job.answer.set_exception(result)
                else:
                    job.answer.set_result(result)
            for _ in range(3):  # what has come in is read, and becomes a task, which hands in its job
                await asyncio.sleep(0)

    def _next_batch(self) -> list[_Job]:
        """The request that waits longest and those that fit beside it."""
        self._waiting = [job for job in self._waiting if not job.answer.done()]
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
    if first.kind in WEIGHED:
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
