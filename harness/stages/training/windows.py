"""Whether the weights can take what is to be learned: sequences and prompts beside the window of the weights."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.models.description.config_settings import config_settings
from harness.stages.training.texts import TrainingText


def window_of(weights: Path) -> int | None:
    """The tokens that weights can take at most; None where their config does not say."""
    window: int | None = config_settings(json.loads((weights / "config.json").read_text("utf-8")))["context_length"]
    return window


def check_length(length: int, *weights: Path) -> None:
    """Refuse sequences that are longer than the window of any of some weights.

    Raises:
        UsageError: they are.
    """
    window = _narrowest(weights)
    if window is not None and length > window:
        raise UsageError(
            f"length = {length}, and the weights take {window} tokens at most (max_position_embeddings of their "
            f"config): set length to {window} or fewer."
        )


def check_prompts_taught(texts: Iterable[TrainingText], tokenizer: Any, length: int) -> None:
    """Refuse a prompt that leaves no room for its answer in a sequence.

    Raises:
        UsageError: naming the line.
    """
    for text, n_tokens in _asked(texts, tokenizer):
        check_room(text, n_tokens, length)


def check_room(text: TrainingText, n_tokens: int, length: int) -> None:
    """Refuse a prompt of so many tokens that leaves no room for its answer in a sequence.

    Raises:
        UsageError: naming the line.
    """
    if n_tokens >= length:
        raise UsageError(
            f"{text.called}: the prompt has {n_tokens} tokens, and a sequence has {length}: nothing of its answer "
            f"would be learned. Set length to more than {n_tokens}, or take a shorter prompt."
        )


def check_prompts_answered(texts: Iterable[TrainingText], tokenizer: Any, length: int, *weights: Path) -> None:
    """Refuse a prompt that has no place in the window of any of some weights together with an answer.

    Args:
        length: of an answer at most.

    Raises:
        UsageError: naming the line.
    """
    window = _narrowest(weights)
    if window is None:
        return
    for text, n_tokens in _asked(texts, tokenizer):
        if n_tokens + length > window:
            room = window - n_tokens
            advice = f"Set length to {room} or fewer, or take" if room > 0 else "Take"
            raise UsageError(
                f"{text.called}: the prompt has {n_tokens} tokens, and with an answer of length = {length} these are "
                f"more than the {window} that the weights take (max_position_embeddings of their config). {advice} a "
                "shorter prompt."
            )


def _narrowest(weights: Iterable[Path]) -> int | None:
    return min((window for window in map(window_of, weights) if window is not None), default=None)


def _asked(texts: Iterable[TrainingText], tokenizer: Any) -> Iterable[tuple[TrainingText, int]]:
    """Each text with the tokens of its prompt, as it is asked."""
    for text in texts:
        yield text, len(tokenizer.apply_chat_template(list(text.prompt), add_generation_prompt=True, return_dict=False))
