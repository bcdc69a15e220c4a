"""The head of a GGUF file: what is read, and that a damaged one is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.models.weights.gguf_header import GGML_TYPES, gguf_head
from harness.models.weights.weights import check_weights


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def array(kind: int, *items: bytes, length: int | None = None) -> bytes:
    return struct.pack("<IQ", kind, len(items) if length is None else length) + b"".join(items)


PAIRS = (
    pair("general.architecture", 8, text("llama")),
    pair("llama.block_count", 4, struct.pack("<I", 2)),
    pair("tokenizer.ggml.tokens", 9, array(8, text("a"), text("b"), text("ab"))),
    pair("general.scale", 12, struct.pack("<d", 0.5)),
)
TENSOR = text("token_embd.weight") + struct.pack("<IQQIQ", 2, 8, 4, 0, 0)


def gguf(*pairs: bytes, tensors: tuple[bytes, ...] = (TENSOR,), n_pairs: int | None = None) -> bytes:
    """A tiny file as llama.cpp writes it."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs) if n_pairs is None else n_pairs)
    head += b"".join(pairs) + b"".join(tensors)
    return head + b"\0" * (-len(head) % 32) + b"\1" * 128


WHOLE = gguf(*PAIRS)


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(WHOLE)
    settings = gguf_head(tmp_path / "tiny.gguf").settings
    assert settings["general.architecture"] == "llama"
    assert settings["tokenizer.ggml.tokens"] == ("a", "b", "ab")
    assert settings["general.scale"] == 0.5


@pytest.mark.parametrize(
    "content",
    [
        WHOLE[:10],
        WHOLE[:40],
        WHOLE[:150],
        WHOLE[:-1],
        gguf(*PAIRS, n_pairs=2**63),
        gguf(pair("k", 8, struct.pack("<Q", 2**63))),
        gguf(pair("k", 9, array(10, length=2**62))),
        gguf(pair("k", 9, array(8, length=2**62))),
        gguf(pair("k", 9, array(9, array(9)))),
        gguf(pair("k", 99, b"")),
        gguf(pair("k", 8, struct.pack("<Q", 1) + b"\xff")),
        gguf(pair("general.alignment", 4, b"\0" * 4)),
        gguf(tensors=(text("t") + struct.pack("<IQIQ", 1, 40, 0, 0),)),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tiny.gguf").write_bytes(content)
    with pytest.raises(SettingsError, match=r"tiny\.gguf can't be read: "):
        check_weights({"weights": "tiny.gguf"}, tmp_path)


def test_types_and_their_sizes_are_those_of_gguf_py() -> None:
    from gguf import GGML_QUANT_SIZES

    assert {int(kind): (kind.name, *sizes) for kind, sizes in GGML_QUANT_SIZES.items()} == GGML_TYPES
