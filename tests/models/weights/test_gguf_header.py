"""The head of a GGUF file: what is read, and that no bytes make it slow, large or wordless."""

from __future__ import annotations

import struct
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from harness.errors import SettingsError
from harness.models.weights.gguf_header import gguf_settings
from harness.models.weights.weights import check_weights, weights_digest

N_MUTATIONS = 600
ABSURD = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1)


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
    pair("tokenizer.ggml.token_type", 9, array(5, *[struct.pack("<i", 1)] * 3)),
    pair("tokenizer.ggml.bos_token_id", 4, struct.pack("<I", 1)),
    pair("general.scale", 12, struct.pack("<d", 0.5)),
)
TENSOR = text("token_embd.weight") + struct.pack("<IQQIQ", 2, 8, 4, 0, 0)


def gguf(*pairs: bytes, tensors: tuple[bytes, ...] = (TENSOR,), data: int = 128, n_pairs: int | None = None) -> bytes:
    """A tiny file as llama.cpp writes it."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs) if n_pairs is None else n_pairs)
    head += b"".join(pairs) + b"".join(tensors)
    return head + b"\0" * (-len(head) % 32) + b"\1" * data


WHOLE = gguf(*PAIRS)


def written(folder: Path, content: bytes) -> Path:
    path = folder / "tiny.gguf"
    path.write_bytes(content)
    return path


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    settings = gguf_settings(written(tmp_path, WHOLE))
    assert settings["general.architecture"] == "llama"
    assert settings["tokenizer.ggml.tokens"] == 3
    assert settings["general.scale"] == 0.5


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (WHOLE[:40], "no room for them"),
        (WHOLE[:150], "ends too early"),
        (WHOLE[:-1], "ends too early"),
        (gguf(*PAIRS, n_pairs=2**63), "says that it has 9,223,372,036,854,775,808 settings"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**64 - 1, 0), "18,446,744,073,709,551,615 tensors"),
        (gguf(pair("k", 8, struct.pack("<Q", 2**63))), "a text at byte"),
        (gguf(pair("k", 8, struct.pack("<Q", 2**20))), "ends too early or is damaged"),
        (gguf(pair("k", 9, array(10, length=2**62))), "ends too early or is damaged"),
        (gguf(pair("k", 9, array(8, length=2**62))), "is an array of 4,611,686,018,427,387,904 items"),
        (gguf(pair("k", 9, array(9, array(9, array(9, array(9, array(9, array(9)))))))), "is an array of 1 items"),
        (gguf(pair("k", 99, b"")), "'k' is of the unknown type 99"),
        (gguf(pair("k", 8, struct.pack("<Q", 1) + b"\xff")), "no text stands before"),
        (gguf(pair("general.architecture", 4, b"\1\0\0\0")), "is '1', not of type str"),
        (gguf(pair("llama.block_count", 11, struct.pack("<q", -3))), "'llama.block_count' is -3"),
        (gguf(pair("llama.block_count", 8, text("two"))), "is 'two', not of type int"),
        (gguf(pair("general.alignment", 4, b"\0" * 4)), "its alignment is 0"),
        (gguf(tensors=(text("t") + struct.pack("<I", 2**31),)), "has 2,147,483,648 dimensions"),
        (gguf(tensors=(text("t") + struct.pack("<I5Q", 9, *[1] * 5),)), "has 9 dimensions"),
        (gguf(tensors=(text("t") + struct.pack("<IQQIQ", 2, 2**62, 2**62, 0, 0),)), "its tensor 't' takes"),
        (gguf(tensors=(text("t") + struct.pack("<IQIQ", 1, 8, 0, 2**63),)), "its tensor 't' takes"),
        (gguf(tensors=(text("t") + struct.pack("<IQIQ", 1, 40, 0, 0),), data=128), "its tensors take"),
    ],
)
def test_a_damaged_file_is_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    written(tmp_path, content)
    with pytest.raises(SettingsError, match=words):
        check_weights({"weights": "tiny.gguf"}, tmp_path)


def mutated(random: np.random.Generator) -> bytes:
    """The tiny file with some bytes changed, numbers put in their place, pieces cut out or doubled."""
    content = bytearray(WHOLE)
    for _ in range(random.integers(1, 4)):
        place = int(random.integers(4, len(content) - 8))
        kind = random.integers(5)
        if kind == 0:
            content[place] = random.integers(256)
        elif kind == 1:
            content[place : place + 8] = struct.pack("<Q", random.choice(np.array(ABSURD, dtype=np.uint64)))
        elif kind == 2:
            content[place : place + 4] = struct.pack("<I", int(random.choice(ABSURD[:5])))
        elif kind == 3:
            del content[place : place + int(random.integers(1, 60))]
        else:
            content[place:place] = content[place : place + int(random.integers(1, 60))]
        if len(content) < 20:
            break
    return bytes(content)


@pytest.mark.service
def test_mutations_are_read_or_refused_at_once_and_with_little_memory(tmp_path: Path) -> None:
    random = np.random.default_rng(12)
    refused, slowest_s = 0, 0.0
    tracemalloc.start()
    for _ in range(N_MUTATIONS):
        written(tmp_path, mutated(random))
        began = time.process_time()
        try:
            check_weights({"weights": "tiny.gguf", "drop_layers": 1}, tmp_path)
            weights_digest({"weights": "tiny.gguf"}, tmp_path)
        except SettingsError as error:
            refused += len(str(error)) < 2_000
        slowest_s = max(slowest_s, time.process_time() - began)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused > N_MUTATIONS / 4
    assert slowest_s < 1
    assert peak < 50e6


def test_a_long_stretch_of_empty_texts_is_no_work(tmp_path: Path) -> None:
    """A hole in a large file reads as zeros: so many texts of no length."""
    path = written(tmp_path, gguf(pair("k", 9, array(8, length=2**28)), data=0))
    with path.open("r+b") as file:
        file.truncate(2**33)
    began = time.process_time()
    with pytest.raises(SettingsError, match="is an array of 268,435,456 items"):
        check_weights({"weights": "tiny.gguf"}, tmp_path)
    assert time.process_time() - began < 1
