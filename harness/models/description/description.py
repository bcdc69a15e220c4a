"""Describes a version's weights from the heads of their files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.errors import SettingsError
from harness.models.description.architecture import Architecture, read_architecture
from harness.models.description.contents import Tensor, WeightsFile
from harness.models.description.folder import read_folder
from harness.models.description.gguf_file import read_gguf
from harness.models.description.hyperparameters import Hyperparameters, read_hyperparameters
from harness.models.description.labels import file_type_name, mislabelled, size_name
from harness.models.description.roles import tensor_role
from harness.models.description.shapes import check_shapes
from harness.models.description.vocabulary import Vocabulary, read_vocabulary
from harness.models.weights.weights import (
    WeightsSource,
    converted_dtype,
    dropped_layers,
    made_folder,
    stated_dtype,
    tokenizer_path,
    weights_digest,
    weights_source,
)

_BYTES = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0, "half": 2.0, "float": 4.0, "float64": 8.0, "int8": 1.0}
_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64"}
_STORED = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
_SENSELESS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""Errors that numbers, lists and texts raise where others belong."""
_EIGHT_BITS = {"num_bits": 8, "type": "int"}
_ROUNDED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    name: (
        dtype,
        {
            "quant_method": "compressed-tensors",
            "format": f"{kind}-quantized",
            "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": kind}, "input_activations": _EIGHT_BITS}},
        },
    )
    for name, dtype, kind in (("int8", "I8", "int"), ("fp8", "F8_E4M3", "float"))
}
"""Formats that the values of `quantized` give to matrices."""
_CACHE_OF_LLAMA_CPP = "float16"


@dataclass(frozen=True, slots=True)
class WeightsDescription:
    """A model's weights.

    Attributes:
        path: the file or the folder.
        format: "GGUF V3 (latest)" or "safetensors".
        model_type: what a model of its size is called: "135M".
        ftype: what a file with such tensors is called: "Q4_1".
        settings: what the file says, in GGUF's words; see `WeightsFile`.
        types: how many tensors there are of each type.
        dtype: the type in which it computes.
        tensor_bytes: of all tensors, as they are stored.
        bits_per_weight: None without weights.
        kv_bytes_per_token: what the cache of keys and values takes for each token, in `kv_dtype`.
        digest: identifies the weights by content, and all that the settings change of them.
        loaded: what the engine gets, where that differs: converted, without the layers that are left out, with another
            tokenizer, a shorter context; None where it gets just this.
        warnings: what the files say that is not so, or that engines take differently.
    """

    path: Path
    format: str
    name: str
    model_type: str
    ftype: str
    vocabulary: Vocabulary
    sizes: Hyperparameters
    architecture: Architecture
    settings: Mapping[str, Any] = field(repr=False, hash=False)
    types: Mapping[str, int] = field(hash=False)
    n_parameters: int
    n_tensors: int
    tensor_bytes: int
    bits_per_weight: float | None
    dtype: str
    kv_bytes_per_token: int
    kv_dtype: str
    digest: str
    loaded: WeightsDescription | None = None
    warnings: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The architecture, in the word of the model's makers: "llama"."""
        return str(self.settings.get("general.architecture", "unknown"))

    @property
    def vocab_only(self) -> bool:
        """True where there are no weights, only a vocabulary."""
        return self.n_tensors == 0

    @property
    def in_engine(self) -> WeightsDescription:
        """The weights that the engine gets."""
        return self if self.loaded is None else self.loaded

    @property
    def flops_per_token(self) -> int:
        """Operations of a forward pass for the last token of a full context, which sees all of it."""
        return self.architecture.flops(self.sizes.n_ctx)


def describe_weights(options: Mapping[str, Any], root: Path, engine: str = "") -> WeightsDescription:
    """The weights that a version's settings name, described from the heads of their files; nothing is loaded or made.

    Args:
        options: `weights`, and where they are set `tokenizer`, `drop_layers`, `dtype`, `max_model_len` and vLLM's
            `engine_args`.
        root: folder that relative paths start from.
        engine: that loads them; vLLM casts them as `computed_dtype` says, and weights in 32 bits down.

    Raises:
        SettingsError: the weights are not there, can't be read, or are not those of their configuration.
    """
    source = weights_source(options, root)
    try:
        return _described_whole(source, options, root, engine)
    except _SENSELESS as error:
        what = "its head" if source.is_gguf else "its config.json or a file of its tokenizer"
        raise SettingsError(
            f"weights = {options['weights']!r}: {source.path} can't be described: {what} says what makes no sense "
            f"({type(error).__name__}: {error}). Fetch or save the model again."
        ) from error


def _described_whole(source: WeightsSource, options: Mapping[str, Any], root: Path, engine: str) -> WeightsDescription:
    file = read_gguf(source.path) if source.is_gguf else read_folder(source.path)
    digest = weights_digest(options, root)
    own_dtype = _CACHE_OF_LLAMA_CPP if source.is_gguf else _dtype(file)
    own = _described(file, own_dtype, own_dtype, digest)
    engine_file = _engine_file(file, source, options, root)
    dtype = _computed_dtype(engine_file, options, engine)
    loaded = _described(_cast(engine_file, dtype), dtype, _cache_dtype(dtype, options), digest)
    loaded = replace(loaded, name=own.name)
    if (
        loaded.vocabulary.pre_tokenizer is None and "tokenizer" not in options
    ):  # a word of GGUF's, made of the same file
        vocabulary = replace(loaded.vocabulary, pre_tokenizer=own.vocabulary.pre_tokenizer)
        loaded = replace(loaded, vocabulary=vocabulary)
    if (limit := _context_limit(options)) is not None:
        loaded = replace(loaded, sizes=replace(loaded.sizes, n_ctx=limit))
    return replace(own, loaded=None if _alike(own, loaded) else loaded, warnings=tuple(_warnings(file, loaded)))


def _warnings(file: WeightsFile, loaded: WeightsDescription) -> Iterator[str]:
    """Tell what the files say that is not so, or that engines take differently."""
    if (mistaken := mislabelled(file)) is not None:
        yield mistaken
    heads = [part for stretch in loaded.architecture.stretches for part in stretch.parts if part.kind == "head"]
    if loaded.sizes.is_tied and heads and not loaded.architecture.is_tied:
        yield (
            f"{heads[0].tensors[0].name} is not the embedding, though tie_word_embeddings is true: transformers "
            "computes with it, vLLM with the embedding. Save the model with tie_word_embeddings = false, or without "
            "that tensor."
        )
    n_rows, n_tokens = loaded.sizes.n_vocab or 0, loaded.vocabulary.n_tokens
    if 0 < n_rows < n_tokens and not loaded.vocab_only:
        yield (
            f"the tokenizer has {n_tokens:,} tokens, and the embedding {n_rows:,} rows: a text with one of the others "
            "can't be computed. Take the tokenizer that the weights were saved with, or give the embedding more rows."
        )


def _described(file: WeightsFile, dtype: str, cache_dtype: str, digest: str) -> WeightsDescription:
    sizes = read_hyperparameters(file)
    check_shapes(file, sizes)
    n_parameters = sum(tensor.n_parameters for tensor in file.tensors)
    n_bytes = sum(tensor.n_bytes for tensor in file.tensors)
    types = Counter(tensor.dtype for tensor in file.tensors)
    return WeightsDescription(
        path=file.path,
        format=file.format,
        name=str(file.settings.get("general.name", file.path.stem)),
        model_type=size_name(file, n_parameters),
        ftype=file_type_name(file),
        vocabulary=read_vocabulary(file),
        sizes=sizes,
        architecture=read_architecture(file, sizes),
        settings=file.settings,
        types=MappingProxyType(dict(sorted(types.items(), key=lambda entry: (-entry[1], entry[0])))),
        n_parameters=n_parameters,
        n_tensors=len(file.tensors),
        tensor_bytes=n_bytes,
        bits_per_weight=8 * n_bytes / n_parameters if n_parameters else None,
        dtype=dtype,
        kv_bytes_per_token=int(sum(sizes.kv_width) * _BYTES.get(cache_dtype, 1.0)),
        kv_dtype=cache_dtype,
        digest=digest,
    )


def _alike(own: WeightsDescription, loaded: WeightsDescription) -> bool:
    return replace(loaded, path=own.path, settings=own.settings) == own


def _engine_file(file: WeightsFile, source: WeightsSource, options: Mapping[str, Any], root: Path) -> WeightsFile:
    """Give the files that the engine reads: the folder that was made of the file, or what will be made of it."""
    tokenizer = tokenizer_path(options, root)
    made = made_folder(options, root)
    if made is not None and (made != source.path or tokenizer is not None):
        return read_folder(made, tokenizer)
    if source.is_gguf:
        file = _converted(file, converted_dtype(options))
    if dropped := dropped_layers(options, root):
        file = _without_layers(file, dropped)
    if (rounded := _ROUNDED.get(str(options.get("quantized")))) is not None:
        file = _rounded(file, *rounded)
    if tokenizer is not None:
        other = read_folder(source.path, tokenizer) if not source.is_gguf else _with_tokenizer(file, tokenizer)
        file = replace(file, tokens=other.tokens, settings={**_without_tokenizer(file), **_tokenizer(other)})
    return file


def _converted(file: WeightsFile, dtype: str) -> WeightsFile:
    """Describe the folder that a GGUF file becomes: each tensor in one type, without tables that are computed."""
    stored = _STORED[dtype]
    size = int(_BYTES[dtype])
    kept = (each for each in file.tensors if tensor_role(each.name).part != "aside")
    tensors = (Tensor(each.name, each.shape, stored, each.n_parameters * size) for each in kept)
    settings = {**file.settings, "vocab_size": len(file.tokens) or None, "dtype": dtype}
    return replace(file, format="safetensors", tensors=tuple(tensors), settings=settings)


def _rounded(file: WeightsFile, dtype: str, quantization: Mapping[str, Any]) -> WeightsFile:
    """The file with the matrices of its layers in eight bits, each with a scale for every row; the head stays."""
    tensors: list[Tensor] = []
    for tensor in file.tensors:
        if tensor_role(tensor.name).layer is None or len(tensor.shape) != 2:
            tensors.append(tensor)
            continue
        rows = tensor.shape[0]
        tensors.append(replace(tensor, dtype=dtype, n_bytes=tensor.n_parameters))
        size = tensor.n_bytes // tensor.n_parameters
        tensors.append(Tensor(f"{tensor.name}_scale", (rows, 1), tensor.dtype, rows * size, is_weight=False))
    return replace(file, tensors=tuple(tensors), settings={**file.settings, "quantization": quantization})


def _without_layers(file: WeightsFile, dropped: Collection[int]) -> WeightsFile:
    """The file without these layers, those after them counted anew."""
    count = int(file.number("block_count"))
    kept = [layer for layer in range(count) if layer not in dropped]
    numbers = {old: new for new, old in enumerate(kept)}
    tensors = []
    for tensor in file.tensors:
        layer = tensor_role(tensor.name).layer
        if layer in dropped:
            continue
        name = tensor.name if layer is None else _renumbered(tensor.name, layer, numbers[layer])
        tensors.append(replace(tensor, name=name))
    settings = {
        key: tuple(value[layer] for layer in kept) if isinstance(value, tuple) and len(value) == count else value
        for key, value in file.settings.items()
        if key != "general.size_label"
    }
    return replace(file, tensors=tuple(tensors), settings={**settings, "block_count": len(kept)})


def _renumbered(name: str, old: int, new: int) -> str:
    return re.sub(rf"(?<=\.){old}(?=\.)", str(new), name, count=1)


def _tokenizer(file: WeightsFile) -> dict[str, Any]:
    return {key: value for key, value in file.settings.items() if key.startswith("tokenizer.")}


def _without_tokenizer(file: WeightsFile) -> dict[str, Any]:
    return {key: value for key, value in file.settings.items() if not key.startswith("tokenizer.")}


def _with_tokenizer(file: WeightsFile, tokenizer: Path) -> WeightsFile:
    from harness.models.description.tokenizer_settings import read_tokenizer

    contents = read_tokenizer(tokenizer, {})
    return replace(file, tokens=contents.tokens, settings=contents.settings)


def _dtype(file: WeightsFile) -> str:
    """The type in which the model computes: as its config says, or that of most of its floating-point tensors."""
    stated = str(file.settings.get("dtype") or "").removeprefix("torch.")
    if stated in _BYTES:
        return stated
    counts = Counter(_DTYPES[tensor.dtype] for tensor in file.tensors if tensor.dtype in _DTYPES)
    return counts.most_common(1)[0][0] if counts else "float16"


def _computed_dtype(file: WeightsFile, options: Mapping[str, Any], engine: str) -> str:
    """The type in which an engine computes: as the settings say, or as the files do.

    Source: vllm-project/vllm, vllm/config/model.py, _resolve_auto_dtype.
    """
    own = _dtype(file)
    stated = stated_dtype(options)
    if engine == "vllm":
        from harness.models.vllm.engine import computed_dtype, find_device, processor_features

        stated = computed_dtype(options, find_device(), processor_features())
        own = "bfloat16" if own == "float32" else own
    return own if stated == "auto" else stated


def _cast(file: WeightsFile, dtype: str) -> WeightsFile:
    """The file as an engine holds it that computes in this type: weights of another floating-point type are cast.

    Each tensor counts as it is stored: a config may state a type that the file is not in.
    """
    if dtype not in _STORED:
        return file
    tensors = tuple(
        replace(each, dtype=_STORED[dtype], n_bytes=each.n_parameters * int(_BYTES[dtype]))
        if each.is_weight and each.dtype in _DTYPES
        else each
        for each in file.tensors
    )
    return replace(file, tensors=tensors)


def _cache_dtype(dtype: str, options: Mapping[str, Any]) -> str:
    """The type in which the engine keeps keys and values: vLLM's own setting, else that in which it computes."""
    asked = str((options.get("engine_args") or {}).get("kv_cache_dtype", "auto"))
    return dtype if asked == "auto" else asked


def _context_limit(options: Mapping[str, Any]) -> int | None:
    asked = options.get("max_model_len") or (options.get("engine_args") or {}).get("max_model_len")
    return asked if isinstance(asked, int) else None
