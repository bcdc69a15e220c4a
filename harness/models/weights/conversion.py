"""Makes a folder of weights from a GGUF file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import SettingsError
from harness.models.weights.gguf_header import gguf_settings
from harness.models.weights.gguf_tokenizer import (
    SENTENCEPIECE,
    build_tokenizer,
    check_likelihood,
    check_tokenizer,
    read_pieces,
)

_RECIPE = "recipe 1"
_SENTENCEPIECE_RECIPE = "recipe 2"


def recipe(settings: Mapping[str, Any]) -> str:
    """Part of the digest of converted weights: changed with anything here that changes what is written.

    Args:
        settings: of the file.
    """
    return _SENTENCEPIECE_RECIPE if settings.get("tokenizer.ggml.model") == SENTENCEPIECE else _RECIPE


_UNREADABLE = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RuntimeError, MemoryError)
"""What readers of GGUF raise for tensors and tokens that make no sense."""


def convert_gguf(source: Path, folder: Path, dtype: str) -> None:
    """Write the GGUF file's model, tokenizer and chat template into `folder` as transformers saves them.

    Args:
        dtype: of the written tensors: "bfloat16", "float16" or "float32".

    Raises:
        SettingsError: transformers cannot read this file's architecture, a package that it needs is missing, or what
            comes out is not the file's model.
    """
    settings = gguf_settings(source)
    pieces = None
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        location: dict[str, Any] = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
        quantized = AutoModelForCausalLM.from_pretrained(**location, dtype=getattr(torch, dtype))
        if settings.get("tokenizer.ggml.model") == SENTENCEPIECE:
            pieces = read_pieces(source, settings)
            tokenizer = build_tokenizer(pieces, settings)
        else:
            tokenizer = AutoTokenizer.from_pretrained(**location, clean_up_tokenization_spaces=False)
            _restore_special_tokens(tokenizer, settings)
    except ImportError as error:
        raise SettingsError(
            f"{source} can't be converted: {error}. Install what is missing: pip install 'steelyard[transformers]'"
        ) from error
    except _UNREADABLE as error:
        raise SettingsError(f"{source} can't be converted: {error or type(error).__name__}") from error
    config = quantized.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        plain = type(quantized)(config)
    plain.load_state_dict(quantized.state_dict(), assign=True)
    plain.tie_weights()
    check_tokenizer(tokenizer, pieces, settings, source)
    check_likelihood(quantized, tokenizer, source)
    plain.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def _restore_special_tokens(tokenizer: Any, settings: dict[str, Any]) -> None:
    """Name the special tokens as the file does: transformers takes some from the tokenizer class's defaults."""
    for name, key in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")):
        token_id = settings.get(f"tokenizer.ggml.{key}_token_id")
        if token_id is not None:
            setattr(tokenizer, f"{name}_token", tokenizer.convert_ids_to_tokens(token_id))
