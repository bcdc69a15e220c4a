"""transformers draws at random what a folder lacks; here it is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from harness.errors import SettingsError
from harness.models.files.whole import load_whole
from tests.models.conftest import write_tiny_llama


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_llama(tmp_path / "tiny")


def configure(folder: Path, **settings: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **settings}))


def test_whole_weights_are_loaded(folder: Path) -> None:
    assert load_whole(folder, "float32").config.num_hidden_layers == 4


def test_a_head_that_is_the_embedding_lacks_nothing(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["lm_head.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    configure(folder, tie_word_embeddings=True)
    assert load_whole(folder, "auto").config.tie_word_embeddings


def test_a_tensor_that_is_not_there_is_named(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        SettingsError, match=r"model\.layers\.1\.mlp\.up_proj\.weight is not there, and would be random"
    ):
        load_whole(folder, "auto")


def test_layers_that_the_configuration_alone_has_are_refused(folder: Path) -> None:
    configure(folder, num_hidden_layers=5)
    with pytest.raises(SettingsError, match=r"model\.layers\.4\.\S+, \S+, \S+ and 6 more are not there"):
        load_whole(folder, "auto")
