"""What safetensors tells of a file without reading its data."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import SettingsError
from harness.models.files.safetensors_file import have_same_data, read_safetensors


def test_tensors_are_told_in_the_order_of_their_data_with_their_sizes(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    tensors = {"b": np.zeros((3, 5), np.float16), "a": np.zeros(7, np.int8), "c": np.zeros((2, 2), np.float64)}
    save_file(tensors, tmp_path / "m.safetensors", metadata={"format": "np"})
    stored = read_safetensors(tmp_path / "m.safetensors")
    assert {each.name: (each.shape, each.dtype, each.n_bytes) for each in stored} == {
        "a": ((7,), "I8", 7),
        "b": ((3, 5), "F16", 30),
        "c": ((2, 2), "F64", 32),
    }
    length = struct.unpack("<Q", (tmp_path / "m.safetensors").read_bytes()[:8])[0]
    assert (tmp_path / "m.safetensors").stat().st_size == 8 + length + sum(each.n_bytes for each in stored)


def test_tensors_are_compared_by_their_data(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    values = np.arange(15.0).reshape(3, 5)
    file = tmp_path / "m.safetensors"
    save_file({"b": values, "a": np.arange(7, dtype=np.int8), "c": values.copy(), "d": values[::-1].copy()}, file)
    a, b, c, d = ((file, each) for each in sorted(read_safetensors(file), key=lambda each: each.name))
    assert have_same_data(b, c)
    assert not have_same_data(b, d)
    assert not have_same_data(a, b)


def test_every_type_that_pytorch_saves_has_a_size(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    dtypes = [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.uint8, torch.bool, torch.int64, torch.int32]
    tensors = {str(dtype): torch.zeros(6, 4).to(dtype) for dtype in dtypes}
    save_file(tensors, tmp_path / "m.safetensors")
    found = {each.name: each.n_bytes for each in read_safetensors(tmp_path / "m.safetensors")}
    assert {name: tensor.numel() * tensor.element_size() for name, tensor in tensors.items()} == found


@pytest.mark.parametrize("content", [b"", b"\0" * 8, b"\xff" * 64, struct.pack("<Q", 1 << 60) + b"{}"])
def test_a_damaged_file_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(content)
    with pytest.raises(SettingsError, match=r"broken\.safetensors can't be read: .*again"):
        read_safetensors(tmp_path / "broken.safetensors")


@pytest.mark.parametrize("second", [{"shape": [3]}, {"shape": [2, 1], "dtype": "F64"}, {"offsets": [4, 12]}])
def test_tensors_that_do_not_fill_their_places_are_refused(second: dict[str, Any], tmp_path: Path) -> None:
    told = {"shape": [2], "dtype": "F32", "offsets": [8, 16], **second}
    tensors = {
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "b": {"dtype": told["dtype"], "shape": told["shape"], "data_offsets": told["offsets"]},
    }
    header = json.dumps(tensors).encode()
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 16)
    with pytest.raises(SettingsError, match=r"the data of 'b' has gaps or another size than its shape"):
        read_safetensors(tmp_path / "m.safetensors")
