"""A causal language model of the transformers library: batches in, samples out. Runs in the engine's worker."""

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

_UNBOUNDED = 2048
"""Tokens that a model takes whose config bounds them nowhere, as vLLM has it."""
Name = Callable[[int], str]
"""Gives the text of a token."""


class TransformersModel:
    """Weights and tokenizer, loaded; on the GPU where there is one. `batch_size` texts are weighed at once."""

    def __init__(self, options: Mapping[str, Any], root: Path, batch_size: int) -> None:
        import torch

        folder = materialize(options, root)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        from transformers import AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        model = load_whole(folder, options.get("dtype", "auto"))
        tokenizer_folder = str(tokenizer_path(options, root) or folder)
        self.tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder, clean_up_tokenization_spaces=False)
        if "adapter" in options:
            # The model itself, whose layers peft has replaced: it has the parameters of `forward`.
            model = adapted(model, Path(options["adapter"])).get_base_model()
        self._model = model.to(self.device).eval()
        self._batch_size = batch_size
        self._n_tokens = model.get_input_embeddings().weight.shape[0]
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
        """The tokens that a request's answer follows, and how many were left out in front of them. Raises ValueError:
        there are too many, the model has no such token, or the template refuses the messages.
        """
        text = context_text(self.tokenizer, request)
        if request.kind == "completion":
            tokens = context_tokens(self.tokenizer, text)
        else:
            tokens = list(self.tokenizer.encode(text, add_special_tokens=False))
        self._check_known(tokens)
        cut = n_cut(tokens, request, self._limit)
        return tokens[cut:], cut

    def rows(self, request: Request) -> list[TokenRow]:
        """The tokens that a request weighs. Raises ValueError as `prompt_tokens`."""
        rows = weighed_rows(self.tokenizer, request, self._limit + 1)  # the last token is weighed, but never goes in
        for row in rows:
            self._check_known(row.tokens)
        return rows

    def _check_known(self, tokens: Sequence[int]) -> None:
        if (token := max(tokens, default=0)) >= self._n_tokens:
            piece = self.tokenizer.convert_ids_to_tokens(token)
            raise ValueError(
                f"the tokenizer gives token {token} ({piece!r}), and the weights have embeddings of "
                f"{self._n_tokens:,} tokens: take the tokenizer that they were made with, or resize them"
            )

    def generate(self, prompts: Sequence[list[int]], request: Request, seed: int | None = None) -> list[Sample]:
        """One answer to each prompt, all with the sampling parameters of `request`; without a seed the system gives
        one.
        """
        import torch

        width = max(map(len, prompts))
        rows = torch.tensor([[self._padding] * (width - len(row)) + row for row in prompts], device=self.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in prompts], device=self.device)
        constraint = None if request.schema is None else self._constraint(request.schema)
        processors = [] if constraint is None else [constraint]
        with torch.inference_mode(), torch.random.fork_rng([0] if self.device == "cuda" else []):
            torch.manual_seed(secrets.randbits(63) if seed is None else seed)
            made = self._model.generate(
                rows, attention_mask=mask, logits_processor=processors, **self._settings(request, width)
            )
        answers, steps = made.sequences[:, width:].tolist(), made.logits if constraint is None else constraint.steps
        return [
            self._sample(request, tokens, len(prompt), [step[row] for step in steps or ()])
            for row, (prompt, tokens) in enumerate(zip(prompts, answers, strict=True))
        ]

    def _settings(self, request: Request, width: int) -> dict[str, Any]:
        sampling = {**self.defaults, **request.sampling}
        temperature = sampling.get("temperature", 1.0)
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

    def _sample(self, request: Request, tokens: list[int], prompt_tokens: int, steps: Sequence[Any]) -> Sample:
        """One row of a batch, cut where its answer ended; the batch ran on until its longest answer did."""
        end = next((i for i, token in enumerate(tokens) if token in self._ends), None)
        kept = tokens if end is None else tokens[: end + 1]
        text = self.tokenizer.decode(kept, skip_special_tokens=True)
        stopped = before_stop(text, stops(request))
        # Padding follows a stop string alone: in any other answer it is a token that the model drew.
        while stopped is not None and kept and kept[-1] == self._padding:
            kept = kept[:-1]
        entries: list[TokenLogprob] | None = None
        if (top := request.logprobs) is not None:
            name = functools.cache(lambda token: self.tokenizer.decode([token]))
            logprobs = (step.float().log_softmax(-1) for step in steps)
            entries = [_entries(each[None], [token], top, name)[0] for each, token in zip(logprobs, kept, strict=False)]
        return Sample(
            text=text if stopped is None else stopped,
            finish_reason="length" if end is None and stopped is None else "stop",
            prompt_tokens=prompt_tokens,
            completion_tokens=len(kept),
            logprobs=None if entries is None else tuple(entries),
        )

    @functools.cached_property
    def _grammars(self) -> Any:
        import xgrammar

        vocabulary = self._model.get_output_embeddings().weight.shape[0]
        information = xgrammar.TokenizerInfo.from_huggingface(
            self.tokenizer, vocab_size=vocabulary, stop_token_ids=sorted(self._ends)
        )
        return xgrammar.GrammarCompiler(information)

    def _constraint(self, schema: Mapping[str, Any]) -> Any:
        """A logits processor for one call of `generate`: what the schema does not allow becomes impossible. Its `steps`
        are the logits of each step after that, before temperature. Raises EngineError: xgrammar can't follow it.
        """
        from xgrammar.contrib.hf import LogitsProcessor

        class Constraint(LogitsProcessor):
            def __init__(self, grammar: Any) -> None:
                super().__init__(grammar)
                self.steps: list[Any] = []

            def __call__(self, input_ids: Any, scores: Any) -> Any:
                self.steps.append(super().__call__(input_ids, scores))
                return self.steps[-1]

        # Free white space lets a small model write line breaks until max_tokens.
        try:
            return Constraint(self._grammars.compile_json_schema(json.dumps(schema), any_whitespace=False))
        except RuntimeError as error:
            raise EngineError(f"the schema can't be followed: {error}") from error

    def weigh(self, asked: Sequence[tuple[Request, list[TokenRow]]]) -> list[Sample]:
        """The log likelihood of each request's `rows`, weighed in batches over all requests."""
        top = max((request.logprobs for request, _ in asked if request.logprobs is not None), default=None)
        name = None if top is None else functools.cache(self.tokenizer.convert_ids_to_tokens)
        every_row = [row for _, rows in asked for row in rows]
        weights = iter(weigh_rows(self._model, every_row, self._batch_size, top=top or 0, name=name))
        return [weighed_sample(rows, [next(weights) for _ in rows], request.logprobs) for request, rows in asked]


def weigh_rows(
    model: Any, rows: Sequence[TokenRow], batch_size: int, *, top: int = 0, name: Name | None = None
) -> list[RowWeight]:
    """Compute the log likelihood of each row's weighed tokens.

    Texts of like length go into the model together, padded at the end, which no token of a causal model sees. A text
    that another one begins with is not computed again: so continuations of one token share their context.

    Args:
        rows: at least one token comes before those that are weighed.
        batch_size: texts computed at once.
        top: how many alternatives to give at each weighed place.
        name: names tokens; without it there are no log probabilities of single ones.
    """
    import torch

    groups: list[list[int]] = []  # of rows, whose tokens but the last the first row's tokens begin with
    for number in sorted(range(len(rows)), key=lambda number: rows[number].tokens[:-1], reverse=True):
        goes_in = rows[number].tokens[:-1]
        if groups and rows[groups[-1][0]].tokens[: len(goes_in)] == goes_in:
            groups[-1].append(number)
        else:
            groups.append([number])
    groups.sort(key=lambda group: len(rows[group[0]].tokens), reverse=True)
    weights: dict[int, RowWeight] = {}
    for start in range(0, len(groups), batch_size):
        batch = groups[start : start + batch_size]
        inputs = [rows[group[0]].tokens[:-1] for group in batch]
        width, first = len(inputs[0]), min(rows[number].before for group in batch for number in group) - 1
        padded = torch.tensor([tokens + [0] * (width - len(tokens)) for tokens in inputs], device=model.device)
        with torch.inference_mode():
            if "logits_to_keep" in inspect.signature(model.forward).parameters:
                places = torch.arange(first, width, device=model.device)
                logits = model(padded, use_cache=False, logits_to_keep=places).logits
            else:
                logits = model(padded, use_cache=False).logits[:, first:]
            for line, group in zip(logits, batch, strict=True):
                for number in group:
                    row = rows[number]
                    own = line[row.before - 1 - first : len(row.tokens) - 1 - first].float().log_softmax(-1)
                    weights[number] = _weight(own, row.tokens[row.before :], top, name)
    return [weights[number] for number in range(len(rows))]


def _weight(logprobs: Any, tokens: list[int], top: int, name: Name | None) -> RowWeight:
    """Read the log likelihood of tokens from the log probabilities at their places, (places, vocabulary)."""
    import torch

    wanted = torch.tensor(tokens, device=logprobs.device)
    chosen = logprobs.gather(1, wanted.unsqueeze(1)).squeeze(1).tolist()
    is_greedy = bool((logprobs.argmax(-1) == wanted).all())
    return RowWeight(math.fsum(chosen), is_greedy, tuple(_entries(logprobs, tokens, top, name)) if name else ())


def _entries(logprobs: Any, tokens: list[int], top: int, name: Name) -> list[TokenLogprob]:
    """An entry for each token, with the `top` most probable ones at its place that are possible."""
    values, others = (each.tolist() for each in logprobs.topk(min(top, logprobs.shape[-1])))
    entries = []
    for place, token in enumerate(tokens):
        ranked = zip(others[place], values[place], strict=True)
        possible = tuple((name(other), value) for other, value in ranked if value > -math.inf)
        entries.append(TokenLogprob(name(token), float(logprobs[place, token]), possible))
    return entries
