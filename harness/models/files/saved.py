"""Models as transformers saves and loads them: none with tensors that it makes up."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from harness.config.files import replacing
from harness.errors import SettingsError, some


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; an empty one where there is no such file."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(f"{path} is no JSON: {error}. Fetch or save it again.") from None
    if not isinstance(content, dict):
        raise SettingsError(f"{path} holds a {type(content).__name__}, not an object. Fetch or save it again.")
    return content


def load_whole(folder: Path, dtype: Any) -> Any:
    """The causal language model in a folder, as transformers loads it.

    Args:
        dtype: a type of torch, or its name; "auto" for that of the weights.

    Raises:
        SettingsError: the folder lacks tensors, which transformers would draw at random.
    """
    from transformers import AutoModelForCausalLM

    model, loading = AutoModelForCausalLM.from_pretrained(str(folder), dtype=dtype, output_loading_info=True)
    missing = sorted(loading["missing_keys"])
    is_quantized = getattr(model.config, "quantization_config", None) is not None  # which has tensors of other names
    if missing and not is_quantized:
        raise SettingsError(
            f"{folder}: the weights are not those of their configuration: {some(missing, 3)} "
            f"{'is' if len(missing) == 1 else 'are'} not there, and would be random numbers. Fetch or save the model "
            "again, with its own config.json; `steelyard describe` tells what it holds."
        )
    return model


def save_like(model: Any, source: Path, folder: Path) -> None:
    """Save a model of transformers in the type of the weights in `source`, with the other files that lie there.

    Args:
        source: the folder of the model that it was made of.
    """
    import torch

    config = read_json(source / "config.json")
    name = str(config.get("dtype") or config.get("torch_dtype") or "float32")
    model.to(getattr(torch, name)).save_pretrained(str(folder))
    copy_others(source, folder)


def copy_others(source: Path, folder: Path) -> None:
    """Copy what `save_pretrained` of a model does not write: the tokenizer and its template, byte for byte."""
    for left in folder.glob(".*"):  # by a copy that was killed
        left.unlink()
    written = {file.name for file in folder.iterdir()}
    for file in source.iterdir():
        is_weights = file.suffix in (".safetensors", ".bin", ".pt") or file.name.endswith(".index.json")
        if file.is_file() and not is_weights and file.name not in written:
            with replacing(folder / file.name) as draft:  # half a file would be taken for a whole one by the next try
                shutil.copyfile(file, draft)
