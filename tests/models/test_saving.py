"""A model is saved in the type of what it was made of, with the files beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

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
