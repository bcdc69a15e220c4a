"""The contents of a model's files, in one form for GGUF files and folders of safetensors: the words of GGUF."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.errors import SettingsError
from harness.models.files.safetensors_file import Tensor
from harness.models.weights.gguf_header import gguf_head

_TOKENS = "tokenizer.ggml.tokens"
_FORMATS = {2: "GGUF V2", 3: "GGUF V3 (latest)"}


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A model's files without the data of its tensors.

    Attributes:
        path: the GGUF file or the folder.
        format: as llama.cpp prints it, or "safetensors" of a folder.
        settings: what GGUF calls `general.…`, `tokenizer.…`, and the model's own keys without its architecture in
            front: `block_count`. Arrays with a number for each layer are tuples.
        tokens: the vocabulary as bytes, in the order of the ids.
        stops: more tokens at which an engine ends an answer, as the folder's generation settings name them.
    """

    path: Path
    format: str
    settings: Mapping[str, Any]
    tensors: tuple[Tensor, ...]
    tokens: tuple[bytes, ...] = field(default=(), repr=False)
    stops: tuple[int, ...] = ()

    @property
    def architecture(self) -> str:
        """The kind of the model, in its makers' word: "llama"."""
        return str(self.settings.get("general.architecture", "unknown"))

    @property
    def is_folder(self) -> bool:
        """False for a GGUF file."""
        return self.format == "safetensors"

    def number(self, *keys: str, default: float = 0) -> Any:
        """The first of these settings that is there; of one with a value for each layer the largest."""
        value = next((self.settings[key] for key in keys if self.settings.get(key) is not None), default)
        return max(value, default=default) if isinstance(value, tuple) else value

    def per_layer(self, key: str, n_layers: int, default: int = 0) -> tuple[int, ...]:
        """A setting's value in each layer. Raises ValueError: it has values for another number of layers."""
        value = self.settings.get(key)
        if value is None:
            return (default,) * n_layers
        if not isinstance(value, tuple):
            return (int(value),) * n_layers
        if len(value) != n_layers:
            raise ValueError(f"{key} has {len(value)} values for {n_layers} layers")
        return value


def without_none(settings: Iterable[tuple[str, Any]]) -> Mapping[str, Any]:
    """The settings that are there."""
    return MappingProxyType({key: value for key, value in settings if value is not None})


def read_gguf(path: Path) -> WeightsFile:
    """The contents of a GGUF file, without the data of its tensors."""
    try:
        head = gguf_head(path, texts=(_TOKENS,))
    except ValueError as error:
        raise SettingsError(f"{path} can't be read: {error}.") from None
    prefix = f"{head.settings.get('general.architecture')}."
    settings = {**head.settings, **head.numbers}
    return WeightsFile(
        path,
        _FORMATS[head.version],
        without_none((key.removeprefix(prefix), value) for key, value in settings.items()),
        head.tensors,
        head.texts.get(_TOKENS, ()),
    )
