"""The contents of a model's files, in one form for GGUF files and folders of safetensors: the words of GGUF."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.errors import SettingsError
from harness.models.description.sizes import flat_config
from harness.models.description.vocabulary import read_tokenizer
from harness.models.files.content_hash import file_hash
from harness.models.files.safetensors_file import Tensor, have_same_data, read_safetensors
from harness.models.files.saved import read_json
from harness.models.weights.gguf_header import gguf_head
from harness.models.weights.weights import loaded_files

_FORMATS = {2: "GGUF V2", 3: "GGUF V3 (latest)"}
_INDEX = "model.safetensors.index.json"
_KEYED = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
"""Files whose keys say what they are about."""
_AUXILIARY = re.compile(
    r"(?:scales?(?:_inv|_2)?|zero_point|weight_shape|g_idx|qzeros|SCB|weight_format|absmax|quant_map|quant_state\.\w+)$"
)
"""Tensors that quantizers store beside the weights: compressed-tensors, GPTQ, AWQ, bitsandbytes, MXFP4 of gpt-oss.

Source: vllm-project/compressed-tensors, compressors; huggingface/transformers, integrations."""


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A model's files without the data of its tensors.

    Attributes:
        format: as llama.cpp prints it, or "safetensors" of a folder.
        settings: what GGUF calls `general.…`, `tokenizer.…`, and the model's own keys without its architecture in
            front: `block_count`. Arrays are tuples.
        tokens: the vocabulary, in the order of the ids; an id that no token has is an empty one.
        stops: more tokens at which an engine ends an answer, as the folder's generation settings name them.
    """

    path: Path
    format: str
    settings: Mapping[str, Any]
    tensors: tuple[Tensor, ...]
    tokens: tuple[str, ...] = field(default=(), repr=False)
    stops: tuple[int, ...] = ()

    @property
    def architecture(self) -> str:
        """The kind of the model, in its makers' word: "llama"."""
        return str(self.settings.get("general.architecture", "unknown"))

    @property
    def is_folder(self) -> bool:
        """False for a GGUF file."""
        return self.format == "safetensors"


def read_gguf(path: Path) -> WeightsFile:
    """The contents of a GGUF file, without the data of its tensors."""
    try:
        head = gguf_head(path)
    except ValueError as error:
        raise SettingsError(f"{path} can't be read: {error}.") from None
    prefix = f"{head.settings.get('general.architecture')}."
    settings = {key.removeprefix(prefix): value for key, value in head.settings.items()}
    tokens = settings.get("tokenizer.ggml.tokens", ())
    return WeightsFile(path, _FORMATS[head.version], MappingProxyType(settings), head.tensors, tokens)


def read_folder(folder: Path, tokenizer: Path | None = None) -> WeightsFile:
    """The contents of a folder that transformers loads, without the data of its tensors.

    Args:
        tokenizer: the folder of a tokenizer that replaces its own.

    Raises:
        SettingsError: a file is missing or damaged, or there are no safetensors.
    """
    config = read_json(folder / "config.json")
    flat, quantization = flat_config(config), config.get("quantization_config")
    own, tokens = read_tokenizer(tokenizer or folder, flat)
    settings = flat | own | {"quantization": quantization, "dtype": flat.get("dtype") or flat.get("torch_dtype")}
    settings["general.name"] = str(config.get("_name_or_path") or "").rstrip("/").rpartition("/")[2] or folder.name
    if folder.parent.name == "snapshots":  # of the hub's cache: models--OWNER--MODEL/snapshots/COMMIT
        settings["general.name"] = folder.parent.parent.name.removeprefix("models--").replace("--", "/")
    stored = [(path, each) for path in safetensors_files(folder) for each in read_safetensors(path)]
    held = {(path.name, each.name) for path, each in stored}
    for name, shard in read_json(folder / _INDEX).get("weight_map", {}).items():
        if (shard, name) not in held:
            raise SettingsError(
                f"{folder}: {_INDEX} puts {name} into {shard}, which lacks it. Fetch or save the folder again."
            )
    ends = [each for each in stored if len(each[1].shape) == 2 and each[1].shape[0] == flat.get("vocab_size")]
    if flat.get("tie_word_embeddings") and len(ends) == 2 and have_same_data(*ends):
        stored.remove(ends[1])  # a copy, of which engines keep one
    tensors = tuple(_counted(each, quantization) if quantization else each for _, each in stored)
    named = [source.get("eos_token_id") for source in (read_json(folder / "generation_config.json"), flat)]
    stops = (stop for each in named if each is not None for stop in (each if isinstance(each, list) else [each]))
    settings = {key: value for key, value in settings.items() if value is not None}
    return WeightsFile(folder, "safetensors", MappingProxyType(settings), tensors, tokens, tuple(dict.fromkeys(stops)))


def safetensors_files(folder: Path) -> list[Path]:
    """The files that an engine loads: those of the index, else the one file, else all that there are."""
    placed = read_json(folder / _INDEX).get("weight_map", {})
    one, files = folder / "model.safetensors", [folder / name for name in sorted(set(placed.values()))]
    if files := files or ([one] if one.is_file() else sorted(folder.glob("*.safetensors"))):
        return files
    others = sorted(path.name for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".pth"))
    raise SettingsError(
        f"{folder} holds no safetensors, of which weights are described; it has {', '.join(others) or 'no weights'}"
        ". Save it with transformers: AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(FOLDER)"
    )


def _counted(stored: Tensor, quantization: Mapping[str, Any]) -> Tensor:
    """A tensor of a quantized model with the weights that stand in an element: eight of 4 bits in 32, two in a byte."""
    if _AUXILIARY.search(stored.name):
        return replace(stored, is_weight=False)
    in_word = 32 // (quantized_bits(quantization) or 4)
    return replace(stored, packed={"U8": 2, "I32": in_word, "U32": in_word}.get(stored.dtype, 1))


def quantized_bits(quantization: Mapping[str, Any]) -> int | None:
    """Bits of a quantized weight: GPTQ and AWQ say them at once, compressed-tensors by group, others not."""
    groups = (quantization.get("config_groups") or {}).values()
    bits = next((group["weights"]["num_bits"] for group in groups if group.get("weights") is not None), None)
    bits = bits or quantization.get("bits") or quantization.get("w_bit")
    return None if bits is None else int(bits)


def different_files(own: Path, other: Path) -> dict[str, list[str]]:
    """The files whose contents differ between two folders of weights, each with the keys that do, or two GGUF files.

    None of a folder and a file, of which nothing is the same.
    """
    if own.is_file() or other.is_file():
        is_other = own.is_file() and other.is_file() and file_hash(own) != file_hash(other)
        return {own.name: []} if is_other else {}
    names: dict[str, list[str]] = {}
    for name in sorted({*loaded_files(own), *loaded_files(other)}):
        one, two = own / name, other / name
        is_one_only = not (one.is_file() and two.is_file())
        if is_one_only or file_hash(one) != file_hash(two):
            keys, others = (read_json(each) if name in _KEYED and not is_one_only else {} for each in (one, two))
            names[name] = [key for key in keys | others if keys.get(key) != others.get(key)]
    return names
