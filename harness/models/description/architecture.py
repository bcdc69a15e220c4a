"""The operations that a model takes for a token, by its tensors.

The tensors are told apart by their shapes and the number of their layer, so that a new architecture needs no line here.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from harness.errors import SettingsError
from harness.models.description.contents import WeightsFile
from harness.models.description.sizes import Hyperparameters
from harness.models.files.safetensors_file import Tensor

_NUMBER = re.compile(r"(?<![^.])(\d+)\.")
_ASIDE = re.compile(r"vision|visual|image|audio|multi_modal")
"""Tensors of eyes and ears, which a text does not pass through."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A model as its tensors show it.

    Attributes:
        ends: the names of the matrices with a row for each token: the embedding, and a head of its own.
        flops_matrices: operations of a forward pass for one token, without those that match it with others.
        flops_head: of the head, among `flops_matrices`.
        flops_per_key: of each layer with attention, for each token that one is matched with.
        windows: of each of these layers, the most tokens that one is matched with; 0 for all before it.
    """

    ends: tuple[str, ...]
    flops_matrices: int
    flops_head: int
    flops_per_key: tuple[int, ...]
    windows: tuple[int, ...]

    @property
    def is_tied(self) -> bool:
        """True if the embedding serves as the head, too: one matrix, counted once in parameters."""
        return len(self.ends) == 1

    def flops_of(self, n_tokens: int, before: int = 0, *, n_predicting: int | None = None) -> int:
        """Operations of a forward pass over `n_tokens` after `before` others, each of which sees those before it.

        Two for each weight of a matrix that a token is multiplied with, the head among them, and four for each head,
        dimension and token seen.

        Args:
            n_predicting: of how many of the tokens the head tells what follows; None for all.

        Source: Kaplan et al. (2020), Scaling Laws for Neural Language Models, table 1.
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
    """The operations of a file's model.

    Raises:
        SettingsError: its embedding, head or layers are not those of the configuration beside them. What else could be
            wrong is refused by whoever loads them.
    """
    layers: dict[int, list[Tensor]] = {}
    outside: list[Tensor] = []
    for tensor in file.tensors:
        if tensor.is_weight and not _ASIDE.search(tensor.name):
            number = _NUMBER.search(tensor.name)
            (outside if number is None else layers.setdefault(int(number[1]), [])).append(tensor)
    tables = [each for each in outside if len(each.shape) == 2 and each.packed == 1]
    largest = sorted(tables, key=lambda each: -each.n_parameters)[:1]
    ends = [each for each in tables if each.shape[0] == sizes.n_vocab] or (largest if sizes.n_vocab is None else [])
    if file.tensors and (mismatch := _mismatch(file, sizes, ends or largest, layers)) is not None:
        raise SettingsError(
            f"{file.path}: the weights are not those of their configuration. {mismatch}. The configuration says "
            f"{file.architecture}, {sizes.n_layers} layers, width {sizes.n_embd}, {sizes.n_vocab} tokens. Fetch or "
            "save the model again."
        )
    in_head = 2 * ends[0].n_parameters if ends else 0
    used = {layer: tensors for layer, tensors in sorted(layers.items()) if layer < sizes.n_layers}
    attending = [layer for layer, own in used.items() if any("att" in t.name and len(t.shape) > 1 for t in own)]
    width = 2 * (sizes.key_length + sizes.value_length)
    return Architecture(
        tuple(each.name for each in ends),
        in_head + sum(_flops(each, sizes) for tensors in used.values() for each in tensors),
        in_head,
        tuple(width * sizes.n_heads[layer] for layer in attending),
        tuple(sizes.windows[layer] for layer in attending),
    )


def _mismatch(file: WeightsFile, sizes: Hyperparameters, tables: list[Tensor], layers: Collection[int]) -> str | None:
    """Tell of the tensor, the shape that is expected, and the one that was found; None where all fits."""
    width = sizes.embedding_width
    for each in tables:
        if (expected := [sizes.n_vocab or each.shape[0], width]) != list(each.shape):
            return f"{each.name}: expected {expected}, found {list(each.shape)}"
    missing = next((layer for layer in range(sizes.n_layers) if layer not in layers), None)
    if missing is not None:
        return f"layer {missing}: expected its tensors, found none"
    if not sizes.n_layers or not tables:
        return "embedding and layers: expected one at least of each, found none"
    if sizes.is_tied is False and len(tables) == 1 and "quantization" not in file.settings:
        two = f"two matrices of {[sizes.n_vocab, width]}, for tie_word_embeddings is false"
        return f"embedding and head: expected {two}, found {tables[0].name} alone"
    return None


def _flops(tensor: Tensor, sizes: Hyperparameters) -> int:
    """Two for each weight of a matrix that a token is multiplied with; it passes through some of the experts only."""
    is_stack = len(tensor.shape) > 2 and tensor.shape[0] == sizes.n_expert
    is_expert = is_stack or len(_NUMBER.findall(tensor.name)) > 1
    if not (is_stack or len(tensor.shape) == 2) or tensor.name.endswith("bias"):
        return 0
    share = (sizes.n_expert_used, sizes.n_expert) if is_expert and sizes.n_expert else (1, 1)
    return 2 * tensor.n_parameters * share[0] // share[1]
