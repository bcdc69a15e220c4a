"""Puts a config.json of transformers into the words of GGUF.

AutoConfig, which knows each architecture's names, takes seconds to be imported: it would double a replayed gate's time.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    "attention.key_length": ("head_dim",),
    "attention.value_length": ("v_head_dim", "head_dim"),
    "attention.kv_lora_rank": ("kv_lora_rank",),
    "attention.rope_length": ("qk_rope_head_dim",),
    "attention.sliding_window": ("sliding_window",),
    "expert_count": ("num_local_experts", "num_experts", "n_routed_experts"),
    "expert_used_count": ("num_experts_per_tok", "num_selected_experts", "moe_topk"),
    "rope.freq_base": ("rope_theta", "rotary_emb_base"),
    "rope.freq_base_swa": ("rope_local_base_freq",),
    "vocab_size": ("vocab_size",),
    "tie_word_embeddings": ("tie_word_embeddings",),
}
"""GGUF's key → the names under which configs have it, the first of which counts."""


def config_settings(config: Config) -> dict[str, Any]:
    """The settings of a model in GGUF's words, without those that are not there.

    Args:
        config: as in the file; of a model that sees as well its language model counts.
    """
    text = language_config(config)
    rope = text.get("rope_parameters") or {}  # of transformers 5, for some models by kind of layer
    known = {**text, **(rope.get("full_attention") or rope)}
    found: dict[str, Any] = {
        key: next((known[n] for n in names if known.get(n) is not None), None) for key, names in _NAMES.items()
    }
    if "sliding_attention" in rope:
        found["rope.freq_base_swa"] = rope["sliding_attention"].get("rope_theta")
    if text.get("multi_query") and not text.get("new_decoder_architecture"):
        found["attention.head_count_kv"] = 1
    if text.get("qk_nope_head_dim") is not None:  # latent attention, whose keys have two parts
        found["attention.key_length"] = text["qk_nope_head_dim"] + text.get("qk_rope_head_dim", 0)
    if text.get("use_sliding_window") is False:
        found["attention.sliding_window"] = None
    kinds, every = text.get("layer_types"), text.get("sliding_window_pattern")
    if isinstance(kinds, list):
        found["attention.sliding_window_pattern"] = tuple(kind == "sliding_attention" for kind in kinds)
    elif every:
        layers = range(found["block_count"] or 0)
        found["attention.sliding_window_pattern"] = tuple((layer + 1) % every != 0 for layer in layers)
    if found["feed_forward_length"] is None and "n_inner" in text:  # GPT-2's word for four times its width
        found["feed_forward_length"] = 4 * found["embedding_length"]
    found["general.architecture"] = str(text.get("model_type", "unknown")).removesuffix("_text")
    said = ((key, tuple(value) if isinstance(value, list) else value) for key, value in found.items())
    return {key: value for key, value in said if value is not None}


def language_config(config: Config) -> Config:
    """The config of the language model within that of one that sees."""
    inner = config.get("text_config")
    return {**config, **inner} if isinstance(inner, Mapping) else config


def context_window(config: Config) -> int | None:
    """The most tokens that a model reads at once; None where nothing bounds them, as with Bloom's or MPT's bias."""
    length = config_settings(config).get("context_length")
    return None if length is None else int(length)
