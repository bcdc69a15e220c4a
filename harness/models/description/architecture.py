"""The parts that a model is made of, in the order in which a token passes through them, with what each takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.models.description.contents import Tensor, WeightsFile
from harness.models.description.hyperparameters import Hyperparameters
from harness.models.description.roles import Part, TensorRole, tensor_role

_AFTER_ATTENTION = ("post_attention", "attn_post", "ln_2", "ffn_norm", "post_attn")
_AFTER_MLP = ("post_feedforward", "post_ffw", "ffn_post", "post_mlp", "layer_output")


@dataclass(frozen=True, slots=True)
class ModelPart:
    """A part of a model: an embedding, a norm, attention, an MLP, the head. Its numbers are those of one layer.

    Attributes:
        tensors: (name, shape, types) of each, named without the layer in front.
        flops_per_token: multiplications and additions for one token that is matched with no other.
        flops_per_key: and for each token that it is matched with.
        windows: of attention, the most tokens that one is matched with in each layer; 0 for all before it.
        heads: (query heads, key heads, size of a head) of attention; None elsewhere.
    """

    kind: Part
    tensors: tuple[tuple[str, tuple[int, ...], str], ...]
    n_parameters: int
    flops_per_token: int
    flops_per_key: int = 0
    windows: tuple[int, ...] = ()
    heads: tuple[int, int, int] | None = None

    def flops(self, context: int) -> int:
        """Operations of a token that sees so many, itself included, in a layer that sees the most."""
        narrow = 0 if 0 in self.windows else max(self.windows, default=0)
        return self.flops_per_token + self.flops_per_key * (min(context, narrow) if narrow else context)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Layers that follow each other and have tensors of the same shapes, or what stands around the layers.

    Attributes:
        first: the number of the first layer; None for what stands before or after them.
    """

    first: int | None
    n_layers: int
    parts: tuple[ModelPart, ...]


@dataclass(frozen=True, slots=True)
class Architecture:
    """A model as its tensors show it.

    Attributes:
        stretches: from the embedding to the head.
        is_tied: whether the embedding serves as the head, too: one matrix, counted once in parameters.
    """

    stretches: tuple[Stretch, ...]
    is_tied: bool

    @property
    def flops_matrices(self) -> int:
        """Operations of a forward pass for one token, without those that match it with others."""
        return sum(each.flops_per_token * stretch.n_layers for stretch in self.stretches for each in stretch.parts)

    def flops(self, context: int) -> int:
        """Operations of a forward pass for one token that sees `context` tokens, itself included.

        Two for each weight of a matrix that a token is multiplied with, the head among them, and four for each head,
        dimension and token seen.

        Source: Kaplan et al. (2020), Scaling Laws for Neural Language Models, table 1.
        """
        return self.flops_of(1, context - 1)

    def flops_of(self, n_tokens: int, before: int = 0) -> int:
        """Operations of a forward pass over `n_tokens` after `before` others, each of which sees those before it."""
        matched = sum(
            part.flops_per_key * _seen(n_tokens, before, window)
            for stretch in self.stretches
            for part in stretch.parts
            for window in part.windows
        )
        return n_tokens * self.flops_matrices + matched


def _seen(n_tokens: int, before: int, window: int) -> int:
    """How many tokens are seen by all of these together: before + 1 by the first, one more by each."""
    grows = n_tokens if not window else max(0, min(n_tokens, window - before))
    return grows * before + grows * (grows + 1) // 2 + (n_tokens - grows) * window


def read_architecture(file: WeightsFile, sizes: Hyperparameters) -> Architecture:
    """The parts of a file's model."""
    outside: dict[Part, list[Tensor]] = {}
    layers: dict[int, list[tuple[Tensor, TensorRole]]] = {}
    for tensor in file.tensors:
        role = tensor_role(tensor.name)
        if role.layer is not None:
            layers.setdefault(role.layer, []).append((tensor, role))
        elif role.part != "aside":
            outside.setdefault(role.part, []).append(tensor)
    is_tied = bool(outside.get("embedding")) and (sizes.is_tied is True or "head" not in outside)
    begin = [_outside(part, outside[part]) for part in ("embedding", "positions") if part in outside]
    end = [_outside(part, outside[part]) for part in ("norm", "other") if part in outside]
    head = _head(outside, is_tied=is_tied)
    stretches = [
        Stretch(None, 1, tuple(begin)),
        *_stretches(sorted(layers), layers, sizes),
        Stretch(None, 1, (*end, *head)),
    ]
    return Architecture(tuple(each for each in stretches if each.parts), is_tied)


def _head(outside: dict[Part, list[Tensor]], *, is_tied: bool) -> Iterator[ModelPart]:
    """The head; of a tied one no parameters of its own, for they are the embedding's."""
    if is_tied:
        matrices = [each for each in outside["embedding"] if each.is_weight]
        yield ModelPart("head", _shown(matrices), 0, sum(2 * each.n_parameters for each in matrices))
    elif "head" in outside:
        yield _outside("head", outside["head"])


def _outside(part: Part, tensors: Sequence[Tensor]) -> ModelPart:
    is_looked_up = part in ("embedding", "positions")
    flops = 0 if is_looked_up else sum(2 * each.n_parameters for each in tensors if _is_matrix(each))
    return ModelPart(part, _shown(tensors), sum(each.n_parameters for each in tensors), flops)


def _stretches(
    numbers: Sequence[int], layers: dict[int, list[tuple[Tensor, TensorRole]]], sizes: Hyperparameters
) -> Iterator[Stretch]:
    """Layers that are built alike, put together."""
    run: Stretch | None = None
    for number in numbers:
        parts = tuple(_parts(number, layers[number], sizes))
        if run is not None and [_build(each) for each in run.parts] == [_build(each) for each in parts]:
            run = Stretch(run.first, run.n_layers + 1, tuple(map(_joined, run.parts, parts)))
            continue
        if run is not None:
            yield run
        run = Stretch(number, 1, parts)
    if run is not None:
        yield run


def _build(part: ModelPart) -> tuple[Any, ...]:
    """What two layers must share to be told together: not the types of their tensors, nor how far they see."""
    return part.kind, part.heads, part.n_parameters, tuple(tensor[:2] for tensor in part.tensors)


def _joined(part: ModelPart, other: ModelPart) -> ModelPart:
    """A part of several layers, and the same of one more."""
    tensors = []
    for (name, shape, types), (_, _, more) in zip(part.tensors, other.tensors, strict=True):
        tensors.append((name, shape, types if more in types.split("/") else f"{types}/{more}"))
    return replace(part, tensors=tuple(tensors), windows=part.windows + other.windows)


def _parts(number: int, tensors: Iterable[tuple[Tensor, TensorRole]], sizes: Hyperparameters) -> Iterator[ModelPart]:
    """The parts of a layer in the order of the way through it."""
    places: dict[int, list[tuple[Tensor, TensorRole]]] = {}
    for tensor, role in tensors:
        places.setdefault(_place(role), []).append((tensor, role))
    for place in sorted(places):
        yield _layer_part(number, places[place], sizes)


def _place(role: TensorRole) -> int:
    if role.part != "norm":
        return {"attention": 1, "other": 2, "mlp": 5}.get(role.part, 2)
    if any(role.name.startswith(each) for each in _AFTER_MLP):
        return 6
    if "pre_feedforward" in role.name or role.name.startswith("ffn_norm"):
        return 4
    return 3 if any(role.name.startswith(each) for each in _AFTER_ATTENTION) else 0


def _layer_part(number: int, tensors: Sequence[tuple[Tensor, TensorRole]], sizes: Hyperparameters) -> ModelPart:
    part = tensors[0][1].part
    flops = sum(_flops(tensor, role, sizes) for tensor, role in tensors)
    shown = _shown([tensor for tensor, _ in tensors], [role.name for _, role in tensors])
    n_parameters = sum(tensor.n_parameters for tensor, _ in tensors)
    if part != "attention" or number >= sizes.n_layers:
        return ModelPart(part, shown, n_parameters, flops)
    heads = (sizes.n_heads[number], sizes.n_kv_heads[number], sizes.key_length)
    per_key = 2 * heads[0] * (sizes.key_length + sizes.value_length)
    return ModelPart(part, shown, n_parameters, flops, per_key, (sizes.windows[number],), heads)


def _flops(tensor: Tensor, role: TensorRole, sizes: Hyperparameters) -> int:
    """Two for each weight of a matrix; a token passes through some of the experts only."""
    if not _is_matrix(tensor):
        return 0
    flops = 2 * tensor.n_parameters
    if role.is_expert and sizes.n_expert:
        return flops * sizes.n_expert_used // sizes.n_expert
    return flops


def _is_matrix(tensor: Tensor) -> bool:
    """Whether a token is multiplied with it; a convolution over few tokens is none, nor is a bias."""
    return len(tensor.shape) >= 2 and "conv" not in tensor.name and not tensor.name.endswith("bias")


def _shown(tensors: Sequence[Tensor], names: Sequence[str] = ()) -> tuple[tuple[str, tuple[int, ...], str], ...]:
    """Name, shape and type of each; experts that are alike are one with their number in front."""
    entries = [
        (name, each.shape, each.dtype)
        for name, each in zip(names or [each.name for each in tensors], tensors, strict=True)
        if each.is_weight
    ]
    counts = Counter(_without_expert(entry) for entry in entries)
    return tuple(
        (name, (count, *shape) if count > 1 else shape, dtype) for (name, shape, dtype), count in counts.items()
    )


def _without_expert(entry: tuple[str, tuple[int, ...], str]) -> tuple[str, tuple[int, ...], str]:
    name, shape, dtype = entry
    head, found, rest = name.partition("experts.")
    number, _, tail = rest.partition(".")
    return (f"{head}{found}{tail}", shape, dtype) if found and number.isdigit() else entry
