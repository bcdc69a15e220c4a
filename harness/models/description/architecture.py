"""The operations that a model takes for a token, as its tensors show them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from harness.models.description.contents import WeightsFile
from harness.models.description.hyperparameters import Hyperparameters
from harness.models.files.safetensors_file import Tensor

Part = Literal["embedding", "positions", "head", "norm", "attention", "other", "aside"]

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
_IN_A_LAYER: tuple[tuple[str, Part], ...] = ((_ENDS[-1][0], "norm"), (r"attn|attention", "attention"))
_EXPERT = re.compile(r"experts\.\d+\.|(?<!shared_)experts\.(?!\d)|_exps\.")


@dataclass(frozen=True, slots=True)
class TensorRole:
    """The place of a tensor in its model.

    Attributes:
        layer: the number of its layer, or None outside the layers.
        is_expert: whether it belongs to one of several experts, of which a token passes through a few.
    """

    part: Part
    layer: int | None
    is_expert: bool = False


def tensor_role(name: str) -> TensorRole:
    """Tell what the tensor of this name is for."""
    if _ASIDE.search(name):
        return TensorRole("aside", None)
    found = _LAYER.search(name)
    if found is None:
        return TensorRole(_part(name, _ENDS), None)
    rest = name[found.end() :]
    return TensorRole(_part(rest, _IN_A_LAYER), int(found[1]), _EXPERT.search(rest) is not None)


def _part(name: str, patterns: tuple[tuple[str, Part], ...]) -> Part:
    return next((part for pattern, part in patterns if re.search(pattern, name)), "other")


@dataclass(frozen=True, slots=True)
class Architecture:
    """A model as its tensors show it.

    Attributes:
        is_tied: whether the embedding serves as the head, too: one matrix, counted once in parameters.
        head: the name of the head's own matrix; None where it has none.
        flops_matrices: operations of a forward pass for one token, without those that match it with others.
        flops_head: of the head, among `flops_matrices`.
        flops_per_key: of each layer with attention, for each token that one is matched with.
        windows: of each of these layers, the most tokens that one is matched with; 0 for all before it.
    """

    is_tied: bool
    head: str | None
    flops_matrices: int
    flops_head: int
    flops_per_key: tuple[int, ...]
    windows: tuple[int, ...]

    def flops(self, context: int) -> int:
        """Operations of a forward pass for one token that sees `context` tokens, itself included.

        Two for each weight of a matrix that a token is multiplied with, the head among them, and four for each head,
        dimension and token seen.

        Source: Kaplan et al. (2020), Scaling Laws for Neural Language Models, table 1.
        """
        return self.flops_of(1, context - 1)

    def flops_of(self, n_tokens: int, before: int = 0, *, n_predicting: int | None = None) -> int:
        """Operations of a forward pass over `n_tokens` after `before` others, each of which sees those before it.

        Args:
            n_predicting: of how many of the tokens the head tells what follows; None for all.
        """
        layers = zip(self.flops_per_key, self.windows, strict=True)
        matched = sum(flops * _seen(n_tokens, before, window) for flops, window in layers)
        silent = 0 if n_predicting is None else n_tokens - n_predicting
        return n_tokens * self.flops_matrices - silent * self.flops_head + matched

    def flops_of_request(self, n_read: float, n_written: float) -> int:
        """Operations of a request: of its prompt the last token alone is followed by another that is asked for."""
        read, written = max(1, round(n_read)), round(n_written)
        return self.flops_of(read, n_predicting=1) + self.flops_of(written, before=read)


def _seen(n_tokens: int, before: int, window: int) -> int:
    """Count the tokens that all of these see together: before + 1 by the first, one more by each."""
    grows = n_tokens if not window else max(0, min(n_tokens, window - before))
    return grows * before + grows * (grows + 1) // 2 + (n_tokens - grows) * window


def read_architecture(file: WeightsFile, sizes: Hyperparameters) -> Architecture:
    """The operations of a file's model."""
    parts = [(tensor, tensor_role(tensor.name)) for tensor in file.tensors if tensor.is_weight]
    head = next((each.name for each, role in parts if role.part == "head" and not each.name.endswith("bias")), None)
    is_tied = head is None and any(role.part == "embedding" for _, role in parts)
    in_head = sum(_flops(each, role, sizes) for each, role in parts if role.part == "head")
    if is_tied:
        in_head = sum(2 * each.n_parameters for each, role in parts if role.part == "embedding")
    attending = {role.layer for _, role in parts if role.part == "attention" and role.layer is not None}
    layers = sorted(layer for layer in attending if layer is not None and layer < sizes.n_layers)
    width = 2 * (sizes.key_length + sizes.value_length)
    return Architecture(
        is_tied,
        head,
        in_head + sum(_flops(each, role, sizes) for each, role in parts if role.part != "head"),
        in_head,
        tuple(width * sizes.n_heads[layer] for layer in layers),
        tuple(sizes.windows[layer] for layer in layers),
    )


def _flops(tensor: Tensor, role: TensorRole, sizes: Hyperparameters) -> int:
    """Two for each weight of a matrix that a token is multiplied with; it passes through some of the experts only."""
    is_looked_up = role.part in ("embedding", "positions", "aside")
    if is_looked_up or len(tensor.shape) < 2 or "conv" in tensor.name or tensor.name.endswith("bias"):
        return 0
    share = (sizes.n_expert_used, sizes.n_expert) if role.is_expert and sizes.n_expert else (1, 1)
    return 2 * tensor.n_parameters * share[0] // share[1]
