"""Adapters are added into weights once, exactly, and in the type of the weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from harness.config.artifacts import Artifact
from harness.errors import SettingsError
from harness.models.adapters.adapter_files import read_adapter
from harness.models.adapters.merging import adapted, merge_adapters, plain_options
from harness.models.weights.weights import made_folder, materialize, weights_digest
from tests.models.adapters.adapters import write_adapter
from tests.models.conftest import tie, write_tiny_llama

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def adapter(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(tiny_llama, tmp_path_factory.mktemp("adapter"))


def logits(model: object) -> object:
    import torch

    with torch.inference_mode():
        return model(torch.tensor([[1, 5, 9, 13, 40]])).logits  # type: ignore[operator]


def test_merged_weights_compute_what_the_adapter_does(
    adapter: Path, tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path))
    beside = {"weights": str(tiny_llama), "adapter": str(adapter)}
    options = plain_options(beside)
    assert options == {"weights": str(tiny_llama), "merged": [str(adapter)]}
    assert made_folder(options, tmp_path) is None
    folder = materialize(options, tmp_path)
    assert folder == materialize(options, tmp_path) == made_folder(options, tmp_path)
    assert {path.name for path in tiny_llama.iterdir()} <= {path.name for path in folder.iterdir()}

    def loaded(path: Path) -> object:
        return AutoModelForCausalLM.from_pretrained(str(path), dtype="float32").eval()

    wanted = logits(adapted(loaded(tiny_llama), adapter))
    base = logits(loaded(tiny_llama))
    torch.testing.assert_close(logits(loaded(folder)), wanted, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(base, wanted, rtol=1e-2, atol=1e-2)  # type: ignore[arg-type]
    twice = materialize({**options, "merged": [str(adapter)] * 2}, tmp_path)
    assert twice != folder
    assert not torch.allclose(logits(loaded(twice)), wanted, rtol=1e-3, atol=1e-3)  # type: ignore[arg-type]


def test_an_adapter_is_not_merged_into_weights_that_lack_a_tensor(adapter: Path, tmp_path: Path) -> None:
    source = write_tiny_llama(tmp_path / "source")
    tensors = load_file(source / "model.safetensors")
    del tensors["lm_head.weight"]
    save_file(tensors, source / "model.safetensors", {"format": "pt"})
    (tmp_path / "merged").mkdir()
    with pytest.raises(SettingsError, match=r"lm_head\.weight is not there, and would be random"):
        merge_adapters(source, tmp_path / "merged", [adapter])
    assert not list((tmp_path / "merged").iterdir())


@pytest.fixture(scope="module")
def tied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights whose embedding is the head as well."""
    return tie(write_tiny_llama(tmp_path_factory.mktemp("tied")))


@pytest.mark.filterwarnings(
    "ignore:Model has `tie_word_embeddings=True`",
    "ignore:Setting `save_embedding_layers`",
    "ignore:.torch.jit.script:DeprecationWarning",
)
@pytest.mark.parametrize("modules", [["lm_head"], ["embed_tokens"], ["q_proj", "embed_tokens", "lm_head"]])
def test_tied_weights_change_only_where_the_adapter_does(
    modules: list[str], tied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Merged, and rounded after it, the head is no longer the embedding."""
    import torch
    from transformers import AutoModelForCausalLM

    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path))
    adapter = write_adapter(tied, tmp_path / "adapter", modules)
    options = {"weights": str(tied), "merged": [str(adapter)]}

    def loaded(path: Path) -> object:
        return AutoModelForCausalLM.from_pretrained(str(path), dtype="float32").eval()

    base, beside = loaded(tied), adapted(loaded(tied), adapter)
    wanted = logits(beside)
    assert not torch.allclose(logits(base), wanted, rtol=1e-2, atol=1e-2)  # type: ignore[arg-type]
    folder = materialize(options, tmp_path)
    torch.testing.assert_close(logits(loaded(folder)), wanted, rtol=1e-4, atol=1e-4)
    rounded = loaded(materialize({**options, "quantized": "int8"}, tmp_path))
    torch.testing.assert_close(rounded.lm_head.weight, loaded(folder).lm_head.weight)  # type: ignore[attr-defined]


def test_the_weights_are_saved_in_their_own_type(
    adapter: Path, tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM

    from harness.models.files.safetensors_file import read_safetensors

    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    AutoModelForCausalLM.from_pretrained(str(tiny_llama), dtype="bfloat16").save_pretrained(str(tmp_path / "half"))
    folder = materialize({"weights": "half", "merged": [str(adapter)]}, tmp_path)
    assert {each.dtype for each in read_safetensors(folder / "model.safetensors")} == {"BF16"}
    assert json.loads((folder / "config.json").read_text("utf-8"))["dtype"] == "bfloat16"


def test_what_was_merged_is_part_of_what_identifies_the_weights(
    adapter: Path, tiny_llama: Path, tmp_path: Path
) -> None:
    bare = {"weights": str(tiny_llama)}
    assert weights_digest(plain_options(bare), tmp_path) == weights_digest(bare, tmp_path)
    merged = plain_options({**bare, "adapter": str(adapter)})
    other = plain_options({**bare, "adapter": str(write_adapter(tiny_llama, tmp_path / "other", scale=0.1))})
    both = plain_options({**merged, "adapter": str(adapter)})
    digests = {weights_digest(options, tmp_path) for options in (bare, merged, other, both)}
    assert len(digests) == 4
    known = {**bare, "merged": [Artifact(tmp_path / "gone", read_adapter(adapter).digest)]}
    assert weights_digest(known, tmp_path) == weights_digest(merged, tmp_path), "where the adapter is not here"
