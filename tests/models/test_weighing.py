"""Tokens and log likelihoods are those of lm-evaluation-harness itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.models.weighing import TokenRow, context_text, context_tokens, continuation_row, rolling_rows
from harness.records import Request

BOS, EOS = 1, 2


class Letters:
    """A tokenizer whose tokens are letters; `^` begins a text, and it may put one there by itself."""

    bos_token_id: int | None = BOS
    eos_token_id = EOS

    def __init__(self, *, adds_bos: bool = False, has_bos: bool = True) -> None:
        self.adds_bos = adds_bos
        self.bos_token_id = BOS if has_bos else None

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        special = {"^": BOS, "$": EOS}
        tokens = [special.get(letter, ord(letter)) for letter in text]
        return [BOS, *tokens] if self.adds_bos and add_special_tokens else tokens

    def decode(self, tokens: list[int]) -> str:
        return "".join({BOS: "^", EOS: "$"}.get(token) or chr(token) for token in tokens)


def row(context: str, continuation: str, most: int = 100, *, truncate: bool = False, **tokenizer: bool) -> TokenRow:
    return continuation_row(Letters(**tokenizer), context, continuation, most, truncate=truncate)


def letters(made: TokenRow) -> tuple[str, str]:
    """What is given, and what is weighed."""
    tokenizer = Letters()
    return tokenizer.decode(made.tokens[: made.before]), tokenizer.decode(made.tokens[made.before :])


@pytest.mark.parametrize(
    ("context", "continuation", "tokenizer", "expected"),
    [
        ("Q:", " A", {}, ("Q:", " A")),
        ("Q: \n", "A", {}, ("Q:", " \nA")),
        ("", "A", {}, ("^", "A")),
        ("", "^A", {}, ("^", "A")),
        ("", "A", {"has_bos": False}, ("$", "A")),
        (" ", "A", {}, ("^", " A")),
        ("Q", "A", {"adds_bos": True}, ("^Q", "A")),
        ("^Q", "A", {"adds_bos": True}, ("^Q", "A")),
        ("", "A", {"adds_bos": True}, ("^", "A")),
        (" ", "A", {"adds_bos": True}, ("^", " A")),
    ],
)
def test_a_continuation_begins_at_the_spaces_after_its_context(
    context: str, continuation: str, tokenizer: dict[str, bool], expected: tuple[str, str]
) -> None:
    assert letters(row(context, continuation, **tokenizer)) == expected


def test_a_continuation_without_a_token_is_refused() -> None:
    with pytest.raises(ValueError, match="'' has no token of its own after 'Q'"):
        row("Q", "")
    with pytest.raises(ValueError, match="no token of its own"):
        row("", "^")


def test_a_context_that_is_too_long_is_refused_unless_it_may_be_cut() -> None:
    assert row("abcdef", "gh", 8).cut == 0
    with pytest.raises(ValueError, match=r"has 8 tokens, and max_model_len leaves room for 5"):
        row("abcdef", "gh", 5)
    cut = row("abcdef", "gh", 5, truncate=True)
    assert (*letters(cut), cut.cut) == ("def", "gh", 3)


def test_a_continuation_is_never_cut() -> None:
    with pytest.raises(ValueError, match="has 8 tokens, and max_model_len leaves room for 6"):
        row("ab", "cdefgh", 6, truncate=True)


@pytest.mark.parametrize("length", [0, 1, 4, 5, 6, 9, 10, 11, 23])
@pytest.mark.parametrize("adds_bos", [False, True])
def test_a_whole_text_is_weighed_in_the_windows_of_lm_eval(length: int, adds_bos: bool) -> None:
    from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

    tokenizer = Letters(adds_bos=adds_bos)
    text = "abcdefghijklmnopqrstuvwxyz"[:length]
    windows = get_rolling_token_windows(tokenizer.encode(text), BOS, max_seq_len=5, context_len=1)
    rows = rolling_rows(tokenizer, text, 6)
    assert [(made.tokens[: made.before], made.tokens[made.before :]) for made in rows] == [
        make_disjoint_window(window) for window in windows
    ]


@pytest.mark.parametrize("adds_bos", [False, True])
def test_a_text_alone_follows_one_token_that_begins_it(adds_bos: bool) -> None:
    """A tokenizer that adds that token made it a place of its own, and all else came after two."""
    for text in ("abc", "^abc"):
        (made,) = rolling_rows(Letters(adds_bos=adds_bos), text, 6, is_alone=True)
        assert letters(made) == ("^", "abc")
    assert rolling_rows(Letters(adds_bos=adds_bos), "^", 6, is_alone=True) == []


def test_an_empty_text_to_be_completed_is_the_token_that_begins_one() -> None:
    assert context_tokens(Letters(), "") == [BOS]
    assert context_tokens(Letters(adds_bos=True), "") == [BOS]


def test_a_last_answer_is_continued_but_not_in_chat(tiny_llama: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(tiny_llama))
    asked = {"role": "user", "content": "Q"}
    begun = {"role": "assistant", "content": "Well"}
    ask = "<s>user: Q</s>"

    def text(*messages: dict[str, str], kind: Any = "completion") -> str:
        return context_text(tokenizer, Request(kind=kind, messages=messages))

    assert text(asked) == f"{ask}<s>assistant:"
    assert text(asked, begun) == f"{ask}<s>assistant: Well"
    assert text(asked, begun, kind="loglikelihood") == f"{ask}<s>assistant: Well"
    assert text(asked, begun, kind="chat") == f"{ask}<s>assistant: Well</s><s>assistant:"


def test_a_template_that_refuses_is_told(tiny_llama: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(tiny_llama))
    tokenizer.chat_template = "{{ raise_exception('no system text here') }}"
    with pytest.raises(ValueError, match="could not be applied: no system text here"):
        context_text(tokenizer, Request(kind="completion", messages=({"role": "user", "content": "Q"},)))
