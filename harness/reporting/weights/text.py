"""A version's weights on a terminal, alone or beside another's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.models.description.description import WeightsDescription
from harness.models.lineage import LineageStep
from harness.reporting.shared.text import hang, printable, wrap
from harness.reporting.weights.document import DescribedVersion, TracedVersion, traced_document, version_document
from harness.reporting.weights.facts import aligned, amount, llama_cpp_facts, shown_name

_LEAST_WIDTH = 40
_MARK = "*"
_LEFT_OUT = frozenset({"path", "version", "loaded", "weights_digest"})
"""Keys that a difference leaves out: told by other ones, or different for whoever looks."""
_OF_WHAT = ("fingerprint", "lineage")
"""Keys that a difference tells last: they name what the others say."""
_SHOWN = {
    "format": ("file format", ""),
    "name": ("general.name", ""),
    "architecture": ("arch", ""),
    "model_type": ("model type", ""),
    "ftype": ("file type", ""),
    "vocab_type": ("vocab type", ""),
    "pre_tokenizer": ("pre-tokenizer", ""),
    "n_parameters": ("model params", ""),
    "n_tensors": ("tensors", ""),
    "tensor_bytes": ("file size", " bytes"),
    "bits_per_weight": ("BPW", ""),
    "n_layers": ("n_layer", ""),
    "n_heads": ("n_head", ""),
    "n_kv_heads": ("n_head_kv", ""),
    "n_ctx": ("n_ctx_train", ""),
    "rope_base": ("freq_base_train", ""),
    "kv_bytes_per_token": ("KV cache", " bytes a token"),
    "kv_dtype": ("KV cache type", ""),
    "add_bos": ("add BOS", ""),
    "add_eos": ("add EOS", ""),
    "max_token_length": ("max token length", ""),
    "chat_template": ("chat template", ""),
    "tied_embeddings": ("embedding is the head", ""),
    "warnings": ("warning", ""),
    "flops_per_token": ("FLOPs a token", ""),
    "flops_context": ("context of these FLOPs", ""),
    "flops_matrices": ("FLOPs in matrices", ""),
}
"""Key of the document → the name that a difference shows, as it stands above, and the unit of its values."""
_NO_KEY = (
    *("f_", "freq_scale", "freq_base_swa", "rope", "n_rot", "n_swa", "n_embd_head", "n_expert"),
    *("causal", "pooling", "ssm_"),
)


def version_lines(version: DescribedVersion, width: int) -> list[str]:
    """The lines that llama.cpp prints, and below them what it does not tell; those that are true of the file alone
    are marked.
    """
    width = max(width, _LEAST_WIDTH)
    weights = version.weights
    facts, others = llama_cpp_facts(weights), llama_cpp_facts(weights.in_engine)
    loaded = [] if weights.loaded is None else list(_loaded(weights, weights.loaded))
    told = [(shown_name(name), _marked(value, others.get(name) != value)) for name, value in facts.items()]
    told += [(name, _marked(value, name in dict(loaded))) for name, value in _more(version)]
    lines = aligned(told, width)
    if weights.loaded is not None:
        lines = [f"as the file is: ({_MARK} is loaded otherwise, as told below)", *lines]
        lines += ["", "loaded, where the engine gets something else:", *aligned(loaded, width)]
    for each in weights.warnings:
        lines += ["", *wrap(printable(f"Warning: {each}"), width)]
    return [*lines, "", *_lineage_lines(version.lineage, width)]


def traced_lines(version: TracedVersion, width: int) -> list[str]:
    """The lineage of a version without weights."""
    width = max(width, _LEAST_WIDTH)
    head = wrap(f"{version.name} has no weights here to tell of.", width)
    return [*head, _fingerprint_line(version, width), "", *_lineage_lines(version.lineage, width)]


def traced_difference_lines(version: TracedVersion, other: TracedVersion, width: int) -> list[str]:
    """List the steps that one of two versions without weights has and the other has not."""
    width = max(width, _LEAST_WIDTH)
    head = f"{version.name} beside {other.name}"
    if version.lineage == other.lineage:
        return wrap(f"{head}: no difference in their steps.", width)
    lines = wrap(f"{head}: neither has weights here; what differs in their steps", width)
    for own, others in ((version, other), (other, version)):
        alone = [(number, step) for number, step in enumerate(own.lineage, 1) if step not in others.lineage]
        lines += ["", *wrap(f"{own.name}:", width), _fingerprint_line(own, width), *_step_lines(alone, width)]
    return lines


def traced_difference_document(version: TracedVersion, other: TracedVersion) -> dict[str, Any]:
    """The same for machines, as `difference_document` has it: whole lineages, where they differ."""
    found = _unequal(traced_document(version), traced_document(other))
    return {"versions": [version.name, other.name], "differences": found}


def _fingerprint_line(version: TracedVersion, width: int) -> str:
    told = (version.fingerprint or "not known: something is to be built, or asked")[:width]
    return f"fingerprint  {told}"


def _lineage_lines(lineage: Sequence[LineageStep], width: int) -> list[str]:
    return ["lineage:", *_step_lines(enumerate(lineage, 1), width)]


def _step_lines(steps: Iterable[tuple[int, LineageStep]], width: int) -> list[str]:
    """Number the steps as their lineage does."""
    return [line for number, step in steps for line in hang(f"{number:3d}  ", wrap(_step(step), width - 5))]


def difference_lines(
    version: DescribedVersion, other: DescribedVersion, files: Mapping[str, Sequence[str]], width: int
) -> list[str]:
    """List what differs between two versions, with both values of each, after the files that differ."""
    width = max(width, _LEAST_WIDTH)
    found = version_differences(version, other)
    head = f"{version.name} beside {other.name}"
    if not found and not files:
        return [*wrap(f"{head}: no difference in their weights.", width)]
    lines = [*wrap(f"{head}: what differs in their weights", width), ""]
    if files:
        told = [f"{name} ({', '.join(keys)})" if keys else name for name, keys in files.items()]
        lines += ["files that differ", *hang("  ", wrap(printable(", ".join(told)), width - 2))]
    names = {version.name: 0, other.name: 1}
    longest = max(map(len, names))
    for key, values in found.items():
        name, unit = _shown(key)
        lines += wrap(name, width)
        for version_name, place in names.items():
            start = f"  {version_name:<{longest}}  "
            value = _told(values[place], name) + (unit if values[place] is not None else "")
            lines += hang(start, wrap(printable(value), width - len(start)))
    return lines


def difference_document(
    version: DescribedVersion, other: DescribedVersion, files: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """The same for machines: key → the two values; of each file that differs the keys."""
    differences = version_differences(version, other)
    return {"versions": [version.name, other.name], "files": dict(files), "differences": differences}


def version_differences(version: DescribedVersion, other: DescribedVersion) -> dict[str, list[Any]]:
    """Key → both values, of what is not the same in the files; under `loaded.` of what is not in the engines.

    None stands for what one does not have. What is different in the engines just as it is in the files is told once.
    Fingerprint and lineage come last.
    """
    found = _unequal(version_document(version), version_document(other))
    engines = [replace(each, weights=each.weights.in_engine) for each in (version, other)]
    loaded = _unequal(*map(version_document, engines))
    told = {f"loaded.{key}": pair for key, pair in loaded.items() if found.get(key) != pair}
    last = {key: found.pop(key) for key in _OF_WHAT if key in found}
    return found | told | last


def _unequal(document: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, list[Any]]:
    own, others = dict(_flat(document)), dict(_flat(other))
    keys = [*own, *(key for key in others if key not in own)]
    return {key: [own.get(key), others.get(key)] for key in keys if own.get(key) != others.get(key)}


def _flat(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each key with its value, those of tables as `types.BF16`; of llama.cpp's lines those that have no key."""
    for key, value in document.items():
        if key == "print_info":
            yield from ((name, text) for name, text in value.items() if name.startswith(_NO_KEY))
        elif key in ("types", "special_tokens"):
            yield from ((f"{key}.{name}", one) for name, one in value.items())
        elif key not in _LEFT_OUT:
            yield key, value


def _shown(key: str) -> tuple[str, str]:
    """A key of the document as a line of `version_lines` calls it, and the unit of its values.

    >>> _shown("loaded.kv_bytes_per_token"), _shown("types.BF16")
    (('KV cache, loaded', ' bytes a token'), ('type BF16', ' tensors'))
    """
    own = key.removeprefix("loaded.")
    group, _, one = own.partition(".")
    if group == "types":
        name, unit = f"type {one}", " tensors"
    elif group == "special_tokens":
        name, unit = f"{one} token", ""
    else:
        name, unit = _SHOWN.get(own, (own, ""))
    return (f"{name}, loaded", unit) if own != key else (name, unit)


def _marked(value: str, is_other: bool) -> str:
    return f"{value} {_MARK}" if is_other else value


def _told(value: Any, name: str = "") -> str:
    """A value of the document in words; the steps of a lineage are told by what they made."""
    if value is None:
        return "-"
    if name.startswith("BPW"):
        return f"{value:.2f}"
    if isinstance(value, dict):
        return str(value["made"]) if "made" in value else f"{value['id']} '{value['piece']}'"
    if isinstance(value, list):
        is_lineage = bool(value) and isinstance(value[0], dict) and "made" in value[0]
        return (" -> " if is_lineage else ", ").join(map(_told, value)) or "-"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _more(version: DescribedVersion) -> Iterator[tuple[str, str]]:
    """Yield what llama.cpp does not print of a model."""
    weights = version.weights
    vocabulary = weights.vocabulary
    if vocabulary.pre_tokenizer is not None:
        yield "pre-tokenizer", vocabulary.pre_tokenizer
    yield "add BOS", "yes" if vocabulary.add_bos else "no"
    template = vocabulary.chat_template
    yield "chat template", f"{len(template):,} characters" if template else "none"
    if not weights.vocab_only:
        yield "KV cache", f"{weights.kv_bytes_per_token:,} bytes a token in {weights.kv_dtype}"
        yield "FLOPs a token", flops_note(weights)
        yield "embedding", "is the head as well (tied)" if weights.architecture.is_tied else "and head are two matrices"
    yield "fingerprint", version.fingerprint or "none before it is built"


def flops_note(weights: WeightsDescription) -> str:
    """Such as "835.19 M for the last of 8,192, in matrices 268.96 M"."""
    matrices = amount(weights.architecture.flops_matrices)
    return f"{amount(weights.flops_per_token)} for the last of {weights.sizes.n_ctx:,}, in matrices {matrices}"


def _loaded(own: WeightsDescription, loaded: WeightsDescription) -> Iterator[tuple[str, str]]:
    before = llama_cpp_facts(own)
    after = llama_cpp_facts(loaded)
    yield from ((shown_name(name), value) for name, value in after.items() if before.get(name) != value)
    yield from ((shown_name(name), "none") for name in before if name not in after and not name.startswith("type "))
    if loaded.kv_bytes_per_token != own.kv_bytes_per_token or loaded.kv_dtype != own.kv_dtype:
        yield "KV cache", f"{loaded.kv_bytes_per_token:,} bytes a token in {loaded.kv_dtype}"
    if loaded.flops_per_token != own.flops_per_token:
        yield "FLOPs a token", flops_note(loaded)
    if loaded.vocabulary.add_bos != own.vocabulary.add_bos:
        yield "add BOS", "yes" if loaded.vocabulary.add_bos else "no"
    if loaded.vocabulary.chat_template != own.vocabulary.chat_template:
        template = loaded.vocabulary.chat_template
        yield "chat template", f"another, of {len(template):,} characters" if template else "none"


def _step(step: LineageStep) -> str:
    of = f", of {printable(' and '.join(step.of))}" if step.of else ""
    return f"{printable(step.made)}{of}: {printable(step.by)}"
