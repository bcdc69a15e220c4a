"""Weights loaded by transformers, none of which it may make up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import SettingsError, some


def load_whole(folder: Path, dtype: Any) -> Any:
    """The causal language model in a folder, as transformers loads it.

    Args:
        dtype: a type of torch, or its name; "auto" for that of the weights.

    Raises:
        SettingsError: the folder lacks tensors, which transformers would draw at random.
    """
    from transformers import AutoModelForCausalLM

    model, found = AutoModelForCausalLM.from_pretrained(str(folder), dtype=dtype, output_loading_info=True)
    missing = sorted(found["missing_keys"])
    is_quantized = getattr(model.config, "quantization_config", None) is not None  # which has tensors of other names
    if missing and not is_quantized:
        raise SettingsError(
            f"{folder}: the weights are not those of their configuration: {some(missing, 3)} "
            f"{'is' if len(missing) == 1 else 'are'} not there, and would be random numbers. Fetch or save the model "
            "again, with its own config.json; `steelyard describe` tells what it holds."
        )
    return model
