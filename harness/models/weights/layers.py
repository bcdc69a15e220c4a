"""Leaves decoder layers out of a model that is saved as safetensors."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import SettingsError
from harness.models.files.saved import read_json

RECIPE = "recipe 1"
"""Part of the digest of weights that lack layers: changed with anything here that changes what is written."""

_LAYER = re.compile(r"(?<![^.])(layers|h|blocks)\.(\d+)(?=\.)")
_LAYER_COUNTS = ("num_hidden_layers", "n_layer", "num_layers")
_LAYER_LISTS = ("layer_types", "mlp_layer_types", "no_rope_layers")


def layer_count(folder: Path) -> int | None:
    """Read the number of decoder layers that the folder's config states; None where it states none."""
    config = read_json(folder / "config.json")
    return next((config[name] for name in _LAYER_COUNTS if isinstance(config.get(name), int)), None)


def chosen_layers(setting: int | Sequence[int], count: int, weights: str) -> tuple[int, ...]:
    """The numbers of the layers that `drop_layers` leaves out, in order.

    Args:
        setting: how many of the last layers, or the layers' numbers, counted from 0.
        count: how many layers the whole model has.
        weights: as in the settings, for the message.

    Raises:
        SettingsError: there is no such layer, or none would be left.
    """
    chosen = range(max(0, count - setting), count) if isinstance(setting, int) else sorted(setting)
    unknown = [str(layer) for layer in chosen if layer >= count]
    if unknown:
        raise SettingsError(
            f"drop_layers = {setting!r}: there is no layer {' or '.join(unknown)}; {weights!r} has {count}, numbered "
            f"0 to {count - 1}."
        )
    if len(chosen) == count:
        raise SettingsError(f"drop_layers = {setting!r} leaves no layer: {weights!r} has {count}.")
    return tuple(chosen)


def drop_layers(source: Path, folder: Path, layers: Collection[int]) -> None:
    """Write the model of `source` without these decoder layers into `folder`; other files are copied.

    The layers that stay are numbered anew, in the tensors' names, and lists of the config with one entry for each layer
    lose those of the layers left out. What a config says of a layer by its number is left as it is.

    Raises:
        SettingsError: the layers are not found in the safetensors files.
    """
    from safetensors.torch import load_file, save_file

    count = layer_count(source) or 0
    numbers = {old: new for new, old in enumerate(layer for layer in range(count) if layer not in layers)}
    is_named = False
    for file in filter(Path.is_file, source.iterdir()):
        target = folder / file.name
        if file.suffix == ".safetensors":
            tensors = load_file(file)
            kept = renamed(tensors, numbers)
            save_file(kept, target, metadata={"format": "pt"})
            is_named |= len(kept) < len(tensors)
        elif file.name == "config.json":
            config = read_json(file)
            for name, value in config.items():
                if name in _LAYER_COUNTS and value == count:
                    config[name] = len(numbers)
                elif name in _LAYER_LISTS and isinstance(value, list):
                    config[name] = [entry for layer, entry in enumerate(value) if layer in numbers]
            target.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        elif file.name.endswith(".index.json"):
            content = read_json(file)
            target.write_text(
                json.dumps({**content, "weight_map": renamed(content["weight_map"], numbers)}), encoding="utf-8"
            )
        else:
            shutil.copy(file, folder)
    if not is_named:
        raise SettingsError(f"drop_layers: no tensor of {source} has a name like layers.{min(layers)}.…")


def renamed(tensors: Mapping[str, Any], numbers: Mapping[int, int]) -> dict[str, Any]:
    """The tensors outside the layers and those of the layers that stay, these under their new numbers."""
    matches = ((name, value, _LAYER.search(name)) for name, value in tensors.items())
    return {
        name if layer is None else f"{name[: layer.start(2)]}{numbers[int(layer[2])]}{name[layer.end(2) :]}": value
        for name, value, layer in matches
        if layer is None or int(layer[2]) in numbers
    }
