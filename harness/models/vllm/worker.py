"""The worker that holds a vLLM engine. It is stepped in its event loop, and takes requests in between two steps."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import itertools
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from harness.errors import EngineError, SettingsError, choices
from harness.models.vllm import cpu_sampler
from harness.models.vllm.requests import EngineJob, open_job
from harness.models.weights.weights import materialize, tokenizer_path

_GATHER_S = 0.002


class VllmWorker:
    """An engine, the jobs that wait for it and those that it works on.

    Attributes:
        ready: what the engine is, for who asks it.
    """

    is_async = True

    def __init__(self, options: dict[str, Any], engine_args: dict[str, Any], device: str, root: str) -> None:
        folder = materialize(options, Path(root))

        from vllm import _custom_ops
        from vllm.engine.arg_utils import EngineArgs
        from vllm.lora.request import LoRARequest
        from vllm.usage.usage_lib import UsageContext
        from vllm.v1.engine.llm_engine import LLMEngine

        names = [field.name for field in dataclasses.fields(EngineArgs)]
        for argument in engine_args:
            if argument not in names:
                raise SettingsError(f"engine_args: {choices('engine argument', argument, names)}")
        if device == "cpu":
            cpu_sampler.install()
            if engine_args["dtype"] == "float32":
                # oneDNN takes twice as long as torch for wide matrices.
                _custom_ops._supports_onednn = False
        tokenizer = tokenizer_path(options, Path(root)) or folder
        arguments = {**engine_args, "model": str(folder), "tokenizer": str(tokenizer)}
        self._engine = LLMEngine.from_engine_args(EngineArgs(**arguments), usage_context=UsageContext.LLM_CLASS)
        self._defaults = self._engine.model_config.get_diff_sampling_param()
        self._defaults.pop("max_new_tokens", None)
        self._adapter = LoRARequest("adapter", 1, options["adapter"]) if "adapter" in options else None
        self._keep_seeds_apart = device == "cpu"
        self._ids = itertools.count()
        self._waiting: collections.deque[EngineJob] = collections.deque()
        self._running: dict[str, tuple[EngineJob, int]] = {}
        self._answers: dict[int, asyncio.Future[list[dict[str, Any]]]] = {}
        self._stepping: asyncio.Task[None] | None = None
        self.ready = {"max_model_len": self._engine.model_config.max_model_len, "defaults": self._defaults}

    async def sample(self, request: dict[str, Any], indices: list[int]) -> list[dict[str, Any]]:
        """Answer a request with a choice for each index.

        Raises:
            EngineError: vLLM refuses it.
        """
        try:
            job = open_job(self._engine, next(self._ids), request, len(indices), self._defaults)
        except Exception as error:
            raise EngineError(str(error)) from error
        if job.answer is not None:
            return job.answer
        answer: asyncio.Future[list[dict[str, Any]]] = asyncio.get_running_loop().create_future()
        self._answers[job.request_id] = answer
        self._waiting.append(job)
        if self._stepping is None or self._stepping.done():
            self._stepping = asyncio.create_task(self._step_until_idle())
        try:
            return await answer
        finally:
            self._abort(job)

    def _abort(self, job: EngineJob) -> None:
        """End what the engine does for a job, if anything."""
        del self._answers[job.request_id]
        if job in self._waiting:
            self._waiting.remove(job)
        ended = [request_id for request_id, (other, _) in self._running.items() if other is job]
        if ended:
            self._engine.abort_request(ended)
        for request_id in ended:
            del self._running[request_id]

    async def _step_until_idle(self) -> None:
        """Step until no job is left; a moment first, for those that come together."""
        await asyncio.sleep(_GATHER_S)
        try:
            while self._waiting or self._running:
                self._admit()
                self._step()
                for _ in range(3):  # what has come in is read, and becomes a task, which hands in its job
                    await asyncio.sleep(0)
        except Exception:  # noqa: BLE001  an engine that fails in a step answers nothing more
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    def _admit(self) -> None:
        """Hand waiting jobs to the engine.

        vLLM's CPU sampler ignores the seeds of a batch in which not every row has one, so seeded requests and others
        take turns there.
        """
        while self._waiting:
            if self._keep_seeds_apart and self._running:
                other, _ = next(iter(self._running.values()))
                if other.is_seeded != self._waiting[0].is_seeded:
                    return
            job = self._waiting.popleft()
            try:
                for number in range(len(job.prompts)):
                    self._submit(job, number)
            except Exception as error:  # noqa: BLE001  a request that vLLM refuses must not end the others
                self._end(job, EngineError(str(error)))

    def _submit(self, job: EngineJob, number: int) -> None:
        request_id = f"{job.request_id}.{number}"
        parameters = job.parameters(number)
        self._engine.add_request(request_id, job.prompts[number], parameters, lora_request=self._adapter)
        self._running[request_id] = job, number

    def _step(self) -> None:
        for output in self._engine.step() if self._running else ():
            if not output.finished or (entry := self._running.pop(output.request_id, None)) is None:
                continue
            job, number = entry
            try:
                if job.take(number, output):
                    self._submit(job, number)
                elif job.answer is not None:
                    self._end(job, job.answer)
            except EngineError as error:
                self._end(job, error)

    def _end(self, job: EngineJob, outcome: list[dict[str, Any]] | EngineError) -> None:
        answer = self._answers[job.request_id]
        if answer.done():
            return
        if isinstance(outcome, EngineError):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
