"""The tensors of a safetensors file, by the package safetensors."""

from __future__ import annotations

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
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    n_bytes: int
    packed: int = 1
    is_weight: bool = True

    @property
    def n_parameters(self) -> int:
        """The number of the model's parameters that it holds."""
        return math.prod(self.shape) * self.packed if self.is_weight else 0


def read_safetensors(path: Path) -> tuple[Tensor, ...]:
    """The tensors of a file without their data, in its order: it follows without gaps, and ends with the file."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise SettingsError(
            f"{path} can't be read: the package safetensors is not installed. Install it: pip install safetensors"
        ) from error
    try:
        with safe_open(str(path), framework="np") as opened:
            slices = [(name, opened.get_slice(name)) for name in opened.offset_keys()]
            found = [(name, tuple(each.get_shape()), each.get_dtype()) for name, each in slices]
    except (SafetensorError, OSError) as error:
        raise SettingsError(f"{path} can't be read: {error}. Fetch or save it again.") from None
    unknown = sorted({dtype for _, _, dtype in found} - _BITS.keys())
    if unknown:
        raise SettingsError(f"{path} holds tensors of {', '.join(unknown)}, of which Steelyard knows no size.")
    return tuple(Tensor(*each, -(-math.prod(each[1]) * _BITS[each[2]] // 8)) for each in found)


def have_same_data(first: tuple[Path, str], second: tuple[Path, str]) -> bool:
    """Whether two tensors, each named by its file and its name in it, hold the same bytes."""
    import numpy as np

    def data(path: Path, name: str) -> np.ndarray:
        tensors = read_safetensors(path)
        place = next(place for place, each in enumerate(tensors) if each.name == name)
        start = path.stat().st_size - sum(each.n_bytes for each in tensors[place:])
        return np.memmap(path, np.uint8, "r", start, (tensors[place].n_bytes,))

    return np.array_equal(data(*first), data(*second))
