from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EngineError
from harness.stages.foundation.comparer import Comparer
from tests.models.adapters.adapters import change_config, write_adapter
from tests.models.conftest import tie, write_resized, write_tiny_llama
from tests.models.description.made import write_model


@pytest.fixture(scope="module")
def comparer(tiny_llama: Path) -> Comparer:
    return Comparer({"weights": str(tiny_llama)}, str(tiny_llama))


def in_full(comparer: Comparer, text: str, other: Path) -> dict[str, Any]:
    return comparer.compare_weights(text, {"weights": str(other)})


def test_a_model_is_no_way_from_itself(comparer: Comparer, tiny_llama: Path) -> None:
    answer = in_full(comparer, "abc and more", tiny_llama)
    assert not answer["is_lower_bound"]
    assert len(answer["positions"]) == len("abc and more") - 1
    for kl, back, same, own, reference, middle in answer["positions"]:
        assert (kl, back, same, middle) == (0.0, 0.0, True, pytest.approx(0.0, abs=1e-12))
        assert own == reference < 0


def test_more_positions_than_are_compared_at_once_are_all_compared(comparer: Comparer, tiny_llama: Path) -> None:
    assert len(in_full(comparer, "x" * 300, tiny_llama)["positions"]) == 300


def test_embeddings_that_are_no_token_s_count_for_nothing(comparer: Comparer, tiny_llama: Path, tmp_path: Path) -> None:
    padded = write_resized(tmp_path / "padded", 300)
    text = "abc and more"
    other_way = Comparer({"weights": str(padded)}, str(tmp_path))
    for answer in (in_full(comparer, text, padded), in_full(other_way, text, tiny_llama)):
        for kl, back, *_ in answer["positions"]:
            assert (kl, back) == (pytest.approx(0, abs=1e-6), pytest.approx(0, abs=1e-6))


def test_a_token_without_an_embedding_is_named(comparer: Comparer, tiny_llama: Path, tmp_path: Path) -> None:
    """The tokenizer has more tokens than the weights: an IndexError was told."""
    few = write_resized(tmp_path / "few", 260)
    assert in_full(comparer, "ab", few)["positions"]
    with pytest.raises(EngineError, match="has token 260, and the weights have 260 tokens: the tokenizer is not their"):
        in_full(comparer, "bc", few)


def test_another_vocabulary_of_equal_size_is_refused(comparer: Comparer, tiny_llama: Path, tmp_path: Path) -> None:
    """It was compared, and the divergence meant nothing."""
    other = Path(shutil.copytree(tiny_llama, tmp_path / "other"))
    content = json.loads((other / "tokenizer.json").read_text("utf-8"))
    vocabulary = content["model"]["vocab"]
    vocabulary["x"], vocabulary["y"] = vocabulary["y"], vocabulary["x"]
    (other / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    with pytest.raises(EngineError, match=rf"token {vocabulary['y']} is not the same to both \('x' to one of them\)"):
        in_full(comparer, "abc", other)


def test_weights_without_a_window_in_their_config_read_any_text(tiny_llama: Path, tmp_path: Path) -> None:
    """Bloom's, whose bias bounds them nowhere: an AttributeError was told."""
    write_model(tmp_path / "bloom", "bloom", {"vocab_size": 261, "hidden_size": 64, "n_layer": 1, "n_head": 4})
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_llama / name, tmp_path / "bloom")
    bloom = Comparer({"weights": str(tmp_path / "bloom")}, str(tmp_path))
    assert len(in_full(bloom, "x" * 600, tmp_path / "bloom")["positions"]) == 600


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 0 tokens, and the weights read 1 to 512"),
        ("x" * 513, "has 513 tokens, and the weights read 1 to 512 at once"),
    ],
)
def test_what_can_t_be_read_at_once_is_refused(comparer: Comparer, tiny_llama: Path, text: str, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        in_full(comparer, text, tiny_llama)


@pytest.mark.service
def test_each_text_finds_the_same_weights(tiny_llama: Path, tmp_path: Path) -> None:
    prober = Comparer({"weights": str(tiny_llama)}, str(tmp_path), str(write_adapter(tiny_llama, tmp_path / "adapter")))
    first = prober.weigh_adapter("abc")
    assert prober.weigh_adapter("cab") != first
    assert prober.weigh_adapter("abc") == first
    assert first["effect"] > 0
    assert first["modules"] == [
        f"model.layers.{layer}.self_attn.{name}" for layer in range(4) for name in ("q_proj", "v_proj")
    ]
    assert first["idle"] == [] == first["left_out"]
    with pytest.raises(EngineError, match="the text has 0 tokens, and the weights read 1 to 512 at once"):
        prober.weigh_adapter("")
    with pytest.raises(EngineError, match="the text has 600 tokens"):
        prober.weigh_adapter("d" * 600)


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`", "ignore:Setting `save_embedding_layers`")
def test_one_of_tied_weights_changes_the_head_apart_from_the_embedding(tmp_path: Path) -> None:
    weights = tie(write_tiny_llama(tmp_path / "tied"))
    adapter = write_adapter(weights, tmp_path / "adapter", ["embed_tokens", "lm_head"])
    prober = Comparer({"weights": str(weights)}, str(tmp_path), str(adapter))
    first = prober.weigh_adapter("abc")
    assert first["effect"] > 0.1


def test_matrices_that_hold_no_numbers_are_named(tiny_llama: Path, tmp_path: Path) -> None:
    """NaN is no no-op, and beyond no tolerance."""
    prober = Comparer({"weights": str(tiny_llama)}, str(tmp_path), str(write_adapter(tiny_llama, tmp_path / "adapter")))
    for name, matrix in prober._model.named_parameters():
        if "lora_B" in name:
            matrix.data.fill_(float("nan"))
    with pytest.raises(EngineError, match=r"with the adapter logits are no numbers \(NaN\)"):
        prober.weigh_adapter("abc")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_matrices_that_peft_leaves_out_are_named(tiny_llama: Path, tmp_path: Path) -> None:
    folder = change_config(write_adapter(tiny_llama, tmp_path / "adapter"), target_modules=["o_proj"])
    found = Comparer({"weights": str(tiny_llama)}, str(tmp_path), str(folder)).weigh_adapter("abc")
    assert found["effect"] == 0
    assert len(found["left_out"]) == 8
    assert found["idle"] == found["modules"]
