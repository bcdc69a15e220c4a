"""Tokenizers of folders in GGUF's words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.models.description.vocabulary import read_tokenizer

BYTES = {"type": "ByteLevel"}


def write(folder: Path, model: dict[str, Any], config: dict[str, Any] | None = None, **parts: Any) -> Path:
    (folder / "tokenizer.json").write_text(json.dumps({"model": model, **parts}), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config or {}), encoding="utf-8")
    return folder


def settings(folder: Path, config: dict[str, Any] | None = None) -> dict[str, Any]:
    found = read_tokenizer(folder, config or {})[0]
    return {key.removeprefix("tokenizer.").removeprefix("ggml."): value for key, value in found.items()}


BPE = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}
PIECES = {"type": "BPE", "vocab": {"▁": 0, "a": 1}, "merges": [["▁", "a"]], "byte_fallback": True}


@pytest.mark.parametrize(
    ("model", "parts", "kind"),
    [
        (BPE, {"pre_tokenizer": BYTES}, "gpt2"),
        (BPE, {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split"}, BYTES]}}, "gpt2"),
        (BPE, {"decoder": {"type": "Sequence", "decoders": [BYTES]}}, "gpt2"),
        (PIECES, {"decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}]}}, "llama"),
        ({"type": "Unigram", "vocab": [["a", -1.0], ["b", -2.0]], "unk_id": 1}, {}, "t5"),
        ({"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "a"}, {}, "bert"),
    ],
)
def test_the_kind_of_vocabulary_is_told_by_how_it_falls_back(
    model: dict[str, Any], parts: dict[str, Any], kind: str, tmp_path: Path
) -> None:
    assert kind == settings(write(tmp_path, model, **parts))["model"]


def test_tokens_stand_in_the_order_of_their_ids_with_those_that_were_added(tmp_path: Path) -> None:
    found, tokens = read_tokenizer(write(tmp_path, BPE, added_tokens=[{"id": 4, "content": "<s>"}]), {})
    assert tokens == ("a", "b", "ab", "", "<s>")
    assert found["tokenizer.ggml.merges"] == ["a b"]


def test_special_tokens_are_those_of_the_tokenizer_and_else_those_of_the_model(tmp_path: Path) -> None:
    config = {"bos_token": {"content": "<s>"}, "eos_token": "b", "pad_token": "gone"}
    folder = write(tmp_path, BPE, config, added_tokens=[{"id": 3, "content": "<s>"}])
    found = settings(folder, {"eos_token_id": [9, 8], "pad_token_id": [2, 7], "bos_token_id": 7})
    assert (found["bos_token_id"], found["eos_token_id"], found["padding_token_id"]) == (3, 1, 2)


TEMPLATE = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]}


@pytest.mark.parametrize(
    ("config", "processor", "adds"),
    [
        ({}, TEMPLATE, (True, False)),
        ({}, {"type": "Sequence", "processors": [BYTES, TEMPLATE]}, (True, False)),
        ({}, BYTES, (False, False)),
        ({}, None, (False, False)),
        ({"add_bos_token": False, "add_eos_token": True}, TEMPLATE, (False, True)),
        ({"add_bos_token": None}, TEMPLATE, (True, False)),
    ],
)
def test_whether_tokens_are_put_around_a_text(
    config: dict[str, Any], processor: dict[str, Any] | None, adds: tuple[bool, bool], tmp_path: Path
) -> None:
    found = settings(write(tmp_path, BPE, config, post_processor=processor))
    assert adds == (found["add_bos_token"], found["add_eos_token"])


def test_a_chat_template_has_several_places(tmp_path: Path) -> None:
    named = [{"name": "tools", "template": "T"}, {"name": "default", "template": "D"}]
    write(tmp_path, BPE, {"chat_template": named})
    assert settings(tmp_path)["chat_template"] == "D"
    (tmp_path / "chat_template.jinja").write_text("J", encoding="utf-8")
    assert settings(tmp_path)["chat_template"] == "J"
