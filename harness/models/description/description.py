"""Describes a version's weights from the heads of their files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.errors import SettingsError
from harness.models.description.architecture import Architecture, read_architecture
from harness.models.description.contents import WeightsFile, quantized_bits, read_folder, read_gguf
from harness.models.description.sizes import Hyperparameters, read_hyperparameters
from harness.models.description.vocabulary import Vocabulary, read_vocabulary
from harness.models.spec import engine_spec
from harness.models.weights.weights import (
    converted_dtype,
    made_folder,
    tokenizer_path,
    weights_digest,
    weights_source,
)

_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8}
_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64"}
_UNITS = (("T", 1e12), ("B", 1e9), ("M", 1e6), ("K", 1e3))
_SENSELESS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""Errors that numbers, lists and texts raise where others belong."""


@dataclass(frozen=True, slots=True)
class WeightsDescription:
    """A model's weights.

    Attributes:
        format: "GGUF V3 (latest)" or "safetensors".
        model_type: what a model of its size is called: "135M".
        ftype: the type of most of its bytes: "Q4_1"; of quantized folders with their quantizer.
        settings: what the file says, in GGUF's words; see `WeightsFile`.
        types: how many tensors there are of each type.
        dtype: the type in which it computes.
        kv_bytes_per_token: what the cache of keys and values takes for each token, in `kv_dtype`.
        digest: identifies the weights by content, and all that the settings change of them.
        loaded: what the engine gets, where that differs; None where it gets just this.
        is_made: False while the folder that the engine loads is still to be made; `loaded` has the settings' part then.
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
    dtype: str
    kv_dtype: str
    kv_bytes_per_token: int
    digest: str
    loaded: WeightsDescription | None = None
    is_made: bool = True
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
    def bits_per_weight(self) -> float | None:
        """None without weights."""
        return 8 * self.tensor_bytes / self.n_parameters if self.n_parameters else None

    @property
    def in_engine(self) -> WeightsDescription:
        """The weights that the engine gets."""
        return self if self.loaded is None else self.loaded

    @property
    def flops_per_token(self) -> int:
        """Operations of a forward pass for the last token of a full context, which sees all of it."""
        return self.architecture.flops_of(1, self.sizes.n_ctx - 1)


def describe_weights(options: Mapping[str, Any], root: Path, engine: str = "transformers") -> WeightsDescription:
    """The weights that a version's settings name, described from the heads of their files; nothing is loaded or made.

    Args:
        options: `weights`, and where they are set `tokenizer`, `drop_layers`, `dtype`, `max_model_len` and vLLM's
            `engine_args`.
        engine: that loads them, and may cast them.

    Raises:
        SettingsError: the weights are not there, can't be read, or are not those of their configuration.
    """
    source = weights_source(options, root)
    try:
        file = read_gguf(source.path) if source.is_gguf else read_folder(source.path)
        return _with_loaded(file, options, root, engine)
    except _SENSELESS as error:
        what = "its head" if source.is_gguf else "its config.json or a file of its tokenizer"
        raise SettingsError(
            f"weights = {options['weights']!r}: {source.path} can't be described: {what} says what makes no sense "
            f"({type(error).__name__}: {error}). Fetch or save the model again."
        ) from error


def _with_loaded(file: WeightsFile, options: Mapping[str, Any], root: Path, engine: str) -> WeightsDescription:
    digest, made = weights_digest(options, root), made_folder(options, root)
    own_dtype = _dtype(file) if file.is_folder else "float16"  # llama.cpp's, of its cache
    own = _described(file, own_dtype, own_dtype, digest)
    dtype = engine_spec(engine).computed_dtype(options, own_dtype if file.is_folder else converted_dtype(options))
    engine_args = options.get("engine_args") or {}
    cache_dtype = str(engine_args.get("kv_cache_dtype", "auto"))
    held = file if made is None else _cast(read_folder(made, tokenizer_path(options, root)), dtype)
    loaded = replace(_described(held, dtype, dtype if cache_dtype == "auto" else cache_dtype, digest), name=own.name)
    if loaded.vocabulary.pre_tokenizer is None and "tokenizer" not in options:  # a word that only GGUF has
        loaded = replace(loaded, vocabulary=replace(loaded.vocabulary, pre_tokenizer=own.vocabulary.pre_tokenizer))
    if isinstance(limit := options.get("max_model_len") or engine_args.get("max_model_len"), int):
        loaded = replace(loaded, sizes=replace(loaded.sizes, n_ctx=limit))
    is_same = replace(loaded, path=own.path, settings=own.settings) == own
    warnings = tuple(_warnings(loaded))
    return replace(own, loaded=None if is_same else loaded, is_made=made is not None, warnings=warnings)


def _warnings(loaded: WeightsDescription) -> Iterator[str]:
    """Tell what the files say that is not so, or that engines take differently."""
    if loaded.sizes.is_tied and len(loaded.architecture.ends) > 1:
        yield (
            f"{' and '.join(sorted(loaded.architecture.ends))} are two matrices, though tie_word_embeddings is true: "
            "transformers computes with a head of its own, vLLM with the embedding. Save the model with "
            "tie_word_embeddings = false, or without the head."
        )
    n_rows, n_tokens = loaded.sizes.n_vocab or 0, loaded.vocabulary.n_tokens
    if 0 < n_rows < n_tokens and not loaded.vocab_only:
        yield (
            f"the tokenizer has {n_tokens:,} tokens, and the embedding {n_rows:,} rows: a text with one of the others "
            "can't be computed. Take the tokenizer that the weights were saved with, or give the embedding more rows."
        )


def _described(file: WeightsFile, dtype: str, kv_dtype: str, digest: str) -> WeightsDescription:
    sizes = read_hyperparameters(file.settings, len(file.tokens), is_folder=file.is_folder)
    types = Counter(tensor.dtype for tensor in file.tensors)
    n_parameters = sum(tensor.n_parameters for tensor in file.tensors)
    return WeightsDescription(
        path=file.path,
        format=file.format,
        name=str(file.settings.get("general.name", file.path.stem)),
        model_type=str(file.settings.get("general.size_label") or rounded(n_parameters)),
        ftype=_type_name(file),
        vocabulary=read_vocabulary(file.settings, file.tokens, file.stops),
        sizes=sizes,
        architecture=read_architecture(file, sizes),
        settings=file.settings,
        types=MappingProxyType(dict(sorted(types.items(), key=lambda entry: (-entry[1], entry[0])))),
        n_parameters=n_parameters,
        n_tensors=len(file.tensors),
        tensor_bytes=sum(tensor.n_bytes for tensor in file.tensors),
        dtype=dtype,
        kv_dtype=kv_dtype,
        kv_bytes_per_token=sum(sizes.kv_width) * _BYTES.get(kv_dtype, 1),
        digest=digest,
    )


def rounded(n_parameters: int) -> str:
    """A number of parameters with two digits at least, as gguf-py names sizes."""
    unit, size = next(((unit, size) for unit, size in _UNITS if n_parameters > size), _UNITS[-1])
    digits = max(2 - len(str(round(n_parameters / size)).lstrip("0")), 0)
    return f"{n_parameters / size:.{digits}f}{unit}"


def _type_name(file: WeightsFile) -> str:
    """The type of most bytes; with a quantizer such as "8 bits (compressed-tensors, int-quantized)"."""
    sizes: Counter[str] = Counter()
    for tensor in file.tensors:
        sizes[tensor.dtype] += tensor.n_bytes
    most = sizes.most_common(1)[0][0] if sizes else "none"
    if not (quantization := file.settings.get("quantization")):
        return most
    note = ", ".join(str(quantization[key]) for key in ("quant_method", "format") if quantization.get(key))
    bits = quantized_bits(quantization)
    return f"{most if bits is None else f'{bits} bits'} ({note})"


def _dtype(file: WeightsFile) -> str:
    """The type in which the model computes: as its config says, or that of most of its floating-point tensors."""
    stated = str(file.settings.get("dtype") or "").removeprefix("torch.")
    if stated in _BYTES:
        return stated
    counts = Counter(_DTYPES[tensor.dtype] for tensor in file.tensors if tensor.dtype in _DTYPES)
    return counts.most_common(1)[0][0] if counts else "float16"


def _cast(file: WeightsFile, dtype: str) -> WeightsFile:
    """The file as an engine holds it that computes in this type: weights of another floating-point type are cast.

    Each tensor counts as it is stored: a config may state a type that the file is not in.
    """
    stored = next((name for name, known in _DTYPES.items() if known == dtype), None)
    tensors = tuple(
        replace(each, dtype=stored, n_bytes=each.n_parameters * _BYTES[dtype])
        if stored is not None and each.is_weight and each.dtype in _DTYPES
        else each
        for each in file.tensors
    )
    return replace(file, tensors=tensors)
