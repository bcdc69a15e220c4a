"""How texts are cut, against the tokenizers that the names stand for."""

from __future__ import annotations

import pytest
from tokenizers import pre_tokenizers

from harness.models.weights.splitting import SPLITTINGS, byte_level

TEXTS = [
    "The capital of Peru is Lima.",
    "in  2024 and   12345, it's 3.14!",
    "def f(x):\n    return {'a': [x ** 2]}\r\n\n\n",
    "naïve café  日本語 🙂👩‍👩‍👧 हिन्दी ½ Ⅳ",
    " (a) <b>  ++ $5 != _x_ ...",
    "   ",
]


def cut(pre_tokenizer: pre_tokenizers.PreTokenizer, text: str) -> list[str]:
    return [piece for piece, _ in pre_tokenizer.pre_tokenize_str(text)]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("gpt-2", [pre_tokenizers.ByteLevel(add_prefix_space=False)]),
        (
            "smollm",
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)],
        ),
    ],
)
def test_parts_are_those_of_the_tokenizer_that_a_name_stands_for(
    name: str, own: list[pre_tokenizers.PreTokenizer], text: str
) -> None:
    assert cut(byte_level(SPLITTINGS[name]), text) == cut(pre_tokenizers.Sequence(own), text)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("llama-bpe", ["x", "Ġ(", "123", "45", "),", "ĠIT", "'S"]),
        ("qwen2", ["x", "Ġ(", "1", "2", "3", "4", "5", "),", "ĠIT", "'S"]),
        ("default", ["x", "Ġ", "(", "123", "45", "),", "ĠIT", "'", "S"]),
    ],
)
def test_digits_and_signs_tell_the_families_apart(name: str, parts: list[str]) -> None:
    assert cut(byte_level(SPLITTINGS[name]), "x (12345), IT'S") == parts


@pytest.mark.parametrize("name", sorted(SPLITTINGS))
@pytest.mark.parametrize("text", TEXTS)
def test_no_text_is_lost(name: str, text: str) -> None:
    alphabet = cut(byte_level(SPLITTINGS[name]), text)
    assert sum(map(len, alphabet)) == len(text.encode())
