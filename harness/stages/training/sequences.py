"""Texts as sequences of tokens, each with the places that carry loss. A prompt that is too long for one is refused; an
answer that is too long is cut, which is told before anything is trained."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import UsageError
from harness.models.description.config_settings import config_settings
from harness.models.tokenization.version_tokenizer import VersionTokenizer
from harness.stages.training.running import TrainingRequest
from harness.stages.training.texts import TrainingText, check_answer, read_texts

IGNORED = -100
"""The label of a place that carries no loss, as PyTorch's cross entropy has it."""

Writer = Callable[[Sequence[Mapping[str, Any]], bool], list[int]]
"""Gives the tokens of a chat, and whether an answer is to begin at its end."""


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """Tokens to learn from.

    Attributes:
        tokens: their ids.
        labels: the ids again, and `IGNORED` where nothing is to be learned: the tokens of a prompt.
    """

    tokens: tuple[int, ...]
    labels: tuple[int, ...]


def read_sequences(
    request: TrainingRequest, told: Callable[[dict[str, Any]], None], *weights: Path
) -> tuple[list[TokenSequence], Any]:
    """The sequences of all steps of a training, in their order, and the tokenizer of transformers that cut them.

    Args:
        told: called with a message for the process that waits.
        weights: the folders of all weights that see them.

    Raises:
        UsageError: the texts can't be learned from, or are longer than what the weights take.
    """
    from transformers import AutoTokenizer

    settings = request.settings
    check_length(settings.length, *weights)
    tokenizer = AutoTokenizer.from_pretrained(str(request.tokenizer or request.start))
    told({"phase": "reading", "done": 0, "total": None, "unit": "texts", "note": ""})
    sequences = make_sequences(read_texts(request.data), tokenizer, settings.length)
    return drawn(sequences, settings.steps * settings.batch, settings.seed), tokenizer


def make_sequences(texts: Iterable[TrainingText], tokenizer: Any, length: int) -> list[TokenSequence]:
    """The sequences of texts. Documents are joined, an end after each, and cut into sequences of the full length; a
    prompt with its answer is a sequence of its own, whose loss is on the answer and its end, or on every answer of a
    chat that is learned whole.

    Args:
        tokenizer: of transformers.
        length: tokens in a sequence at most.

    Raises:
        UsageError: a prompt that leaves no room for an answer, or documents too short for one sequence.
    """
    documents: list[TrainingText] = []
    answers: list[TrainingText] = []
    for text in texts:
        (answers if text.prompt else documents).append(text)
    found = [_answered(text, tokenizer, length) for text in answers]
    packed = list(_packed(documents, tokenizer, length))
    if documents and not packed:
        raise UsageError(
            f"The {len(documents)} documents have fewer than {length} tokens together; take a smaller length, or more "
            "documents."
        )
    return found + packed


def _packed(documents: Sequence[TrainingText], tokenizer: Any, length: int) -> Iterator[TokenSequence]:
    end = [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []
    stream = chain.from_iterable(
        (*tokenizer(document.text, add_special_tokens=False)["input_ids"], *end) for document in documents
    )
    while len(tokens := tuple(islice(stream, length))) == length:
        yield TokenSequence(tokens, tokens)


def _answered(text: TrainingText, tokenizer: Any, length: int) -> TokenSequence:
    check_answer(text)

    def written(messages: Sequence[Mapping[str, Any]], is_open: bool) -> list[int]:
        tokens: list[int] = tokenizer.apply_chat_template(messages, add_generation_prompt=is_open, return_dict=False)
        return tokens

    whole, answers = _placed(text, written)
    check_room(text, answers[0].start, length)
    labels = [IGNORED] * len(whole)
    for answer in answers:
        labels[answer] = whole[answer]
    return TokenSequence(tuple(whole[:length]), tuple(labels[:length]))


def _placed(text: TrainingText, written: Writer) -> tuple[list[int], list[slice]]:
    """The tokens of a chat, and the places in it of the answers that are learned.

    Raises:
        UsageError: they can't be told from the prompts.
    """
    messages = [*text.prompt, _answer(text)]
    whole = written(messages, False)
    places = []
    for turn in [*text.turns, len(text.prompt)]:
        asked, answered = written(messages[:turn], True), written(messages[: turn + 1], False)
        if whole[: len(answered)] != answered or answered[: len(asked)] != asked:
            raise UsageError(
                "The chat template writes a prompt otherwise once it is answered, so that the tokens of the answer "
                "can't be told from those of the prompt. Give the version a tokenizer whose template does not."
            )
        places.append(slice(len(asked), len(answered)))
    return whole, places


def drawn(sequences: Sequence[TokenSequence], count: int, seed: int) -> list[TokenSequence]:
    """So many sequences in a random order: all of them before any comes again."""
    generator = np.random.default_rng(seed)
    order: list[int] = []
    while len(order) < count:
        order.extend(generator.permutation(len(sequences)).tolist())
    return [sequences[place] for place in order[:count]]


def config_setting(weights: Path, name: str) -> int | None:
    """A number of the config of weights, such as "context_length"; None where it does not say."""
    found: int | None = config_settings(json.loads((weights / "config.json").read_text("utf-8")))[name]
    return found


def check_length(length: int, *weights: Path) -> None:
    """Refuse sequences that are longer than the window of any of some weights.

    Raises:
        UsageError: they are.
    """
    windows = [window for each in weights if (window := config_setting(each, "context_length")) is not None]
    window = min(windows, default=length)
    if length > window:
        raise UsageError(
            f"length = {length}, and the weights take {window} tokens at most (max_position_embeddings of their "
            f"config): set length to {window} or fewer."
        )


def check_taught(
    texts: Sequence[TrainingText], tokenizer: VersionTokenizer, length: int, *, is_asked: bool = False
) -> str | None:
    """Refuse what `make_sequences` would, without transformers: a prompt that leaves no room for its answer in a
    sequence, and a template that answers can't be told apart by.

    Args:
        is_asked: whether the teacher answers each prompt as a whole, instead of answers that are there.

    Returns:
        What is to be told of answers that are cut; None where none is known to be.

    Raises:
        UsageError: naming the line. Also where all answers are cut.
    """
    for text, n_tokens in counted_prompts(texts, tokenizer, is_asked=is_asked):
        check_room(text, n_tokens, length)
    first = next((text for text in texts if text.prompt), None)
    if first is not None:  # one tells of all what the template does
        _placed(replace(first, text="Yes.", learns_all=False) if is_asked else first, _writer(tokenizer))
    return None if is_asked else cut_note(texts, tokenizer, length)


def cut_note(
    texts: Iterable[TrainingText],
    tokenizer: VersionTokenizer,
    length: int,
    unended: Collection[int] | None = None,
) -> str | None:
    """Say how many answers are cut at the end of a sequence, after which a model learns to run on; None where none is.

    Args:
        unended: the places of those that the teacher did not end; None where they are no teacher's.

    Raises:
        UsageError: all are, and they are no teacher's.
    """
    asked = [text for text in texts if text.prompt]
    written = [tokenizer.chat([*text.prompt, _answer(text)], is_open=False) for text in asked]
    # Templates end a chat with a space that nobody misses.
    lengths = [len(tokenizer.encode(chat.rstrip(), special=True, adds=False)) for chat in written]
    n_cut = sum(n_tokens > length or place in (unended or ()) for place, n_tokens in enumerate(lengths))
    if not n_cut:
        return None
    advice = "set a larger length" if unended else f"set length to {max(lengths)} to keep them whole"
    # Of a chat that is learned whole the first answers are.
    if unended is None and n_cut == len(asked) and not any(text.learns_all for text in asked):
        raise UsageError(f"All {n_cut} answers are cut at length = {length}, so that no end is learned: {advice}.")
    return f"{n_cut} of {len(asked)} answers are cut at length = {length}; {advice}"


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


def counted_prompts(
    texts: Iterable[TrainingText], tokenizer: VersionTokenizer, *, is_asked: bool
) -> Iterator[tuple[TrainingText, int]]:
    """Yield each text that has a prompt, with the tokens of it.

    Args:
        is_asked: whether the prompt is asked as a whole; else those before its first answer that is learned count.

    Raises:
        UsageError: the template refuses one; with its line.
    """
    written = _writer(tokenizer)
    for text in filter(lambda text: text.prompt, texts):
        try:
            yield text, len(written(text.prompt if is_asked else text.prompt[: next(iter(text.turns), None)], True))
        except UsageError as error:
            raise UsageError(f"{text.called}: {error}") from error


def _answer(text: TrainingText) -> Mapping[str, Any]:
    return {"role": "assistant", "content": text.text}


def _writer(tokenizer: VersionTokenizer) -> Writer:
    return lambda messages, is_open: tokenizer.encode(
        tokenizer.chat(messages, is_open=is_open), special=True, adds=False
    )
