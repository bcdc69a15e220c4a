"""What follows where a file does not say it."""

from __future__ import annotations

from pathlib import Path

from harness.models.description.architecture import Hyperparameters, read_hyperparameters
from harness.models.description.contents import WeightsFile

BASE = {
    "general.architecture": "llama",
    "block_count": 3,
    "embedding_length": 64,
    "attention.head_count": 4,
    "feed_forward_length": 96,
    "context_length": 128,
}


def read(file_format: str = "GGUF V3 (latest)", tokens: tuple[str, ...] = (), **settings: object) -> Hyperparameters:
    named = {key.replace("__", "."): value for key, value in settings.items()}
    return read_hyperparameters(WeightsFile(Path("m"), file_format, {**BASE, **named}, (), tokens))


def test_heads_share_the_width_and_have_keys_of_their_own_unless_it_is_said() -> None:
    sizes = read()
    assert (sizes.key_length, sizes.value_length) == (16, 16)
    assert sizes.n_kv_heads == (4, 4, 4)
    assert sizes.kv_width == (128, 128, 128)
    assert read(attention__head_count_kv=1).n_kv_heads == (1, 1, 1)
    assert read(attention__head_count_kv=(4, 2, 0)).n_kv_heads == (4, 2, 0)
    assert read(attention__key_length=24).key_length == 24


def test_latent_attention_keeps_a_compressed_vector() -> None:
    assert read(attention__kv_lora_rank=32, attention__rope_length=8).kv_width == (40, 40, 40)


def test_the_rotary_base_is_told_where_it_is_said() -> None:
    assert read().rope_base is None
    assert read(rope__freq_base=5e5).rope_base == 5e5


def test_layers_with_a_window_have_the_rotary_base_that_llama_cpp_takes() -> None:
    """Gemma 3's is 10,000 where the file stores none; a model without windows has none."""
    gemma = {"general__architecture": "gemma3", "attention__sliding_window": 8, "rope__freq_base": 1e6}
    assert read(**gemma).rope_base_swa == 10_000.0
    assert read(**gemma, rope__freq_base_swa=5e4).rope_base_swa == 5e4
    assert read(**{**gemma, "general__architecture": "gemma2"}).rope_base_swa == 1e6
    assert read(rope__freq_base=1e6).rope_base_swa is None


def test_layers_alternate_as_llama_cpp_knows_of_the_architecture() -> None:
    assert read(general__architecture="gemma2", attention__sliding_window=8).windows == (8, 0, 8)
    assert read(attention__sliding_window=8).windows == (0, 0, 0)
    assert read("safetensors", attention__sliding_window=8).windows == (8, 8, 8)
    assert read(attention__sliding_window=8, attention__sliding_window_pattern=(True, True, False)).windows == (8, 8, 0)


def test_the_vocabulary_of_a_gguf_file_is_its_tokens_and_that_of_a_folder_what_is_stated() -> None:
    assert read(tokens=("a", "b"), vocab_size=5).n_vocab == 2
    assert read("safetensors", tokens=("a", "b"), vocab_size=5).n_vocab == 5
    assert read().n_vocab is None
