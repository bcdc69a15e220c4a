"""The worker that holds a vLLM engine. It is stepped in its event loop, and takes requests in between two steps."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import itertools
import math
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from harness.errors import EngineError, SettingsError, choices
from harness.models.engine import WEIGHED
from harness.models.local_engine import read_request, sample_fields
from harness.models.vllm import cpu_sampler
from harness.models.weighing import (
    RowWeight,
    TokenRow,
    context_text,
    context_tokens,
    n_cut,
    weighed_rows,
    weighed_sample,
)
from harness.models.weights.weights import materialize, tokenizer_path
from harness.records import Request, Sample, TokenLogprob

_GATHER_S = 0.002


@dataclasses.dataclass(eq=False, slots=True)
class _Asked:
    """One prompt for the engine, whose output is waited for."""

    request_id: str
    prompt: Any
    parameters: Any
    output: asyncio.Future[Any]


class VllmWorker:
    """An engine, the requests that wait for it and those that it works on."""

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
        self._tokenizer = self._engine.renderer.get_tokenizer()
        self._limit = self._engine.model_config.max_model_len
        self._defaults = self._engine.model_config.get_diff_sampling_param()
        self._defaults.pop("max_new_tokens", None)
        self._adapter = LoRARequest("adapter", 1, options["adapter"]) if "adapter" in options else None
        self._keep_seeds_apart = device == "cpu"
        self._ids = itertools.count()
        self._waiting: collections.deque[_Asked] = collections.deque()
        self._running: dict[str, _Asked] = {}
        self._stepping: asyncio.Task[None] | None = None
        self.ready = {"max_model_len": self._limit, "defaults": self._defaults}

    async def sample(self, request: dict[str, Any], indices: list[int]) -> list[dict[str, Any]]:
        """Answer a request with a choice for each index, or weigh its text, once for all. Raises EngineError: vLLM
        refuses it.
        """
        asked = read_request(request)
        try:
            if asked.kind in WEIGHED:
                return [sample_fields(await self._weigh(asked))]
            return list(map(sample_fields, await self._draw(asked, len(indices))))
        except Exception as error:
            raise EngineError(str(error)) from error

    async def _draw(self, request: Request, n: int) -> list[Sample]:
        """Draw choices; what the request leaves open is as the model's generation config says."""
        from vllm.renderers import ChatParams
        from vllm.sampling_params import StructuredOutputsParams

        renderer = self._engine.renderer
        if request.kind == "chat":
            template = {"add_generation_prompt": True, "continue_final_message": False, "tools": None}
            _, (prompt,) = renderer.render_chat([list(request.messages)], ChatParams(chat_template_kwargs=template))
            cut = n_cut(prompt["prompt_token_ids"], request, self._limit)
        else:
            tokens = context_tokens(self._tokenizer, context_text(self._tokenizer, request))
            cut = n_cut(tokens, request, self._limit)
            (prompt,) = renderer.render_cmpl([{"prompt_token_ids": tokens[cut:]}])
        wanted: dict[str, Any] = {"max_tokens": None, **self._defaults, **request.sampling}
        if request.schema is not None:
            wanted["structured_outputs"] = StructuredOutputsParams(json=request.schema)
        output = await self._ask(prompt, n=n, logprobs=request.logprobs, **wanted)
        samples, top, name = [], request.logprobs, self._tokenizer.decode
        for choice in output.outputs:
            if choice.finish_reason not in ("stop", "length"):
                raise EngineError(f"the engine ended the request with {choice.finish_reason!r}")
            places = () if top is None else zip(choice.token_ids, choice.logprobs, strict=True)
            entries = tuple(self._entry(token, place, top or 0, name) for token, place in places)
            read, written = len(output.prompt_token_ids), len(choice.token_ids)
            sample = Sample(choice.text, 0, choice.finish_reason, read, written, cut_tokens=cut)
            samples.append(sample if top is None else dataclasses.replace(sample, logprobs=entries))
        return samples

    def _entry(self, token: int, place: Any, alternatives: int, name: Any) -> TokenLogprob:
        """A token at its place, with the most probable alternatives that are possible."""
        ranked = sorted(place.items(), key=lambda item: item[1].rank)
        top = tuple(
            (name([other]), entry.logprob)
            for other, entry in ranked
            if entry.rank <= alternatives and entry.logprob > -math.inf
        )
        return TokenLogprob(name([token]), place[token].logprob, top)

    async def _weigh(self, request: Request) -> Sample:
        """Weigh a text, in one request of the engine for each row of its tokens."""
        rows = weighed_rows(self._tokenizer, request, self._limit - 1)  # vLLM always makes one token more
        prompts = self._engine.renderer.render_cmpl([{"prompt_token_ids": row.tokens} for row in rows]) if rows else ()
        each = zip(rows, prompts, strict=True)
        weights = await asyncio.gather(*(self._weigh_row(row, prompt, request.logprobs) for row, prompt in each))
        return weighed_sample(rows, weights, request.logprobs)

    async def _weigh_row(self, row: TokenRow, prompt: Any, top: int | None) -> RowWeight:
        """Rows that begin alike share what the engine keeps of their beginning. What it gives for tokens that it did
        not compute is without meaning; a row whose weighed tokens are among them is asked again, computed from its
        start.
        """
        weighed = row.tokens[row.before :]
        for is_whole in (False, True):
            output = await self._ask(
                prompt,
                temperature=0.0,
                max_tokens=1,
                prompt_logprobs=top or 0,
                skip_reading_prefix_cache=is_whole,
                detokenize=False,
            )
            # Counted from the end: for tokens that were not computed there are no entries in some of vLLM's runners.
            places = output.prompt_logprobs[-len(weighed) :]
            if output.num_cached_tokens < row.before and len(places) == len(weighed):
                pairs = list(zip(weighed, places, strict=True))
                if all(token in place for token, place in pairs):
                    logprobs = [place[token] for token, place in pairs]
                    named = [self._entry(token, place, top, self._piece) for token, place in pairs if top is not None]
                    is_greedy = all(logprob.rank == 1 for logprob in logprobs)
                    return RowWeight(math.fsum(logprob.logprob for logprob in logprobs), is_greedy, tuple(named))
        raise EngineError("the engine gave no log probabilities of the prompt")

    def _piece(self, tokens: list[int]) -> str:
        """The vocabulary's own piece, which stands for one token."""
        return str(self._tokenizer.convert_ids_to_tokens(tokens[0]))

    async def _ask(self, prompt: Any, **parameters: Any) -> Any:
        """Give what the engine makes of a prompt."""
        from vllm.sampling_params import RequestOutputKind, SamplingParams

        loop = asyncio.get_running_loop()
        wanted = SamplingParams(output_kind=RequestOutputKind.FINAL_ONLY, **parameters)
        asked = _Asked(str(next(self._ids)), prompt, wanted, loop.create_future())
        self._waiting.append(asked)
        if self._stepping is None or self._stepping.done():
            self._stepping = loop.create_task(self._step_until_idle())
        try:
            return await asked.output
        finally:  # it may have been cancelled
            if self._running.pop(asked.request_id, None) is not None:
                self._engine.abort_request([asked.request_id])
            elif asked in self._waiting:
                self._waiting.remove(asked)

    async def _step_until_idle(self) -> None:
        """Step until nothing is left; a moment first, for requests that come together."""
        await asyncio.sleep(_GATHER_S)
        try:
            while self._waiting or self._running:
                self._admit()
                for output in self._engine.step() if self._running else ():
                    asked = self._running.pop(output.request_id, None) if output.finished else None
                    if asked is not None and not asked.output.done():
                        asked.output.set_result(output)
                for _ in range(4):  # what has come in is read, and becomes a task, and others for its rows
                    await asyncio.sleep(0)
        except Exception:  # noqa: BLE001  an engine that fails in a step answers nothing more
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    def _admit(self) -> None:
        """Hand what waits to the engine.

        vLLM's CPU sampler ignores the seeds of a batch in which not every row has one, so seeded requests and others
        take turns there.
        """
        while self._waiting:
            asked = self._waiting[0]
            other = next(iter(self._running.values()), asked)
            if self._keep_seeds_apart and (other.parameters.seed is None) != (asked.parameters.seed is None):
                return
            self._waiting.popleft()
            try:
                self._engine.add_request(asked.request_id, asked.prompt, asked.parameters, lora_request=self._adapter)
                self._running[asked.request_id] = asked
            except Exception as error:  # noqa: BLE001  a request that vLLM refuses must not end the others
                if not asked.output.done():
                    asked.output.set_exception(error)
