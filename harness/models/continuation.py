"""Which tokens of a text belong to its continuation."""

from __future__ import annotations

from typing import Any


def split_continuation(tokenizer: Any, prompt: str, continuation: str) -> tuple[list[int], int]:
    """The tokens of prompt and continuation together, and how many of them belong to the prompt.

    Both are tokenized as one text, as a model would have met them; spaces between them count to the continuation, for
    most tokenizers put them in the next word's token. An empty prompt becomes the token that begins a text.

    Raises:
        ValueError: the continuation has no token of its own.

    Source: the encoding of pairs in lm-evaluation-harness.
    """
    stripped = prompt.rstrip()
    continuation = prompt[len(stripped) :] + continuation
    whole = list(tokenizer.encode(stripped + continuation))
    before = len(tokenizer.encode(stripped)) if stripped else 0
    if before == 0:
        start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        if not whole or whole[0] != start:
            whole.insert(0, start)
        before = 1
    if len(whole) <= before:
        raise ValueError(f"the continuation {continuation!r} has no token of its own after {prompt!r}")
    return whole, before
