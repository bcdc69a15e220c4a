"""Weights that are not those of their configuration, planted one at a time."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from harness.errors import SettingsError
from harness.models.description.description import describe_weights
from tests.models.conftest import make_tensors
from tests.models.description.made import ARCHITECTURES, MIXTURES, copy_of, set_config, write_gguf, write_model

pytestmark = pytest.mark.service


@pytest.fixture
def own(tiny_llama: Path, tmp_path: Path) -> Path:
    return copy_of(tiny_llama, tmp_path / "own")


def replaced(folder: Path, **tensors: np.ndarray | None) -> Path:
    """Save the small Llama with other tensors, or without those that are None."""
    from safetensors.numpy import save_file

    changed = {**make_tensors(), **tensors}
    kept = {name: tensor for name, tensor in changed.items() if tensor is not None}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def refusal(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        describe_weights({"weights": str(path)}, path.parent)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"hidden_size": 64}, "lm_head.weight: expected [261, 64], found [261, 128]"),
        ({"vocab_size": 300}, "lm_head.weight: expected [300, 128], found [261, 128]"),
        ({"num_hidden_layers": 5}, "layer 4: expected its tensors, found none"),
        ({"num_hidden_layers": 0}, "embedding and layers: expected one at least of each, found none"),
    ],
)
def test_a_config_of_another_model_is_refused(own: Path, values: dict[str, int], said: str) -> None:
    set_config(own, **values)
    found = refusal(own)
    assert f"{own}: the weights are not those of their configuration. {said}" in found
    assert "The configuration says llama, " in found


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"embed_tokens|lm_head", "embedding and layers: expected one at least of each"),
        (r"embed_tokens", "embedding and head: expected two matrices of [261, 128], for tie_word_embeddings is false"),
        (r"\.layers\.", "layer 0: expected its tensors, found none"),
        (r"\.layers\.2\.", "layer 2: expected its tensors, found none"),
        (r"lm_head", "tie_word_embeddings is false, found model.embed_tokens.weight alone"),
    ],
)
def test_tensors_that_are_missing_are_named(own: Path, pattern: str, said: str) -> None:
    replaced(own, **dict.fromkeys(name for name in make_tensors() if re.search(pattern, name)))
    assert said in refusal(own)


def test_a_missing_head_is_right_where_the_embedding_is_one(own: Path) -> None:
    set_config(replaced(own, **{"lm_head.weight": None}), tie_word_embeddings=True)
    assert describe_weights({"weights": str(own)}, own).architecture.is_tied


def test_an_embedding_with_other_rows_is_refused(own: Path, tmp_path: Path) -> None:
    replaced(own, **{"model.embed_tokens.weight": np.zeros((260, 128), np.float32)})
    assert "two matrices of [261, 128], for tie_word_embeddings is false, found lm_head.weight alone" in refusal(own)
    assert "token_embd.weight: expected [10, 64], found [12, 64]" in refusal(write_gguf(tmp_path / "m.gguf", rows=12))


@pytest.mark.nightly
@pytest.mark.parametrize("kind", [*ARCHITECTURES, *MIXTURES])
def test_each_architecture_is_right_and_refuses_a_width_that_is_not_its_own(kind: str, tmp_path: Path) -> None:
    write_model(tmp_path, kind, {**ARCHITECTURES, **MIXTURES}[kind])
    assert describe_weights({"weights": str(tmp_path)}, tmp_path).n_parameters
    set_config(tmp_path, **{"n_embd" if kind == "gpt2" else "hidden_size": 32})
    assert re.search(r"expected \[\d+.*\], found \[\d+.*\]", refusal(tmp_path))
