"""The parts that a model is made of, in the order in which a token passes through them, with what each takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.models.description.contents import Tensor, WeightsFile
from harness.models.description.hyperparameters import Hyperparameters
from harness.models.description.roles import Part, TensorRole, tensor_role

_EXPERT_NUMBER = re.compile(r"experts\.\d+\.")
_AFTER_ATTENTION = ("post_attention", "attn_post", "ln_2", "ffn_norm", "post_attn")
_AFTER_MLP = ("post_feedforward", "post_ffw", "ffn_post", "post_mlp", "layer_output")


@dataclass(frozen=True, slots=True)
class PartTensor:
    """A tensor of a part of a model, or several experts' that are alike.

    Attributes:
        name: without the layer in front.
        types: those that it has in the layers that are told together.
        flops: multiplications and additions for one token.
    """

    name: str
    shape: tuple[int, ...]
    types: tuple[str, ...]
    n_parameters: int
    flops: int


@dataclass(frozen=True, slots=True)
class ModelPart:
    """A part of a model: an embedding, a norm, attention, an MLP, the head. Its numbers are those of one layer.

    Attributes:
        flops_per_token: multiplications and additions for one token that is matched with no other.
        flops_per_key: and for each token that it is matched with.
        windows: of attention, the most tokens that one is matched with in each layer; 0 for all before it.
        heads: (query heads, key heads, size of a head) of attention; None elsewhere.
    """

    kind: Part
    tensors: tuple[PartTensor, ...]
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

    @property
    def flops_head(self) -> int:
        """Operations of the head for one token; they are among `flops_matrices`."""
        return sum(each.flops_per_token for stretch in self.stretches for each in stretch.parts if each.kind == "head")

    def flops_of(self, n_tokens: int, before: int = 0, *, n_predicting: int | None = None) -> int:
        """Operations of a forward pass over `n_tokens` after `before` others, each of which sees those before it.

        Args:
            n_predicting: of how many of the tokens the head tells what follows; None for all.
        """
        matched = sum(
            part.flops_per_key * _seen(n_tokens, before, window)
            for stretch in self.stretches
            for part in stretch.parts
            for window in part.windows
        )
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
    """The parts of a file's model."""
    outside: dict[Part, list[Tensor]] = {}
    layers: dict[int, list[tuple[Tensor, TensorRole]]] = {}
    for tensor in file.tensors:
        role = tensor_role(tensor.name)
        if role.layer is not None:
            layers.setdefault(role.layer, []).append((tensor, role))
        elif role.part != "aside":
            outside.setdefault(role.part, []).append(tensor)
    heads = [each for each in outside.get("head", ()) if each.is_weight and not each.name.endswith("bias")]
    is_tied = bool(outside.get("embedding")) and not heads
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
        shared = tuple(PartTensor(each.name, each.shape, (each.dtype,), 0, 2 * each.n_parameters) for each in matrices)
        yield ModelPart("head", shared, 0, sum(each.flops for each in shared))
    elif "head" in outside:
        yield _outside("head", outside["head"])


def _outside(part: Part, tensors: Sequence[Tensor]) -> ModelPart:
    is_looked_up = part in ("embedding", "positions")
    entries = [
        PartTensor(
            each.name,
            each.shape,
            (each.dtype,),
            each.n_parameters,
            2 * each.n_parameters if _is_matrix(each) and not is_looked_up else 0,
        )
        for each in tensors
        if each.is_weight
    ]
    return _made_of(part, entries)


def _made_of(part: Part, entries: Sequence[PartTensor]) -> ModelPart:
    n_parameters, flops = (sum(values) for values in zip(*((e.n_parameters, e.flops) for e in entries), strict=True))
    return ModelPart(part, tuple(entries), n_parameters, flops)


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
    """Give the build that two layers must share to be told together, without tensor types and how far they see."""
    return part.kind, part.heads, part.n_parameters, tuple((each.name, each.shape) for each in part.tensors)


def _joined(part: ModelPart, other: ModelPart) -> ModelPart:
    """A part of several layers, and the same of one more."""
    pairs = zip(part.tensors, other.tensors, strict=True)
    tensors = (replace(each, types=tuple(dict.fromkeys((*each.types, *more.types)))) for each, more in pairs)
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
    entries = _experts_together(
        PartTensor(role.name, each.shape, (each.dtype,), each.n_parameters, _flops(each, role, sizes))
        for each, role in sorted(tensors, key=lambda entry: _order(entry[1].name))
        if each.is_weight
    )
    part = _made_of(tensors[0][1].part, entries)
    if part.kind != "attention" or number >= sizes.n_layers:
        return part
    heads = (sizes.n_heads[number], sizes.n_kv_heads[number], sizes.key_length)
    per_key = 2 * heads[0] * (sizes.key_length + sizes.value_length)
    return replace(part, flops_per_key=per_key, windows=(sizes.windows[number],), heads=heads)


def _order(name: str) -> int:
    """Rank a tensor on the way: queries, keys, values, output; what chooses experts, gate, up, down."""
    places = (
        *("norm", "q_", "attn_q.", "k_", "attn_k.", "v_", "attn_v.", "o_proj", "attn_output"),
        *("gate.", "gate_inp", "router", "gate", "up"),
    )
    return next((place for place, word in enumerate(places) if word in name), len(places))


def _flops(tensor: Tensor, role: TensorRole, sizes: Hyperparameters) -> int:
    """Two for each weight of a matrix; a token passes through some of the experts only."""
    if not _is_matrix(tensor):
        return 0
    share = (sizes.n_expert_used, sizes.n_expert) if role.is_expert and sizes.n_expert else (1, 1)
    return 2 * tensor.n_parameters * share[0] // share[1]


def _is_matrix(tensor: Tensor) -> bool:
    """Tell whether a token is multiplied with a tensor: not with a convolution over few tokens, nor with a bias."""
    return len(tensor.shape) >= 2 and "conv" not in tensor.name and not tensor.name.endswith("bias")


def _experts_together(entries: Iterable[PartTensor]) -> list[PartTensor]:
    """The tensors; those of experts that are alike are one with their number in front of the shape."""
    found: dict[tuple[str, tuple[int, ...]], list[PartTensor]] = {}
    for entry in entries:
        found.setdefault((_EXPERT_NUMBER.sub("experts.", entry.name), entry.shape), []).append(entry)
    return [
        replace(
            alike[0],
            name=name,
            shape=(len(alike), *shape) if len(alike) > 1 else shape,
            n_parameters=sum(each.n_parameters for each in alike),
            flops=sum(each.flops for each in alike),
        )
        for (name, shape), alike in found.items()
    ]
