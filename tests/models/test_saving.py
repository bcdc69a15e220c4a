"""A model is saved in the type of what it was made of, with the files beside it."""

from __future__ import annotations

from pathlib import Path

from harness.models.saving import copy_others


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
