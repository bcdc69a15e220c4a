"""Configs of transformers in GGUF's words."""

from __future__ import annotations

from typing import Any

import pytest

from harness.models.description.config_settings import config_settings, context_window, language_config


@pytest.mark.parametrize(
    ("config", "key", "value"),
    [
        ({"model_type": "gpt2", "n_embd": 64, "n_inner": None}, "feed_forward_length", 256),
        ({"model_type": "falcon", "num_attention_heads": 8, "multi_query": True}, "attention.head_count_kv", 1),
        ({"model_type": "deepseek_v2", "qk_nope_head_dim": 8, "qk_rope_head_dim": 4}, "attention.key_length", 12),
        ({"model_type": "deepseek_v2", "qk_nope_head_dim": 8, "v_head_dim": 6}, "attention.value_length", 6),
        ({"model_type": "llama", "rope_theta": 5e5}, "rope.freq_base", 5e5),
        (
            {"model_type": "llama", "rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}},
            "rope.freq_base",
            5e5,
        ),
        ({"model_type": "mixtral", "num_local_experts": 8}, "expert_count", 8),
    ],
)
def test_a_setting(config: dict[str, Any], key: str, value: object) -> None:
    assert value == config_settings(config).get(key)


def test_of_two_rotary_embeddings_that_of_the_whole_context_counts() -> None:
    rope = {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}
    found = config_settings({"model_type": "gemma3_text", "rope_parameters": rope})
    assert (found["rope.freq_base"], found["rope.freq_base_swa"]) == (1e6, 1e4)


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
    key = "attention.sliding_window_pattern"
    base = {"sliding_window": 8, "num_hidden_layers": 4}
    kinds = ["full_attention", "sliding_attention", "full_attention", "sliding_attention"]
    assert config_settings({**base, "layer_types": kinds})[key] == (False, True, False, True)
    assert config_settings({**base, "sliding_window_pattern": 2})[key] == (True, False, True, False)
    assert "attention.sliding_window" not in config_settings({**base, "use_sliding_window": False})


def test_of_a_model_that_sees_its_language_model_counts() -> None:
    config = {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "hidden_size": 8}, "hidden_size": 9}
    assert config_settings(config)["general.architecture"] == "gemma3"
    assert 8 == language_config(config)["hidden_size"] == config_settings(config)["embedding_length"]
