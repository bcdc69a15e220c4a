"""Small tokenizers of each kind."""

from __future__ import annotations

from typing import Any

import pytest

TEXTS = ["the capital of peru is lima and the capital of france is paris"] * 3


@pytest.fixture(scope="session")
def byte_level() -> Any:
    """Byte-level BPE, whose tokens may split a character."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet))
    tokenizer.add_special_tokens([AddedToken("<s>", special=True), AddedToken("</s>", special=True)])
    begin = tokenizer.token_to_id("<s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", begin)]
    )
    return tokenizer


@pytest.fixture(scope="session")
def word_piece() -> Any:
    """WordPiece, which lowers case, leaves accents and spaces out, and gives no text back."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=60, special_tokens=["[UNK]", "[CLS]"])
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


@pytest.fixture(scope="session")
def unigram() -> Any:
    """Unigram with a sign for spaces, one of which is put before a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=60, special_tokens=["<unk>"], unk_token="<unk>")
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


@pytest.fixture(scope="session")
def pieces_with_bytes() -> Any:
    """SentencePiece's pieces with a piece for each byte, as GGUF files have it."""
    from harness.models.weights.gguf_tokenizer import GgufVocabulary, build_backend

    letters = ["▁", *"abcdeprutiolm", "▁p", "er", "▁per", "▁peru", "▁▁"]
    tokens = ("<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *letters)
    kinds = (2, 3, 3, *[6] * 256, *[1] * len(letters))
    scores = tuple(-float(number) for number in range(len(tokens)))
    names = {"bos": 1, "eos": 2, "unknown": 0}
    settings = {"tokenizer.ggml.model": "llama"} | {f"tokenizer.ggml.{key}_token_id": at for key, at in names.items()}
    return build_backend(GgufVocabulary(settings, tokens, kinds, scores))
