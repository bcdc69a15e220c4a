"""A causal language model of the transformers library: batches in, plain data out. Runs in the engine's worker."""

from __future__ import annotations

import functools
import inspect
import json
import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import EngineError
from harness.models.adapters.merging import adapted
from harness.models.description.sizes import context_window
from harness.models.files.saved import load_whole
from harness.models.stops import before_stop, stops
from harness.models.transformers.engine import PASSED_ON
from harness.models.transformers.schema import SchemaCompiler
from harness.models.weighing import (
    RowWeight,
    TokenRow,
    context_text,
    context_tokens,
    continuation_row,
    rolling_rows,
    weighed_sample,
)
from harness.models.weights.weights import materialize, tokenizer_path
from harness.records import Request, Sample, TokenLogprob

_UNBOUNDED = 2048
"""Tokens that a model takes whose config bounds them nowhere, as vLLM has it."""


class TransformersModel:
    """Weights and tokenizer, loaded; on the GPU where there is one.

    Args:
        options: `weights`, `tokenizer`, `drop_layers`, `quantized`, `adapter`, `dtype` and `max_model_len`.
        root: folder that relative paths start from.
        batch_size: texts weighed at once.
    """

    def __init__(self, options: Mapping[str, Any], root: Path, batch_size: int) -> None:
        import torch

        folder = materialize(options, root)
        tokenizer_folder = tokenizer_path(options, root) or folder
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        from transformers import AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        model = load_whole(folder, options.get("dtype", "auto"))
        self.tokenizer = AutoTokenizer.from_pretrained(str(tokenizer_folder), clean_up_tokenization_spaces=False)
        if "adapter" in options:
            # The model itself, whose layers peft has replaced: it has the parameters of `forward`.
            model = adapted(model, Path(options["adapter"])).get_base_model()
        self._model = model.to(self.device).eval()
        self._batch_size = batch_size
        self._limit = options.get("max_model_len") or context_window(model.config.to_dict()) or _UNBOUNDED
        ends = model.generation_config.eos_token_id
        self._ends = {*(ends if isinstance(ends, list) else [ends]), self.tokenizer.eos_token_id} - {None}
        padding = self.tokenizer.pad_token_id
        self._padding = padding if padding is not None else min(self._ends, default=0)
        # transformers samples from the 50 most probable tokens unless told otherwise; no other engine does.
        own = {name: getattr(model.generation_config, name, None) for name in PASSED_ON}
        file = folder / "generation_config.json"
        stated = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        self.defaults = {name: value for name, value in own.items() if value is not None and name in stated}

    def prompt_tokens(self, request: Request) -> tuple[list[int], int]:
        """The tokens that a request's answer follows, and how many were left out in front of them."""
        try:
            text = context_text(self.tokenizer, request)
            if request.kind == "completion":
                tokens = context_tokens(self.tokenizer, text)
            else:
                tokens = list(self.tokenizer.encode(text, add_special_tokens=False))
            self._check_known(tokens)
        except ValueError as error:
            raise EngineError(str(error)) from error
        room = self._limit - request.sampling.get("max_tokens", 1)
        cut = max(0, len(tokens) - room) if request.truncate and room > 0 else 0
        if len(tokens) - cut >= self._limit:
            raise EngineError(
                f"the prompt has {len(tokens)} tokens; with at least one for the answer that is beyond "
                f"max_model_len = {self._limit}"
            )
        return tokens[cut:], cut

    def _check_known(self, tokens: Sequence[int]) -> None:
        most = self._model.get_input_embeddings().weight.shape[0]
        if (token := max(tokens, default=0)) >= most:
            piece = self.tokenizer.convert_ids_to_tokens(token)
            raise ValueError(
                f"the tokenizer gives token {token} ({piece!r}), and the weights have embeddings of {most:,} tokens: "
                "take the tokenizer that they were made with, or resize them"
            )

    def generate(self, prompts: Sequence[list[int]], request: Request, seed: int | None = None) -> list[Sample]:
        """One answer to each prompt, all with the sampling parameters of `request`.

        Args:
            seed: of the random numbers; None draws one from the system.
        """
        import torch

        width = max(map(len, prompts))
        rows = torch.tensor([[self._padding] * (width - len(row)) + row for row in prompts], device=self.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in prompts], device=self.device)
        settings = self._generation_settings(request, width)
        constraint = None if request.schema is None else self._schema_compiler.constraint(request.schema)
        devices = [0] if self.device == "cuda" else []
        with torch.inference_mode(), torch.random.fork_rng(devices):
            torch.manual_seed(secrets.randbits(63) if seed is None else seed)
            made = self._model.generate(
                rows, attention_mask=mask, logits_processor=[constraint] if constraint else [], **settings
            )
        answers = made.sequences[:, width:].tolist()
        logits = constraint.steps if constraint else made.logits
        stop = stops(request)
        samples = []
        for i, tokens in enumerate(answers):
            steps = [step[i] for step in logits] if request.logprobs is not None else None
            samples.append(self._sample(tokens, len(prompts[i]), stop, steps, request.logprobs))
        return samples

    @functools.cached_property
    def _schema_compiler(self) -> SchemaCompiler:
        return SchemaCompiler(self.tokenizer, self._model.get_output_embeddings().weight.shape[0], self._ends)

    def weigh(self, requests: Sequence[Request]) -> list[Sample | EngineError]:
        """The log likelihood of each request's text, weighed in batches over all requests."""
        rows_of: list[list[TokenRow] | EngineError] = []
        for request in requests:
            try:
                rows_of.append(self._rows(request))
            except ValueError as error:
                rows_of.append(EngineError(str(error)))
        every_row = [row for rows in rows_of if not isinstance(rows, EngineError) for row in rows]
        top = max((request.logprobs for request in requests if request.logprobs is not None), default=None)
        pieces = None if top is None else self.tokenizer.convert_ids_to_tokens
        weights = iter(weigh_rows(self._model, every_row, self._batch_size, top=top or 0, pieces=pieces))
        samples: list[Sample | EngineError] = []
        for request, rows in zip(requests, rows_of, strict=True):
            if isinstance(rows, EngineError):
                samples.append(rows)
            else:
                samples.append(weighed_sample(rows, [next(weights) for _ in rows], request.logprobs))
        return samples

    def _rows(self, request: Request) -> list[TokenRow]:
        most = self._limit + 1  # the last token is weighed, but never goes in
        if request.kind == "rolling":
            rows = rolling_rows(self.tokenizer, request.prompt or "", most, is_alone=request.logprobs is not None)
        else:
            context = context_text(self.tokenizer, request)
            continuation = request.continuation or ""
            rows = [continuation_row(self.tokenizer, context, continuation, most, truncate=request.truncate)]
        for row in rows:
            self._check_known(row.tokens)
        return rows

    def _generation_settings(self, request: Request, width: int) -> dict[str, Any]:
        sampling = {**self.defaults, **request.sampling}
        temperature = sampling.pop("temperature", 1.0)
        settings: dict[str, Any] = {
            "max_new_tokens": min(sampling.get("max_tokens") or self._limit, self._limit - width),
            "pad_token_id": self._padding,
            "eos_token_id": sorted(self._ends),
            "return_dict_in_generate": True,
            "output_logits": request.logprobs is not None,
            "repetition_penalty": sampling.get("repetition_penalty", 1.0),
            "do_sample": temperature > 0,
        }
        if temperature > 0:
            top_k = max(0, sampling.get("top_k", 0))
            settings |= {"temperature": float(temperature), "top_k": top_k, "top_p": sampling.get("top_p", 1.0)}
            settings |= {"min_p": sampling["min_p"]} if sampling.get("min_p") else {}
        if stop := stops(request):
            settings |= {"stop_strings": stop, "tokenizer": self.tokenizer}
        return settings

    def _sample(
        self, tokens: list[int], prompt_tokens: int, stop: list[str], steps: list[Any] | None, alternatives: int | None
    ) -> Sample:
        """One row of a batch, cut where its answer ended; the batch ran on until its longest answer did."""
        end = next((i for i, token in enumerate(tokens) if token in self._ends), None)
        kept = tokens if end is None else tokens[: end + 1]
        text = self.tokenizer.decode(kept, skip_special_tokens=True)
        stopped = before_stop(text, stop)
        # Padding follows a stop string alone: in any other answer it is a token that the model drew.
        while stopped is not None and kept and kept[-1] == self._padding:
            kept = kept[:-1]
        logprobs = None
        if steps is not None and alternatives is not None:
            logprobs = tuple(self._token_logprob(steps[i], token, alternatives) for i, token in enumerate(kept))
        return Sample(
            text=text if stopped is None else stopped,
            finish_reason="length" if end is None and stopped is None else "stop",
            prompt_tokens=prompt_tokens,
            completion_tokens=len(kept),
            logprobs=logprobs,
        )

    def _token_logprob(self, logits: Any, token: int, alternatives: int) -> TokenLogprob:
        logprobs = logits.float().log_softmax(-1)
        values, tokens = logprobs.topk(min(alternatives, len(logprobs)))
        top = tuple(
            (self.tokenizer.decode([other]), float(value))
            for other, value in zip(tokens.tolist(), values.tolist(), strict=True)
            if value > -math.inf
        )
        return TokenLogprob(self.tokenizer.decode([token]), float(logprobs[token]), top)


Pieces = Callable[[list[int]], list[str]]
"""Gives the vocabulary's own pieces of tokens."""


def weigh_rows(
    model: Any, rows: Sequence[TokenRow], batch_size: int, *, top: int = 0, pieces: Pieces | None = None
) -> list[RowWeight]:
    """Compute the log likelihood of each row's weighed tokens.

    Texts of like length go into the model together, padded at the end, which no token of a causal model sees. A text
    that another one begins with is not computed again: so continuations of one token share their context.

    Args:
        model: a causal language model.
        rows: at least one token comes before those that are weighed.
        batch_size: texts computed at once.
        top: how many alternatives to give at each weighed place.
        pieces: names tokens; without it there are no log probabilities of single ones.
    """
    groups = _groups(rows)
    groups.sort(key=lambda group: len(rows[group[0]].tokens), reverse=True)
    weights: dict[int, RowWeight] = {}
    for start in range(0, len(groups), batch_size):
        weights |= _weigh_batch(model, rows, groups[start : start + batch_size], (top, pieces))
    return [weights[number] for number in range(len(rows))]


def _groups(rows: Sequence[TokenRow]) -> list[list[int]]:
    """Numbers of rows; in each group the first row's tokens, without the last, begin with those of all others."""
    numbers = sorted(range(len(rows)), key=lambda number: rows[number].tokens[:-1], reverse=True)
    groups: list[list[int]] = []
    for number in numbers:
        goes_in = rows[number].tokens[:-1]
        if groups and rows[groups[-1][0]].tokens[: len(goes_in)] == goes_in:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def _weigh_batch(
    model: Any, rows: Sequence[TokenRow], groups: Sequence[list[int]], named: tuple[int, Pieces | None]
) -> dict[int, RowWeight]:
    """One pass of the model over the first row of each group, and what it says of all rows."""
    import torch

    inputs = [rows[group[0]].tokens[:-1] for group in groups]
    width = len(inputs[0])
    padded = torch.tensor([tokens + [0] * (width - len(tokens)) for tokens in inputs], device=model.device)
    first = min(rows[number].before for group in groups for number in group) - 1
    weights: dict[int, RowWeight] = {}
    with torch.inference_mode():
        if "logits_to_keep" in inspect.signature(model.forward).parameters:
            places = torch.arange(first, width, device=model.device)
            logits = model(padded, use_cache=False, logits_to_keep=places).logits
        else:
            logits = model(padded, use_cache=False).logits[:, first:]
        for line, group in enumerate(groups):
            for number in group:
                weights[number] = _read(logits[line], rows[number], first, named)
    return weights


def _read(logits: Any, row: TokenRow, first: int, named: tuple[int, Pieces | None]) -> RowWeight:
    """Read the log likelihood of a row from the logits of its line, the first of which are at the place `first`."""
    import torch

    tokens, (top, pieces) = row.tokens[row.before :], named
    wanted = torch.tensor(tokens, device=logits.device)
    logprobs = logits[row.before - 1 - first : len(row.tokens) - 1 - first].float().log_softmax(-1)
    chosen = logprobs.gather(1, wanted.unsqueeze(1)).squeeze(1).tolist()
    is_greedy = bool((logprobs.argmax(-1) == wanted).all())
    entries = [] if pieces is None else _token_logprobs(logprobs, tokens, chosen, top, pieces)
    return RowWeight(math.fsum(chosen), is_greedy, tuple(entries))


def _token_logprobs(
    logprobs: Any, tokens: list[int], chosen: list[float], top: int, pieces: Pieces
) -> list[TokenLogprob]:
    """An entry for each token, with the `top` most probable ones at its place."""
    values, others = (each.tolist() for each in logprobs.topk(min(top, logprobs.shape[-1])))
    return [
        TokenLogprob(piece, value, tuple(zip(pieces(alternatives), logs, strict=True)))
        for piece, value, alternatives, logs in zip(pieces(tokens), chosen, others, values, strict=True)
    ]
