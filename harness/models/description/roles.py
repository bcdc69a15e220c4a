"""Tells what a tensor is for by its name: names of transformers and of llama.cpp."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Part = Literal["embedding", "positions", "norm", "attention", "mlp", "other", "head", "aside"]

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks|block|blk)\.(\d+)\.")
_ASIDE = re.compile(
    r"^(?:model\.)?(?:vision_tower|vision_model|visual|audio_tower|multi_modal_projector|embed_vision|embed_audio)\.|"
    r"(?:^|\.)(?:rotary_emb\.inv_freq|rope_freqs\.weight|masked_bias|attn\.bias|rope_factors_\w+\.weight)$|^[vam]\.|^mm\."
)
"""Tensors that a text does not pass through: eyes and ears, and tables of angles and masks."""
_ENDS: tuple[tuple[str, Part], ...] = (
    (
        r"(?:^|\.)(?:embed_tokens|wte|embed_in|word_embeddings|tok_embeddings|token_embd)\.(?:weight\w*|qweight)$",
        "embedding",
    ),
    (r"(?:^|\.)(?:wpe|embed_positions|position_embeddings|position_embd)\.weight$", "positions"),
    (r"(?:^|\.)(?:lm_head|embed_out|output)\.(?:weight\w*|qweight|bias)$", "head"),
    (r"norm|ln_|(?:^|\.)ln\d?\.", "norm"),
)
_IN_A_LAYER: tuple[tuple[str, Part], ...] = (
    (r"attn_[qk]_norm|[qk]_norm|(?:[qk]|kv|q)_a_(?:layer)?norm|attn_sub_norm|attn_(?:q|kv)_a_norm|sinks", "attention"),
    (r"norm|ln_|(?:^|\.)ln\d?\.", "norm"),
    (r"attn|attention", "attention"),
    (
        r"mlp|ffn|feed_forward|experts|block_sparse_moe|fc[12]\.|dense_h_to_4h|dense_4h_to_h|shared_head|exp_probs",
        "mlp",
    ),
)
_EXPERT = re.compile(r"experts\.\d+\.|(?<!shared_)experts\.(?!\d)|_exps\.")


@dataclass(frozen=True, slots=True)
class TensorRole:
    """The place of a tensor in its model.

    Attributes:
        layer: the number of its layer, or None outside the layers.
        name: what is left of the tensor's name within its part: "self_attn.q_proj.weight".
        is_expert: whether it belongs to one of several experts, of which a token passes through a few.
    """

    part: Part
    layer: int | None
    name: str
    is_expert: bool = False


def tensor_role(name: str) -> TensorRole:
    """Tell what the tensor of this name is for.

    >>> tensor_role("model.layers.3.self_attn.q_proj.weight")
    TensorRole(part='attention', layer=3, name='self_attn.q_proj.weight', is_expert=False)
    >>> tensor_role("token_embd.weight").part
    'embedding'
    """
    if _ASIDE.search(name):
        return TensorRole("aside", None, name)
    found = _LAYER.search(name)
    if found is None:
        return TensorRole(_part(name, _ENDS), None, name)
    rest = name[found.end() :]
    return TensorRole(_part(rest, _IN_A_LAYER), int(found[1]), rest, _EXPERT.search(rest) is not None)


def _part(name: str, patterns: tuple[tuple[str, Part], ...]) -> Part:
    return next((part for pattern, part in patterns if re.search(pattern, name)), "other")
