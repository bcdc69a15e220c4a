"""Folders of safetensors: one file, shards, quantized ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.models.description.contents import different_files, read_folder, safetensors_files
from harness.models.description.description import describe_weights
from tests.models.description.made import ARCHITECTURES, copy_of, make_model, set_config, write_gguf, write_model


@pytest.fixture
def own(tiny_llama: Path, tmp_path: Path) -> Path:
    return copy_of(tiny_llama, tmp_path / "own")


def test_shards_are_read_as_their_index_says(tmp_path: Path) -> None:
    model = write_model(tmp_path / "shards", "llama", ARCHITECTURES["llama"], max_shard_size="100KB")
    model.save_pretrained(str(tmp_path / "one"))
    assert len(safetensors_files(tmp_path / "shards")) > 2
    shards, one = (describe_weights({"weights": name}, tmp_path) for name in ("shards", "one"))
    assert (one.n_parameters, one.n_tensors, one.types) == (shards.n_parameters, shards.n_tensors, shards.types)
    assert one.architecture == shards.architecture


def test_a_shard_that_is_missing_is_named(tmp_path: Path) -> None:
    write_model(tmp_path, "llama", ARCHITECTURES["llama"], max_shard_size="100KB")
    gone = safetensors_files(tmp_path)[1]
    gone.unlink()
    with pytest.raises(SettingsError, match=f"{gone.name} can't be read"):
        read_folder(tmp_path)


def test_a_tensor_that_its_shard_lacks_is_named(tmp_path: Path) -> None:
    write_model(tmp_path, "llama", ARCHITECTURES["llama"], max_shard_size="100KB")
    index = tmp_path / "model.safetensors.index.json"
    content = json.loads(index.read_text("utf-8"))
    shard = content["weight_map"]["model.norm.weight"]
    content["weight_map"]["model.none.weight"] = shard
    index.write_text(json.dumps(content), "utf-8")
    with pytest.raises(SettingsError, match=rf"puts model\.none\.weight into {shard}, which lacks it"):
        read_folder(tmp_path)


def test_files_that_differ_are_named_with_the_keys_that_do(own: Path, tiny_llama: Path, tmp_path: Path) -> None:
    """What is in the data of tensors, in a normalizer or among the settings of answers is told by nothing else."""
    from safetensors.torch import load_file, save_file

    assert different_files(own, tiny_llama) == {}
    tensors = load_file(own / "model.safetensors")
    tensors["model.norm.weight"] *= 0
    save_file(tensors, own / "model.safetensors")
    set_config(own, hidden_act="gelu")
    content = json.loads((own / "tokenizer.json").read_text("utf-8"))
    (own / "tokenizer.json").write_text(json.dumps({**content, "normalizer": {"type": "Lowercase"}}), "utf-8")
    (own / "chat_template.jinja").write_text("{{ messages }}", "utf-8")
    expected = {
        "chat_template.jinja": [],
        "config.json": ["hidden_act"],
        "model.safetensors": [],
        "tokenizer.json": ["normalizer"],
    }
    assert expected == different_files(own, tiny_llama)
    one, two = write_gguf(tmp_path / "one.gguf"), write_gguf(tmp_path / "two.gguf", quantize="Q8_0")
    assert (different_files(one, two), different_files(one, one)) == ({"one.gguf": []}, {})
    assert different_files(one, own) == {}


def test_what_lies_beside_the_one_file_is_not_read(own: Path) -> None:
    (own / "consolidated.safetensors").write_bytes(b"no safetensors at all")
    assert [own / "model.safetensors"] == safetensors_files(own)


def test_a_folder_without_safetensors_is_refused_with_what_it_has(own: Path) -> None:
    (own / "model.safetensors").unlink()
    (own / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(SettingsError, match=r"holds no safetensors.*it has pytorch_model\.bin.*save_pretrained"):
        read_folder(own)


@pytest.mark.parametrize("content", ["[]", "{", "\ud800"])
def test_a_config_that_is_no_object_is_refused_by_name(own: Path, content: str) -> None:
    (own / "config.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(SettingsError, match=r"config\.json (is no JSON|holds a list)"):
        read_folder(own)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_int8_weights_of_compressed_tensors_are_counted_without_their_scales(tmp_path: Path) -> None:
    import torch

    from harness.models.weights.quantization import quantize

    model = make_model("llama", ARCHITECTURES["llama"]).to(torch.bfloat16)
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    model.save_pretrained(str(tmp_path / "whole"))
    (tmp_path / "rounded").mkdir()
    quantize(tmp_path / "whole", tmp_path / "rounded", "int8")
    described = describe_weights({"weights": "rounded"}, tmp_path)
    assert n_parameters == described.n_parameters
    assert described.types["I8"] == 3 * 7
    in_int8 = 3 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 64 * 96)
    scales = 3 * (64 + 64 + 32 + 32 + 96 + 96 + 64)
    assert in_int8 + 2 * (n_parameters - in_int8 + scales) == described.tensor_bytes
    assert 8 * described.tensor_bytes / n_parameters == described.bits_per_weight
    assert described.ftype == "8 bits (compressed-tensors, int-quantized)"
    assert described.kv_bytes_per_token == 3 * 2 * (16 + 16) * 2, "keys and values stay in bfloat16"
    assert 2 * (in_int8 + 300 * 64) == described.architecture.flops_matrices


def test_four_bits_in_a_word_are_eight_weights(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    write_model(tmp_path, "llama", ARCHITECTURES["llama"])
    plain = load_file(tmp_path / "model.safetensors")
    packed = {}
    for name, tensor in plain.items():
        if "proj" not in name:
            packed[name] = tensor
            continue
        stem = name.removesuffix("weight")
        packed[f"{stem}qweight"] = torch.zeros(tensor.shape[1] // 8, tensor.shape[0], dtype=torch.int32)
        packed[f"{stem}qzeros"] = torch.zeros(1, tensor.shape[0] // 8, dtype=torch.int32)
        packed[f"{stem}scales"] = torch.zeros(1, tensor.shape[0], dtype=torch.float16)
    save_file(packed, tmp_path / "model.safetensors")
    set_config(tmp_path, quantization_config={"quant_method": "gptq", "bits": 4})
    described = describe_weights({"weights": str(tmp_path)}, tmp_path)
    assert sum(tensor.numel() for tensor in plain.values()) == described.n_parameters
    assert described.ftype == "4 bits (gptq)"
