"""Requests to vLLM and its answers, in plain data. Used in the child process that holds the engine."""

from __future__ import annotations

import math
from typing import Any

from harness.errors import EngineError
from harness.models.local_engine import WEIGHED, read_request, sample_fields
from harness.models.weighing import (
    RowWeight,
    TokenRow,
    context_text,
    context_tokens,
    continuation_row,
    rolling_rows,
    weighed_sample,
)
from harness.records import Request, TokenLogprob


class _Drawing:
    """Answers to a chat or completion request, as the choices of one request of the engine."""

    def __init__(self, engine: Any, request_id: int, request: Request, n: int, defaults: dict[str, Any]) -> None:
        self.request_id = request_id
        self.is_seeded = request.sampling.get("seed") is not None
        self.answer: list[dict[str, Any]] | None = None
        self._request = request
        self._n = n
        self._defaults = defaults
        self._tokenizer = engine.renderer.get_tokenizer()
        limit = engine.model_config.max_model_len
        prompt, self._cut = (
            _completion(engine, request, limit) if request.kind == "completion" else _chat(engine, request)
        )
        length = len(prompt["prompt_token_ids"])
        if length >= limit:
            raise ValueError(
                f"the prompt has {length} tokens; with at least one for the answer that is beyond "
                f"max_model_len = {limit}"
            )
        self.prompts = [prompt]

    def parameters(self, _number: int, /) -> Any:
        """The request's sampling parameters; what it leaves open is as the model's generation config says."""
        from vllm.sampling_params import RequestOutputKind, SamplingParams, StructuredOutputsParams

        request = self._request
        wanted: dict[str, Any] = {"max_tokens": None, **self._defaults, **request.sampling}
        if request.schema is not None:
            wanted["structured_outputs"] = StructuredOutputsParams(json=request.schema)
        return SamplingParams(n=self._n, logprobs=request.logprobs, output_kind=RequestOutputKind.FINAL_ONLY, **wanted)

    def take(self, _number: int, output: Any, /) -> bool:
        """Read the choices."""
        choices = []
        for choice in output.outputs:
            if choice.finish_reason not in ("stop", "length"):
                raise EngineError(f"the engine ended the request with {choice.finish_reason!r}")
            choices.append(
                {
                    "text": choice.text,
                    "finish_reason": choice.finish_reason,
                    "prompt_tokens": len(output.prompt_token_ids),
                    "completion_tokens": len(choice.token_ids),
                    "logprobs": None if self._request.logprobs is None else self._logprobs(choice),
                    "cut_tokens": self._cut,
                }
            )
        self.answer = choices
        return False

    def _logprobs(self, choice: Any) -> list[Any]:
        """For each token: its text, its log probability and the most probable alternatives that are possible."""
        entries = []
        for token, alternatives in zip(choice.token_ids, choice.logprobs, strict=True):
            ranked = sorted(alternatives.items(), key=lambda item: item[1].rank)
            top = [
                [self._tokenizer.decode([other]), entry.logprob]
                for other, entry in ranked
                if entry.rank <= self._request.logprobs and entry.logprob > -math.inf
            ]
            entries.append([self._tokenizer.decode([token]), alternatives[token].logprob, top])
        return entries


def _chat(engine: Any, request: Request) -> tuple[Any, int]:
    from vllm.renderers import ChatParams

    parameters = ChatParams(
        chat_template_kwargs={"add_generation_prompt": True, "continue_final_message": False, "tools": None}
    )
    _, (prompt,) = engine.renderer.render_chat([list(request.messages)], parameters)
    return prompt, 0


def _completion(engine: Any, request: Request, limit: int) -> tuple[Any, int]:
    """The prompt of a completion, and how many of its tokens were left out."""
    tokenizer = engine.renderer.get_tokenizer()
    tokens = context_tokens(tokenizer, context_text(tokenizer, request))
    room = limit - request.sampling.get("max_tokens", 1)
    cut = max(0, len(tokens) - room) if request.truncate and room > 0 else 0
    (prompt,) = engine.renderer.render_cmpl([{"prompt_token_ids": tokens[cut:]}])
    return prompt, cut


class _Weighing:
    """The log likelihood of a text, in one request of the engine for each row of tokens.

    Rows that begin alike share what the engine keeps of their beginning. What it gives for tokens that it did not
    compute is without meaning; a row whose weighed tokens are among them is asked again, computed from its start.
    """

    is_seeded = False

    def __init__(self, engine: Any, request_id: int, request: Request) -> None:
        self.request_id = request_id
        self._top = request.logprobs
        self._tokenizer = tokenizer = engine.renderer.get_tokenizer()
        most = engine.model_config.max_model_len - 1  # vLLM always makes one token more
        if request.kind == "rolling":
            self._rows = rolling_rows(tokenizer, request.prompt or "", most, is_alone=request.logprobs is not None)
        else:
            text, continuation = context_text(tokenizer, request), request.continuation or ""
            self._rows = [continuation_row(tokenizer, text, continuation, most, truncate=request.truncate)]
        prompts = [{"prompt_token_ids": row.tokens} for row in self._rows]
        self.prompts = list(engine.renderer.render_cmpl(prompts)) if prompts else []
        self._weights: dict[int, RowWeight] = {}
        self._computed_whole: set[int] = set()
        self.answer: list[dict[str, Any]] | None = None
        self._finish()

    def parameters(self, number: int, /) -> Any:
        """Those of a request that asks for the log probabilities of its prompt."""
        from vllm.sampling_params import RequestOutputKind, SamplingParams

        return SamplingParams(
            temperature=0.0,
            max_tokens=1,
            prompt_logprobs=self._top or 0,
            skip_reading_prefix_cache=number in self._computed_whole,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    def take(self, number: int, output: Any, /) -> bool:
        """Read what the tokens of a row weigh; asks again where they were not computed."""
        row = self._rows[number]
        weighed = row.tokens[row.before :]
        # Counted from the end: for tokens that were not computed there are no entries in some of vLLM's runners.
        entries = output.prompt_logprobs[-len(weighed) :]
        is_computed = output.num_cached_tokens < row.before and len(entries) == len(weighed)
        if not (is_computed and all(token in entry for token, entry in zip(weighed, entries, strict=True))):
            if number in self._computed_whole:
                raise EngineError("the engine gave no log probabilities of the prompt")
            self._computed_whole.add(number)
            return True
        self._weights[number] = self._weight(row, entries)
        self._finish()
        return False

    def _weight(self, row: TokenRow, entries: list[Any]) -> RowWeight:
        """Sum a row's log probabilities; `entries` hold those at each weighed place, by token."""
        weighed = row.tokens[row.before :]
        found = [entry[token] for token, entry in zip(weighed, entries, strict=True)]
        tokens = zip(weighed, entries, strict=True) if self._top is not None else ()
        return RowWeight(
            math.fsum(logprob.logprob for logprob in found),
            all(logprob.rank == 1 for logprob in found),
            tuple(self._token(token, entry) for token, entry in tokens),
        )

    def _token(self, token: int, entry: Any) -> TokenLogprob:
        ranked = sorted(entry.items(), key=lambda item: item[1].rank)
        top = [(other, logprob.logprob) for other, logprob in ranked if logprob.rank <= (self._top or 0)]
        piece = self._tokenizer.convert_ids_to_tokens
        return TokenLogprob(piece(token), entry[token].logprob, tuple((piece(other), value) for other, value in top))

    def _finish(self) -> None:
        if self.answer is None and len(self._weights) == len(self._rows):
            sample = weighed_sample(self._rows, [self._weights[number] for number in range(len(self._rows))], self._top)
            self.answer = [sample_fields(sample)]


EngineJob = _Drawing | _Weighing
"""One request of the parent, `request_id`, to the engine. Each of its `prompts` is a request of the engine, whose
output `take` takes in: it tells whether the prompt has to be asked again, with other `parameters`, or raises
`EngineError`. `answer` is for the parent, once nothing is left to ask.
"""


def open_job(engine: Any, request_id: int, fields: dict[str, Any], n: int, defaults: dict[str, Any]) -> EngineJob:
    """Make the job that a request asks of the engine. Raises ValueError: it can't be rendered.

    Args:
        fields: of the request.
        n: choices that are drawn.
        defaults: sampling parameters of the model's generation config.
    """
    request = read_request(fields)
    if request.kind in WEIGHED:
        return _Weighing(engine, request_id, request)
    return _Drawing(engine, request_id, request, n, defaults)
