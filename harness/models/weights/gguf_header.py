"""Reads the head of a GGUF file: its settings and what tensors it has.

gguf-py's reader takes six seconds for a file of 50,000 tokens, half of them for its imports; this takes a tenth of one.
"""

from __future__ import annotations

import contextlib
import functools
import math
import mmap
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from harness.models.files.safetensors_file import Tensor

MAGIC = b"GGUF"

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_DAMAGED = "it ends too early or is damaged"
_TABLE = """
0 F32 1 4, 1 F16 1 2, 2 Q4_0 32 18, 3 Q4_1 32 20, 6 Q5_0 32 22, 7 Q5_1 32 24, 8 Q8_0 32 34, 9 Q8_1 32 40,
10 Q2_K 256 84, 11 Q3_K 256 110, 12 Q4_K 256 144, 13 Q5_K 256 176, 14 Q6_K 256 210, 15 Q8_K 256 292,
16 IQ2_XXS 256 66, 17 IQ2_XS 256 74, 18 IQ3_XXS 256 98, 19 IQ1_S 256 50, 20 IQ4_NL 32 18, 21 IQ3_S 256 110,
22 IQ2_S 256 82, 23 IQ4_XS 256 136, 24 I8 1 1, 25 I16 1 2, 26 I32 1 4, 27 I64 1 8, 28 F64 1 8, 29 IQ1_M 256 56,
30 BF16 1 2, 34 TQ1_0 256 54, 35 TQ2_0 256 66, 39 MXFP4 32 17, 40 NVFP4 64 36, 41 Q1_0 128 18
"""
"""The types of tensors that ggml has: number, name, weights in a block, bytes of a block. Others were removed from it.

Source: ggml-org/ggml, include/ggml.h and src/ggml-common.h.
"""

GGML_TYPES = {int(row[0]): (row[1], int(row[2]), int(row[3])) for row in map(str.split, _TABLE.split(","))}


def is_gguf(path: Path) -> bool:
    """Tell whether the file begins as a GGUF file does."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


class GgufHead(NamedTuple):
    """The part of a GGUF file before its data; what is no UTF-8 in arrays of texts is kept as surrogates."""

    version: int
    settings: Mapping[str, Any]
    tensors: tuple[Tensor, ...]


def gguf_head(path: Path) -> GgufHead:
    """All that stands before the data of the file's tensors.

    Raises:
        ValueError: the file is no GGUF of version 2 or 3, ends too early, its head is damaged, or it is a part of a
            model that was split.

    Source: the GGUF specification, ggml-org/ggml, gguf.md.
    """
    status = path.stat()
    return _head(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _head(path: Path, *_state: int) -> GgufHead:
    if not is_gguf(path):
        raise ValueError("it does not begin with GGUF")
    with path.open("rb") as file, contextlib.closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as data:
        head = _Reader(data)
        version = head.scalar("I")
        if version not in (2, 3):
            raise ValueError(f"its GGUF version is {version}, not 2 or 3")
        n_tensors, n_pairs = head.scalar("Q"), head.scalar("Q")
        settings = {head.text(): head.value(head.scalar("I")) for _ in range(n_pairs)}
        if (parts := settings.get("split.count", 0)) > 1:
            raise ValueError(
                f"it is part {settings.get('split.no', 0) + 1} of {parts} of a model. Put it together with llama.cpp: "
                "llama-gguf-split --merge FIRST_PART WHOLE.gguf"
            )
        placed = [head.tensor() for _ in range(n_tensors)]
        alignment = settings.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise ValueError(_DAMAGED)
        start = -(-head.place // alignment) * alignment
        if any(start + end > len(data) for _, end in placed):
            raise ValueError(_DAMAGED)
        return GgufHead(version, settings, tuple(tensor for tensor, _ in placed))


class _Reader:
    """Reads a file from behind its magic number, never beyond its end."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self.place = len(MAGIC)

    def values(self, form: str, n: int = 1) -> tuple[Any, ...]:
        start, self.place = self.place, self.place + n * struct.calcsize(f"<{form}")
        if self.place > len(self._data):
            raise ValueError(_DAMAGED)
        return struct.unpack(f"<{n}{form}", self._data[start : self.place])

    def scalar(self, form: str) -> Any:
        return self.values(form)[0]

    def text(self) -> str:
        return bytes(self.values("s", self.scalar("Q"))[0]).decode("utf-8")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            kind, length = self.scalar("I"), self.scalar("Q")
            return self._texts(length) if kind == _STRING else self.values(_scalar_form(kind), length)
        return self.scalar(_scalar_form(kind))

    def tensor(self) -> tuple[Tensor, int]:
        """The next tensor, and where its data ends at the earliest, counted from where data begins."""
        name, shape = self.text(), self.values("Q", self.scalar("I"))
        number, offset = self.scalar("I"), self.scalar("Q")
        # No type takes less than a bit for a weight, those that are not in the table included.
        kind, block, block_bytes = GGML_TYPES.get(number, (f"type {number}", 8, 1))
        n_bytes = -(-math.prod(shape) // block) * block_bytes
        return Tensor(name, shape[::-1], kind, n_bytes), offset + n_bytes

    def _texts(self, length: int) -> tuple[str, ...]:
        """A hundred thousand texts of a vocabulary: this loop takes the time."""
        texts, place, data, size = [], self.place, self._data, len(self._data)
        for _ in range(length):
            start = place + 8
            place = start + int.from_bytes(data[place:start], "little")
            if place > size:
                raise ValueError(_DAMAGED)
            texts.append(data[start:place].decode("utf-8", "surrogateescape"))
        self.place = place
        return tuple(texts)


def _scalar_form(kind: int) -> str:
    if kind not in _SCALARS:
        raise ValueError(f"{_DAMAGED}: it has a value of type {kind}, which no model has")
    return _SCALARS[kind]
