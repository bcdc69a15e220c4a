"""A GGUF file's contents."""

from __future__ import annotations

from pathlib import Path

from harness.errors import SettingsError
from harness.models.description.contents import WeightsFile, without_none
from harness.models.weights.gguf_header import gguf_head

_TOKENS = "tokenizer.ggml.tokens"
_FORMATS = {2: "GGUF V2", 3: "GGUF V3 (latest)"}


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
