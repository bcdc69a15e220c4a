"""The tensors of a safetensors file, by its header."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from harness.errors import SettingsError

_BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E5M2FNUZ", "F8_E4M3FNUZ", "F8_E8M0"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}
"""Source: huggingface/safetensors, safetensors/src/tensor.rs, Dtype."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of a model.

    Attributes:
        shape: as torch has it, rows first.
        dtype: as the file's format calls it: "Q4_1", "BF16".
        packed: how many weights stand in one element, where quantized ones are packed into integers.
        is_weight: False for what tells how others are quantized: scales, zero points.
        offset: where its data begins in a file of safetensors.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    n_bytes: int
    packed: int = 1
    is_weight: bool = True
    offset: int = 0

    @property
    def n_parameters(self) -> int:
        """The number of the model's parameters that it holds."""
        return math.prod(self.shape) * self.packed if self.is_weight else 0


def read_safetensors(path: Path) -> tuple[Tensor, ...]:
    """The tensors of a file without their data, in its order: it follows without gaps, and ends with the file.

    Source: huggingface/safetensors, README, Format.
    """
    try:
        with path.open("rb") as file:
            start = 8 + int.from_bytes(file.read(8), "little")
            if start > (size := path.stat().st_size):
                raise ValueError("it ends too early or is damaged")
            header = json.loads(file.read(start - 8))
        header.pop("__metadata__", None)
        tensors = tuple(
            Tensor(name, tuple(each["shape"]), each["dtype"], end - begin, offset=start + begin)
            for name, each in sorted(header.items(), key=lambda entry: entry[1]["data_offsets"])
            for begin, end in [each["data_offsets"]]
        )
        place = start
        for each in tensors:
            bits = math.prod(each.shape) * _BITS[each.dtype] if each.dtype in _BITS else each.n_bytes * 8
            if each.offset != place or each.n_bytes * 8 != bits:
                raise ValueError(f"the data of {each.name!r} has gaps or another size than its shape")
            place += each.n_bytes
        if place != size:
            raise ValueError("its size is not that of its tensors")
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise SettingsError(f"{path} can't be read: {error}. Fetch or save it again.") from None
    return tensors


def have_same_data(first: tuple[Path, Tensor], second: tuple[Path, Tensor]) -> bool:
    """True if two tensors, each beside its file, hold the same bytes."""
    import numpy as np

    one, other = (np.memmap(path, np.uint8, "r", own.offset, (own.n_bytes,)) for path, own in (first, second))
    return np.array_equal(one, other)
