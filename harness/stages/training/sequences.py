"""Texts as sequences of tokens, each with the places that carry loss. What can't be learned from is refused; an answer
that is too long is cut."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from harness.errors import UsageError
from harness.models.description.sizes import context_window
from harness.models.tokenization.version_tokenizer import VersionTokenizer
from harness.records import Messages
from harness.stages.training.texts import Lesson

IGNORED = -100
"""The label of a place that carries no loss, as PyTorch's cross entropy has it."""


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """Tokens to learn from.

    Attributes:
        tokens: their ids.
        labels: the ids again, and `IGNORED` where nothing is to be learned: the tokens of a prompt.
        whole: how many tokens the text has, if it is cut.
    """

    tokens: tuple[int, ...]
    labels: tuple[int, ...]
    whole: int = field(default=0, compare=False)


def count_prompt(prompt: Messages, tokenizer: VersionTokenizer) -> int:
    """The tokens of a prompt, up to where its answer begins."""
    return len(_tokens(prompt, tokenizer, is_open=True))


def _tokens(messages: Messages, tokenizer: VersionTokenizer, *, is_open: bool) -> list[int]:
    return tokenizer.encode(tokenizer.chat(messages, is_open=is_open), special=True, adds=False)


def make_sequences(texts: Iterable[Lesson], tokenizer: VersionTokenizer, length: int) -> list[TokenSequence]:
    """The sequences of texts. Documents are joined, an end after each, and cut into sequences of the full length; a
    prompt with its answer is a sequence of its own, whose loss is on the answer and its end, or on every answer of a
    chat that is learned whole.

    Raises:
        UsageError: a prompt without an answer or that leaves no room for one, or documents too short for one sequence.
    """
    texts = list(texts)
    found = [_answered(text, tokenizer, length) for text in texts if text.prompt]
    documents = [text for text in texts if not text.prompt]
    number = tokenizer.id_of("eos_token")
    end = () if number is None else (number,)
    spelled = (tokenizer.encode(text.answer, special=True, adds=False) for text in documents)
    stream = tuple(chain.from_iterable((*each, *end) for each in spelled))
    if documents and len(stream) < length:
        raise UsageError(
            f"The {len(documents)} documents have fewer than {length} tokens together; take a smaller length, or more "
            "documents."
        )
    parts = (stream[begin : begin + length] for begin in range(0, len(stream) - length + 1, length))
    return found + [TokenSequence(part, part) for part in parts]


def _answered(text: Lesson, tokenizer: VersionTokenizer, length: int) -> TokenSequence:
    if not text.answer.strip():
        raise UsageError(
            f'{text.name} has a prompt and no answer to learn from. Give it an "answer". Where no prompt has one, a '
            'teacher answers for a student that is distilled with method = "sequence", or with "soft_targets" and '
            "hard_weight = 0."
        )
    messages = (*text.prompt, {"role": "assistant", "content": text.answer})
    try:
        whole = _tokens(messages, tokenizer, is_open=False)
        labels = [IGNORED] * len(whole)
        for place, turn in enumerate([*text.turns, len(text.prompt)]):
            asked = _tokens(messages[:turn], tokenizer, is_open=True)
            answered = _tokens(messages[: turn + 1], tokenizer, is_open=False)
            if whole[: len(answered)] != answered or answered[: len(asked)] != asked:
                raise UsageError(
                    "The chat template writes a prompt otherwise once it is answered, so that the tokens of the answer "
                    "can't be told from those of the prompt. Give the version a tokenizer whose template does not."
                )
            if place == 0 and len(asked) >= length:
                raise UsageError(
                    f"the prompt has {len(asked)} tokens, and a sequence has {length}: nothing of its answer would be "
                    f"learned. Set length to more than {len(asked)}, or take a shorter prompt."
                )
            labels[len(asked) : len(answered)] = answered[len(asked) :]
    except UsageError as error:
        raise UsageError(f"{text.name}: {error}") from error
    # Templates end a chat with a space that nobody misses.
    chat = tokenizer.chat(messages, is_open=False).rstrip()
    n_whole = len(whole) if len(whole) <= length else len(tokenizer.encode(chat, special=True, adds=False))
    return TokenSequence(tuple(whole[:length]), tuple(labels[:length]), n_whole)


def drawn(sequences: Sequence[TokenSequence], count: int, seed: int) -> list[TokenSequence]:
    """So many sequences in a random order: all of them before any comes again."""
    import numpy as np

    generator = np.random.default_rng(seed)
    order: list[int] = []
    while len(order) < count:
        order.extend(generator.permutation(len(sequences)).tolist())
    return [sequences[place] for place in order[:count]]


def check_length(length: int, *weights: Path) -> None:
    """Refuse sequences that are longer than the window of any of some weights."""
    configs = [json.loads((each / "config.json").read_text("utf-8")) for each in weights]
    windows = [context_window(config) or length for config in configs]
    if length > (window := min(windows)):
        raise UsageError(
            f"length = {length}, and the weights take {window} tokens at most (max_position_embeddings of their "
            f"config): set length to {window} or fewer."
        )


def check_taught(
    texts: Iterable[Lesson], tokenizer: VersionTokenizer, length: int, *, is_asked: bool = False
) -> str | None:
    """Refuse what `make_sequences` would of prompts, before anything is built.

    Args:
        is_asked: whether the teacher will answer each prompt as a whole, instead of the answers that are there.

    Returns:
        How many answers are cut at the end of a sequence, after which a model learns to run on; None where none is
        known to be.

    Raises:
        UsageError: naming the line. Also where all answers are cut, and no teacher gave them.
    """
    asked = [text for text in texts if text.prompt]
    if is_asked:
        asked = [replace(text, answer="Yes.", learns_all=False) for text in asked]
    made = make_sequences(asked, tokenizer, length)
    unended = [text.finish_reason == "length" for text in asked]
    n_cut = sum(each.whole > length or is_cut for each, is_cut in zip(made, unended, strict=True))
    if is_asked or not n_cut:
        return None
    advice = f"set length to {max(each.whole for each in made)} to keep them whole"
    # Of a chat that is learned whole the first answers are.
    if n_cut == len(asked) and not any(text.learns_all or text.finish_reason for text in asked):
        raise UsageError(f"All {n_cut} answers are cut at length = {length}, so that no end is learned: {advice}.")
    return f"{n_cut} of {len(asked)} answers are cut at length = {length}; " + (
        "set a larger length" if any(unended) else advice
    )
