"""Tokens with their bytes, and where they begin."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from harness.models.tokenization.disassembly import Disassembly, byte_alphabet, disassemble

HOSTILE = [
    "",
    "peru",
    "  two  spaces  ",
    "é🙂日本",
    "a\0b\r\n\tc",
    "e\u0301 \ufeff\u200b",
    "<s> is text",
    "\U00010348\U000e0041",
]


def made(tokenizer: Any, text: str, *, special: bool = False) -> Disassembly:
    tokenizer.encode_special_tokens = not special
    encoding = tokenizer.encode(text, add_special_tokens=special)
    inside = [each for each, around in zip(encoding.ids, encoding.special_tokens_mask, strict=True) if not around]
    return disassemble(text, tokenizer, encoding, tokenizer.decode(inside, skip_special_tokens=False))


def holds(found: Disassembly) -> None:
    """Each token's bytes are the text's where it begins."""
    whole = found.text.encode()
    assert b"".join(each.bytes for each in found.tokens) == whole
    assert all(whole.startswith(each.bytes, each.offset) for each in found.tokens)
    assert found.is_lossless


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("kind", ["byte_level", "pieces_with_bytes"])
def test_bytes_give_the_text_back(request: pytest.FixtureRequest, kind: str, text: str) -> None:
    holds(made(request.getfixturevalue(kind), text))


@settings(max_examples=60)
@given(text=st.text())
def test_bytes_of_any_text_give_it_back(byte_level: Any, text: str) -> None:
    holds(made(byte_level, text))


def test_a_token_may_begin_inside_a_character(byte_level: Any) -> None:
    found = made(byte_level, "é🙂")
    assert [(each.offset, each.bytes.hex()) for each in found.tokens] == [
        (0, "c3"),
        (1, "a9"),
        (2, "f0"),
        (3, "9f"),
        (4, "99"),
        (5, "82"),
    ]


def test_a_piece_that_stands_for_a_byte_is_that_byte(pieces_with_bytes: Any) -> None:
    found = made(pieces_with_bytes, "peru é")
    assert [(each.piece, each.offset, each.bytes) for each in found.tokens] == [
        ("▁peru", 0, b"peru"),
        ("▁", 4, b" "),
        ("<0xC3>", 5, b"\xc3"),
        ("<0xA9>", 6, b"\xa9"),
    ]


def test_a_space_that_a_text_begins_with_is_not_the_one_put_before_it(pieces_with_bytes: Any) -> None:
    found = made(pieces_with_bytes, " peru")
    holds(found)
    assert sum(len(each.bytes) for each in found.tokens) == 5


def test_control_tokens_around_a_text_take_none_of_it_and_those_in_it_do(byte_level: Any) -> None:
    found = made(byte_level, "a</s>b", special=True)
    assert [(each.piece, each.offset, each.special) for each in found.tokens] == [
        ("<s>", 0, True),
        ("a", 0, False),
        ("</s>", 1, True),
        ("b", 5, False),
    ]
    assert found.is_lossless


def test_what_a_tokenizer_changes_first_is_told_by_where_it_comes_from(word_piece: Any) -> None:
    found = made(word_piece, "Thé  capital")
    assert not found.is_lossless
    first = [each for each in found.tokens if each.offset < 4]
    assert b"".join(each.bytes for each in first) == "Thé".encode()
    last = [each for each in found.tokens if each.offset >= 6]
    assert b"".join(each.bytes for each in last) == b"capital"
    assert last[0].offset == len("Thé  ".encode())


def test_an_unknown_sign_loses_text(word_piece: Any, unigram: Any) -> None:
    for tokenizer in (word_piece, unigram):
        assert not made(tokenizer, "peru 日本").is_lossless


def test_unigram_keeps_spaces_and_drops_the_one_that_it_puts_before(unigram: Any) -> None:
    holds(made(unigram, "the capital of peru"))


def test_bytes_after_one_that_has_no_token_stand_where_they_are(byte_level: Any) -> None:
    """A vocabulary without the byte 0xF1, as that of SmolLM2 is, loses it and keeps the rest of the character."""
    from tokenizers import Tokenizer, models

    state = json.loads(byte_level.model.__getstate__())
    lost = next(sign for sign, byte in byte_alphabet().items() if byte == 0xF1)
    vocabulary = {piece: number for piece, number in state["vocab"].items() if piece != lost}
    poorer = Tokenizer(models.BPE(vocab=vocabulary, merges=[tuple(pair) for pair in state["merges"]]))
    poorer.pre_tokenizer, poorer.decoder = byte_level.pre_tokenizer, byte_level.decoder
    found = made(poorer, "q \U00040000\U00040001 q")
    whole = found.text.encode()
    assert [each.offset for each in found.tokens] == [0, 1, 3, 4, 5, 7, 8, 9, 10, 11]
    assert all(whole.startswith(each.bytes, each.offset) for each in found.tokens)
    assert not found.is_lossless


def test_byte_alphabet_is_that_of_the_library() -> None:
    table = byte_alphabet()
    assert set(table) == set(pre_tokenizers.ByteLevel.alphabet())
    assert sorted(table.values()) == list(range(256))
    assert table["Ġ"] == 0x20
