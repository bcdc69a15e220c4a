from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.errors import SettingsError
from harness.models.weights.quantization import quantize
from harness.models.weights.weights import materialize, weights_digest

# compressed-tensors imports a part of torch that torch itself calls deprecated.
pytestmark = [pytest.mark.service, pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def rounded(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small Llama with weights of eight bits."""
    folder = tmp_path_factory.mktemp("rounded")
    quantize(tiny_llama, folder, "int8")
    return folder


def tensors(folder: Path) -> dict[str, np.ndarray]:
    from safetensors.torch import load_file

    return {name: tensor.float().numpy() for name, tensor in load_file(folder / "model.safetensors").items()}


def test_each_weight_is_rounded_to_the_nearest_of_255_steps_of_its_channel(
    rounded: Path, tiny_tensors: dict[str, np.ndarray]
) -> None:
    found = tensors(rounded)
    linear = [name for name in tiny_tensors if ".layers." in name and tiny_tensors[name].ndim == 2]
    assert len(linear) == 4 * 7
    for name in linear:
        steps, scale = found[name], found[name.replace(".weight", ".weight_scale")]
        exact = tiny_tensors[name]
        assert np.array_equal(steps, np.round(steps)), "whole steps"
        assert np.abs(steps).max() <= 128
        assert scale.shape == (exact.shape[0], 1), "a scale for each output channel"
        # The scale is kept in the weights' own type, and the largest weight may lie half a step beyond 127.
        assert np.abs(steps * scale - exact).max() <= 0.51 * scale.max()


def test_embedding_norms_and_head_stay_as_they_are(rounded: Path, tiny_tensors: dict[str, np.ndarray]) -> None:
    found = tensors(rounded)
    for name, exact in tiny_tensors.items():
        if ".layers." not in name or exact.ndim == 1:
            assert np.array_equal(exact, found[name]), name


def test_the_config_says_how_it_was_rounded_and_the_tokenizer_is_copied(rounded: Path, tiny_llama: Path) -> None:
    group = json.loads((rounded / "config.json").read_text())["quantization_config"]["config_groups"]["group_0"]
    assert tuple(group["weights"][key] for key in ("type", "num_bits", "strategy")) == ("int", 8, "channel")
    assert tuple(group["input_activations"][key] for key in ("type", "num_bits", "strategy", "dynamic")) == (
        "int",
        8,
        "token",
        True,
    )
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tiny_llama / name).read_bytes() == (rounded / name).read_bytes()


def test_fp8_weights_are_floats_of_eight_bits(tiny_llama: Path, tmp_path: Path) -> None:
    from safetensors import safe_open

    quantize(tiny_llama, tmp_path, "fp8")
    with safe_open(tmp_path / "model.safetensors", "np") as file:
        assert file.get_slice("model.layers.0.mlp.up_proj.weight").get_dtype() == "F8_E4M3"
        assert file.get_slice("lm_head.weight").get_dtype() == "F32"


def test_what_is_rounded_already_is_refused(rounded: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="are quantized already"):
        quantize(rounded, tmp_path, "int8")


def test_layers_are_dropped_before_the_rest_is_rounded_and_each_step_is_made_once(
    tiny_llama: Path, tmp_path: Path, cache: Path
) -> None:
    options = {"weights": str(tiny_llama), "drop_layers": [1], "quantized": "int8"}
    folder = materialize(options, tmp_path)
    names = list(tensors(folder))
    assert any("layers.2." in name for name in names)
    assert not any("layers.3." in name for name in names)
    assert folder == materialize(options, tmp_path)
    built = {each.name for each in (cache / "weights").iterdir() if each.is_dir()}
    assert {folder.name, materialize({**options, "drop_layers": [1]}, tmp_path).name} <= built
    assert len(built) == 2, "the model without the layer, and the same rounded"


def test_rounding_changes_the_digest(tiny_llama: Path, tmp_path: Path) -> None:
    whole = {"weights": str(tiny_llama)}
    variants = [whole, {**whole, "quantized": "int8"}, {**whole, "quantized": "fp8"}]
    assert len({weights_digest(options, tmp_path) for options in variants}) == 3


def test_a_rounded_model_answers_in_transformers_almost_as_the_exact_one(rounded: Path, tiny_llama: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    ids = torch.arange(3, 40)[None]
    with torch.inference_mode():
        exact, found = (
            torch.log_softmax(AutoModelForCausalLM.from_pretrained(str(each))(ids).logits.float(), -1)
            for each in (tiny_llama, rounded)
        )
    divergence = (exact.exp() * (exact - found)).sum(-1)
    assert 0 < float(divergence.mean()) < 0.05, "nats a token"


def test_a_copy_without_linear_layers_is_refused(tiny_llama: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(tiny_llama, tmp_path / "broken"))
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 0}))
    (tmp_path / "to").mkdir()
    with pytest.raises(SettingsError, match="no linear layers to round"):
        quantize(broken, tmp_path / "to", "int8")
