"""The worker that holds a model of the transformers library, and answers in batches."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import EngineError
from harness.models.engine import WEIGHED
from harness.models.local_engine import read_request, sample_fields
from harness.models.transformers.model import TransformersModel
from harness.models.weighing import TokenRow
from harness.records import Request, Sample

_GATHER_S = 0.002


@dataclasses.dataclass(eq=False, slots=True)
class _Job:
    """A request that waits for its samples: the tokens that its answers follow, and how many were `cut` in front of
    them, or the rows that it weighs. Those of one `key` can be answered by one batch.
    """

    request: Request
    indices: Sequence[int]
    answer: asyncio.Future[list[Sample]]
    key: str = "weighed"
    prompt: list[int] = dataclasses.field(default_factory=list)
    cut: int = 0
    rows: list[TokenRow] = dataclasses.field(default_factory=list)


class TransformersWorker:
    """Answers in batches of requests with the same sampling parameters."""

    is_async = True

    def __init__(self, options: dict[str, Any], root: str, batch_size: int) -> None:
        self._model = TransformersModel(options, Path(root), batch_size)
        self._batch_size = batch_size
        self._waiting: list[_Job] = []
        self._running: asyncio.Task[None] | None = None
        self.ready = {"device": self._model.device, "defaults": self._model.defaults}

    async def sample(self, request: dict[str, Any], indices: list[int]) -> list[dict[str, Any]]:
        """Draw the samples with these indices, in one batch with other requests of the same parameters; what is weighed
        once for all of them.

        A seeded sample is generated alone: in a batch its random numbers would depend on its neighbours.
        """
        asked = read_request(request)
        job = _Job(asked, indices, asyncio.get_running_loop().create_future())
        try:
            if asked.kind in WEIGHED:
                job.rows = self._model.rows(asked)
            else:
                job.prompt, job.cut = self._model.prompt_tokens(asked)
                alike = [asked.kind, asked.logprobs, dict(asked.sampling), asked.schema]
                job.key = json.dumps(alike, sort_keys=True)
        except ValueError as error:
            raise EngineError(str(error)) from error
        self._waiting.append(job)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return list(map(sample_fields, await job.answer))

    async def _run(self) -> None:
        """Answer batch after batch until nothing waits; a moment first, for requests that come together."""
        await asyncio.sleep(_GATHER_S)
        while batch := self._next_batch():
            failure: EngineError | None = None
            answers: list[list[Sample]] = [[] for _ in batch]
            try:
                answers = self._answer(batch)
            except EngineError as error:
                failure = error
            except Exception as error:  # noqa: BLE001  a model's own code raises anything, and the requests wait
                traceback.print_exc()
                failure = EngineError(f"{type(error).__name__}: {error}")
            for job, samples in zip(batch, answers, strict=True):
                if not job.answer.done():
                    job.answer.set_result(samples) if failure is None else job.answer.set_exception(failure)
            for _ in range(3):  # what has come in is read, and becomes a task, which hands in its job
                await asyncio.sleep(0)

    def _next_batch(self) -> list[_Job]:
        """The request that waits longest and those that fit beside it."""
        waiting = [job for job in self._waiting if not job.answer.done()]
        batch, n_rows = waiting[:1], len(waiting[0].indices) if waiting else 0
        is_alone = bool(batch) and batch[0].request.sampling.get("seed") is not None
        for job in () if is_alone else waiting[1:]:
            if job.key == batch[0].key and (job.rows or n_rows + len(job.indices) <= self._batch_size):
                batch.append(job)
                n_rows += len(job.indices)
        self._waiting = [job for job in waiting if job not in batch]
        return batch

    def _answer(self, batch: list[_Job]) -> list[list[Sample]]:
        """The samples of each request of a batch; of what is weighed one for all indices."""
        first = batch[0]
        if first.request.kind in WEIGHED:
            return [[sample] for sample in self._model.weigh([(job.request, job.rows) for job in batch])]
        seed = first.request.sampling.get("seed")
        if seed is None:
            drawn = self._model.generate([job.prompt for job in batch for _ in job.indices], first.request)
        else:
            alone = (self._model.generate([first.prompt], first.request, seed + index) for index in first.indices)
            drawn = [sample for (sample,) in alone]
        samples = iter(drawn)
        return [[dataclasses.replace(next(samples), cut_tokens=job.cut) for _ in job.indices] for job in batch]
