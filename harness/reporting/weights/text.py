"""A version's weights on a terminal, alone or beside another's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from harness.models.description.description import WeightsDescription
from harness.models.lineage import LineageStep
from harness.reporting.shared.text import printable, wrap
from harness.reporting.weights.document import DescribedVersion, version_document
from harness.reporting.weights.facts import aligned, amount, llama_cpp_facts, shown_name

_LEAST_WIDTH = 40
_LEFT_OUT = frozenset({"path", "version", "loaded", "weights_digest"})
"""Keys that a difference leaves out: told by other ones, or different for whoever looks."""
_NO_KEY = ("f_", "freq_", "rope", "n_rot", "n_swa", "n_embd_head", "n_expert", "causal", "pooling", "ssm_")


def version_lines(version: DescribedVersion, width: int) -> list[str]:
    """The lines that llama.cpp prints, and below them what it does not tell."""
    width = max(width, _LEAST_WIDTH)
    weights = version.weights
    facts = [(shown_name(name), value) for name, value in llama_cpp_facts(weights).items()]
    facts += _more(version)
    lines = aligned(facts, width)
    if weights.loaded is not None:
        lines += ["", "loaded, where the engine gets something else:"]
        lines += aligned(list(_loaded(weights, weights.loaded)), width)
    lines += ["", "lineage:"]
    for number, step in enumerate(version.lineage, 1):
        first, *rest = wrap(_step(step), width - 5)
        lines += [f"{number:3d}  {first}", *(f"     {line}" for line in rest)]
    return lines


def difference_lines(version: DescribedVersion, other: DescribedVersion, width: int) -> list[str]:
    """List what differs between two versions, with both values of each."""
    width = max(width, _LEAST_WIDTH)
    found = version_differences(version, other)
    head = f"{version.name} beside {other.name}"
    if not found:
        return [*wrap(f"{head}: no difference in their weights.", width)]
    lines = [*wrap(f"{head}: what differs in their weights", width), ""]
    names = {version.name: 0, other.name: 1}
    longest = max(map(len, names))
    for key, values in found.items():
        lines.append(key)
        for name, place in names.items():
            start = f"  {name:<{longest}}  "
            first, *rest = wrap(printable(_told(values[place])), width - len(start))
            lines += [start + first, *(" " * len(start) + line for line in rest)]
    return lines


def difference_document(version: DescribedVersion, other: DescribedVersion) -> dict[str, Any]:
    """The same for machines: key → the two values."""
    return {"versions": [version.name, other.name], "differences": version_differences(version, other)}


def version_differences(version: DescribedVersion, other: DescribedVersion) -> dict[str, list[Any]]:
    """Key → both values, of what is not the same in the files; under `loaded.` of what is not in the engines.

    None stands for what one does not have. What is different in the engines just as it is in the files is told once.
    """
    found = _unequal(version_document(version), version_document(other))
    engines = [replace(each, weights=each.weights.in_engine) for each in (version, other)]
    loaded = _unequal(*map(version_document, engines))
    told = {f"loaded.{key}": pair for key, pair in loaded.items() if found.get(key) != pair}
    return found | told


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


def _told(value: Any) -> str:
    """A value of the document in words; the steps of a lineage are told by what they made."""
    if value is None:
        return "-"
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
    yield "fingerprint", version.fingerprint


def flops_note(weights: WeightsDescription) -> str:
    """Such as "835.19 M for the last of 8,192 tokens, 268.96 M of them in matrices"."""
    matrices = amount(weights.architecture.flops_matrices)
    return f"{amount(weights.flops_per_token)} for the last of {weights.sizes.n_ctx:,}, {matrices} of them in matrices"


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
