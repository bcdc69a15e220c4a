"""Names a model by its size and by the types of its tensors, as llama.cpp and gguf-py do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from harness.models.description.contents import WeightsFile
from harness.models.weights.ggml_types import FILE_TYPES

_TYPES = {
    "llama": "1B 3B 7B 8B 13B 30B 34B 65B 70B 8x7B 8x22B",
    "qwen2": "0.5B 1B 1.5B 3B 7B 14B 32B 70B",
    "qwen3": "0.6B 1.7B 4B 8B 14B 32B",
    "gemma": "2B 7B",
    "gemma2": "2B 9B 27B",
    "gemma3": "270M 1B 4B 12B 27B",
    "phi2": "1B 3B",
    "phi3": "1B 3B 14B",
    "gpt2": "0.1B 0.4B 0.8B 1.5B",
    "gptneox": "14M 70M 160M 410M 1B 1.4B 2.8B 6.9B 12B 20B",
    "starcoder2": "3B 7B 15B",
    "falcon": "7B 40B",
    "stablelm": "1B 3B 12B",
    "olmo2": "1B 7B 13B 32B",
    "smollm3": "3B",
}
"""The names that llama.cpp has for models of an architecture; it goes by their layers and widths.

Source: ggml-org/llama.cpp, llama_model::load_hparams and llm_type_name."""
_SAME = {"mistral": "llama", "ministral": "llama", "mixtral": "llama", "phi": "phi2", "gpt_neox": "gptneox"}
_PURE = {"all F32": "F32", **{name: name for name in ("F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")}}
"""Names of files whose matrices are of one type; those of others are of several, and may fall back to more."""
_NEAR = 4 / 3
_UNITS = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
_PLAIN = {"F32": "all F32", "F16": "F16", "BF16": "BF16", "F64": "F64"}


def size_name(file: WeightsFile, n_parameters: int) -> str:
    """Name the size of a model: "135M", "3B".

    The file's own name comes first, then llama.cpp's, if that is near the number of parameters: by its layers alone
    llama.cpp takes a Llama of 135M with 30 of them for one of 256M. Last comes the number as gguf-py rounds it.
    """
    stated = file.settings.get("general.size_label")
    if isinstance(stated, str) and stated:
        return stated
    known = _TYPES.get(_SAME.get(file.architecture, file.architecture), "").split()
    near = [(_apart(_value(name), n_parameters), name) for name in known if "x" not in name]
    off, name = min(near, default=(_NEAR, ""))
    return name if n_parameters and off < _NEAR else rounded(n_parameters)


def rounded(n_parameters: int) -> str:
    """A number of parameters with two digits at least, as gguf-py names sizes.

    >>> rounded(134_515_008), rounded(3_212_749_888), rounded(999_400)
    ('135M', '3.2B', '999K')
    """
    unit = next((each for each in "TBM" if n_parameters > _UNITS[each]), "K")
    scaled = n_parameters / _UNITS[unit]
    digits = max(2 - len(str(round(scaled)).lstrip("0")), 0)
    return f"{scaled:.{digits}f}{unit}"


def file_type_name(file: WeightsFile) -> str:
    """Name the file by the types of its tensors, as llama.cpp does; a quantized folder as its quantizer does."""
    quantization = file.settings.get("quantization")
    if quantization:
        return _quantized_name(file, quantization)
    counts = Counter(tensor.dtype for tensor in file.tensors)
    if file.format == "safetensors":
        most = max(counts, key=lambda dtype: counts[dtype], default="none")
        return _PLAIN.get(most, most)
    number = file.settings.get("general.file_type")
    if number is None:
        many = counts.most_common(1)
        return f"(guessed) {_PLAIN.get(many[0][0], many[0][0])}" if many else "unknown, may not work"
    return FILE_TYPES.get(number, "unknown, may not work")


def mislabelled(file: WeightsFile) -> str | None:
    """Say that a GGUF file's `general.file_type` names a type that none of its tensors has; None where one has it."""
    stated = FILE_TYPES.get(file.settings.get("general.file_type", -1), "")
    counts = Counter(tensor.dtype for tensor in file.tensors)
    if stated not in _PURE or not counts or _PURE[stated] in counts:
        return None
    most, count = counts.most_common(1)[0]
    return (
        f"its general.file_type says {stated}, and no tensor is of that type: {count:,} of {len(file.tensors):,} are "
        f"{most}. Name it by what it is, or fetch the file that it says it is."
    )


def _quantized_name(file: WeightsFile, quantization: Mapping[str, Any]) -> str:
    """Such as "INT8 W8A8 (compressed-tensors, int-quantized)"."""
    method = str(quantization.get("quant_method", "quantized"))
    how = str(quantization.get("format", ""))
    note = f"({method}, {how})" if how else f"({method})"
    for group in (quantization.get("config_groups") or {}).values():
        weights, inputs = group.get("weights") or {}, group.get("input_activations")
        bits = int(weights.get("num_bits", 0))
        kind = "FP" if weights.get("type") == "float" else "INT"
        return f"{kind}{bits} W{bits}A{inputs.get('num_bits', bits) if inputs else 16} {note}"
    stated = quantization.get("bits") or quantization.get("w_bit")
    if stated:
        return f"INT{stated} {note}"
    counts = Counter(tensor.dtype for tensor in file.tensors if tensor.is_weight and len(tensor.shape) > 1)
    return f"{max(counts, key=lambda dtype: counts[dtype], default='')} {note}".strip()


def _value(name: str) -> float:
    return float(name[:-1]) * _UNITS[name[-1]]


def _apart(named: float, n_parameters: int) -> float:
    """Give the ratio of the larger to the smaller."""
    return max(named, n_parameters) / max(min(named, n_parameters), 1)
