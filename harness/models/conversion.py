"""Makes folders of weights: from a GGUF file, and from another folder with its last layers dropped."""

from __future__ import annotations

import json
import re
import shutil
import struct
from pathlib import Path
from typing import Any

from harness.errors import SettingsError
from harness.models.gguf_header import gguf_settings

RECIPE = "recipe 1"
"""Part of the digest of converted weights: changed with anything here that changes what is written."""

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")
_LAYER_COUNTS = ("num_hidden_layers", "n_layer", "num_layers")
_COPY_BYTES = 1 << 24


def convert_gguf(source: Path, folder: Path, dtype: str) -> None:
    """Write the GGUF file's model, tokenizer and chat template into `folder` as transformers saves them.

    Args:
        dtype: of the written tensors: "bfloat16", "float16" or "float32".

    Raises:
        SettingsError: transformers cannot read this file's architecture, or a package that it needs is missing.
    """
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        location: dict[str, Any] = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
        quantized = AutoModelForCausalLM.from_pretrained(**location, dtype=getattr(torch, dtype))
        tokenizer = AutoTokenizer.from_pretrained(**location, clean_up_tokenization_spaces=False)
    except ImportError as error:
        raise SettingsError(
            f"{source} can't be converted: {error}. Install what is missing: pip install 'steelyard[transformers]'"
        ) from error
    except (ValueError, NotImplementedError, KeyError) as error:
        raise SettingsError(f"{source} can't be converted: {error}") from error
    config = quantized.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        plain = type(quantized)(config)
    plain.load_state_dict(quantized.state_dict(), assign=True)
    plain.tie_weights()
    plain.save_pretrained(str(folder))
    _restore_special_tokens(tokenizer, gguf_settings(source))
    tokenizer.save_pretrained(str(folder))


def _restore_special_tokens(tokenizer: Any, settings: dict[str, Any]) -> None:
    """Name the special tokens as the file does: transformers takes some from the tokenizer class's defaults."""
    for name, key in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")):
        token_id = settings.get(f"tokenizer.ggml.{key}_token_id")
        if token_id is not None:
            setattr(tokenizer, f"{name}_token", tokenizer.convert_ids_to_tokens(token_id))


def layer_count(folder: Path) -> int | None:
    """How many decoder layers the folder's config states, or None."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return next((config[name] for name in _LAYER_COUNTS if isinstance(config.get(name), int)), None)


def drop_last_layers(source: Path, folder: Path, count: int) -> None:
    """Write the model of `source` without its last `count` decoder layers into `folder`; other files are copied.

    Raises:
        SettingsError: the layers are not found in the safetensors files.
    """
    layers = layer_count(source)
    if layers is None:
        raise SettingsError(f"drop_layers: the config of {source} states no number of layers.")
    keep = layers - count
    dropped: set[str] = set()
    for file in source.iterdir():
        if file.suffix == ".safetensors":
            dropped |= _filter_tensors(file, folder / file.name, keep)
        elif file.name == "config.json":
            config = _shortened(json.loads(file.read_text(encoding="utf-8")), layers, keep)
            (folder / file.name).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        elif file.is_file() and not file.name.endswith(".index.json"):
            shutil.copy(file, folder)
    if not dropped:
        raise SettingsError(f"drop_layers: no tensor of {source} has a name like layers.{keep}.…")
    for index in source.glob("*.index.json"):
        content = json.loads(index.read_text(encoding="utf-8"))
        content["weight_map"] = {name: file for name, file in content["weight_map"].items() if name not in dropped}
        (folder / index.name).write_text(json.dumps(content), encoding="utf-8")


def _shortened(config: dict[str, Any], layers: int, keep: int) -> dict[str, Any]:
    """The config with its count of layers, and every list that has one entry for each layer, cut."""
    short = {name: keep if name in _LAYER_COUNTS and value == layers else value for name, value in config.items()}
    lists = ("layer_types", "mlp_layer_types", "no_rope_layers")
    return {name: value[:keep] if name in lists and isinstance(value, list) else value for name, value in short.items()}


def _filter_tensors(source: Path, target: Path, keep: int) -> set[str]:
    """Copy a safetensors file without the layers from `keep` on, byte for byte; returns the names left out.

    The format: 8 bytes with the length of the header, the header as JSON, the tensors' bytes.
    """
    with source.open("rb") as reader:
        length = struct.unpack("<Q", reader.read(8))[0]
        header = json.loads(reader.read(length))
        data_start = 8 + length
        metadata = {"__metadata__": header.pop("__metadata__")} if "__metadata__" in header else {}
        kept = {name: entry for name, entry in header.items() if not _is_dropped(name, keep)}
        ordered = sorted(kept, key=lambda name: kept[name]["data_offsets"][0])
        position = 0
        written: dict[str, Any] = dict(metadata)
        for name in ordered:
            start, end = kept[name]["data_offsets"]
            written[name] = {**kept[name], "data_offsets": [position, position + end - start]}
            position += end - start
        head = json.dumps(written, separators=(",", ":")).encode()
        head += b" " * (-len(head) % 8)
        with target.open("wb") as writer:
            writer.write(struct.pack("<Q", len(head)) + head)
            for name in ordered:
                start, end = kept[name]["data_offsets"]
                reader.seek(data_start + start)
                for done in range(0, end - start, _COPY_BYTES):
                    writer.write(reader.read(min(_COPY_BYTES, end - start - done)))
    return set(header) - set(kept)


def _is_dropped(name: str, keep: int) -> bool:
    match = _LAYER.search(name)
    return match is not None and int(match[1]) >= keep
