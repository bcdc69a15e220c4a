"""Puts a config.json of transformers into the words of GGUF."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Config = Mapping[str, Any]

_NAMES = {
    "context_length": ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length"),
    "embedding_length": ("hidden_size", "n_embd", "d_model", "dim"),
    "embedding_width": ("word_embed_proj_dim", "embedding_size"),
    "block_count": ("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
    "feed_forward_length": ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "hidden_dim"),
    "attention.head_count": ("num_attention_heads", "n_head", "num_heads", "n_heads"),
    "attention.head_count_kv": ("num_key_value_heads", "num_kv_heads", "n_head_kv", "num_kv"),
    "attention.kv_lora_rank": ("kv_lora_rank",),
    "attention.rope_length": ("qk_rope_head_dim",),
    "expert_count": ("num_local_experts", "num_experts", "n_routed_experts"),
    "expert_used_count": ("num_experts_per_tok", "num_selected_experts", "moe_topk"),
    "rope.freq_base": ("rope_theta", "rotary_emb_base"),
    "vocab_size": ("vocab_size",),
    "tie_word_embeddings": ("tie_word_embeddings",),
}
"""GGUF's key → the names under which configs have it, the first of which counts."""


def config_settings(config: Config) -> dict[str, Any]:
    """The settings of a model, those that are there, in GGUF's words.

    Args:
        config: as in the file; of a model that sees as well its language model counts.
    """
    text = language_config(config)
    settings = {key: _first(_with_rope(text), names) for key, names in _NAMES.items()}
    settings |= dict(_heads(text)) | dict(_windows(text, settings["block_count"] or 0))
    if settings["feed_forward_length"] is None and "n_inner" in text:  # GPT-2's word for four times its width
        settings["feed_forward_length"] = 4 * settings["embedding_length"]
    settings["general.architecture"] = model_kind(config)
    return {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}


def language_config(config: Config) -> Config:
    """The config of the language model within that of one that sees."""
    inner = config.get("text_config")
    return {**config, **inner} if isinstance(inner, Mapping) else config


def model_kind(config: Config) -> str:
    """The architecture's name, without the note that it is the part of a larger one that reads text."""
    return str(language_config(config).get("model_type", "unknown")).removesuffix("_text")


def _first(config: Config, names: tuple[str, ...]) -> Any:
    return next((config[name] for name in names if config.get(name) is not None), None)


def _with_rope(config: Config) -> Config:
    """The config with what transformers 5 keeps in `rope_parameters`, for some models by kind of layer."""
    rope = config.get("rope_parameters") or {}
    return {**config, **(rope.get("full_attention") or rope)}


def _heads(config: Config) -> Iterator[tuple[str, Any]]:
    """Heads of keys and their sizes; latent attention has keys of two parts."""
    if _first(config, _NAMES["attention.head_count_kv"]) is None:
        yield "attention.head_count_kv", _first(config, _NAMES["attention.head_count"])
    if config.get("multi_query") and not config.get("new_decoder_architecture"):
        yield "attention.head_count_kv", 1
    key_length = config.get("head_dim")
    if config.get("qk_nope_head_dim") is not None:
        key_length = config["qk_nope_head_dim"] + config.get("qk_rope_head_dim", 0)
    yield "attention.key_length", key_length
    yield "attention.value_length", config.get("v_head_dim") or key_length


def _windows(config: Config, n_layers: int) -> Iterator[tuple[str, Any]]:
    """Give the window of the layers that see less than the whole context, and which layers these are."""
    if not config.get("sliding_window") or config.get("use_sliding_window") is False:
        return
    yield "attention.sliding_window", config["sliding_window"]
    kinds, every = config.get("layer_types"), config.get("sliding_window_pattern")
    if isinstance(kinds, list):
        yield "attention.sliding_window_pattern", tuple(kind == "sliding_attention" for kind in kinds)
    elif every:
        pattern = tuple((layer + 1) % every != 0 for layer in range(n_layers))
        yield "attention.sliding_window_pattern", pattern
