"""Decides what a drawing of a model shows, for both of its forms: titles, shapes, and what surrounds what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.models.description.architecture import Architecture, ModelPart, Stretch
from harness.models.description.description import WeightsDescription
from harness.reporting.shared.text import printable
from harness.reporting.weights.facts import amount

_TITLES = {
    "embedding": "Embedding",
    "positions": "Positions",
    "norm": "Norm",
    "attention": "Attention",
    "mlp": "MLP",
    "other": "Mixer",
    "head": "Head",
}


_UNSAID = frozenset({"weight", "weight_packed", "qweight", "self_attn", "model", "mlp", "attn", "attention"})


@dataclass(frozen=True, slots=True)
class DrawnTensor:
    """A line of a box: a tensor with its shape and what it takes; "" for nothing."""

    name: str
    shape: str
    parameters: str
    flops: str


@dataclass(frozen=True, slots=True)
class DrawnPart:
    """A box of the drawing.

    Attributes:
        tensors: each matrix in it, in words.
        heads: a line on the heads of attention; "" elsewhere.
        seen: a line on how many tokens it sees, where that is not all of them.
        matching: what it takes to match a token with the others.
    """

    part: ModelPart
    title: str
    tensors: tuple[DrawnTensor, ...]
    heads: str
    seen: str
    matching: str
    parameters: str
    flops: str


@dataclass(frozen=True, slots=True)
class DrawnStretch:
    """Boxes that stand in one frame, or without one.

    Attributes:
        title: of the frame, such as "30 × layer"; "" without one.
        total: what all layers of it take together.
        groups: boxes that one residual connection leads around.
    """

    title: str
    total: str
    groups: tuple[tuple[DrawnPart, ...], ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A model to be drawn."""

    title: str
    subtitles: tuple[str, ...]
    stretches: tuple[DrawnStretch, ...]


def draw_model(version: str, weights: WeightsDescription) -> Drawing:
    """The drawing of a version's weights, without the layers that its engine does not get."""
    is_cut = weights.in_engine.sizes.n_layers != weights.sizes.n_layers
    drawn = weights.in_engine if is_cut else weights
    context = drawn.sizes.n_ctx
    types = ", ".join(f"{count} {name}" for name, count in drawn.types.items())
    subtitles = (
        printable(f"{drawn.name}: {drawn.kind}, {amount(drawn.n_parameters)} parameters, tensors {types}", 110),
        f"{amount(drawn.flops_per_token)} FLOPs for the last of {context:,} tokens, "
        f"{drawn.kv_bytes_per_token:,} bytes of keys and values a token",
    )
    stretches = tuple(_stretch(each, drawn.architecture, context) for each in drawn.architecture.stretches)
    return Drawing(printable(version, 60), subtitles, stretches)


def shape_words(shape: Sequence[int]) -> str:
    """A shape as it is read aloud.

    >>> shape_words((49152, 576))
    '49,152 × 576'
    """
    return " × ".join(f"{length:,}" for length in shape)


def _stretch(stretch: Stretch, architecture: Architecture, context: int) -> DrawnStretch:
    parts = [_part(each, architecture, context) for each in stretch.parts]
    if stretch.first is None:
        return DrawnStretch("", "", tuple((part,) for part in parts))
    n_parameters = stretch.n_layers * sum(each.n_parameters for each in stretch.parts)
    flops = sum(
        stretch.n_layers * each.flops_per_token
        + each.flops_per_key * sum(min(window, context) if window else context for window in each.windows)
        for each in stretch.parts
    )
    last = stretch.first + stretch.n_layers - 1
    numbers = f"{last}" if stretch.n_layers == 1 else f"{stretch.first} to {last}"
    return DrawnStretch(
        f"{stretch.n_layers} × layer ({numbers})",
        f"all: {_words(n_parameters)} parameters, {_words(flops)} FLOPs",
        _groups(parts),
    )


def _groups(parts: Sequence[DrawnPart]) -> tuple[tuple[DrawnPart, ...], ...]:
    """The parts that a residual connection leads around: attention with its norms, the MLP with its own.

    A layer that ends with a norm has one after its attention as well; one whose MLP has none reads what attention read.
    """
    kinds = [each.part.kind for each in parts]
    at = next((place for place, kind in enumerate(kinds) if kind in ("attention", "other")), None)
    if at is None or "mlp" not in kinds[at:]:
        return (tuple(parts),)
    end = at + 1
    if kinds[-1] == "norm" and kinds[end] == "norm":
        end += 1
    if kinds[end] == "mlp" and kinds[-1] != "norm":
        return (tuple(parts),)
    return tuple(parts[:end]), tuple(parts[end:])


def _part(part: ModelPart, architecture: Architecture, context: int) -> DrawnPart:
    is_shared = part.kind == "head" and architecture.is_tied
    tensors = tuple(
        DrawnTensor(_short(each.name), shape_words(each.shape), _words(each.n_parameters), _words(each.flops))
        for each in part.tensors
        if not each.name.endswith(("bias", "sinks"))
    )
    flops = part.flops(context)
    return DrawnPart(
        part,
        f"{_TITLES[part.kind]} (tied)" if is_shared else _TITLES[part.kind],
        tensors,
        _heads(part),
        _seen(part),
        _words(flops - part.flops_per_token),
        _words(part.n_parameters),
        _words(flops),
    )


def _words(number: int) -> str:
    """A number with its unit where it is large, "" for nothing."""
    return (amount(number) if number >= 100_000 else f"{number:,}") if number else ""


def _heads(part: ModelPart) -> str:
    if part.heads is None:
        return ""
    queries, keys, size = part.heads
    shared = "" if queries == keys else f", {keys:,} of keys and values"
    return f"{queries:,} heads of {size:,}{shared}"


def _seen(part: ModelPart) -> str:
    narrow = [window for window in part.windows if window]
    if not narrow:
        return ""
    which = "all" if len(narrow) == len(part.windows) else f"{len(narrow):,} of {len(part.windows):,}"
    return f"{which} layers see {max(narrow):,} tokens"


def _short(name: str) -> str:
    """The last words of a tensor's name that tell it from its neighbours."""
    words = [word for word in name.split(".") if word not in _UNSAID]
    return printable(".".join(words[-2:]), 28)
