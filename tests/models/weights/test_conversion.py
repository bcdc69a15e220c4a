"""Tokenizers of GGUF files against SentencePiece itself."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import SettingsError
from harness.models.weights.conversion import HOSTILE, build_tokenizer, check_tokenizer
from harness.models.weights.gguf_tokenizer import GgufVocabulary
from harness.models.weights.weights import materialize
from tests.models.weights.test_weights import write_gguf

sentencepiece = pytest.importorskip("sentencepiece")
SIZE = 420
TEXTS = [
    "The capital of Peru is Lima, and the capital of France is Paris.",
    "She sells sea shells by the sea shore; the shells she sells are sea shells.",
    "How much wood would a woodchuck chuck if a woodchuck could chuck wood?",
    "In 1932 the bridge was built, and in 1987 it was painted green and white.",
]


def trained(adds_space: bool) -> Any:
    """A SentencePiece model of a few sentences, with all bytes and two pieces that a user defined."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 20),
        model_writer=written,
        model_type="bpe",
        vocab_size=SIZE,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=adds_space,
        user_defined_symbols=["<start>", "\n\n"],
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())


def vocabulary_of(model: Any, adds_space: bool, settings: Mapping[str, Any]) -> GgufVocabulary:
    """The vocabulary as llama.cpp writes it."""
    from sentencepiece import sentencepiece_model_pb2 as schema

    proto = schema.ModelProto.FromString(model.serialized_model_proto())
    kinds = {2: 2, 3: 3, 4: 4, 6: 6}
    return GgufVocabulary(
        {**settings, "tokenizer.ggml.add_space_prefix": adds_space},
        tuple(piece.piece for piece in proto.pieces),
        tuple(kinds.get(piece.type, 1) for piece in proto.pieces),
        tuple(piece.score for piece in proto.pieces),
    )


SETTINGS = {
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.unknown_token_id": 0,
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
}


@pytest.mark.service
@pytest.mark.parametrize("adds_space", [True, False])
def test_tokens_are_those_of_sentencepiece(adds_space: bool) -> None:
    model = trained(adds_space)
    vocabulary = vocabulary_of(model, adds_space, SETTINGS)
    tokenizer = build_tokenizer(vocabulary)
    for text in [*TEXTS, *HOSTILE]:
        expected = model.encode(text)
        assert tokenizer.encode(text, add_special_tokens=False) == expected
        assert tokenizer.decode(expected) == text
    assert tokenizer.encode("x")[0] == 1
    check_tokenizer(tokenizer, Path("tiny.gguf"))


def test_end_and_beginning_are_added_as_the_file_says() -> None:
    flags = {**SETTINGS, "tokenizer.ggml.add_bos_token": False, "tokenizer.ggml.add_eos_token": True}
    tokenizer = build_tokenizer(vocabulary_of(trained(True), True, flags))
    assert tokenizer.encode("x")[0] != 1
    assert tokenizer.encode("x")[-1] == 2


def test_a_tokenizer_that_has_no_tokens_for_a_text_is_refused() -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    bare = Tokenizer(models.WordLevel({"<unk>": 0, "x": 1}, unk_token="<unk>"))
    with pytest.raises(SettingsError, match=r"has no tokens for 'The capital of Peru is Lima\.'"):
        check_tokenizer(PreTrainedTokenizerFast(tokenizer_object=bare, unk_token="<unk>"), Path("tiny.gguf"))


def test_pieces_without_a_score_each_are_refused() -> None:
    whole = vocabulary_of(trained(True), True, SETTINGS)
    with pytest.raises(ValueError, match=r"420 pieces, 419 scores, 420 types"):
        build_tokenizer(replace(whole, scores=whole.scores[1:]))


@pytest.fixture
def gguf(tmp_path: Path, tiny_tensors: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small Llama with a SentencePiece vocabulary."""
    vocabulary = vocabulary_of(trained(True), True, SETTINGS)
    rng = np.random.default_rng(5)
    wide = {"model.embed_tokens.weight", "lm_head.weight"} & set(tiny_tensors)
    tensors = tiny_tensors | {
        name: rng.normal(0, 0.02, (len(vocabulary.tokens), 128)).astype(np.float32) for name in wide
    }
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    return write_gguf(tmp_path / "tiny.gguf", tensors, vocabulary=vocabulary)


@pytest.mark.service
def test_converted_file_has_the_tokens_of_sentencepiece(gguf: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = materialize({"weights": "tiny.gguf", "dtype": "float32"}, tmp_path)
    tokenizer, model = AutoTokenizer.from_pretrained(str(folder)), trained(True)
    for text in HOSTILE:
        assert tokenizer.encode(text) == [1, *model.encode(text)]
