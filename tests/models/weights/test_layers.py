from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.errors import SettingsError
from harness.models.weights.layers import chosen_layers, drop_layers, layer_count


@pytest.fixture
def own(tiny_llama: Path, tmp_path: Path) -> Path:
    """A copy of the small Llama that a test may change."""
    return Path(shutil.copytree(tiny_llama, tmp_path / "own"))


def dropped(source: Path, layers: tuple[int, ...]) -> Path:
    folder = source.parent / "dropped"
    folder.mkdir()
    drop_layers(source, folder, layers)
    return folder


def set_config(folder: Path, **values: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **values}))


class TestChosenLayers:
    @pytest.mark.parametrize(
        ("setting", "layers"), [(1, (3,)), (3, (1, 2, 3)), ([0], (0,)), ([2, 1], (1, 2)), ([3, 2], (2, 3))]
    )
    def test_a_number_means_the_last_so_many_and_a_list_means_those(
        self, setting: int | list[int], layers: tuple[int, ...]
    ) -> None:
        assert layers == chosen_layers(setting, 4, "own")

    @pytest.mark.parametrize("setting", [4, 5, [3, 2, 1, 0]])
    def test_one_layer_must_stay(self, setting: int | list[int]) -> None:
        with pytest.raises(SettingsError) as refused:
            chosen_layers(setting, 4, "own")
        assert f"drop_layers = {setting!r} leaves no layer: 'own' has 4." == str(refused.value)

    def test_a_layer_that_is_not_there_is_named_with_those_that_are(self) -> None:
        with pytest.raises(SettingsError) as refused:
            chosen_layers([1, 4, 7], 4, "own")
        expected = "drop_layers = [1, 4, 7]: there is no layer 4 or 7; 'own' has 4, numbered 0 to 3."
        assert expected == str(refused.value)


class TestDropLayers:
    def test_the_layers_after_move_up(self, own: Path, tiny_tensors: dict[str, np.ndarray]) -> None:
        from safetensors.numpy import load_file

        folder = dropped(own, (0, 2))
        written = load_file(folder / "model.safetensors")
        expected = {name: tensor for name, tensor in tiny_tensors.items() if ".layers." not in name}
        for new, old in enumerate((1, 3)):
            prefix = f"model.layers.{old}."
            for name in tiny_tensors:
                if name.startswith(prefix):
                    expected[f"model.layers.{new}.{name.removeprefix(prefix)}"] = tiny_tensors[name]
        assert set(expected) == set(written)
        assert all(np.array_equal(expected[name], written[name]) for name in expected)
        assert layer_count(folder) == 2

    def test_the_index_of_shards_says_where_each_renumbered_tensor_is(self, own: Path) -> None:
        from safetensors.numpy import load_file, save_file

        tensors = load_file(own / "model.safetensors")
        (own / "model.safetensors").unlink()
        shards: dict[str, dict[str, np.ndarray]] = {"a.safetensors": {}, "b.safetensors": {}}
        for i, (name, tensor) in enumerate(sorted(tensors.items())):
            shards["ab"[i % 2] + ".safetensors"][name] = tensor
        for file, content in shards.items():
            save_file(content, own / file)
        places = {name: file for file, content in shards.items() for name in content}
        (own / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
        folder = dropped(own, (1,))
        index = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
        assert index == {name: file for file in shards for name in load_file(folder / file)}
        assert {name.split(".")[2] for name in index if ".layers." in name} == {"0", "1", "2"}

    def test_lists_with_an_entry_for_each_layer_lose_the_same_entries(self, own: Path) -> None:
        set_config(
            own, layer_types=["full", "sliding", "sparse", "full"], no_rope_layers=[1, 0, 1, 0], eos_token_id=[2]
        )
        config = json.loads((dropped(own, (1, 2)) / "config.json").read_text())
        assert config["layer_types"] == ["full", "full"]
        assert config["no_rope_layers"] == [1, 0]
        assert config["eos_token_id"] == [2]

    def test_weights_that_name_their_layers_otherwise_are_refused(self, own: Path) -> None:
        from safetensors.numpy import load_file, save_file

        tensors = load_file(own / "model.safetensors")
        save_file(
            {name.replace(".layers.", ".parts."): tensor for name, tensor in tensors.items()}, own / "model.safetensors"
        )
        with pytest.raises(SettingsError, match=r"no tensor of .* has a name like layers\.1\."):
            dropped(own, (1,))

    @pytest.mark.service
    def test_transformers_computes_what_the_model_without_the_layer_does(self, own: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        whole = AutoModelForCausalLM.from_pretrained(str(own)).eval()
        del whole.model.layers[1]
        cut = AutoModelForCausalLM.from_pretrained(str(dropped(own, (1,)))).eval()
        tokens = torch.tensor([[1, 70, 80, 90, 100]])
        with torch.no_grad():
            assert torch.equal(whole(tokens, use_cache=False).logits, cut(tokens, use_cache=False).logits)
