"""A version's weights for machines: the keys of `steelyard describe --json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.models.description.description import WeightsDescription
from harness.models.description.vocabulary import Token
from harness.models.lineage import LineageStep
from harness.reporting.weights.facts import llama_cpp_facts


@dataclass(frozen=True, slots=True)
class DescribedVersion:
    """A version of the settings with its weights.

    Attributes:
        fingerprint: of the version, as `steelyard models` has it; None for one of which something is to be built.
    """

    name: str
    fingerprint: str | None
    weights: WeightsDescription
    lineage: tuple[LineageStep, ...]


@dataclass(frozen=True, slots=True)
class TracedVersion:
    """A version without weights: all that is told of it is its lineage.

    Attributes:
        fingerprint: of the version; None for one of which something is to be built, or asked.
    """

    name: str
    fingerprint: str | None
    lineage: tuple[LineageStep, ...]


def traced_document(version: TracedVersion) -> dict[str, Any]:
    """A version without weights for machines, with the keys that one with weights has as well."""
    return {
        "version": version.name,
        "fingerprint": version.fingerprint,
        "lineage": [asdict(step) for step in version.lineage],
    }


def version_document(version: DescribedVersion) -> dict[str, Any]:
    """Everything that is told of a version's weights; `loaded` has the keys whose values differ in the engine."""
    own = _weights(version.weights)
    loaded = {key: value for key, value in _weights(version.weights.in_engine).items() if value != own[key]}
    if "print_info" in loaded:
        before = own["print_info"]
        loaded["print_info"] = {name: text for name, text in loaded["print_info"].items() if before.get(name) != text}
    return {
        "version": version.name,
        **own,
        "fingerprint": version.fingerprint,
        "lineage": [asdict(step) for step in version.lineage],
        "loaded": loaded,
        "warnings": list(version.weights.warnings),
    }


def _weights(described: WeightsDescription) -> dict[str, Any]:
    sizes, vocabulary = described.sizes, described.vocabulary
    return {
        "format": described.format,
        "path": str(described.path),
        "name": described.name,
        "architecture": described.kind,
        "model_type": described.model_type,
        "ftype": described.ftype,
        "vocab_only": described.vocab_only,
        "vocab_type": vocabulary.kind,
        "pre_tokenizer": vocabulary.pre_tokenizer,
        "n_vocab": sizes.n_vocab or 0,
        "n_merges": vocabulary.n_merges,
        "n_parameters": described.n_parameters,
        "n_tensors": described.n_tensors,
        "types": dict(described.types),
        "tensor_bytes": described.tensor_bytes,
        "bits_per_weight": described.bits_per_weight,
        "n_layers": sizes.n_layers,
        "n_heads": _one_or_all(sizes.n_heads),
        "n_kv_heads": _one_or_all(sizes.n_kv_heads),
        "n_embd": sizes.n_embd,
        "n_ff": _one_or_all(sizes.n_ff),
        "n_ctx": sizes.n_ctx,
        "rope_base": sizes.rope_base,
        "kv_bytes_per_token": described.kv_bytes_per_token,
        "kv_dtype": described.kv_dtype,
        "special_tokens": _special(vocabulary.special, vocabulary.ends),
        "add_bos": vocabulary.add_bos,
        "add_eos": vocabulary.add_eos,
        "max_token_length": vocabulary.max_token_length,
        "chat_template": vocabulary.chat_template,
        "tied_embeddings": described.architecture.is_tied,
        "flops_per_token": described.flops_per_token,
        "flops_context": sizes.n_ctx,
        "flops_matrices": described.architecture.flops_matrices,
        "weights_digest": described.digest,
        "print_info": llama_cpp_facts(described),
    }


def _special(special: Mapping[str, Token], ends: Sequence[Token]) -> dict[str, Any]:
    """Name → id and piece; under EOG all tokens at which an answer ends."""
    return {name: asdict(token) for name, token in special.items()} | {"EOG": [asdict(token) for token in ends]}


def _one_or_all(values: Sequence[int]) -> int | list[int]:
    """The number of every layer, or that of each where they differ."""
    different = set(values)
    return next(iter(different), 0) if len(different) <= 1 else list(values)
