"""The contents of files: what counts of tensors and settings, and GGUF held against what gguf-py reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.models.description.contents import read_gguf
from tests.models.description.made import TOKENS, write_gguf


@pytest.mark.parametrize("quantize", [None, "Q4_0", "Q8_0", "Q5_1", "BF16", "F16"])
def test_tensors_are_those_that_gguf_py_reads(quantize: str | None, tmp_path: Path) -> None:
    from gguf import GGUFReader

    path = write_gguf(tmp_path / "m.gguf", quantize=quantize)
    theirs = {
        each.name: (tuple(map(int, each.shape))[::-1], each.tensor_type.name, int(each.n_bytes), int(each.n_elements))
        for each in GGUFReader(str(path)).tensors
    }
    found = read_gguf(path)
    assert theirs == {each.name: (each.shape, each.dtype, each.n_bytes, each.n_parameters) for each in found.tensors}
    assert found.format == "GGUF V3 (latest)"
    assert found.tokens == TOKENS


def test_settings_lose_their_architecture_and_arrays_of_numbers_are_kept(tmp_path: Path) -> None:
    settings = read_gguf(write_gguf(tmp_path / "m.gguf", n_layers=3)).settings
    assert (settings["block_count"], settings["context_length"], settings["general.architecture"]) == (3, 64, "llama")
    assert settings["tokenizer.ggml.token_type"] == (3, 3, 3, 3, 3, 1, 1, 1, 1, 1)
    assert settings["tokenizer.ggml.merges"] == ("a b",)


def test_a_part_of_a_split_model_is_refused_with_the_way_to_join_it(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", extra={"split.count": 3, "split.no": 1})
    with pytest.raises(SettingsError, match=r"part 2 of 3 of a model.*llama-gguf-split --merge"):
        read_gguf(path)
