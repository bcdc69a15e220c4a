"""Texts as sequences of tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.stages.training.sequences import IGNORED, TokenSequence, drawn, make_sequences
from harness.stages.training.texts import TrainingText

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def tokenizer(tiny_llama: Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(str(tiny_llama))


def asked(prompt: str, answer: str) -> TrainingText:
    return TrainingText("a", answer, ({"role": "user", "content": prompt},))


def test_documents_are_joined_with_an_end_after_each_and_cut(tokenizer: Any) -> None:
    documents = [TrainingText("a", "abcdef"), TrainingText("b", "ghij")]
    found = make_sequences(documents, tokenizer, 4)
    assert {len(each.tokens) for each in found} == {4}
    assert "abcdef</s>ghij</s>".startswith("".join(tokenizer.decode(each.tokens) for each in found))
    assert 0 <= len(tokenizer("abcdefghij")["input_ids"]) + 2 - 4 * len(found) < 4
    assert all(each.labels == each.tokens for each in found)


def test_the_tokens_of_a_prompt_carry_no_loss(tokenizer: Any) -> None:
    (found,) = make_sequences([asked("Two?", "Yes.")], tokenizer, 99)
    answer = [token for token, label in zip(found.tokens, found.labels, strict=True) if label != IGNORED]
    prompt = [token for token, label in zip(found.tokens, found.labels, strict=True) if label == IGNORED]
    assert tokenizer.decode(prompt) == "<s>user: Two?</s><s>assistant:"
    assert tokenizer.decode(answer) == " Yes.</s>"
    assert all(label in (IGNORED, token) for token, label in zip(found.tokens, found.labels, strict=True))


def test_a_chat_that_is_learned_whole_has_loss_on_each_answer(tokenizer: Any) -> None:
    chat = [("user", "Two?"), ("assistant", "Yes."), ("user", "Three?")]
    messages = tuple({"role": role, "content": content} for role, content in chat)
    (found,) = make_sequences([TrainingText("a", "No.", messages, learns_all=True)], tokenizer, 99)
    (last,) = make_sequences([TrainingText("a", "No.", messages)], tokenizer, 99)
    assert found.tokens == last.tokens
    learned = [tokenizer.decode([token for token in each.labels if token != IGNORED]) for each in (found, last)]
    assert learned == [" Yes.</s> No.</s>", " No.</s>"]


def test_an_answer_beyond_the_length_is_cut(tokenizer: Any) -> None:
    (found,) = make_sequences([asked("Two?", "Yes, " * 50)], tokenizer, 40)
    assert len(found.tokens) == len(found.labels) == 40


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([asked("A long prompt", "Yes.")], r"The text 'a': the prompt has \d+ tokens, and a sequence has 12"),
        ([asked("?", "")], "The text 'a' has a prompt and no answer"),
        ([TrainingText("a", "abc")], "The 1 documents have fewer than 12 tokens together"),
    ],
)
def test_what_nothing_could_be_learned_from_is_refused(tokenizer: Any, texts: list[TrainingText], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_sequences(texts, tokenizer, 12)


def test_every_sequence_is_drawn_before_any_comes_again() -> None:
    sequences = [TokenSequence((number,), (number,)) for number in range(5)]
    found = drawn(sequences, 12, seed=3)
    assert set(found[:5]) == set(found[5:10]) == set(sequences)
    assert found == drawn(sequences, 12, seed=3) != drawn(sequences, 12, seed=4)
