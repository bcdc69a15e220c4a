"""The table of types, held against gguf-py's."""

from __future__ import annotations

from harness.models.weights.ggml_types import GGML_TYPES


def test_types_and_their_sizes_are_those_of_gguf_py() -> None:
    from gguf import GGML_QUANT_SIZES

    theirs = {int(kind): (kind.name, *sizes) for kind, sizes in GGML_QUANT_SIZES.items()}
    assert theirs == {number: (kind.name, kind.block, kind.block_bytes) for number, kind in GGML_TYPES.items()}
