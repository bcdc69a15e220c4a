"""The tables of types, held against gguf-py's."""

from __future__ import annotations

from harness.models.weights.ggml_types import FILE_TYPES, GGML_TYPES


def test_types_and_their_sizes_are_those_of_gguf_py() -> None:
    from gguf import GGML_QUANT_SIZES

    theirs = {int(kind): (kind.name, *sizes) for kind, sizes in GGML_QUANT_SIZES.items()}
    assert theirs == {number: (kind.name, kind.block, kind.block_bytes) for number, kind in GGML_TYPES.items()}


def test_every_file_type_of_gguf_py_has_a_name_that_begins_as_its_own() -> None:
    from gguf import LlamaFileType

    theirs = {int(kind): kind.name for kind in LlamaFileType if kind.name != "GUESSED"}
    assert set(theirs) == set(FILE_TYPES)
    own_words = {0: "all F32", 27: "IQ3_S mix - 3.66 bpw"}
    for number, name in theirs.items():
        if number in own_words:
            assert own_words[number] == FILE_TYPES[number]
            continue
        words = name.removeprefix("MOSTLY_")
        size = {"S": "Small", "M": "Medium", "L": "Large"}.get(words.rpartition("_K_")[2])
        expected = f"{words.rpartition('_K_')[0]}_K - {size}" if size else words.replace("_MOE", " MoE")
        assert FILE_TYPES[number].startswith(expected)
