"""What an adapter does is computed from weights that each text finds as the first did."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.adapters.adapters import change_config, write_adapter
from tests.models.conftest import tie, write_tiny_llama

pytestmark = pytest.mark.service


def test_each_text_finds_the_same_weights(tiny_llama: Path, tmp_path: Path) -> None:
    from harness.stages.customization.adapter_process import AdapterProber

    prober = AdapterProber(
        {"weights": str(tiny_llama)}, str(write_adapter(tiny_llama, tmp_path / "adapter")), str(tmp_path)
    )
    first = prober.probe("abc")
    assert prober.probe("cab") != first
    assert prober.probe("abc") == first
    assert first["effect"] > 0
    assert first["modules"] == [
        f"model.layers.{layer}.self_attn.{name}" for layer in range(4) for name in ("q_proj", "v_proj")
    ]
    assert first["idle"] == [] == first["left_out"]
    with pytest.raises(ValueError, match="the text has 0 tokens; the weights read 1 to 512 at once"):
        prober.probe("")
    with pytest.raises(ValueError, match="the text has 600 tokens"):
        prober.probe("d" * 600)


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`", "ignore:Setting `save_embedding_layers`")
def test_one_of_tied_weights_changes_the_head_apart_from_the_embedding(tmp_path: Path) -> None:
    from harness.stages.customization.adapter_process import AdapterProber

    weights = tie(write_tiny_llama(tmp_path / "tied"))
    adapter = write_adapter(weights, tmp_path / "adapter", ["embed_tokens", "lm_head"])
    prober = AdapterProber({"weights": str(weights)}, str(adapter), str(tmp_path))
    first = prober.probe("abc")
    assert first["effect"] > 0.1


def test_matrices_that_hold_no_numbers_are_named(tiny_llama: Path, tmp_path: Path) -> None:
    """NaN is no no-op, and beyond no tolerance."""
    from harness.stages.customization.adapter_process import AdapterProber

    prober = AdapterProber(
        {"weights": str(tiny_llama)}, str(write_adapter(tiny_llama, tmp_path / "adapter")), str(tmp_path)
    )
    for name, matrix in prober._model.named_parameters():
        if "lora_B" in name:
            matrix.data.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"with the adapter logits are no numbers \(NaN\)"):
        prober.probe("abc")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_matrices_that_peft_leaves_out_are_named(tiny_llama: Path, tmp_path: Path) -> None:
    from harness.stages.customization.adapter_process import AdapterProber

    folder = change_config(write_adapter(tiny_llama, tmp_path / "adapter"), target_modules=["o_proj"])
    found = AdapterProber({"weights": str(tiny_llama)}, str(folder), str(tmp_path)).probe("abc")
    assert found["effect"] == 0
    assert len(found["left_out"]) == 8
    assert found["idle"] == found["modules"]
