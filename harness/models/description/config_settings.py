"""Puts a config.json of transformers into the words of GGUF."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Config = Mapping[str, Any]

_NAMES = {
    "context_length": ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length"),
    "embedding_length": ("hidden_size", "n_embd", "d_model", "dim"),
    "block_count": ("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
    "attention.head_count": ("num_attention_heads", "n_head", "num_heads", "n_heads"),
    "attention.layer_norm_rms_epsilon": ("rms_norm_eps",),
    "attention.layer_norm_epsilon": ("layer_norm_epsilon", "layer_norm_eps", "layernorm_epsilon", "norm_epsilon"),
    "attention.clamp_kqv": ("clip_qkv",),
    "attention.scale": ("attention_multiplier",),
    "attention.q_lora_rank": ("q_lora_rank",),
    "attention.kv_lora_rank": ("kv_lora_rank",),
    "attention.rope_length": ("qk_rope_head_dim",),
    "expert_count": ("num_local_experts", "num_experts", "n_routed_experts"),
    "expert_used_count": ("num_experts_per_tok", "num_selected_experts", "moe_topk"),
    "expert_feed_forward_length": ("moe_intermediate_size",),
    "expert_shared_feed_forward_length": ("shared_expert_intermediate_size",),
    "expert_shared_count": ("n_shared_experts",),
    "expert_weights_scale": ("routed_scaling_factor",),
    "expert_group_count": ("n_group",),
    "expert_group_used_count": ("topk_group",),
    "leading_dense_block_count": ("first_k_dense_replace",),
    "logit_scale": ("logit_scale",),
    "embedding_scale": ("embedding_multiplier",),
    "residual_scale": ("residual_multiplier",),
    "ssm.conv_kernel": ("conv_kernel", "mamba_d_conv", "d_conv"),
    "ssm.state_size": ("state_size", "mamba_d_state", "d_state"),
    "ssm.inner_size": ("mamba_d_ssm", "d_inner"),
    "ssm.time_step_rank": ("time_step_rank", "mamba_n_heads"),
    "ssm.group_count": ("n_groups", "mamba_n_groups"),
    "vocab_size": ("vocab_size",),
    "tie_word_embeddings": ("tie_word_embeddings",),
}
"""GGUF's key → the names under which configs have it, the first of which counts."""
_KV_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "num_kv")
_INNER = ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "hidden_dim")
_SHAPING = (
    *("model_type", *_NAMES["block_count"], *_NAMES["embedding_length"], *_NAMES["attention.head_count"], *_KV_HEADS),
    *("head_dim", *_INNER, *_NAMES["expert_count"], "vocab_size", "tie_word_embeddings"),
)
"""Names under which configs have what the shapes of tensors follow from."""
_FOUR_TIMES = frozenset({"gpt2", "gpt_neox", "falcon", "bloom", "gptj", "codegen", "gpt_bigcode", "mpt"})
"""Models whose MLP is four times as wide as they are unless it is said."""
_WINDOW_EVERY = {"gemma2": 2, "gemma3": 6, "cohere2": 4, "gpt_oss": 2}
"""Every so many layers one sees all of the context, where the config has no list of layers."""


def config_settings(config: Config) -> dict[str, Any]:
    """The settings of a model, those that are there, in GGUF's words.

    Args:
        config: as in the file; of a model that sees as well its language model counts.
    """
    text = language_config(config)
    settings = {key: _first(text, names) for key, names in _NAMES.items()}
    settings |= dict(_attention(text)) | dict(_rope(text)) | dict(_windows(text))
    settings["feed_forward_length"] = _inner(text, settings["embedding_length"])
    settings["general.architecture"] = model_kind(config)
    return {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}


def shaping_settings(config: Config) -> dict[str, Any]:
    """The settings that the shapes of a model's tensors follow from, as the file has them.

    >>> shaping_settings({"hidden_size": 64, "n_layer": 2, "hidden_act": "silu"})
    {'n_layer': 2, 'hidden_size': 64}
    """
    text = language_config(config)
    return {name: text[name] for name in _SHAPING if text.get(name) is not None}


def language_config(config: Config) -> Config:
    """The config of the language model within that of one that sees."""
    inner = config.get("text_config")
    return {**config, **inner} if isinstance(inner, Mapping) else config


def model_kind(config: Config) -> str:
    """The architecture's name, without the note that it is the part of a larger one that reads text."""
    return str(language_config(config).get("model_type", "unknown")).removesuffix("_text")


def _first(config: Config, names: tuple[str, ...]) -> Any:
    return next((config[name] for name in names if config.get(name) is not None), None)


def _inner(config: Config, n_embd: int | None) -> Any:
    stated = _first(config, _INNER)
    if stated is None and n_embd is not None and config.get("model_type") in _FOUR_TIMES:
        return 4 * n_embd
    return stated


def _attention(config: Config) -> Iterator[tuple[str, Any]]:
    """Heads and their sizes; latent attention has keys of two parts."""
    n_heads = _first(config, ("num_attention_heads", "n_head", "num_heads", "n_heads"))
    n_kv = _first(config, _KV_HEADS)
    if config.get("multi_query") and not config.get("new_decoder_architecture"):
        n_kv = 1
    yield "attention.head_count_kv", n_heads if n_kv is None else n_kv
    key_length = config.get("head_dim")
    if config.get("qk_nope_head_dim") is not None:
        key_length = config["qk_nope_head_dim"] + config.get("qk_rope_head_dim", 0)
    yield "attention.key_length", key_length
    yield "attention.value_length", config.get("v_head_dim") or key_length
    if (scalar := config.get("query_pre_attn_scalar")) is not None:
        yield "attention.scale", scalar**-0.5


def _rope(config: Config) -> Iterator[tuple[str, Any]]:
    """The rotary embedding: transformers 5 keeps it in `rope_parameters`, for some models by kind of layer."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    layered = [each for each in (rope.get("full_attention"), rope.get("sliding_attention")) if each]
    whole = layered[0] if layered else rope
    yield "rope.freq_base", _first({**config, **whole}, ("rope_theta", "rotary_emb_base"))
    local = layered[1].get("rope_theta") if len(layered) > 1 else config.get("rope_local_base_freq")
    yield "rope.freq_base_swa", local
    kind = str(whole.get("rope_type", whole.get("type", "default")))
    names = {"linear": "linear", "yarn": "yarn", "longrope": "longrope", "su": "longrope"}
    yield "rope.scaling.type", names.get(kind)
    yield "rope.scaling.factor", whole.get("factor") if kind in ("linear", "yarn") else None
    yield "rope.scaling.original_context_length", _first({**config, **whole}, ("original_max_position_embeddings",))
    part = _first({**config, **whole}, ("partial_rotary_factor", "rotary_pct"))
    head = config.get("head_dim")
    if head is None and (n_heads := _first(config, ("num_attention_heads", "n_head"))):
        head = (_first(config, ("hidden_size", "n_embd")) or 0) // n_heads
    if part is not None and head:
        yield "rope.dimension_count", int(part * head)


def _windows(config: Config) -> Iterator[tuple[str, Any]]:
    """Give the window of the layers that see less than the whole context, and which layers these are."""
    window = config.get("sliding_window")
    if not window or config.get("use_sliding_window") is False:
        return
    n_layers = _first(config, _NAMES["block_count"]) or 0
    kinds = config.get("layer_types")
    every = config.get("sliding_window_pattern", _WINDOW_EVERY.get(model_kind(config), 0))
    if isinstance(kinds, list):
        narrow = tuple(kind == "sliding_attention" for kind in kinds)
    else:
        narrow = tuple(not every or (layer + 1) % every != 0 for layer in range(n_layers))
    if any(narrow):
        yield "attention.sliding_window", window
        yield "attention.sliding_window_pattern", narrow
