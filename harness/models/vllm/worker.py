"""The child process that holds a vLLM engine: `python -m harness.models.vllm.worker`.

Requests come in on the standard input and answers leave on what was the standard output, as frames. The engine is
stepped in the main thread; a second thread reads requests, so that they are all taken in between two steps, and ends
the process as soon as its parent is gone. Everything printed goes to the standard error, of which the parent keeps
the last lines.
"""

from __future__ import annotations

import collections
import dataclasses
import logging
import queue
import sys
from pathlib import Path
from typing import Any, BinaryIO

from harness.errors import SettingsError, choices
from harness.models.processes.ends import answer_pipe, incoming
from harness.models.processes.frames import encode_frame
from harness.models.vllm import cpu_sampler
from harness.models.vllm.requests import EngineJob, open_job
from harness.models.weights.weights import materialize, tokenizer_path

_GATHER_S = 0.002
_FAILED_START = 3


def main() -> None:
    """Load the engine that the first frame describes, then answer until the parent closes the pipe."""
    answers = answer_pipe()
    requests = incoming()
    logging.getLogger("harness").addHandler(_LogForwarder(answers))
    logging.getLogger("harness").setLevel(logging.INFO)
    start = requests.get()
    try:
        worker = Worker(start, answers)
    except SettingsError as error:
        answers.write(encode_frame({"failed": str(error), "settings": True}))
        sys.exit(_FAILED_START)
    except Exception as error:  # noqa: BLE001  whatever a model's code raises must reach the parent
        answers.write(encode_frame({"failed": f"{type(error).__name__}: {error}"}))
        sys.exit(_FAILED_START)
    worker.serve(requests)


class _LogForwarder(logging.Handler):
    """Sends log records of Steelyard's own modules to the parent."""

    def __init__(self, answers: BinaryIO) -> None:
        super().__init__()
        self._answers = answers

    def emit(self, record: logging.LogRecord) -> None:
        self._answers.write(encode_frame({"log": record.getMessage()}))


class Worker:
    """An engine, the requests that wait for it and those that it works on."""

    def __init__(self, start: dict[str, Any], answers: BinaryIO) -> None:
        self._answers = answers
        options, root = start["options"], Path(start["root"])
        folder = materialize(options, root)

        from vllm import _custom_ops
        from vllm.engine.arg_utils import EngineArgs
        from vllm.lora.request import LoRARequest
        from vllm.usage.usage_lib import UsageContext
        from vllm.v1.engine.llm_engine import LLMEngine

        names = [field.name for field in dataclasses.fields(EngineArgs)]
        for argument in start["engine_args"]:
            if argument not in names:
                raise SettingsError(f"engine_args: {choices('engine argument', argument, names)}")
        if start["device"] == "cpu":
            cpu_sampler.install()
            if start["engine_args"]["dtype"] == "float32":
                # oneDNN takes twice as long as torch for wide matrices.
                _custom_ops._supports_onednn = False
        tokenizer = tokenizer_path(options, root) or folder
        arguments = {**start["engine_args"], "model": str(folder), "tokenizer": str(tokenizer)}
        self._engine = LLMEngine.from_engine_args(EngineArgs(**arguments), usage_context=UsageContext.LLM_CLASS)
        self._defaults = self._engine.model_config.get_diff_sampling_param()
        self._defaults.pop("max_new_tokens", None)
        self._adapter = LoRARequest("adapter", 1, options["adapter"]) if "adapter" in options else None
        self._keep_seeds_apart = start["device"] == "cpu"
        self._waiting: collections.deque[dict[str, Any]] = collections.deque()
        self._running: dict[str, tuple[EngineJob, int]] = {}
        ready = {"max_model_len": self._engine.model_config.max_model_len, "defaults": self._defaults}
        self._answers.write(encode_frame({"ready": ready}))

    def serve(self, requests: queue.SimpleQueue[dict[str, Any]]) -> None:
        """Answer for ever; the thread that reads requests ends the process."""
        while True:
            self._take_in(requests)
            self._admit()
            if self._running:
                self._step()

    def _take_in(self, requests: queue.SimpleQueue[dict[str, Any]]) -> None:
        """Take what has arrived; an idle engine waits for a first request, and a moment for those that come with it."""
        if not self._running and not self._waiting:
            self._accept(requests.get())
            try:
                while True:
                    self._accept(requests.get(timeout=_GATHER_S))
            except queue.Empty:
                return
        try:
            while True:
                self._accept(requests.get_nowait())
        except queue.Empty:
            return

    def _accept(self, message: dict[str, Any]) -> None:
        if "cancel" not in message:
            self._waiting.append(message)
            return
        self._waiting = collections.deque(other for other in self._waiting if other["id"] != message["cancel"])
        self._abort(message["cancel"])

    def _admit(self) -> None:
        """Hand waiting requests to the engine.

        vLLM's CPU sampler ignores the seeds of a batch in which not every row has one, so seeded requests and others
        take turns there.
        """
        while self._waiting:
            if self._keep_seeds_apart and self._running:
                other, _ = next(iter(self._running.values()))
                if other.is_seeded != _is_seeded(self._waiting[0]):
                    return
            self._add(self._waiting.popleft())

    def _add(self, message: dict[str, Any]) -> None:
        try:
            job = open_job(self._engine, message, self._defaults)
            for number in range(len(job.prompts)):
                self._submit(job, number)
        except Exception as error:  # noqa: BLE001  a request that vLLM refuses must not end the others
            self._abort(message["id"])
            self._send(message["id"], {"error": f"{error}"})
        else:
            if job.answer is not None:
                self._send(job.request_id, job.answer)

    def _submit(self, job: EngineJob, number: int) -> None:
        request_id = f"{job.request_id}.{number}"
        parameters = job.parameters(number)
        self._engine.add_request(request_id, job.prompts[number], parameters, lora_request=self._adapter)
        self._running[request_id] = job, number

    def _abort(self, message_id: int) -> None:
        """End what the engine does for a request of the parent, if anything."""
        ended = [request_id for request_id, (job, _) in self._running.items() if job.request_id == message_id]
        if ended:
            self._engine.abort_request(ended)
        for request_id in ended:
            del self._running[request_id]

    def _step(self) -> None:
        for output in self._engine.step():
            if not output.finished or (entry := self._running.pop(output.request_id, None)) is None:
                continue
            job, number = entry
            if job.take(number, output):
                self._submit(job, number)
            elif job.answer is not None:
                self._send(job.request_id, job.answer)

    def _send(self, request_id: int, content: dict[str, Any]) -> None:
        self._answers.write(encode_frame({"id": request_id, **content}))


def _is_seeded(message: dict[str, Any]) -> bool:
    return message["request"]["sampling"].get("seed") is not None


if __name__ == "__main__":
    main()
