"""Mends of vLLM 0.27.1 on CPUs.

It draws tokens from the exact categorical distribution with one random number for each row. Speculative decoding there
fills an integer copy with the temperatures of the guesses and throws it away, so that each guess is weighed at whatever
the memory held before. And the adapter of each request is looked up, while there is a row of logits for each token of a
prompt whose log probabilities are wanted; two such requests at once ended the engine. All requests of an engine here
have one adapter.
"""

from __future__ import annotations

from typing import Any

_BLOCK = 256
_CHUNK = 1 << 21
"""Entries worked on at once: what is larger leaves the processor's caches and is paid for in page faults."""


def draw_tokens(logits: Any) -> Any:
    """One token for each row, with probability softmax(logits).

    By inversion in two steps: a block of the vocabulary by its total weight, then a token inside the block. Sums are in
    double precision; a token with weight 0 (a logit of -inf) is never drawn.

    Args:
        logits: tensor of shape (rows, vocabulary); at least one finite entry in each row. It is left as it is.

    Returns:
        tensor of shape (rows,), int64.
    """
    import torch

    return torch.cat([_draw(rows) for rows in logits.split(max(1, _CHUNK // logits.shape[1]))])


def _draw(logits: Any) -> Any:
    import torch

    rows, vocabulary = logits.shape
    weights = torch.sub(logits.float(), logits.amax(-1, keepdim=True)).exp_()
    weights = torch.nn.functional.pad(weights, (0, -vocabulary % _BLOCK))
    blocks = weights.view(rows, -1, _BLOCK)
    sums = blocks.sum(-1, dtype=torch.float64)
    ends = sums.cumsum(-1)
    place = torch.rand(rows, 1, dtype=torch.float64) * ends[:, -1:]
    block = _first_beyond(ends, place)
    inside = place - (ends.gather(1, block) - sums.gather(1, block))
    part = blocks[torch.arange(rows), block.view(-1)].double().cumsum(-1)
    return (block * _BLOCK + _first_beyond(part, inside)).view(-1)


def _first_beyond(ends: Any, place: Any) -> Any:
    """The first entry of each row that exceeds the place; rounding never leads to one that adds nothing."""
    import torch

    most = torch.nextafter(ends[:, -1:], torch.zeros_like(ends[:, -1:]))
    return torch.searchsorted(ends, place.clamp(min=0).minimum(most), right=True)


def fill_guesses(output: Any, values: Any, ends: Any, old: float, new: float, **_: Any) -> None:
    """Fill in each request's value for each of its guesses.

    Args:
        output: tensor of shape (guesses,), filled in place.
        values: tensor of shape (requests,), such as temperatures; `new` replaces those that are `old`.
        ends: tensor of shape (requests,): how many guesses there are up to the end of each request.
    """
    import torch

    counts = torch.diff(ends.long(), prepend=torch.zeros(1, dtype=torch.long))
    output.copy_(torch.where(values == old, new, values).repeat_interleave(counts))


def add_logits(wrapper: Any, logits: Any, hidden: Any, a: Any, b: Any, scale: float, **_: Any) -> None:
    """Add (hidden · aᵀ) · bᵀ · scale of the one adapter to all logits.

    Args:
        wrapper: has `sampler_indices`, the place of each request's adapter, -1 for none.
        logits: tensor of shape (..., vocabulary), changed in place.
        hidden: tensor of shape (..., width).
        a, b: tensors of shape (adapters, 1, rank, width) and (adapters, 1, vocabulary, rank).
    """
    places = wrapper.sampler_indices
    if not len(places) or places[0] < 0:
        return
    small = hidden.to(b.dtype) @ a[places[0], 0].T
    width = min(logits.shape[-1], b.shape[-2])  # either may be padded
    logits[..., :width] += (scale * small @ b[places[0], 0, :width].T).to(logits.dtype)


def install() -> None:
    """Let vLLM on CPUs use what stands here, as far as it is built as expected."""
    from vllm.lora.punica_wrapper.punica_cpu import PunicaWrapperCPU
    from vllm.utils import cpu_triton_utils
    from vllm.v1.sample.ops import topk_topp_sampler

    if hasattr(topk_topp_sampler, "compiled_random_sample"):
        topk_topp_sampler.compiled_random_sample = draw_tokens
    if hasattr(cpu_triton_utils, "expand_kernel"):
        cpu_triton_utils.expand_kernel.func = fill_guesses
    PunicaWrapperCPU.add_lora_logits = add_logits
