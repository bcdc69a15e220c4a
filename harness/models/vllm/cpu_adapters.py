"""Adds what an adapter adds to logits on the CPU.

vLLM 0.27.1 looks up the adapter of each request there, and has a row of logits for each token of a prompt whose log
probabilities are wanted. Two such requests at once ended the engine. All requests of an engine here have one adapter.
"""

from __future__ import annotations

from typing import Any


def add_logits(wrapper: Any, logits: Any, hidden: Any, a: Any, b: Any, scale: float, **_: Any) -> None:
    """Add (hidden · aᵀ) · bᵀ · scale of the one adapter to all logits.

    Args:
        wrapper: has `sampler_indices`, the place of each request's adapter, -1 for none.
        logits: tensor of shape (..., vocabulary), changed in place.
        hidden: tensor of shape (..., width).
        a: tensor of shape (adapters, 1, rank, width).
        b: tensor of shape (adapters, 1, vocabulary, rank).
    """
    places = wrapper.sampler_indices
    if not len(places) or places[0] < 0:
        return
    small = hidden.to(b.dtype) @ a[places[0], 0].T
    width = min(logits.shape[-1], b.shape[-2])  # either may be padded
    logits[..., :width] += (scale * small @ b[places[0], 0, :width].T).to(logits.dtype)


def install() -> None:
    """Let vLLM on CPUs add logits with `add_logits`."""
    from vllm.lora.punica_wrapper.punica_cpu import PunicaWrapperCPU

    PunicaWrapperCPU.add_lora_logits = add_logits
