"""What a reference computes, in its process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import EngineError
from harness.models.adapters.merging import adapted
from harness.models.files.saved import load_whole
from harness.models.weighing import prefix_token, text_tokens
from harness.models.weights.weights import materialize, tokenizer_path
from harness.statistics.divergence import js_divergence, kl_divergence

_AT_ONCE = 128
"""Positions whose whole distributions are compared together: 200 MB for a vocabulary of 50,000."""


class Comparer:
    """The reference's weights, and those that are compared with them in full, once they are asked for.

    Args:
        options: of the reference.
        root: folder that relative paths start from.
    """

    def __init__(self, options: Mapping[str, Any], root: str) -> None:
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        self._root = Path(root)
        folder = materialize(options, self._root)
        self._tokenizer = _tokenizer(folder, options, self._root)
        self._pieces = self._tokenizer.get_vocab()
        self._model = _load(folder, options)
        self._others: dict[str, Any] = {}

    def compare_weights(self, text: str, other: Mapping[str, Any]) -> dict[str, Any]:
        """Compare a text in full with the weights of the options `other`.

        Raises:
            EngineError: it has no tokens, or more than go into a window; the vocabulary is not the reference's.
        """
        model = self._other(other)
        tokens = text_tokens(self._tokenizer, text)
        own, others = self._logits(tokens, self._model, model)
        # Embeddings may be padded, to whatever size, with some that are no token's.
        width = min(max(self._pieces.values()) + 1, own.shape[-1], others.shape[-1])
        positions = _compare_whole(own[:, :width], others[:, :width], tokens)
        return {"positions": positions, "is_lower_bound": False}

    def compare_sample(self, tokens: list[str], top: list[list[str]], **logprobs: Any) -> dict[str, Any]:
        """Compare what an engine foresees of tokens.

        Raises:
            EngineError: tokens that the reference does not have, or more than go into its window.
        """
        ids = self._ids(tokens)
        (logits,) = self._logits(ids, self._model)
        positions = _compare_listed(logits, ids, [self._ids(pieces) for pieces in top], logprobs)
        return {"positions": positions, "is_lower_bound": True}

    def _other(self, options: Mapping[str, Any]) -> Any:
        """The model of these options, whose vocabulary is the reference's."""
        key = json.dumps(options, sort_keys=True)
        if key not in self._others:
            folder = materialize(options, self._root)
            tokenizer = _tokenizer(folder, options, self._root)
            different = self._pieces.items() ^ tokenizer.get_vocab().items()
            if different:
                piece, number = min(different, key=lambda each: (each[1], each[0]))
                raise EngineError(
                    f"token {number:,} is not the same to both ({piece!r} to one of them): compare weights of one "
                    "vocabulary"
                )
            self._others[key] = _load(folder, options)
        return self._others[key]

    def _logits(self, tokens: list[int], *models: Any) -> list[Any]:
        """Each model's (n_tokens, n_vocabulary): what is foreseen at the place of each token."""
        import torch

        if not tokens:
            raise EngineError("a text without tokens has nothing to compare")
        window = min(each.config.max_position_embeddings for each in models)
        if len(tokens) > window:
            raise EngineError(f"the text has {len(tokens)} tokens, and the weights read {window} at once")
        rows = [prefix_token(self._tokenizer), *tokens[:-1]]
        size, most = min(each.config.get_text_config().vocab_size for each in models), max(rows[0], *tokens)
        if most >= size:
            raise EngineError(
                f"the text has token {most:,}, and the weights have {size:,} tokens: the tokenizer is not theirs"
            )
        with torch.inference_mode():
            return [model(torch.tensor([rows]), use_cache=False).logits[0].float() for model in models]

    def _ids(self, pieces: list[str]) -> list[int]:
        ids = self._tokenizer.convert_tokens_to_ids(pieces)
        named = [None if number is None else self._tokenizer.convert_ids_to_tokens(number) for number in ids]
        unknown = next((piece for piece, same in zip(pieces, named, strict=True) if piece != same), None)
        if unknown is not None:
            raise EngineError(f"the reference's vocabulary has no token {unknown!r}: the engine has another tokenizer")
        return list(ids)


def _tokenizer(folder: Path, options: Mapping[str, Any], root: Path) -> Any:
    from transformers import AutoTokenizer

    place = tokenizer_path(options, root) or folder
    return AutoTokenizer.from_pretrained(str(place), clean_up_tokenization_spaces=False)


def _load(folder: Path, options: Mapping[str, Any]) -> Any:
    """A model that computes in 32 bits, whatever its weights are kept in, with its adapter beside them, if any."""
    model = load_whole(folder, "float32").eval()
    return model if "adapter" not in options else adapted(model, Path(options["adapter"])).get_base_model()


def _compare_whole(reference: Any, other: Any, tokens: list[int]) -> list[list[Any]]:
    """A row for each position (see `PositionDivergence`), from whole distributions."""
    rows: list[list[Any]] = []
    for start in range(0, len(tokens), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        p, q = (each[part].log_softmax(-1) for each in (reference, other))
        logs_p, logs_q = p.numpy(), q.numpy()
        forward, reverse = kl_divergence(logs_p, logs_q), kl_divergence(logs_q, logs_p)
        same = (p.argmax(-1) == q.argmax(-1)).tolist()
        own = tokens[part]
        likely = [(float(logs_q[row, token]), float(logs_p[row, token])) for row, token in enumerate(own)]
        middle = js_divergence(logs_p, logs_q)
        rows += [[*row, float(each)] for row, each in zip(_rows(forward, reverse, same, likely), middle, strict=True)]
    return rows


def _compare_listed(
    reference: Any, tokens: list[int], listed: list[list[int]], message: Mapping[str, Any]
) -> list[list[Any]]:
    """A row for each position (see `PositionDivergence`), from an engine's most probable tokens; the others are one."""
    import numpy as np

    rows: list[list[Any]] = []
    for start in range(0, len(tokens), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        p = reference[part].log_softmax(-1)
        best, logs = p.argmax(-1).tolist(), p.numpy()
        for row, token in enumerate(tokens[part]):
            at = start + row
            q_listed, p_listed = np.array(message["top_logprobs"][at]), logs[row, listed[at]]
            forward = kl_divergence(p_listed, q_listed, listed=True)
            reverse = kl_divergence(q_listed, p_listed, listed=True)
            likely = [(float(message["logprobs"][at]), float(logs[row, token]))]
            rows += _rows([forward], [reverse], [best[row] == listed[at][0]], likely)
    return rows


def _rows(forward: Any, reverse: Any, same: list[bool], likely: list[tuple[float, float]]) -> list[list[Any]]:
    return [
        [float(kl), float(back), is_same, own, of_reference]
        for kl, back, is_same, (own, of_reference) in zip(forward, reverse, same, likely, strict=True)
    ]
