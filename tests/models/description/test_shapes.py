"""Weights that are not those of their configuration, planted one at a time."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from harness.errors import SettingsError
from harness.models.description.description import describe_weights
from tests.models.conftest import CONFIG, make_tensors
from tests.models.description.made import ARCHITECTURES, copy_of, make_model, set_config, write_gguf, write_model

pytestmark = pytest.mark.service


@pytest.fixture
def own(tiny_llama: Path, tmp_path: Path) -> Path:
    return copy_of(tiny_llama, tmp_path / "own")


def replaced(folder: Path, **tensors: np.ndarray | None) -> Path:
    """Save the small Llama with other tensors, or without those that are None."""
    from safetensors.numpy import save_file

    changed = {**make_tensors(), **{name.replace("__", "."): tensor for name, tensor in tensors.items()}}
    kept = {name: tensor for name, tensor in changed.items() if tensor is not None}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def refusal(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        describe_weights({"weights": str(path)}, path.parent)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"hidden_size": 64}, "lm_head.weight: expected [261, 64], found [261, 128]"),
        ({"vocab_size": 300}, "lm_head.weight: expected [300, 128], found [261, 128]"),
        ({"num_key_value_heads": 2}, "self_attn.k_proj.weight: expected [64, 128], found [128, 128]"),
        ({"intermediate_size": 512}, "mlp.down_proj.weight: expected [128, 512], found [128, 256]"),
        ({"head_dim": 16}, "self_attn.k_proj.weight: expected [64, 128], found [128, 128]"),
        (
            {"num_hidden_layers": 3},
            "model.layers.3.input_layernorm.weight: expected no tensor of a layer 3, found [128]",
        ),
        ({"num_hidden_layers": 5}, "model.layers.4.mlp.down_proj.weight: expected [128, 256], found no such tensor"),
    ],
)
def test_a_config_of_another_model_is_refused(own: Path, values: dict[str, int], said: str) -> None:
    set_config(own, **values)
    found = refusal(own)
    assert said in found
    assert str(own) in found
    assert "config.json" in found


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("model.layers.2.mlp.up_proj.weight", (256, 64), "expected [256, 128], found [256, 64]"),
        ("model.layers.0.self_attn.q_proj.weight", (128, 127), "expected [128, 128], found [128, 127]"),
        ("model.layers.1.input_layernorm.weight", (64,), "expected [128], found [64]"),
        ("model.norm.weight", (64,), "expected [128], found [64]"),
        ("model.embed_tokens.weight", (260, 128), "expected [261, 128], found [260, 128]"),
    ],
)
def test_a_tensor_of_another_shape_is_refused(own: Path, name: str, shape: tuple[int, ...], said: str) -> None:
    replaced(own, **{name: np.zeros(shape, np.float32)})
    assert f"{name}: {said}" in refusal(own)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("model.layers.2.mlp.up_proj.weight", [256, 128]),
        ("model.layers.3.self_attn.v_proj.weight", [128, 128]),
        ("model.embed_tokens.weight", [261, 128]),
    ],
)
def test_a_tensor_that_is_missing_is_named(own: Path, name: str, shape: list[int]) -> None:
    replaced(own, **{name: None})
    assert f"{name}: expected {shape}, found no such tensor" in refusal(own)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"\.layers\.", "model.layers.0.self_attn.q_proj.weight: expected [128, 128]"),
        (r"self_attn\.", "model.layers.0.self_attn.q_proj.weight: expected [128, 128]"),
        (r"v_proj", "model.layers.0.self_attn.v_proj.weight: expected [128, 128]"),
        (r"mlp\.up_proj", "model.layers.0.mlp.up_proj.weight: expected [256, 128]"),
        (r"mlp\.gate_proj", "model.layers.0.mlp.gate_proj.weight: expected [256, 128]"),
        (r"mlp\.", "model.layers.0.mlp.up_proj.weight: expected [256, 128]"),
        (r"layernorm", "model.layers.0.input_layernorm.weight: expected [128]"),
        (r"post_attention_layernorm", "model.layers.0.post_attention_layernorm.weight: expected [128]"),
        (r"model\.norm", "model.norm.weight: expected [128]"),
    ],
)
def test_a_kind_of_tensor_that_no_layer_has_is_named(own: Path, pattern: str, said: str) -> None:
    replaced(own, **dict.fromkeys(name for name in make_tensors() if re.search(pattern, name)))
    found = refusal(own)
    assert said in found
    assert "found no such tensor" in found


def test_a_gguf_file_without_layers_is_refused(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", n_layers=0, extra={"llama.block_count": 2})
    assert "blk.0.attn_q.weight: expected [64, 64], found no such tensor" in refusal(path)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"num_attention_heads": 0}, "has 0 heads"),
        ({"num_key_value_heads": 0}, "has 0 heads of keys"),
        ({"num_hidden_layers": 0}, "has 0 layers"),
        ({"hidden_size": 0}, "has 0 dimensions"),
    ],
)
def test_a_model_without_layers_heads_or_width_is_refused(own: Path, values: dict[str, int], said: str) -> None:
    set_config(own, **values)
    assert said in refusal(own)


def test_a_missing_head_is_refused_unless_the_embedding_is_one(own: Path) -> None:
    replaced(own, **{"lm_head.weight": None})
    assert "lm_head.weight: expected [261, 128], for tie_word_embeddings is false, found no such tensor" in refusal(own)
    set_config(own, tie_word_embeddings=True)
    assert describe_weights({"weights": str(own)}, own).architecture.is_tied


def test_biases_of_attention_that_are_not_there_are_refused(own: Path) -> None:
    """transformers makes some up, and says so in a warning."""
    set_config(own, attention_bias=True)
    assert "0.self_attn.q_proj.bias: expected [128], for attention_bias is true, found no such tensor" in refusal(own)


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2", "qwen3", "gemma3_text", "olmo2", "cohere", "stablelm"])
def test_biases_of_attention_are_missed_where_the_class_would_have_them(kind: str, tmp_path: Path) -> None:
    """Those of Mistral and others take no notice of the key, and transformers loads what they save."""
    has_biases = {**ARCHITECTURES[kind], "attention_bias": True}
    is_read = any(name.endswith("o_proj.bias") for name, _ in make_model(kind, has_biases).named_parameters())
    write_model(tmp_path, kind, ARCHITECTURES[kind])
    set_config(tmp_path, attention_bias=True)
    if is_read:
        assert "for attention_bias is true, found no such tensor" in refusal(tmp_path)
    else:
        describe_weights({"weights": str(tmp_path)}, tmp_path)


def test_the_configuration_is_told_by_its_own_keys(own: Path, tmp_path: Path) -> None:
    set_config(own, intermediate_size=512, tie_word_embeddings=False)
    said = refusal(own).partition("config.json says ")[2].partition(". Fetch")[0].split(", ")
    assert 'model_type = "llama"' in said
    assert {"num_hidden_layers = 4", "hidden_size = 128", "intermediate_size = 512", "vocab_size = 261"} <= set(said)
    assert "tie_word_embeddings = false" in said
    found = refusal(write_gguf(tmp_path / "m.gguf", rows=12))
    assert 'The file says general.architecture = "llama", llama.block_count = 2, llama.embedding_length = 64' in found
    assert "tokens of the vocabulary = 10" in found


def test_a_gguf_file_whose_vocabulary_is_not_its_embedding_is_refused(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", rows=12)
    assert "token_embd.weight: expected [10, 64], found [12, 64]" in refusal(path)


def test_an_architecture_of_which_nothing_is_known_is_not_held_against_anything(own: Path) -> None:
    set_config(own, model_type="homemade", hidden_size=64)
    assert describe_weights({"weights": str(own)}, own).kind == "homemade"


@pytest.mark.nightly
@pytest.mark.parametrize("kind", sorted({*ARCHITECTURES} - {"falcon"}))
def test_each_known_architecture_refuses_a_width_that_is_not_its_own(kind: str, tmp_path: Path) -> None:
    write_model(tmp_path, kind, ARCHITECTURES[kind])
    key = "n_embd" if kind == "gpt2" else "hidden_size"
    assert json.loads((tmp_path / "config.json").read_text())[key] == 64
    set_config(tmp_path, **{key: 32})
    assert re.search(r"expected \[\d+.*\], found \[\d+.*\]", refusal(tmp_path))


def test_the_small_llama_itself_is_right(tiny_llama: Path) -> None:
    assert CONFIG["num_hidden_layers"] == describe_weights({"weights": str(tiny_llama)}, tiny_llama).sizes.n_layers
