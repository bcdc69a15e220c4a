"""Models are loaded whole, and saved with the files that lay beside what they were made of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from harness.errors import SettingsError
from harness.models.files.saved import copy_others, load_whole
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


def test_what_is_no_weights_is_copied_byte_for_byte_and_nothing_is_overwritten(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "folder"
    for each in (source, folder):
        each.mkdir()
    for name in ("tokenizer.json", "config.json", "model.safetensors", "model.safetensors.index.json", "a.bin", "a.pt"):
        (source / name).write_bytes(b"source\r\n")
    (folder / "config.json").write_bytes(b"folder")
    copy_others(source, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "config.json": b"folder",
        "tokenizer.json": b"source\r\n",
    }


def test_a_copy_that_broke_off_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that was full, or a process that was killed: half a template would change what a student is asked."""
    source, folder = tmp_path / "source", tmp_path / "folder"
    for each in (source, folder):
        each.mkdir()
    (source / "chat_template.jinja").write_text("{{ bos_token }}{{ messages }}", "utf-8")

    def fill_disk(_: Path, to: Path) -> None:
        to.write_text("{{ bos_token }}", "utf-8")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fill_disk)
    with pytest.raises(OSError, match="No space left"):
        copy_others(source, folder)
    monkeypatch.undo()
    copy_others(source, folder)
    assert (folder / "chat_template.jinja").read_text("utf-8") == "{{ bos_token }}{{ messages }}"
