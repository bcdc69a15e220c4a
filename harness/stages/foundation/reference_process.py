"""The process of a reference: `python -m harness.stages.foundation.reference_process`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import EngineError
from harness.models.adapters.merging import adapted
from harness.models.description.config_settings import context_window
from harness.models.files.saved import load_whole
from harness.models.processes.answering import Answering, answer_messages
from harness.models.weighing import prefix_token, text_tokens
from harness.models.weights.weights import materialize, tokenizer_path
from harness.statistics.divergence import js_divergence, kl_divergence

_AT_ONCE = 128
"""Positions whose whole distributions are compared together: 200 MB for a vocabulary of 50,000."""


def main() -> None:
    """Load the weights that the first message names, and answer."""
    answer_messages(_loaded)


def _loaded(start: dict[str, Any]) -> tuple[bool, Answering]:
    """Return True (ready) and the function that compares."""
    return True, Comparer(start).answer


class Comparer:
    """The reference's weights, and those that are compared with them in full, once they are asked for.

    Args:
        start: `options` of the reference, and the folder `root`.
    """

    def __init__(self, start: Mapping[str, Any]) -> None:
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        options, self._root = start["options"], Path(start["root"])
        folder = materialize(options, self._root)
        self._tokenizer = _tokenizer(folder, options, self._root)
        self._pieces = self._tokenizer.get_vocab()
        self._model = _load(folder, options)
        self._others: dict[str, Any] = {}

    def answer(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Compare one text: a `text` in full with the weights of the options `other`, or `tokens` with what an engine
        foresees of them.

        Raises:
            EngineError: tokens that the reference does not have, or more than go into its window; a vocabulary that is
                not the reference's.
        """
        if "text" in message:
            other = self._other(message["other"])
            tokens = text_tokens(self._tokenizer, message["text"])
        else:
            tokens = self._ids(message["tokens"])
        if not tokens:
            raise EngineError("a text without tokens has nothing to compare")
        models = [self._model, *([other] if "text" in message else [])]
        windows = [context_window(each.config.to_dict()) for each in models]
        window = min((each for each in windows if each is not None), default=len(tokens))
        if len(tokens) > window:
            raise EngineError(f"the text has {len(tokens)} tokens, and the weights read {window} at once")
        logits = self._logits(self._model, tokens)
        if "text" in message:
            others = self._logits(other, tokens)
            # Embeddings may be padded, to whatever size, with some that are no token's.
            width = min(max(self._pieces.values()) + 1, logits.shape[-1], others.shape[-1])
            positions = _compare_whole(logits[:, :width], others[:, :width], tokens)
            return {"positions": positions, "is_lower_bound": False}
        listed = [self._ids(top) for top in message["top"]]
        positions = _compare_listed(logits, tokens, listed, message)
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

    def _logits(self, model: Any, tokens: list[int]) -> Any:
        """(n_tokens, n_vocabulary): what is foreseen at the place of each token."""
        import torch

        prefix, size = prefix_token(self._tokenizer), model.config.get_text_config().vocab_size
        if max(prefix, *tokens) >= size:
            raise EngineError(
                f"the text has token {max(prefix, *tokens):,}, and the weights have {size:,} tokens: the tokenizer is "
                "not theirs"
            )
        with torch.inference_mode():
            return model(torch.tensor([[prefix, *tokens[:-1]]]), use_cache=False).logits[0].float()

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


if __name__ == "__main__":
    main()
