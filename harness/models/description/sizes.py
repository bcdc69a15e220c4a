"""The sizes of a model by what its GGUF file, or the config.json of its folder, says.

AutoConfig, which knows each architecture's names, takes seconds to be imported: it would double a replayed gate's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Config = Mapping[str, Any]

_MOST_LAYERS = 10_000
_NAMES = {
    "n_ctx": "context_length max_position_embeddings n_positions n_ctx max_seq_len seq_length",
    "n_embd": "embedding_length hidden_size n_embd d_model dim",
    "embedding_width": "word_embed_proj_dim embedding_size",
    "n_layers": "block_count num_hidden_layers n_layer num_layers n_layers",
    "n_ff": "feed_forward_length intermediate_size n_inner ffn_dim ffn_hidden_size hidden_dim",
    "n_heads": "attention.head_count num_attention_heads n_head num_heads n_heads",
    "n_kv_heads": "attention.head_count_kv num_key_value_heads num_kv_heads n_head_kv num_kv",
    "key_length": "attention.key_length head_dim",
    "value_length": "attention.value_length v_head_dim head_dim",
    "latent": "attention.kv_lora_rank kv_lora_rank",
    "turned": "qk_rope_head_dim rope.dimension_count",
    "window": "attention.sliding_window sliding_window",
    "pattern": "attention.sliding_window_pattern sliding_window_pattern",
    "n_expert": "expert_count num_local_experts num_experts n_routed_experts",
    "n_expert_used": "expert_used_count num_experts_per_tok num_selected_experts moe_topk",
    "rope_base": "rope.freq_base rope_theta rotary_emb_base",
    "rope_base_swa": "rope.freq_base_swa rope_local_base_freq",
    "n_vocab": "vocab_size",
}
"""Under which names files have a size, GGUF's before those of transformers' configs; the first that is there counts."""
_WINDOW_EVERY = {"gemma2": 2, "gemma3": 6, "gemma3n": 5, "cohere2": 4, "gpt-oss": 2, "gpt_oss": 2}
"""Every so many layers one sees all of the context, where the file has no list of layers."""
_ROPE_BASE_SWA = dict.fromkeys(("gemma3", "gemma3n", "gemma-embedding"), 10_000.0)
"""The rotary base of the layers with a window, where the file has none of their own.

Source, of both: ggml-org/llama.cpp, load_hparams.
"""


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """The numbers that the shapes of a model's tensors follow from; one for each layer of those that differ by layer.

    Attributes:
        embedding_width: of a row of the embedding: `n_embd`, but for models that project it.
        windows: how far back each layer sees; 0 for all of the context.
        kv_width: how many numbers a layer keeps of each token.
        rope_base_swa: the rotary base of the layers with a window; None without any.
        is_tied: whether the head is said to be the embedding; None where nothing is said.
    """

    n_ctx: int
    n_embd: int
    embedding_width: int
    n_layers: int
    n_heads: tuple[int, ...]
    n_kv_heads: tuple[int, ...]
    n_ff: tuple[int, ...]
    key_length: int
    value_length: int
    windows: tuple[int, ...]
    kv_width: tuple[int, ...]
    n_expert: int
    n_expert_used: int
    rope_base: float | None
    rope_base_swa: float | None
    is_tied: bool | None
    n_vocab: int | None


def read_hyperparameters(config: Config, n_tokens: int, *, is_folder: bool) -> Hyperparameters:
    """The sizes of a model.

    Args:
        config: the settings of a GGUF file without the architecture before their names, or what `flat_config` gives.
        n_tokens: of its vocabulary.

    Raises:
        ValueError, TypeError: what the file says of them makes no sense.

    Source: ggml-org/llama.cpp, llama_model::load_hparams: what follows where a key is missing.
    """

    def number(name: str, default: int = 0) -> int:
        value = _value(config, name, default)
        return int(max(value, default=default) if isinstance(value, tuple | list) else value)

    def per_layer(name: str, default: Any = 0) -> tuple[int, ...]:
        value = _value(config, name, default)
        if not isinstance(value, tuple | list):
            return (int(value),) * n_layers
        if len(value) != n_layers:
            raise ValueError(f"{_NAMES[name].split()[0]} has {len(value)} values for {n_layers} layers")
        return tuple(value)

    n_layers, n_embd, window = map(number, ("n_layers", "n_embd", "window"))
    if not 0 <= n_layers <= _MOST_LAYERS:
        raise ValueError(f"it says that it has {n_layers:,} layers")
    n_heads = per_layer("n_heads")
    n_kv_heads = per_layer("n_kv_heads", n_heads)
    share = n_embd // max(n_heads) if any(n_heads) else 0
    key_length, value_length = (number(name, share) for name in ("key_length", "value_length"))
    latent = number("latent") and number("latent") + number("turned")  # compressed, and the keys' part that is turned
    # A folder that names a window, and no layers, means all of an unlisted architecture's.
    kind = str(config.get("general.architecture"))
    pattern = _value(config, "pattern", _WINDOW_EVERY.get(kind, 0 if is_folder else 1))
    if not isinstance(pattern, tuple | list):
        pattern = [not pattern or (1 + layer) % pattern != 0 for layer in range(n_layers)]
    windows = tuple(window if is_narrow else 0 for is_narrow in pattern)
    base = _value(config, "rope_base")
    base_swa = _value(config, "rope_base_swa", _ROPE_BASE_SWA.get(kind, base)) if any(windows) else None
    return Hyperparameters(
        n_ctx=number("n_ctx"),
        n_embd=n_embd,
        embedding_width=number("embedding_width", n_embd),
        n_layers=n_layers,
        n_heads=n_heads,
        n_kv_heads=n_kv_heads,
        n_ff=per_layer("n_ff"),
        key_length=key_length,
        value_length=value_length,
        windows=windows,
        kv_width=tuple(latent or heads * (key_length + value_length) for heads in n_kv_heads),
        n_expert=number("n_expert"),
        n_expert_used=number("n_expert_used"),
        rope_base=None if base is None else float(base),
        rope_base_swa=None if base_swa is None else float(base_swa),
        is_tied=config.get("tie_word_embeddings"),
        n_vocab=(number("n_vocab") if is_folder or not n_tokens else 0) or n_tokens or None,
    )


def _value(config: Config, name: str, default: Any = None) -> Any:
    return next((config[each] for each in _NAMES[name].split() if config.get(each) is not None), default)


def flat_config(config: Config) -> dict[str, Any]:
    """A config.json of transformers in one table, of the language model of one that sees as well."""
    inner = config.get("text_config")
    text = {**config, **inner} if isinstance(inner, Mapping) else dict(config)
    rope = text.get("rope_parameters") or {}  # of transformers 5, for some models by kind of layer
    flat = {**text, **(rope.get("full_attention") or rope)}
    flat["general.architecture"] = str(text.get("model_type", "unknown")).removesuffix("_text")
    if "sliding_attention" in rope:
        flat["rope_local_base_freq"] = rope["sliding_attention"].get("rope_theta")
    if text.get("multi_query") and not text.get("new_decoder_architecture"):
        flat["num_key_value_heads"] = 1
    if text.get("qk_nope_head_dim") is not None:  # latent attention, whose keys have two parts
        flat["head_dim"] = text["qk_nope_head_dim"] + text.get("qk_rope_head_dim", 0)
    if text.get("use_sliding_window") is False:
        flat["sliding_window"] = None
    if isinstance(kinds := text.get("layer_types"), list):
        flat["sliding_window_pattern"] = tuple(kind == "sliding_attention" for kind in kinds)
    if "n_inner" in text and text["n_inner"] is None:  # GPT-2's word for four times its width
        flat["n_inner"] = 4 * _value(text, "n_embd", 0)
    return flat


def context_window(config: Config) -> int | None:
    """The most tokens that a model reads at once; None where nothing bounds them, as with Bloom's or MPT's bias."""
    length = _value(flat_config(config), "n_ctx")
    return None if length is None else int(length)
