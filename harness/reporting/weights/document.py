"""A version's weights for machines: the keys of `steelyard describe --json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.models.description.description import WeightsDescription
from harness.models.lineage import LineageStep
from harness.reporting.weights.facts import one_or_all, weights_facts

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
    found = _unequal(version_document(version), version_document(other))
    loaded = _unequal(*(version_document(in_engine(each)) for each in (version, other)))
    told = {f"loaded.{key}": pair for key, pair in loaded.items() if found.get(key) != pair}
    last = {key: found.pop(key) for key in _OF_WHAT if key in found}
    return {"versions": [version.name, other.name], "files": dict(files), "differences": found | told | last}


def in_engine(version: DescribedVersion) -> DescribedVersion:
    """The version with the weights that its engine gets in place of those of its files."""
    return version if version.weights is None else replace(version, weights=version.weights.in_engine)


def _unequal(document: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, list[Any]]:
    own, others = dict(_flat(document)), dict(_flat(other))
    keys = dict.fromkeys((*own, *others))
    return {key: [own.get(key), others.get(key)] for key in keys if own.get(key) != others.get(key)}


def _flat(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each key with its value, those of tables as `types.BF16`."""
    for key, value in document.items():
        if key in ("types", "special_tokens"):
            yield from ((f"{key}.{name}", one) for name, one in value.items())
        elif key not in _LEFT_OUT:
            yield key, value


def _weights(described: WeightsDescription) -> dict[str, Any]:
    sizes, vocabulary = described.sizes, described.vocabulary
    special = {name: asdict(token) for name, token in vocabulary.special.items()}
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
        "n_heads": one_or_all(sizes.n_heads),
        "n_kv_heads": one_or_all(sizes.n_kv_heads),
        "n_embd": sizes.n_embd,
        "n_ff": one_or_all(sizes.n_ff),
        "n_ctx": sizes.n_ctx,
        "rope_base": sizes.rope_base,
        "kv_bytes_per_token": described.kv_bytes_per_token,
        "kv_dtype": described.kv_dtype,
        "special_tokens": {**special, "EOG": [asdict(token) for token in vocabulary.ends]},
        "add_bos": vocabulary.add_bos,
        "add_eos": vocabulary.add_eos,
        "max_token_length": vocabulary.max_token_length,
        "chat_template": vocabulary.chat_template,
        "tied_embeddings": described.architecture.is_tied,
        "flops_per_token": described.flops_per_token,
        "flops_context": sizes.n_ctx,
        "flops_matrices": described.architecture.flops_matrices,
        "weights_digest": described.digest,
        "print_info": weights_facts(described),
    }
