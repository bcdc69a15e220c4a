"""Makes a folder of weights from a GGUF file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from harness.errors import SettingsError, install
from harness.models.weights.gguf_tokenizer import DEFAULT, SENTENCEPIECE, GgufVocabulary, build_backend, read_vocabulary

RECIPE = "recipe 3"
"""Part of the digest of converted weights: changed with anything here that changes what is written."""
_UNREADABLE = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RuntimeError, MemoryError)
"""Errors that readers of GGUF raise for tensors and tokens that make no sense."""


def convert_gguf(source: Path, folder: Path, dtype: str) -> None:
    """Write the GGUF file's model, tokenizer and chat template into `folder` as transformers saves them.

    Args:
        dtype: of the written tensors: "bfloat16", "float16" or "float32".

    Raises:
        SettingsError: transformers cannot read this file's architecture, a package that it needs is missing, or what
            comes out is not the file's model.
    """
    vocabulary = read_vocabulary(source)
    is_built = vocabulary.is_buildable and (vocabulary.model == SENTENCEPIECE or vocabulary.splitting != DEFAULT)
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        location: dict[str, Any] = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
        quantized = AutoModelForCausalLM.from_pretrained(**location, dtype=getattr(torch, dtype))
        if is_built:
            tokenizer = build_tokenizer(vocabulary)
        else:
            tokenizer = AutoTokenizer.from_pretrained(**location)
            _restore_settings(tokenizer, vocabulary)
    except ImportError as error:
        raise SettingsError(
            f"{source} can't be converted: {error}. Install what is missing: {install('transformers')}"
        ) from error
    except _UNREADABLE as error:
        raise SettingsError(f"{source} can't be converted: {error or type(error).__name__}") from error
    if hasattr(config := quantized.config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        plain = type(quantized)(config)
    plain.load_state_dict(quantized.state_dict(), assign=True)
    plain.tie_weights()
    check_tokenizer(tokenizer, source)
    check_likelihood(quantized, tokenizer, source)
    plain.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def _restore_settings(tokenizer: Any, vocabulary: GgufVocabulary) -> None:
    """Name the special tokens as the file does, of which transformers takes some from the defaults of the tokenizer's
    class; and leave the spaces of a text alone, which it would remove before signs whatever is asked of it.
    """
    tokenizer.clean_up_tokenization_spaces = tokenizer.init_kwargs["clean_up_tokenization_spaces"] = False
    for name, text in vocabulary.special_tokens.items():
        setattr(tokenizer, f"{name}_token", text)


HOSTILE = (
    "The capital of Peru is Lima.",
    "  two  spaces,   three, and a tab:\tend ",
    "line one\nline two\r\n\n\nline five",
    "0123456789 3.14159 1,000,000 -7",
    "naïve café Ångström ǅ İstanbul",
    "日本語のテキスト 한국어 العربية हिन्दी",
    "🙂👩‍👩‍👧‍👦🏳️‍🌈 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "def f(x):\n    return {'a': [x ** 2]}  # <tag> & \\n",
    "e\u0301 \u00a0\u200b\u2028 \ufeff end",
    "x",
)
"""Texts on which tokenizers part ways: spaces, lines, digits, scripts, signs that no vocabulary has."""


def build_tokenizer(vocabulary: GgufVocabulary) -> Any:
    """A tokenizer of transformers for a file's vocabulary, with the special tokens and the template that it names."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=build_backend(vocabulary),
        clean_up_tokenization_spaces=False,
        chat_template=vocabulary.settings.get("tokenizer.chat_template"),
        **{f"{name}_token": text for name, text in vocabulary.special_tokens.items()},
    )


def check_tokenizer(tokenizer: Any, source: Path) -> None:
    """Refuse a tokenizer that loses something of a text."""
    for text in HOSTILE:
        ids = tokenizer.encode(text, add_special_tokens=False)
        back = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if back != text and tokenizer.unk_token_id in ids:
            raise SettingsError(
                f"{source} can't be converted: the tokenizer made of it has no tokens for {text!r}. Name the model's "
                'own tokenizer with tokenizer = "FOLDER", or serve the file with an engine that reads GGUF, such as '
                "llama.cpp."
            )


def check_likelihood(model: Any, tokenizer: Any, source: Path) -> None:
    """Refuse a model to which a plain text is impossible, or no number at all."""
    import torch

    ids = torch.tensor([tokenizer.encode(HOSTILE[0])])
    with torch.no_grad():
        logits = model(ids).logits[0, :-1].float()
    likelihood = torch.log_softmax(logits, dim=-1).gather(1, ids[0, 1:, None]).mean().item()
    guessed = -math.log(logits.shape[-1])
    if not math.isfinite(likelihood) or likelihood < 3 * guessed - 5:
        raise SettingsError(
            f"{source} can't be converted: to the converted model a plain sentence has a log likelihood of "
            f"{likelihood:.3g} a token, where guessing at random gives "
            f"{guessed:.3g}. The file, or what was made of it, is broken."
        )
