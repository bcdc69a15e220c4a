"""The shapes that a model's tensors must have, and the refusal of weights that have others."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from harness.errors import SettingsError
from harness.models.description.config_settings import language_config, shaping_settings
from harness.models.description.contents import Tensor, WeightsFile
from harness.models.description.hyperparameters import Hyperparameters
from harness.models.description.roles import TensorRole, tensor_role
from harness.models.description.tokenizer_settings import read_json

_KNOWN = frozenset(
    {
        *("llama", "mistral", "mixtral", "qwen2", "qwen2_moe", "qwen2moe", "qwen3", "qwen3_moe", "qwen3moe"),
        *("gemma", "gemma2", "gemma3", "phi", "phi2", "phi3", "gpt2", "gpt_neox", "gptneox", "starcoder2"),
        *("granite", "olmo", "olmo2", "smollm3", "stablelm", "cohere", "cohere2", "command-r", "seed_oss", "ministral"),
    }
)
"""Architectures whose tensors follow from the sizes below; those of others are not held against anything."""

_EXPECTED: tuple[tuple[str, str], ...] = (
    (r"(?:self_attn\.q_proj|attn_q)\.(\w+)$", "query"),
    (r"(?:self_attn\.k_proj|attn_k)\.(\w+)$", "key"),
    (r"(?:self_attn\.v_proj|attn_v)\.(\w+)$", "value"),
    (r"(?:self_attn\.(?:o_proj|dense)|attention\.dense|attn\.c_proj|attn_output)\.(\w+)$", "output"),
    (r"(?:self_attn\.qkv_proj|attention\.query_key_value|attn\.c_attn|attn_qkv)\.(\w+)$", "fused"),
    (r"(?:^mlp\.(?:gate_proj|up_proj|c_fc|fc1|dense_h_to_4h)|^ffn_gate|^ffn_up)\.(\w+)$", "up"),
    (r"(?:^mlp\.gate_up_proj)\.(\w+)$", "gated"),
    (r"(?:^mlp\.(?:down_proj|c_proj|fc2|dense_4h_to_h)|^ffn_down)\.(\w+)$", "down"),
    (r"(?:^mlp\.gate|^block_sparse_moe\.gate|^ffn_gate_inp)\.(\w+)$", "router"),
    (r"^(?:\w*layernorm|ln_[12]|attn_norm|ffn_norm|post_attention_norm|post_ffw_norm)\.(\w+)$", "norm"),
)
_MUST = frozenset({"query", "key", "value", "output", "fused", "up", "gated", "down"})
"""Roles that every layer has where one has them, unless it has experts in some layers only."""
_NAMES: Mapping[str, tuple[str, str]] = {
    "query": ("self_attn.q_proj", "attn_q"),
    "key": ("self_attn.k_proj", "attn_k"),
    "value": ("self_attn.v_proj", "attn_v"),
    "output": ("self_attn.o_proj", "attn_output"),
    "up": ("mlp.up_proj mlp.gate_proj", "ffn_up ffn_gate"),
    "down": ("mlp.down_proj", "ffn_down"),
    "norm": (
        "input_layernorm post_attention_layernorm pre_feedforward_layernorm post_feedforward_layernorm",
        "attn_norm ffn_norm post_attention_norm post_ffw_norm",
    ),
}
"""Roles that each layer must have, with most models' names for them: of folders, and of GGUF files."""
_UNGATED = frozenset({"phi", "phi2", "phi3", "gpt2", "gpt_neox", "gptneox", "starcoder2"})
"""Architectures whose MLP widens with one matrix; that of the others has a gate beside it."""
_N_NORMS: Mapping[str, int] = {
    **dict.fromkeys(("cohere", "cohere2", "command-r", "phi", "phi2", "stablelm"), 1),
    **dict.fromkeys(("gemma2", "gemma3"), 4),
    "olmo": 0,
}
"""Least number of norms with weights in a layer, where that is not two: one where attention and MLP stand side by
side, none where norms have nothing to learn."""
_BIASED = frozenset(
    {
        *("llama", "qwen3", "qwen3_moe", "gemma", "gemma2", "gemma3", "gpt_neox", "granite", "olmo", "olmo2"),
        *("smollm3", "cohere", "cohere2", "seed_oss"),
    }
)
"""Architectures whose classes read `attention_bias`; the others' have biases or none whatever it says.

Source: huggingface/transformers 5, src/transformers/models, modeling_*.py."""
_EITHER_WAY = re.compile(r"\.c_(?:attn|proj|fc)\.weight$")
"""GPT-2 keeps its matrices turned round."""
_SHAPING = (
    *("block_count", "embedding_length", "attention.head_count", "attention.head_count_kv", "attention.key_length"),
    *("feed_forward_length", "expert_count"),
)
_WEIGHTS = frozenset({"weight", "weight_packed", "qweight"})


def check_shapes(file: WeightsFile, sizes: Hyperparameters) -> None:
    """Refuse weights whose tensors are not those of the configuration that stands beside them.

    Raises:
        SettingsError: naming the tensor, the shape that is expected, and the one that was found.
    """
    if not file.tensors or file.architecture not in _KNOWN:
        return
    _check_sizes(file, sizes)
    kinds: dict[int, dict[str, str]] = {}
    for tensor in file.tensors:
        role = tensor_role(tensor.name)
        if role.layer is not None and role.layer >= sizes.n_layers:
            raise _mismatch(file, tensor.name, f"no tensor of a layer {role.layer}", list(tensor.shape), sizes)
        kind, expected = _expected(role, sizes, file)
        if expected is not None and not _agrees(tensor, expected):
            raise _mismatch(file, tensor.name, str(list(expected)), list(_unpacked(tensor, expected)), sizes)
        if kind and role.layer is not None:
            kinds.setdefault(role.layer, {})[role.name] = kind
    _check_presence(file, sizes, kinds)


def _check_sizes(file: WeightsFile, sizes: Hyperparameters) -> None:
    """Refuse a model without layers, or with layers without heads."""
    counts = {"layers": sizes.n_layers, "heads": min(sizes.n_heads, default=1)}
    counts |= {"heads of keys": min(sizes.n_kv_heads, default=1), "dimensions": sizes.n_embd}
    for what, count in counts.items():
        if count < 1:
            raise SettingsError(
                f"{file.path}: its configuration says that the model has {count} {what}, and its weights are "
                f"{len(file.tensors)} tensors of a {file.architecture}. Fetch or save the model again."
            )


def _check_presence(file: WeightsFile, sizes: Hyperparameters, kinds: Mapping[int, Mapping[str, str]]) -> None:
    """Refuse weights that lack layers, or parts of one, an embedding or a head."""
    known = {name: kind for found in kinds.values() for name, kind in found.items() if kind in _MUST}
    for name, kind in known.items():
        if sizes.n_expert and kind in ("up", "gated", "down"):
            continue
        for absent in (layer for layer in range(sizes.n_layers) if name not in kinds.get(layer, {})):
            expected = _shapes(absent, sizes, file)[kind]
            raise _mismatch(file, f"{_stem(file)}.{absent}.{name}", str(list(expected)), None, sizes)
    for layer in range(sizes.n_layers):
        _check_layer(file, sizes, layer, kinds.get(layer, {}))
    roles = [tensor_role(tensor.name) for tensor in file.tensors]
    parts = {role.part for role in roles if role.layer is None}
    whole = [sizes.n_vocab or 0, sizes.n_embd]
    if "embedding" not in parts:
        name = "token_embd.weight" if _is_gguf(file) else "model.embed_tokens.weight"
        raise _mismatch(file, name, str(whole), None, sizes)
    if "norm" not in parts and _N_NORMS.get(file.architecture) != 0:
        name = "output_norm.weight" if _is_gguf(file) else "model.norm.weight"
        raise _mismatch(file, name, str([sizes.n_embd]), None, sizes)
    _check_biases(file, sizes)
    if "head" not in parts and sizes.is_tied is False:
        raise _mismatch(file, "lm_head.weight", f"{whole}, for tie_word_embeddings is false", None, sizes)


def _check_biases(file: WeightsFile, sizes: Hyperparameters) -> None:
    """Refuse weights without the biases of attention that their config.json says there are."""
    if file.architecture not in _BIASED:
        return
    config = language_config(read_json(file.path / "config.json"))
    biases = (each.name for each in file.tensors if each.name.endswith(".bias"))
    if config.get("attention_bias") is True and all(tensor_role(name).part != "attention" for name in biases):
        rows = sizes.n_heads[0] * sizes.key_length
        name = f"{_stem(file)}.0.self_attn.q_proj.bias"
        raise _mismatch(file, name, f"[{rows}], for attention_bias is true", None, sizes)


def _check_layer(file: WeightsFile, sizes: Hyperparameters, layer: int, named: Mapping[str, str]) -> None:
    """Refuse a layer that lacks what each layer of its architecture has, though none of the others has it either."""
    kinds = Counter(named.values())
    needed = {"norm": _N_NORMS.get(file.architecture, 2), "output": 1}
    if not kinds["fused"]:
        needed |= {"query": 1, "key": 1, "value": 1}
    if not sizes.n_expert:  # those of experts stand in some layers only, under names of their own
        needed |= {"down": 1}
        needed |= {} if kinds["gated"] else {"up": 1 if file.architecture in _UNGATED else 2}
    for kind in _NAMES:
        if kinds[kind] < needed.get(kind, 0):
            names = [f"{name}.weight" for name in _NAMES[kind][_is_gguf(file)].split()]
            name = next((name for name in names if name not in named), names[0])
            expected = str(list(_shapes(layer, sizes, file)[kind]))
            raise _mismatch(file, f"{_stem(file)}.{layer}.{name}", expected, None, sizes)


def _is_gguf(file: WeightsFile) -> bool:
    """Tell whether tensors have the names of GGUF, also those of a folder that will be made of such a file."""
    return any(tensor.name.startswith(("blk.", "token_embd.", "output")) for tensor in file.tensors)


def _stem(file: WeightsFile) -> str:
    """Find what stands before the number of a layer: "model.layers", "blk"."""
    layered = (each.name for each in file.tensors if tensor_role(each.name).layer is not None)
    usual = "blk.0." if _is_gguf(file) else "model.layers.0."
    return re.split(r"\.\d+\.", next(layered, usual), maxsplit=1)[0]


def _expected(role: TensorRole, sizes: Hyperparameters, file: WeightsFile) -> tuple[str, tuple[int, ...] | None]:
    """Give the kind of a tensor, and its expected shape; None for one of which nothing is expected."""
    if role.layer is None:
        return _outside(role, sizes)
    for pattern, kind in _EXPECTED:
        found = re.search(pattern, role.name)
        if found is None or role.is_expert:
            continue
        if found[1] not in _WEIGHTS:
            rows = _shapes(role.layer, sizes, file)[kind][:1]
            return "", rows if found[1] == "bias" else None
        return kind, _shapes(role.layer, sizes, file)[kind]
    return "", None


def _outside(role: TensorRole, sizes: Hyperparameters) -> tuple[str, tuple[int, ...] | None]:
    if not role.name.endswith("weight"):
        return "", None
    if role.part in ("embedding", "head"):
        return role.part, (sizes.n_vocab or 0, sizes.n_embd)
    return "", (sizes.n_embd,) if role.part == "norm" else None


def _shapes(layer: int, sizes: Hyperparameters, file: WeightsFile) -> Mapping[str, tuple[int, ...]]:
    n_heads, n_kv_heads, n_ff = sizes.n_heads[layer], sizes.n_kv_heads[layer], sizes.n_ff[layer]
    queries, keys, values = n_heads * sizes.key_length, n_kv_heads * sizes.key_length, n_kv_heads * sizes.value_length
    gated_up = file.architecture == "phi3" and file.format != "safetensors"
    return MappingProxyType(
        {
            "query": (queries, sizes.n_embd),
            "key": (keys, sizes.n_embd),
            "value": (values, sizes.n_embd),
            "output": (sizes.n_embd, n_heads * sizes.value_length),
            "fused": (queries + keys + values, sizes.n_embd),
            "up": (2 * n_ff if gated_up else n_ff, sizes.n_embd),
            "gated": (2 * n_ff, sizes.n_embd),
            "down": (sizes.n_embd, n_ff),
            "router": (sizes.n_expert, sizes.n_embd),
            "norm": (sizes.n_embd,),
        }
    )


def _agrees(tensor: Tensor, expected: tuple[int, ...]) -> bool:
    shapes = {expected, expected[::-1]} if _EITHER_WAY.search(tensor.name) else {expected}
    return bool({tensor.shape, _unpacked(tensor, expected)} & shapes)


def _unpacked(tensor: Tensor, expected: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the weights that a tensor holds; packed ones as expected if there are as many of them."""
    if tensor.packed == 1:
        return tensor.shape
    n_expected = 1
    for length in expected:
        n_expected *= length
    return expected if tensor.n_parameters == n_expected else tensor.shape


def _mismatch(
    file: WeightsFile, name: str, expected: str, found: list[int] | None, sizes: Hyperparameters
) -> SettingsError:
    is_folder = file.format == "safetensors"
    stated = shaping_settings(read_json(file.path / "config.json")) if is_folder else _keys(file, sizes)
    said = ", ".join(f"{key} = {json.dumps(value)}" for key, value in stated.items())
    what, by = ("config.json", "its own config.json") if is_folder else ("The file", "a converter that fits it")
    return SettingsError(
        f"{file.path}: the weights are not those of their configuration. {name}: expected {expected}, found "
        f"{found if found is not None else 'no such tensor'}. {what} says {said}. Fetch or save the "
        f"model again, with {by}."
    )


def _keys(file: WeightsFile, sizes: Hyperparameters) -> dict[str, Any]:
    """The keys of a GGUF file that shapes follow from, with their values."""
    keys = {f"{file.architecture}.{key}": file.settings[key] for key in _SHAPING if key in file.settings}
    return {"general.architecture": file.architecture, **keys, "tokens of the vocabulary": sizes.n_vocab}
