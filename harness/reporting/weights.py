"""A version's weights in figures: as JSON, in lines as llama.cpp prints them, and beside another version's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.models.description.description import WeightsDescription
from harness.models.description.vocabulary import Token
from harness.models.lineage import LineageStep
from harness.reporting.shared.text import Block

_MIB, _GIB = 1 << 20, 1 << 30
_UNITS = (("T", 1e12), ("B", 1e9), ("M", 1e6), ("K", 1e3))
_OF_WHAT = ("fingerprint", "lineage")
"""Keys that a difference tells last: they name what the others say."""
_LEFT_OUT = frozenset({"path", "version", "loaded", "weights_digest", "print_info"})
"""Keys that a difference leaves out: told by other ones, or different for whoever looks."""


@dataclass(frozen=True, slots=True)
class DescribedVersion:
    """A version of the settings.

    Attributes:
        fingerprint: of the version, as `steelyard models` has it; None for one of which something is to be built, or
            asked.
        weights: None for one that has none here.
    """

    name: str
    fingerprint: str | None
    weights: WeightsDescription | None
    lineage: tuple[LineageStep, ...]

    @property
    def in_engine(self) -> DescribedVersion:
        """The version with the weights that its engine gets in place of those of its files."""
        return self if self.weights is None else replace(self, weights=self.weights.in_engine)

    @property
    def facts(self) -> dict[str, str]:
        """Name → value of each line."""
        facts = {} if self.weights is None else weights_facts(self.weights)
        return {**facts, "fingerprint": self.fingerprint or "not known: something is to be built, or asked"}

    def as_json(self) -> dict[str, Any]:
        """Everything that is told of it.

        `loaded` has the keys whose values differ in the engine; it is None while what the engine loads is still to be
        made.
        """
        weights = self.weights
        last = {"fingerprint": self.fingerprint, "lineage": [asdict(step) for step in self.lineage]}
        if weights is None:
            return {"version": self.name, **last}
        own, loaded = _figures(weights), _figures(weights.in_engine)
        loaded = {key: value for key, value in loaded.items() if value != own[key]}
        if "print_info" in loaded:
            texts, before = loaded["print_info"], own["print_info"]
            loaded["print_info"] = {name: text for name, text in texts.items() if before.get(name) != text}
        warned = {"loaded": loaded if weights.is_made else None, "warnings": list(weights.warnings)}
        return {"version": self.name, **own, **last, **warned}


@dataclass(frozen=True, slots=True)
class VersionDifference:
    """Two versions beside each other; `files` are those that differ, each with its keys that do."""

    version: DescribedVersion
    other: DescribedVersion
    files: Mapping[str, Sequence[str]]

    @property
    def pair(self) -> tuple[DescribedVersion, DescribedVersion]:
        """Both."""
        return self.version, self.other

    def as_json(self) -> dict[str, Any]:
        """Key → both values, of what is not the same in the files; under `loaded.` of what is not in the engines.

        None stands for what one does not have. What is different in the engines as it is in the files is told once.
        """
        unequal = _unequal(*(dict(_flat(each.as_json())) for each in self.pair))
        loaded = _unequal(*(dict(_flat(each.in_engine.as_json())) for each in self.pair))
        loaded = {f"loaded.{key}": pair for key, pair in loaded.items() if unequal.get(key) != pair}
        last = {key: unequal.pop(key) for key in _OF_WHAT if key in unequal}
        names = [each.name for each in self.pair]
        return {"versions": names, "files": dict(self.files), "differences": unequal | loaded | last}


def version_view(version: DescribedVersion) -> Iterator[Block]:
    """The listing of a version's weights, what its engine gets where that differs, and the steps that made it."""
    weights = version.weights
    if weights is None:
        yield f"{version.name} has no weights here to tell of."
    yield from _listing(version.facts)
    if weights is not None:
        facts = _unequal(weights_facts(weights.in_engine), weights_facts(weights))
        if not weights.is_made:
            yield from ("", (f"What the engine loads is not made yet: `steelyard build {version.name}` makes it",))
        elif facts:
            yield from ("", "loaded, where the engine gets something else:")
            yield from _listing({name: after or "none" for name, (after, _) in facts.items()})
        for each in weights.warnings:
            yield from ("", (f"Warning: {each}",))
    yield from ("", "lineage:")
    yield from _steps(enumerate(version.lineage, 1))


def difference_view(difference: VersionDifference) -> Iterator[Block]:
    """Yield what differs between two versions, with both values of each, after the files that differ."""
    pair, files = difference.pair, difference.files
    unequal = _unequal(*(each.facts for each in pair))
    loaded = _unequal(*(each.in_engine.facts for each in pair))
    unequal |= {f"{name}, loaded": values for name, values in loaded.items() if unequal.get(name) != values}
    head = " beside ".join(each.name for each in pair)
    if not unequal and not files and pair[0].lineage == pair[1].lineage:
        yield f"{head}: no difference."
        return
    yield f"{head}: what differs"
    for each in pair:
        if each.weights is not None and not each.weights.is_made:
            yield f"What the engine of {each.name} loads is not made yet: `steelyard build {each.name}`"
    if files:
        names = [f"{name} ({', '.join(keys)})" if keys else name for name, keys in files.items()]
        yield from ("files that differ", ("", ", ".join(names)))
    width = max(len(each.name) for each in pair)
    for name, values in unequal.items():
        yield name
        yield from ((f"  {each.name:<{width}}", value or "-") for each, value in zip(pair, values, strict=True))
    for own, others in (pair, pair[::-1]):
        alone = [(number, step) for number, step in enumerate(own.lineage, 1) if step not in others.lineage]
        yield from [f"steps of {own.name} alone"] if alone else []
        yield from _steps(alone)


def _listing(facts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((name, f"= {value}") for name, value in facts.items())


def _steps(steps: Iterable[tuple[int, LineageStep]]) -> Iterator[tuple[str, str]]:
    """The steps, numbered as their lineage does."""
    for number, step in steps:
        of = f", of {' and '.join(step.of)}" if step.of else ""
        yield f"{number:3d}", f"{step.made}{of}: {step.by}"


def _unequal(own: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Key → both values, where they differ; None for what one does not have."""
    pairs = {key: [own.get(key), other.get(key)] for key in {**own, **other}}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def _flat(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each key with its value, those of tables as `types.BF16`."""
    for key, value in document.items():
        if key in ("types", "special_tokens"):
            yield from ((f"{key}.{name}", one) for name, one in value.items())
        elif key not in _LEFT_OUT:
            yield key, value


def _figures(described: WeightsDescription) -> dict[str, Any]:
    figures = {key: value for key, _, value, _ in _rows(described) if key}
    vocabulary = described.vocabulary
    special = {name: asdict(token) for name, token in vocabulary.special.items()}
    return {
        **figures,
        "path": str(described.path),
        "vocab_only": described.vocab_only,
        "types": dict(described.types),
        "tensor_bytes": described.tensor_bytes,
        "bits_per_weight": described.bits_per_weight,
        "kv_dtype": described.kv_dtype,
        "special_tokens": {**special, "EOG": [asdict(token) for token in vocabulary.ends]},
        "flops_context": described.sizes.n_ctx,
        "flops_matrices": described.architecture.flops_matrices,
        "weights_digest": described.digest,
        "print_info": weights_facts(described),
    }


def weights_facts(described: WeightsDescription) -> dict[str, str]:
    """Name → value of each line of the listing."""
    hidden = {"", *(name for _, name, *_ in _size_rows(described) if described.vocab_only)}
    return {name: text or str(value) for _, name, value, text in _rows(described) if name not in hidden}


_Row = tuple[str, str, Any, str]


def _rows(described: WeightsDescription) -> Iterator[_Row]:
    """Yield for each figure its key in JSON, its name in the listing, its value, and how it is written if not so.

    The names are llama.cpp's where it has one, and its order.
    """
    vocabulary = described.vocabulary
    yield "format", "file format", described.format, ""
    yield "ftype", "file type", described.ftype, ""
    yield "", "file size", None, file_size(described)
    yield from (("", f"type {name}", count, f"{count} tensors") for name, count in described.types.items())
    yield "architecture", "arch", described.kind, ""
    yield from _size_rows(described)
    yield "model_type", "model type", described.model_type, ""
    yield "n_parameters", "model params", described.n_parameters, amount(described.n_parameters)
    yield "n_tensors", "", described.n_tensors, ""
    yield "name", "general.name", described.name, ""
    yield "vocab_type", "vocab type", vocabulary.kind, ""
    yield "pre_tokenizer", "pre-tokenizer", vocabulary.pre_tokenizer, "" if vocabulary.pre_tokenizer else "not said"
    yield "n_vocab", "n_vocab", described.sizes.n_vocab or 0, ""
    yield "n_merges", "n_merges", vocabulary.n_merges, ""
    yield from (("", f"{name} token", None, _token(token)) for name, token in vocabulary.special.items())
    yield "", "EOG tokens", None, ", ".join(map(_token, vocabulary.ends)) or "none"
    yield "max_token_length", "max token length", vocabulary.max_token_length, ""
    yield "add_bos", "add BOS", vocabulary.add_bos, "yes" if vocabulary.add_bos else "no"
    yield "add_eos", "add EOS", vocabulary.add_eos, "yes" if vocabulary.add_eos else "no"
    template = vocabulary.chat_template or ""  # its length, and what tells it from others of that length
    digest = hashlib.sha256(template.encode()).hexdigest()[:8]
    text = f"{len(template):,} characters, {digest}" if template else "none"
    yield "chat_template", "chat template", vocabulary.chat_template, text


def _size_rows(described: WeightsDescription) -> Iterator[_Row]:
    sizes, architecture = described.sizes, described.architecture
    yield "n_ctx", "n_ctx_train", sizes.n_ctx, ""
    yield "n_embd", "n_embd", sizes.n_embd, ""
    yield "n_layers", "n_layer", sizes.n_layers, ""
    yield "n_heads", "n_head", one_or_all(sizes.n_heads), ""
    yield "n_kv_heads", "n_head_kv", one_or_all(sizes.n_kv_heads), ""
    yield "", "n_embd_head_k", sizes.key_length, ""
    yield "", "n_embd_head_v", sizes.value_length, ""
    yield "", "n_swa", max(sizes.windows, default=0), ""
    yield "n_ff", "n_ff", one_or_all(sizes.n_ff), ""
    yield "", "n_expert", sizes.n_expert, ""
    yield "", "n_expert_used", sizes.n_expert_used, ""
    yield "rope_base", "freq_base_train", sizes.rope_base, "not said" if sizes.rope_base is None else ""
    if any(sizes.windows):
        yield "rope_base_swa", "freq_base_swa", sizes.rope_base_swa, "not said" if sizes.rope_base_swa is None else ""
    tied = "is the head as well (tied)" if architecture.is_tied else "and head are two matrices"
    yield "tied_embeddings", "embedding", architecture.is_tied, tied
    cache = f"{described.kv_bytes_per_token:,} bytes a token in {described.kv_dtype}"
    yield "kv_bytes_per_token", "KV cache", described.kv_bytes_per_token, cache
    last, matrices = amount(described.flops_per_token), amount(architecture.flops_matrices)
    flops = f"{last} for the last of {sizes.n_ctx:,}, in matrices {matrices}"
    yield "flops_per_token", "FLOPs a token", described.flops_per_token, flops


def file_size(described: WeightsDescription) -> str:
    """Such as "92.10 MiB (5.74 BPW)"."""
    size = described.tensor_bytes
    text = f"{size / _MIB:.2f} MiB" if size < _GIB else f"{size / _GIB:.2f} GiB"
    return text if described.bits_per_weight is None else f"{text} ({described.bits_per_weight:.2f} BPW)"


def amount(number: float) -> str:
    """A number of parameters or operations with its unit, as llama.cpp writes it.

    >>> amount(134_515_008), amount(1_711_376_384)
    ('134.52 M', '1.71 B')
    """
    unit, size = next(((unit, size) for unit, size in _UNITS if number >= size), _UNITS[-1])
    return f"{number / size:.2f} {unit}"


def _token(token: Token) -> str:
    return f"{token.id} '{token.piece}'"


def one_or_all(values: Sequence[int]) -> int | list[int]:
    """The number of every layer, or that of each where they differ."""
    return list(values) if len(set(values)) > 1 else next(iter(values), 0)
