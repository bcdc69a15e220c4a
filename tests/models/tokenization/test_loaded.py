"""A tokenizer as its engine loads it, in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import EngineError, SettingsError
from harness.models.tokenization.loaded import LoadedTokenizer
from tests.models.conftest import write_tiny_llama

pytestmark = pytest.mark.service

CHAT = [{"role": "user", "content": "ab"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("loaded") / "tiny")


@pytest.mark.parametrize("engine", ["transformers", pytest.param("vllm", marks=pytest.mark.nightly)])
def test_it_answers_as_the_engine_would(folder: Path, engine: str) -> None:
    if engine == "vllm":
        pytest.importorskip("vllm")
    loaded = LoadedTokenizer(engine, {"weights": "tiny"}, folder.parent)
    try:
        assert loaded.kind.endswith("TokenizersBackend")
        assert loaded.encode("ab</s>") == [259, 2]
        assert loaded.prompt("ab") == [259]
        assert loaded.decode([259, 2]) == "ab</s>"
        assert loaded.decode(loaded.chat(CHAT)) == "<s>user: ab</s><s>assistant:"
        with pytest.raises(EngineError, match="OverflowError"):
            loaded.decode([-1])
        assert loaded.encode("ab") == [259]
    finally:
        loaded.close()
    with pytest.raises(EngineError, match="The tokenizer was closed"):
        loaded.encode("x")


def test_what_can_not_be_loaded_says_why(folder: Path, tmp_path: Path) -> None:
    broken = write_tiny_llama(tmp_path / "broken")
    (broken / "tokenizer.json").write_text("{", encoding="utf-8")
    loaded = LoadedTokenizer("transformers", {"weights": "broken"}, tmp_path)
    with pytest.raises(SettingsError, match="The tokenizer could not start: "):
        loaded.encode("ab")
