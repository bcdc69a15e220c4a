"""A version's weights in figures: the keys of `steelyard describe --json`, and the names and values of its listing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.models.description.description import WeightsDescription
from harness.models.description.vocabulary import Token
from harness.models.lineage import LineageStep

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


def version_document(version: DescribedVersion) -> dict[str, Any]:
    """Everything that is told of a version.

    `loaded` has the keys whose values differ in the engine; it is None while what the engine loads is still to be made.
    """
    weights = version.weights
    last = {"fingerprint": version.fingerprint, "lineage": [asdict(step) for step in version.lineage]}
    if weights is None:
        return {"version": version.name, **last}
    own = _weights(weights)
    loaded = {key: value for key, value in _weights(weights.in_engine).items() if value != own[key]}
    if "print_info" in loaded:
        before = own["print_info"]
        loaded["print_info"] = {name: text for name, text in loaded["print_info"].items() if before.get(name) != text}
    return {
        "version": version.name,
        **own,
        **last,
        "loaded": loaded if weights.is_made else None,
        "warnings": list(weights.warnings),
    }


def difference_document(
    version: DescribedVersion, other: DescribedVersion, files: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Key → both values, of what is not the same in the files; under `loaded.` of what is not in the engines.

    None stands for what one does not have. What is different in the engines just as it is in the files is told once.

    Args:
        files: that differ, each with its keys that do.
    """
    pair = (version, other)
    found = unequal(*(dict(_flat(version_document(each))) for each in pair))
    loaded = unequal(*(dict(_flat(version_document(in_engine(each)))) for each in pair))
    told = {f"loaded.{key}": pair for key, pair in loaded.items() if found.get(key) != pair}
    last = {key: found.pop(key) for key in _OF_WHAT if key in found}
    return {"versions": [version.name, other.name], "files": dict(files), "differences": found | told | last}


def in_engine(version: DescribedVersion) -> DescribedVersion:
    """The version with the weights that its engine gets in place of those of its files."""
    return version if version.weights is None else replace(version, weights=version.weights.in_engine)


def unequal(own: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, list[Any]]:
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


def _weights(described: WeightsDescription) -> dict[str, Any]:
    found = {key: value for key, _, value, _ in _rows(described) if key}
    vocabulary = described.vocabulary
    special = {name: asdict(token) for name, token in vocabulary.special.items()}
    return {
        **found,
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
    told = f"{size / _MIB:.2f} MiB" if size < _GIB else f"{size / _GIB:.2f} GiB"
    return told if described.bits_per_weight is None else f"{told} ({described.bits_per_weight:.2f} BPW)"


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
