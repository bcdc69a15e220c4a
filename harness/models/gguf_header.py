"""Reads the settings in the head of a GGUF file, without the packages that read its tensors."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"GGUF"

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING = 8
_ARRAY = 9


def is_gguf(path: Path) -> bool:
    """Whether the file begins as a GGUF file does."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def gguf_settings(path: Path) -> dict[str, Any]:
    """The file's key-value pairs; of arrays only their length.

    Raises:
        ValueError: the file is no GGUF of version 2 or 3, or ends too early.

    Source: the GGUF specification, ggml-org/ggml, docs/gguf.md.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise ValueError("it does not begin with GGUF")
            version = _scalar(file, "<I")
            if version not in (2, 3):
                raise ValueError(f"its GGUF version is {version}, not 2 or 3")
            _scalar(file, "<Q")
            count = _scalar(file, "<Q")
            return dict(_pair(file) for _ in range(count))
    except (struct.error, UnicodeDecodeError):
        raise ValueError("it ends too early or is damaged") from None


def _pair(file: BinaryIO) -> tuple[str, Any]:
    key = _text(file)
    return key, _value(file, _scalar(file, "<I"))


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _text(file)
    if kind != _ARRAY:
        if kind not in _SCALARS:
            raise ValueError(f"it holds a value of the unknown type {kind}")
        return _scalar(file, _SCALARS[kind])
    item_kind = _scalar(file, "<I")
    length = _scalar(file, "<Q")
    if item_kind in _SCALARS:
        file.seek(length * struct.calcsize(_SCALARS[item_kind]), 1)
    else:
        for _ in range(length):
            _value(file, item_kind)
    return length


def _scalar(file: BinaryIO, form: str) -> Any:
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]


def _text(file: BinaryIO) -> str:
    return file.read(_scalar(file, "<Q")).decode("utf-8")
