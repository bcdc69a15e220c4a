"""An adapter is read from the heads of its files, and told from one for other weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.models.adapters.adapter_files import (
    TRAINED_ON,
    check_fits,
    check_modules,
    matrix_shapes,
    read_adapter,
)
from tests.libraries import needed
from tests.models.adapters.adapters import change_config, write_adapter
from tests.models.conftest import HIDDEN, LAYERS, write_tiny_llama

needed("peft")


@pytest.fixture(scope="module")
def made(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(tiny_llama, tmp_path_factory.mktemp("adapter"))


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "own")
    return tmp_path / "own"


def test_it_says_what_it_changes(made: Path, tiny_llama: Path) -> None:
    adapter = read_adapter(made)
    assert adapter.rank == 4
    assert len(adapter.shapes) == 2 * LAYERS
    assert adapter.shapes["model.layers.0.self_attn.q_proj"] == (HIDDEN, HIDDEN)
    assert adapter.not_plain == ()
    check_fits(adapter, matrix_shapes(tiny_llama), "d", "tiny")


def test_its_digest_is_of_its_content(made: Path, own: Path) -> None:
    assert read_adapter(own).digest == read_adapter(made).digest
    assert read_adapter(change_config(own, lora_alpha=9)).digest != read_adapter(made).digest


def test_what_vllm_can_not_serve_is_named(own: Path) -> None:
    changed = read_adapter(change_config(own, use_dora=True, bias="all", rank_pattern={"q_proj": 32}))
    assert changed.not_plain == ("use_dora = True", "bias = 'all'")
    assert changed.rank == 32


def test_one_for_other_weights_is_refused_with_what_differs(made: Path, own: Path, tmp_path: Path) -> None:
    smaller = tmp_path / "smaller"
    shutil.copytree(write_tiny_llama(tmp_path / "whole"), smaller)
    from harness.models.weights.layers import drop_layers

    fewer = tmp_path / "fewer"
    fewer.mkdir()
    drop_layers(smaller, fewer, [LAYERS - 1])
    name = f"model.layers.{LAYERS - 1}.self_attn.q_proj"
    with pytest.raises(SettingsError, match=f"made for other weights than fewer.*changes {name}, which they have not"):
        check_fits(read_adapter(made), matrix_shapes(fewer), "d", "fewer")
    with pytest.raises(SettingsError, match=r"digest aaaaaaaaaaaa, and theirs is bbbbbbbbbbbb"):
        check_fits(
            read_adapter(change_config(own, base_model_name_or_path=TRAINED_ON + "a" * 64)),
            matrix_shapes(smaller),
            "b" * 64,
            "w",
        )


def test_another_width_is_refused(made: Path, tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    save_file(
        {f"{each}.weight": np.zeros((8, 16), np.float32) for each in read_adapter(made).shapes},
        tmp_path / "w.safetensors",
    )
    with pytest.raises(SettingsError, match=rf"matrix of {HIDDEN} × {HIDDEN}, and theirs has 8 × 16"):
        check_fits(read_adapter(made), matrix_shapes(tmp_path), "d", "narrow")


def test_modules_that_no_layer_has_are_refused_with_those_that_there_are(tiny_llama: Path) -> None:
    check_modules(["q_proj", "self_attn.v_proj"], matrix_shapes(tiny_llama))
    with pytest.raises(SettingsError, match=r"modules: .*'qproj'.* q_proj.*Did you mean 'q_proj'"):
        check_modules(["k_proj", "qproj"], matrix_shapes(tiny_llama))
    assert matrix_shapes(tiny_llama)["lm_head"][1] == HIDDEN


def test_what_is_no_adapter_is_said(own: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"There is no .*adapter_config\.json\. An adapter is a folder with"):
        read_adapter(tmp_path)
    with pytest.raises(SettingsError, match=r"is 'IA3', and engines serve LORA alone"):
        read_adapter(change_config(own, peft_type="IA3"))
    (own / "adapter_config.json").write_text("{", "utf-8")
    with pytest.raises(SettingsError, match="is no JSON"):
        read_adapter(own)
