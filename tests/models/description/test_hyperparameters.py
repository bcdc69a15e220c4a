"""What follows where a file does not say it."""

from __future__ import annotations

from pathlib import Path

from harness.models.description.contents import WeightsFile
from harness.models.description.hyperparameters import Hyperparameters, read_hyperparameters

BASE = {
    "general.architecture": "llama",
    "block_count": 3,
    "embedding_length": 64,
    "attention.head_count": 4,
    "feed_forward_length": 96,
    "context_length": 128,
}


def read(file_format: str = "GGUF V3 (latest)", tokens: tuple[bytes, ...] = (), **settings: object) -> Hyperparameters:
    named = {key.replace("__", "."): value for key, value in settings.items()}
    return read_hyperparameters(WeightsFile(Path("m"), file_format, {**BASE, **named}, (), tokens))


def test_heads_share_the_width_and_have_keys_of_their_own_unless_it_is_said() -> None:
    sizes = read()
    assert (16, 16, 16) == (sizes.key_length, sizes.value_length, sizes.n_rotated)
    assert (4, 4, 4) == sizes.n_kv_heads
    assert (128, 128, 128) == sizes.kv_width
    assert (1, 1, 1) == read(attention__head_count_kv=1).n_kv_heads
    assert (4, 2, 0) == read(attention__head_count_kv=(4, 2, 0)).n_kv_heads
    assert 24 == read(attention__key_length=24).key_length


def test_latent_attention_keeps_a_compressed_vector() -> None:
    assert (40, 40, 40) == read(attention__kv_lora_rank=32, attention__rope_length=8).kv_width


def test_the_rotary_base_is_ten_thousand_unless_said_and_none_for_learnt_positions() -> None:
    assert 10000.0 == read().rope_base
    assert 5e5 == read(rope__freq_base=5e5).rope_base
    assert read(general__architecture="gpt2").rope_base is None


def test_layers_alternate_as_llama_cpp_knows_of_the_architecture() -> None:
    assert (8, 0, 8) == read(general__architecture="gemma2", attention__sliding_window=8).windows
    assert (0, 0, 0) == read(attention__sliding_window=8).windows
    assert (8, 8, 0) == read(attention__sliding_window=8, attention__sliding_window_pattern=(True, True, False)).windows


def test_the_vocabulary_of_a_gguf_file_is_its_tokens_and_that_of_a_folder_what_is_stated() -> None:
    assert 2 == read(tokens=(b"a", b"b"), vocab_size=5).n_vocab
    assert 5 == read("safetensors", tokens=(b"a", b"b"), vocab_size=5).n_vocab
    assert read().n_vocab is None
