"""A causal language model of the transformers library: batches in, plain data out. Runs in the engine's thread."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import CapabilityError, EngineError
from harness.models.continuation import split_continuation
from harness.models.weights import materialize, tokenizer_path
from harness.records import Request, Sample, TokenLogprob

_PASSED_ON = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
_KNOWN = {*_PASSED_ON, "max_tokens", "stop", "seed"}


class TransformersModel:
    """Weights and tokenizer, loaded; on the GPU where there is one.

    Args:
        options: `weights`, `tokenizer`, `drop_layers`, `dtype` and `max_model_len`.
        root: folder that relative paths start from.
    """

    def __init__(self, options: Mapping[str, Any], root: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        folder = materialize(options, root)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=options.get("dtype", "auto"))
        self._model = model.to(self.device).eval()
        tokenizer_folder = tokenizer_path(options, root) or folder
        self.tokenizer = AutoTokenizer.from_pretrained(str(tokenizer_folder), clean_up_tokenization_spaces=False)
        self._limit = options.get("max_model_len") or model.config.max_position_embeddings
        ends = model.generation_config.eos_token_id
        self._ends = {*(ends if isinstance(ends, list) else [ends]), self.tokenizer.eos_token_id} - {None}
        padding = self.tokenizer.pad_token_id
        self._padding = padding if padding is not None else min(self._ends, default=0)
        # transformers samples from the 50 most probable tokens unless told otherwise; no other engine does.
        own = {name: getattr(model.generation_config, name, None) for name in _PASSED_ON}
        stated = _stated(folder / "generation_config.json")
        self.defaults = {name: value for name, value in own.items() if value is not None and name in stated}

    def prompt_tokens(self, request: Request) -> list[int]:
        """The tokens of a chat request's prompt, through the chat template.

        Raises:
            EngineError: there is no chat template, it refuses the messages, or the prompt is too long.
        """
        from jinja2 import TemplateError

        turns = [dict(turn) for turn in request.messages]
        try:
            text = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        except (TemplateError, ValueError, TypeError) as error:
            raise EngineError(f"the chat template could not be applied: {error}") from error
        tokens = list(self.tokenizer.encode(text, add_special_tokens=False))
        if len(tokens) >= self._limit:
            raise EngineError(
                f"the prompt has {len(tokens)} tokens; with at least one for the answer that is beyond "
                f"max_model_len = {self._limit}"
            )
        return tokens

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
        devices = [0] if self.device == "cuda" else []
        with torch.inference_mode(), torch.random.fork_rng(devices):
            torch.manual_seed(secrets.randbits(63) if seed is None else seed)
            made = self._model.generate(rows, attention_mask=mask, **settings)
        answers = made.sequences[:, width:].tolist()
        stops = _stops(request)
        samples = []
        for i, tokens in enumerate(answers):
            steps = [logits[i] for logits in made.logits] if request.logprobs is not None else None
            samples.append(self._sample(tokens, len(prompts[i]), stops, steps, request.logprobs))
        return samples

    def weigh(self, requests: Sequence[Request]) -> list[Sample | EngineError]:
        """The log-likelihood of each request's continuation, all in one forward pass."""
        import torch

        rows: list[tuple[list[int], int] | EngineError] = []
        for request in requests:
            try:
                tokens, before = split_continuation(self.tokenizer, request.prompt or "", request.continuation or "")
            except ValueError as error:
                rows.append(EngineError(str(error)))
                continue
            too_long = len(tokens) > self._limit
            problem = f"the text has {len(tokens)} tokens, more than max_model_len = {self._limit}"
            rows.append(EngineError(problem) if too_long else (tokens, before))
        texts = [row for row in rows if not isinstance(row, EngineError)]
        if not texts:
            return [row for row in rows if isinstance(row, EngineError)]
        width = max(len(tokens) for tokens, _ in texts)
        padded = [tokens + [self._padding] * (width - len(tokens)) for tokens, _ in texts]
        mask = [[1] * len(tokens) + [0] * (width - len(tokens)) for tokens, _ in texts]
        with torch.inference_mode():
            output = self._model(
                torch.tensor(padded, device=self.device), attention_mask=torch.tensor(mask, device=self.device)
            )
        weighed = iter(
            _weighed(output.logits[i], tokens, before, requests[0]) for i, (tokens, before) in enumerate(texts)
        )
        return [row if isinstance(row, EngineError) else next(weighed) for row in rows]

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
        if stops := _stops(request):
            settings |= {"stop_strings": stops, "tokenizer": self.tokenizer}
        return settings

    def _sample(
        self, tokens: list[int], prompt_tokens: int, stops: list[str], steps: list[Any] | None, alternatives: int | None
    ) -> Sample:
        """One row of a batch, cut where its answer ended; the batch ran on until its longest answer did."""
        end = next((i for i, token in enumerate(tokens) if token in self._ends), None)
        kept = tokens if end is None else tokens[: end + 1]
        while end is None and kept and kept[-1] == self._padding:
            kept = kept[:-1]
        text = self.tokenizer.decode(kept, skip_special_tokens=True)
        cuts = [place for stop in stops if (place := text.find(stop)) >= 0]
        logprobs = None
        if steps is not None and alternatives is not None:
            logprobs = tuple(self._token_logprob(steps[i], token, alternatives) for i, token in enumerate(kept))
        return Sample(
            text=text[: min(cuts)] if cuts else text,
            finish_reason="length" if end is None and not cuts else "stop",
            prompt_tokens=prompt_tokens,
            completion_tokens=len(kept),
            logprobs=logprobs,
        )

    def _token_logprob(self, logits: Any, token: int, alternatives: int) -> TokenLogprob:
        logprobs = logits.float().log_softmax(-1)
        values, tokens = logprobs.topk(alternatives)
        top = tuple(
            (self.tokenizer.decode([other]), float(value))
            for other, value in zip(tokens.tolist(), values.tolist(), strict=True)
        )
        return TokenLogprob(self.tokenizer.decode([token]), float(logprobs[token]), top)


def refuse_unknown_sampling(request: Request, name: str) -> None:
    """Refuse sampling parameters that transformers' generate has not.

    Raises:
        CapabilityError: naming them.
    """
    if unknown := sorted(set(request.sampling) - _KNOWN):
        raise CapabilityError(f"{name} has no {', '.join(unknown)}. It knows: {', '.join(sorted(_KNOWN))}.")


def _stated(path: Path) -> set[str]:
    import json

    return set(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else set()


def _stops(request: Request) -> list[str]:
    stop = request.sampling.get("stop") or []
    return [stop] if isinstance(stop, str) else list(stop)


def _weighed(logits: Any, tokens: list[int], before: int, request: Request) -> Sample:
    """Score the tokens from `before` on by the logits of the places before each."""
    logprobs = logits[before - 1 : len(tokens) - 1].float().log_softmax(-1)
    wanted = tokens[before:]
    total = sum(float(logprobs[i, token]) for i, token in enumerate(wanted))
    return Sample(
        text=request.continuation or "",
        prompt_tokens=before,
        completion_tokens=len(wanted),
        loglikelihood=total,
        is_greedy=logprobs.argmax(-1).tolist() == wanted,
    )
