"""The teacher's most likely tokens at each place of the texts, on disk: a second student costs no teacher."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.files import replacing
from harness.stages.training.sequences import TokenSequence
from harness.stages.training.soft_targets import teacher_targets

_PLACES_AT_ONCE = 1024


class TeacherCache:
    """A teacher's predictions at each place of some sequences.

    Args:
        folder: that keeps it, for one teacher, temperature and number of tokens.
        top_k: how many tokens are kept at each place.
        temperature: at which their log probabilities are.
    """

    def __init__(self, folder: Path, top_k: int, temperature: float) -> None:
        self._folder = folder
        self._top_k = top_k
        self._temperature = temperature

    def fill(
        self,
        sequences: Sequence[TokenSequence],
        load: Callable[[], Any],
        told: Callable[[int, int], None],
        *,
        n_tokens: int | None = None,
    ) -> int:
        """See that what the teacher says of these sequences is there.

        Args:
            load: loads the teacher's model; not called where nothing is missing.
            told: called with how many sequences are done, of how many.
            n_tokens: that there are; what the teacher has beyond them is no token. None for as many as it has.

        Returns:
            how many sequences the teacher was asked for.
        """
        import torch

        missing = [each for each in dict.fromkeys(each.tokens for each in sequences) if not self._path(each).exists()]
        if not missing:
            return 0
        model = load()
        self._folder.mkdir(parents=True, exist_ok=True)
        at_once = max(1, _PLACES_AT_ONCE // max(map(len, missing)))
        for begin in range(0, len(missing), at_once):
            several = missing[begin : begin + at_once]
            longest = max(map(len, several))
            batch = torch.tensor([[*tokens, *[0] * (longest - len(tokens))] for tokens in several])
            mask = torch.tensor([[1] * len(tokens) + [0] * (longest - len(tokens)) for tokens in several])
            with torch.inference_mode():
                logits = model(input_ids=batch.to(model.device), attention_mask=mask.to(model.device)).logits
            for tokens, each in zip(several, logits, strict=True):
                ids, logprobs = teacher_targets(each[: len(tokens), :n_tokens], self._top_k, self._temperature)
                with replacing(self._path(tokens)) as draft, draft.open("wb") as file:
                    np.savez(file, ids=ids.cpu().numpy(), logprobs=logprobs.cpu().numpy())
            told(min(begin + at_once, len(missing)), len(missing))
        return len(missing)

    def read(self, tokens: tuple[int, ...]) -> tuple[Any, Any]:
        """The ids and log probabilities of one sequence, arrays of shape (length, top_k)."""
        with np.load(self._path(tokens)) as found:
            return found["ids"], found["logprobs"]

    def _path(self, tokens: tuple[int, ...]) -> Path:
        from harness.models.files.content_hash import text_hash

        return self._folder / f"{text_hash(json.dumps(tokens))[:32]}.npz"
