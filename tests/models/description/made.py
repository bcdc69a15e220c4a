"""Models made for the tests: configs of transformers with random weights, GGUF files by gguf-py's writer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

SIZES: Mapping[str, Any] = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
_GPT: Mapping[str, Any] = {"vocab_size": 300, "n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 64}
ARCHITECTURES: Mapping[str, Mapping[str, Any]] = {
    "llama": {**SIZES, "tie_word_embeddings": True},
    "mistral": {**SIZES, "num_key_value_heads": 1, "head_dim": 24, "sliding_window": 8},
    "qwen2": SIZES,
    "qwen3": {**SIZES, "head_dim": 32},
    "gemma": {**SIZES, "head_dim": 16},
    "gemma2": {**SIZES, "head_dim": 16, "sliding_window": 16},
    "gemma3_text": {**SIZES, "head_dim": 16, "sliding_window": 16, "num_hidden_layers": 7},
    "phi3": SIZES,
    "gpt2": {**_GPT, "bos_token_id": 1, "eos_token_id": 2},
    "gpt_neox": {key: value for key, value in SIZES.items() if key != "num_key_value_heads"},
    "starcoder2": SIZES,
    "olmo2": SIZES,
    "phi": SIZES,
    "granite": SIZES,
    "cohere": SIZES,
    "stablelm": SIZES,
    "smollm3": SIZES,
    "bloom": {"vocab_size": 300, "hidden_size": 64, "n_layer": 3, "n_head": 4},
    "mpt": {"vocab_size": 300, "d_model": 64, "n_layers": 3, "n_heads": 4, "max_seq_len": 64},
}
MIXTURES: Mapping[str, Mapping[str, Any]] = {
    "mixtral": {**SIZES, "num_local_experts": 4, "num_experts_per_tok": 2},
    "qwen3_moe": {**SIZES, "head_dim": 16, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
    | {"decoder_sparse_step": 1},
}


def make_model(kind: str, settings: Mapping[str, Any]) -> Any:
    """A model with random weights that computes its attention eagerly."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(kind, **settings)
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()


def write_model(folder: Path, kind: str, settings: Mapping[str, Any], **saving: Any) -> Any:
    """Save such a model as transformers does, and give it."""
    model = make_model(kind, settings)
    model.save_pretrained(str(folder), **saving)
    return model


def set_config(folder: Path, **values: object) -> None:
    """Change what a folder's config says; None takes a key away."""
    path = folder / "config.json"
    config = {**json.loads(path.read_text(encoding="utf-8")), **values}
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}), encoding="utf-8")


def copy_of(folder: Path, place: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(folder, place))


TOKENS = ("<pad>", "<s>", "</s>", "<|im_end|>", "<|endoftext|>", "Ċ", "a", "b", "ab", "Ġlonger")


def write_gguf(path: Path, *, arch: str = "llama", n_layers: int = 2, rows: int = len(TOKENS), **settings: Any) -> Path:
    """A GGUF file of a model with 64 dimensions, 4 heads, 2 of keys, and an MLP of 96.

    Args:
        rows: of the embedding.
        settings: of the tokenizer and the file: `pre`, `file_type`, `size_label`, `kind`, `quantize`, `head`, `extra`.
    """
    from gguf import GGMLQuantizationType, GGUFWriter, quants

    writer = GGUFWriter(str(path), arch)
    writer.add_name("Made")
    writer.add_block_count(n_layers)
    writer.add_context_length(64)
    writer.add_embedding_length(64)
    writer.add_feed_forward_length(96)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    if (number := settings.get("file_type")) is not None:
        writer.add_file_type(number)
    if (label := settings.get("size_label")) is not None:
        writer.add_size_label(label)
    writer.add_tokenizer_model(settings.get("kind", "gpt2"))
    if (pre := settings.get("pre")) is not None:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(settings.get("tokens", TOKENS))
    writer.add_token_types([3] * 5 + [1] * (len(settings.get("tokens", TOKENS)) - 5))
    writer.add_token_merges(["a b"])
    for name, value in settings.get("extra", {}).items():
        (writer.add_bool if isinstance(value, bool) else writer.add_uint32)(name, value)
    random = np.random.default_rng(3)
    quantized = settings.get("quantize")
    for name, shape in gguf_shapes(n_layers, rows, head=settings.get("head", False)).items():
        values = random.normal(0, 0.1, shape).astype(np.float32)
        if quantized is not None and len(shape) == 2:
            kind = GGMLQuantizationType[quantized]
            writer.add_tensor(name, quants.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def gguf_shapes(n_layers: int, rows: int, *, head: bool) -> dict[str, tuple[int, ...]]:
    """Name → shape of the tensors of such a model."""
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (rows, 64), "output_norm.weight": (64,)}
    if head:
        shapes["output.weight"] = (rows, 64)
    for layer in range(n_layers):
        shapes |= {
            f"blk.{layer}.attn_norm.weight": (64,),
            f"blk.{layer}.attn_q.weight": (64, 64),
            f"blk.{layer}.attn_k.weight": (32, 64),
            f"blk.{layer}.attn_v.weight": (32, 64),
            f"blk.{layer}.attn_output.weight": (64, 64),
            f"blk.{layer}.ffn_norm.weight": (64,),
            f"blk.{layer}.ffn_gate.weight": (96, 64),
            f"blk.{layer}.ffn_up.weight": (96, 64),
            f"blk.{layer}.ffn_down.weight": (64, 96),
        }
    return shapes
