"""The training of an adapter: what holds whatever it learns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.config import Settings
from harness.config.customization import AdapterSettings
from harness.models.adapters.adapter_files import read_adapter
from harness.stages.training.lora import new_adapter, train_adapter
from harness.stages.training.texts import training_data
from harness.stages.training.training_worker import TrainingRequest

pytestmark = pytest.mark.service

SETTINGS = AdapterSettings(data="d.jsonl", rank=4, steps=5, batch=4, length=128, learning_rate=0.005)


@pytest.fixture
def request_of(tiny_llama: Path, tmp_path: Path) -> TrainingRequest:
    lines = [{"prompt": f"Where is {number}?", "answer": f"In box {number * 7}."} for number in range(12)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return TrainingRequest(
        version="v",
        settings=SETTINGS,
        data=training_data(Settings(root=tmp_path), "d.jsonl"),
        start=tiny_llama,
        folder=tmp_path,
        start_digest="f" * 64,
    )


def trained(request: TrainingRequest, name: str, told: Any = lambda _: None, **changes: Any) -> Path:
    """The folder of an adapter, trained in one of this name."""
    folder = request.folder / name
    folder.mkdir(exist_ok=True)
    train_adapter(replace(request, folder=folder, **changes), told)
    return folder


def tensors(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "adapter_model.safetensors")


@pytest.mark.nightly
def test_the_same_seed_gives_the_same_files_and_another_one_others(request_of: TrainingRequest) -> None:
    first, again = trained(request_of, "first"), trained(request_of, "again")
    assert read_adapter(first).digest == read_adapter(again).digest
    other = trained(request_of, "other", settings=replace(SETTINGS, seed=1))
    assert read_adapter(other).digest != read_adapter(first).digest
    assert sorted(path.name for path in first.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    config = (first / "adapter_config.json").read_text("utf-8")
    assert json.loads(config)["base_model_name_or_path"] == f"steelyard:{'f' * 64}"
    assert str(request_of.start.parent) not in config
    assert any(tensor.any() for name, tensor in tensors(first).items() if "lora_B" in name)


def test_a_single_step_teaches(request_of: TrainingRequest) -> None:
    """It was the first of the warm-up, whose rate is 0."""
    one = trained(request_of, "one", settings=replace(SETTINGS, steps=1))
    assert any(tensor.any() for name, tensor in tensors(one).items() if "lora_B" in name)


@pytest.mark.nightly
def test_training_that_ends_midway_goes_on_and_comes_to_the_same(request_of: TrainingRequest) -> None:
    whole = trained(request_of, "whole")

    class Killed(Exception):
        pass

    def kill(message: dict[str, Any]) -> None:
        if message["phase"] == "training" and message["done"] == 4:
            raise Killed

    with pytest.raises(Killed):
        trained(request_of, "killed", kill)
    done: list[int] = []
    again = trained(request_of, "killed", lambda message: done.append(message.get("done", 0)))
    assert [step for step in done if step] == [4, 5]
    assert read_adapter(again).digest == read_adapter(whole).digest


def test_a_new_adapter_changes_nothing(request_of: TrainingRequest) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    tokens = torch.tensor([[1, 7, 9, 30]])
    model = AutoModelForCausalLM.from_pretrained(str(request_of.start), dtype="float32").eval()
    with torch.inference_mode():
        before = model(tokens).logits
        adapted = new_adapter(model, SETTINGS).eval()
        torch.testing.assert_close(adapted(tokens).logits, before, rtol=1e-6, atol=1e-6)
    assert adapted.peft_config["default"].lora_alpha == 8
