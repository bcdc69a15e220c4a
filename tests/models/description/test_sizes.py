"""Sizes of models: GGUF's and transformers' names of them, and what follows where a file does not say it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.models.description.sizes import Hyperparameters, context_window, flat_config, read_hyperparameters

BASE = {
    "general.architecture": "llama",
    "block_count": 3,
    "embedding_length": 64,
    "attention.head_count": 4,
    "feed_forward_length": 96,
    "context_length": 128,
}


def read(n_tokens: int = 0, *, is_folder: bool = False, **settings: object) -> Hyperparameters:
    named = {key.replace("__", "."): value for key, value in settings.items()}
    return read_hyperparameters({**BASE, **named}, n_tokens, is_folder=is_folder)


def of_config(**config: Any) -> Hyperparameters:
    shape = {"model_type": "llama", "num_hidden_layers": 4, "hidden_size": 64, "num_attention_heads": 8}
    return read_hyperparameters(flat_config({**shape, **config}), 0, is_folder=True)


def test_heads_share_the_width_and_have_keys_of_their_own_unless_it_is_said() -> None:
    sizes = read()
    assert (sizes.key_length, sizes.value_length) == (16, 16)
    assert sizes.n_kv_heads == (4, 4, 4)
    assert sizes.kv_width == (128, 128, 128)
    assert read(attention__head_count_kv=1).n_kv_heads == (1, 1, 1)
    assert read(attention__head_count_kv=(4, 2, 0)).n_kv_heads == (4, 2, 0)
    assert read(attention__key_length=24).key_length == 24
    with pytest.raises(ValueError, match="head_count has 2 values for 3 layers"):
        read(attention__head_count=(4, 4))


def test_latent_attention_keeps_a_compressed_vector() -> None:
    assert read(attention__kv_lora_rank=32, rope__dimension_count=8).kv_width == (40, 40, 40)


def test_layers_with_a_window_have_the_rotary_base_that_llama_cpp_takes() -> None:
    """Gemma 3's is 10,000 where the file stores none; a model without windows has none."""
    gemma = {"general__architecture": "gemma3", "attention__sliding_window": 8, "rope__freq_base": 1e6}
    assert read(**gemma).rope_base_swa == 10_000.0
    assert read(**gemma, rope__freq_base_swa=5e4).rope_base_swa == 5e4
    assert read(**{**gemma, "general__architecture": "gemma2"}).rope_base_swa == 1e6
    assert (read(rope__freq_base=1e6).rope_base_swa, read().rope_base) == (None, None)


def test_layers_alternate_as_llama_cpp_knows_of_the_architecture() -> None:
    assert read(general__architecture="gemma2", attention__sliding_window=8).windows == (8, 0, 8)
    assert read(attention__sliding_window=8).windows == (0, 0, 0)
    assert read(is_folder=True, attention__sliding_window=8).windows == (8, 8, 8)
    assert read(attention__sliding_window=8, attention__sliding_window_pattern=(True, True, False)).windows == (8, 8, 0)


def test_the_vocabulary_of_a_gguf_file_is_its_tokens_and_that_of_a_folder_what_is_stated() -> None:
    assert read(2, vocab_size=5).n_vocab == 2
    assert read(2, is_folder=True, vocab_size=5).n_vocab == 5
    assert read().n_vocab is None


@pytest.mark.parametrize(
    ("config", "name", "value"),
    [
        ({"model_type": "gpt2", "n_inner": None}, "n_ff", (256,) * 4),
        ({"model_type": "falcon", "multi_query": True}, "n_kv_heads", (1,) * 4),
        ({"model_type": "deepseek_v2", "qk_nope_head_dim": 8, "qk_rope_head_dim": 4}, "key_length", 12),
        ({"model_type": "deepseek_v2", "qk_nope_head_dim": 8, "v_head_dim": 6}, "value_length", 6),
        ({"rope_theta": 5e5}, "rope_base", 5e5),
        ({"rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}}, "rope_base", 5e5),
        ({"num_local_experts": 8}, "n_expert", 8),
    ],
)
def test_a_config_of_transformers_says_it_in_words_of_its_own(config: dict[str, Any], name: str, value: object) -> None:
    assert value == getattr(of_config(**config), name)


def test_of_two_rotary_embeddings_each_is_told() -> None:
    rope = {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}
    found = of_config(model_type="gemma3_text", rope_parameters=rope, sliding_window=8)
    assert (found.rope_base, found.rope_base_swa) == (1e6, 1e4)


@pytest.mark.parametrize(
    ("kind", "settings", "window"),
    [("llama", {"max_position_embeddings": 64}, 64), ("mpt", {"max_seq_len": 32}, 32), ("bloom", {}, None)],
)
def test_the_window_is_that_of_the_config_of_transformers_if_it_has_one(
    kind: str, settings: dict[str, int], window: int | None
) -> None:
    from transformers import AutoConfig

    assert window == context_window(AutoConfig.for_model(kind, **settings).to_dict())


def test_which_layers_see_less_is_as_the_config_lists() -> None:
    kinds = ["full_attention", "sliding_attention", "full_attention", "sliding_attention"]
    assert of_config(sliding_window=8, layer_types=kinds).windows == (0, 8, 0, 8)
    assert of_config(sliding_window=8, sliding_window_pattern=2).windows == (8, 0, 8, 0)
    assert of_config(sliding_window=8, use_sliding_window=False).windows == (0,) * 4


def test_of_a_model_that_sees_its_language_model_counts() -> None:
    found = flat_config({"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "hidden_size": 8}})
    assert (found["general.architecture"], found["hidden_size"]) == ("gemma3", 8)
