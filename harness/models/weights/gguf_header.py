"""Reads the settings in the head of a GGUF file, without the packages that read its tensors, and checks the head.

Whatever the bytes are, a file is read or refused in a moment and with little memory: no size that stands in it is
believed before it is held against what the file has.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from harness.models.weights.ggml_types import GGML_TYPES, GgmlType

MAGIC = b"GGUF"

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_LENGTH = struct.Struct("<Q")
_STRING = 8
_ARRAY = 9
_SMALLEST_PAIR = 8 + 1 + 4 + 1
_SMALLEST_TENSOR = 8 + 1 + 4 + 8 + 4 + 8
_MOST_PAIRS = _MOST_TENSORS = 100_000
_MOST_ITEMS = 2_000_000
"""Texts and arrays within arrays; the largest vocabularies have some hundred thousand tokens and merges."""
_LONGEST_TEXT = 1 << 24
_DEEPEST = 4
_MOST_DIMENSIONS = 8
_UNKNOWN_TYPE = GgmlType("unknown", 8, 1)
"""No type of ggml takes less than a bit for a weight, those that are not in the table included."""
_LONGEST_NUMBERS = 4096
"""An array of numbers with one for each layer is read, one with a number for each token passed over."""
_TYPES: dict[str, type] = {
    "general.architecture": str,
    "general.alignment": int,
    ".block_count": int,
    ".context_length": int,
    ".embedding_length": int,
    "tokenizer.chat_template": str,
    "tokenizer.ggml.model": str,
    "_token_id": int,
}
_MOST_LAYERS = 10_000


def is_gguf(path: Path) -> bool:
    """Tell whether the file begins as a GGUF file does."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """A tensor of a GGUF file.

    Attributes:
        shape: the dimension that lies together in memory first, as the file has it.
        kind: as ggml calls its type.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    n_bytes: int


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
    tensors: tuple[GgufTensor, ...] = ()
    numbers: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    texts: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)


def gguf_settings(path: Path) -> dict[str, Any]:
    """The file's key-value pairs; of arrays only their length.

    Raises:
        ValueError: as `gguf_head`.
    """
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
    with path.open("rb") as file, contextlib.closing(_mapped(file)) as data:
        head = _Head(data, texts)
        if head.take(len(MAGIC)) != MAGIC:
            raise ValueError("it does not begin with GGUF")
        version = head.scalar("<I")
        if version not in (2, 3):
            raise ValueError(f"its GGUF version is {version}, not 2 or 3")
        n_tensors = head.count("tensors", _SMALLEST_TENSOR, _MOST_TENSORS)
        n_pairs = head.count("settings", _SMALLEST_PAIR, _MOST_PAIRS)
        settings = dict(head.pair() for _ in range(n_pairs))
        _check_settings(settings)
        placed = [head.tensor() for _ in range(n_tensors)]
        ends = [end for _, end in placed]
        start = head.aligned(settings.get("general.alignment", 32))
        if ends and start + max(ends) > head.size:
            raise ValueError(
                f"it ends too early: its tensors take {start + max(ends):,} bytes, and it has {head.size:,}"
            )
        return GgufHead(version, settings, tuple(tensor for tensor, _ in placed), head.numbers, head.texts)


def _mapped(file: BinaryIO) -> mmap.mmap:
    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:
        raise ValueError("it is empty") from None


class _Head:
    """Reads a file from its beginning, never beyond its end."""

    def __init__(self, data: mmap.mmap, wanted: Collection[str]) -> None:
        self.numbers: dict[str, tuple[Any, ...]] = {}
        self.texts: dict[str, tuple[bytes, ...]] = {}
        self._wanted = wanted
        self._data = data
        self._place = 0
        self._n_items = 0
        self.size = len(data)

    def take(self, n: int) -> bytes:
        """The next bytes."""
        start = self._place
        self._advance(n)
        return self._data[start : self._place]

    def scalar(self, form: str) -> Any:
        """The next number."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def count(self, what: str, smallest: int, most: int) -> int:
        """Read the number of things that follow."""
        n: int = self.scalar("<Q")
        if n > most or n * smallest > self.size - self._place:
            raise ValueError(f"it is damaged: it says that it has {n:,} {what}, and there is no room for them")
        return n

    def pair(self) -> tuple[str, Any]:
        """The next setting."""
        key = self.text()
        return key, self._value(self.scalar("<I"), key, 0)

    def text(self) -> str:
        """The next text."""
        try:
            return self.take(self._text_length()).decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"it is damaged: no text stands before byte {self._place:,}") from None

    def tensor(self) -> tuple[GgufTensor, int]:
        """The next tensor, and where its data ends at the earliest, counted from where data begins."""
        whole_name = self.text()
        name = whole_name[:80]
        n_dimensions = self.scalar("<I")
        if n_dimensions > _MOST_DIMENSIONS:
            raise ValueError(f"it is damaged: its tensor {name!r} has {n_dimensions:,} dimensions")
        shape = tuple(self.scalar("<Q") for _ in range(n_dimensions))
        number, offset = self.scalar("<I"), self.scalar("<Q")
        kind = GGML_TYPES.get(number, _UNKNOWN_TYPE)
        n_bytes = -(-math.prod(shape) // kind.block) * kind.block_bytes
        if max(n_bytes, offset, n_bytes + offset) > self.size:
            raise ValueError(
                f"it ends too early or is damaged: its tensor {name!r} takes {n_bytes:,} bytes and more, {offset:,} "
                f"after where tensors begin, and the file has {self.size:,}"
            )
        known = kind.name if number in GGML_TYPES else f"type {number}"
        return GgufTensor(whole_name, shape, known, n_bytes), offset + n_bytes

    def aligned(self, alignment: int) -> int:
        """Return the place where data begins after what was read."""
        if not 0 < alignment <= 1 << 20:
            raise ValueError(f"it is damaged: its alignment is {alignment}")
        return -(-self._place // alignment) * alignment

    def _advance(self, n: int) -> None:
        if n > self.size - self._place:
            raise ValueError(
                f"it ends too early or is damaged: {n:,} bytes should follow byte {self._place:,}, and it has "
                f"{self.size:,} in all"
            )
        self._place += n

    def _text_length(self) -> int:
        n: int = self.scalar("<Q")
        if n > _LONGEST_TEXT:
            raise ValueError(f"it is damaged: a text at byte {self._place:,} is to have {n:,} bytes")
        return n

    def _value(self, kind: int, key: str, depth: int) -> Any:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            return self._array(key, depth)
        if kind not in _SCALARS:
            raise ValueError(f"{key[:80]!r} is of the unknown type {kind}")
        return self.scalar(_SCALARS[kind])

    def _array(self, key: str, depth: int) -> int:
        """The length of an array, whose items are passed over."""
        kind, length = self.scalar("<I"), self.scalar("<Q")
        if kind in _SCALARS:
            size = struct.calcsize(_SCALARS[kind])
            if depth == 0 and (length <= _LONGEST_NUMBERS or (key in self._wanted and length <= _MOST_ITEMS)):
                form = f"<{length}{_SCALARS[kind][1]}"
                self.numbers[key] = struct.unpack(form, self.take(length * size))
            else:
                self._advance(length * size)
            return int(length)
        self._n_items += length
        if kind not in (_STRING, _ARRAY) or depth >= _DEEPEST or self._n_items > _MOST_ITEMS:
            raise ValueError(f"it is damaged: {key[:80]!r} is an array of {length:,} items of type {kind}")
        if kind == _STRING:
            spans = self._texts(length)
            if depth == 0 and key in self._wanted:
                self.texts[key] = tuple(self._data[start:end] for start, end in spans)
            return int(length)
        for _ in range(length):
            self._array(key, depth + 1)
        return int(length)

    def _texts(self, length: int) -> list[tuple[int, int]]:
        """Return the spans of the next texts, a hundred thousand in a vocabulary: this loop takes the time."""
        spans = []
        place, size, unpack, data = self._place, self.size, _LENGTH.unpack_from, self._data
        for _ in range(length):
            if place + 8 > size:
                break
            start = place + 8
            place = start + unpack(data, place)[0]
            if place > size or place - start > _LONGEST_TEXT:
                break
            spans.append((start, place))
        if len(spans) == length:
            self._place = place
            return spans
        self._place = spans[-1][1] if spans else self._place
        self._advance(self._text_length())
        raise ValueError("it ends too early or is damaged")


def _check_settings(settings: dict[str, Any]) -> None:
    """Refuse values that no reader could use where they are known, and one part of several."""
    for key, value in settings.items():
        for known, kind in _TYPES.items():
            if key.endswith(known) and type(value) is not kind:
                raise ValueError(f"it is damaged: {key[:80]!r} is {str(value)[:80]!r}, not of type {kind.__name__}")
        if key.endswith(".block_count") and not 0 <= value <= _MOST_LAYERS:
            raise ValueError(f"it is damaged: {key[:80]!r} is {value:,}")
    parts, number = (settings.get(f"split.{name}", 0) for name in ("count", "no"))
    if type(parts) is type(number) is int and parts > 1:
        raise ValueError(
            f"it is part {number + 1} of {parts} of a model. Put it together with llama.cpp: llama-gguf-split --merge "
            "FIRST_PART WHOLE.gguf"
        )
