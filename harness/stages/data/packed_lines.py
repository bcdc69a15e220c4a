"""Files of JSON lines, packed with gzip part by part, so that one part can be read without those before it.

Any program that reads gzip reads them: a file of several gzip members is what they would be, one after the other.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_PART_BYTES = 128_000
_LEVEL = 3


class PackedWriter:
    """Writes lines, each under a key; the keys ascend.

    Attributes:
        parts: where each part begins, and the key of its first line.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lines: list[bytes] = []
        self._size = 0
        self._place = 0
        self._first = ""
        self.parts: list[tuple[str, int]] = []

    def write(self, key: str, line: bytes) -> None:
        """Add a line, which ends with its line feed."""
        if not self._lines:
            self._first = key
        self._lines.append(line)
        self._size += len(line)
        if self._size >= _PART_BYTES:
            self.flush()

    def flush(self) -> None:
        """End a part."""
        if self._lines:
            packed = gzip.compress(b"".join(self._lines), _LEVEL, mtime=0)
            self.parts.append((self._first, self._place))
            self._file.write(packed)
            self._place += len(packed)
            self._lines, self._size = [], 0


def read_part(path: Path, place: int) -> list[Any]:
    """The objects of the part that begins at a place.

    Raises:
        OSError: the file can't be read.
        ValueError: it is damaged.
    """
    import orjson

    unpacking = zlib.decompressobj(wbits=31)
    pieces = []
    with path.open("rb") as file:
        file.seek(place)
        while not unpacking.eof:
            block = file.read(1 << 16)
            if not block:
                raise ValueError(f"{path} ends too early")
            try:
                pieces.append(unpacking.decompress(block))
            except zlib.error as error:
                raise ValueError(f"{path} is damaged: {error}") from None
    return [orjson.loads(line) for line in b"".join(pieces).splitlines()]


def read_lines(path: Path) -> Iterator[Any]:
    """The objects of all parts."""
    import orjson

    with gzip.open(path, "rb") as file:
        for line in file:
            yield orjson.loads(line)
