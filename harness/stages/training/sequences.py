"""Texts as sequences of tokens with the places that carry loss, and whether two models mean the same by a token."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest
from pathlib import Path

from harness.errors import UsageError
from harness.models.description.sizes import context_window
from harness.models.tokenization.version_tokenizer import VersionTokenizer, load_tokenizer
from harness.records import Messages
from harness.stages.training.texts import Lesson

IGNORED = -100
"""The label of a place that carries no loss, as PyTorch's cross entropy has it."""


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """Tokens to learn from, each with its label: itself, or `IGNORED` in a prompt; of a whole that may have more."""

    tokens: tuple[int, ...]
    labels: tuple[int, ...]
    whole: int = field(default=0, compare=False)


def count_prompt(text: Lesson, tokenizer: VersionTokenizer, length: int) -> int:
    """The tokens of a prompt, up to where its answer begins. Raises UsageError: a sequence has no room for one."""
    return _with_room(text, len(_tokens(text.prompt, tokenizer, is_open=True)), length)


def _with_room(text: Lesson, n: int, length: int) -> int:
    if n >= length:
        message = f"the prompt has {n} tokens, and a sequence has {length}, so that nothing of its answer is learned."
        raise UsageError(f"{text.name}: {message} Set length to more than {n}, or take a shorter prompt.")
    return n


def _tokens(messages: Messages, tokenizer: VersionTokenizer, *, is_open: bool = False) -> list[int]:
    return tokenizer.encode(tokenizer.chat(messages, is_open=is_open), special=True, adds=False)


def make_sequences(
    texts: Iterable[Lesson],
    tokenizer: VersionTokenizer,
    length: int,
    progress: Callable[[str], object] = lambda _: None,
) -> list[TokenSequence]:
    """The sequences of texts. Documents are joined, an end after each, and cut into sequences of the full length; a
    prompt with its answer is a sequence of its own, whose loss is on the answer and its end, or on every answer of a
    chat that is learned whole. `told` is given a note of answers that are cut, of which a model learns to run on.

    Raises:
        UsageError: nothing, or no end, would be learned.
    """
    texts = list(texts)
    asked = [text for text in texts if text.prompt]
    answered = [_answered(text, tokenizer, length) for text in asked]
    if note := _cut(asked, answered, length):
        progress(note)
    documents = [text.answer for text in texts if not text.prompt]
    end = tokenizer.id_of("eos_token")
    ends = () if end is None else (end,)
    stream = tuple(chain(*((*tokenizer.encode(each, special=True, adds=False), *ends) for each in documents)))
    if documents and len(stream) < length:
        message = f"The {len(documents)} documents have fewer than {length} tokens together"
        raise UsageError(f"{message}; take a smaller length, or more documents.")
    parts = (stream[begin : begin + length] for begin in range(0, len(stream) - length + 1, length))
    return answered + [TokenSequence(part, part) for part in parts]


def _answered(text: Lesson, tokenizer: VersionTokenizer, length: int) -> TokenSequence:
    if not text.answer.strip():
        raise UsageError(
            f'{text.name} has a prompt and no answer to learn from. Give it an "answer". Where no prompt has one, the '
            'teacher of a student answers, with method = "sequence", or "soft_targets" and hard_weight = 0.'
        )
    messages = (*text.prompt, {"role": "assistant", "content": text.answer})
    try:
        whole = _tokens(messages, tokenizer)
        labels = [IGNORED] * len(whole)
        for turn in (*text.turns, len(text.prompt)):
            asked = _tokens(messages[:turn], tokenizer, is_open=True)
            answered = _tokens(messages[: turn + 1], tokenizer)
            if whole[: len(answered)] != answered or answered[: len(asked)] != asked:
                raise UsageError(
                    "The chat template writes a prompt otherwise once it is answered, so that its tokens can't be told "
                    "from the answer's. Give the version a tokenizer whose template does not."
                )
            labels[len(asked) : len(answered)] = answered[len(asked) :]
    except UsageError as error:
        raise UsageError(f"{text.name}: {error}") from error
    _with_room(text, next((place for place, label in enumerate(labels) if label != IGNORED), len(labels)), length)
    return TokenSequence(tuple(whole[:length]), tuple(labels[:length]), len(whole))


def _cut(texts: Sequence[Lesson], sequences: Sequence[TokenSequence], length: int) -> str | None:
    """Say how many answers are cut, or unended by their teacher."""
    unended = [text.finish_reason == "length" for text in texts]
    n_cut = sum(each.whole > length or is_cut for each, is_cut in zip(sequences, unended, strict=True))
    if not n_cut:
        return None
    advice = f"set length to {max(each.whole for each in sequences)} to keep them whole"
    # Of a chat that is learned whole the first answers are.
    if n_cut == len(texts) and not any(text.learns_all or text.finish_reason for text in texts):
        raise UsageError(f"All {n_cut} answers are cut at length = {length}, so that no end is learned: {advice}.")
    advice = "set a larger length" if any(unended) else advice
    return f"{n_cut} of {len(texts)} answers are cut at length = {length}; {advice}"


def check_prompts(
    texts: Iterable[Lesson], vocabulary: Path, length: int, progress: Callable[[str], object], *, is_asked: bool = False
) -> None:
    """Refuse what `make_sequences` would of prompts, and tell what it does, before anything is built; of those that a
    teacher is asked there are no answers yet, and of a tokenizer that transformers alone reads nothing is known.
    """
    asked = [text for text in texts if text.prompt]
    if is_asked:
        asked = [replace(text, answer="Yes.", learns_all=False, finish_reason="stop") for text in asked]
    if asked and (vocabulary / "tokenizer.json").is_file():
        tokenizer = load_tokenizer({"tokenizer": str(vocabulary)}, vocabulary)
        make_sequences(asked, tokenizer, length, (lambda _: None) if is_asked else progress)


def drawn(sequences: Sequence[TokenSequence], count: int, seed: int) -> list[TokenSequence]:
    """So many sequences in a random order: all of them before any comes again."""
    import numpy as np

    generator = np.random.default_rng(seed)
    rounds = -(-count // len(sequences))
    order = chain(*(generator.permutation(len(sequences)).tolist() for _ in range(rounds)))
    return [sequences[place] for place in order][:count]


def check_length(length: int, *weights: Path) -> None:
    """Refuse sequences that are longer than the window of any of some weights."""
    configs = [json.loads((each / "config.json").read_text("utf-8")) for each in weights]
    window = min(context_window(config) or length for config in configs)
    if length > window:
        raise UsageError(f"length = {length}, and the weights take {window} tokens at most; set a smaller length.")


def other_tokens(teacher: VersionTokenizer, student: VersionTokenizer) -> Iterator[str]:
    """All tokens that are not the same to both, in words, in the order of their numbers."""
    for number, (theirs, ours) in enumerate(zip_longest(teacher.pieces, student.pieces)):
        if theirs != ours:
            yield f"token {number:,} is {theirs!r} to the teacher and {ours!r} to the student"


def template_of(tokenizer: VersionTokenizer) -> tuple[str, Mapping[str, str]] | None:
    """The chat template that counts, and the special tokens that it names; None where there is none."""
    template = next(iter(tokenizer.templates.values()), None)
    if template is None:
        return None
    return template, {name: token for name, token in tokenizer.special_tokens.items() if name in template}


def check_vocabularies(teacher: Path, student: Path) -> None:
    """See that a token means the same to both, and that both write a chat alike, by the content of their files."""
    theirs, ours = (load_tokenizer({"tokenizer": str(folder)}, folder) for folder in (teacher, student))
    different = next(other_tokens(theirs, ours), None)
    problem = different and f"The vocabularies of {theirs.n_tokens:,} and {ours.n_tokens:,} tokens differ, {different}"
    if template_of(theirs) != template_of(ours):
        problem = problem or (
            "The chat templates of teacher and student differ, or special tokens that they name, so that a chat is "
            "other tokens to each. Give the student the teacher's template and special tokens"
        )
    if problem:
        raise UsageError(f'{problem}: teaching by logits needs one vocabulary; method = "sequence" teaches by texts.')
