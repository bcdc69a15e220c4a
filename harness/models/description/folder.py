"""The contents of a folder of safetensors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import SettingsError
from harness.models.description.architecture import tensor_role
from harness.models.description.config_settings import config_settings, language_config
from harness.models.description.contents import WeightsFile, without_none
from harness.models.description.tokenizer_settings import read_json, read_tokenizer
from harness.models.files.content_hash import file_hash
from harness.models.files.safetensors_file import Tensor, data_hash, read_safetensors
from harness.models.weights.weights import loaded_files

INDEX = "model.safetensors.index.json"
_ONE = "model.safetensors"
_KEYED = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
"""Files whose keys say what they are about."""
_BLOB = re.compile(r"/blobs/[0-9a-f]{64}$")
_AUXILIARY = re.compile(
    r"\.(?:weight_scale(?:_inv|_2)?|weight_zero_point|weight_shape|weight_g_idx|weight_global_scale|input_scale|"
    r"input_zero_point|input_global_scale|output_scale|[kvq]_scale|[kv]_zero_point|scales|qzeros|g_idx|SCB|"
    r"weight_format|absmax|quant_map|nested_absmax|nested_quant_map|quant_state\.\w+)$|_scales$"
)
"""Tensors that quantizers store beside the weights: compressed-tensors, GPTQ, AWQ, bitsandbytes, MXFP4 of gpt-oss.

Source: vllm-project/compressed-tensors, compressors; huggingface/transformers, integrations."""
_PACKED = re.compile(r"\.(?:weight_packed|qweight)$|_blocks$")


def read_folder(folder: Path, tokenizer: Path | None = None) -> WeightsFile:
    """The contents of a folder that transformers loads, without the data of its tensors.

    Args:
        tokenizer: the folder of a tokenizer that replaces its own.

    Raises:
        SettingsError: a file is missing or damaged, or there are no safetensors.
    """
    config = read_json(folder / "config.json")
    text = language_config(config)
    generation = read_json(folder / "generation_config.json")
    contents = read_tokenizer(tokenizer or folder, text)
    settings = config_settings(config) | dict(contents.settings)
    settings["general.name"] = _name(config, folder)
    settings["quantization"] = config.get("quantization_config")
    settings["dtype"] = text.get("dtype") or text.get("torch_dtype")
    stored = _stored(folder)
    quantization = settings["quantization"] or {}
    tensors: Iterable[Tensor] = (
        replace(each, packed=_packed(each, quantization), is_weight=_AUXILIARY.search(each.name) is None)
        for each in stored
    )
    if settings.get("tie_word_embeddings"):
        tensors = _without_copied_head(tensors, stored)
    stops = (stop for source in (generation, text) for stop in _listed(source.get("eos_token_id")))
    return WeightsFile(
        folder,
        "safetensors",
        without_none(settings.items()),
        tuple(tensors),
        contents.tokens,
        tuple(dict.fromkeys(stops)),
    )


def safetensors_files(folder: Path) -> list[Path]:
    """The files that an engine loads: those of the index, else the one file, else all that there are."""
    names = sorted(set(read_json(folder / INDEX).get("weight_map", {}).values()))
    if not names and (folder / _ONE).is_file():
        names = [_ONE]
    names = names or sorted(path.name for path in folder.glob("*.safetensors"))
    if not names:
        others = sorted(path.name for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".pth"))
        has = f"it has {', '.join(others[:3])}" if others else "it has no weights"
        raise SettingsError(
            f"{folder} holds no safetensors, of which weights are described; {has}. Save it with transformers: "
            "AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        )
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise SettingsError(
            f"{folder} lacks {', '.join(missing)}, which {INDEX} names. Fetch the rest: hf download OWNER/MODEL"
        )
    return [folder / name for name in names]


def different_files(own: Path, other: Path) -> dict[str, list[str]]:
    """The files whose contents differ between two folders of weights, each with the keys that do, or two GGUF files.

    None of a folder and a file, of which nothing is the same.
    """
    if own.is_file() or other.is_file():
        is_other = own.is_file() and other.is_file() and _differ(own, other)
        return {own.name: []} if is_other else {}
    found: dict[str, list[str]] = {}
    for name in sorted({*loaded_files(own), *loaded_files(other)}):
        one, two = own / name, other / name
        if not (one.is_file() and two.is_file()):
            found[name] = []
        elif _differ(one, two):
            own_keys, other_keys = (read_json(each) if name in _KEYED else {} for each in (one, two))
            found[name] = [key for key in own_keys | other_keys if own_keys.get(key) != other_keys.get(key)]
    return found


def _differ(one: Path, two: Path) -> bool:
    """Tell whether two files have different contents; they are read where nothing else says so."""
    if one.samefile(two):
        return False
    return one.stat().st_size != two.stat().st_size or _content(one) != _content(two)


def _content(path: Path) -> str:
    """The SHA-256 of a file's content, by which the hub's cache names large files."""
    real = path.resolve()
    return real.name if _BLOB.search(real.as_posix()) else file_hash(real)


def _stored(folder: Path) -> dict[Tensor, Path]:
    """The tensors of a folder, each with the file that it is in."""
    found: dict[str, tuple[Tensor, Path]] = {}
    for path in safetensors_files(folder):
        found |= {each.name: (each, path) for each in read_safetensors(path)}
    promised = read_json(folder / INDEX).get("weight_map", {})
    absent = [name for name in promised if name not in found]
    if absent:
        raise SettingsError(
            f"{folder}: {INDEX} puts {absent[0]} into {promised[absent[0]]}, which has no such tensor"
            + (f" ({len(absent)} are missing)" if len(absent) > 1 else "")
            + ". Fetch or save the folder again."
        )
    return dict(found.values())


def _without_copied_head(tensors: Iterable[Tensor], stored: Mapping[Tensor, Path]) -> Iterator[Tensor]:
    """The tensors without a head that holds what the embedding holds: engines keep one of the two."""
    found = {tensor_role(each.name).part: (each, path) for each, path in stored.items() if each.name.endswith("weight")}
    copied = None
    if "head" in found and "embedding" in found:
        (head, _), (embedding, _) = pair = found["head"], found["embedding"]
        if (head.shape, head.dtype) == (embedding.shape, embedding.dtype):
            n_contents = len({data_hash(path, each.name) for each, path in pair})
            copied = head.name if n_contents == 1 else None
    return (each for each in tensors if each.name != copied)


def _packed(stored: Tensor, quantization: Mapping[str, Any]) -> int:
    """Count the weights that stand in an element: eight of 4 bits in 32, or two in a byte."""
    if _AUXILIARY.search(stored.name):
        return 1
    method = quantization.get("quant_method")
    if stored.dtype == "U8" and (method in ("bitsandbytes", "mxfp4") or stored.name.endswith("weight_packed")):
        return 2
    if _PACKED.search(stored.name) is None or stored.dtype not in ("I32", "U32"):
        return 1
    # GPTQ and AWQ say at once how many bits a weight has, compressed-tensors says it by group.
    groups = (quantization.get("config_groups") or {}).values()
    in_groups = (group["weights"]["num_bits"] for group in groups if group.get("weights") is not None)
    return 32 // int(next(in_groups, quantization.get("bits") or quantization.get("w_bit") or 4))


def _name(config: Mapping[str, Any], folder: Path) -> str:
    """Give the model's name: the hub's, the one that its config was last loaded by, or the folder's."""
    stated = str(config.get("_name_or_path") or "").rstrip("/")
    if folder.parent.name == "snapshots":  # of the hub's cache: models--OWNER--MODEL/snapshots/COMMIT
        return folder.parent.parent.name.removeprefix("models--").replace("--", "/")
    return stated.rpartition("/")[2] or folder.name


def _listed(value: Any) -> Iterable[int]:
    return value if isinstance(value, list) else () if value is None else (value,)
