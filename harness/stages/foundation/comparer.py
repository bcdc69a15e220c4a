"""What weights expect of texts, beside other weights, an engine, or themselves with an adapter: in a worker."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import EngineError
from harness.models.adapters.adapter_files import read_adapter
from harness.models.adapters.merging import adapted, untied
from harness.models.files.saved import load_whole
from harness.models.weighing import prefix_token, text_tokens
from harness.models.weights.weights import materialize, tokenizer_path
from harness.statistics.divergence import js_divergence, kl_divergence

_AT_ONCE = 128
"""Positions whose whole distributions are compared together: 200 MB for a vocabulary of 50,000."""


class Comparer:
    """Weights in 32 bits, with an adapter that `weigh_adapter` switches off, and those that are compared with them."""

    def __init__(self, options: Mapping[str, Any], root: str, adapter: str | None = None) -> None:
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        self._root = Path(root)
        self._tokenizer, self._model = self._load(options)
        self._pieces = self._tokenizer.get_vocab()
        self._others: dict[str, Any] = {}
        self._adapter = adapter
        if adapter is not None:
            self._model = untied(adapted(self._model, Path(adapter)))

    def compare_weights(self, text: str, other: Mapping[str, Any]) -> dict[str, Any]:
        """Compare a text in full with the weights of the options `other`: the fields of a `TextDivergence`."""
        key = json.dumps(other, sort_keys=True)
        if key not in self._others:
            tokenizer, model = self._load(other)
            if different := self._pieces.items() ^ tokenizer.get_vocab().items():
                piece, number = min(different, key=lambda each: (each[1], each[0]))
                message = f"token {number:,} is not the same to both ({piece!r} to one of them)"
                raise EngineError(f"{message}: compare weights of one vocabulary")
            self._others[key] = model
        tokens = text_tokens(self._tokenizer, text)
        both = [self._logits(tokens, model) for model in (self._model, self._others[key])]
        # Embeddings may be padded, to whatever size, with some that are no token's.
        width = min(max(self._pieces.values()) + 1, *(each.shape[-1] for each in both))
        rows: list[list[Any]] = []
        for start in range(0, len(tokens), _AT_ONCE):
            own = tokens[start : start + _AT_ONCE]
            places = range(len(own))
            p, q = (each[start : start + _AT_ONCE, :width].log_softmax(-1).numpy() for each in both)
            same = p.argmax(-1) == q.argmax(-1)
            columns = (kl_divergence(p, q), kl_divergence(q, p), same, q[places, own], p[places, own])
            rows += map(list, zip(*(column.tolist() for column in (*columns, js_divergence(p, q))), strict=True))
        return {"positions": rows, "is_lower_bound": False}

    def compare_sample(
        self, tokens: list[str], logprobs: list[float], top: list[list[tuple[str, float]]]
    ) -> dict[str, Any]:
        """Compare what an engine foresees of tokens, by its most probable ones; all others count as one."""
        ids = self._ids(tokens)
        logits = self._logits(ids, self._model)
        rows: list[list[Any]] = []
        for place, (token, logprob) in enumerate(zip(ids, logprobs, strict=True)):
            pieces, q = zip(*top[place], strict=True)
            row, listed = logits[place].log_softmax(-1).numpy(), self._ids(pieces)
            both = (float(kl_divergence(*pair, listed=True)) for pair in ((row[listed], q), (q, row[listed])))
            rows.append([*both, int(row.argmax()) == listed[0], logprob, float(row[token])])
        return {"positions": rows, "is_lower_bound": True}

    def weigh_adapter(self, text: str) -> dict[str, Any]:
        """Measure the adapter's effect on a text: the fields of `AdapterEffect`."""
        assert self._adapter is not None
        tokens = text_tokens(self._tokenizer, text)
        own = self._logits(tokens, self._model)
        with self._model.disable_adapter():
            base = self._logits(tokens, self._model)
        if own.isnan().any():
            raise EngineError("with the adapter logits are no numbers (NaN), as after training that diverged")
        named = self._model.get_base_model().named_modules()
        layers = {name: module for name, module in named if hasattr(module, "lora_A")}
        return {
            "effect": float(((own - base).abs() / (1 + base.abs())).max()),
            "kl": float(kl_divergence(own.log_softmax(-1).numpy(), base.log_softmax(-1).numpy()).mean()),
            "modules": list(layers),
            "idle": [name for name, module in layers.items() if not module.get_delta_weight("default").any()],
            "left_out": [name for name in read_adapter(Path(self._adapter)).shapes if name not in layers],
        }

    def _load(self, options: Mapping[str, Any]) -> tuple[Any, Any]:
        """A tokenizer, and a model that computes in 32 bits, whatever its weights are kept in, with its adapter."""
        from transformers import AutoTokenizer

        folder = materialize(options, self._root)
        place = tokenizer_path(options, self._root) or folder
        tokenizer = AutoTokenizer.from_pretrained(str(place), clean_up_tokenization_spaces=False)
        model = load_whole(folder, "float32").eval()
        if "adapter" in options:
            model = adapted(model, Path(options["adapter"])).get_base_model()
        return tokenizer, model

    def _logits(self, tokens: list[int], model: Any) -> Any:
        """(n_tokens, n_vocabulary): what is foreseen at the place of each token."""
        import torch

        config = model.config.get_text_config()
        window = getattr(config, "max_position_embeddings", None) or max(1, len(tokens))
        if not 0 < len(tokens) <= window:
            raise EngineError(f"the text has {len(tokens)} tokens, and the weights read 1 to {window} at once")
        rows = [prefix_token(self._tokenizer), *tokens[:-1]]
        if (most := max(rows[0], *tokens)) >= config.vocab_size:
            message = f"the text has token {most:,}, and the weights have {config.vocab_size:,} tokens"
            raise EngineError(f"{message}: the tokenizer is not theirs")
        with torch.inference_mode():
            return model(input_ids=torch.tensor([rows]), use_cache=False).logits[0].float()

    def _ids(self, pieces: Sequence[str]) -> list[int]:
        unknown = next((piece for piece in pieces if piece not in self._pieces), None)
        if unknown is not None:
            raise EngineError(f"the reference's vocabulary has no token {unknown!r}: the engine has another tokenizer")
        return [self._pieces[piece] for piece in pieces]
