"""The sizes of a model, as llama.cpp derives them from what its file says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.models.description.contents import WeightsFile

_MOST_LAYERS = 10_000
_WINDOW_EVERY = {"gemma2": 2, "gemma3": 6, "gemma3n": 5, "cohere2": 4, "gpt-oss": 2, "gpt_oss": 2}
"""Every so many layers one sees all of the context, where the file has no list of layers."""


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """The numbers that the shapes of a model's tensors follow from; one for each layer of those that differ by layer.

    Attributes:
        windows: how far back each layer sees; 0 for all of the context.
        kv_width: how many numbers a layer keeps of each token.
        n_expert: 0 for a model without experts.
        rope_base: of the rotary embedding, as stated, or None.
        is_tied: whether the head is said to be the embedding; None where nothing is said.
        n_vocab: as stated, or None.
    """

    n_ctx: int
    n_embd: int
    n_layers: int
    n_heads: tuple[int, ...]
    n_kv_heads: tuple[int, ...]
    n_ff: tuple[int, ...]
    key_length: int
    value_length: int
    windows: tuple[int, ...]
    kv_width: tuple[int, ...]
    n_expert: int
    n_expert_used: int
    rope_base: float | None
    is_tied: bool | None
    n_vocab: int | None


def read_hyperparameters(file: WeightsFile) -> Hyperparameters:
    """The sizes of a file's model.

    Raises:
        ValueError, TypeError: what the file says of them makes no sense.

    Source: ggml-org/llama.cpp, llama_model::load_hparams: what follows where a key is missing.
    """
    n_layers = int(file.number("block_count"))
    if not 0 <= n_layers <= _MOST_LAYERS:
        raise ValueError(f"it says that it has {n_layers:,} layers")
    n_embd = int(file.number("embedding_length"))
    n_heads = file.per_layer("attention.head_count", n_layers)
    has_kv = file.settings.get("attention.head_count_kv") is not None
    n_kv_heads = file.per_layer("attention.head_count_kv", n_layers) if has_kv else n_heads
    most = max(n_heads, default=0)
    key_length = int(file.number("attention.key_length", default=n_embd // most if most else 0))
    value_length = int(file.number("attention.value_length", default=n_embd // most if most else 0))
    base = file.settings.get("rope.freq_base")
    return Hyperparameters(
        n_ctx=int(file.number("context_length")),
        n_embd=n_embd,
        n_layers=n_layers,
        n_heads=n_heads,
        n_kv_heads=n_kv_heads,
        n_ff=file.per_layer("feed_forward_length", n_layers),
        key_length=key_length,
        value_length=value_length,
        windows=_windows(file, n_layers),
        kv_width=_kv_width(file, n_kv_heads, key_length + value_length),
        n_expert=int(file.number("expert_count")),
        n_expert_used=int(file.number("expert_used_count")),
        rope_base=None if base is None else float(base),
        is_tied=file.settings.get("tie_word_embeddings"),
        n_vocab=_vocabulary_size(file),
    )


def _windows(file: WeightsFile, n_layers: int) -> tuple[int, ...]:
    """The window of each layer; a folder that names one, and no layers, means all of an unlisted architecture's."""
    window = int(file.number("attention.sliding_window"))
    pattern: Any = file.settings.get("attention.sliding_window_pattern")
    usual = _WINDOW_EVERY.get(file.architecture, 0 if file.is_folder else 1)
    every = pattern if isinstance(pattern, int) else usual
    narrow = pattern if isinstance(pattern, tuple) else [not every or (1 + at) % every != 0 for at in range(n_layers)]
    return tuple(window if each else 0 for each in narrow)


def _kv_width(file: WeightsFile, n_kv_heads: tuple[int, ...], width: int) -> tuple[int, ...]:
    """Latent attention keeps one compressed vector, and the part of the keys that is turned."""
    latent = int(file.number("attention.kv_lora_rank"))
    if latent:
        rotated = int(file.number("attention.rope_length", "rope.dimension_count"))
        return (latent + rotated,) * len(n_kv_heads)
    return tuple(heads * width for heads in n_kv_heads)


def _vocabulary_size(file: WeightsFile) -> int | None:
    """A GGUF file's vocabulary is its tokens; a folder's may have rows for none."""
    stated = file.settings.get("vocab_size")
    if not file.is_folder and file.tokens:
        return len(file.tokens)
    return int(stated) if stated is not None else len(file.tokens) or None
