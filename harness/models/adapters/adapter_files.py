"""Reads an adapter as peft saves it, from the heads of its files, and tells whether it was made for given weights."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from harness.config.artifacts import Artifact
from harness.config.customization import BuildStep
from harness.errors import SettingsError, choices, some
from harness.models.files.content_hash import files_hash
from harness.models.files.safetensors_file import read_safetensors

CONFIG = "adapter_config.json"
TENSORS = "adapter_model.safetensors"
TRAINED_ON = "steelyard:"
"""Begins what a trained adapter says of the weights it was trained on; their digest follows."""
_MATRIX = re.compile(r"(?:base_model\.model\.)?(?P<module>.*)\.lora_(?:embedding_)?(?P<side>[AB])(?:\.weight)?")
_TIED = ("lm_head", "model.embed_tokens")
_SHOWN = 12

Shape = tuple[int, int]


@dataclass(frozen=True, slots=True)
class AdapterFiles:
    """An adapter as its files have it: peft's config, and by each module the shape of what its matrices come to."""

    path: Path
    config: Mapping[str, Any]
    shapes: Mapping[str, Shape]

    @property
    def rank(self) -> int:
        """The largest rank of its matrices."""
        return max(int(self.config["r"]), *map(int, (self.config.get("rank_pattern") or {"": 1}).values()))

    @property
    def trained_on(self) -> str:
        """What it says of the weights that it was made for: a name, or `TRAINED_ON` and their digest, or ""."""
        return str(self.config.get("base_model_name_or_path") or "")

    @property
    def other_base(self) -> str | None:
        """The name of the weights that it was made for; None where it has their digest, or says nothing."""
        return None if self.trained_on.startswith(TRAINED_ON) else self.trained_on or None

    @property
    def digest(self) -> str:
        """The digest of both files, which identifies it."""
        return files_hash(self.path, (CONFIG, TENSORS))

    @property
    def not_plain(self) -> tuple[str, ...]:
        """Settings of its config that add more than pairs of matrices, with their values: vLLM can't serve these."""
        names = ("modules_to_save", "use_dora", "trainable_token_indices", "bias")
        values = {name: self.config.get(name) for name in names}
        return tuple(f"{name} = {value!r}" for name, value in values.items() if value not in (None, False, [], "none"))


def read_adapter(folder: Path) -> AdapterFiles:
    """The adapter in a folder. Raises SettingsError: there is none, it is damaged, or it is no LoRA."""
    for name in (CONFIG, TENSORS):
        if not (folder / name).is_file():
            needed = f"An adapter is a folder with {CONFIG} and {TENSORS}, as peft's save_pretrained writes it."
            raise SettingsError(f"There is no {folder / name}. {needed}")
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
    except ValueError as error:
        raise SettingsError(f"{folder / CONFIG} is no JSON: {error}.") from None
    if config.get("peft_type") != "LORA" or not isinstance(config.get("r"), int):
        message = f"The adapter in {folder} is {config.get('peft_type')!r}, and engines serve LORA alone"
        raise SettingsError(
            f"{message}. Merge it into its weights by peft's merge_and_unload, and give these as weights."
        )
    sides: dict[str, dict[str, int]] = {"A": {}, "B": {}}
    for tensor in read_safetensors(folder / TENSORS):
        match = _MATRIX.fullmatch(tensor.name)
        if match is not None and len(tensor.shape) == 2:
            sides[match["side"]][match["module"]] = tensor.shape[match["side"] == "A"]
    if not sides["A"] or sides["A"].keys() != sides["B"].keys():
        raise SettingsError(f"{folder / TENSORS} holds no whole pairs of matrices lora_A and lora_B.")
    return AdapterFiles(folder, config, {name: (sides["B"][name], inner) for name, inner in sides["A"].items()})


def matrix_shapes(weights: Path) -> dict[str, Shape]:
    """The shape of each module's matrix in a folder of weights; {} where they are not saved as safetensors."""
    shapes: dict[str, Shape] = {}
    for tensor in chain.from_iterable(map(read_safetensors, sorted(weights.glob("*.safetensors")))):
        if tensor.name.endswith(".weight") and len(tensor.shape) == 2:
            shapes[tensor.name.removesuffix(".weight")] = (tensor.shape[0], tensor.shape[1])
    head, embedding = _TIED
    if embedding in shapes:
        shapes.setdefault(head, shapes[embedding])
    return shapes


def declared_base(step: BuildStep) -> str | None:
    """The weights that the adapter of a step says it was made for; None where it says none, or is not here."""
    if step.kind != "adapter" or step.artifact is None or not step.artifact.is_here:
        return None
    return read_adapter(step.artifact.path).other_base


def adapter_digest(adapter: str | Artifact) -> str:
    """Return an adapter's digest: as it is known, or of its folder."""
    return adapter.digest if isinstance(adapter, Artifact) else read_adapter(Path(adapter)).digest


def check_fits(adapter: AdapterFiles, shapes: Mapping[str, Shape], digest: str | None, name: str) -> None:
    """Refuse an adapter that was made for other weights than those of a name, by the shapes of their matrices and their
    digest, if these are known yet. Raises SettingsError: naming both, and what of one the other has not.
    """
    who = f"The adapter in {adapter.path} was made for other weights than {name}"
    if adapter.other_base is not None:
        who += f" (for {adapter.other_base}, as it says)"
    for module, shape in adapter.shapes.items() if shapes else ():
        own = shapes.get(module) or shapes.get(module.partition(".")[2])
        if own is None:
            there = some(sorted({each.rpartition(".")[2] for each in shapes}), _SHOWN)
            raise SettingsError(f"{who}: it changes {module}, which they have not. There are: {there}.")
        if own not in (shape, shape[::-1]):
            theirs = f"{own[0]} × {own[1]}"
            raise SettingsError(
                f"{who}: it changes {module} as a matrix of {shape[0]} × {shape[1]}, and theirs has {theirs}."
            )
    trained_on = adapter.trained_on
    if digest is not None and trained_on.startswith(TRAINED_ON) and trained_on != TRAINED_ON + digest:
        other = trained_on.removeprefix(TRAINED_ON)[:12]
        raise SettingsError(f"{who}: it was trained on weights with the digest {other}, and theirs is {digest[:12]}.")


def check_modules(wanted: Sequence[str], shapes: Mapping[str, Shape]) -> None:
    """Refuse names of modules that no module of the weights has. Raises SettingsError: naming those that there are."""
    known = sorted({module.rpartition(".")[2] for module in shapes})
    for name in wanted if shapes else ():
        if not any(f".{module}".endswith(f".{name}") for module in shapes):
            raise SettingsError(f"modules: {choices('module', name, known)}")
