"""Reads the head of a GGUF file: its settings and what tensors it has, without the packages that read these."""

from __future__ import annotations

import contextlib
import math
import mmap
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.models.files.safetensors_file import Tensor

MAGIC = b"GGUF"

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_LENGTH = struct.Struct("<Q")
_STRING = 8
_ARRAY = 9
_LONGEST_NUMBERS = 4096
"""An array of numbers with one for each layer is read, one with a number for each token passed over."""
_DAMAGED = "it ends too early or is damaged"
_TABLE = """
0 F32 1 4, 1 F16 1 2, 2 Q4_0 32 18, 3 Q4_1 32 20, 6 Q5_0 32 22, 7 Q5_1 32 24, 8 Q8_0 32 34, 9 Q8_1 32 40,
10 Q2_K 256 84, 11 Q3_K 256 110, 12 Q4_K 256 144, 13 Q5_K 256 176, 14 Q6_K 256 210, 15 Q8_K 256 292,
16 IQ2_XXS 256 66, 17 IQ2_XS 256 74, 18 IQ3_XXS 256 98, 19 IQ1_S 256 50, 20 IQ4_NL 32 18, 21 IQ3_S 256 110,
22 IQ2_S 256 82, 23 IQ4_XS 256 136, 24 I8 1 1, 25 I16 1 2, 26 I32 1 4, 27 I64 1 8, 28 F64 1 8, 29 IQ1_M 256 56,
30 BF16 1 2, 34 TQ1_0 256 54, 35 TQ2_0 256 66, 39 MXFP4 32 17, 40 NVFP4 64 36, 41 Q1_0 128 18
"""
"""The types of tensors that ggml has: number, name, weights in a block, bytes of a block. Others were removed from it.

Source: ggml-org/ggml, include/ggml.h and src/ggml-common.h; gguf-py, which has them, takes seconds to import.
"""

GGML_TYPES = {int(row[0]): (row[1], int(row[2]), int(row[3])) for row in map(str.split, _TABLE.split(","))}


def is_gguf(path: Path) -> bool:
    """Tell whether the file begins as a GGUF file does."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


@dataclass(frozen=True, slots=True)
class GgufHead:
    """The part of a GGUF file before its data.

    Attributes:
        settings: the key-value pairs; of arrays only their length.
        numbers: the arrays of numbers that are not long or were asked for, by key.
        texts: the arrays of texts that were asked for, by key, as bytes: a vocabulary may hold broken UTF-8.
    """

    version: int
    settings: Mapping[str, Any]
    tensors: tuple[Tensor, ...] = ()
    numbers: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    texts: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)


def gguf_settings(path: Path) -> dict[str, Any]:
    """The file's key-value pairs; of arrays only their length. Raises ValueError: as `gguf_head`."""
    return dict(gguf_head(path).settings)


def gguf_head(path: Path, texts: Collection[str] = ()) -> GgufHead:
    """All that stands before the data of the file's tensors.

    Args:
        texts: keys of the arrays of texts that are wanted, and of long arrays of numbers; others are passed over.

    Raises:
        ValueError: the file is no GGUF of version 2 or 3, ends too early, its head is damaged, or it is a part of a
            model that was split.

    Source: the GGUF specification, ggml-org/ggml, docs/gguf.md.
    """
    if not is_gguf(path):
        raise ValueError("it does not begin with GGUF")
    with (
        path.open("rb") as file,
        contextlib.closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as data,
    ):
        head = _Head(data, texts)
        head.take(len(MAGIC))
        version = head.scalar("<I")
        if version not in (2, 3):
            raise ValueError(f"its GGUF version is {version}, not 2 or 3")
        n_tensors, n_pairs = head.scalar("<Q"), head.scalar("<Q")
        settings = dict(head.pair() for _ in range(n_pairs))
        _refuse_part(settings)
        placed = [head.tensor() for _ in range(n_tensors)]
        start = head.aligned(settings.get("general.alignment", 32))
        if start + max((end for _, end in placed), default=0) > len(data) and placed:
            raise ValueError(_DAMAGED)
        return GgufHead(version, settings, tuple(tensor for tensor, _ in placed), head.numbers, head.texts)


class _Head:
    """Reads a file from its beginning, never beyond its end."""

    def __init__(self, data: mmap.mmap, wanted: Collection[str]) -> None:
        self.numbers: dict[str, tuple[Any, ...]] = {}
        self.texts: dict[str, tuple[bytes, ...]] = {}
        self._wanted = wanted
        self._data = data
        self._place = 0

    def take(self, n: int) -> bytes:
        """The next bytes."""
        start = self._place
        self._advance(n)
        return self._data[start : self._place]

    def scalar(self, form: str) -> Any:
        """The next number."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def pair(self) -> tuple[str, Any]:
        """The next setting."""
        key, kind = self._text(), self.scalar("<I")
        if kind == _STRING:
            return key, self._text()
        if kind == _ARRAY:
            return key, self._array(key)
        if kind not in _SCALARS:
            raise ValueError(_DAMAGED)
        return key, self.scalar(_SCALARS[kind])

    def tensor(self) -> tuple[Tensor, int]:
        """The next tensor, and where its data ends at the earliest, counted from where data begins."""
        name = self._text()
        shape = tuple(self.scalar("<Q") for _ in range(self.scalar("<I")))
        number, offset = self.scalar("<I"), self.scalar("<Q")
        # No type takes less than a bit for a weight, those that are not in the table included.
        kind, block, block_bytes = GGML_TYPES.get(number, (f"type {number}", 8, 1))
        n_bytes = -(-math.prod(shape) // block) * block_bytes
        return Tensor(name, shape[::-1], kind, n_bytes), offset + n_bytes

    def aligned(self, alignment: Any) -> int:
        """Return the place where data begins after what was read."""
        if not isinstance(alignment, int) or alignment < 1:
            raise ValueError(_DAMAGED)
        return -(-self._place // alignment) * alignment

    def _advance(self, n: int) -> None:
        if n > len(self._data) - self._place:
            raise ValueError(_DAMAGED)
        self._place += n

    def _text(self) -> str:
        return self.take(self.scalar("<Q")).decode("utf-8")

    def _array(self, key: str) -> int:
        """The length of an array, whose items are passed over unless they are few numbers or wanted."""
        kind, length = self.scalar("<I"), self.scalar("<Q")
        if kind in _SCALARS:
            n_bytes = length * struct.calcsize(_SCALARS[kind])
            if length <= _LONGEST_NUMBERS or key in self._wanted:
                self.numbers[key] = struct.unpack(f"<{length}{_SCALARS[kind][1]}", self.take(n_bytes))
            else:
                self._advance(n_bytes)
        elif kind == _STRING:
            spans = self._texts(length)
            if key in self._wanted:
                self.texts[key] = tuple(self._data[start:end] for start, end in spans)
        else:
            raise ValueError(f"{key!r} is an array of type {kind}, which no model has")
        return int(length)

    def _texts(self, length: int) -> list[tuple[int, int]]:
        """Return the spans of the next texts, a hundred thousand in a vocabulary: this loop takes the time."""
        spans = []
        place, size, unpack, data = self._place, len(self._data), _LENGTH.unpack_from, self._data
        for _ in range(length):
            if place + 8 > size:
                raise ValueError(_DAMAGED)
            start = place + 8
            place = start + unpack(data, place)[0]
            spans.append((start, place))
        self._place = place
        self._advance(0)
        return spans


def _refuse_part(settings: Mapping[str, Any]) -> None:
    """Refuse one part of several."""
    parts = settings.get("split.count", 0)
    if parts > 1:
        raise ValueError(
            f"it is part {settings.get('split.no', 0) + 1} of {parts} of a model. Put it together with llama.cpp: "
            "llama-gguf-split --merge FIRST_PART WHOLE.gguf"
        )
