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
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from harness.errors import SettingsError, choices
from harness.models.processes.frames import encode_frame, read_frame
from harness.models.vllm.requests import EngineJob, open_job
from harness.models.weights.weights import materialize, tokenizer_path

_GATHER_S = 0.002
_FAILED_START = 3


def main() -> None:
    """Load the engine that the first frame describes, then answer until the parent closes the pipe."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, requests), daemon=True).start()
    logging.getLogger("harness").addHandler(_Forward(answers))
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


def _receive(pipe: BinaryIO, requests: queue.SimpleQueue[dict[str, Any]]) -> None:
    while (message := read_frame(pipe)) is not None:
        requests.put(message)
    # The parent closed the pipe or is gone. Python would first wait for the step or the loading that is going on.
    os._exit(0)


class _Forward(logging.Handler):
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

        from vllm.engine.arg_utils import EngineArgs
        from vllm.usage.usage_lib import UsageContext
        from vllm.v1.engine.llm_engine import LLMEngine

        names = [field.name for field in dataclasses.fields(EngineArgs)]
        for argument in start["engine_args"]:
            if argument not in names:
                raise SettingsError(f"engine_args: {choices('engine argument', argument, names)}")
        if start["device"] == "cpu":
            install()
        tokenizer = tokenizer_path(options, root) or folder
        arguments = {**start["engine_args"], "model": str(folder), "tokenizer": str(tokenizer)}
        self._engine = LLMEngine.from_engine_args(EngineArgs(**arguments), usage_context=UsageContext.LLM_CLASS)
        self._defaults = self._engine.model_config.get_diff_sampling_param()
        self._defaults.pop("max_new_tokens", None)
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
        self._engine.add_request(request_id, job.prompts[number], job.parameters(number))
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


_BLOCK = 256


_CHUNK = 1 << 21
"""Entries worked on at once: what is larger leaves the processor's caches and is paid for in page faults."""


def draw_tokens(logits: Any) -> Any:
    """One token for each row, with probability softmax(logits).

    By inversion in two steps: a block of the vocabulary by its total weight, then a token inside the block. Sums are in
    double precision; a token with weight 0 (a logit of -inf) is never drawn.

    Args:
        logits: tensor of shape (rows, vocabulary); at least one finite entry in each row. It is left as it is.

    Returns:
        tensor of shape (rows,), int64.
    """
    import torch

    rows_at_once = max(1, _CHUNK // logits.shape[1])
    return torch.cat([_draw(rows) for rows in logits.split(rows_at_once)])


def _draw(logits: Any) -> Any:
    import torch

    rows, vocabulary = logits.shape
    weights = torch.sub(logits.float(), logits.amax(-1, keepdim=True)).exp_()
    if missing := -vocabulary % _BLOCK:
        weights = torch.nn.functional.pad(weights, (0, missing))
    blocks = weights.view(rows, -1, _BLOCK)
    sums = blocks.sum(-1, dtype=torch.float64)
    ends = sums.cumsum(-1)
    place = torch.rand(rows, 1, dtype=torch.float64) * ends[:, -1:]
    block = _first_beyond(ends, place)
    inside = place - (ends.gather(1, block) - sums.gather(1, block))
    part = blocks[torch.arange(rows), block.view(-1)].double().cumsum(-1)
    return (block * _BLOCK + _first_beyond(part, inside)).view(-1)


def _first_beyond(ends: Any, place: Any) -> Any:
    """The first entry of each row that exceeds the place; rounding never leads to one that adds nothing."""
    import torch

    last = ends[:, -1:]
    return torch.searchsorted(
        ends, place.clamp(min=0).minimum(torch.nextafter(last, torch.zeros_like(last))), right=True
    )


def install() -> None:
    """Let vLLM's CPU sampler draw with `draw_tokens`, in a vLLM whose sampler is built as this one expects."""
    from vllm.v1.sample.ops import topk_topp_sampler

    if hasattr(topk_topp_sampler, "compiled_random_sample"):
        topk_topp_sampler.compiled_random_sample = draw_tokens
