"""What the child process asks the tokenizer that it has loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.models.tokenization.loading import answer, load
from tests.models.conftest import write_tiny_llama

pytestmark = pytest.mark.service

CHAT = [{"role": "user", "content": "ab"}]


def test_the_child_asks_the_tokenizer_of_the_settings(tmp_path: Path) -> None:
    write_tiny_llama(tmp_path / "tiny")
    tokenizer = load("transformers", {"weights": "tiny"}, tmp_path)
    assert answer(tokenizer, {"ask": "encode", "text": "ab"}) == [259]
    assert answer(tokenizer, {"ask": "prompt", "text": ""}) == [1]
    assert answer(tokenizer, {"ask": "decode", "ids": [259]}) == "ab"
    chat = answer(tokenizer, {"ask": "chat", "messages": CHAT})
    assert answer(tokenizer, {"ask": "decode", "ids": chat}) == "<s>user: ab</s><s>assistant:"
