"""The fixture `weights`."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import NotInLineageError, SettingsError
from harness.stages.foundation.weights import load_weights
from tests.models.conftest import write_tiny_llama
from tests.processes import is_running

pytestmark = pytest.mark.usefixtures("loaded_torch")


def version(**options: str) -> Any:
    return SimpleNamespace(name="mine", settings=SimpleNamespace(engine="transformers", engine_options=options))


def context(root: Path) -> Any:
    return SimpleNamespace(settings=SimpleNamespace(root=root))


def test_what_is_asked_for_is_read_then(tmp_path: Path) -> None:
    folder = write_tiny_llama(tmp_path / "tiny")
    weights = load_weights(version(weights="tiny"), context(tmp_path))
    assert weights.version == "mine"
    assert weights.description.sizes.n_layers == 4
    assert weights.tokenizer.source == folder
    assert weights.chat([{"role": "user", "content": "Hi"}]) == "<s>user: Hi</s><s>assistant:"
    weights.close()


def test_tokens_with_each_others_numbers_are_told(tmp_path: Path) -> None:
    """By the vocabulary that the weights came with; where that is changed itself, by the order of its merges."""
    own, other = write_tiny_llama(tmp_path / "tiny"), write_tiny_llama(tmp_path / "other")
    content = json.loads((other / "tokenizer.json").read_text("utf-8"))
    ids = content["model"]["vocab"]
    ids["x"], ids["y"] = ids["y"], ids["x"]
    (other / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    assert load_weights(version(weights=str(own)), context(tmp_path)).moved_tokens == {}
    found = load_weights(version(weights=str(own), tokenizer=str(other)), context(tmp_path)).moved_tokens
    assert found == {ids["x"]: "x", ids["y"]: "y"}


@pytest.mark.service
def test_the_loaded_tokenizer_ends_with_the_run(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    write_tiny_llama(tmp_path / "tiny")
    weights = load_weights(version(weights="tiny"), context(tmp_path))
    assert weights.loaded.encode("ab") == weights.tokenizer.encode("ab")
    pid = weights.loaded.pid
    assert pid is not None
    weights.close()
    assert not is_running(pid)


def test_a_version_without_weights_has_none(tmp_path: Path) -> None:
    with pytest.raises(NotInLineageError, match=r"^mine has no weights$"):
        load_weights(version(base_url="http://127.0.0.1/v1"), context(tmp_path))


def test_weights_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no"):
        load_weights(version(weights="nowhere"), context(tmp_path))
